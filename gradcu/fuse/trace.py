"""Tracing: a function is called with a Tensor whose payload is pending, and what it computes becomes a `Program`.

Nothing is guessed. What needs elements on the way (a branch on values, ``item()``, an index, an op that is not
elementwise), what the autograd would not differentiate as the expressions say (a user's Function, hooks), and whatever
the function raises, makes it untraceable: whoever asked then calls it on real points instead, which gives the right
result or the right error.

Every function is called whenever it is asked for, and nothing but what it does then counts. But most were traced
before, so it is first called to see whether it takes steps that are known: in that call no graph is made, and whatever
would need one, or is not known, ends it. Only then it is traced in full, twice.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import numpy as np

from .._graph import GRAD_ENABLED, Node
from .._tensor import Tensor
from .expr import Expr
from .lower import lowered
from .partials import Counts, multi_indices, partials
from .program import Program, program_of
from .steps import Step, Steps
from .taylor import in_order
from .traced import NO_GRAPH, PendingArray, Trace, UntraceableError

_LENGTHS = (61, 30)
"""How many points a function is traced with: it has to compute the same for both."""

_known = Steps()


def program(
    f: Callable[..., Tensor], dtype: np.dtype[Any], order: int, variables: int = 1, parameters: int = 0,
    chosen: tuple[Counts, ...] | None = None,
) -> Program:  # fmt: skip
    """The program of f and its partial derivatives up to a total order; inputs and outputs are of that dtype.

    f takes a Tensor of shape (n,) for each variable, and then one of shape () for each parameter, by which it is not
    differentiated; it returns a Tensor of shape (n,), elementwise. The inputs are ``x``, or ``x0``, ``x1``, ... where
    there are several variables, and ``p0``, ``p1``, ...; the outputs stand in the order of
    `gradcu.fuse.partials.multi_indices`, or are those ``chosen`` of them. Raises UntraceableError where f can't be
    traced.

    >>> import gradcu, numpy
    >>> program(lambda x: gradcu.sin(x), numpy.dtype("float64"), order=2).lines
    (t0:float64 = sin(x), t1:float64 = cos(x), t2:float64 = neg(t0))
    >>> program(lambda u, v: u * v, numpy.dtype("float64"), order=1, variables=2).outputs
    (0, 'x1', 'x0')
    """
    root = _known.root((dtype, variables, parameters), variables + parameters)
    wanted = order, chosen
    if root.after or root.programs:
        known = _followed(f, dtype, variables, parameters, root, wanted)
        if known is not None:
            return known
    first = _Call(f, dtype, variables, parameters, _LENGTHS[0], root)
    known = first.known(wanted)
    # Steps that are known were found to be the same for any number of points, unless this function made them of it.
    if known is None or first.trace.shape.was_read:
        second = _Call(f, dtype, variables, parameters, _LENGTHS[1], root)
        if first.end != second.end:
            raise UntraceableError("it computes something else at every call, or for another number of points")
    if known is None:
        step, *result = first.end
        known = first.program(multi_indices(variables, order) if chosen is None else chosen)
        _known.add(step, (*result, wanted), known)
    return known


def _followed(
    f: Callable[..., Tensor], dtype: np.dtype[Any], variables: int, parameters: int, root: Step, wanted: Any
) -> Program | None:
    """The program of what is wanted, if f takes known steps to it."""
    try:
        call = _Call(f, dtype, variables, parameters, _LENGTHS[0], root, follows=True)
    except UntraceableError:
        # It was an attempt: whatever went wrong is seen again in full, or was the attempt's own.
        return None
    return None if call.trace.shape.was_read else call.known(wanted)


class _Call:
    """One call of a function with pending Tensors; its derivatives follow from its ``end``.

    If it ``follows`` known steps, there is no graph, and UntraceableError is raised too where others are taken.
    """

    def __init__(
        self, f: Callable[..., Tensor], dtype: np.dtype[Any], variables: int, parameters: int, length: int, root: Step,
        follows: bool = False,
    ) -> None:  # fmt: skip
        self.trace = trace = Trace(root, length, None if follows else _known)
        tensors = [
            Tensor._wrap(PendingArray(trace, number, dtype, trace.shape if number < variables else ()))
            for number in range(variables + parameters)
        ]
        self.variables, self.parameters, self.dtype = tensors[:variables], parameters, dtype
        for tensor in self.variables:
            tensor._requires_grad, tensor._edge = True, trace.unmade
        try:
            with _Explained(trace):
                self.y = f(*tensors)
                _check(trace, self.variables, self.y)
                result = trace.lifted(self.y._array)
        finally:
            # It has hold of the trace.
            trace.unmade = None
        self.end = trace.step, result.number, self.y.requires_grad

    def known(self, wanted: Any) -> Program | None:
        """The program of what is wanted, if the same steps have led to it before."""
        step, *result = self.end
        return step.programs.get((*result, wanted))

    def program(self, wanted: Sequence[Counts]) -> Program:
        """The program of the partial derivatives that are wanted, f among them."""
        trace = self.trace
        table = trace.table
        names = ["x"] if len(self.variables) == 1 else [f"x{number}" for number in range(len(self.variables))]
        names += [f"p{number}" for number in range(self.parameters)]
        arguments = trace.argue(names, self.dtype)
        with _Explained(trace):
            outputs = partials(trace, self.variables, self.y, wanted)
        zero = table.number(0, self.dtype)
        final = [zero if output is None else table.convert(output, self.dtype) for output in outputs]
        made = program_of(lowered(table, final), arguments)
        made.graph_lost = not self.y.requires_grad and self._would_vary(arguments[: len(self.variables)])
        return made

    def _would_vary(self, variables: Sequence[Expr]) -> bool:
        """Whether the result would have a derivative if nothing had been held."""
        varying = set(variables)
        result = self.trace.expr(self.y._array)
        for expr in in_order(result):
            if expr.dtype.kind == "f" and not varying.isdisjoint(expr.operands):
                varying.add(expr)
        return result in varying


class _Explained:
    """A block that records, and says of any exception that the function can't be traced, and why."""

    __slots__ = ("_token", "_trace")

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def __enter__(self) -> None:
        self._token = GRAD_ENABLED.set(True)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        GRAD_ENABLED.reset(self._token)
        if not isinstance(error, Exception):
            return
        if self._trace.reason is not None or isinstance(error, UntraceableError):
            raise UntraceableError(self._trace.reason or str(error)) from error
        raise UntraceableError(f"it raises {type(error).__name__} when traced: {error}") from error


def _check(trace: Trace, variables: Sequence[Tensor], y: Any) -> None:
    """Refuses the trace where what the function returned is no row of a sweep, or not all there is to it."""
    if trace.reason is not None:
        trace.refuse(trace.reason)
    if not isinstance(y, Tensor):
        trace.refuse(f"it returns no Tensor, but {type(y).__name__}")
    shape = y._array.shape
    if shape != trace.shape:
        trace.refuse(f"it returns shape {tuple(shape)} for shape {tuple(trace.shape)}")
    if trace.unmade is not None:
        if y._edge not in (None, trace.unmade):
            trace.refuse(NO_GRAPH)
    elif y.requires_grad:
        _check_graph(trace, variables, y)


def _check_graph(trace: Trace, variables: Sequence[Tensor], y: Tensor) -> None:
    """Refuses the trace where the graph from y to the variables does not say what the expressions say.

    Each operand that does not require grad is held as it is used, so they agree, unless a gradient is computed or
    changed by the user's own code, or leads to a leaf that was made of a variable.
    """
    leaves = set(map(id, variables))
    seen: set[int] = set()
    waiting: list[Any] = [y.grad_fn or y]
    if any(tensor._hooks for tensor in (*variables, y)):
        trace.refuse("it has hooks")
    while waiting:
        node = waiting.pop()
        node = node[0] if type(node) is tuple else node
        if node is None or id(node) in seen or id(node) in leaves:
            continue
        seen.add(id(node))
        if not isinstance(node, Node):
            if isinstance(node._array, PendingArray):
                trace.refuse("it makes a leaf of an intermediate value")
            continue
        if node.plan is None:
            trace.refuse(f"{node.name()} has a backward of its own")
        if node.hooks or node.prehooks or node.tensor_hooks:
            trace.refuse("it has hooks")
        waiting += node.edges
