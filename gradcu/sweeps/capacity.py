"""Whether a sweep fits in memory or on the disk, told before it begins."""

from __future__ import annotations

import errno
import os
import shutil
from typing import Any

import numpy as np

from ..fuse.memory import POOL
from .grid import counted

# Headers, the directory of a .npz, file-system bookkeeping.
_FRAME = 1 << 16

# So few bytes are there, or the rest of the program fails too; to ask takes longer than a small sweep.
_FEW = 1 << 24


def check_memory(num: int, rows: int, dtype: np.dtype[Any]) -> None:
    """Raises MemoryError where ``rows`` arrays of ``num`` points are more than the memory that is free."""
    needed = num * rows * dtype.itemsize
    if needed <= _FEW:
        return
    free = available_memory()
    if free is not None and needed > free:
        POOL.clear()
        free = available_memory()
    if free is not None and needed > free:
        raise MemoryError(
            f"num = {num:.10g} needs {in_bytes(needed)} of memory for {counted(rows, 'result array')} of "
            f"{dtype}, and {in_bytes(free)} are free, enough for {_floor(free // (rows * dtype.itemsize))} points; "
            "take fewer, or write them to a file (out)"
        )


def check_disk(path: str, num: int, rows: int, dtype: np.dtype[Any], already: int = 0) -> None:
    """Raises OSError where ``rows`` arrays of ``num`` points are more than the free space beside ``path``.

    ``already`` are the bytes that the disk has of them.
    """
    folder = os.path.dirname(os.path.realpath(path))
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise unwritable(path, error) from error
    needed = num * rows * dtype.itemsize + _FRAME
    if needed - already > free:
        raise OSError(
            errno.ENOSPC,
            f"num = {num:.10g} needs {in_bytes(needed)} on disk for {rows} arrays of {dtype}, and {in_bytes(free)} are "
            f"free in {folder}, enough for {_floor(max(free - _FRAME, 0) // (rows * dtype.itemsize))} points",
        )


def bytes_on_disk(folder: str) -> int:
    """What the files in a directory take of the disk; 0 where it is not there."""
    return sum(
        # Where the system does not say how many blocks a file has, it has no holes either.
        found.st_blocks * 512 if hasattr(found, "st_blocks") else found.st_size
        for place, _, names in os.walk(folder)
        for found in (os.stat(os.path.join(place, name)) for name in names)
    )


def unwritable(path: str, error: OSError) -> OSError:
    """The same error, with the path in its message."""
    return OSError(error.errno, f"{path} cannot be written: {error.strerror}")


def available_memory() -> int | None:
    """The bytes that this process may still take without swapping; None where the system does not tell."""
    limits = [_physical(), _control_group(), _address_space()]
    known = [limit for limit in limits if limit is not None]
    return max(min(known), 0) if known else None


def _physical() -> int | None:
    free = _field("/proc/meminfo", "MemAvailable:")
    if free is not None:
        return free * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):
        return None


def _control_group() -> int | None:
    """What a container's limit leaves: cgroup version 2, then 1. File pages are given back when memory runs short."""
    for limit, usage, cached in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current", "file"),
        (
            "/sys/fs/cgroup/memory/memory.limit_in_bytes",
            "/sys/fs/cgroup/memory/memory.usage_in_bytes",
            "total_cache",
        ),
    ):
        allowed, used = _number(limit), _number(usage)
        if allowed is not None and used is not None:
            cache = _field(os.path.join(os.path.dirname(limit), "memory.stat"), cached) or 0
            return allowed - used + cache
    return None


def _address_space() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    allowed = resource.getrlimit(resource.RLIMIT_AS)[0]
    if allowed == resource.RLIM_INFINITY:
        return None
    used = _field("/proc/self/status", "VmSize:") or 0
    return allowed - used * 1024


def _field(path: str, name: str) -> int | None:
    """The number after ``name`` in a file of lines such as ``MemFree: 123 kB``."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            for line in file:
                words = line.split()
                if len(words) >= 2 and words[0] == name:
                    return int(words[1])
    except (OSError, ValueError):
        pass
    return None


def _number(path: str) -> int | None:
    try:
        with open(path, encoding="ascii") as file:
            return int(file.read())
    except (OSError, ValueError):
        return None


def in_bytes(count: float) -> str:
    """``123456789`` -> ``"123 MB"``."""
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000 or unit == "PB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "bytes" or 100 <= count < 1e6 else f"{count:.3g} {unit}"


def _floor(count: int) -> str:
    """A count with two digits, never rounded up."""
    magnitude = 10 ** max(len(str(count)) - 2, 0)
    return f"{count // magnitude * magnitude:.3g}"
