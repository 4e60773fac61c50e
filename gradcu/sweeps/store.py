"""Where the rows of a sweep go: arrays in memory, or a .npy or .npz file written as the blocks come.

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

from ..fuse.memory import result_array
from .capacity import check_disk, unwritable
from .npz import Layout

SUFFIXES = (".npz", ".npy")


class Store(Protocol):
    """Takes the rows of a sweep, block by block."""

    keeps_x: bool
    """Whether rows begin with one for x; without it they are f, f', ..."""

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Arrays for points first, ..., first + count - 1, to be filled and given to `write`."""
        ...

    def write(self, first: int, rows: Sequence[np.ndarray]) -> None:
        """Keeps what the arrays from ``rows(first, ...)`` now hold."""
        ...

    def close(self) -> list[np.ndarray]:
        """Completes the store, and gives every row it keeps."""
        ...

    def abandon(self) -> None:
        """Gives up, leaving nothing behind. Does nothing after `close`."""
        ...


class MemoryStore:
    """Rows of f, f', ... as arrays, filled in place."""

    keeps_x = False

    def __init__(self, num: int, derivatives: int, dtype: np.dtype[Any]) -> None:
        self._rows = [result_array(num, dtype) for _ in range(derivatives + 1)]

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Parts of the arrays themselves."""
        return [row[first : first + count] for row in self._rows]

    def write(self, first: int, rows: Sequence[np.ndarray]) -> None:
        """Nothing is left to do."""

    def close(self) -> list[np.ndarray]:
        """The arrays."""
        return self._rows

    def abandon(self) -> None:
        """Nothing outlives the arrays."""


class ReplacedFile:
    """A binary file under a temporary name, renamed to its own by `commit`; `abandon` removes it."""

    def __init__(self, path: str) -> None:
        # A link stays a link: what it points to is replaced.
        self.path = os.path.realpath(path)
        folder, name = os.path.split(self.path)
        if os.path.isdir(self.path):
            raise IsADirectoryError(f"{path} is a directory")
        if os.path.exists(self.path) and not os.access(self.path, os.W_OK):
            raise PermissionError(f"{path} cannot be written: permission denied")
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


class _FileStore:
    """What both formats share: names of the rows, buffers that go round, one writer at a time."""

    keeps_x = True

    def __init__(self, path: str, num: int, derivatives: int, dtype: np.dtype[Any]) -> None:
        self.names = row_names(derivatives)
        self.num, self.dtype = num, dtype
        self._lock = threading.Lock()
        self._buffers: list[list[np.ndarray]] = []
        check_disk(path, num, len(self.names), dtype)
        self._target = ReplacedFile(path)
        self._file = self._target.file

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Buffers, which `write` takes back."""
        try:
            buffers = self._buffers.pop()
        except IndexError:
            buffers = []
        if not buffers or buffers[0].size < count:
            buffers = [np.empty(count, self.dtype) for _ in self.names]
        return [buffer[:count] for buffer in buffers]

    def _give_back(self, rows: Sequence[np.ndarray]) -> None:
        self._buffers.append([row if row.base is None else row.base for row in rows])

    def _write_at(self, offset: int, data: Any) -> None:
        rest = memoryview(data).cast("B")
        with self._lock:
            try:
                self._file.seek(offset)
                while rest:
                    rest = rest[self._file.write(rest) :]
            except OSError as error:
                raise unwritable(self._target.path, error) from error

    def abandon(self) -> None:
        """Removes what was written, unless it is complete."""
        self._target.abandon()


class NpyStore(_FileStore):
    """A .npy file of records with the fields x, f, d1, d2, ..."""

    def __init__(self, path: str, num: int, derivatives: int, dtype: np.dtype[Any]) -> None:
        super().__init__(path, num, derivatives, dtype)
        self._record = np.dtype([(name, dtype) for name in self.names])
        header = npy_header(self._record, num)
        self._start = len(header)
        self._write_at(0, header)

    def write(self, first: int, rows: Sequence[np.ndarray]) -> None:
        """Writes the rows to their places in the file."""
        records = np.empty(rows[0].size, self._record)
        for name, row in zip(self.names, rows, strict=True):
            records[name] = row
        self._write_at(self._start + first * self._record.itemsize, records.view(np.uint8))
        self._give_back(rows)

    def close(self) -> list[np.ndarray]:
        """Gives the file its name, and the rows as memory maps; writing to them does not change the file."""
        self._target.commit()
        records = np.memmap(self._target.path, self._record, "c", self._start, (self.num,))
        return [np.asarray(records)[name] for name in self.names]


class NpzStore(_FileStore):
    """A .npz file, not compressed, with the members x, f, d1, d2, ..."""

    def __init__(self, path: str, num: int, derivatives: int, dtype: np.dtype[Any]) -> None:
        super().__init__(path, num, derivatives, dtype)
        header = npy_header(dtype, num)
        self._layout = Layout([f"{name}.npy" for name in self.names], header, num * dtype.itemsize)

    def write(self, first: int, rows: Sequence[np.ndarray]) -> None:
        """Writes the rows to their places in the file."""
        start = first * self.dtype.itemsize
        for member, row in enumerate(rows):
            self._layout.checksum(member, start, row)
            self._write_at(self._layout.data_offset(member) + start, row)
        self._give_back(rows)

    def close(self) -> list[np.ndarray]:
        """Gives the file its name, and the rows as memory maps; writing to them does not change the file."""
        for offset, piece in self._layout.pieces():
            self._write_at(offset, piece)
        self._target.commit()
        offsets = [self._layout.data_offset(member) for member in range(len(self.names))]
        return [np.asarray(np.memmap(self._target.path, self.dtype, "c", at, (self.num,))) for at in offsets]


def open_store(path: Any, num: int, derivatives: int, dtype: np.dtype[Any], argument: str = "out") -> Store:
    """The store for a path, by its suffix, or memory for None; ``argument`` is what messages call the path.

    Raises ValueError for an unknown suffix, OSError where the file cannot be written or the disk is too small for it.
    """
    if path is None:
        return MemoryStore(num, derivatives, dtype)
    name = checked_path(argument, path, SUFFIXES)
    kind = NpzStore if name.lower().endswith(".npz") else NpyStore
    return kind(name, num, derivatives, dtype)


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


def row_names(derivatives: int) -> list[str]:
    """The names of the rows in files: x, f, d1, d2, ..."""
    return ["x", "f", *(f"d{k}" for k in range(1, derivatives + 1))]


def npy_header(dtype: np.dtype[Any], num: int) -> bytes:
    """What stands before the data in a .npy file: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html."""
    import io

    buffer = io.BytesIO()
    description = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (num,)}
    np.lib.format.write_array_header_1_0(buffer, description)
    return buffer.getvalue()
