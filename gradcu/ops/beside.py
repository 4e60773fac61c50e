"""New Tensors of the dtype and device of another: ``new_zeros`` and its like, methods as in PyTorch."""

from __future__ import annotations

from typing import Any

from .._define import function
from .._dtype import as_dtype
from .._tensor import Tensor
from .creation import built, held, shape_of


def _kind(tensor: Tensor, dtype: Any) -> Any:
    return tensor._array.dtype if dtype is None else as_dtype(dtype)


def _place(tensor: Tensor, device: Any) -> Any:
    return tensor.device if device is None else device


@function(namespace=False)
def new_zeros(
    self: Tensor,
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Zeros of the given shape, and of the dtype and device of this Tensor unless others are given.

    >>> import gradcu
    >>> gradcu.tensor([1, 2]).new_zeros(3)
    tensor([0, 0, 0])
    """
    shape, kind = shape_of("new_zeros", lengths, size), _kind(self, dtype)
    return built("new_zeros", lambda xp: xp.zeros(shape, kind), _place(self, device), requires_grad, pin_memory)


@function(namespace=False)
def new_ones(
    self: Tensor,
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Ones of the given shape, and of the dtype and device of this Tensor unless others are given.

    >>> import gradcu
    >>> gradcu.tensor([1, 2]).new_ones(3)
    tensor([1, 1, 1])
    """
    shape, kind = shape_of("new_ones", lengths, size), _kind(self, dtype)
    return built("new_ones", lambda xp: xp.ones(shape, kind), _place(self, device), requires_grad, pin_memory)


@function(namespace=False)
def new_empty(
    self: Tensor,
    *lengths: Any,
    size: Any = None,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """Whatever the memory held, in the given shape, and of the dtype and device of this Tensor unless others are given.

    >>> import gradcu
    >>> gradcu.tensor([1, 2]).new_empty((3, 2)).shape
    gradcu.Size([3, 2])
    """
    shape, kind = shape_of("new_empty", lengths, size), _kind(self, dtype)
    return built("new_empty", lambda xp: xp.empty(shape, kind), _place(self, device), requires_grad, pin_memory)


@function(namespace=False)
def new_full(
    self: Tensor,
    size: Any,
    fill_value: Any,
    *,
    dtype: Any = None,
    device: Any = None,
    requires_grad: bool = False,
    pin_memory: bool = False,
) -> Tensor:
    """``fill_value`` in the given shape, of the dtype and device of this Tensor unless others are given.

    Raises RuntimeError where the dtype does not hold the number.

    >>> import gradcu
    >>> gradcu.tensor([1, 2]).new_full((2,), 7)
    tensor([7, 7])
    """
    shape, kind = shape_of("new_full", (size,), None), _kind(self, dtype)
    number = held(fill_value.item() if isinstance(fill_value, Tensor) else fill_value, kind)
    return built("new_full", lambda xp: xp.full(shape, number, kind), _place(self, device), requires_grad, pin_memory)
