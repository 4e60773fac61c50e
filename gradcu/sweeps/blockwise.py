"""The engine that runs a sweep's program with NumPy, where there is no compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..fuse.blocks import Blocks
from .engine import thread_count
from .grid import Grid
from .identity import digest, numpy_build
from .statistics import BlockStatistics

if TYPE_CHECKING:
    from ..fuse.program import Program


class BlocksEngine:
    """Runs a program line by line on blocks of points that stay in the cache."""

    name = "numpy"

    def __init__(self, program: Program, grid: Grid, reason: str = "asked for") -> None:
        self._blocks, self._grid, self.reason = Blocks(program), grid, reason
        self._program = program
        self.threads = thread_count()
        self.chunk = self._blocks.length

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f, f', f'', ... at points first, first + 1, ... into ``rows``, and the points into x if given."""
        for start in range(0, rows[0].size, self.chunk):
            part = slice(start, start + self.chunk)
            points = self._grid.block(first + start, rows[0][part].size)
            if x is not None:
                x[part] = points
            self._blocks.evaluate(points, [row[part] for row in rows])
        return BlockStatistics(rows, first)

    def program(self) -> str:
        """A digest of the program's lines."""
        return digest(self._program.key)

    def foundation(self) -> str:
        """The build of NumPy."""
        return numpy_build()
