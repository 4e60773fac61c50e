"""The engine that runs a sweep as a kernel of its own on CUDA devices: only given points are read, results written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._device import device
from .._linspace import SEGMENT
from ..fuse.cuda_points import MOST_POINTS
from ..fuse.cuda_source import Sums, slopes
from .chunk_length import ChunkLength
from .cuda_chunks import IN_WORK, Chunk, Chunks, DeviceSeconds
from .cuda_figures import merged
from .cuda_launches import Launches
from .cuda_points import KernelPoints
from .domain import Domain
from .identity import cuda_build, digest
from .statistics import BlockStatistics

if TYPE_CHECKING:
    from ..fuse.program import Program

_BYTES = 64 << 20
"""The results of a chunk: enough that starting its copy takes no time to speak of."""


def signed_rows(program: Program, domain: Domain) -> range:
    """The rows of which a sweep has the sign changes: f', where neighbouring points are neighbours on one line."""
    return slopes(program) if domain.sorted else range(0)


class CudaEngine:
    """Launches the kernel that NVRTC makes of a program.

    Raises UnsuitableError where it can't make the points, and NotInCError for a program that has no C.
    """

    name = "cuda"

    def __init__(self, program: Program, domain: Domain, places: Sequence[device]) -> None:
        self.domain, self.points = domain, KernelPoints(domain, program)
        self._program, self.places, self.seconds = program, tuple(places), DeviceSeconds()
        self.dtype, self.rows = domain.dtype, len(program.outputs)
        self.threads = IN_WORK * len(places)
        fitting, needed = _BYTES // (self.rows * self.dtype.itemsize), -(-domain.num // SEGMENT) * SEGMENT
        self.chunk = min(max(fitting // SEGMENT * SEGMENT, SEGMENT), needed, MOST_POINTS)
        self.length = ChunkLength(self.chunk, SEGMENT)
        self._chunks = Chunks(self.launches(self.chunk), self.places, self.length, self.rows + 1, self.dtype)

    @property
    def reason(self) -> str:
        """What compiles the kernel, and whether memory was short."""
        return self.length.told("NVRTC")

    def launches(self, length: int, sums: Sums = (), signed: range | None = None, bins: int = 0) -> Launches:
        """The kernel, for launches of so many points; it finds sign changes of f' unless others are wanted."""
        runtime = self.places[0].xp.cuda.runtime
        processors = runtime.deviceGetAttribute(runtime.cudaDevAttrMultiProcessorCount, self.places[0].index)
        signed = signed_rows(self._program, self.domain) if signed is None else signed
        return Launches(self._program, self.points, length, processors, sums, signed, bins)

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given.

        Raises OutOfMemoryError where a device has not the memory for the shortest of chunks.
        """

        def compute(chunk: Chunk, part: slice) -> BlockStatistics:
            wanted = [None if row is None else row[part] for row in (x, *rows)]
            return chunk.compute(first + part.start, part.stop - part.start, wanted, self.seconds).statistics()

        return merged(self._chunks.each(rows[0].size, compute))

    def program(self) -> str:
        """A digest of the program's lines."""
        return digest(self._program.key)

    def foundation(self) -> str:
        """CuPy, the compiler, and the devices with what they can."""
        return cuda_build(self.places)
