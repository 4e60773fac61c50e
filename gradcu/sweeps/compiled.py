"""The engine that runs a sweep as one compiled loop: nothing is read, and only results are written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._linspace import SEGMENT
from ..fuse.compiler import find_compiler
from ..fuse.kernel import kernel_of
from .engine import BUDGET, thread_count
from .grid import Grid
from .identity import c_library, digest
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

    def __init__(self, program: Program, grid: Grid) -> None:
        compiler = find_compiler()
        self._kernel, self._grid = kernel_of(program, compiler), grid
        self._program, self._compiler = program, compiler
        self.reason = compiler.name
        self.threads = thread_count()
        self.chunk = self._fitting_chunk(len(program.outputs))

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f, f', f'', ... at points first, first + 1, ... into ``rows``, and the points into x if given."""
        grid = self._grid
        extremes = self._kernel.sweep(grid.start, grid.stop, grid.num, first, x, rows)
        return BlockStatistics(rows, first, extremes)

    def program(self) -> str:
        """A digest of the program's lines."""
        return digest(self._program.key)

    def foundation(self) -> str:
        """The compiler with what it knows of the processor, and the C library."""
        return f"{self._compiler.name}, {c_library()}, {digest(self._compiler.identity)}"

    def _fitting_chunk(self, rows: int) -> int:
        """Whole segments, since what is left of one takes a tile of its own; files need buffers of that many points."""
        share = self._grid.num // (self.threads * _BLOCKS_PER_THREAD)
        fitting = BUDGET // (self.threads * (rows + 1) * self._grid.dtype.itemsize)
        points = min(max(share, _LEAST), _MOST, max(fitting, SEGMENT))
        return -(-points // SEGMENT) * SEGMENT
