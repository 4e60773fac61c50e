"""The engine that runs a sweep as one compiled loop: nothing is read, and only results are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._linspace import SEGMENT
from ..fuse.compiler import find_compiler
from ..fuse.kernel import kernel_of
from .domain import Domain
from .engine import BUDGET, thread_count
from .statistics import BlockStatistics

if TYPE_CHECKING:
    from ..fuse.program import Program

# What is not worth starting a thread for, and what is a small part of a second for the slowest of functions.
_LEAST, _MOST = 1 << 17, 1 << 18
# Enough for threads that began late, or have a slower core, to be waited for shortly.
_BLOCKS_PER_THREAD = 16


class CompiledEngine:
    """Calls the kernel that the system's C compiler makes of a program.

    Raises CompilerError where there is no compiler or it fails, NotInCError for a program that has no C, and CacheError
    where the directory for compiled code cannot be used.
    """

    name = "cc"

    def __init__(self, program: Program, domain: Domain) -> None:
        compiler = find_compiler()
        self._kernel, self._domain = kernel_of(program, compiler), domain
        self.reason = compiler.name
        self.threads = thread_count()
        self.chunk = self._fitting_chunk(len(program.outputs))

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f, f', f'', ... at points first, first + 1, ... into ``rows``, and the points into x if given."""
        line = self._domain.line
        if line is not None:
            extremes = self._kernel.sweep(line.start, line.stop, line.num, first, x, rows)
        else:
            points = self._domain.block(first, rows[0].size)[0]
            if x is not None:
                x[...] = points
            extremes = self._kernel.at(points, rows)
        return BlockStatistics(rows, first, extremes, self._domain.sorted)

    def _fitting_chunk(self, rows: int) -> int:
        """Whole segments, since what is left of one takes a tile of its own; files need buffers of that many points."""
        share = self._domain.num // (self.threads * _BLOCKS_PER_THREAD)
        fitting = BUDGET // (self.threads * (rows + 1) * self._domain.dtype.itemsize)
        points = min(max(share, _LEAST), _MOST, max(fitting, SEGMENT))
        return -(-points // SEGMENT) * SEGMENT
