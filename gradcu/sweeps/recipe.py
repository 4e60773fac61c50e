"""What a worker of a distributed sweep is sent: all that it takes to compute any block, and to tell how it was done.

A worker process makes the engine of a sweep once, at its first block, and keeps those of the last few sweeps.
"""

from __future__ import annotations

import copy
import os
import pickle
import platform
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .._dtype import get_default_dtype
from .choice import make_engine
from .cut import Cut
from .domain import Domain, listed
from .engine import Engine, evaluated
from .places import places_of
from .probe import name_of
from .statistics import BlockStatistics
from .wanted import Wanted

if TYPE_CHECKING:
    from .._tensor import Tensor

_MOST_ENGINES = 16
"""A worker serves few sweeps at a time, and an engine may hold the data that its function closed over."""


class Way(NamedTuple):
    """How a worker computes."""

    device: str
    reason: str
    engine: str
    engine_reason: str


class Report:
    """What is told of a part of a sweep: the figures of its rows; how, by which threads, and when it was computed.

    Times are seconds since the epoch, by the workers' clocks.
    """

    __slots__ = ("begun", "ended", "statistics", "threads", "ways")

    def __init__(self, statistics: BlockStatistics, way: Way, begun: float) -> None:
        self.statistics, self.begun, self.ended = statistics, begun, time.time()
        self.ways = {way}
        self.threads = {(platform.node(), os.getpid(), threading.get_ident())}

    def merge(self, later: Report) -> None:
        """Adds what is told of the part that follows."""
        self.statistics.merge(later.statistics)
        self.begun, self.ended = min(self.begun, later.begun), max(self.ended, later.ended)
        self.ways |= later.ways
        self.threads |= later.threads


def merged(reports: Sequence[Report]) -> Report:
    """One report of neighbouring parts, given in their order, which stay as they are."""
    whole = copy.deepcopy(reports[0])
    for report in reports[1:]:
        whole.merge(report)
    return whole


class Block(NamedTuple):
    """A block of results: f and its partials, each an array of its own, so that one can be freed without the others."""

    rows: list[np.ndarray]
    report: Report


class Recipe:
    """A sweep, cut into blocks, in a form that can be sent to another process.

    f takes a Tensor for each of the domain's names. Raises TypeError where it can't be pickled.
    """

    __slots__ = ("cut", "default_dtype", "device", "domain", "engine", "function", "name", "pickled", "wanted")

    def __init__(
        self, f: Callable[..., Tensor], domain: Domain, wanted: Wanted, device: Any, engine: str, cut: Cut
    ) -> None:
        # Never the name of another sweep: functions of one name and one code may still look up different data.
        self.name = f"sweep-{uuid.uuid4().hex}"
        self.function, self.pickled = name_of(f), _pickled(f)
        self.domain, self.wanted, self.device, self.engine, self.cut = domain, wanted, device, engine, cut
        self.default_dtype = get_default_dtype()

    def axis(self, name: str, first: int, count: int) -> np.ndarray:
        """Values of a variable or param along its axis."""
        return self.domain.axis(name, first, count)

    def block(self, number: int) -> Block:
        """The results of a block, computed on this thread by this process's engine for the sweep."""
        self._check_default_dtype()
        prepared = _prepared(self)
        first, count = self.cut.span(number)
        # Not from the pool of recycled results: a worker that seems to need its freed memory is paused or ended.
        rows = [np.empty(count, self.domain.dtype) for _ in self.wanted.names]
        with prepared.slots:
            begun = time.time()
            statistics = evaluated(prepared.engine, first, None, rows, prepared.engine.chunk)
        shape = self.cut.shape(number)
        # A device whose memory became too short is told of by the blocks from then on.
        way = prepared.way._replace(engine_reason=prepared.engine.reason)
        return Block([row.reshape(shape) for row in rows], Report(statistics, way, begun))

    def _check_default_dtype(self) -> None:
        """Tensors that f makes of numbers have the default dtype, and with another one the results would differ."""
        found = get_default_dtype()
        if found != self.default_dtype:
            raise RuntimeError(
                f"the default dtype was {self.default_dtype} where the sweep of {self.function} was made, and is "
                f"{found} on the worker; set it there too: client.run(gradcu.set_default_dtype, "
                f"gradcu.{self.default_dtype})"
            )


class _Prepared(NamedTuple):
    """What a process has for the blocks of one sweep; ``slots`` lets in as many threads as the engine can have."""

    engine: Engine
    way: Way
    slots: threading.Semaphore


_kept: OrderedDict[str, _Prepared] = OrderedDict()
# One engine is made at a time: other threads of the process wait for it rather than compile the same.
_making = threading.Lock()


def _prepared(recipe: Recipe) -> _Prepared:
    with _making:
        found = _kept.get(recipe.name)
        if found is None:
            places, reason, name = places_of(recipe.device, recipe.engine)
            function = pickle.loads(recipe.pickled)
            # Whoever made the sweep was warned of the function there.
            engine = make_engine(name, function, recipe.domain, recipe.wanted, places, depth=None)
            used = listed([str(place) for place in (places if engine.name == "cuda" else places[:1])])
            way = Way(used, reason, engine.name, engine.reason)
            found = _kept[recipe.name] = _Prepared(engine, way, threading.Semaphore(engine.threads))
            if len(_kept) > _MOST_ENGINES:
                _kept.popitem(last=False)
        _kept.move_to_end(recipe.name)
        return found


def _pickled(f: Any) -> bytes:
    # Dask's own: it takes functions that stand in no module, such as lambdas, with what they closed over.
    import cloudpickle

    try:
        return cloudpickle.dumps(f)
    except Exception as error:
        raise TypeError(f"{name_of(f)} can't be sent to workers, since it can't be pickled: {error}") from error
