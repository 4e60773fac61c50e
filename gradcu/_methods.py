"""Installs on Tensor what is defined above it: operators, maths methods, ``backward``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._backward import backward as _backward
from ._backward import grad as _grad  # noqa: F401
from ._define import OPERATORS
from ._op import METHODS
from ._tensor import Tensor


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


def install() -> None:
    """Gives Tensor its methods. Called once, when the package is imported."""
    for name, method in METHODS.items():
        setattr(Tensor, name, method)
    for name, function in OPERATORS.items():
        if name in _BINARY:
            for dunder in _BINARY[name]:
                setattr(Tensor, f"__{dunder}__", function)
                if name in _REFLECTED:
                    setattr(Tensor, f"__r{dunder}__", _reflected(function))
    setattr(Tensor, "backward", backward)


_BINARY = {"add": ("add",), "sub": ("sub",), "mul": ("mul",), "div": ("truediv",), "floor_divide": ("floordiv",),
           "remainder": ("mod",), "eq": ("eq",), "ne": ("ne",), "less": ("lt",), "less_equal": ("le",),
           "greater": ("gt",), "greater_equal": ("ge",), "neg": ("neg",), "abs": ("abs",)}  # fmt: skip
_REFLECTED = {"add", "sub", "mul", "div", "floor_divide", "remainder"}
