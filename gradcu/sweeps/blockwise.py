"""The engine that runs a sweep's program with NumPy, where there is no compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..fuse.blocks import Blocks
from .domain import Domain
from .engine import thread_count
from .identity import digest, numpy_build
from .inputs import Inputs
from .statistics import BlockStatistics

if TYPE_CHECKING:
    from ..fuse.program import Program


class BlocksEngine:
    """Runs a program line by line on blocks of points that stay in the cache."""

    name, seconds = "numpy", None

    def __init__(self, program: Program, domain: Domain, reason: str = "asked for") -> None:
        self._blocks, self._inputs, self.reason = Blocks(program), Inputs(domain), reason
        self._program, self._sorted = program, domain.sorted
        self.threads = thread_count()
        self.chunk = self._blocks.length

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given."""
        for start in range(0, rows[0].size, self.chunk):
            part = slice(start, start + self.chunk)
            points = None if x is None else x[part]
            self._inputs.evaluate(self._blocks, first + start, points, [row[part] for row in rows])
        return BlockStatistics(rows, first, sign_changes=self._sorted)

    def program(self) -> str:
        """A digest of the program's lines."""
        return digest(self._program.key)

    def foundation(self) -> str:
        """The build of NumPy."""
        return numpy_build()
