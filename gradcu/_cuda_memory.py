"""Memory around streams: pinned memory of the host, and memory that is kept until streams are done with it.

A stream works while the program goes on. What it reads or writes must not be given out again before it is done, and
CuPy's pools know only of the stream on which they gave memory out, and pinned ones of none.
"""

from __future__ import annotations

import sys
import weakref
from collections import deque
from importlib import import_module
from typing import Any

import numpy as np

_kept: deque[tuple[Any, Any]] = deque()
"""Events, and what must stay until they have happened."""

_users: dict[int, list[Any]] = {}
"""The places that work with the memory of a CuPy array, by its id."""


def in_pinned_memory(array: Any) -> np.ndarray[Any, Any]:
    """A copy of a NumPy array or scalar in pinned memory, which CUDA devices reach by themselves."""
    source = np.asarray(array)
    copy = import_module("cupyx").empty_like_pinned(source)
    copy[...] = source
    return copy


def is_pinned(array: Any) -> bool:
    """Whether a NumPy array's memory is pinned, by whomever; no device is asked before CuPy is imported."""
    cupy = sys.modules.get("cupy")
    if cupy is None or not isinstance(array, np.ndarray):
        return False
    runtime = cupy.cuda.runtime
    try:
        return runtime.pointerGetAttributes(array.ctypes.data).type == runtime.memoryTypeHost
    except runtime.CUDARuntimeError:
        return False


def to_pinned(array: Any, place: Any) -> np.ndarray[Any, Any]:
    """A CuPy array's elements in pinned memory, where they are once the stream of ``place`` has come so far."""
    copy = array.get(out=import_module("cupyx").empty_like_pinned(array), blocking=False)
    keep(copy, place)
    return copy


def keep(memory: Any, place: Any) -> None:
    """Keeps ``memory`` at least until the stream of ``place`` has done all that it was given so far."""
    release()
    _kept.append((place.mark(), memory))


def release() -> None:
    """Lets go of what no stream works with any more."""
    for _ in range(len(_kept)):
        try:
            event, memory = _kept.popleft()
        except IndexError:  # another thread was here first
            return
        if not event.done:
            _kept.append((event, memory))


def keep_when_dropped(array: Any, place: Any) -> None:
    """Keeps a CuPy array's memory, once nobody has it any more, until the stream of ``place`` is done by then."""
    # Every view holds the array that it is of, so that this one dies last.
    owner = array if array.base is None else array.base
    if id(owner) not in _users:
        _users[id(owner)] = []
        weakref.finalize(owner, _dropped, id(owner), owner.data).atexit = False
    places = _users[id(owner)]
    if not any(place.is_at(other) for other in places):
        places.append(place)


def _dropped(owner: int, memory: Any) -> None:
    for place in _users.pop(owner):
        keep(memory, place)
