"""The courses of sweeps that leave nothing to be copied but figures: results that stay on a device, and reductions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from .._device import CPU
from .._linspace import SEGMENT
from ..fuse.cuda_source import MOST_POINTS
from .cuda_chunks import Chunks
from .cuda_engine import CudaEngine
from .engine import Engine
from .progress import Progress
from .reducing import Changes, Histogram, Reduced, ReducingStore
from .statistics import BlockStatistics, Collector
from .store import MemoryStore, Store
from .workers import for_each

_MANY = 1 << 28
"""Points of a reduction's chunk: some milliseconds of work, so that the host has done with one before the next."""


def on_devices(
    engine: Engine, store: Store, num: int, chunk: int | None, progress: Progress
) -> ResidentCourse | ReducingCourse | None:
    """The course of the engine ``cuda`` whose rows don't leave the device; None where they have to."""
    assert isinstance(engine, CudaEngine)
    if isinstance(store, MemoryStore) and store.place is not CPU:
        return ResidentCourse(engine, store, num, chunk, progress)
    if isinstance(store, ReducingStore):
        return ReducingCourse(engine, store, num, chunk, progress)
    return None


class ResidentCourse:
    """Fills arrays on a device, a launch a chunk; what is told of all rows comes to the host in one copy at the end."""

    threads = 1

    def __init__(self, engine: CudaEngine, store: MemoryStore, num: int, chunk: int | None, progress: Progress) -> None:
        self.length = min(chunk or num, num, MOST_POINTS)
        self._engine, self._store, self._num, self._progress = engine, store, num, progress
        self._place, self._launches = store.place, engine.launches(self.length)
        self._chunks = [(first, min(self.length, num - first)) for first in range(0, num, self.length)]

    def points(self, blocks: Collection[int]) -> int:
        """None are ever there before."""
        return 0

    def fill(self, collector: Collector[BlockStatistics], done: Collection[int]) -> None:
        """Computes all rows. The collector gets their figures."""
        cuda = self._place.xp.cuda
        with self._place.context:
            start, end = cuda.Event(), cuda.Event()
            start.record()
            figures, places = self._launched(lambda first, count: [None, *self._store.rows(first, count)])
            end.record()
            collector.add(0, self._launches.told(self._chunks, figures.get(), places).statistics())
            self._engine.seconds.add(cuda.get_elapsed_time(start, end))
        self._progress.update(self._num)

    def make_points(self) -> Any:
        """The points, by the same kernel, which writes nothing else."""
        with self._place.context:
            x = self._place.xp.empty(self._num, self._engine.dtype)
            self._launched(lambda first, count: [x[first : first + count], *[None] * self._engine.rows])
            return x

    def _launched(self, targets: Callable[[int, int], Sequence[Any]]) -> tuple[Any, Any]:
        """Computes all chunks; the figures and the places of all blocks."""
        launches, xp = self._launches, self._place.xp
        blocks = [launches.blocks(*chunk) for chunk in self._chunks]
        figures = xp.empty((sum(blocks), launches.bytes_of_figures), np.uint8)
        places = xp.empty((sum(blocks), launches.bytes_of_places), np.uint8) if launches.signed else None
        begin = 0
        for chunk, count in zip(self._chunks, blocks, strict=True):
            x, *rows = targets(*chunk)
            part = slice(begin, begin + count)
            launches.launch(*chunk, x, rows, figures[part], None if places is None else places[part])
            begin += count
        return figures, places


class ReducingCourse:
    """Reduces all rows where they are computed; what is told of a chunk is all that comes to the host."""

    make_points = None

    def __init__(
        self, engine: CudaEngine, store: ReducingStore, num: int, chunk: int | None, progress: Progress
    ) -> None:
        self._engine, self._store, self._num, self._progress = engine, store, num, progress
        # Both a power of two, so that a chunk is whole blocks of the kernel.
        wanted = min(chunk or _MANY, _MANY, num)
        self.length = store.length(max(wanted, engine.launches(wanted).run), _MANY, 1)
        self.threads = min(engine.threads, -(-num // self.length))

    def points(self, blocks: Collection[int]) -> int:
        """None are ever there before."""
        return 0

    def fill(self, collector: Collector[BlockStatistics], done: Collection[int]) -> None:
        """Reduces all rows. The collector gets their figures."""
        engine, store = self._engine, self._store
        sums, all_changes = store.wants_sums and not store.is_second, store.wants_changes and not store.is_second
        edges = _edges(store.histograms) if store.histograms else None
        bins = store.reductions.bins if store.histograms else 0
        launches = engine.launches(self.length, sums, range(engine.rows) if all_changes else None, bins)
        chunks = Chunks(launches, engine.places, self.length, self.length, 0, engine.dtype, edges)

        def compute(block: int) -> int:
            first = block * self.length
            count = min(self.length, self._num - first)
            with chunks.taken() as chunk:
                told = chunk.compute(first, count, [None] * (1 + engine.rows), engine.seconds)
                figures = told.statistics()
                changes = None
                if all_changes:
                    changes = Changes({k: told.changes(k) for k in range(engine.rows) if k != 1})
                reduced = Reduced(sums=told.sums() if sums else None, changes=changes, counts=told.counts)
            store.add(first, reduced)
            collector.add(block, figures)
            return count

        for_each(compute, range(-(-self._num // self.length)), self.threads, self._progress)
        if sums:
            ends = Chunks(launches, engine.places[:1], SEGMENT, SEGMENT, engine.rows, engine.dtype, edges)
            for end, at in ((0, 0), (1, self._num - 1)):
                rows = np.empty((engine.rows, 1), engine.dtype)
                with ends.taken() as chunk:
                    chunk.compute(at, 1, [None, *rows], engine.seconds)
                store.ends[end] = rows[:, 0]


def _edges(histograms: Sequence[Histogram]) -> np.ndarray:
    """Those of each row, and how many bins there are in a unit."""
    edges = np.stack([histogram.edges for histogram in histograms])
    scale = (edges.shape[1] - 1) / (edges[:, -1:] - edges[:, :1])
    return np.concatenate((edges, scale), axis=1)
