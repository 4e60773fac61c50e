"""Tracing: a function is called with a Tensor whose payload is pending, and what it computes becomes a `Program`.

Nothing is guessed. What needs elements on the way (a branch on values, ``item()``, an index, an op that is not
elementwise), what the autograd would not differentiate as the expressions say (a user's Function, hooks), and whatever
the function raises, makes it untraceable: whoever asked then calls it on real points instead, which gives the right
result or the right error.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

import numpy as np

from .._device import CPU
from .._dtype import result_type
from .._graph import GRAD_ENABLED, Node
from .._op import Op
from .._tensor import Tensor
from .expr import Expr, Table, result_dtype
from .lower import lowered
from .operators import COPIES, PendingOperators
from .partials import partials
from .program import Program, program_of
from .taylor import in_order

_LENGTHS = (61, 30)
"""How many points a function is traced with: it has to compute the same for both."""

_MOST_KNOWN = 256
_known: dict[Any, Program] = {}


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


_Step = tuple[Op, list[int | str], list[Any], np.dtype[Any], tuple[Any, ...]]
"""An op on what earlier steps made (their numbers) and on Python numbers (their text; the numbers; the dtype they get),
and its static arguments."""


class Trace:
    """One call of a function: what it does, step by step, and why it is untraceable, if it is.

    The reason stays even if the function catches the exception, since what it then does need not be what it does with
    an array. Calls that take the same ``steps`` make the same expressions and the same graph, so expressions are made
    of the steps only when somebody asks for them.
    """

    __slots__ = ("_exprs", "_makers", "reason", "shape", "steps", "table")

    def __init__(self, length: int) -> None:
        self.table, self.shape = Table(), _Shape((length,))
        self.steps: list[Any] = []
        self._makers: list[Expr | int | _Step] = []
        self._exprs: list[Expr] = []
        self.reason: str | None = None

    def step(self, key: Any, maker: Expr | int | _Step) -> int:
        """Notes a step, which makes an expression, holds what an earlier one made, or computes; gives its number."""
        self.steps.append(key)
        self._makers.append(maker)
        return len(self.steps) - 1

    def made_by(self, number: int) -> Expr:
        """The expression that a step makes."""
        while len(self._exprs) <= number:
            maker = self._makers[len(self._exprs)]
            if isinstance(maker, int):
                maker = self.table.held(self._exprs[maker])
            elif isinstance(maker, tuple):
                maker = self._computed(maker)
            self._exprs.append(maker)
        return self._exprs[number]

    def _computed(self, step: _Step) -> Expr:
        op, read, given, dtype, statics = step
        numbers = iter(given)
        operands = [
            self._exprs[number] if isinstance(number, int) else self.table.number(next(numbers), dtype)
            for number in read
        ]
        return self.table.apply(op, operands, statics)

    def refuse(self, reason: str) -> NoReturn:
        """Gives up."""
        if self.reason is None:
            self.reason = reason
        raise UntraceableError(reason)

    def pending(self, expr: Expr) -> PendingArray:
        """The expression as an array with an element a point."""
        return PendingArray(self, self.step(None, expr), expr.dtype, self.shape)

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
        constant = self.expr(value)
        # It fits this number of points; whether it fits any other is to be seen.
        self.shape.was_read |= bool(value.shape)
        key = ("constant", constant.dtype, repr(constant.value), value.shape == self.shape or value.shape)
        return PendingArray(self, self.step(key, constant), constant.dtype, value.shape)


class PendingArray(PendingOperators):
    """The payload of a Tensor under a trace: the number of the step that made it, and what is known without elements.

    Operators are ops. Whatever else an array could be asked refuses the trace.
    """

    __slots__ = ("dtype", "ndim", "number", "shape", "trace")

    # Programs are made before it is known where they will run.
    device = CPU

    def __init__(self, trace: Trace, number: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self.trace, self.number, self.dtype, self.shape, self.ndim = trace, number, dtype, shape, len(shape)

    @property
    def expr(self) -> Expr:
        """The expression of one element."""
        return self.trace.made_by(self.number)

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
        number = trace.step((op.name, *read, repr(statics)), (op, read, numbers, dtype, statics))
        shape = arrays[0].shape if len(arrays) == 1 else _shape_of(op, trace, arrays)
        return PendingArray(trace, number, result, shape)

    def lifted(self, value: Any, operand: Any = None) -> Any:
        """An array as a pending constant; a Python number stays what it is."""
        if type(value) is PendingArray and value.trace is self.trace:
            return value
        return self.trace.lifted(value) if hasattr(value, "dtype") else value

    def held(self) -> PendingArray:
        """The same value, through which no derivative passes."""
        trace = self.trace
        return PendingArray(trace, trace.step(("held", self.number), self.number), self.dtype, self.shape)

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


def _shape_of(op: Op, trace: Trace, arrays: Sequence[PendingArray]) -> tuple[int, ...]:
    """The shape of what an elementwise op makes of arrays: that of the points, or of a number."""
    shapes = {array.shape for array in arrays if array.shape}
    if not shapes:
        return ()
    if shapes != {trace.shape} and np.broadcast_shapes(*shapes) != trace.shape:
        trace.refuse(f"{op.name} makes an array of another shape")
    return trace.shape


def program(
    f: Callable[..., Tensor], dtype: np.dtype[Any], order: int, variables: int = 1, parameters: int = 0
) -> Program:
    """The program of f and its partial derivatives up to a total order; inputs and outputs are of that dtype.

    f takes a Tensor of shape (n,) for each variable, and then one of shape () for each parameter, by which it is not
    differentiated; it returns a Tensor of shape (n,), elementwise. The inputs are ``x``, or ``x0``, ``x1``, ... where
    there are several variables, and ``p0``, ``p1``, ...; the outputs stand in the order of
    `gradcu.fuse.partials.multi_indices`. Raises UntraceableError where f can't be traced.

    >>> import gradcu, numpy
    >>> program(lambda x: gradcu.sin(x), numpy.dtype("float64"), order=2).lines
    (t0:float64 = sin(x), t1:float64 = cos(x), t2:float64 = neg(t0))
    >>> program(lambda u, v: u * v, numpy.dtype("float64"), order=1, variables=2).outputs
    (0, 'x1', 'x0')
    """
    first = _Call(f, dtype, variables, parameters, _LENGTHS[0])
    key = (*first.key, order)
    known = _known.get(key)
    # Steps that are known were found to be the same for any number of points, unless this function made them of it.
    if known is None or first.trace.shape.was_read:
        second = _Call(f, dtype, variables, parameters, _LENGTHS[1])
        if first.key != second.key:
            raise UntraceableError("it computes something else at every call, or for another number of points")
    if known is None:
        known = first.program(order)
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        _known[key] = known
    return known


class _Call:
    """One call of a function with pending Tensors; ``key`` is all that its derivatives follow from."""

    def __init__(
        self, f: Callable[..., Tensor], dtype: np.dtype[Any], variables: int, parameters: int, length: int
    ) -> None:
        self.trace = trace = Trace(length)
        names = ["x"] if variables == 1 else [f"x{number}" for number in range(variables)]
        names += [f"p{number}" for number in range(parameters)]
        self.arguments = [trace.table.argument(name, dtype) for name in names]
        tensors = [
            Tensor._wrap(PendingArray(trace, trace.step(name, argument), dtype, trace.shape if k < variables else ()))
            for k, (name, argument) in enumerate(zip(names, self.arguments, strict=True))
        ]
        self.variables, self.dtype = tensors[:variables], dtype
        for tensor in self.variables:
            tensor._requires_grad = True
        with self._explained():
            self.y = f(*tensors)
            _check(trace, self.variables, self.y)
            result = trace.lifted(self.y._array)
        self.key = (dtype.str, variables, parameters, tuple(trace.steps), result.number, self.y.requires_grad)

    def program(self, order: int) -> Program:
        """The program of the function and its partial derivatives."""
        table = self.trace.table
        with self._explained():
            outputs = partials(self.trace, self.variables, self.y, order)
        zero = table.number(0, self.dtype)
        final = [zero if output is None else table.convert(output, self.dtype) for output in outputs]
        made = program_of(lowered(table, final), self.arguments)
        made.graph_lost = not self.y.requires_grad and self._would_vary()
        return made

    def _would_vary(self) -> bool:
        """Whether the result would have a derivative if nothing had been held."""
        varying = set(self.arguments[: len(self.variables)])
        result = self.trace.expr(self.y._array)
        for expr in in_order(result):
            if expr.dtype.kind == "f" and not varying.isdisjoint(expr.operands):
                varying.add(expr)
        return result in varying

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Records, and says of any exception that the function can't be traced, and why."""
        token = GRAD_ENABLED.set(True)
        try:
            yield
        except Exception as error:
            if self.trace.reason is not None or isinstance(error, UntraceableError):
                raise UntraceableError(self.trace.reason or str(error)) from error
            raise UntraceableError(f"it raises {type(error).__name__} when traced: {error}") from error
        finally:
            GRAD_ENABLED.reset(token)


def _check(trace: Trace, variables: Sequence[Tensor], y: Any) -> None:
    """Refuses the trace where what the function returned is no row of a sweep, or not all there is to it."""
    if trace.reason is not None:
        trace.refuse(trace.reason)
    if not isinstance(y, Tensor):
        trace.refuse(f"it returns no Tensor, but {type(y).__name__}")
    shape = y._array.shape
    if shape != trace.shape:
        trace.refuse(f"it returns shape {tuple(shape)} for shape {tuple(trace.shape)}")
    if y.requires_grad:
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
