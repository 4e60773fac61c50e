"""Rows in files: a .npy of records, or a .npz with a member a row. Blocks may come in any order and from any thread."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Sequence
from typing import Any, BinaryIO, Protocol

import numpy as np

from .capacity import unwritable
from .npz import Layout
from .statistics import BlockStatistics
from .unfinished import Unfinished

_DESCRIPTION = ".json"


def check_replaceable(path: str) -> None:
    """Raises OSError where ``path`` is a directory, or a file that may not be written."""
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path} is a directory")
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise PermissionError(f"{path} cannot be written: permission denied")


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
    """Buffers for blocks of rows, x the first of them, that go round among the threads."""

    keeps_x = waits = True

    def __init__(self, names: Sequence[str], num: int, dtype: np.dtype[Any]) -> None:
        self.names, self.num, self.dtype = names, num, dtype
        self._buffers: list[list[np.ndarray]] = []

    def length(self, asked: int | None, convenient: int, threads: int) -> int:
        """Any will do."""
        return asked or convenient

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Buffers, which `write` takes back."""
        try:
            buffers = self._buffers.pop()
        except IndexError:
            buffers = []
        if not buffers or buffers[0].size < count:
            buffers = [np.empty(count, self.dtype) for _ in self.names]
        return [buffer[:count] for buffer in buffers]

    def give_back(self, rows: Sequence[np.ndarray]) -> None:
        """Takes the buffers that `rows` gave."""
        self._buffers.append([row if row.base is None else row.base for row in rows])


class _FileStore(BufferedStore):
    """One file, which several threads write to."""

    def __init__(self, target: Target, file: BinaryIO, names: Sequence[str], num: int, dtype: np.dtype[Any]) -> None:
        super().__init__(names, num, dtype)
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
    """A .npy file of records with the fields x, f, d1, d2, ..."""

    def __init__(self, target: Target, file: BinaryIO, names: Sequence[str], num: int, dtype: np.dtype[Any]) -> None:
        super().__init__(target, file, names, num, dtype)
        self._record, header = _record(names, num, dtype)
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
        return self.complete(self._target.path, self.names, self.num, self.dtype)

    @staticmethod
    def complete(
        path: str, names: Sequence[str], num: int, dtype: np.dtype[Any]
    ) -> tuple[np.ndarray, Sequence[np.ndarray]]:
        """The rows of a complete file, x apart, as memory maps. Raises ValueError for a file of anything else."""
        record, header = _record(names, num, dtype)
        with open(path, "rb") as file:
            if file.read(len(header)) != header or os.path.getsize(path) != len(header) + num * record.itemsize:
                raise ValueError(f"{path} is not the whole file that its description describes")
        records = np.asarray(np.memmap(path, record, "c", len(header), (num,)))
        x, *rows = [records[name] for name in names]
        return x, rows


class UnfinishedNpy(NpyStore):
    """A .npy file that can be gone on with. What it holds is said by a second file beside it, a .json."""

    def __init__(
        self, unfinished: Unfinished, names: Sequence[str], num: int, dtype: np.dtype[Any], length: int
    ) -> None:
        mode = "xb" if unfinished.begun is None else "r+b"
        try:
            file = open(unfinished.data, mode, buffering=0)  # noqa: SIM115
        except OSError as error:
            raise unwritable(unfinished.path, error) from error
        super().__init__(unfinished, file, names, num, dtype)
        self._unfinished = unfinished

    @staticmethod
    def preferred(convenient: int, itemsize: int, buffers: int) -> int:
        """How many points a block has: what is convenient for the engine."""
        return convenient

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
    """A .npz file, not compressed, with the members x, f, d1, d2, ..."""

    def __init__(self, target: Target, file: BinaryIO, names: Sequence[str], num: int, dtype: np.dtype[Any]) -> None:
        super().__init__(target, file, names, num, dtype)
        header = npy_header(dtype, num)
        self._layout = Layout([f"{name}.npy" for name in self.names], header, num * dtype.itemsize)

    def write(self, first: int, rows: Sequence[np.ndarray], figures: BlockStatistics | None = None) -> None:
        """Writes the rows to their places in the file."""
        start = first * self.dtype.itemsize
        for member, row in enumerate(rows):
            self._layout.checksum(member, start, row)
            self._write_at(self._layout.data_offset(member) + start, row)
        self.give_back(rows)

    def close(self, statistics: BlockStatistics) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """Gives the file its name, and the rows as memory maps; writing to them does not change the file."""
        for offset, piece in self._layout.pieces():
            self._write_at(offset, piece)
        self._file.close()
        self._target.commit()
        offsets = [self._layout.data_offset(member) for member in range(len(self.names))]
        x, *rows = [np.asarray(np.memmap(self._target.path, self.dtype, "c", at, (self.num,))) for at in offsets]
        return x, rows


def npy_header(dtype: np.dtype[Any], num: int) -> bytes:
    """What stands before the data in a .npy file: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html."""
    buffer = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (num,)}
    np.lib.format.write_array_header_1_0(buffer, description)
    return buffer.getvalue()


def _record(names: Sequence[str], num: int, dtype: np.dtype[Any]) -> tuple[np.dtype[Any], bytes]:
    record = np.dtype([(name, dtype) for name in names])
    return record, npy_header(record, num)
