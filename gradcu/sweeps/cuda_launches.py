"""A sweep's kernel: how it is launched on a chunk of the points, and where it leaves what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._launch import Pointer, kernel
from .._linspace import SEGMENT
from ..fuse.cuda_source import (
    LINE,
    MOST_POINTS,
    PLACES,
    THREADS,
    WARPS,
    figures_dtype,
    line_of,
    place_dtype,
    sweep_source,
)  # fmt: skip
from .cuda_figures import Told
from .grid import LinspaceAxis

if TYPE_CHECKING:
    from ..fuse.program import Program

_BYTES, _INT32, _INT64 = np.dtype("u1"), np.dtype("i4"), np.dtype("i8")

_ROUNDS = 8
"""A multiprocessor gets so many blocks, one after the other, for each that it runs at a time: the last one, which
others wait for, is a small part of its work."""

_AT_A_TIME = 4

_MOST_SEGMENTS = 256
"""Of one block: more save nothing."""


class Launches:
    """The kernel of a program on a linspace; with ``sums`` it adds up all rows, of ``signed`` it finds sign changes.

    A launch is to be of about ``length`` points, on a device with so many multiprocessors. ``run`` is how many points a
    block takes, a power of two. Raises NotInCError for a program that has no C.
    """

    def __init__(
        self, program: Program, line: LinspaceAxis, length: int, processors: int, sums: bool, signed: range
    ) -> None:
        source = sweep_source(program, sums=sums, signed=signed)
        self.signed, self._line, self.rows = signed, line, len(program.outputs)
        self._figures, self._place = figures_dtype(program.dtype), place_dtype(program.dtype)
        pointers = (Pointer(_BYTES), Pointer(_BYTES), *[Pointer(program.dtype)] * (1 + self.rows))
        self._kernel = kernel(source.text, source.name, (LINE, _INT64, _INT64, _INT64, _INT32, *pointers))
        share = min(line.num, length) // (SEGMENT * processors * _AT_A_TIME * _ROUNDS)
        self._segments = min(1 << max(share.bit_length() - 1, 0), _MOST_SEGMENTS)
        self.run = self._segments * SEGMENT
        self.bytes_of_figures = self.rows * self._figures.itemsize
        """What is told of a block."""
        self.bytes_of_places = len(signed) * WARPS * PLACES * self._place.itemsize

    def blocks(self, first: int, count: int) -> int:
        """How many blocks compute points first, ..., first + count - 1."""
        return (first + count - 1) // self.run - first // self.run + 1

    def launch(self, first: int, count: int, x: Any, rows: Sequence[Any], figures: Any, places: Any) -> None:
        """Lets the current stream compute up to `MOST_POINTS` points into x and the rows, where these are not None.

        ``figures`` and ``places`` are arrays of bytes with a row of `bytes_of_figures`, or `bytes_of_places`, for each
        block. Sums are right where ``first`` is a multiple of `run`.
        """
        assert count <= MOST_POINTS
        line = line_of(self._line.start, self._line.stop, self._line.num, first, count)
        assert line is not None
        origin = first // self.run * self.run
        numbers = (np.int64(first), np.int64(count), np.int64(origin), np.int32(self._segments))
        self._kernel.launch(self.blocks(first, count), THREADS, (line, *numbers, figures, places, x, *rows))

    def told(self, chunks: Sequence[tuple[int, int]], figures: np.ndarray, places: Any) -> Told:
        """What the launches of chunks that follow each other, each (first, count), have left one behind the other.

        ``figures`` are on the host, ``places`` still on the device.
        """
        begins = [
            np.arange(self.blocks(first, count)) * self.run + first // self.run * self.run for first, count in chunks
        ]

        def lists(block: int) -> np.ndarray:
            # The first warp's list is the block's.
            return places[block].get().view(self._place).reshape(len(self.signed), WARPS, PLACES)[:, 0]

        records = figures.reshape(-1).view(self._figures).reshape(-1, self.rows)
        return Told(records, np.concatenate(begins), self.signed, lists)
