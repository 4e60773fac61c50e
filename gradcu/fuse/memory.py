"""Memory for large results, taken back when they are freed, and used again.

The system gives memory in pages full of zeros, each at its first touch, and that takes longer than computing what goes
into them. A freed result's pages are offered to the system instead, which takes them where it runs short (MADV_FREE,
madvise(2)), and otherwise serve the next result of the same size. The arrays have an object of their own for their
base, so memory is free when nothing that shares it is left: neither arrays and views, nor buffers, nor tensors.
"""

from __future__ import annotations

import contextlib
import ctypes
import math
import mmap
from collections import deque
from typing import Any

import numpy as np

_HUGE_PAGE = 2 << 20
"""Where pages of 4 KiB are the small ones."""

_SMALL = 1 << 20


def result_array(num: int, dtype: np.dtype[Any]) -> np.ndarray:
    """A new array whose elements are whatever was there before."""
    size = num * dtype.itemsize
    if size < _SMALL or not hasattr(mmap, "MADV_FREE"):
        return np.empty(num, dtype)
    return np.asarray(_Lease(POOL, math.ceil(size / _HUGE_PAGE) * _HUGE_PAGE))[:size].view(dtype)


class _Mapping:
    """Pages of this process alone, huge ones where the system has them."""

    __slots__ = ("address", "pages", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        self.pages = mmap.mmap(-1, size + _HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            # A kernel without them refuses.
            with contextlib.suppress(OSError):
                self.pages.madvise(mmap.MADV_HUGEPAGE)
        start = ctypes.addressof(ctypes.c_char.from_buffer(self.pages))
        self.address = start + -start % _HUGE_PAGE

    def offer(self) -> None:
        """Lets the system take any page that is not written again before that."""
        self.pages.madvise(mmap.MADV_FREE)


class Pool:
    """Mappings that nobody uses, at most ``most`` bytes of them, for all threads."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._free: deque[_Mapping] = deque()

    @property
    def kept(self) -> int:
        """The bytes of the mappings, whether or not the system has taken pages of them."""
        return sum(mapping.size for mapping in tuple(self._free))

    def take(self, size: int) -> _Mapping:
        """A mapping of that size, or a new one."""
        with contextlib.suppress(IndexError):
            for _ in range(len(self._free)):
                mapping = self._free.popleft()
                if mapping.size == size:
                    return mapping
                self._free.append(mapping)
        return _Mapping(size)

    def give(self, mapping: _Mapping) -> None:
        """Keeps a mapping, in place of those that have been here for the longest.

        The garbage collector may call this at any time, in the middle of `take` too, so it can't wait for a lock; the
        deque's own operations are whole.
        """
        with contextlib.suppress(OSError):
            mapping.offer()
            self._free.append(mapping)
        with contextlib.suppress(IndexError):
            while self.kept > self.most:
                self._free.popleft()

    def clear(self) -> None:
        """Gives all that is kept back to the system."""
        self._free.clear()


POOL = Pool(most=1 << 30)


class _Lease:
    """The base of an array: for as long as it lives, a mapping belongs to whoever reaches the array."""

    __slots__ = ("__array_interface__", "_mapping", "_pool")

    def __init__(self, pool: Pool, size: int) -> None:
        self._pool, self._mapping = pool, pool.take(size)
        self.__array_interface__ = {
            "version": 3, "shape": (size,), "typestr": "|u1", "data": (self._mapping.address, False)
        }  # fmt: skip

    def __del__(self) -> None:
        self._pool.give(self._mapping)
