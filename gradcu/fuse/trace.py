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

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Any, NoReturn

import numpy as np

from .._dtype import result_type
from .._graph import GRAD_ENABLED, Node
from .._op import Op
from .._tensor import Tensor
from .expr import Expr, Table, result_dtype
from .lower import lowered
from .operators import COPIES, PendingOperators
from .partials import Counts, multi_indices, partials
from .program import Program, program_of
from .steps import Maker, Step, Steps
from .taylor import in_order

_LENGTHS = (61, 30)
"""How many points a function is traced with: it has to compute the same for both."""

_new = object.__new__
_grad_enabled = GRAD_ENABLED.get
_known = Steps()


class UntraceableError(Exception):
    """The function can't be traced, for the reason that the message gives."""


class _Shape(tuple[int, ...]):
    """The shape of the points, which remembers whether somebody has read how many they are."""

    was_read = False

    def __iter__(self) -> Iterator[int]:
        self.was_read = True
        return super().__iter__()

    def __getitem__(self, index: Any) -> Any:
        self.was_read = True
        return super().__getitem__(index)


class _Unmade(Node):
    """Stands in place of all nodes in the graph of a function that takes known steps. To be asked ends that."""

    __slots__ = ("_trace",)

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def _refuse(self) -> NoReturn:
        self._trace.refuse(_NO_GRAPH)

    plan = edges = sequence = saved = property(_refuse)


_NO_GRAPH = "its graph is needed"


class Trace:
    """One call of a function: the step that it has come to, and why it is untraceable, if it is.

    The reason stays even if the function catches the exception, since what it then does need not be what it does with
    an array. Expressions are made of the steps only when somebody asks for them. ``unmade`` is the edge of all that
    requires grad while known steps are followed, and None where there is a graph.
    """

    __slots__ = ("_exprs", "_remembers", "_taken", "reason", "shape", "step", "table", "unmade")

    def __init__(self, root: Step, length: int, follows: bool = False) -> None:
        self.table, self.shape = Table(), _Shape((length,))
        self.step, self._taken = root, [root]
        self._remembers = True
        self._exprs: list[Expr] = []
        self.reason: str | None = None
        self.unmade = _Unmade(self) if follows else None

    def take(self, key: Any, maker: Maker) -> Step:
        """Takes the step with that key, of which ``maker`` makes an expression."""
        if not self._remembers:
            self.step = Step(self.step.number + 1, maker)
        elif self.unmade is None:
            self.step = _known.following(self.step, key, maker)
        else:
            found = self.step.after.get(key)
            if found is None:
                self.refuse("it takes a step that is not known")
            self.step = found
            return found
        self._taken.append(self.step)
        return self.step

    def argue(self, names: Sequence[str], dtype: np.dtype[Any]) -> list[Expr]:
        """The expressions of the arguments, from which others can be made. Steps from here on are this trace's own."""
        self._remembers = False
        self._exprs = [self.table.argument(name, dtype) for name in names]
        return list(self._exprs)

    def made_by(self, number: int) -> Expr:
        """The expression that a step makes."""
        root = self._taken[0].number
        while len(self._exprs) <= number:
            maker = self._taken[len(self._exprs) - root].maker
            assert maker is not None
            self._exprs.append(maker(self))
        return self._exprs[number]

    def refuse(self, reason: str) -> NoReturn:
        """Gives up."""
        if self.reason is None:
            self.reason = reason
        raise UntraceableError(reason)

    def pending(self, expr: Expr) -> PendingArray:
        """The expression as an array with an element a point."""
        return PendingArray(self, self.take(None, lambda trace: expr).number, expr.dtype, self.shape)

    def expr(self, value: Any) -> Expr:
        """The expression of a payload. An array must be the same number everywhere."""
        if isinstance(value, PendingArray):
            return value.expr
        array = np.asarray(value)
        if array.dtype.kind not in "biuf" or array.size == 0:
            self.refuse(f"it uses an array of {array.dtype}, of shape {array.shape}")
        elements = array.reshape(-1)
        if elements.tobytes() != elements[:1].tobytes() * array.size:
            self.refuse(f"it uses an array of shape {array.shape}")
        return self.table.constant(elements[0])

    def lifted(self, value: Any) -> PendingArray:
        """An array as a pending constant: it must be the same number everywhere."""
        if isinstance(value, PendingArray):
            if value.trace is self:
                return value
            self.refuse("it uses a Tensor of another trace")
        constant = self.expr(value).value
        assert constant is not None
        # It fits this number of points; whether it fits any other is to be seen.
        self.shape.was_read |= bool(value.shape)
        key = ("constant", constant.dtype, repr(constant), value.shape == self.shape or value.shape)
        step = self.take(key, lambda trace: trace.table.constant(constant))
        return PendingArray(self, step.number, constant.dtype, value.shape)


class PendingArray(PendingOperators):
    """The payload of a Tensor under a trace: the number of the step that made it, and what is known without elements.

    Operators are ops. Whatever else an array could be asked refuses the trace.
    """

    __slots__ = ("dtype", "number", "shape", "trace")

    def __init__(self, trace: Trace, number: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.trace, self.number, self.dtype, self.shape = trace, number, dtype, shape

    @property
    def ndim(self) -> int:
        """1, and 0 for a number."""
        return len(self.shape)

    @property
    def expr(self) -> Expr:
        """The expression of one element."""
        return self.trace.made_by(self.number)

    def followed(self, op: Op, values: tuple[Any, ...]) -> Tensor | None:
        """What the op makes of Tensors that require grad, and numbers, where that is a known step; None elsewhere.

        A sweep calls this for each op of its function, and most of its time is spent here if the points are few.
        """
        trace = self.trace
        unmade = trace.unmade
        if unmade is None or not _grad_enabled():
            return None
        count = len(op.operands)
        statics = values[count:]
        key: list[Any] = [op, repr(statics) if statics else ""]
        for value in values[:count] if statics else values:
            kind = type(value)
            if kind is Tensor:
                if value._edge is not unmade:
                    return None
                key.append(value._array.number)
            elif kind is float or kind is int:
                key.append(repr(value))
            else:
                return None
        for static in statics:
            if type(static) is not int and type(static) is not float:
                return None
        step = trace.step.after.get(tuple(key))
        if step is None or step.dtype is None:
            return None
        trace.step = step
        made, out = _new(PendingArray), _new(Tensor)
        made.trace, made.number, made.dtype, made.shape = trace, step.number, step.dtype, trace.shape
        out._array, out._edge, out._requires_grad, out._version_counter = made, unmade, True, [0]
        return out

    def recorded(self, results: Sequence[Tensor], node: Node | None) -> None:
        """Learns whether a gradient flows through the last step."""
        trace = self.trace
        if node is None:
            return
        if trace.unmade is None:
            if self.shape is trace.shape is results[0]._array.shape:
                trace.step.dtype = results[0]._array.dtype
        elif all(edge is None or edge is trace.unmade for edge in node.edges):
            for result in results:
                result._edge = trace.unmade
        else:
            trace.refuse(_NO_GRAPH)

    def settle(self, tensor: Tensor, op: Op | None = None) -> None:
        """Somebody asks for the node, or for the elements."""
        if self.trace.unmade is not None:
            self.trace.refuse(_NO_GRAPH)

    def computed(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...]) -> PendingArray:
        """The expression of an elementwise op; any other op refuses the trace."""
        trace = self.trace
        if not op.elementwise and op.name not in COPIES:
            trace.refuse(f"{op.name} is not elementwise")
        read: list[int | str] = []
        arrays: list[PendingArray] = []
        numbers: list[Any] = []
        for operand in operands:
            if type(operand) is PendingArray or hasattr(operand, "dtype"):
                array = self.lifted(operand)
                read.append(array.number)
                arrays.append(array)
            else:
                # A rule may compute with a number before it is rounded to a dtype, and tell an int from a float.
                read.append(repr(operand))
                numbers.append(operand)
        # Beside an array a number has its dtype; a condition leaves the numbers that it chooses from to themselves.
        dtype = arrays[0].dtype
        if dtype.kind == "b" and len(read) > 1:
            others = [array.dtype for array in arrays if array.dtype.kind != "b"]
            dtype = others[0] if others else result_type(*numbers) if numbers else dtype
        found = iter(arrays)
        dtypes = [dtype if type(number) is str else next(found).dtype for number in read]
        result = result_dtype(op, dtypes, statics)
        if result.kind == "c":
            trace.refuse("it computes with complex numbers")
        key = (op, repr(statics) if statics else "", *read)
        step = trace.take(key, functools.partial(_computed, op, read, numbers, dtype, statics))
        return PendingArray(trace, step.number, result, _shape_of(op, trace, arrays))

    def lifted(self, value: Any, operand: Any = None) -> Any:
        """An array as a pending constant; a Python number stays what it is."""
        if type(value) is PendingArray and value.trace is self.trace:
            return value
        return self.trace.lifted(value) if hasattr(value, "dtype") else value

    def held(self) -> PendingArray:
        """The same value, through which no derivative passes."""
        number = self.number
        step = self.trace.take(("held", number), lambda trace: trace.table.held(trace.made_by(number)))
        return PendingArray(self.trace, step.number, self.dtype, self.shape)

    def materialised(self) -> NoReturn:
        """Refuses the trace."""
        self.trace.refuse("it needs the elements of a Tensor")

    def copy(self) -> PendingArray:
        """The same: nothing can change it."""
        return self

    def __getattr__(self, name: str) -> NoReturn:
        if not hasattr(np.ndarray, name):
            raise AttributeError(f"an array has no attribute {name!r}", name=name, obj=self)
        self.trace.refuse(f"it needs {name} of an array")

    def _refuse_elements(self, *args: Any) -> NoReturn:
        self.materialised()

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __len__ = __iter__ = _refuse_elements
    __getitem__ = __setitem__ = __array__ = _refuse_elements
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse_elements


def _computed(
    op: Op,
    read: Sequence[int | str],
    given: Sequence[Any],
    dtype: np.dtype[Any],
    statics: tuple[Any, ...],
    trace: Trace,
) -> Expr:
    """The expression of an op on what earlier steps made, and on the ``given`` numbers, which get that dtype."""
    numbers = iter(given)
    operands = [
        trace.made_by(number) if isinstance(number, int) else trace.table.number(next(numbers), dtype)
        for number in read
    ]
    return trace.table.apply(op, operands, statics)


def _shape_of(op: Op, trace: Trace, arrays: Sequence[PendingArray]) -> tuple[int, ...]:
    """The shape of what an elementwise op makes of arrays: that of the points, or of a number."""
    if len(arrays) == 1:
        return arrays[0].shape
    shapes = {array.shape for array in arrays if array.shape}
    if not shapes:
        return ()
    if shapes != {trace.shape} and np.broadcast_shapes(*shapes) != trace.shape:
        trace.refuse(f"{op.name} makes an array of another shape")
    return trace.shape


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
        # An attempt: whatever goes wrong is seen again in full, or was the attempt's own.
        with contextlib.suppress(UntraceableError):
            followed = _Call(f, dtype, variables, parameters, _LENGTHS[0], root, follows=True)
            known = followed.known(wanted)
            if known is not None and not followed.trace.shape.was_read:
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


class _Call:
    """One call of a function with pending Tensors; its derivatives follow from its ``end``.

    If it ``follows`` known steps, there is no graph, and UntraceableError is raised too where others are taken.
    """

    def __init__(
        self, f: Callable[..., Tensor], dtype: np.dtype[Any], variables: int, parameters: int, length: int, root: Step,
        follows: bool = False,
    ) -> None:  # fmt: skip
        self.trace = trace = Trace(root, length, follows)
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
            trace.refuse(_NO_GRAPH)
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
