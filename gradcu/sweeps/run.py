"""The course of a sweep: arguments are checked, an engine fills the blocks on a thread pool, a result comes out."""

from __future__ import annotations

import contextvars
import itertools
import queue
import threading
import time
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .._device import auto_device, resolve
from .._device import device as as_device
from .._dtype import get_default_dtype
from .capacity import check_memory
from .choice import make_engine
from .engine import Engine
from .grid import Grid, whole_number
from .probe import name_of
from .progress import Progress
from .result import Run, SweepResult
from .statistics import BlockStatistics, Collector
from .store import Store, open_store

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .dask_sweep import DaskSweep


def run(
    f: Callable[[Tensor], Tensor],
    start: float,
    stop: float,
    num: float,
    *,
    order: int,
    dtype: Any,
    device: Any,
    engine: str,
    out: Any,
    chunk: int | None,
    progress: bool | None,
    distributed: str | None,
) -> SweepResult | DaskSweep:
    """Does what `gradcu.sweep` says."""
    begun = time.perf_counter()
    if not callable(f):
        raise TypeError(f"f must be a function of a Tensor, not {f!r} ({type(f).__name__})")
    grid = Grid(start, stop, num, get_default_dtype() if dtype is None else dtype)
    order = whole_number("order", order, least=0)
    if chunk is not None:
        chunk = whole_number("chunk", chunk, least=1)
    if distributed is not None:
        from .dask_sweep import dask_sweep

        lazy = dask_sweep(
            f, grid, order, device=device, engine=engine, chunk=chunk, distributed=distributed,
            beside={"out": out, "progress": progress},
        )  # fmt: skip
        if grid.repeats():
            _warn_of_repeats(grid)
        return lazy
    place, reason = place_of(device)
    if out is None:
        check_memory(grid.num, order + 1, grid.dtype)
    with Progress(grid.num, progress) as shown:
        store = open_store(out, grid.num, order, grid.dtype)
        try:
            chosen = make_engine(engine, f, grid, order, place)
            if grid.repeats():
                _warn_of_repeats(grid)
            length = min(chunk or chosen.chunk, grid.num)
            threads = min(chosen.threads, -(-grid.num // length))
            statistics = _fill(chosen, grid.num, length, threads, store, shown)
            rows = store.close()
        except BaseException:
            store.abandon()
            raise
    facts = Run(
        function=name_of(f),
        grid=grid,
        order=order,
        device=str(place),
        reason=reason,
        engine=chosen.name,
        engine_reason=chosen.reason,
        threads=threads,
        chunk=length,
        seconds=time.perf_counter() - begun,
    )
    return SweepResult(facts, statistics, rows[1:] if store.keeps_x else rows, rows[0] if store.keeps_x else None)


def place_of(device: Any) -> tuple[Any, str]:
    """The device that the argument of a sweep stands for in this process, and why it is that one."""
    if device == "auto":
        place, reason = auto_device()
        return place, reason.partition(": ")[2]
    place = resolve(device)
    asked = device is None or as_device(device).type == place.type
    return place, "asked for" if asked else "GRADCU_DEVICE=cpu"


def _warn_of_repeats(grid: Grid) -> None:
    problem = (
        "start and stop are equal, and so are all points"
        if grid.start == grid.stop
        else f"neighbouring points are equal in {grid.dtype}, whose numbers stand wider apart there than the step "
        f"{abs(grid.step):.3g}; take fewer points" + ("" if grid.dtype.itemsize == 8 else " or dtype=float64")
    )
    warnings.warn(problem, UserWarning, stacklevel=4)


def _fill(engine: Engine, num: int, length: int, threads: int, store: Store, progress: Progress) -> BlockStatistics:
    """Computes all blocks of ``length`` points, on the caller's thread where one is enough."""
    collector = Collector()
    blocks = -(-num // length)

    def compute(block: int) -> int:
        first = block * length
        count = min(length, num - first)
        rows = store.rows(first, count)
        x, results = (rows[0], rows[1:]) if store.keeps_x else (None, rows)
        collector.add(block, engine.evaluate(first, x, results))
        store.write(first, rows)
        return count

    if threads == 1:
        for block in range(blocks):
            progress.update(compute(block))
    else:
        _in_threads(compute, blocks, threads, progress)
    return collector.result


def _in_threads(compute: Callable[[int], int], blocks: int, threads: int, progress: Progress) -> None:
    """Runs ``compute`` for all blocks; the first error, or the user's Ctrl-C, ends all of them."""
    numbers = itertools.count()
    stop = threading.Event()
    done: queue.SimpleQueue[int | BaseException] = queue.SimpleQueue()

    def work() -> None:
        try:
            while not stop.is_set() and (block := next(numbers)) < blocks:
                done.put(compute(block))
        except BaseException as error:
            done.put(error)

    # Grad mode and NumPy's error state are those of the caller.
    pool = [threading.Thread(target=contextvars.copy_context().run, args=(work,)) for _ in range(threads)]
    try:
        for thread in pool:
            thread.start()
        finished = 0
        while finished < blocks:
            try:
                # Without a limit, Ctrl-C would not end the wait on Windows.
                report = done.get(timeout=0.2)
            except queue.Empty:
                continue
            if isinstance(report, BaseException):
                raise report
            finished += 1
            progress.update(report)
    finally:
        stop.set()
        for thread in pool:
            if thread.ident is not None:
                thread.join()
