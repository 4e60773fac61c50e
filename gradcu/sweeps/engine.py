"""What computes the rows of a sweep, behind one small interface; and eager, the engine that does all others can't.

It calls f on Tensors and runs the autograd, block by block.
"""

from __future__ import annotations

import os
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np

from .._device import CPU, is_cupy_array
from .._tensor import Tensor
from ..autograd import enable_grad
from ..autograd import grad as gradient
from .domain import Domain
from .identity import code_of, numpy_build
from .probe import as_numpy, checked_value, leaves, on_host
from .statistics import BlockStatistics
from .wanted import Partial, Wanted


class Seconds(Protocol):
    """How long devices have computed, and copied to the host, each by itself: one goes on beside the other."""

    compute: float
    transfer: float


class Engine(Protocol):
    """Computes f and its partial derivatives at any block of a domain's points."""

    name: str
    chunk: int
    """How many points one call should be given."""
    threads: int
    """How many threads may call `evaluate` at once."""

    @property
    def seconds(self) -> Seconds | None:
        """What its kernels take on CUDA devices, for an engine that has some there."""
        ...

    @property
    def reason(self) -> str:
        """Why it is this engine, or which one of its kind."""
        ...

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given.

        Gives the figures of the rows.
        """
        ...

    def program(self) -> str:
        """What tells the function and its derivatives from others: a digest of what is computed."""
        ...

    def foundation(self) -> str:
        """What the results depend on beside that, down to the last bit: compiler, processor, libraries."""
        ...


class UnsuitableError(Exception):
    """A sweep that an engine is not for; the message says why."""


def evaluated(
    engine: Engine, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray], piece: int
) -> BlockStatistics:
    """What `Engine.evaluate` does, ``piece`` points at a time."""
    if rows[0].size <= piece:
        return engine.evaluate(first, x, rows)
    figures: BlockStatistics | None = None
    for begin in range(0, rows[0].size, piece):
        part = slice(begin, begin + piece)
        found = engine.evaluate(first + begin, None if x is None else x[part], [row[part] for row in rows])
        if figures is None:
            figures = found
        else:
            figures.merge(found)
    assert figures is not None
    return figures


# Enough points to hide what Python costs an operation; arrays of them fit the second-level cache.
_CACHED = 1 << 16
_SAMPLE = 1 << 10
_LEAST = 1 << 8
_MOST_THREADS = 16
BUDGET = 24 << 20
"""The bytes that all threads together may hold at a time beside the results."""


class EagerEngine:
    """Calls f on Tensors and differentiates with ``gradcu.autograd.grad``, once an order."""

    name, seconds = "eager", None

    def __init__(
        self, f: Callable[..., Tensor], domain: Domain, wanted: Wanted, device: Any, reason: str = "asked for"
    ) -> None:
        self._f, self._domain, self._device, self.reason = f, domain, device, reason
        self._partials = wanted.partials
        self._steps = _steps(wanted.partials, domain.variables)
        self.threads = thread_count() if device.type == "cpu" else 1
        self.chunk = self._fitting_chunk()
        if domain.num > self.chunk:
            keep_freed_memory()

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given.

        The rows may be on the engine's own device.
        """
        points = self._domain.block(first, rows[0].size)
        if x is not None:
            x[...] = points[0]
        for row, value in zip(rows, self._values(points), strict=True):
            if value is None:
                row.fill(0)
            else:
                with np.errstate(all="ignore"):
                    row[...] = value._memory() if is_cupy_array(row) else as_numpy(value)
        return BlockStatistics(list(map(on_host, rows)), first, sign_changes=self._domain.sorted)

    def program(self) -> str:
        """A digest of the function's code."""
        return code_of(self._f)

    def foundation(self) -> str:
        """The build of NumPy."""
        return numpy_build()

    def _values(self, points: Sequence[np.ndarray]) -> Iterator[Tensor | None]:
        """The values of f and its partials; None for one that is zero because nothing depends on the variable."""
        with enable_grad():
            tensors = leaves(points, self._domain, self._device)
            value: Tensor | None = checked_value(self._f, tensors, self._domain)
        yield value
        variables = tensors[: len(self._domain.variables)]
        sources: deque[tuple[Partial, Tensor | None]] = deque([((), value)])
        while sources:
            partial, value = sources.popleft()
            numbers = self._steps.get(partial, ())
            reached = [(*partial, self._domain.variables[number]) for number in numbers]
            found: Sequence[Tensor | None] = [None] * len(numbers)
            if value is not None and value.requires_grad and numbers:
                with self._device.context:
                    ones = Tensor._wrap(self._device.xp.ones(points[0].shape, value.dtype))
                more = any(further in self._steps for further in reached)
                # Those of one order share parts of their graphs.
                found = gradient(
                    value, [variables[number] for number in numbers], ones, retain_graph=more or bool(sources),
                    create_graph=more, allow_unused=True,
                )  # fmt: skip
            for further, slope in zip(reached, found, strict=True):
                if further in self._steps:
                    sources.append((further, slope))
                if further in self._partials:
                    yield slope

    def _fitting_chunk(self) -> int:
        """A block that stays in the cache, and whose graph, of which f decides the size, stays in the budget."""
        if self._domain.num <= _SAMPLE:
            return _SAMPLE
        if self._device is not CPU:
            # The memory is another, and nobody has measured it: `EagerOnCuda` finds out.
            return _CACHED
        fitting = int(BUDGET / self.threads / (self._peak(_SAMPLE) / _SAMPLE))
        # A power of two, as the segments in which the points are made.
        return min(1 << max(fitting, _LEAST).bit_length() - 1, _CACHED)

    def _peak(self, count: int) -> int:
        """The bytes that evaluating ``count`` points takes at most at a time."""
        rows = [np.empty(count, self._domain.dtype) for _ in self._partials]
        # What is made once and kept is not counted.
        self.evaluate(0, None, rows)
        already = tracemalloc.is_tracing()
        if already:
            tracemalloc.reset_peak()
        else:
            tracemalloc.start()
        try:
            before = tracemalloc.get_traced_memory()[0]
            self.evaluate(0, None, rows)
            return tracemalloc.get_traced_memory()[1] - before
        finally:
            if not already:
                tracemalloc.stop()


def _steps(partials: Sequence[Partial], variables: Sequence[str]) -> dict[Partial, list[int]]:
    """By which variables, by their numbers, f and its partials are differentiated further on the way to all of these.

    It is always the last variable or a later one, so that each mixed partial is reached once.
    """
    steps: dict[Partial, list[int]] = {}
    for partial in partials:
        for end, name in enumerate(partial):
            numbers = steps.setdefault(partial[:end], [])
            if variables.index(name) not in numbers:
                numbers.append(variables.index(name))
    return {partial: sorted(numbers) for partial, numbers in steps.items()}


def keep_freed_memory() -> None:
    """Lets glibc's malloc keep what one block of points frees for the next one, and not fault the same pages in anew.

    Its thresholds for that follow the largest allocation freed so far (mallopt(3), M_MMAP_THRESHOLD); other allocators
    don't mind. A sweep takes half the time.
    """
    np.empty(BUDGET, np.uint8)


def thread_count() -> int:
    """How many threads compute a sweep on the CPU."""
    return min(_cpu_count(), _MOST_THREADS)


def _cpu_count() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
