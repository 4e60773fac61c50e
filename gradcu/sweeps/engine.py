"""What computes the rows of a sweep, behind one small interface; and eager, the engine that does all others can't.

It calls f on Tensors and runs the autograd, block by block.
"""

from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from .._tensor import Tensor
from ..autograd import enable_grad
from ..autograd import grad as gradient
from .grid import Grid
from .identity import code_of, numpy_build
from .probe import as_numpy, checked_value, leaf
from .statistics import BlockStatistics


class Engine(Protocol):
    """Computes f and its derivatives at any block of a grid's points."""

    name: str
    reason: str
    """Why it is this engine, or which one of its kind."""
    chunk: int
    """How many points one call should be given."""
    threads: int
    """How many threads may call `evaluate` at once."""

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f, f', f'', ... at points first, first + 1, ... into ``rows``, and the points into x if given.

        Gives the figures of the rows.
        """
        ...

    def program(self) -> str:
        """What tells the function and its derivatives from others: a digest of what is computed."""
        ...

    def foundation(self) -> str:
        """What the results depend on beside that, down to the last bit: compiler, processor, libraries."""
        ...


# Enough points to hide what Python costs an operation; arrays of them fit the second-level cache.
_CACHED = 1 << 16
_SAMPLE = 1 << 10
_LEAST = 1 << 8
_MOST_THREADS = 16
BUDGET = 24 << 20
"""The bytes that all threads together may hold at a time beside the results."""


class EagerEngine:
    """Calls f on Tensors and differentiates with ``gradcu.autograd.grad``, once an order."""

    name = "eager"

    def __init__(
        self, f: Callable[[Tensor], Tensor], grid: Grid, order: int, device: Any, reason: str = "asked for"
    ) -> None:
        self._f, self._grid, self._order, self._device, self.reason = f, grid, order, device, reason
        self.threads = thread_count() if device.type == "cpu" else 1
        self.chunk = self._fitting_chunk()
        if grid.num > self.chunk:
            _keep_freed_memory()

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f, f', f'', ... at points first, first + 1, ... into ``rows``, and the points into x if given."""
        points = self._grid.block(first, rows[0].size)
        if x is not None:
            x[...] = points
        for row, value in zip(rows, self._values(points), strict=True):
            if value is None:
                row.fill(0)
            else:
                with np.errstate(all="ignore"):
                    row[...] = as_numpy(value)
        return BlockStatistics(rows, first)

    def program(self) -> str:
        """A digest of the function's code."""
        return code_of(self._f)

    def foundation(self) -> str:
        """The build of NumPy."""
        return numpy_build()

    def _values(self, points: np.ndarray) -> Iterator[Tensor | None]:
        """f, f', ... at the points; None for a derivative that is zero because nothing depends on x any more."""
        with enable_grad():
            x = leaf(points, self._device)
            value: Tensor | None = checked_value(self._f, x)
        yield value
        for k in range(1, self._order + 1):
            if value is not None and value.requires_grad:
                ones = Tensor._wrap(self._device.xp.ones(points.shape, value.dtype))
                (value,) = gradient(value, x, ones, create_graph=k < self._order, allow_unused=True)
            else:
                value = None
            yield value

    def _fitting_chunk(self) -> int:
        """A block that stays in the cache, and whose graph, of which f decides the size, stays in the budget."""
        if self._grid.num <= _SAMPLE:
            return _SAMPLE
        fitting = int(BUDGET / self.threads / (self._peak(_SAMPLE) / _SAMPLE))
        # A power of two, as the segments in which the points are made.
        return min(1 << max(fitting, _LEAST).bit_length() - 1, _CACHED)

    def _peak(self, count: int) -> int:
        """The bytes that evaluating ``count`` points takes at most at a time."""
        rows = [np.empty(count, self._grid.dtype) for _ in range(self._order + 1)]
        # What is made once and kept is not counted.
        self.evaluate(0, None, rows)
        already = tracemalloc.is_tracing()
        if already:
            tracemalloc.reset_peak()
        else:
            tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            self.evaluate(0, None, rows)
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            if not already:
                tracemalloc.stop()


def _keep_freed_memory() -> None:
    """Lets glibc's malloc keep what one block of points frees for the next one, and not fault the same pages in anew.

    Its thresholds for that follow the largest allocation freed so far (mallopt(3), M_MMAP_THRESHOLD); other allocators
    don't mind. A sweep takes half the time.
    """
    np.empty(BUDGET, np.uint8)


def thread_count() -> int:
    """How many threads compute a sweep on the CPU."""
    return min(_cpu_count(), _MOST_THREADS)


def _cpu_count() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
