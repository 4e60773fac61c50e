"""The course of a sweep: arguments are checked, an engine fills the blocks on a thread pool, a result comes out."""

from __future__ import annotations

import contextlib
import time
import warnings
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from .._device import CPU, device
from .._dtype import get_default_dtype
from .binding import bound
from .capacity import check_memory
from .choice import make_engine
from .course import course_of
from .domain import Domain, domain_of, listed
from .grid import LinspaceAxis, whole_number
from .identity import described
from .places import places_of
from .probe import name_of
from .progress import Progress
from .reducing import ReducingStore, Reductions, reducer_for
from .reduction import SweepReduction
from .result import Run, SweepResult
from .resumable import Resumable
from .statistics import BlockStatistics, Collector
from .store import RESUMABLE, SWEPT, MemoryStore, Store, checked_path, open_store
from .wanted import Wanted, wanted_of

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
    places, reason, engine = places_of(device, engine)
    reductions = None if reduce is None else _reductions(reduce, out, domain)
    with Progress(domain.num * (1 if reductions is None else reductions.passes), progress) as shown:
        store = _store(out, resume, reductions, domain, wanted, places)
        try:
            chosen = make_engine(engine, function, domain, wanted, places)
            used = listed([str(place) for place in (places if chosen.name == "cuda" else places[:1])])
            _warn_of_repeats(domain)
            length = min(store.length(chunk, chosen.chunk, chosen.threads), domain.num)
            done: Collection[int] = ()
            collector: Collector[BlockStatistics] = Collector()
            if isinstance(store, Resumable):
                description = described(f, domain, wanted, chosen, used, length)
                length, done = store.begin(description, chunk, collector)
            elif isinstance(store, ReducingStore):
                store.reducer = reducer_for(chosen, domain.dtype)
            course = course_of(chosen, store, domain.num, length, chunk, shown)
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
        device=used,
        reason=reason if _fits(store, places) else f"{reason}; the results don't fit there, and are on the CPU",
        engine=chosen.name,
        engine_reason=chosen.reason,
        threads=course.threads,
        chunk=course.length,
        seconds=time.perf_counter() - begun,
        computed=domain.num - course.points(done),
        on_devices=chosen.seconds,
    )
    if isinstance(store, ReducingStore):
        return SweepReduction(facts, statistics, store)
    return SweepResult(facts, statistics, rows, x, course.make_points)


def _reductions(reduce: Any, out: Any, domain: Domain) -> Reductions:
    if out is not None:
        raise ValueError(f"reduce keeps no rows that out = {out!r} could take; use one of them")
    reductions = Reductions(reduce)
    reductions.check(domain)
    return reductions


def _store(
    out: Any, resume: Any, reductions: Reductions | None, domain: Domain, wanted: Wanted, places: Sequence[device]
) -> Store:
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
    # Of several devices none has room for all that they compute together.
    if len(places) == 1 and places[0] is not CPU:
        with contextlib.suppress(MemoryError):
            return MemoryStore(domain, len(wanted), places[0])
    check_memory(domain.num, len(wanted), domain.dtype)
    return MemoryStore(domain, len(wanted))


def _fits(store: Store, places: Sequence[device]) -> bool:
    """Whether results in memory are where they were computed, or were computed in several places."""
    return not isinstance(store, MemoryStore) or len(places) > 1 or store.place is places[0]


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
