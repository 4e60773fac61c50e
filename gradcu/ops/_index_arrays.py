"""What index arrays select, and what is added at them, by the array module or by kernels of our own."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from .._determinism import are_deterministic_algorithms_enabled

_INT32 = np.dtype("int32")


def index_kernels(xp: Any) -> Any:
    """The kernels of our own that index arrays of ``xp``; None where its functions do it."""
    return None if xp is np else import_module("._index_kernels", __package__)


def adding_kernels(xp: Any) -> Any:
    """Those of them that add up and write in one order; None where any order will do."""
    return index_kernels(xp) if are_deterministic_algorithms_enabled() else None


def places_along(xp: Any, index: Any, dim: int) -> tuple[Any, ...]:
    """For each dimension where `gather` takes its elements from: at ``index`` along ``dim``, straight along others."""
    return tuple(
        index if d == dim else xp.arange(length).reshape(tuple(length if i == d else 1 for i in range(index.ndim)))
        for d, length in enumerate(index.shape)
    )


def taken(xp: Any, x: Any, where: tuple[Any, ...]) -> Any:
    """``x[where]``, for index arrays and full slices."""
    kernels = index_kernels(xp)
    return x[where] if kernels is None else kernels.gathered(x, where)


def put_at(xp: Any, part: Any, where: Any, value: Any) -> None:
    """``part[where] = value``; of the values of a repeated index the last one stays. Where may also be an ellipsis."""
    kernels = None if where is ... or getattr(value, "size", 1) == 1 else adding_kernels(xp)
    if kernels is None:
        part[where] = value
    else:
        kernels.put_at(part, where, value)


def add_at(xp: Any, part: Any, where: Any, value: Any) -> None:
    """``part[where] += value``, again for every index that is repeated; where may also be an ellipsis."""
    if where is ...:
        part += value
    elif part.dtype.kind in "biu" and part.dtype.itemsize < _INT32.itemsize:
        # CuPy adds up no smaller integers. A wider sum, cut off, is theirs; one of bools is whether any is true.
        total = part.astype(_INT32)
        xp.add.at(total, where, xp.asarray(value, dtype=_INT32))
        part[...] = total.astype(part.dtype)
    else:
        # Nor does it add up complex numbers.
        kernels = index_kernels(xp) if part.dtype.kind == "c" else adding_kernels(xp)
        (xp.add.at if kernels is None else kernels.add_at)(part, where, value)
