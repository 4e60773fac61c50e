"""Where the rows of a sweep go: arrays in memory, or a file written as the blocks come.

A file is written under a temporary name beside its own and renamed once it is complete, so that its name never stands
for half a result. Blocks may come in any order and from any thread.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from .._device import CPU, device
from ..fuse.memory import result_array
from .capacity import check_disk, unwritable
from .domain import Domain
from .files import NpyStore, NpzStore, check_replaceable
from .statistics import BlockStatistics

SUFFIXES = (".npz", ".npy")
"""The files that a result can be written to once it is there."""

SWEPT = (".npz", ".npy", ".zarr")
"""What a sweep can be written to block by block."""

RESUMABLE = (".npy", ".zarr")
"""What a sweep can be written to in several goes."""


class Store(Protocol):
    """Takes the rows of a sweep, block by block."""

    keeps_x: bool
    """Whether rows begin with one for x, which the engine fills; without it they are f, f', ..."""
    waits: bool
    """Whether `write` may wait for a disk, so that another thread should be there to compute."""

    def length(self, asked: int | None, convenient: int, threads: int) -> int:
        """How many points a block has: what the user asks for, if anything, and what is convenient for the engine."""
        ...

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Arrays for points first, ..., first + count - 1, to be filled and given to `write`."""
        ...

    def write(self, first: int, rows: Sequence[np.ndarray], figures: BlockStatistics | None = None) -> None:
        """Keeps what the arrays from ``rows(first, ...)`` now hold. Rows that are being computed have figures."""
        ...

    def close(self, statistics: BlockStatistics) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """Completes the store, with the figures of all blocks; gives the row of x, if it is kept, and the others."""
        ...

    def abandon(self, error: BaseException) -> None:
        """Gives up because of an error, leaving nothing behind but what can be gone on with."""
        ...


class MemoryStore:
    """Rows of f, f', ... as arrays, filled in place: of NumPy, or of CuPy on the device ``place``.

    Raises CuPy's MemoryError where that has not the memory.
    """

    keeps_x = waits = False

    def __init__(self, domain: Domain, rows: int, place: device = CPU) -> None:
        self.place = place
        self._rows: list[Any]
        if place is CPU:
            self._rows = [result_array(domain.num, domain.dtype) for _ in range(rows)]
        else:
            with place.context:
                self._rows = [place.xp.empty(domain.num, domain.dtype) for _ in range(rows)]

    def length(self, asked: int | None, convenient: int, threads: int) -> int:
        """Any will do."""
        return asked or convenient

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Parts of the arrays themselves."""
        return [row[first : first + count] for row in self._rows]

    def write(self, first: int, rows: Sequence[np.ndarray], figures: BlockStatistics | None = None) -> None:
        """Nothing is left to do."""

    def close(self, statistics: BlockStatistics) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """The arrays."""
        return None, self._rows

    def abandon(self, error: BaseException) -> None:
        """Nothing outlives the arrays."""


class ReplacedFile:
    """A binary file under a temporary name, renamed to its own by `commit`; `abandon` removes it."""

    def __init__(self, path: str) -> None:
        # A link stays a link: what it points to is replaced.
        self.path = os.path.realpath(path)
        folder, name = os.path.split(self.path)
        check_replaceable(path)
        self.temporary = os.path.join(folder, f".{name}.{os.getpid()}-{threading.get_ident()}.tmp")
        try:
            self.file: BinaryIO = open(self.temporary, "xb", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise unwritable(path, error) from error

    def commit(self) -> None:
        """Gives the file its name, in place of any older one."""
        self.file.close()
        try:
            os.replace(self.temporary, self.path)
        except OSError:
            self.abandon()
            raise

    def abandon(self) -> None:
        """Removes the file, unless it already has its name."""
        self.file.close()
        with contextlib.suppress(FileNotFoundError):
            os.remove(self.temporary)


def open_store(path: Any, domain: Domain, names: Sequence[str], argument: str = "out") -> Store:
    """The store for rows of these names at a path, by its suffix; ``argument`` is what messages call the path.

    Raises ValueError for an unknown suffix, OSError where the file cannot be written or the disk is too small for it.
    """
    name = checked_path(argument, path, SUFFIXES)
    kind = NpzStore if name.lower().endswith(".npz") else NpyStore
    check_disk(name, domain.num, len(names) + kind.coordinate_rows(domain), domain.dtype)
    target = ReplacedFile(name)
    try:
        return kind(target, target.file, domain, names)
    except BaseException:
        target.abandon()
        raise


def checked_path(argument: str, path: Any, known: Sequence[str]) -> str:
    """The path as a string. Raises TypeError for what is no path, ValueError for a suffix that is not in ``known``."""
    try:
        name = os.fsdecode(path)
    except TypeError:
        raise TypeError(f"{argument} must be a path, not {path!r} ({type(path).__name__})") from None
    suffix = os.path.splitext(name)[1]
    if suffix.lower() not in known:
        problem = f"{suffix!r} is not a known suffix" if suffix else "has no suffix"
        raise ValueError(f"{argument}: {name!r}: {problem}; use {', '.join(known[:-1])} or {known[-1]}")
    return name
