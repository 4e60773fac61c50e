"""Rows in a Zarr group (version 3 of the format), with an array a row and a file a block.

The chunks are not compressed: their bytes are then the rows', whatever the version of a codec, and a disk's cache takes
them faster than codecs make them smaller. Format: https://zarr-specs.readthedocs.io/en/latest/v3/core/index.html.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from typing import Any, overload

import numpy as np

from .capacity import check_memory, unwritable
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


class ZarrStore(BufferedStore):
    """A Zarr group with the arrays x, f, d1, d2, ..., and what they are among its attributes."""

    def __init__(
        self, unfinished: Unfinished, names: Sequence[str], num: int, dtype: np.dtype[Any], length: int
    ) -> None:
        super().__init__(names, num, dtype)
        self._target = unfinished
        zarr = require_zarr()
        if unfinished.begun is None:
            group = zarr.create_group(unfinished.data, zarr_format=3)
            for name in names:
                group.create_array(name, shape=(num,), chunks=(length,), dtype=dtype, compressors=None, fill_value=0)
        else:
            _remove_strays(unfinished.data)
        # Zeros get their file too, so that a chunk without one is known to be missing.
        with zarr.config.set({"array.write_empty_chunks": True}):
            self._group = zarr.open_group(unfinished.data, mode="r+", zarr_format=3)
            self._arrays = [self._group[name] for name in names]

    def write(self, first: int, rows: Sequence[np.ndarray]) -> None:
        """Writes the rows as chunks; they have to be whole ones."""
        try:
            for array, row in zip(self._arrays, rows, strict=True):
                array[first : first + row.size] = row
        except OSError as error:
            raise unwritable(self._target.path, error) from error
        self.give_back(rows)

    @staticmethod
    def preferred(convenient: int, itemsize: int, buffers: int) -> int:
        """How many points a block, and so a chunk, has, where there are so many buffers of one at a time."""
        fitting = 1 << (_BUDGET // (itemsize * buffers)).bit_length() - 1
        return max(min(_CHUNK // itemsize, fitting), _LEAST)

    def describe(self, description: dict[str, Any]) -> None:
        """Sets the group's attributes."""
        self._group.attrs[_ATTRIBUTE] = description

    def leave(self) -> None:
        """Leaves the group as it is: nothing is open."""

    def finish(self) -> None:
        """Gives the group its name."""
        self._target.commit()

    @staticmethod
    def complete(
        path: str, names: Sequence[str], num: int, dtype: np.dtype[Any]
    ) -> tuple[np.ndarray | None, Sequence[np.ndarray]]:
        """The rows of a complete group but x, which is made sooner than read, each read at its first use."""
        return None, _Rows(path, names[1:])

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
            check_memory(array.shape[0], 1, array.dtype)
            self._read[name] = array[:]
        return self._read[name]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[index] for index in range(len(self)))
