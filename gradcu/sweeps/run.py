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
from .binding import bound
from .capacity import check_memory
from .choice import make_engine
from .domain import Domain, check_names, domain_of, partials
from .engine import Engine
from .grid import LinspaceAxis, whole_number
from .probe import name_of
from .progress import Progress
from .result import Run, SweepResult
from .statistics import BlockStatistics, Collector
from .store import Store, open_store

if TYPE_CHECKING:
    from .._tensor import Tensor


def run(
    f: Callable[..., Tensor],
    start: float | None,
    stop: float | None,
    num: float | None,
    *,
    grid: Any,
    points: Any,
    params: Any,
    order: int,
    dtype: Any,
    device: Any,
    engine: str,
    out: Any,
    chunk: int | None,
    progress: bool | None,
) -> SweepResult:
    """Does what `gradcu.sweep` says."""
    begun = time.perf_counter()
    if not callable(f):
        raise TypeError(f"f must be a function of a Tensor, not {f!r} ({type(f).__name__})")
    domain = domain_of(start, stop, num, grid, points, params, get_default_dtype() if dtype is None else dtype)
    function = bound(f, domain)
    order = whole_number("order", order, least=0)
    check_names(domain, order)
    count = len(partials(domain.variables, order))
    if chunk is not None:
        chunk = whole_number("chunk", chunk, least=1)
    place, reason = _place(device)
    if out is None:
        check_memory(domain.num, count, domain.dtype)
    with Progress(domain.num, progress) as shown:
        store = open_store(out, domain.num, count - 1, domain.dtype)
        try:
            chosen = make_engine(engine, function, domain, order, place)
            _warn_of_repeats(domain)
            length = min(chunk or chosen.chunk, domain.num)
            threads = min(chosen.threads, -(-domain.num // length))
            statistics = _fill(chosen, domain.num, length, threads, store, shown)
            rows = store.close()
        except BaseException:
            store.abandon()
            raise
    facts = Run(
        function=name_of(f),
        domain=domain,
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


def _place(device: Any) -> tuple[Any, str]:
    """The device, and why it is that one."""
    if device == "auto":
        place, reason = auto_device()
        return place, reason.partition(": ")[2]
    place = resolve(device)
    asked = device is None or as_device(device).type == place.type
    return place, "asked for" if asked else "GRADCU_DEVICE=cpu"


def _warn_of_repeats(domain: Domain) -> None:
    for axis in domain.axes:
        if isinstance(axis, LinspaceAxis) and axis.repeats():
            named = "" if axis is domain.line else f" of {axis.names[0]}"
            problem = (
                f"start and stop{named} are equal, and so are all points"
                if axis.start == axis.stop
                else f"neighbouring points{named} are equal in {axis.dtype}, whose numbers stand wider apart there "
                f"than the step {abs(axis.step):.3g}; take fewer points"
                + ("" if axis.dtype.itemsize == 8 else " or dtype=float64")
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
