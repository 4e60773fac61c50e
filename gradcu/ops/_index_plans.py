"""Where index arrays lead: what the kernels of kernels/index.cu are told.

Only numbers are made here, from shapes and strides, and kept: an index is mostly used again with the same ones.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._dimensions import Dimensions, merged, reach
from .._kernel_text import MOST_DIMENSIONS, NARROW

CHUNK = 32
"""Sorted places that a thread adds up."""

KEY_BITS = 63
"""What can be sorted: the numbers of a target and of a place, in an int64 without its sign."""

_KEPT = 4096

Lie = tuple[tuple[int, ...], tuple[int, ...]]
"""An array's shape, and its strides in bytes."""

Keys = tuple[Lie | None, ...]
"""An index: how each index array lies, and None for a full slice."""


class Gathering(NamedTuple):
    """The elements at an index: the shape of the result, and the struct Places, whose steps are in bytes."""

    shape: tuple[int, ...]
    places: np.ndarray
    wide: bool


class Adding(NamedTuple):
    """Sums at an index: the structs Places, whose steps are in elements, and Addends; ``width`` elements a place."""

    places: np.ndarray
    addends: np.ndarray
    place_count: int
    width: int
    shift: int
    wide: bool


class Where:
    """An index of an array of this shape, by NumPy's rules."""

    def __init__(self, shape: tuple[int, ...], keys: Keys) -> None:
        full = (*keys, *(None,) * (len(shape) - len(keys)))
        indices = [(axis, key) for axis, key in enumerate(full) if key is not None]
        self.axes = [axis for axis, _ in indices]
        self.others = [axis for axis, key in enumerate(full) if key is None]
        try:
            self.shape = np.broadcast_shapes(*(lie[0] for _, lie in indices))
        except ValueError:
            raise IndexError("shape mismatch") from None
        self.lengths = [shape[axis] for axis in self.axes]
        if math.prod(self.shape) and not math.prod(self.lengths):
            raise IndexError(f"index is out of bounds for axis {self.axes[self.lengths.index(0)]} with size 0")
        self.strides = [_spread(lie, self.shape) for _, lie in indices]
        # The dimensions of index arrays that adjoin stay where these are, those of others come first.
        adjoin = self.axes[-1] - self.axes[0] == len(self.axes) - 1
        self._first = self.axes[0] if adjoin else 0
        self.result = self.laid(self.shape, [shape[axis] for axis in self.others])

    def laid(self, of_indices: Sequence[int], of_others: Sequence[int]) -> tuple[int, ...]:
        """Numbers of the index arrays' dimensions and of the others, as these follow each other in the result."""
        return (*of_others[: self._first], *of_indices, *of_others[self._first :])

    def order(self) -> tuple[int, ...]:
        """The dimensions of the result, for an array that has those of the index arrays first."""
        dims = range(len(self.result))
        return self.laid(dims[: len(self.shape)], dims[len(self.shape) :])

    def split(self, along: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The numbers of `laid`, taken apart again."""
        end = self._first + len(self.shape)
        return along[self._first : end], along[: self._first] + along[end:]


@functools.lru_cache(maxsize=_KEPT)
def gathering(x: Lie, keys: Keys) -> Gathering | None:
    """``x[keys]``; None where there are more dimensions than the kernels take. Raises IndexError."""
    shape, strides = x
    where = Where(shape, keys)
    if max(len(shape), len(where.result)) > MOST_DIMENSIONS:
        return None
    of_indices, of_others = (0,) * len(where.shape), (0,) * len(where.others)
    rows = [where.laid(of_indices, [strides[axis] for axis in where.others])]
    rows += [where.laid(of_index, of_others) for of_index in where.strides]
    dims = merged(range(len(where.result)), where.result, rows)
    return Gathering(where.result, *_places(dims, where.lengths, [strides[axis] for axis in where.axes]))


@functools.lru_cache(maxsize=_KEPT)
def gathering_along(x: Lie, index: Lie, dim: int) -> Gathering:
    """For dim 0, x[index[i, j], j]; of no more dimensions than the kernels take."""
    dims = merged(range(len(index[0])), index[0], [_without(x[1], dim), index[1]])
    return Gathering(index[0], *_places(dims, [x[0][dim]], [x[1][dim]]))


@functools.lru_cache(maxsize=_KEPT)
def adding(out: Lie, keys: Keys, values: Lie) -> Adding | None:
    """``out[keys] += values``; None where the kernels can't. Raises IndexError, or ValueError for values' shape."""
    shape, strides = out
    where = Where(shape, keys)
    if np.broadcast_shapes(values[0], where.result) != where.result:
        raise ValueError(f"values of shape {values[0]} do not broadcast to {where.result}")
    count, targets = math.prod(where.shape), math.prod(where.lengths)
    if max(len(shape), len(where.result)) > MOST_DIMENSIONS or _key_bits(count, targets) > KEY_BITS:
        return None
    dims, others = range(len(where.shape)), [shape[axis] for axis in where.others]
    of_places, of_others = where.split(_spread(values, where.result))
    return _adding(
        merged(dims, where.shape, [(0,) * len(where.shape), *where.strides]), where.lengths, weights_of(where.lengths),
        merged(dims, where.shape, [of_places]),
        merged(range(len(others)), others, [of_others, [strides[axis] for axis in where.others]]),
        [(shape[axis], (strides[axis],)) for axis in where.axes],
    )  # fmt: skip


@functools.lru_cache(maxsize=_KEPT)
def adding_along(shape: tuple[int, ...], itemsize: int, index: Lie, dim: int, values: Lie) -> Adding | None:
    """For dim 0, ``out[index[i, j], j] += values[i, j]``, for a contiguous ``out``; None where the kernels can't."""
    size, dims = math.prod(shape), range(len(shape))
    if len(shape) > MOST_DIMENSIONS or _key_bits(math.prod(index[0]), size) > KEY_BITS:
        return None
    weights = weights_of(shape)
    return _adding(
        merged(dims, index[0], [_without(weights, dim), index[1]]), [shape[dim]], [weights[dim]],
        merged(dims, index[0], [values[1]]), [(1, (0, 0))], [(size, (itemsize,))],
    )  # fmt: skip


def _adding(
    led: Dimensions, lengths: Sequence[int], weights: Sequence[int],
    places: Dimensions, width: Dimensions, targets: Dimensions,
) -> Adding:  # fmt: skip
    count, columns = _size(places), _size(width)
    extents = reach(places, 0) + reach(width, 0), reach(targets, 0) + reach(width, 1)
    led_to, wide = _places(led, lengths, weights, max(count * columns, *extents))
    addends = np.zeros((), addends_dtype(wide))
    shift = max(count - 1, 0).bit_length()
    for name, value in {
        "count": count, "width": columns, "place_dimensions": len(places), "width_dimensions": len(width),
        "target_dimensions": len(targets), "shift": shift,
    }.items():  # fmt: skip
        addends[name] = value
    _fill(addends, "place_shape", "place_strides", places)
    _fill(addends, "width_shape", "addend_strides", width)
    _fill(addends, "width_shape", "element_strides", width, 1)
    _fill(addends, "target_shape", "target_strides", targets)
    return Adding(led_to, addends, count, columns, shift, wide)


def _places(dims: Dimensions, lengths: Sequence[int], steps: Sequence[int], extent: int = 0) -> tuple[np.ndarray, bool]:
    """The struct Places, and whether it takes 64-bit indices; ``extent`` is what else these must reach.

    ``dims`` are those of the places, with the strides of what is indexed and then of each index array; an index of an
    axis of one of the ``lengths`` goes so many ``steps``.
    """
    indexed = [(length, (step,)) for length, step in zip(lengths, steps, strict=True)]
    of_indices = (reach(dims, 1 + k) for k in range(len(lengths)))
    wide = max(extent, _size(dims), reach(dims, 0) + reach(indexed, 0), *of_indices) >= NARROW
    made = np.zeros((), places_dtype(wide))
    made["count"], made["dimensions"], made["arrays"] = _size(dims), len(dims), len(lengths)
    _fill(made, "shape", "strides", dims)
    for k in range(len(lengths)):
        made["index_strides"][k, : len(dims)] = [strides[1 + k] for _, strides in dims]
    made["lengths"][: len(lengths)] = lengths
    made["steps"][: len(steps)] = steps
    return made, wide


def _fill(struct: np.ndarray, shape: str, strides: str, dims: Dimensions, array: int = 0) -> None:
    struct[shape][: len(dims)] = [length for length, _ in dims]
    struct[strides][: len(dims)] = [steps[array] for _, steps in dims]


def _size(dims: Dimensions) -> int:
    return math.prod(length for length, _ in dims)


def most_places(targets: int) -> int:
    """How many places can be sorted at a time."""
    return (1 << (KEY_BITS - targets.bit_length())) - 1


def _key_bits(count: int, targets: int) -> int:
    """The bits of what is sorted: the numbers of a target and of a place."""
    return count.bit_length() + targets.bit_length()


def _spread(lie: Lie, shape: tuple[int, ...]) -> tuple[int, ...]:
    """The strides of an array that is broadcast to this shape."""
    own = (0 if length == 1 else step for length, step in zip(*lie, strict=True))
    return (*(0,) * (len(shape) - len(lie[0])), *own)


def weights_of(shape: Sequence[int]) -> tuple[int, ...]:
    """How many elements a step along each dimension goes, in C order."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def _without(strides: tuple[int, ...], dim: int) -> tuple[int, ...]:
    return tuple(0 if d == dim else step for d, step in enumerate(strides))


@functools.cache
def places_dtype(wide: bool) -> np.dtype:
    """The struct Places of kernels/index.cu."""
    index, most = "i8" if wide else "i4", MOST_DIMENSIONS
    return np.dtype(
        [
            ("count", index), ("dimensions", "i4"), ("arrays", "i4"), ("shape", index, most), ("strides", index, most),
            ("index_strides", index, (most, most)), ("lengths", index, most), ("steps", index, most),
        ],
        align=True,
    )  # fmt: skip


@functools.cache
def addends_dtype(wide: bool) -> np.dtype:
    """The struct Addends of kernels/index.cu."""
    index, most = "i8" if wide else "i4", MOST_DIMENSIONS
    return np.dtype(
        [
            ("count", index), ("width", index), ("place_dimensions", "i4"), ("width_dimensions", "i4"),
            ("target_dimensions", "i4"), ("shift", "i4"),
            *((name, index, most) for name in (
                "place_shape", "place_strides", "width_shape", "addend_strides", "element_strides", "target_shape",
                "target_strides",
            )),
        ],
        align=True,
    )  # fmt: skip
