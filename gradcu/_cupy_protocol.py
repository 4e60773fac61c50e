"""CuPy's functions called on Tensors: they record where gradcu has the op, and raise elsewhere.

CuPy has no protocol for it as NumPy has. Its elementwise kernels ask for a method that its documentation does not name;
its reductions and a few others only call a method of their argument, with NumPy's parameters; the rest make an array of
what they are given, or take arrays alone.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import _functions as fn
from ._conversions import as_array
from ._numpy_protocol import ADAPTERS, UFUNCS, as_operand, unsupported
from ._tensor import Tensor


def kernel(self: Tensor, kernel: Any, *inputs: Any, **kwargs: Any) -> Any:
    """A CuPy ufunc, or another elementwise kernel, called with a Tensor among its arguments."""
    name = kernel.name.removeprefix("cupy_")
    function = fn.where if name == "where" else UFUNCS.get(name)
    if function is None or kwargs or len(inputs) != kernel.nin:
        raise unsupported(f"cupy.{name}" + (f" with {', '.join(kwargs)}" if kwargs else ""), name, "cupy")
    return function(*(as_operand(value) for value in inputs))


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """``np.asarray(tensor)``, which a function of CuPy's also calls, and must not get an array without a graph."""
    if self.requires_grad or self.is_cuda:
        name = _calling_function()
        if name:
            raise unsupported(f"cupy.{name}", name, "cupy")
    return as_array(self, dtype, copy)


def from_cupy_too(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of Tensor which does what NumPy's function of its name does where a function of CuPy's calls it."""
    adapted = CALLED[name]

    @functools.wraps(method)
    def called(self: Tensor, *args: Any, **kwargs: Any) -> Any:
        if not args and not kwargs:
            return method(self)
        if sys._getframe(1).f_globals.get("__name__", "").startswith("cupy."):
            return adapted(self, *args, **kwargs)
        return method(self, *args, **kwargs)

    return called


def _calling_function() -> str:
    """The name of the function of CuPy's that has called gradcu; empty where none has."""
    frame, name = sys._getframe(2), ""
    while frame is not None and frame.f_globals.get("__name__", "").startswith("cupy."):
        frame, name = frame.f_back, frame.f_code.co_name
    return name


def _reduction(function: Callable[..., Any]) -> Callable[..., Any]:
    adapted = ADAPTERS[function]

    def reduce(
        a: Tensor, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False, **more: Any
    ) -> Any:
        _refuse(function.__name__, out=out)
        given = more | ({} if dtype is None else {"dtype": dtype}) | ({"keepdims": True} if keepdims else {})
        return adapted(a, axis, **given)

    return reduce


def _dot(a: Tensor, b: Any, out: Any = None) -> Any:
    _refuse("dot", out=out)
    return ADAPTERS[np.dot](a, b)


def _clip(a: Tensor, a_min: Any = None, a_max: Any = None, out: Any = None) -> Any:
    _refuse("clip", out=out)
    return ADAPTERS[np.clip](a, a_min, a_max)


def _reshape(a: Tensor, shape: Any, order: str = "C", copy: bool | None = None) -> Any:
    _refuse("reshape", order=None if order == "C" else order, copy=copy)
    return fn.reshape(a, shape)


def _ravel(a: Tensor, order: str = "C") -> Any:
    _refuse("ravel", order=None if order == "C" else order)
    return fn.ravel(a)


def _refuse(name: str, **given: Any) -> None:
    wrong = [parameter for parameter, value in given.items() if value is not None]
    if wrong:
        raise unsupported(f"cupy.{name} with {', '.join(wrong)}", name, "cupy")


CALLED: dict[str, Callable[..., Any]] = {
    "sum": _reduction(np.sum), "prod": _reduction(np.prod), "mean": _reduction(np.mean), "max": _reduction(np.max),
    "min": _reduction(np.min), "var": _reduction(np.var), "std": _reduction(np.std),
    "argmax": _reduction(np.argmax), "argmin": _reduction(np.argmin), "dot": _dot, "clip": _clip,
    "reshape": _reshape, "ravel": _ravel, "transpose": ADAPTERS[np.transpose],
    "repeat": ADAPTERS[np.repeat],
}  # fmt: skip
"""What stands for each method that a function of CuPy's calls with NumPy's parameters, which are not PyTorch's."""

# Whoever has no CUDA device need not pay for these: `gradcu._methods` has this module loaded with the first one.
for _name, _method in {"__array__": array, "__cupy_override_elementwise_kernel__": kernel}.items():
    setattr(Tensor, _name, _method)
for _name in CALLED:
    setattr(Tensor, _name, from_cupy_too(_name, getattr(Tensor, _name)))
