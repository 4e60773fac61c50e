"""The threads of a sweep: blocks are computed by several at a time, until all are done or one fails."""

from __future__ import annotations

import contextvars
import queue
import threading
from collections.abc import Callable, Iterable

from .progress import Progress


def for_each(compute: Callable[[int], int], blocks: Iterable[int], threads: int, progress: Progress) -> None:
    """Calls ``compute`` with every number of ``blocks``; it gives a number of points, which are counted as done.

    One thread is the caller's. The first error, or the user's Ctrl-C, ends all.
    """
    if threads == 1:
        for block in blocks:
            progress.update(compute(block))
    else:
        _in_threads(compute, blocks, threads, progress)


def _in_threads(compute: Callable[[int], int], blocks: Iterable[int], threads: int, progress: Progress) -> None:
    rest = iter(blocks)
    taking = threading.Lock()
    stop = threading.Event()
    done: queue.SimpleQueue[int | BaseException | None] = queue.SimpleQueue()

    def take() -> int | None:
        with taking:
            return None if stop.is_set() else next(rest, None)

    def work() -> None:
        try:
            while (block := take()) is not None:
                done.put(compute(block))
            done.put(None)
        except BaseException as error:
            done.put(error)

    # Grad mode and NumPy's error state are those of the caller.
    pool = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(threads)]
    try:
        # A thread that computes gives Python's lock back often, but not for long enough to start another one.
        with taking:
            for thread in pool:
                thread.start()
        working = threads
        while working:
            try:
                # Without a limit, Ctrl-C would not end the wait on Windows.
                report = done.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(report, BaseException):
                raise report
            if report is None:
                working -= 1
            else:
                progress.update(report)
    finally:
        stop.set()
        for thread in pool:
            if thread.ident is not None:
                thread.join()
