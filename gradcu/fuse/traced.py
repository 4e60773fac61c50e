"""A call of a function that is traced, and what Tensors hold in it: the number of the step that made their value.

There are two kinds of calls. One notes all steps, known or new, beside the graph that the recorder makes. The other
follows steps that are known, makes no graph, and is refused as soon as a step is new or somebody asks for the graph.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np

from .._device import CPU
from .._dtype import result_type
from .._graph import GRAD_ENABLED, Node
from .._op import Op
from .._tensor import Tensor
from .expr import Expr, Table, result_dtype
from .operators import COPIES, PendingOperators
from .steps import Maker, Step, Steps

_new = object.__new__
_grad_enabled = GRAD_ENABLED.get


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


NO_GRAPH = "its graph is needed"


class _Unmade(Node):
    """Stands in place of all nodes in the graph of a function that takes known steps. To be asked ends that."""

    __slots__ = ("_trace",)

    def __init__(self, trace: Trace) -> None:
        self._trace = trace

    def _refuse(self) -> NoReturn:
        self._trace.refuse(NO_GRAPH)

    _asked: Any = property(_refuse)
    plan = edges = sequence = saved = _asked


class Trace:
    """One call of a function: the step that it has come to, and why it is untraceable, if it is.

    The reason stays even if the function catches the exception, since what it then does need not be what it does with
    an array. Expressions are made of the steps only when somebody asks for them. ``unmade`` is the edge of all that
    requires grad while known steps are followed, and None where there is a graph.
    """

    __slots__ = ("_exprs", "_known", "_taken", "reason", "shape", "step", "table", "unmade")

    def __init__(self, root: Step, length: int, known: Steps | None) -> None:
        self.table, self.shape = Table(), _Shape((length,))
        self.step, self._taken = root, [root]
        self._known, self.unmade = known, _Unmade(self) if known is None else None
        self._exprs: list[Expr] = []
        self.reason: str | None = None

    @classmethod
    def apart(cls, length: int) -> Trace:
        """A trace that is not of a function: none of its steps are known, or will be."""
        trace = cls(Step(-1), length, Steps())
        trace._known = None
        return trace

    def take(self, key: Any, maker: Maker) -> Step:
        """Takes the step with that key, of which ``maker`` makes an expression."""
        if self.unmade is not None:
            found = self.step.after.get(key)
            if found is None:
                self.refuse("it takes a step that is not known")
            self.step = found
            return found
        if self._known is None:
            self.step = Step(self.step.number + 1, maker)
        else:
            self.step = self._known.following(self.step, key, maker)
        self._taken.append(self.step)
        return self.step

    def argue(self, names: Sequence[str], dtype: np.dtype[Any]) -> list[Expr]:
        """The expressions of the arguments, from which others can be made. Steps from here on are this trace's own."""
        self._known = None
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

    # Programs are made before it is known where they will run.
    device = CPU

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
            trace.refuse(NO_GRAPH)

    def settle(self, tensor: Tensor, op: Op | None = None) -> None:
        """Somebody asks for the node, or for the elements."""
        if self.trace.unmade is not None:
            self.trace.refuse(NO_GRAPH)

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
