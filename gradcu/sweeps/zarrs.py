"""Rows in a Zarr group (version 3 of the format), with an array a row and a file a block.

The chunks are not compressed: their bytes are then the rows', whatever the version of a codec, and a disk's cache takes
them faster than codecs make them smaller. Format: https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from ..fuse.layout import boxes
from .capacity import check_memory, unwritable
from .domain import Domain
from .files import BufferedStore
from .unfinished import Unfinished

_ATTRIBUTE = "gradcu"

_CHUNK = 4 << 20
"""The bytes of a chunk. With much fewer the time goes into opening files."""
_BUDGET, _LEAST = 64 << 20, 1 << 16
"""The bytes that all buffers together may take, and the points of a chunk that is worth a file all the same."""


def require_zarr() -> Any:
    """The package zarr. Raises ImportError, naming the extra, where it is missing or too old for version 3."""
    try:
        import zarr
    except ImportError as error:
        raise ImportError('a .zarr needs zarr; install it with: pip install "gradcu[zarr]"') from error
    if int(zarr.__version__.partition(".")[0]) < 3:
        raise ImportError(f'a .zarr needs zarr 3, not {zarr.__version__}; get it with: pip install "gradcu[zarr]"')
    return zarr


_WORST = 64
"""How many times fewer points than wanted a chunk may have."""


class ZarrStore(BufferedStore):
    """A Zarr group with the arrays x, f, d1, d2, ..., and what they are among its attributes.

    Results have the domain's shape, and chunks of whole rows of its last axes; the values along its axes are arrays
    too.
    """

    def __init__(self, unfinished: Unfinished, domain: Domain, names: Sequence[str], length: int) -> None:
        super().__init__(domain, names)
        self._target = unfinished
        zarr = require_zarr()
        if unfinished.begun is None:
            group = zarr.create_group(unfinished.data, zarr_format=3)
            for name in self.names:
                _create(group, name, domain.shape, _chunks(domain.shape, length), domain.dtype)
            if not self.keeps_x:
                _write_axes(group, domain)
        else:
            _remove_strays(unfinished.data)
        # Zeros get their file too, so that a chunk without one is known to be missing.
        with zarr.config.set({"array.write_empty_chunks": True}):
            self._group = zarr.open_group(unfinished.data, mode="r+", zarr_format=3)
            self._arrays = [self._group[name] for name in self.names]

    def write(self, first: int, rows: Sequence[np.ndarray]) -> None:
        """Writes the rows as chunks; they have to be whole ones."""
        ((_, box),) = boxes(self.domain.shape, first, rows[0].size)
        try:
            for array, row in zip(self._arrays, rows, strict=True):
                array[box] = row.reshape([part.stop - part.start for part in box if isinstance(part, slice)])
        except OSError as error:
            raise unwritable(self._target.path, error) from error
        self.give_back(rows)

    @staticmethod
    def fitting(asked: int | None, convenient: int, domain: Domain, buffers: int) -> int:
        """How many points a block, and so a chunk, has, where there are so many buffers of one at a time.

        That is a multiple of what the last axes have, or a part of it. Raises ValueError where there is none near to
        what is asked for, or convenient for the disk.
        """
        itemsize = domain.dtype.itemsize
        affordable = 1 << (_BUDGET // (itemsize * buffers)).bit_length() - 1
        return _whole_rows(domain.shape, asked or max(min(_CHUNK // itemsize, affordable), _LEAST))

    def describe(self, description: dict[str, Any]) -> None:
        """Sets the group's attributes."""
        self._group.attrs[_ATTRIBUTE] = description

    def leave(self) -> None:
        """Leaves the group as it is: nothing is open."""

    def finish(self) -> None:
        """Gives the group its name."""
        self._target.commit()

    @staticmethod
    def complete(path: str, domain: Domain, names: Sequence[str]) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """The rows of a complete group but x, which is made sooner than read, each read at its first use."""
        return None, _Rows(path, names)

    @staticmethod
    def description(path: str) -> dict[str, Any] | None:
        """What `describe` has set; None where there is nothing of that kind."""
        try:
            with open(os.path.join(path, "zarr.json"), encoding="utf-8") as file:
                return json.load(file)["attributes"][_ATTRIBUTE]
        except (OSError, ValueError, KeyError):
            return None

    @classmethod
    def check_place(cls, path: str) -> None:
        """Raises OSError where something has the path that no sweep has written, ImportError without zarr."""
        require_zarr()
        if os.path.exists(path) and cls.description(path) is None:
            raise FileExistsError(f"{path} is there, and is no Zarr group that a sweep has written; remove it first")


def _create(group: Any, name: str, shape: tuple[int, ...], chunks: tuple[int, ...], dtype: np.dtype[Any]) -> Any:
    return group.create_array(name, shape=shape, chunks=chunks, dtype=dtype, compressors=None, fill_value=0)


def _write_axes(group: Any, domain: Domain) -> None:
    for axis in domain.axes:
        length = min(axis.num, _LEAST)
        arrays = [_create(group, name, (axis.num,), (length,), domain.dtype) for name in axis.names]
        for first in range(0, axis.num, length):
            for array, row in zip(arrays, axis.block(first, min(length, axis.num - first)), strict=True):
                array[first : first + row.size] = row


def _whole_rows(shape: tuple[int, ...], wanted: int) -> int:
    """The largest number of points, up to the one wanted, of which blocks are boxes, all of one size but the last."""
    for number, size in enumerate(shape):
        inner = math.prod(shape[number + 1 :])
        if inner > wanted:
            continue
        most = min(wanted // inner, size)
        # Only the first of several axes may end with a part of a box.
        rows = most if math.prod(shape[:number]) == 1 else next(rows for rows in range(most, 0, -1) if size % rows == 0)
        if rows * inner * _WORST < min(wanted, size * inner):
            raise ValueError(
                f"a .zarr has chunks of equal parts of an axis, and {size} has no divisor from "
                f"{-(-wanted // (inner * _WORST))} to {most}; take another number of points, or a .npy"
            )
        return rows * inner
    return 1


def _chunks(shape: tuple[int, ...], length: int) -> tuple[int, ...]:
    """The box that has so many points, as `_whole_rows` gives them."""
    chunks = []
    for number in range(len(shape)):
        inner = math.prod(shape[number + 1 :])
        chunks.append(min(max(length // inner, 1), shape[number]))
    return tuple(chunks)


def _remove_strays(folder: str) -> None:
    """Removes what a killed process left under temporary names."""
    for place, _, names in os.walk(folder):
        for name in names:
            if name != "zarr.json" and not name.isdecimal():
                os.remove(os.path.join(place, name))


class _Rows(Sequence[np.ndarray]):
    """The arrays of a group, from the disk at their first use."""

    def __init__(self, path: str, names: Sequence[str]) -> None:
        self._path, self._names = path, names
        self._read: dict[str, np.ndarray] = {}

    def __len__(self) -> int:
        return len(self._names)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[np.ndarray]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return _Rows(self._path, self._names[index])
        name = self._names[index]
        if name not in self._read:
            array = require_zarr().open_array(os.path.join(self._path, name), mode="r", zarr_format=3)
            check_memory(array.size, 1, array.dtype)
            self._read[name] = array[:]
        return self._read[name]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))
