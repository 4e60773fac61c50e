"""How the points of a domain are cut into blocks that arrays of several dimensions can have as their chunks."""

from __future__ import annotations

import math


class Cut:
    """Blocks of at most ``wanted`` points of an array of this shape, numbered and cut in C order.

    A block has whole rows of the last axes, a part of one axis, and one point of each of the first. ``chunks`` are the
    lengths of the blocks along every axis, ``size`` is the points of a whole block, and ``count`` the number of blocks.

    >>> cut = Cut((2, 5, 3), 6)
    >>> cut.chunks, cut.size, cut.count
    (((1, 1), (2, 2, 1), (3,)), 6, 6)
    >>> cut.span(5), cut.shape(5)
    ((27, 3), (1, 1, 3))
    """

    __slots__ = ("_axis", "_inner", "_length", "_pieces", "_points", "count", "size")

    def __init__(self, shape: tuple[int, ...], wanted: int) -> None:
        self._points = shape
        # The first axis of which a point, with all of the axes behind it, is not too much.
        self._axis = next(axis for axis in range(len(shape)) if math.prod(shape[axis + 1 :]) <= wanted)
        self._inner = math.prod(shape[self._axis + 1 :])
        self._length = min(wanted // self._inner, shape[self._axis])
        self._pieces = -(-shape[self._axis] // self._length)
        self.size = self._length * self._inner
        self.count = math.prod(shape[: self._axis]) * self._pieces

    @property
    def chunks(self) -> tuple[tuple[int, ...], ...]:
        """As Dask has them."""
        first, last = self._points[: self._axis], self._points[self._axis + 1 :]
        parts = tuple(map(self._part, range(self._pieces)))
        return (*((1,) * length for length in first), parts, *((length,) for length in last))

    def span(self, number: int) -> tuple[int, int]:
        """The index of a block's first point, and how many points follow each other there."""
        outer, piece = divmod(number, self._pieces)
        first = outer * self._points[self._axis] + piece * self._length
        return first * self._inner, self._part(piece) * self._inner

    def shape(self, number: int) -> tuple[int, ...]:
        """The shape of a block."""
        return (*(1,) * self._axis, self._part(number % self._pieces), *self._points[self._axis + 1 :])

    def _part(self, piece: int) -> int:
        return min(self._length, self._points[self._axis] - piece * self._length)
