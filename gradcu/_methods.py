"""Installs on Tensor what is defined above it: operators, maths methods, ``backward``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ._backward import backward as _backward
from ._conversions import DUNDERS
from ._define import OPERATORS
from ._inplace import in_place
from ._numpy_protocol import array, array_function, array_ufunc
from ._op import METHODS, OPS
from ._setitem import copy_, fill_, set_item, zero_
from ._tensor import Tensor
from .ops.arrange import permute, transpose
from .ops.index import getitem


def _reflected(function: Callable[..., Any]) -> Callable[..., Any]:
    def reflected(self: Tensor, other: Any) -> Any:
        return function(other, self)

    return reflected


def backward(
    self: Tensor,
    gradient: Tensor | None = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    inputs: Any = None,
) -> None:
    """Accumulates the gradients of this Tensor in its leaves: see ``gradcu.autograd.backward``."""
    _backward(self, gradient, retain_graph, create_graph, inputs)


def _reversed(self: Tensor) -> Tensor:
    """This Tensor with its dimensions in the reverse order."""
    return permute(self, tuple(reversed(range(self.ndim))))


def _matrix_transposed(self: Tensor) -> Tensor:
    """This Tensor, or each matrix of a batch, transposed."""
    if self.ndim < 2:
        raise RuntimeError(
            f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor."
        )
    return transpose(self, -2, -1)


def install() -> None:
    """Gives Tensor its methods. Called once, when the package is imported."""
    for name, method in METHODS.items():
        setattr(Tensor, name, method)
    for name, op in OPS.items():
        if op.elementwise and op.differentiable and name in METHODS and name not in _NOT_IN_PLACE:
            setattr(Tensor, f"{name}_", in_place(METHODS[name], f"{name}_"))
    for name, function in OPERATORS.items():
        if name in _BINARY:
            for dunder in _BINARY[name]:
                setattr(Tensor, f"__{dunder}__", function)
                if name in _REFLECTED:
                    setattr(Tensor, f"__r{dunder}__", _reflected(OPERATORS.get(f"r{name}", function)))
                if name in _AUGMENTED:
                    setattr(Tensor, f"__i{dunder}__", in_place(function, f"{name}_"))
    for name, method in _METHODS.items():
        setattr(Tensor, name, method)
    for name, method in DUNDERS.items():
        setattr(Tensor, name, method)


_METHODS = {"backward": backward, "copy_": copy_, "fill_": fill_, "zero_": zero_, "__getitem__": getitem,
            "__setitem__": set_item, "__array__": array, "__array_ufunc__": array_ufunc,
            "__array_function__": array_function, "T": property(_reversed), "mT": property(_matrix_transposed),
            "masked_fill_": in_place(METHODS["masked_fill"], "masked_fill_"),
            "index_put_": in_place(METHODS["index_put"], "index_put_")}  # fmt: skip
_NOT_IN_PLACE = {"where", "maximum", "minimum"}

_BINARY = {"add": ("add",), "sub": ("sub",), "mul": ("mul",), "div": ("truediv",), "floor_divide": ("floordiv",),
           "remainder": ("mod",), "eq": ("eq",), "ne": ("ne",), "less": ("lt",), "less_equal": ("le",),
           "greater": ("gt",), "greater_equal": ("ge",), "neg": ("neg",), "abs": ("abs",), "positive": ("pos",),
           "pow": ("pow",), "rpow": ("rpow",), "bitwise_and": ("and",), "bitwise_or": ("or",), "bitwise_xor": ("xor",),
           "bitwise_not": ("invert",)}  # fmt: skip
_REFLECTED = {"add", "sub", "mul", "div", "floor_divide", "remainder", "bitwise_and", "bitwise_or", "bitwise_xor"}
_AUGMENTED = _REFLECTED | {"pow"}
