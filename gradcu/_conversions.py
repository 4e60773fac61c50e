"""Tensor's methods that leave gradcu or come back: numbers, lists, arrays, text, copies, other dtypes and devices."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ._define import publish
from ._device import CPU, copied, moved, resolve
from ._device import device as device_type
from ._dtype import as_dtype, get_default_dtype
from ._tensor import Tensor, current_edge, type_of
from .ops.convert import clone, to_device, to_dtype


def method(function: Any) -> Any:
    """Makes a function a method of Tensor, and nothing else."""
    publish(function.__name__, function, namespace=False)
    return function


# Numbers, lists, arrays


@method
def item(self: Tensor) -> Any:
    """The only element, as a Python number. Raises RuntimeError where there is not exactly one.

    >>> import gradcu
    >>> gradcu.tensor([2.5]).item()
    2.5
    """
    array = self._array
    if array.size != 1:
        raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
    return array.item()


@method
def tolist(self: Tensor) -> Any:
    """The elements as nested lists of Python numbers; a number for a 0-dim Tensor."""
    return self._array.tolist()


def _number(self: Tensor) -> Any:
    array = self._array
    if array.size != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    if self.requires_grad:
        warnings.warn(
            "Converting a tensor with requires_grad=True to a scalar may lead to unexpected behavior.\n"
            "Consider using tensor.detach() first.",
            UserWarning,
            stacklevel=3,
        )
    return array.item()


def _to_bool(self: Tensor) -> bool:
    array = self._array
    if array.size == 1:
        return bool(array.item())
    if array.size == 0:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
    raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")


def _to_float(self: Tensor) -> float:
    return float(_number(self))


def _to_int(self: Tensor) -> int:
    return int(_number(self))


def _to_complex(self: Tensor) -> complex:
    return complex(_number(self))


def _to_index(self: Tensor) -> int:
    array = self._array
    if array.size != 1 or array.dtype.kind not in "iub":
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(array.item())


def as_array(self: Tensor, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
    """``np.asarray(tensor)``: the elements as an array, of another dtype or copied where asked."""
    return np.array(self.numpy(), dtype=dtype, copy=copy)


# Text


def _represent(self: Tensor) -> str:
    from ._format import format_tensor

    try:
        node = self.grad_fn
        name = None if node is None else type(node).__name__
    except RuntimeError:
        # A view that nothing could make again, changed where that was not recorded; it can be looked at all the same.
        name = "Invalid"
    return format_tensor(
        self._array,
        requires_grad=self._requires_grad,
        grad_fn_name=name,
        device=None if self.device.type == "cpu" else str(self.device),
        class_name="tensor" if type(self) is Tensor else type(self).__name__,
        default_dtype=get_default_dtype(),
    )


def _format_with(self: Tensor, spec: str) -> str:
    from ._format import format_spec

    return format_spec(self._array, spec, lambda: repr(self))


# Sequence


def _length(self: Tensor) -> int:
    if self._array.ndim == 0:
        raise TypeError("len() of a 0-d tensor")
    return len(self._array)


def _iterate(self: Tensor) -> Iterator[Tensor]:
    if self._array.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


def _contains(self: Tensor, element: Any) -> bool:
    if isinstance(element, Tensor | bool | int | float | complex | np.generic):
        value = element._array if isinstance(element, Tensor) else element
        return bool((self._array == value).any())
    raise RuntimeError(f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a {type(element)}.")


@method
def size(self: Tensor, dim: int | None = None) -> Any:
    """The shape, or the length of dimension ``dim``."""
    shape = self.shape
    if dim is None:
        return shape
    if not -max(len(shape), 1) <= dim < max(len(shape), 1) or not shape:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-max(len(shape), 1)}, {max(len(shape), 1) - 1}], "
            f"but got {dim})"
            if shape
            else "Dimension specified as 0 but tensor has no dimensions"
        )
    return shape[dim]


@method
def numel(self: Tensor) -> int:
    """The number of elements."""
    return self._array.size


@method
def nelement(self: Tensor) -> int:
    """The number of elements: `numel`."""
    return self._array.size


@method
def dim(self: Tensor) -> int:
    """The number of dimensions: `ndim`."""
    return self._array.ndim


@method
def element_size(self: Tensor) -> int:
    """The size of an element, in bytes."""
    return self._array.dtype.itemsize


@method
def stride(self: Tensor, dim: int | None = None) -> Any:
    """The distance between neighbours along every dimension, or along ``dim``, in elements."""
    strides = tuple(step // self._array.dtype.itemsize for step in self._memory().strides)
    return strides if dim is None else strides[dim]


@method
def is_contiguous(self: Tensor) -> bool:
    """Whether the elements lie one after the other in memory, in row-major order."""
    return bool(self._memory().flags.c_contiguous)


@method
def data_ptr(self: Tensor) -> int:
    """The address of the first element."""
    array = self._memory()
    return array.ctypes.data if isinstance(array, np.ndarray) else array.data.ptr


@method
def is_floating_point(self: Tensor) -> bool:
    """Whether the dtype is a floating-point one."""
    return self._array.dtype.kind == "f"


@method
def is_complex(self: Tensor) -> bool:
    """Whether the dtype is a complex one."""
    return self._array.dtype.kind == "c"


# Graph


@method
def detach(self: Tensor) -> Tensor:
    """The same memory, outside the graph; in-place changes of one are seen in the other, and counted.

    >>> import gradcu
    >>> x = gradcu.ones(2, requires_grad=True)
    >>> x.detach().requires_grad
    False
    """
    return Tensor._wrap(self._payload(), self._version_counter)


@method
def detach_(self: Tensor) -> Tensor:
    """Takes this Tensor out of the graph that made it: it becomes a leaf."""
    if self._view is not None:
        raise RuntimeError("Can't detach views in-place. Use detach() instead.")
    self._edge, self._requires_grad = None, False
    return self


@method
def requires_grad_(self: Tensor, requires_grad: bool = True) -> Tensor:
    """Says whether operations on this Tensor are recorded from now on; returns the Tensor."""
    if requires_grad and self._array.dtype.kind not in "fc":
        raise RuntimeError("only Tensors of floating point dtype can require gradients")
    self.requires_grad = requires_grad
    return self


# Dtypes and devices


@method
def to(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """This Tensor with another dtype, on another device, or both; itself where nothing changes.

    ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` and ``to(other)`` as in PyTorch, with ``copy=True`` for a copy
    in any case. Gradients flow back through it, in this Tensor's dtype and on its device. With ``non_blocking`` a copy
    between the CPU and a CUDA device goes through pinned memory and is not waited for; one to the CPU must not be read
    before ``gradcu.cuda.synchronize()``.

    >>> import gradcu
    >>> gradcu.ones(2).to(gradcu.float64)
    tensor([1., 1.], dtype=gradcu.float64)
    """
    dtype, place = kwargs.pop("dtype", None), kwargs.pop("device", None)
    copy, non_blocking = bool(kwargs.pop("copy", False)), bool(kwargs.pop("non_blocking", False))
    if kwargs:
        raise TypeError(f"to() got an unexpected keyword argument '{next(iter(kwargs))}'")
    flags: list[bool] = []
    for value in args:
        if isinstance(value, Tensor):
            dtype, place = value.dtype, value.device
        elif isinstance(value, bool):
            flags.append(value)
        elif isinstance(value, device_type | int) or (isinstance(value, str) and not _names_dtype(value)):
            place = value
        elif value is not None:
            dtype = as_dtype(value)
    if flags:
        # By position: non_blocking, then copy.
        non_blocking, copy = flags[0], copy or any(flags[1:])
    wanted = self.dtype if dtype is None else as_dtype(dtype)
    source = self.device
    target = source if place is None else resolve(place)
    if target != source:
        return to_device(self, target, wanted, non_blocking)
    if wanted == self.dtype:
        return clone(self) if copy else self
    return to_dtype(self, wanted)


def _names_dtype(text: str) -> bool:
    try:
        np.dtype(text)
    except TypeError:
        return False
    return True


@method
def cpu(self: Tensor) -> Tensor:
    """This Tensor on the CPU."""
    return to(self, CPU)


@method
def cuda(self: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """This Tensor on ``device``, by default the current CUDA device.

    Raises RuntimeError where it can't be used, or is no CUDA device.
    """
    if device is not None and device_type(device).type == "cpu":
        raise RuntimeError(f"Invalid device, must be cuda device: {device}")
    return to(self, "cuda" if device is None else device, non_blocking=non_blocking)


@method
def get_device(self: Tensor) -> int:
    """The index of the CUDA device where the elements are; -1 on the CPU."""
    return -1 if self.device.index is None else self.device.index


_CASTS = {
    "half": "float16", "float": "float32", "double": "float64", "bool": "bool", "byte": "uint8", "char": "int8",
    "short": "int16", "int": "int32", "long": "int64", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


def _publish_casts() -> None:
    def cast_to(name: str, wanted: np.dtype[Any]) -> Any:
        def cast(self: Tensor) -> Tensor:
            return self if self._array.dtype == wanted else to_dtype(self, wanted)

        cast.__name__ = cast.__qualname__ = name
        cast.__doc__ = f"This Tensor as {wanted}; itself where it is that already."
        return cast

    for name, dtype in _CASTS.items():
        publish(name, cast_to(name, as_dtype(dtype)), namespace=False)


_publish_casts()


def _type(self: Tensor, dtype: Any = None) -> Any:
    """This Tensor as another dtype; without one, the name of its type as PyTorch writes it."""
    if dtype is None:
        return type_of(self)
    return to(self, as_dtype(dtype))


publish("type", _type, namespace=False)


@method
def type_as(self: Tensor, other: Tensor) -> Tensor:
    """This Tensor in the dtype of ``other``, and on its device."""
    return to(self, other)


# Copies and pickles


def _deep_copy(self: Tensor, memo: dict[int, Any]) -> Tensor:
    if current_edge(self) is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy protocol at the moment: "
            "detach() this one first"
        )
    if id(self) in memo:
        return memo[id(self)]
    twin = self._wrap(copied(self._array))
    memo[id(self)] = twin
    twin._requires_grad = self._requires_grad
    if self._grad is not None:
        twin._grad = _deep_copy(self._grad, memo)
    return twin


def _rebuild(kind: Any, array: np.ndarray, requires_grad: bool, place: Any = CPU) -> Tensor:
    tensor = kind._wrap(array if place is CPU else moved(array, resolve(place)))
    tensor._requires_grad = requires_grad
    return tensor


def _reduce(self: Tensor, protocol: int) -> tuple[Any, ...]:
    if current_edge(self) is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) can be pickled: detach() this one first"
        )
    if self.device is CPU:
        return _rebuild, (self.__class__, self._memory(), self._requires_grad)
    return _rebuild, (self.__class__, self.numpy(force=True), self._requires_grad, self.device)


DUNDERS = {
    "__array__": as_array,
    "__bool__": _to_bool, "__float__": _to_float, "__int__": _to_int, "__complex__": _to_complex,
    "__index__": _to_index, "__repr__": _represent, "__format__": _format_with, "__len__": _length,
    "__iter__": _iterate, "__contains__": _contains, "__deepcopy__": _deep_copy, "__reduce_ex__": _reduce,
    "__hash__": object.__hash__,
}  # fmt: skip
