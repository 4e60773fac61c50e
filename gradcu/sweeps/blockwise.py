"""The engine that runs a sweep's program with NumPy, where there is no compiler."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._linspace import SEGMENT
from ..fuse.blocks import Blocks
from .domain import Domain
from .engine import BUDGET, keep_freed_memory, thread_count
from .identity import digest, numpy_build
from .inputs import Inputs
from .statistics import BlockStatistics

if TYPE_CHECKING:
    from ..fuse.program import Program


# What is not worth starting a thread for.
_LEAST = 1 << 16
# What is done once a chunk takes Python's lock, and at the end threads wait for those that still have one.
_MOST_BLOCKS, _CHUNKS_PER_THREAD = 4, 8


class BlocksEngine:
    """Runs a program line by line on blocks of points that stay in the cache."""

    name, seconds = "numpy", None

    def __init__(self, program: Program, domain: Domain, reason: str = "asked for") -> None:
        self._blocks, self._inputs, self.reason = Blocks(program), Inputs(domain), reason
        self._program, self._domain = program, domain
        self.threads = thread_count()
        self.chunk = self._fitting_chunk(len(program.outputs))
        if domain.num > self._blocks.length:
            keep_freed_memory()

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given."""
        blocks = _Gathering(self._blocks, first, self._domain.sorted)
        self._inputs.evaluate(blocks, first, x, rows)
        assert blocks.figures is not None
        return blocks.figures

    def _fitting_chunk(self, rows: int) -> int:
        """Whole blocks where there are many, of which a file's may be in memory twice; else a part for every thread."""
        num, length = self._domain.num, self._blocks.length
        share = num // (self.threads * _CHUNKS_PER_THREAD)
        fitting = BUDGET // (self.threads * 2 * (rows + 1) * self._domain.dtype.itemsize)
        whole = length * min(max(min(share, fitting) // length, 1), _MOST_BLOCKS)
        part = max(-(-num // self.threads), _LEAST)
        return min(whole, -(-part // SEGMENT) * SEGMENT)

    def program(self) -> str:
        """A digest of the program's lines."""
        return digest(self._program.key)

    def foundation(self) -> str:
        """The build of NumPy."""
        return numpy_build()


class _Gathering:
    """An evaluator that gathers the figures of the rows as they are computed, while they are in the cache."""

    def __init__(self, blocks: Blocks, first: int, sign_changes: bool) -> None:
        self._blocks, self._next, self._sign_changes = blocks, first, sign_changes
        self.figures: BlockStatistics | None = None

    def evaluate(
        self,
        inputs: Sequence[np.ndarray],
        shape: tuple[int, ...],
        first: int,
        count: int,
        outputs: Sequence[np.ndarray],
    ) -> None:
        """Does what `Blocks.evaluate` does, block by block."""
        for start in range(0, count, self._blocks.length):
            rows = [row[start : start + self._blocks.length] for row in outputs]
            self._blocks.evaluate(inputs, shape, first + start, rows[0].size, rows)
            found = BlockStatistics(rows, self._next, sign_changes=self._sign_changes)
            self._next += rows[0].size
            if self.figures is None:
                self.figures = found
            else:
                self.figures.merge(found)
