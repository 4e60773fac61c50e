"""How arrays that broadcast to one shape lie in memory: their strides, in as few dimensions as they allow."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from .._dimensions import merged

Box = tuple[int | slice, ...]
"""An index of an array that selects a box of it."""


class Layout:
    """Arrays broadcast to one shape, whose elements are counted in C order.

    ``lengths`` are the dimensions that are left where no two neighbours can be one, at least one; ``strides`` has a row
    of them, in bytes, for each array.

    >>> import numpy
    >>> Layout([numpy.zeros((4, 5, 1)), numpy.zeros((4, 5, 6))], (4, 5, 6))
    Layout(lengths=[20, 6], strides=[[8, 0], [48, 8]])
    """

    __slots__ = ("lengths", "strides")

    lengths: list[int]
    strides: list[list[int]]

    def __init__(self, arrays: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
        if all(array.shape == shape and array.flags.c_contiguous for array in arrays):
            # The commonest case, made short.
            self.lengths, self.strides = [math.prod(shape)], [[array.itemsize] for array in arrays]
            return
        strides = [[_stride(array, dim - len(shape), length) for dim, length in enumerate(shape)] for array in arrays]
        dims = merged(range(len(shape)), shape, strides)
        self.lengths = [length for length, _ in dims]
        self.strides = [list(row) for row in zip(*(steps for _, steps in dims), strict=True)]

    def __repr__(self) -> str:
        return f"Layout(lengths={self.lengths}, strides={self.strides})"

    def view(self, array: np.ndarray, number: int) -> np.ndarray:
        """The array of that number in the dimensions that are left."""
        if array.flags.c_contiguous and [array.size] == self.lengths:
            return array.reshape(-1)
        return np.lib.stride_tricks.as_strided(array, self.lengths, self.strides[number], writeable=False)


def _stride(array: np.ndarray, dim: int, length: int) -> int:
    """The stride in the dimension ``dim``, counted from the end, of an array that is broadcast there to ``length``."""
    return array.strides[dim] if -dim <= array.ndim and array.shape[dim] == length else 0


def boxes(lengths: Sequence[int], first: int, count: int) -> Iterator[tuple[int, Box]]:
    """The boxes that make up the elements first, ..., first + count - 1 in C order, each behind its number of elements.

    >>> list(boxes([4, 5], 3, 12))
    [(2, (0, slice(3, 5, None))), (10, (slice(1, 3, None), slice(0, 5, None)))]
    """
    if not lengths:
        if count:
            yield 1, ()
        return
    inner = math.prod(lengths[1:])
    row, start = divmod(first, inner)
    if start:
        part = min(inner - start, count)
        yield from ((size, (row, *box)) for size, box in boxes(lengths[1:], start, part))
        row, count = row + 1, count - part
    whole, rest = divmod(count, inner)
    if whole:
        yield whole * inner, (slice(row, row + whole), *(slice(0, length) for length in lengths[1:]))
    if rest:
        yield from ((size, (row + whole, *box)) for size, box in boxes(lengths[1:], 0, rest))
