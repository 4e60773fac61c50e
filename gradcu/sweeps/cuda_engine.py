"""The engine that runs a sweep as a kernel of its own on CUDA devices: nothing is read, only results are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._device import device
from .._linspace import SEGMENT
from ..fuse.cuda_source import MOST_POINTS, line_of, slopes
from .cuda_chunks import IN_WORK, Chunks, DeviceSeconds
from .cuda_launches import Launches
from .domain import Domain, listed
from .engine import UnsuitableError
from .grid import LinspaceAxis
from .identity import digest
from .statistics import BlockStatistics

if TYPE_CHECKING:
    from ..fuse.program import Program

_BYTES = 64 << 20
"""The results of a chunk: enough that starting its copy takes no time to speak of."""


def evenly_spaced(domain: Domain) -> LinspaceAxis:
    """The points of a domain, if the kernel can make them. Raises UnsuitableError."""
    line = domain.line
    if line is None:
        raise UnsuitableError("the kernel makes evenly spaced points of one variable, and no others")
    if line_of(line.start, line.stop, line.num, 0, 1) is None:
        raise UnsuitableError("the kernel makes no fewer than three points, and none near the ends of float64")
    return line


class CudaEngine:
    """Launches the kernel that NVRTC makes of a program.

    Raises UnsuitableError where the points are not those of a linspace that the kernel can make, and NotInCError for a
    program that has no C.
    """

    name = "cuda"

    def __init__(self, program: Program, domain: Domain, places: Sequence[device]) -> None:
        self.line = evenly_spaced(domain)
        self._program, self.places, self.seconds = program, tuple(places), DeviceSeconds()
        self.dtype, self.rows = domain.dtype, len(program.outputs)
        self.threads = IN_WORK * len(places)
        fitting, needed = _BYTES // (self.rows * self.dtype.itemsize), -(-domain.num // SEGMENT) * SEGMENT
        self.chunk = min(max(fitting // SEGMENT * SEGMENT, SEGMENT), needed, MOST_POINTS)
        launches = self.launches(self.chunk)
        self._chunks = Chunks(launches, self.places, self.chunk, SEGMENT, self.rows + 1, self.dtype)

    @property
    def reason(self) -> str:
        """What compiles the kernel, and whether memory was short."""
        if not self._chunks.is_short:
            return "NVRTC"
        return f"NVRTC, in chunks of {self._chunks.length:,} points for want of memory"

    def launches(self, length: int, sums: bool = False, signed: range | None = None, bins: int = 0) -> Launches:
        """The kernel, for launches of so many points; it finds sign changes of f' unless others are wanted."""
        runtime = self.places[0].xp.cuda.runtime
        processors = runtime.deviceGetAttribute(runtime.cudaDevAttrMultiProcessorCount, self.places[0].index)
        return Launches(self._program, self.line, length, processors, sums, signed or slopes(self._program), bins)

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given.

        Raises OutOfMemoryError where a device has not the memory for the shortest of chunks.
        """
        figures: BlockStatistics | None = None
        done, count = 0, rows[0].size
        while done < count:
            with self._chunks.taken() as chunk:
                part = slice(done, min(done + chunk.length, count))
                wanted = [None if row is None else row[part] for row in (x, *rows)]
                found = chunk.compute(first + done, part.stop - done, wanted, self.seconds).statistics()
            if figures is None:
                figures = found
            else:
                figures.merge(found)
            done = part.stop
        assert figures is not None
        return figures

    def program(self) -> str:
        """A digest of the program's lines."""
        return digest(self._program.key)

    def foundation(self) -> str:
        """CuPy, the compiler, and the devices with what they can."""
        cupy = self.places[0].xp
        properties = [cupy.cuda.runtime.getDeviceProperties(place.index) for place in self.places]
        names = {f"{found['name'].decode()} ({found['major']}.{found['minor']})" for found in properties}
        version = ".".join(map(str, cupy.cuda.nvrtc.getVersion()))
        return f"CuPy {cupy.__version__}, NVRTC {version}, {listed(sorted(names))}"
