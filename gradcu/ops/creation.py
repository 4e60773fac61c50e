"""Tensors of constants: zeros, ones, full, empty, eye, and the same beside another Tensor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._define import function
from .._device import CPU, copied, device_of, moved, naming_memory, pinned, resolve
from .._device import device as device_type
from .._dtype import as_dtype, c_name, default_complex_dtype, get_default_dtype
from .._tensor import Tensor
from ._arguments import require_tensor, sizes, type_name
from .convert import laid_out_as


def made(array: Any, requires_grad: bool) -> Tensor:
    """A new leaf. Raises RuntimeError where integers or bools are to require a gradient."""
    out = Tensor._wrap(array)
    if requires_grad:
        if array.dtype.kind in "biu":
            raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
        out._requires_grad = True
    return out


def built(name: str, build: Callable[[Any], Any], device: Any, requires_grad: bool, pin_memory: bool) -> Tensor:
    """A new leaf that holds ``build(xp)``, called with the array module of ``device``, on that device.

    ``name`` is that of the public function. Raises RuntimeError where ``pin_memory`` is asked for and cannot be had.
    """
    place = resolve(device)
    if place is CPU:
        array = build(np)
        return made(in_pinned_memory(array, CPU) if pin_memory else array, requires_grad)
    if pin_memory:
        raise _pinned_elsewhere(place)
    with place.context, naming_memory(name, place):
        return made(build(place.xp), requires_grad)


def in_pinned_memory(array: Any, place: device_type) -> Any:
    """``array``, made for ``place``, in pinned memory. Raises RuntimeError where that cannot be had."""
    if place is not CPU:
        raise _pinned_elsewhere(place)
    return pinned(
        np.asarray(array, order="C"),
        "pin_memory=True requires a CUDA or other accelerator backend; no pinned memory allocator is available on this "
        "system",
    )


def _pinned_elsewhere(place: device_type) -> RuntimeError:
    return RuntimeError(f"Only dense CPU tensors can be pinned: pin_memory=True was passed with device='{place}'")


def on_device(array: Any, device: Any, *, copy: bool, pin_memory: bool = False) -> Any:
    """``array`` on ``device``: itself where it is there already, unless a ``copy`` or pinned memory is wanted."""
    place = resolve(device)
    if device_of(array) != place:
        array, copy = moved(array, place), False
    if pin_memory:
        return in_pinned_memory(array, place)
    return copied(array) if copy else array


def given_dtype(dtype: Any) -> np.dtype[Any]:
    """``dtype``, or the default dtype for None."""
    return get_default_dtype() if dtype is None else as_dtype(dtype)


def shape_of(name: str, lengths: tuple[Any, ...], size: Any) -> tuple[int, ...]:
    """The shape given by position, as lengths or as one tuple, or by the keyword ``size``."""
    if size is not None:
        lengths = (size,)
    elif not lengths:
        raise TypeError(f'{name}() missing 1 required positional arguments: "size"')
    shape = sizes(name, lengths)
    for length in shape:
        if length < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {length}: {list(shape)}")
    return shape


@function(method=False)
def zeros(
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Zeros of the default dtype, or of ``dtype``, in a shape given as ``zeros(2, 3)`` or ``zeros((2, 3))``.

    Raises RuntimeError for a negative length, TypeError for one that is no int.

    >>> import gradcu
    >>> gradcu.zeros(2)
    tensor([0., 0.])
    """
    shape, kind = shape_of("zeros", lengths, size), given_dtype(dtype)
    return built("zeros", lambda xp: xp.zeros(shape, kind), device, requires_grad, pin_memory)


@function(method=False)
def ones(
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """Ones of the default dtype, or of ``dtype``, in a shape given as ``ones(2, 3)`` or ``ones((2, 3))``.

    Raises RuntimeError for a negative length, TypeError for one that is no int.

    >>> import gradcu
    >>> gradcu.ones(2, requires_grad=True)
    tensor([1., 1.], requires_grad=True)
    """
    shape, kind = shape_of("ones", lengths, size), given_dtype(dtype)
    return built("ones", lambda xp: xp.ones(shape, kind), device, requires_grad, pin_memory)


@function(method=False)
def empty(
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A Tensor whose elements are whatever the memory held, in a shape given as ``empty(2, 3)`` or ``empty((2, 3))``.

    Raises RuntimeError for a negative length, TypeError for one that is no int.

    >>> import gradcu
    >>> gradcu.empty(2, 3).shape
    gradcu.Size([2, 3])
    """
    shape, kind = shape_of("empty", lengths, size), given_dtype(dtype)
    return built("empty", lambda xp: xp.empty(shape, kind), device, requires_grad, pin_memory)


@function(method=False)
def full(
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A Tensor of shape ``size``, all of whose elements are the number ``fill_value``.

    Without ``dtype``, bool gives bool, int int64, float the default dtype. Raises TypeError where ``fill_value`` is
    no number or ``size`` no tuple, RuntimeError where the dtype does not hold the number.

    >>> import gradcu
    >>> gradcu.full((2,), 7)
    tensor([7, 7])
    """
    if not isinstance(size, tuple | list):
        raise TypeError(f"full(): argument 'size' (position 1) must be tuple of ints, not {type_name(size)}")
    value = _fill_number("full", fill_value)
    natural = {bool: np.dtype(bool), int: np.dtype("int64"), float: get_default_dtype()}
    kind = natural.get(type(value), default_complex_dtype()) if dtype is None else as_dtype(dtype)
    shape, value = shape_of("full", (size,), None), held(value, kind)
    return built("full", lambda xp: xp.full(shape, value, kind), device, requires_grad, pin_memory)


def _fill_number(name: str, value: Any) -> Any:
    """The Python number that ``value``, a number or a 0-dim Tensor outside a graph, is."""
    if isinstance(value, np.generic) or (isinstance(value, Tensor) and not value.ndim and not value.requires_grad):
        return value.item()
    if not isinstance(value, bool | int | float | complex):
        raise TypeError(f"{name}(): argument 'fill_value' (position 2) must be Number, not {type_name(value)}")
    return value


def held(value: Any, dtype: np.dtype[Any]) -> Any:
    """The number ``value`` in ``dtype``. Raises RuntimeError where the dtype does not hold it."""
    kind = dtype.kind
    if isinstance(value, complex):
        if kind in "cb":
            return dtype.type(value)
        if value.imag:
            raise RuntimeError(f"value cannot be converted to type {c_name(dtype)} without overflow")
        value = value.real
    if kind in "iu":
        limits = np.iinfo(dtype)
        # A negative int wraps around in unsigned dtypes, a float does not, as in PyTorch.
        least = -limits.max if kind == "u" and isinstance(value, int) else limits.min
        if not least <= value <= limits.max:
            raise RuntimeError(f"value cannot be converted to type {c_name(dtype)} without overflow")
        return dtype.type(int(value) % (limits.max + 1) if kind == "u" else int(value))
    with np.errstate(all="ignore"):
        found = dtype.type(value)
    if kind == "f" and np.isinf(found) and abs(value) != np.inf:
        raise RuntimeError(f"value cannot be converted to type {c_name(dtype)} without overflow")
    return found


def _like(
    name: str, make: Callable[..., Any], input: Any, dtype: Any, device: Any, requires_grad: bool, pin_memory: bool
) -> Tensor:
    """A new leaf of the shape and layout of ``input``, and of its dtype and device where no other is given."""
    require_tensor(name, input)
    array = input._array
    kind = array.dtype if dtype is None else as_dtype(dtype)
    place = device_of(array) if device is None else device
    return built(
        name, lambda xp: laid_out_as(array, lambda shape: make(xp, shape, kind)), place, requires_grad, pin_memory
    )


@function(method=False)
def zeros_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """Zeros of the shape of ``input``, and of its dtype and device unless others are given.

    >>> import gradcu
    >>> gradcu.zeros_like(gradcu.tensor([1, 2]))
    tensor([0, 0])
    """
    return _like("zeros_like", lambda xp, *of: xp.zeros(*of), input, dtype, device, requires_grad, pin_memory)


@function(method=False)
def ones_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """Ones of the shape of ``input``, and of its dtype and device unless others are given.

    >>> import gradcu
    >>> gradcu.ones_like(gradcu.tensor([1.0, 2.0]))
    tensor([1., 1.])
    """
    return _like("ones_like", lambda xp, *of: xp.ones(*of), input, dtype, device, requires_grad, pin_memory)


def unit_like(output: Tensor, element: int) -> Tensor:
    """1 at an element of the shape, dtype and device of ``output``, counted in row-major order, and 0 elsewhere."""
    unit = np.zeros(output._array.shape, output._array.dtype)
    unit.reshape(-1)[element] = 1
    return Tensor._wrap(on_device(unit, output.device, copy=False))


@function(method=False)
def empty_like(
    input: Tensor, *, dtype: Any = None, device: Any = None, pin_memory: bool = False, requires_grad: bool = False
) -> Tensor:
    """Whatever the memory held, in the shape of ``input``, and of its dtype and device unless others are given.

    >>> import gradcu
    >>> gradcu.empty_like(gradcu.ones(2, 3)).shape
    gradcu.Size([2, 3])
    """
    return _like("empty_like", lambda xp, *of: xp.empty(*of), input, dtype, device, requires_grad, pin_memory)


@function(method=False)
def full_like(
    input: Tensor,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The number ``fill_value`` in the shape of ``input``, and in its dtype and device unless others are given.

    >>> import gradcu
    >>> gradcu.full_like(gradcu.ones(2), 3)
    tensor([3., 3.])
    """
    value = _fill_number("full_like", fill_value)
    require_tensor("full_like", input)
    value = held(value, input._array.dtype if dtype is None else as_dtype(dtype))
    return _like(
        "full_like",
        lambda xp, shape, kind: xp.full(shape, value, kind),
        input,
        dtype,
        device,
        requires_grad,
        pin_memory,
    )


@function(method=False)
def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """A matrix of ``n`` rows and ``m`` columns, as many as rows by default, with 1 on its diagonal and 0 elsewhere.

    Raises RuntimeError for negative numbers, TypeError for what is no int.

    >>> import gradcu
    >>> gradcu.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    columns = n if m is None else m
    for position, (name, value) in enumerate((("n", n), ("m", columns))):
        if isinstance(value, bool) or not isinstance(value, int | np.integer):
            raise TypeError(f"eye(): argument '{name}' (position {position + 1}) must be int, not {type_name(value)}")
        if value < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
    kind = given_dtype(dtype)
    return built("eye", lambda xp: xp.eye(n, columns, dtype=kind), device, requires_grad, pin_memory)
