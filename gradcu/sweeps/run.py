"""The course of a sweep: arguments are checked, an engine fills the blocks on a thread pool, a result comes out."""

from __future__ import annotations

import contextlib
import threading
import time
import warnings
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from .._device import auto_device, resolve
from .._device import device as as_device
from .._dtype import get_default_dtype
from .binding import bound
from .capacity import check_memory
from .choice import make_engine
from .domain import Domain, domain_of
from .engine import Engine, evaluated
from .grid import LinspaceAxis, whole_number
from .identity import described
from .probe import name_of
from .progress import Progress
from .reducing import ReducingStore, Reductions, reducer_for
from .reduction import SweepReduction
from .result import Run, SweepResult
from .resumable import Resumable
from .statistics import BlockStatistics, Collector
from .store import RESUMABLE, SWEPT, MemoryStore, Store, checked_path, open_store
from .wanted import Wanted, wanted_of
from .workers import for_each

if TYPE_CHECKING:
    from .._tensor import Tensor
    from .dask_sweep import DaskSweep


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
    partials: Any,
    dtype: Any,
    device: Any,
    engine: str,
    out: Any,
    resume: bool,
    reduce: Any,
    chunk: int | None,
    progress: bool | None,
    distributed: str | None,
) -> SweepResult | SweepReduction | DaskSweep:
    """Does what `gradcu.sweep` says."""
    begun = time.perf_counter()
    if not callable(f):
        raise TypeError(f"f must be a function of a Tensor, not {f!r} ({type(f).__name__})")
    domain = domain_of(start, stop, num, grid, points, params, get_default_dtype() if dtype is None else dtype)
    function = bound(f, domain)
    wanted = wanted_of(domain, whole_number("order", order, least=0), partials)
    if chunk is not None:
        chunk = whole_number("chunk", chunk, least=1)
    if distributed is not None:
        from .dask_sweep import dask_sweep

        lazy = dask_sweep(
            function, domain, wanted, device=device, engine=engine, chunk=chunk, distributed=distributed,
            beside={"out": out, "resume": resume, "reduce": reduce, "progress": progress},
        )  # fmt: skip
        _warn_of_repeats(domain)
        return lazy
    place, reason = place_of(device)
    reductions = None if reduce is None else _reductions(reduce, out, domain)
    with Progress(domain.num * (1 if reductions is None else reductions.passes), progress) as shown:
        store = _store(out, resume, reductions, domain, wanted)
        try:
            chosen = make_engine(engine, function, domain, wanted, place)
            _warn_of_repeats(domain)
            length = min(store.length(chunk, chosen.chunk, chosen.threads), domain.num)
            done: Collection[int] = ()
            collector: Collector[BlockStatistics] = Collector()
            if isinstance(store, Resumable):
                description = described(f, domain, wanted, chosen, str(place), length)
                length, done = store.begin(description, chunk, collector)
            elif isinstance(store, ReducingStore):
                store.reducer = reducer_for(chosen, domain.dtype)
            course = _Course(chosen, domain.num, length, min(chunk or chosen.chunk, length), store, shown)
            course.fill(collector, done)
            if isinstance(store, ReducingStore) and store.wants_ranges:
                store.take_ranges(collector.result)
                course.fill(Collector(), ())
            statistics = collector.result
            x, rows = store.close(statistics)
        except BaseException as error:
            store.abandon(error)
            raise
    facts = Run(
        function=name_of(f),
        domain=domain,
        wanted=wanted,
        device=str(place),
        reason=reason,
        engine=chosen.name,
        engine_reason=chosen.reason,
        threads=course.threads,
        chunk=length,
        seconds=time.perf_counter() - begun,
        computed=domain.num - course.points(done),
    )
    if isinstance(store, ReducingStore):
        return SweepReduction(facts, statistics, store)
    return SweepResult(facts, statistics, rows, x)


def _reductions(reduce: Any, out: Any, domain: Domain) -> Reductions:
    if out is not None:
        raise ValueError(f"reduce keeps no rows that out = {out!r} could take; use one of them")
    reductions = Reductions(reduce)
    reductions.check(domain)
    return reductions


def _store(out: Any, resume: Any, reductions: Reductions | None, domain: Domain, wanted: Wanted) -> Store:
    """Where the rows go."""
    if not isinstance(resume, bool):
        raise TypeError(f"resume must be True or False, not {resume!r} ({type(resume).__name__})")
    if out is not None:
        path = checked_path("out", out, SWEPT)
        if path.lower().endswith(RESUMABLE):
            return Resumable(path, domain, wanted.names, resume)
    if resume:
        what = "nothing is kept" if out is None else f"{out} appears once it is complete"
        raise ValueError(
            f"resume needs out to end in {' or '.join(RESUMABLE)}: {what}, so there is nothing to go on with"
        )
    if reductions is not None:
        return ReducingStore(reductions, domain, wanted.names)
    if out is not None:
        return open_store(out, domain, wanted.names)
    check_memory(domain.num, len(wanted), domain.dtype)
    return MemoryStore(domain, len(wanted))


def place_of(device: Any) -> tuple[Any, str]:
    """The device that the argument of a sweep stands for in this process, and why it is that one."""
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


class _Course:
    """Blocks of ``length`` points, of which an engine computes ``piece`` at a time, on their way into a store."""

    def __init__(self, engine: Engine, num: int, length: int, piece: int, store: Store, progress: Progress) -> None:
        self._engine, self._num, self._length, self._piece = engine, num, length, piece
        self._store, self._progress = store, progress
        self._blocks = -(-num // length)
        self.threads = min(engine.threads, self._blocks)
        # A single block has nobody to wait for.
        self._computing = threading.BoundedSemaphore(self.threads) if self._blocks > 1 else contextlib.nullcontext()

    def points(self, blocks: Collection[int]) -> int:
        """How many points these blocks have."""
        return len(blocks) * self._length - (self._blocks * self._length - self._num) * (self._blocks - 1 in blocks)

    def fill(self, collector: Collector[BlockStatistics], done: Collection[int]) -> None:
        """Computes all blocks that are not done. The collector gets their figures."""

        def compute(block: int) -> int:
            first = block * self._length
            rows = self._store.rows(first, min(self._length, self._num - first))
            with self._computing:
                x, results = (rows[0], rows[1:]) if self._store.keeps_x else (None, rows)
                figures = evaluated(self._engine, first, x, results, self._piece)
            self._store.write(first, rows, figures)
            collector.add(block, figures)
            return rows[0].size

        self._progress.skip(self.points(done))
        # While one waits for the disk, another can compute.
        threads = min(self.threads + self._store.waits, self._blocks)
        for_each(compute, (block for block in range(self._blocks) if block not in done), threads, self._progress)
