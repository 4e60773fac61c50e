"""``x[index] = value``: an in-place change of the view ``x[index]``, or of x where the index makes a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._calls import argument_error
from ._device import CPU, is_cupy_array
from ._inplace import refuse_leaf, write
from ._op import OPS
from ._tensor import Tensor, type_of
from .ops._arguments import require_tensor, type_name
from .ops.convert import filled, overwritten, to_device
from .ops.creation import held
from .ops.index import getitem, index_put

_NUMBERS = (bool, int, float, complex, np.generic)


def set_item(self: Tensor, index: Any, value: Any) -> None:
    """Replaces the elements that ``index`` selects with ``value``, which broadcasts to them."""
    if isinstance(value, np.ndarray) or is_cupy_array(value):
        value = Tensor._wrap(value)
    elif not isinstance(value, (Tensor, *_NUMBERS)):
        raise TypeError(f"can't assign a {type_name(value)} to a {type_of(self)}")
    if is_basic(index):
        copy_(self if index is Ellipsis else getitem(self, index), value)
        return
    refuse_leaf(self)
    write(self, index_put(self, _held(self, value), index))


def _held(tensor: Tensor, value: Any) -> Any:
    """``value`` as what can be written into ``tensor``: a number in its dtype, which must hold it."""
    if isinstance(value, np.generic):
        value = value.item()
    return value if isinstance(value, Tensor) else held(value, tensor.dtype)


def is_basic(index: Any) -> bool:
    """Whether ``index`` selects a view: only integers, slices, None and an ellipsis."""
    keys = index if isinstance(index, tuple) else (index,)
    return all(key is None or key is Ellipsis or isinstance(key, slice) or _is_integer(key) for key in keys)


def _is_integer(key: Any) -> bool:
    if isinstance(key, Tensor):
        return key.ndim == 0 and key.dtype.kind == "i"
    return isinstance(key, int | np.integer) and not isinstance(key, bool)


def copy_(self: Tensor, src: Any, non_blocking: bool = False) -> Tensor:
    """Copies ``src``, a number or a Tensor that broadcasts to this one, into this Tensor and returns it.

    A Tensor may be on another device; ``non_blocking`` as of ``to``, but a copy to the CPU is waited for.
    """
    if isinstance(src, _NUMBERS):
        return fill_(self, src)
    require_tensor("copy_", src, "other")
    refuse_leaf(self)
    if src.device is not self.device:
        # What comes to the CPU is read at once.
        src = to_device(src, self.device, None, non_blocking and self.device is not CPU)
    return write(self, overwritten(self, src))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Sets every element to ``value``, a number or a 0-dim Tensor; returns this Tensor."""
    if not isinstance(value, (Tensor, *_NUMBERS)):
        raise argument_error("fill_", "value", 0, value)
    refuse_leaf(self)
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return write(self, filled(self, _held(self, value)))


def zero_(self: Tensor) -> Tensor:
    """Sets every element to 0; returns this Tensor."""
    refuse_leaf(self)
    return write(self, OPS["zeroed"].call(self))
