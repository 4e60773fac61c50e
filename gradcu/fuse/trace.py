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

from .._device import CPU, device
from .._dtype import result_type
from .._graph import GRAD_ENABLED, Node
from .._op import OPS, Op
from .._pending import Pending
from .._tensor import Tensor
from .expr import Expr, Table
from .lower import lowered
from .partials import partials
from .program import Program, program_of

_LENGTHS = (61, 30)
"""How many points a function is traced with: it has to compute the same for both."""

_COPIES = frozenset(("to_dtype", "clone", "zeros_of"))
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

    def pending(self, expr: Expr) -> PendingArray:
        """The expression as an array with an element a point."""
        return PendingArray(self, expr, self.shape)

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
        if not op.elementwise and op.name not in _COPIES:
            trace.refuse(f"{op.name} is not elementwise")
        arrays = [self.lifted(operand) for operand in operands if hasattr(operand, "dtype")]
        shape = np.broadcast_shapes(*(array.shape for array in arrays))
        if shape not in ((), trace.shape):
            trace.refuse(f"{op.name} makes an array of another shape")
        numbers = [operand for operand in operands if not hasattr(operand, "dtype")]
        # Beside an array a number has its dtype; a condition leaves the numbers that it chooses from to themselves.
        dtypes = [array.dtype for array in arrays if array.dtype.kind != "b"]
        dtype = dtypes[0] if dtypes else result_type(*numbers) if numbers else self.dtype
        exprs = [
            trace.expr(operand) if hasattr(operand, "dtype") else trace.table.number(operand, dtype)
            for operand in operands
        ]
        result = trace.table.apply(op, exprs, statics)
        if result.dtype.kind == "c":
            trace.refuse("it computes with complex numbers")
        return PendingArray(trace, result, shape)

    def lifted(self, value: Any) -> Any:
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

    def materialised(self) -> NoReturn:
        """Refuses the trace."""
        self.trace.refuse("it needs the elements of a Tensor")

    def astype(self, dtype: np.dtype[Any], copy: bool = True) -> PendingArray:
        """The same values in another dtype."""
        return self.computed(OPS["to_dtype"], (self,), (np.dtype(dtype),))

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
    names = ["x"] if variables == 1 else [f"x{number}" for number in range(variables)]
    names += [f"p{number}" for number in range(parameters)]
    first, second = (_traced(f, dtype, order, names, variables, length) for length in _LENGTHS)
    if first.key != second.key:
        raise UntraceableError("it computes something else at every call, or for another number of points")
    return first


def _traced(
    f: Callable[..., Tensor], dtype: np.dtype[Any], order: int, names: Sequence[str], variables: int, length: int
) -> Program:
    trace = Trace((length,))
    table = trace.table
    arguments = [table.argument(name, dtype) for name in names]
    tensors = [
        Tensor._wrap(PendingArray(trace, argument, trace.shape if number < variables else ()))
        for number, argument in enumerate(arguments)
    ]
    differentiated = tensors[:variables]
    for tensor in differentiated:
        tensor._requires_grad = True
    token = GRAD_ENABLED.set(True)
    try:
        y = f(*tensors)
        _check(trace, differentiated, y)
        outputs = partials(trace, differentiated, y, order)
    except Exception as error:
        if trace.reason is not None or isinstance(error, UntraceableError):
            raise UntraceableError(trace.reason or str(error)) from error
        raise UntraceableError(f"it raises {type(error).__name__} when traced: {error}") from error
    finally:
        GRAD_ENABLED.reset(token)
    zero = table.number(0, dtype)
    final = [zero if output is None else table.convert(output, dtype) for output in outputs]
    return program_of(lowered(table, final), arguments)


def _check(trace: Trace, variables: Sequence[Tensor], y: Any) -> None:
    """Refuses the trace where what the function returned is no row of a sweep, or not all there is to it."""
    if trace.reason is not None:
        trace.refuse(trace.reason)
    if not isinstance(y, Tensor):
        trace.refuse(f"it returns no Tensor, but {type(y).__name__}")
    if y.shape != trace.shape:
        trace.refuse(f"it returns shape {tuple(y.shape)} for shape {trace.shape}")
    if y.requires_grad:
        _check_graph(trace, variables, y)


def _check_graph(trace: Trace, variables: Sequence[Tensor], y: Tensor) -> None:
    """Refuses the trace where the graph from y to the variables does not say what the expressions say.

    Each operand that does not require grad is held as it is used, so they agree, unless a gradient is computed or
    changed by the user's own code, or leads to a leaf that was made of a variable.
    """
    leaves = set(map(id, variables))
    seen: set[int] = set()
    pending: list[Any] = [y.grad_fn or y]
    if any(tensor._hooks for tensor in (*variables, y)):
        trace.refuse("it has hooks")
    while pending:
        node = pending.pop()
        node = node[0] if isinstance(node, tuple) else node
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        if not isinstance(node, Node):
            if id(node) not in leaves and isinstance(node._array, PendingArray):
                trace.refuse("it makes a leaf of an intermediate value")
            continue
        if node.plan is None:
            trace.refuse(f"{node.name()} has a backward of its own")
        if node.hooks or node.prehooks or node.tensor_hooks:
            trace.refuse("it has hooks")
        pending.extend(node.edges)
