"""The courses of sweeps that leave nothing to be copied but figures: results that stay on a device, and reductions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from .._device import CPU, naming_memory
from .._linspace import SEGMENT
from ..fuse.cuda_points import MOST_POINTS
from ..fuse.cuda_source import Sums
from .chunk_length import ChunkLength
from .cuda_chunks import Chunk, Chunks
from .cuda_engine import CudaEngine
from .cuda_figures import merged
from .cuda_launches import Launches
from .engine import Engine
from .progress import Progress
from .reducing import Changes, Histogram, PairwiseSum, Reduced, ReducingStore
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
    """Fills arrays on a device, a launch a chunk; what is told of all rows comes to the host in one copy at the end.

    Where memory is short, it comes after each chunk.
    """

    threads = 1

    def __init__(self, engine: CudaEngine, store: MemoryStore, num: int, chunk: int | None, progress: Progress) -> None:
        self._engine, self._store, self._num, self._progress = engine, store, num, progress
        self._place = store.place
        self.length = engine.points.fitting(min(chunk or num, num, MOST_POINTS))
        engine.length = ChunkLength(self.length, min(self.length, SEGMENT))

    @property
    def make_points(self) -> Callable[[], Any] | None:
        """Makes all points of a linspace, by the same kernel, which writes nothing else."""
        return None if self._engine.domain.line is None else self._made_points

    def points(self, blocks: Collection[int]) -> int:
        """None are ever there before."""
        return 0

    def fill(self, collector: Collector[BlockStatistics], done: Collection[int]) -> None:
        """Computes all rows. The collector gets their figures."""
        with self._place.context:
            while True:
                try:
                    collector.add(0, self._filled())
                    break
                except MemoryError as error:
                    self._engine.length.halve(self.length, self._place, error)
                    self.length = self._engine.length.points
        self._progress.update(self._num)

    def _filled(self) -> BlockStatistics:
        """Computes all rows; their figures."""
        launches, chunks = self._engine.launches(self.length), self._chunks()
        groups = [[chunk] for chunk in chunks] if self._engine.length.is_short else [chunks]
        return merged(self._told(launches, group) for group in groups)

    def _told(self, launches: Launches, chunks: Sequence[tuple[int, int]]) -> BlockStatistics:
        """The figures of the rows of some chunks, which are computed one after the other."""
        elapsed = self._place.xp.cuda.get_elapsed_time
        work = _Work(self._place.xp, launches, chunks)
        for chunk in chunks:
            work.launch(*chunk, None, self._store.rows(*chunk))
        statistics = launches.told(chunks, work.figures.get(), work.places).statistics()
        for begun, given, ended in work.events:
            self._engine.seconds.add(elapsed(given, ended), elapsed(begun, given) if launches.points.gives else 0)
        return statistics

    def _made_points(self) -> Any:
        with self._place.context, naming_memory("the points of a sweep", self._place):
            x = self._place.xp.empty(self._num, self._engine.dtype)
            chunks = self._chunks()
            work = _Work(self._place.xp, self._engine.launches(self.length), chunks)
            for first, count in chunks:
                work.launch(first, count, x[first : first + count], [None] * self._engine.rows)
            return x

    def _chunks(self) -> list[tuple[int, int]]:
        return [(first, min(self.length, self._num - first)) for first in range(0, self._num, self.length)]


class _Work:
    """Launches on chunks that follow each other; ``figures`` and ``places`` of all blocks stay on the device.

    ``events`` are, for each launch, those before what is given is copied to the device, behind it, and behind the
    launch.
    """

    def __init__(self, xp: Any, launches: Launches, chunks: Sequence[tuple[int, int]]) -> None:
        self._xp, self._launches = xp, launches
        blocks = sum(launches.blocks(*chunk) for chunk in chunks)
        self.figures = xp.empty((blocks, launches.bytes_of_figures), np.uint8)
        self.places = xp.empty((blocks, launches.bytes_of_places), np.uint8) if launches.signed else None
        self.events: list[list[Any]] = []
        self._blocks = 0

    def launch(self, first: int, count: int, x: Any, rows: Sequence[Any]) -> None:
        """Computes the next chunk, into x and the rows where these are not None."""
        xp, points = self._xp, self._launches.points
        events = [xp.cuda.Event() for _ in range(3)]
        events[0].record()
        memory = np.empty(points.bytes_given(count), np.uint8)
        given = xp.asarray(memory[: points.give(first, count, memory)]) if memory.size else None
        events[1].record()
        part = slice(self._blocks, self._blocks + self._launches.blocks(first, count))
        places = None if self.places is None else self.places[part]
        self._launches.launch(first, count, given, x, rows, self.figures[part], places)
        events[2].record()
        self.events.append(events)
        self._blocks = part.stop


class ReducingCourse:
    """Reduces all rows where they are computed; what is told of a chunk is all that comes to the host."""

    make_points = None

    def __init__(
        self, engine: CudaEngine, store: ReducingStore, num: int, chunk: int | None, progress: Progress
    ) -> None:
        self._engine, self._store, self._num, self._progress = engine, store, num, progress
        # Both a power of two, so that a chunk is whole blocks of the kernel.
        wanted = engine.points.fitting(min(chunk or _MANY, _MANY, num))
        self.length = store.length(max(wanted, engine.launches(wanted).run), _MANY, 1)
        self.threads = min(engine.threads, -(-num // self.length))
        # The sums of less than a block of the kernel would be no parts of the tree.
        engine.length = ChunkLength(self.length, engine.launches(self.length).run)

    def points(self, blocks: Collection[int]) -> int:
        """None are ever there before."""
        return 0

    def fill(self, collector: Collector[BlockStatistics], done: Collection[int]) -> None:
        """Reduces all rows. The collector gets their figures."""
        engine, store = self._engine, self._store
        sums: Sums = ()
        if not store.is_second:
            sums = ("plain",) * store.wants_sums + ("weighted",) * store.wants_weighted
        all_changes = store.wants_changes and not store.is_second
        edges = _edges(store.histograms) if store.histograms else None
        bins = store.reductions.bins if store.histograms else 0
        launches = engine.launches(self.length, sums, range(engine.rows) if all_changes else None, bins)
        self._reduce(launches, sums, all_changes, edges, collector)
        if store.wants_sums and engine.domain.line is not None and not store.is_second:
            self._take_ends(launches, edges)

    def _reduce(
        self, launches: Launches, sums: Sums, all_changes: bool, edges: np.ndarray | None,
        collector: Collector[BlockStatistics],
    ) -> None:  # fmt: skip
        engine, store = self._engine, self._store
        chunks = Chunks(launches, engine.places, engine.length, 0, engine.dtype, edges)

        def compute(block: int) -> int:
            first = block * self.length
            count = min(self.length, self._num - first)
            trees = [PairwiseSum() for _ in sums]

            def part_of_it(chunk: Chunk, part: slice) -> _Part:
                size = part.stop - part.start
                told = chunk.compute(first + part.start, size, [None] * (1 + engine.rows), engine.seconds)
                level = (-(-size // launches.run) - 1).bit_length()
                for number, tree in enumerate(trees):
                    tree.add(part.start // launches.run >> level, told.sums(number), level)
                changes = Changes({k: told.changes(k) for k in range(engine.rows) if k != 1}) if all_changes else None
                return _Part(told.statistics(), changes, told.counts)

            found = merged(chunks.each(count, part_of_it))
            totals = {name: tree.total for name, tree in zip(sums, trees, strict=True)}
            store.add(first, Reduced(totals.get("plain"), totals.get("weighted"), found.changes, found.counts))
            collector.add(block, found.figures)
            return count

        for_each(compute, range(-(-self._num // self.length)), self.threads, self._progress)

    def _take_ends(self, launches: Launches, edges: np.ndarray | None) -> None:
        """Gives the store the first and the last number of every row."""
        engine = self._engine
        chunks = Chunks(launches, engine.places[:1], ChunkLength(1, 1), engine.rows, engine.dtype, edges)
        for end, at in ((0, 0), (1, self._num - 1)):
            rows = np.empty((engine.rows, 1), engine.dtype)

            def compute(chunk: Chunk, part: slice, at: int = at, rows: np.ndarray = rows) -> None:
                chunk.compute(at, 1, [None, *rows], engine.seconds)

            chunks.each(1, compute)
            self._store.ends[end] = rows[:, 0]


class _Part:
    """What is told of a part of a block, beside its sums."""

    def __init__(self, figures: BlockStatistics, changes: Changes | None, counts: np.ndarray | None) -> None:
        self.figures, self.changes, self.counts = figures, changes, counts

    def merge(self, later: _Part) -> None:
        """Adds the part that follows."""
        self.figures.merge(later.figures)
        if self.changes is not None and later.changes is not None:
            self.changes.merge(later.changes)
        if self.counts is not None and later.counts is not None:
            self.counts = self.counts + later.counts


def _edges(histograms: Sequence[Histogram]) -> np.ndarray:
    """Those of each row, and how many bins there are in a unit."""
    edges = np.stack([histogram.edges for histogram in histograms])
    scale = (edges.shape[1] - 1) / (edges[:, -1:] - edges[:, :1])
    return np.concatenate((edges, scale), axis=1)
