"""Work on ranges of elements, shared by the caller's thread and a few helpers that stay."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

_MOST = 16
_PART = 1 << 17
"""Elements of a part: what is not worth waking a thread for."""

_pool: ThreadPoolExecutor | None = None


def cpu_count() -> int:
    """How many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def in_parts(work: Callable[[int, int], None], count: int) -> None:
    """Calls ``work(first, size)`` for parts that make up ``count`` elements, in several threads where there are many.

    Which thread has which part does not matter. The first error is raised once no part runs any more.
    """
    parts = -(-count // _PART)
    helpers = min(parts, cpu_count(), _MOST) - 1
    if helpers < 1:
        work(0, count)
        return
    numbers = itertools.count()
    # A helper may let go of `share` later than of its result, and what the work writes to must be free by then.
    held = [work]

    def share() -> None:
        while (part := next(numbers)) < parts:
            held[0](part * _PART, min(_PART, count - part * _PART))

    futures = [_helpers().submit(share) for _ in range(helpers)]
    try:
        share()
    finally:
        # What a helper has not begun, nobody has to wait for.
        begun = [future for future in futures if not future.cancel()]
        for future in begun:
            future.exception()
        held.clear()
    for future in begun:
        future.result()


def _helpers() -> ThreadPoolExecutor:
    global _pool
    if _pool is None:
        _pool = ThreadPoolExecutor(_MOST, thread_name_prefix="gradcu")
    return _pool


def _forget() -> None:
    """A child process has none of its parent's threads."""
    global _pool
    _pool = None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
