"""The courses of sweeps: how blocks of points go through an engine into a store."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Collection
from typing import Any, Protocol

from .engine import Engine, evaluated
from .progress import Progress
from .statistics import BlockStatistics, Collector
from .store import Store
from .workers import for_each


class Course(Protocol):
    """Blocks of ``length`` points, of which ``threads`` are in work at a time."""

    length: int
    threads: int

    @property
    def make_points(self) -> Callable[[], Any] | None:
        """Makes all points where the rows are, if there is a better way than to ask the domain."""
        ...

    def points(self, blocks: Collection[int]) -> int:
        """How many points these blocks have."""
        ...

    def fill(self, collector: Collector[BlockStatistics], done: Collection[int]) -> None:
        """Computes all blocks that are not done. The collector gets their figures."""
        ...


def course_of(engine: Engine, store: Store, num: int, length: int, chunk: int | None, progress: Progress) -> Course:
    """The course of a sweep; its blocks have ``length`` points, unless no rows leave the devices that compute them."""
    if engine.name == "cuda":
        from .cuda_courses import on_devices

        course = on_devices(engine, store, num, chunk, progress)
        if course is not None:
            return course
    return HostCourse(engine, num, length, min(chunk or engine.chunk, length), store, progress)


class HostCourse:
    """Blocks of ``length`` points, of which an engine computes ``piece`` at a time, on their way into a store."""

    make_points = None

    def __init__(self, engine: Engine, num: int, length: int, piece: int, store: Store, progress: Progress) -> None:
        self._engine, self._num, self.length, self._piece = engine, num, length, piece
        self._store, self._progress = store, progress
        self._blocks = -(-num // length)
        self.threads = min(engine.threads, self._blocks)
        # A single block has nobody to wait for.
        self._computing = threading.BoundedSemaphore(self.threads) if self._blocks > 1 else contextlib.nullcontext()

    def points(self, blocks: Collection[int]) -> int:
        """How many points these blocks have."""
        return len(blocks) * self.length - (self._blocks * self.length - self._num) * (self._blocks - 1 in blocks)

    def fill(self, collector: Collector[BlockStatistics], done: Collection[int]) -> None:
        """Computes all blocks that are not done. The collector gets their figures."""

        def compute(block: int) -> int:
            first = block * self.length
            rows = self._store.rows(first, min(self.length, self._num - first))
            with self._computing:
                x, results = (rows[0], rows[1:]) if self._store.keeps_x else (None, rows)
                figures = evaluated(self._engine, first, x, results, self._piece)
            self._store.write(first, rows, figures)
            collector.add(block, figures)
            return rows[0].size

        self._progress.skip(self.points(done))
        # While one waits for the disk, another can compute.
        threads = min(self.threads + self._store.waits, self._blocks)
        for_each(compute, (block for block in range(self._blocks) if block not in done), threads, self._progress)
