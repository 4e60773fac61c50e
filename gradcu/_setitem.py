"""``x[index] = value``: an in-place change of the view ``x[index]``, or of x where the index makes a copy."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._inplace import refuse_leaf, write
from ._op import OPS
from ._tensor import Tensor
from .ops.convert import filled, overwritten
from .ops.index import getitem, index_put


def set_item(self: Tensor, index: Any, value: Any) -> None:
    """Replaces the elements that ``index`` selects with ``value``, which broadcasts to them."""
    if isinstance(value, np.ndarray):
        value = Tensor._wrap(value)
    if is_basic(index):
        part = getitem(self, index)
        if isinstance(value, Tensor):
            copy_(part, value)
        else:
            fill_(part, value)
        return
    refuse_leaf(self)
    write(self, index_put(self, value, index))


def is_basic(index: Any) -> bool:
    """Whether ``index`` selects a view: only integers, slices, None and an ellipsis."""
    keys = index if isinstance(index, tuple) else (index,)
    return all(key is None or key is Ellipsis or isinstance(key, slice) or _is_integer(key) for key in keys)


def _is_integer(key: Any) -> bool:
    if isinstance(key, Tensor):
        return key.ndim == 0 and key.dtype.kind == "i"
    return isinstance(key, int | np.integer) and not isinstance(key, bool)


def copy_(self: Tensor, src: Tensor, non_blocking: bool = False) -> Tensor:
    """Copies the elements of ``src``, which broadcasts to this Tensor, into it; returns this Tensor."""
    refuse_leaf(self)
    return write(self, overwritten(self, src))


def fill_(self: Tensor, value: Any) -> Tensor:
    """Sets every element to ``value``, a number or a 0-dim Tensor; returns this Tensor."""
    refuse_leaf(self)
    if isinstance(value, Tensor) and value.ndim:
        raise RuntimeError(f"fill_ only supports 0-dimension value tensor but got tensor with {value.ndim} dimensions.")
    return write(self, filled(self, value))


def zero_(self: Tensor) -> Tensor:
    """Sets every element to 0; returns this Tensor."""
    refuse_leaf(self)
    return write(self, OPS["zeroed"].call(self))
