"""A sweep's kernel: how it is launched on a chunk of the points, and where it leaves what it tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._launch import Kernel, Pointer, kernel
from .._linspace import SEGMENT
from ..fuse.cuda_points import MOST_POINTS
from ..fuse.cuda_source import PLACES, THREADS, WARPS, Sums, figures_dtype, place_dtype, sweep_source
from .cuda_figures import Told
from .cuda_points import KernelPoints

if TYPE_CHECKING:
    from ..fuse.program import Program

_BYTES, _INT32, _INT64, _UINT64, _FLOAT64 = map(np.dtype, ("u1", "i4", "i8", "u8", "f8"))

_SHARED, _MOST_SHARED = 48 << 10, 8 << 10
"""The bytes of a block's shared memory, and those that its counts may take of what the figures of its warps leave; the
counts of more bins are in the device's memory, and slower."""

_ROUNDS = 8
"""A multiprocessor gets so many blocks, one after the other, for each that it runs at a time: the last one, which
others wait for, is a small part of its work."""

_AT_A_TIME = 4

_MOST_SEGMENTS = 256
"""Of one block: more save nothing."""


_kernels: dict[Any, Kernel] = {}
_MOST_KEPT = 256


def _kernel_of(program: Program, points: KernelPoints, sums: Sums, signed: range, histogram: bool) -> Kernel:
    """The kernel with these choices. It is remembered by the program's lines: to write its text takes half a ms."""
    key = program.key, points.axes, sums, signed, histogram
    found = _kernels.get(key)
    if found is None:
        source = sweep_source(program, points.axes, sums=sums, signed=signed, histogram=histogram)
        told = (Pointer(_BYTES), Pointer(_BYTES))
        of_bins = (_INT32, _INT32, Pointer(_FLOAT64), Pointer(_BYTES)) if histogram else ()
        rows = [Pointer(program.dtype)] * (1 + len(program.outputs))
        numbers = (_INT64, _INT64, _INT64, _INT32)
        found = kernel(source.text, source.name, (*points.parameters, *numbers, *told, *of_bins, *rows))
        if len(_kernels) >= _MOST_KEPT:
            _kernels.clear()
        _kernels[key] = found
    return found


class Launches:
    """The kernel of a program at a domain's points; it finds these sums of all rows, and sign changes of ``signed``.

    With ``bins`` it also counts, for each row, how many numbers are below the edges, in each of that many bins, above,
    and NaN, as `gradcu.fuse.reduction` does.

    A launch is to be of about ``length`` points, on a device with so many multiprocessors. ``run`` is how many points a
    block takes, a power of two. Raises NotInCError for a program that has no C.
    """

    def __init__(
        self, program: Program, points: KernelPoints, length: int, processors: int, sums: Sums, signed: range,
        bins: int = 0,
    ) -> None:  # fmt: skip
        self._kernel = _kernel_of(program, points, sums, signed, bool(bins))
        self.signed, self.points, self.rows = signed, points, len(program.outputs)
        self._figures, self._place = figures_dtype(program.dtype, sums), place_dtype(program.dtype)
        self._bins = bins
        self.bytes_of_counts = self.rows * (bins + 3) * _UINT64.itemsize if bins else 0
        shared = self.rows * (bins + 3) * _INT32.itemsize if bins else 0
        room = _SHARED - self.rows * WARPS * self._figures.itemsize
        self._shared = shared if shared <= min(room, _MOST_SHARED) else 0
        share = min(points.domain.num, length) // (SEGMENT * processors * _AT_A_TIME * _ROUNDS)
        self._segments = min(1 << max(share.bit_length() - 1, 0), _MOST_SEGMENTS)
        self.run = self._segments * SEGMENT
        self.bytes_of_figures = self.rows * self._figures.itemsize
        """What is told of a block."""
        self.bytes_of_places = len(signed) * WARPS * PLACES * self._place.itemsize

    def blocks(self, first: int, count: int) -> int:
        """How many blocks compute points first, ..., first + count - 1."""
        return (first + count - 1) // self.run - first // self.run + 1

    def launch(
        self, first: int, count: int, given: Any, x: Any, rows: Sequence[Any], figures: Any, places: Any,
        edges: Any = None, counts: Any = None,
    ) -> None:  # fmt: skip
        """Lets the current stream compute up to `MOST_POINTS` points into x and the rows, where these are not None.

        ``given`` has the bytes that `KernelPoints.give` gives for these points. ``figures`` and ``places`` are arrays
        of bytes with a row of `bytes_of_figures`, or `bytes_of_places`, for each block; ``counts`` are
        `bytes_of_counts` and are added to. Sums are right where ``first`` is a multiple of `run`.
        """
        assert count <= MOST_POINTS
        origin = first // self.run * self.run
        numbers = (np.int64(first), np.int64(count), np.int64(origin), np.int32(self._segments))
        of_bins = (self._bins, int(self._shared > 0), edges, counts) if self._bins else ()
        arguments = (*self.points.arguments(first, count, given), *numbers, figures, places, *of_bins, x, *rows)
        self._kernel.launch(self.blocks(first, count), THREADS, arguments, self._shared)

    def told(
        self, chunks: Sequence[tuple[int, int]], figures: np.ndarray, places: Any, counts: np.ndarray | None = None
    ) -> Told:
        """What the launches of chunks that follow each other, each (first, count), have left one behind the other.

        ``figures`` and ``counts`` are on the host, ``places`` still on the device.
        """
        begins = [
            np.arange(self.blocks(first, count)) * self.run + first // self.run * self.run for first, count in chunks
        ]

        def lists(block: int) -> np.ndarray:
            # The first warp's list is the block's.
            return places[block].get().view(self._place).reshape(len(self.signed), WARPS, PLACES)[:, 0]

        records = figures.reshape(-1).view(self._figures).reshape(-1, self.rows)
        found = None if counts is None else counts.view(np.int64).reshape(self.rows, -1)
        return Told(records, np.concatenate(begins), self.signed, lists, found)
