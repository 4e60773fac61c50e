"""Deferred values: what ops compute while a function runs under `gradcu.compile`, until somebody needs the elements.

The elementwise ops of a `gradcu.fuse.recording.Recording` make `Deferred` values, which the recorder takes as it takes
arrays, so that the graph is recorded as ever. Whatever else happens to a Tensor with such a value first settles it: see
there. Rules are run on such values too, in an `Abstract` recording, in which there are no arrays.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from .._device import CPU, copied, device
from .._dtype import result_type
from .._graph import Node
from .._op import Op
from .._pending import Pending
from .._record import forward, refuse_sizes
from .._tensor import Tensor
from .expr import Expr
from .operators import COPIES, PendingOperators
from .plan import Library, Shape, Source


class Deferred(PendingOperators):
    """A value of a recording: an expression of its arguments, and the array once somebody has needed it."""

    __slots__ = ("__weakref__", "array", "device", "dtype", "expr", "ndim", "shape", "trace")

    def __init__(self, trace: Any, expr: Expr, shape: Shape, place: device = CPU) -> None:
        self.trace, self.expr, self.shape, self.dtype, self.ndim = trace, expr, shape, expr.dtype, len(shape)
        self.device = place
        self.array: Any = None
        trace.made(self)

    @property
    def size(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    def takes(self, op: Op, arrays: Sequence[Any]) -> bool:
        """Whether the op becomes an expression."""
        return self.trace.takes(op, arrays)

    def computed(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...]) -> Any:
        """The expression of an elementwise op, or of what broadcasting does to a gradient."""
        # An op that makes complex numbers is none of a kernel's: no gradient flows through it either.
        if not self.trace.is_open or (op.name == "to_dtype" and statics[0].kind == "c"):
            arrays = [operand.materialised() if isinstance(operand, Deferred) else operand for operand in operands]
            with np.errstate(all="ignore"):
                return forward(op, self.device.xp, arrays, statics)
        if op.name == "expand":
            return Deferred(self.trace, self.trace.operand(self, statics[0]), statics[0], self.device)
        if op.name == "sum_to":
            return self.trace.summed(self, statics[0])
        return self._elementwise(op, operands, statics)

    def _elementwise(self, op: Op, operands: Sequence[Any], statics: tuple[Any, ...]) -> Deferred:
        trace = self.trace
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
        return Deferred(trace, result, shape, self.device)

    def _promoted(self, choices: Sequence[Any]) -> list[Any]:
        """What `where` chooses from in one dtype: it is left to the op's forward."""
        dtype = result_type(*choices)
        lifted = [self.lifted(choice) for choice in choices]
        return [choice.astype(dtype) if hasattr(choice, "dtype") else choice for choice in lifted]

    def lifted(self, value: Any, operand: Any = None) -> Any:
        """An array as an argument of the expressions."""
        return self.trace.lifted(value, operand)

    def recorded(self, results: Sequence[Tensor], node: Node | None) -> None:
        """Learns of the Tensors of an op, and of its node."""
        self.trace.recorded(results, node)

    def held(self) -> Deferred:
        """The same: the graph knows where no gradient flows."""
        return self

    def materialised(self) -> Any:
        """The array."""
        if self.array is None:
            self.trace.compute([self], "elements are needed")
        return self.array

    def settle(self, tensor: Tensor, op: Op | None = None) -> None:
        """Gives ``tensor`` its array, and a node of its own."""
        self.trace.settle([tensor], "its memory or its node is asked for" if op is None else f"{op.name} is not fused")

    def copy(self) -> Any:
        """The same values, in memory of their own once they are computed."""
        return Deferred(self.trace, self.expr, self.shape, self.device) if self.array is None else copied(self.array)

    def __getattr__(self, name: str) -> Any:
        if not hasattr(np.ndarray, name):
            raise AttributeError(f"an array has no attribute {name!r}", name=name, obj=self)
        return getattr(self.materialised(), name)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.materialised(), dtype=dtype, copy=copy)

    def __setitem__(self, index: Any, value: Any) -> None:
        self.materialised()[index] = value


def _on_elements(name: str) -> Callable[..., Any]:
    def method(self: Deferred, *operands: Any) -> Any:
        return getattr(self.materialised(), name)(*operands)

    return method


for _name in ("bool", "float", "int", "index", "complex", "len", "iter", "getitem", "eq", "ne", "lt", "le", "gt", "ge"):
    setattr(Deferred, f"__{_name}__", _on_elements(f"__{_name}__"))


class Abstract:
    """A recording of no call: what rules make of deferred values that stand for whatever arrays there will be."""

    is_open = True

    def __init__(self, library: Library) -> None:
        self.library, self.table = library, library.table

    def made(self, value: Deferred) -> None:
        """Learns of a new value."""

    def takes(self, op: Op, arrays: Sequence[Any]) -> bool:
        """Whether the op becomes an expression. Gradients meet no other ops than these."""
        return op.elementwise or op.name in COPIES or op.name in ("expand", "sum_to")

    def refuse(self, reason: str) -> NoReturn:
        """Says that an op can't be recorded. `takes` has seen to it that this does not happen."""
        raise RuntimeError(reason)

    def shape_of(self, op: Op, arrays: Sequence[Any]) -> Shape:
        """The shape of what the op makes of arrays. Raises RuntimeError where they can't be broadcast."""
        shapes = {array.shape for array in arrays}
        if len(shapes) == 1:
            return shapes.pop()
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            refuse_sizes(*arrays)
            raise

    def operand(self, value: Deferred, shape: Shape) -> Expr:
        """The expression of an operand, as an argument where it is computed in a smaller shape than the result's."""
        value = self.lifted(value)
        expr = value.expr
        if value.shape == shape or expr.op is None:
            return expr
        return self.library.argument(Source("value", expr, value.shape), expr.dtype)

    def summed(self, value: Deferred, shape: Shape) -> Deferred:
        """A gradient summed over what was broadcast from ``shape``."""
        expr = self.library.argument(Source("sum", value.expr, shape, value.shape), value.dtype)
        return Deferred(self, expr, shape, value.device)

    def lifted(self, value: Any, operand: Any = None) -> Any:
        """A number that a rule has made, as a constant."""
        if isinstance(value, Pending) or not hasattr(value, "dtype"):
            return value
        return Deferred(self, self.table.constant(np.atleast_1d(value)[0]), ())

    def compute(self, values: Sequence[Deferred], reason: str = "") -> None:
        """Refuses: there are no arrays."""
        raise RuntimeError(f"a rule of an elementwise op can't be fused: {reason}")

    def settle(self, tensors: Sequence[Tensor], reason: str = "") -> None:
        """Leaves the Tensors as they are."""

    def recorded(self, results: Sequence[Tensor], node: Node | None) -> None:
        """Marks the node of an op as one of those that are fused."""
        if node is not None:
            node.fused = True


def as_array(value: Any) -> Any:
    """The array of what a Tensor may hold."""
    value = value.materialised() if isinstance(value, Pending) else value
    return np.asarray(value) if isinstance(value, np.generic) else value


def as_payload(array: Any) -> Any:
    """An array as a Tensor holds it: one of no dimensions, on the CPU, as a scalar of NumPy."""
    return array[()] if isinstance(array, np.ndarray) and array.ndim == 0 else array
