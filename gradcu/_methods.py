"""Installs on Tensor what is defined above it: operators, maths methods, ``backward``."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from . import autograd
from ._by_need import IN_PLACE as IN_PLACE_BY_NEED
from ._by_need import METHODS as METHODS_BY_NEED
from ._conversions import DUNDERS
from ._define import OPERATORS, publish
from ._device import FOR_CUDA
from ._exchange import EXCHANGE
from ._inplace import in_place
from ._op import ELEMENTWISE, METHODS, OPS
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
    autograd.backward(self, gradient, retain_graph, create_graph, inputs)


def _reversed(self: Tensor) -> Tensor:
    """This Tensor with its dimensions in the reverse order."""
    return permute(self, tuple(reversed(range(self.ndim))))


def _matrix_transposed(self: Tensor) -> Tensor:
    """This Tensor, or each matrix of a batch, transposed."""
    if self.ndim < 2:
        raise RuntimeError(f"tensor.mT is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.")
    return transpose(self, -2, -1)


def _complex_parts() -> Any:
    """The module of what complex numbers have, which is loaded when it is first needed."""
    return import_module(".ops.complex_parts", __package__)


def _adjoint(self: Tensor) -> Tensor:
    """The conjugate of this matrix, transposed."""
    if self.ndim != 2:
        raise RuntimeError(f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor.")
    return _complex_parts().adjoint(self)


def _batch_adjoint(self: Tensor) -> Tensor:
    """The conjugate of this matrix, or of each matrix of a batch, transposed: see ``gradcu.adjoint``."""
    if self.ndim < 2:
        raise RuntimeError(f"tensor.mH is only supported on matrices or batches of matrices. Got {self.ndim}-D tensor.")
    return _complex_parts().adjoint(self)


def _real_parts(self: Tensor) -> Tensor:
    """The real parts, as a view, which can be assigned to; real numbers themselves: see ``gradcu.real``."""
    return _complex_parts().real(self)


def _set_real_parts(self: Tensor, value: Any) -> None:
    set_item(_complex_parts().real(self), ..., value)


def _imaginary_parts(self: Tensor) -> Tensor:
    """The imaginary parts, as a view, which can be assigned to: see ``gradcu.imag``."""
    return _complex_parts().imag(self)


def _set_imaginary_parts(self: Tensor, value: Any) -> None:
    set_item(_complex_parts().imag(self), ..., value)


class AtFirstUse:
    """Stands in Tensor for a method that a module of gradcu gives Tensor when it is loaded, and loads it."""

    __slots__ = ("_module", "_name")

    def __init__(self, name: str, module: str) -> None:
        self._name, self._module = name, module

    def __get__(self, tensor: Tensor | None, kind: type[Tensor]) -> Any:
        import_module(self._module, __package__)
        return getattr(kind if tensor is None else tensor, self._name)


def has_in_place_form(name: str) -> bool:
    """Whether an elementwise method writes its result into the operand under the name with an underscore."""
    return name not in _NOT_IN_PLACE and (name not in OPS or OPS[name].differentiable)


def _functional(name: str) -> Callable[..., Any]:
    """The method of that name, which may still have to be loaded."""
    return lambda self, *args, **kwargs: getattr(self, name)(*args, **kwargs)


def install() -> None:
    """Gives Tensor the methods that are not functions too. Called once, when the package is imported."""
    for name in sorted(ELEMENTWISE & METHODS.keys()):
        if has_in_place_form(name):
            publish(f"{name}_", in_place(METHODS[name], f"{name}_"), namespace=False)
    for name in (*_WRITERS, *IN_PLACE_BY_NEED):
        publish(f"{name}_", in_place(_functional(name), f"{name}_"), namespace=False)
    for function in (backward, copy_, fill_, zero_):
        publish(function.__name__, function, namespace=False)
    for name, method in (_SPECIAL | DUNDERS | EXCHANGE).items():
        setattr(Tensor, name, method)
    for name, module in (METHODS_BY_NEED | _PROTOCOLS).items():
        setattr(Tensor, name, AtFirstUse(name, module))
    FOR_CUDA.append(lambda: import_module("._cupy_protocol", __package__))
    for name, operator in _OPERATORS.items():
        function = OPERATORS[name]
        setattr(Tensor, f"__{operator}__", function)
        if name in _REFLECTED:
            setattr(Tensor, f"__r{operator}__", _reflected(OPERATORS.get(f"r{name}", function)))
        if name in _AUGMENTED:
            setattr(Tensor, f"__i{operator}__", in_place(function, f"{name}_"))


_SPECIAL: dict[str, Any] = {
    "__getitem__": getitem,
    "__setitem__": set_item,
    "T": property(_reversed),
    "mT": property(_matrix_transposed),
    "H": property(_adjoint),
    "mH": property(_batch_adjoint),
    "real": property(_real_parts, _set_real_parts),
    "imag": property(_imaginary_parts, _set_imaginary_parts),
}
_PROTOCOLS = {
    "__array_function__": "._numpy_protocol",
    "__array_ufunc__": "._numpy_protocol",
    "__cupy_override_elementwise_kernel__": "._cupy_protocol",
}
_WRITERS = (
    "conj_physical", "index_add", "index_copy", "index_fill", "index_put", "masked_fill", "scatter", "scatter_add",
)  # fmt: skip
_NOT_IN_PLACE = {
    "angle", "float_power", "fmax", "fmin", "hardshrink", "logaddexp2", "maximum", "minimum", "positive", "prelu",
}  # fmt: skip

_OPERATORS = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "truediv", "floor_divide": "floordiv", "remainder": "mod",
    "pow": "pow", "rpow": "rpow", "eq": "eq", "ne": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
    "greater_equal": "ge", "neg": "neg", "abs": "abs", "positive": "pos", "bitwise_and": "and", "bitwise_or": "or",
    "bitwise_xor": "xor", "bitwise_not": "invert",
}  # fmt: skip
_REFLECTED = {"add", "sub", "mul", "div", "floor_divide", "remainder", "bitwise_and", "bitwise_or", "bitwise_xor"}
_AUGMENTED = _REFLECTED | {"pow"}
