"""Tracing: a function is called with a Tensor whose payload is pending, and what it computes becomes a `Program`.

Nothing is guessed. What needs elements on the way (a branch on values, ``item()``, an index, an op that is not
elementwise), what the autograd would not differentiate as the expressions say (a user's Function, hooks), and whatever
the function raises, makes it untraceable: whoever asked then calls it on real points instead, which gives the right
result or the right error.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .._backward import grad
from .._device import CPU, device
from .._dtype import result_type
from .._graph import GRAD_ENABLED, Node
from .._op import OPS, Op
from .._pending import Pending
from .._tensor import Tensor
from .expr import Expr, Table
from .lower import lowered
from .program import Program, program_of
from .taylor import Taylor, in_order, is_selection

_LENGTHS = (61, 30)
"""How many points a function is traced with: it has to compute the same for both."""

_WALKED = 2
"""The order up to which derivatives are the autograd's own."""

COPIES = frozenset(("to_dtype", "clone", "zeros_of"))
"""The ops that compute each element from that element alone, besides those that are `pointwise`."""


class UntraceableError(Exception):
    """The function can't be traced, for the reason that the message gives."""


class Trace:
    """One call of a function: its expressions, and why it is untraceable, if it is.

    The reason stays even if the function catches the exception, since what it then does need not be what it does with
    an array.
    """

    __slots__ = ("reason", "shape", "table")

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.table, self.shape = Table(), shape
        self.reason: str | None = None

    def refuse(self, reason: str) -> NoReturn:
        """Gives up."""
        if self.reason is None:
            self.reason = reason
        raise UntraceableError(reason)

    def admit(self, op: Op) -> None:
        """Refuses an op that is not elementwise."""
        if not op.elementwise and op.name not in COPIES:
            self.refuse(f"{op.name} is not elementwise")

    def shape_of(self, op: Op, arrays: Sequence[Any]) -> tuple[int, ...]:
        """The shape of what the op makes of arrays."""
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        if shape not in ((), self.shape):
            self.refuse(f"{op.name} makes an array of another shape")
        return shape

    def operand(self, value: Any, shape: tuple[int, ...]) -> Expr:
        """The expression of an operand of an op that makes an array of that shape."""
        return self.expr(value)

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


class PendingArray(Pending):
    """The payload of a Tensor under a trace: an expression of one element, and the shape of all.

    Operators are ops. Whatever else an array could be asked refuses the trace.
    """

    __slots__ = ("dtype", "expr", "ndim", "shape", "trace")

    trace: Any
    # NumPy's arrays and scalars leave operators to this class.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]
    # It shares its elements with nobody, and can't be changed.
    base = None

    def __init__(self, trace: Trace, expr: Expr, shape: tuple[int, ...]) -> None:
        self.trace, self.expr, self.shape, self.dtype, self.ndim = trace, expr, shape, expr.dtype, len(shape)

    @property
    def device(self) -> device:
        """The CPU: expressions are traced before it is known where they will run."""
        return CPU

    def computed(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...]) -> PendingArray:
        """The expression of an elementwise op; any other op refuses the trace."""
        trace = self.trace
        trace.admit(op)
        if op.name == "where":
            operands = (operands[0], *self._promoted(operands[1:]))
        arrays = [self.lifted(operand) for operand in operands if hasattr(operand, "dtype")]
        shape = trace.shape_of(op, arrays)
        numbers = [operand for operand in operands if not hasattr(operand, "dtype")]
        # Beside an array a number has its dtype; a condition leaves the numbers that it chooses from to themselves.
        dtypes = [array.dtype for array in arrays if array.dtype.kind != "b"]
        dtype = dtypes[0] if dtypes else result_type(*numbers) if numbers else self.dtype
        exprs = [
            trace.operand(operand, shape) if hasattr(operand, "dtype") else trace.table.number(operand, dtype)
            for operand in operands
        ]
        result = trace.table.apply(op, exprs, statics)
        if result.dtype.kind == "c":
            trace.refuse("it computes with complex numbers")
        return type(self)(trace, result, shape)

    def _promoted(self, choices: Sequence[Any]) -> list[Any]:
        """What `where` chooses from in one dtype: it is left to the op's forward."""
        dtype = result_type(*choices)
        lifted = [self.lifted(choice) for choice in choices]
        return [choice.astype(dtype) if hasattr(choice, "dtype") else choice for choice in lifted]

    def lifted(self, value: Any, operand: Any = None) -> Any:
        """An array as a pending constant: it must be the same number everywhere."""
        if not hasattr(value, "dtype"):
            return value
        if not isinstance(value, PendingArray):
            return PendingArray(self.trace, self.trace.expr(value), value.shape)
        if value.trace is not self.trace:
            self.trace.refuse("it uses a Tensor of another trace")
        return value

    def held(self) -> PendingArray:
        """The same value, through which no derivative passes."""
        return PendingArray(self.trace, self.trace.table.held(self.expr), self.shape)

    def materialised(self) -> Any:
        """Refuses the trace."""
        self.trace.refuse("it needs the elements of a Tensor")

    def astype(self, dtype: np.dtype[Any], copy: bool = True) -> PendingArray:
        """The same values in another dtype."""
        return self.computed(OPS["to_dtype"], (self,), (np.dtype(dtype),))

    def copy(self) -> PendingArray:
        """The same: nothing can change it."""
        return self

    def __getattr__(self, name: str) -> Any:
        if not hasattr(np.ndarray, name):
            raise AttributeError(f"an array has no attribute {name!r}", name=name, obj=self)
        self.trace.refuse(f"it needs {name} of an array")

    def _refuse_elements(self, *args: Any) -> Any:
        self.materialised()

    __bool__ = __float__ = __int__ = __index__ = __complex__ = __len__ = __iter__ = _refuse_elements
    __getitem__ = __setitem__ = __array__ = _refuse_elements
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse_elements

    def __neg__(self) -> PendingArray:
        return self.computed(OPS["neg"], (self,), ())

    def __add__(self, other: Any) -> PendingArray:
        return self.computed(OPS["add"], (self, other), ())

    def __radd__(self, other: Any) -> PendingArray:
        return self.computed(OPS["add"], (other, self), ())

    def __sub__(self, other: Any) -> PendingArray:
        return self.computed(OPS["sub"], (self, other), ())

    def __rsub__(self, other: Any) -> PendingArray:
        return self.computed(OPS["sub"], (other, self), ())

    def __mul__(self, other: Any) -> PendingArray:
        return self.computed(OPS["mul"], (self, other), ())

    def __rmul__(self, other: Any) -> PendingArray:
        return self.computed(OPS["mul"], (other, self), ())

    def __truediv__(self, other: Any) -> PendingArray:
        return self.computed(OPS["div"], (self, other), ())

    def __rtruediv__(self, other: Any) -> PendingArray:
        return self.computed(OPS["div"], (other, self), ())


def program(f: Callable[[Tensor], Tensor], dtype: np.dtype[Any], order: int) -> Program:
    """The program of f and its first ``order`` derivatives at one point ``x`` of that dtype; so are all its outputs.

    f takes a Tensor of shape (n,) and returns one of that shape, elementwise. Raises UntraceableError where f can't be
    traced.

    >>> import gradcu, numpy
    >>> program(lambda x: gradcu.sin(x), numpy.dtype("float64"), order=2).lines
    (t0:float64 = sin(x), t1:float64 = cos(x), t2:float64 = neg(t0))
    """
    first, second = (_traced(f, dtype, order, length) for length in _LENGTHS)
    if first.key != second.key:
        raise UntraceableError("it computes something else at every call, or for another number of points")
    return first


def _traced(f: Callable[[Tensor], Tensor], dtype: np.dtype[Any], order: int, length: int) -> Program:
    trace = Trace((length,))
    argument = trace.table.argument("x", dtype)
    x = Tensor._wrap(PendingArray(trace, argument, trace.shape))
    x._requires_grad = True
    token = GRAD_ENABLED.set(True)
    try:
        y = f(x)
        _check(trace, x, y)
        outputs = _with_derivatives(trace, x, y, order)
    except Exception as error:
        if trace.reason is not None or isinstance(error, UntraceableError):
            raise UntraceableError(trace.reason or str(error)) from error
        raise UntraceableError(f"it raises {type(error).__name__} when traced: {error}") from error
    finally:
        GRAD_ENABLED.reset(token)
    zero = trace.table.number(0, dtype)
    table = trace.table
    final = [zero if output is None else table.convert(output, dtype) for output in outputs]
    return program_of(lowered(table, final), [argument])


def _with_derivatives(trace: Trace, x: Tensor, y: Tensor, order: int) -> list[Expr | None]:
    """y, y', y'', ...; None for what is zero everywhere.

    The autograd itself takes the first two, so they are eager's to the last bit. With it each further order would have
    some three times as many lines as the one before, so from the third on there are series: of y, or where there are
    choices of y', since behind a choice it is the backward that says whether a singular branch not taken gives nan.
    """
    one = PendingArray(trace, trace.table.number(1, y.dtype), trace.shape)
    tensors: list[Tensor | None] = [y]
    for k in range(1, min(order, _WALKED) + 1):
        value = tensors[-1]
        if value is not None and value.requires_grad:
            create_graph = k < order
            (value,) = grad(value, x, Tensor._wrap(one), create_graph=create_graph, allow_unused=True)
        else:
            value = None
        tensors.append(value)
    found = [None if tensor is None else trace.expr(tensor._array) for tensor in tensors]
    if order <= _WALKED:
        return found
    taylor = Taylor(trace.table, lambda expr: PendingArray(trace, expr, trace.shape))
    start = 1 if found[1] is not None and any(map(is_selection, in_order(found[1]))) else 0
    base = found[start]
    if base is None or found[1] is None:
        return found + [None] * (order - _WALKED)
    return found + taylor.derivatives(base, order - start)[_WALKED - start :]


def _check(trace: Trace, x: Tensor, y: Any) -> None:
    """Refuses the trace where what the function returned is no row of a sweep, or not all there is to it."""
    if trace.reason is not None:
        trace.refuse(trace.reason)
    if not isinstance(y, Tensor):
        trace.refuse(f"it returns no Tensor, but {type(y).__name__}")
    if y.shape != trace.shape:
        trace.refuse(f"it returns shape {tuple(y.shape)} for shape {trace.shape}")
    if y.requires_grad:
        _check_graph(trace, x, y)


def _check_graph(trace: Trace, x: Tensor, y: Tensor) -> None:
    """Refuses the trace where the graph from y to x does not say what the expressions say.

    Each operand that does not require grad is held as it is used, so they agree, unless a gradient is computed or
    changed by the user's own code, or leads to a leaf that was made of x.
    """
    seen: set[int] = set()
    pending: list[Any] = [y.grad_fn or y]
    for tensor in (x, y):
        if tensor._hooks:
            trace.refuse("it has hooks")
    while pending:
        node = pending.pop()
        node = node[0] if isinstance(node, tuple) else node
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if not isinstance(node, Node):
            if node is not x and isinstance(node._array, PendingArray):
                trace.refuse("it makes a leaf of an intermediate value")
            continue
        if node.plan is None:
            trace.refuse(f"{node.name()} has a backward of its own")
        if node.hooks or node.prehooks or node.tensor_hooks:
            trace.refuse("it has hooks")
        pending.extend(node.edges)
