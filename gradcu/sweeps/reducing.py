"""Sweeps without results: each block of rows is reduced while it is in the cache, and its buffers are used again."""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..fuse.compiler import find_compiler
from ..fuse.layout import boxes
from ..fuse.reduction import TILE, CompiledReducer, NumpyReducer, Reducer
from .domain import Domain, listed
from .engine import Engine
from .grid import LinspaceAxis, whole_number
from .statistics import BlockStatistics, Collector, SignChanges

REDUCTIONS = ("min", "max", "argmin", "argmax", "mean", "integral", "sign_changes", "histogram")

_BINS = 10
_MOST = 1 << 18
"""Points of a block: enough to hide what Python costs a block, few enough for its rows to stay in the cache."""


class Reductions:
    """What to reduce rows to, as ``reduce`` of `gradcu.sweep` says it.

    ``names`` are the reductions, each once. Raises TypeError and ValueError, which say what would be right.

    >>> Reductions({"max": None, "histogram": {"bins": 4, "range": (0, 1)}}).names
    ('max', 'histogram')
    """

    def __init__(self, reduce: Any) -> None:
        options = reduce if isinstance(reduce, Mapping) else {}
        names = (reduce,) if isinstance(reduce, str) else tuple(reduce) if isinstance(reduce, Iterable) else None
        if names is None:
            raise TypeError(
                f"reduce must be names of reductions ({', '.join(REDUCTIONS)}), or a dict of their options, "
                f"not {reduce!r} ({type(reduce).__name__})"
            )
        if not names:
            raise ValueError(f"reduce is empty; name one or more of {', '.join(REDUCTIONS)}")
        for name in names:
            if name not in REDUCTIONS:
                raise ValueError(f"reduce: there is no {name!r}; there are {', '.join(REDUCTIONS)}")
            if options.get(name) and name != "histogram":
                raise ValueError(f"reduce: {name} has no options, but {options[name]!r} is given")
        self.names = tuple(name for name in REDUCTIONS if name in names)
        self.bins, self.range = _histogram_options(options.get("histogram") or {})

    def check(self, domain: Domain) -> None:
        """Raises ValueError for what can't be said of such points."""
        if domain.params:
            raise ValueError(f"reduce takes no params: sweep once for each value of {listed(domain.params)}")
        if "sign_changes" in self.names and not domain.sorted:
            raise ValueError("reduce: sign_changes are of points in a row, in ascending or descending order")
        given = [axis for axis in domain.axes if not isinstance(axis, LinspaceAxis)]
        if "integral" in self.names and given:
            raise ValueError(f"reduce: integral is of evenly spaced points, and {listed(given[0].names)} are given")

    @property
    def passes(self) -> int:
        """How many times all points are gone through: a histogram whose range is not given needs the extremes first."""
        return 2 if "histogram" in self.names and self.range is None else 1


def _histogram_options(options: Any) -> tuple[int, tuple[float, float] | None]:
    if not isinstance(options, Mapping) or not set(options) <= {"bins", "range"}:
        raise ValueError(f'reduce: histogram takes {{"bins": number, "range": (low, high)}}, not {options!r}')
    bins = whole_number("reduce: bins of the histogram", options.get("bins", _BINS), least=1)
    limits = options.get("range")
    if limits is None:
        return bins, None
    try:
        low, high = map(float, limits)
    except (TypeError, ValueError) as error:
        raise ValueError(f"reduce: range of the histogram must be two numbers, not {limits!r}") from error
    if not _can_be_divided(low, high, bins):
        raise ValueError(f"reduce: range of the histogram must be finite and go upwards, not {limits!r}")
    return bins, (low, high)


def _can_be_divided(low: float, high: float, bins: int) -> bool:
    """Whether bins between two numbers have a width that floating-point numbers can tell."""
    return low < high and math.isfinite(high - low) and math.isfinite(bins / (high - low))


class Histogram:
    """How many values are in each of the equally wide bins between ``edges``; how many below, above, and NaN.

    A bin has its lower edge, and the last one its upper edge too, as those of ``numpy.histogram``.
    """

    def __init__(self, edges: np.ndarray) -> None:
        self.edges = edges
        self.found = np.zeros(edges.size + 2, np.int64)

    @property
    def counts(self) -> np.ndarray:
        """The numbers of values in the bins."""
        return self.found[1:-2]

    @property
    def below(self) -> int:
        """How many values are less than the first edge."""
        return int(self.found[0])

    @property
    def above(self) -> int:
        """How many values are greater than the last edge."""
        return int(self.found[-2])

    @property
    def nan(self) -> int:
        """How many values are NaN."""
        return int(self.found[-1])


class PairwiseSum:
    """The sum of parts numbered from 0, the same whatever the order in which they come.

    Each part is the sum of equally many tiles, a power of two, but for the last part, which may have fewer; see
    `gradcu.fuse.reduction`.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[int, int], np.ndarray] = {}

    def add(self, part: int, value: np.ndarray, level: int = 0) -> None:
        """Takes the sum of a part, or of 2**level parts, that many being counted as one; an array is several sums."""
        while (neighbour := self._waiting.pop((level, part ^ 1), None)) is not None:
            with np.errstate(all="ignore"):
                value = value + neighbour
            level, part = level + 1, part >> 1
        self._waiting[level, part] = value

    @property
    def total(self) -> np.ndarray:
        """The sum of all parts."""
        # From the end, where the smallest are, as if zeros followed them.
        ordered = sorted(self._waiting.items(), key=lambda item: item[0][1] << item[0][0])
        total = ordered[-1][1]
        with np.errstate(all="ignore"):
            for _, value in reversed(ordered[:-1]):
                total = value + total
        return total


def reducer_for(engine: Engine, dtype: np.dtype[Any]) -> Reducer:
    """Compiled, where the engine is."""
    return CompiledReducer(dtype, find_compiler()) if engine.name == "cc" else NumpyReducer()


class Changes:
    """The sign changes of the rows of a block by their number, but for those of f', which its figures have."""

    def __init__(self, rows: Mapping[int, SignChanges]) -> None:
        self.rows = rows

    def merge(self, later: Changes) -> None:
        """Adds the block that follows."""
        for k, row in self.rows.items():
            row.merge(later.rows[k])


class Reduced(NamedTuple):
    """What a block's rows are reduced to, beside its figures; None for what is not wanted.

    ``sums`` and ``weighted`` have two numbers a row, as `Reducer.sums` gives them, ``counts`` what
    `Reducer.histogram` does.
    """

    sums: np.ndarray | None = None
    weighted: np.ndarray | None = None
    changes: Changes | None = None
    counts: Sequence[np.ndarray] | np.ndarray | None = None


class ReducingStore:
    """Takes the rows of a sweep, and keeps nothing of them but what they are reduced to.

    ``reducer`` is to be set before rows come. Where ``wants_ranges`` is true, they have to come once more, after
    `take_ranges`; then ``is_second`` is, and only histograms are made.
    """

    keeps_x = waits = False

    def __init__(self, reductions: Reductions, domain: Domain, names: Sequence[str]) -> None:
        self.reductions, self.names, self.num = reductions, names, domain.num
        self._domain = domain
        self.reducer: Reducer = NumpyReducer()
        self.sums = PairwiseSum()
        self.ends = np.zeros((2, len(names)))
        """The first and the last number of every row."""
        self.weighted = PairwiseSum()
        """The sums of a grid's integral: half of what is on a face, a quarter of what is on an edge, and so on."""
        self.histograms: list[Histogram] = []
        self._dtype, self._length = domain.dtype, TILE
        self._lock = threading.Lock()
        self._buffers: list[list[np.ndarray]] = []
        self.wants_weighted = "integral" in reductions.names and domain.line is None
        self.wants_sums = "mean" in reductions.names or ("integral" in reductions.names and not self.wants_weighted)
        self.wants_changes = "sign_changes" in reductions.names
        self._changes: Collector[Changes] | None = Collector() if self.wants_changes else None
        self.wants_ranges, self.is_second = reductions.passes == 2, False
        if reductions.range is not None:
            self._make_histograms([reductions.range] * len(names))

    def changes(self, k: int, statistics: BlockStatistics) -> SignChanges:
        """The sign changes of the k-th row, where they were asked for."""
        assert self._changes is not None
        found = statistics.changes if k == 1 else self._changes.result.rows[k]
        assert found is not None
        return found

    def take_ranges(self, statistics: BlockStatistics) -> None:
        """Lets histograms go from the least to the largest number of each row. Raises ValueError for an infinity."""
        ranges = []
        for name, row in zip(self.names, statistics.rows, strict=True):
            low, high = row.minimum, row.maximum
            if math.isnan(low):
                low, high = 0.0, 1.0
            elif low == high:
                low, high = low - 0.5, high + 0.5
            if not _can_be_divided(low, high, self.reductions.bins):
                raise ValueError(
                    f"reduce: a histogram of {name} can't go from {row.minimum:g} to {row.maximum:g}; give its range"
                )
            ranges.append((low, high))
        self._make_histograms(ranges)
        # All else was found in the first pass.
        self.wants_ranges, self.is_second = False, True

    def _make_histograms(self, ranges: Sequence[tuple[float, float]]) -> None:
        self.histograms = [Histogram(np.linspace(low, high, self.reductions.bins + 1)) for low, high in ranges]

    def length(self, asked: int | None, convenient: int, threads: int) -> int:
        """A power of two, so that a block is a part of `PairwiseSum`."""
        points = asked or min(convenient, _MOST)
        self._length = max(1 << (points - 1).bit_length(), TILE)
        return self._length

    def rows(self, first: int, count: int) -> list[np.ndarray]:
        """Buffers, which `write` takes back."""
        try:
            buffers = self._buffers.pop()
        except IndexError:
            buffers = [np.empty(min(self._length, self.num), self._dtype) for _ in self.names]
        return [buffer[:count] for buffer in buffers]

    def write(self, first: int, rows: Sequence[np.ndarray], figures: BlockStatistics | None = None) -> None:
        """Reduces the rows."""
        assert figures is not None
        sums = weighted = changes = None
        if not self.is_second:
            with np.errstate(all="ignore"):
                if self.wants_weighted:
                    weights = self._weights(first, rows[0].size)
                    weighted = np.array([self.reducer.sums(row * weights) for row in rows])
            if self.wants_sums:
                sums = np.array([self.reducer.sums(row) for row in rows])
                for end, at in ((0, 0), (1, self.num - 1)):
                    if first <= at < first + rows[0].size:
                        self.ends[end] = [row[at - first] for row in rows]
            if self._changes is not None:
                known = enumerate(zip(rows, figures.rows, strict=True))
                changes = Changes({k: SignChanges(row, first, found.bounds) for k, (row, found) in known if k != 1})
        counts = None
        if self.histograms:
            counts = [np.zeros_like(histogram.found) for histogram in self.histograms]
            for row, histogram, found in zip(rows, self.histograms, counts, strict=True):
                self.reducer.histogram(row, histogram.edges, found)
        self.add(first, Reduced(sums, weighted, changes, counts))
        self._buffers.append([row if row.base is None else row.base for row in rows])

    def add(self, first: int, reduced: Reduced) -> None:
        """Takes what the block that begins with that point was reduced to."""
        block = first // self._length
        if self._changes is not None and reduced.changes is not None:
            self._changes.add(block, reduced.changes)
        with self._lock:
            if reduced.weighted is not None:
                self.weighted.add(block, reduced.weighted)
            if reduced.sums is not None:
                self.sums.add(block, reduced.sums)
            if reduced.counts is not None:
                for histogram, counts in zip(self.histograms, reduced.counts, strict=True):
                    histogram.found += counts

    def _weights(self, first: int, count: int) -> np.ndarray:
        """A power of 1/2 for each point, by the ends of axes where it is. Only subnormal numbers lose digits by it."""
        weights = np.empty(count, self._dtype)
        done = 0
        for size, box in boxes(self._domain.shape, first, count):
            factors = [_halved(part, length, self._dtype) for part, length in zip(box, self._domain.shape, strict=True)]
            product = functools.reduce(lambda outer, inner: outer[..., None] * inner, factors)
            weights[done : done + size] = product.reshape(-1)
            done += size
        return weights

    def close(self, statistics: BlockStatistics) -> tuple[None, list[np.ndarray]]:
        """There are no rows."""
        return None, []

    def abandon(self, error: BaseException) -> None:
        """Nothing is kept anyway."""


def _halved(part: int | slice, length: int, dtype: np.dtype[Any]) -> np.ndarray:
    """1 for each point of a part of an axis, 1/2 for those at its ends; a single one is no end."""
    part = part if isinstance(part, slice) else slice(part, part + 1)
    weights = np.ones(part.stop - part.start, dtype)
    if length > 1:
        weights[: part.start == 0] /= 2
        weights[weights.size - (part.stop == length) :] /= 2
    return weights
