"""Sweeps to files that can be stopped at any moment and gone on with: what is kept, compared, and refused."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from .capacity import bytes_on_disk, check_disk
from .domain import Domain
from .files import UnfinishedNpy
from .statistics import BlockStatistics, Collector
from .unfinished import SUFFIX, Unfinished, is_unfinished
from .zarrs import ZarrStore

_STATISTICS = "statistics"


class Resumable:
    """A store that keeps a journal of its blocks, in a directory beside its path, until it is complete.

    Raises FileExistsError where an unfinished sweep is there and ``resume`` is not asked for, BlockingIOError while
    another sweep writes the same, OSError for a path that can't be written and for a disk that is too small, and
    ImportError for a .zarr without zarr.
    """

    waits = True

    def __init__(self, path: str, domain: Domain, names: Sequence[str], resume: bool) -> None:
        self.keeps_x = domain.line is not None
        self._kind = ZarrStore if path.lower().endswith(".zarr") else UnfinishedNpy
        self._kind.check_place(path)
        self._called = path
        # A link stays a link: what it points to is replaced.
        self.path = os.path.realpath(path)
        self._domain, self._names, self._resume = domain, names, resume
        # What is complete needs no more.
        if not (resume and os.path.exists(self.path) and not is_unfinished(self.path)):
            count = len(names) + self._kind.coordinate_rows(domain)
            check_disk(path, domain.num, count, domain.dtype, bytes_on_disk(self.path + SUFFIX) if resume else 0)
        self._unfinished = Unfinished(self.path)
        self._description: dict[str, Any] = {}
        self._store: UnfinishedNpy | ZarrStore | None = None
        self._fresh, self._worthwhile = self._unfinished.begun is None, False
        if not self._fresh and not resume:
            self._unfinished.release()
            raise FileExistsError(
                f"{path}{SUFFIX} is an unfinished sweep; go on with it (resume=True, --resume), or remove it"
            )

    def length(self, asked: int | None, convenient: int, threads: int) -> int:
        """What suits the format."""
        buffers = (self.keeps_x + len(self._names)) * (threads + 1)
        return self._kind.fitting(asked, convenient, self._domain, buffers)

    def begin(
        self, description: dict[str, Any], chunk: int | None, collector: Collector
    ) -> tuple[int, Collection[int]]:
        """Starts, or goes on: the length of a block, and the blocks that are done, whose figures the collector gets.

        ``description`` says what is to be computed, in blocks of ``chunk`` points if that is not None. Where the whole
        sweep is there already, all blocks are done. Raises ValueError, which names what differs, where what is there
        was begun with another description.
        """
        unfinished = self._unfinished
        if unfinished.begun is not None:
            _check(unfinished.begun, description, chunk is not None, self._called + SUFFIX)
            self._description = unfinished.begun
        elif self._resume and os.path.exists(self.path):
            return self._found(description, chunk, collector)
        else:
            self._description = description
            unfinished.clear()
        length = self._description["chunk"]
        self._store = self._kind(unfinished, self._domain, self._names, length)
        if unfinished.begun is None:
            unfinished.start(description)
        done = set()
        for block, figures in unfinished.blocks():
            done.add(block)
            collector.add(block, figures)
        self._worthwhile = bool(done)
        return length, done

    def _found(
        self, description: dict[str, Any], chunk: int | None, collector: Collector
    ) -> tuple[int, Collection[int]]:
        """What `begin` gives for a sweep that is complete."""
        found = self._kind.description(self.path)
        if found is None:
            raise ValueError(
                f"{self._called} is there, but not {self._called}.json, which says what it holds; without resume it is "
                "replaced"
            )
        _check(found, description, chunk is not None, self._called)
        collector.add(0, BlockStatistics.from_json(found[_STATISTICS]))
        return found["chunk"], range(-(-self._domain.num // found["chunk"]))

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Buffers, which `write` takes back."""
        return self._begun.rows(first, count)

    def write(self, first: int, rows: Sequence[np.ndarray], figures: BlockStatistics | None = None) -> None:
        """Writes a block of rows, and then its line of the journal."""
        assert figures is not None
        self._begun.write(first, rows)
        self._unfinished.note(first // self._description["chunk"], figures)
        self._worthwhile = True

    def close(self, statistics: BlockStatistics) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """Gives the complete data its name and its description, and the rows from where they are now."""
        if self._store is None:
            self._unfinished.abandon()
        else:
            self._store.describe(self._description | {_STATISTICS: statistics.as_json()})
            self._store.finish()
        return self._kind.complete(self.path, self._domain, self._names)

    def abandon(self, error: BaseException) -> None:
        """Keeps what can be gone on with, and says so in a note of the error; else removes what this sweep has made.

        The results of a function that raises are of no use: mended, it is another one.
        """
        if self._store is not None:
            self._store.leave()
        interrupted = not isinstance(error, Exception) or isinstance(error, OSError | MemoryError)
        if self._fresh and not (interrupted and self._worthwhile):
            self._unfinished.abandon()
            return
        self._unfinished.release()
        if interrupted:
            error.add_note(
                f"what is done is in {self._called}{SUFFIX}; the same sweep with resume=True (--resume) goes on there"
            )

    @property
    def _begun(self) -> UnfinishedNpy | ZarrStore:
        assert self._store is not None
        return self._store


_BESIDE_THE_FUNCTION = ("order", "partials", "dtype", "engine")
"""What a program depends on too: where it differs, nothing is said of the function."""


def _check(begun: dict[str, Any], description: dict[str, Any], with_chunk: bool, path: str) -> None:
    """Raises ValueError where two descriptions are not of one sweep."""
    differences = []
    if description["program"] != begun.get("program") and all(
        description[name] == begun.get(name) for name in _BESIDE_THE_FUNCTION
    ):
        now, then = description["function"], begun.get("function")
        differences.append(f"the function is {now} and was {then if now != then else 'another of that name'}")
    # A program says all there is to a function, and the length of a block is free where nobody asks for one.
    free = {"function", "program"} if with_chunk else {"function", "program", "chunk"}
    differences += [
        f"{name} is {value!r} and was {begun.get(name)!r}"
        for name, value in description.items()
        if name not in free and value != begun.get(name)
    ]
    if differences:
        raise ValueError(f"{path} is of another sweep, which can't be gone on with: {'; '.join(differences)}")
