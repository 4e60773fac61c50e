"""Rows in files: a .npy of records, or a .npz with a member a row. Blocks may come in any order and from any thread.

The points of one variable on a line are a row like others, x. Those of other domains are known from their axes: a .npz
has a member for the values along each, a .npy has in every record the values of all.
"""

from __future__ import annotations

import io
import json
import math
import os
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from .._linspace import SEGMENT
from .capacity import unwritable
from .domain import Domain
from .npz import Layout, Member
from .statistics import BlockStatistics
from .unfinished import Unfinished

_DESCRIPTION = ".json"
_PIECE = 1 << 16
_BUDGET = 16 << 20
"""The bytes that buffers may take."""


def check_replaceable(path: str) -> None:
    """Raises OSError where ``path`` is a directory, or a file that may not be written."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a directory")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} cannot be written: permission denied")


def affordable(convenient: int, size: int) -> int:
    """The points of a block, of which each takes ``size`` bytes of buffers, and as many on their way into the file."""
    return min(convenient, max(_BUDGET // (2 * size) // SEGMENT * SEGMENT, SEGMENT))


class Target(Protocol):
    """Where a store's data is until it is complete."""

    path: str
    """Where it goes then."""

    def commit(self) -> None:
        """Gives the data its name."""
        ...

    def abandon(self) -> None:
        """Removes the data, unless it has its name."""
        ...


class BufferedStore:
    """Buffers for blocks of rows that go round among the threads; on a line x is the first of them."""

    waits = True

    def __init__(self, domain: Domain, names: Sequence[str]) -> None:
        self.domain, self.keeps_x = domain, domain.line is not None
        self.names = [*domain.names, *names] if self.keeps_x else list(names)
        """Those of the rows."""
        self._buffers: list[list[np.ndarray]] = []

    @staticmethod
    def coordinate_rows(domain: Domain) -> int:
        """How many rows the values along the axes take as much of a disk as, or a little less."""
        return -(-sum(axis.num * len(axis.names) for axis in domain.axes) // domain.num)

    def length(self, asked: int | None, convenient: int, threads: int) -> int:
        """What is convenient, unless the buffers would take too much memory."""
        return asked or affordable(convenient, self.domain.dtype.itemsize * len(self.names) * (threads + 1))

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Buffers, which `write` takes back."""
        try:
            buffers = self._buffers.pop()
        except IndexError:
            buffers = []
        if not buffers or buffers[0].size < count:
            buffers = [np.empty(count, self.domain.dtype) for _ in self.names]
        return [buffer[:count] for buffer in buffers]

    def give_back(self, rows: Sequence[np.ndarray]) -> None:
        """Takes the buffers that `rows` gave."""
        self._buffers.append([row if row.base is None else row.base for row in rows])


class _FileStore(BufferedStore):
    """One file, which several threads write to."""

    def __init__(self, target: Target, file: BinaryIO, domain: Domain, names: Sequence[str]) -> None:
        super().__init__(domain, names)
        self._target, self._file = target, file
        self._lock = threading.Lock()

    def abandon(self, error: BaseException) -> None:
        """Removes what was written, unless it is complete."""
        self._file.close()
        self._target.abandon()

    def _write_at(self, offset: int, data: Any) -> None:
        rest = memoryview(data).cast("B")
        try:
            while rest:
                written = self._write_some(rest, offset)
                rest, offset = rest[written:], offset + written
        except OSError as error:
            raise unwritable(self._target.path, error) from error

    def _write_some(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._file.fileno(), data, offset)
        with self._lock:
            self._file.seek(offset)
            return self._file.write(data)


class NpyStore(_FileStore):
    """A .npy file of records with the fields x, f, d1, d2, ..., in the domain's shape."""

    def __init__(self, target: Target, file: BinaryIO, domain: Domain, names: Sequence[str]) -> None:
        super().__init__(target, file, domain, names)
        self._results = names
        self._record, header = _record(domain, names)
        self._start = len(header)
        self._records: list[np.ndarray] = []
        self._write_at(0, header)

    def write(self, first: int, rows: Sequence[np.ndarray], figures: BlockStatistics | None = None) -> None:
        """Writes the rows to their places in the file."""
        count = rows[0].size
        try:
            records = self._records.pop()
        except IndexError:
            records = np.empty(0, self._record)
        if records.size < count:
            records = np.empty(count, self._record)
        for name, row in zip(self.names, rows, strict=True):
            records[name][:count] = row
        if not self.keeps_x:
            for name, column in zip(self.domain.names, self.domain.block(first, count), strict=True):
                records[name][:count] = column
        self._write_at(self._start + first * self._record.itemsize, records[:count].view(np.uint8))
        self._records.append(records)
        self.give_back(rows)

    def finish(self) -> None:
        """Gives the file its name."""
        self._file.close()
        self._target.commit()

    def close(self, statistics: BlockStatistics) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """Gives the file its name, and the rows as memory maps; writing to them does not change the file."""
        self.finish()
        return self.complete(self._target.path, self.domain, self._results)

    @staticmethod
    def coordinate_rows(domain: Domain) -> int:
        """Each value is in every record."""
        return len(domain.names)

    @staticmethod
    def complete(path: str, domain: Domain, names: Sequence[str]) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """The rows of a complete file, x apart, as memory maps. Raises ValueError for a file of anything else."""
        record, header = _record(domain, names)
        with open(path, "rb") as file:
            whole = len(header) + domain.num * record.itemsize
            if file.read(len(header)) != header or os.path.getsize(path) != whole:
                raise ValueError(f"{path} is not the whole file that its description describes")
        records = np.asarray(np.memmap(path, record, "c", len(header), domain.shape))
        return records[domain.names[0]] if domain.line else None, [records[name] for name in names]


class UnfinishedNpy(NpyStore):
    """A .npy file that can be gone on with. What it holds is said by a second file beside it, a .json."""

    def __init__(self, unfinished: Unfinished, domain: Domain, names: Sequence[str], length: int) -> None:
        mode = "xb" if unfinished.begun is None else "r+b"
        try:
            file = open(unfinished.data, mode, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise unwritable(unfinished.path, error) from error
        super().__init__(unfinished, file, domain, names)
        self._unfinished = unfinished

    @staticmethod
    def fitting(asked: int | None, convenient: int, domain: Domain, buffers: int) -> int:
        """How many points a block has: what is asked for, or convenient for the engine and not too much memory."""
        return asked or affordable(convenient, domain.dtype.itemsize * buffers)

    def leave(self) -> None:
        """Leaves the file as it is."""
        self._file.close()

    def describe(self, description: dict[str, Any]) -> None:
        """Writes the second file."""
        text = json.dumps(description, indent=2, allow_nan=False) + "\n"
        self._unfinished.put(text.encode(), self._unfinished.path + _DESCRIPTION)

    @staticmethod
    def description(path: str) -> dict[str, Any] | None:
        """What `describe` has written; None where there is nothing of that kind."""
        try:
            with open(path + _DESCRIPTION, encoding="utf-8") as file:
                return json.load(file)
        except (OSError, ValueError):
            return None

    @staticmethod
    def check_place(path: str) -> None:
        """Raises OSError where the path is one that a file cannot have."""
        check_replaceable(path)


class NpzStore(_FileStore):
    """A .npz file, not compressed, with the members x, f, d1, d2, ..., those of results in the domain's shape."""

    def __init__(self, target: Target, file: BinaryIO, domain: Domain, names: Sequence[str]) -> None:
        super().__init__(target, file, domain, names)
        self._lengths = {name: axis.num for axis in domain.axes for name in axis.names}
        members = [self._member(name, (length,)) for name, length in self._lengths.items()]
        members += [self._member(name, domain.shape) for name in names]
        self._layout = Layout(members)
        self._numbers = {name: number for number, name in enumerate((*self._lengths, *names))}

    def write(self, first: int, rows: Sequence[np.ndarray], figures: BlockStatistics | None = None) -> None:
        """Writes the rows to their places in the file."""
        for name, row in zip(self.names, rows, strict=True):
            self._put(name, first, row)
        self.give_back(rows)

    def close(self, statistics: BlockStatistics) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """Gives the file its name, and the rows as memory maps; writing to them does not change the file."""
        if not self.keeps_x:
            for axis in self.domain.axes:
                for first in range(0, axis.num, _PIECE):
                    block = axis.block(first, min(_PIECE, axis.num - first))
                    for name, row in zip(axis.names, block, strict=True):
                        self._put(name, first, np.ascontiguousarray(row))
        for offset, piece in self._layout.pieces():
            self._write_at(offset, piece)
        self._file.close()
        self._target.commit()
        rows = [self._mapped(name) for name in self.names]
        return (rows[0], rows[1:]) if self.keeps_x else (None, rows)

    def _member(self, name: str, shape: tuple[int, ...]) -> Member:
        dtype = self.domain.dtype
        return Member(f"{name}.npy", npy_header(dtype, shape), math.prod(shape) * dtype.itemsize)

    def _put(self, name: str, first: int, row: np.ndarray) -> None:
        start, number = first * row.itemsize, self._numbers[name]
        self._layout.checksum(number, start, row)
        self._write_at(self._layout.data_offset(number) + start, row)

    def _mapped(self, name: str) -> np.ndarray:
        shape = (self._lengths[name],) if name in self._lengths else self.domain.shape
        offset = self._layout.data_offset(self._numbers[name])
        return np.asarray(np.memmap(self._target.path, self.domain.dtype, "c", offset, shape))


def npy_header(dtype: np.dtype[Any], shape: tuple[int, ...]) -> bytes:
    """What stands before the data in a .npy file: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html."""
    buffer = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, description)
    return buffer.getvalue()


def _record(domain: Domain, names: Sequence[str]) -> tuple[np.dtype[Any], bytes]:
    record = np.dtype([(name, domain.dtype) for name in (*domain.names, *names)])
    return record, npy_header(record, domain.shape)
