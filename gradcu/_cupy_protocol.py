"""CuPy's functions called on Tensors: they record where gradcu has the op, and raise elsewhere.

CuPy has no protocol for it as NumPy has. Its kernels ask for methods that its documentation does not name; many
reductions and a few others only call a method of their argument, with NumPy's parameters; others make an array of what
they are given, or look for an attribute that arrays have. Those that take arrays alone, and ask for nothing, say so.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np

from . import _functions as fn
from ._conversions import as_array
from ._device import is_cupy_array
from ._graph import GRAD_ENABLED
from ._numpy_protocol import ADAPTERS, UFUNCS, array_ufunc, as_operand, unsupported
from ._tensor import Tensor


def kernel(self: Tensor, kernel: Any, *inputs: Any, **kwargs: Any) -> Any:
    """A CuPy ufunc, or another elementwise kernel, called with a Tensor among its arguments.

    ``array += tensor`` and ``out=array`` are such calls: an array can't be recorded, so nothing may need a gradient.
    """
    targets = [*inputs[kernel.nin :], kwargs.get("out")]
    if any(is_cupy_array(target) for target in targets) and not _is_recorded(inputs):
        return kernel(*(value._memory() if isinstance(value, Tensor) else value for value in inputs), **kwargs)
    name = kernel.name.removeprefix("cupy_")
    function = _OWN_NAMES.get(name) or UFUNCS.get(name)
    if function is None or kwargs or len(inputs) != kernel.nin:
        raise unsupported(f"cupy.{name}" + (f" with {', '.join(kwargs)}" if kwargs else ""), name, "cupy")
    return function(*(as_operand(value) for value in inputs))


def reduction(self: Tensor, kernel: Any, *inputs: Any, **kwargs: Any) -> NoReturn:
    """A reduction of CuPy's that calls no method of its argument: gradcu has none of them."""
    name = kernel.name.removeprefix("cupy_")
    raise unsupported(f"cupy.{name}", name, "cupy")


def get_ndarray(self: Tensor) -> Callable[[], NoReturn]:
    """What CuPy asks for where it can't have ``__cuda_array_interface__``: only what has a graph has it, and refuses.

    Raises AttributeError for other Tensors.
    """
    if not (self.is_cuda and self.requires_grad):
        raise AttributeError("only a Tensor on a CUDA device that requires grad has __cupy_get_ndarray__")

    def refuse() -> NoReturn:
        name = _calling_function()
        raise unsupported(f"cupy.{name}" if name else "what makes or fills an array of CuPy's", name, "cupy")

    return refuse


_OWN_NAMES = {"where": fn.where, "true_divide": fn.div}
"""gradcu's function for each of CuPy's ufuncs that has no ufunc of NumPy's, or another name there."""


class ArrayUfunc:
    """``__array_ufunc__``, for which NumPy asks the class; the operators of CuPy's arrays ask the Tensor.

    Where that has None they leave the Tensor its own operator, as NEP 13 says. Else they would take a Tensor without a
    graph for an array, which matrix products then refuse.
    """

    def __get__(self, tensor: Tensor | None, kind: type[Tensor]) -> Callable[..., Any] | None:
        return array_ufunc if tensor is None else None


def _is_recorded(operands: Iterable[Any]) -> bool:
    return GRAD_ENABLED.get() and any(isinstance(value, Tensor) and value.requires_grad for value in operands)


def array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """``np.asarray(tensor)``, which a function of CuPy's also calls, and must not get an array without a graph."""
    if self.requires_grad or self.is_cuda:
        name = _calling_function()
        if name:
            raise unsupported(f"cupy.{name}", name, "cupy")
    return as_array(self, dtype, copy)


def missing(self: Tensor, name: str) -> Any:
    """An attribute that a Tensor does not have, and a function of CuPy's looks for: the error names that function."""
    if hasattr(type(self), name):
        # A property that raises AttributeError says why.
        return object.__getattribute__(self, name)
    text, function = f"'{type(self).__name__}' object has no attribute '{name}'", _calling_function()
    if function:
        text += f": {unsupported(f'cupy.{function}', function, 'cupy')}"
    raise AttributeError(text, name=name, obj=self)


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
_HOOKS = {
    "__array__": array,
    "__array_ufunc__": ArrayUfunc(),
    "__getattr__": missing,
    "__cupy_get_ndarray__": property(get_ndarray),
    "__cupy_override_elementwise_kernel__": kernel,
    "__cupy_override_reduction_kernel__": reduction,
}
for _name, _method in _HOOKS.items():
    setattr(Tensor, _name, _method)
for _name in CALLED:
    setattr(Tensor, _name, from_cupy_too(_name, getattr(Tensor, _name)))
