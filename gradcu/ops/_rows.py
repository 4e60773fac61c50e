"""How the kernels that work row by row go over an array: what kernels/rows.cuh calls the layout.

Only numbers are made here, from shapes and strides. They follow from these alone and not from the device, so that a
reduction adds up in the same order everywhere.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

from .._dimensions import merged, reach
from .._kernel_text import MOST_DIMENSIONS, NARROW, THREADS, power_of_two, summing_text

_ARRAYS = 4
_SLOTS = MOST_DIMENSIONS + 1  # where no dimension is a row's, or all are, one of length 1 stands in

_FEW = 4
"""Elements that a lane takes at least, before a row gets more lanes."""

_MANY = 64
"""Elements that a lane takes at least where several blocks share a row, which costs a second launch."""

_BLOCKS = 1024
"""As many blocks as keep any device busy."""

_COALESCED = 32
"""Neighbouring threads that should read neighbouring elements."""


class Rows(NamedTuple):
    """The layout of rows, with ``blocks`` for the launch; a row is cut into so many ``parts``, of as many blocks."""

    layout: np.ndarray
    blocks: tuple[int, int]
    rows: int
    parts: int
    wide: bool


def rows_source(name: str, dtype: str, wide: bool) -> str:
    """The text of a file of kernels/ that works row by row, for elements of a dtype."""
    return summing_text(name, ("rows.cuh",), dtype, wide=wide, ARRAYS=_ARRAYS, MOST_DIMENSIONS=_SLOTS)


@functools.cache
def layout_dtype(wide: bool) -> np.dtype:
    """The struct Layout of kernels/rows.cuh."""
    index = "i8" if wide else "i4"
    return np.dtype(
        [
            ("rows", index), ("length", index), ("part", index), ("parts", "i4"), ("lanes", "i4"),
            ("lanes_adjoin", "i4"), ("row_dimensions", "i4"), ("dimensions", "i4"), ("shape", index, _SLOTS),
            ("strides", index, (_ARRAYS, _SLOTS)),
        ],
        align=True,
    )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def rows_along(
    shape: tuple[int, ...], strides: tuple[tuple[int, ...], ...], along: tuple[int, ...], *, ordered: bool = True,
    whole: bool = False,
) -> Rows:  # fmt: skip
    """Rows along the dimensions ``along`` of arrays of one shape and of these strides in bytes.

    ``ordered`` numbers a row's elements in C order, else as they lie in memory. ``whole`` leaves each row to one block.

    >>> rows = rows_along((3, 100_000), ((400_000, 4),), (1,))
    >>> rows.blocks, int(rows.layout["part"]), int(rows.layout["lanes"])
    ((3, 6), 17408, 256)
    """
    rest = tuple(d for d in range(len(shape)) if d not in along)
    inner = along if ordered else tuple(sorted(along, key=lambda d: -abs(strides[0][d])))
    kept, taken = merged(rest, shape, strides), merged(inner, shape, strides)
    rows, length = (math.prod(size for size, _ in dims) for dims in (kept, taken))
    adjoin = rows == 1 or abs(taken[-1][1][0]) <= abs(kept[-1][1][0])
    lanes = min(THREADS, power_of_two(-(-length // _FEW)))
    if not adjoin:
        lanes = min(lanes, THREADS // min(_COALESCED, power_of_two(rows)))
    groups = -(-rows // (THREADS // lanes))
    parts = 1
    if not whole and groups and length >= 2 * _MANY * lanes:
        parts = max(1, min(length // (_MANY * lanes), _BLOCKS // groups))
    part = _rounded_up(-(-length // parts), _FEW * lanes)
    parts = max(1, -(-length // part))
    dims = kept + taken
    wide = max(rows * length, *(reach(dims, k) for k in range(len(strides)))) >= NARROW
    layout = np.zeros((), layout_dtype(wide))
    for name, value in {
        "rows": rows, "length": length, "part": part, "parts": parts, "lanes": lanes, "lanes_adjoin": adjoin,
        "row_dimensions": len(kept), "dimensions": len(dims),
    }.items():  # fmt: skip
        layout[name] = value
    layout["shape"][: len(dims)] = [size for size, _ in dims]
    layout["strides"][: len(strides), : len(dims)] = np.transpose([of for _, of in dims])
    return Rows(layout, (groups, parts), rows, parts, wide)


def _rounded_up(number: int, unit: int) -> int:
    return max(-(-number // unit), 1) * unit
