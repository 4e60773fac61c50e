"""A sweep whose blocks are computed by Dask: on the threads of this process, or on the workers of a cluster.

Dask's graph has a task for every block, which computes all rows; a row of a block, or the figures of a block, are cheap
tasks on it. So what is computed together is evaluated once.
"""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._device import CPU, auto_device
from .._device import device as as_device
from .capacity import check_memory
from .choice import make_engine
from .cut import Cut
from .domain import Domain
from .grid import GivenAxis, LinspaceAxis, counted
from .recipe import Block, Recipe, Report, merged
from .result import Run, SweepResult, computed_partial, derivative_of, only_variable
from .wanted import Partial, Wanted

if TYPE_CHECKING:
    from dask.array.core import Array
    from dask.highlevelgraph import HighLevelGraph

    from .._tensor import Tensor
    from .summary import Summary

_FITTING = 1 << 26
"""The bytes of a block by default: long to compute beside the millisecond that Dask takes for a task, and for a
worker to hold, one for each of its threads and some that wait, a small part of its memory."""

_MOST_BLOCKS = 1 << 16
"""What Dask's scheduler, which is one process, handles in a few minutes."""

_MERGED_AT_ONCE = 32

# Enough to trace f, and too few to be worth compiling for.
_FEW = 64

_INSTEAD = {
    "out": 'write its Dask arrays, as with result.y.to_zarr("y.zarr") or dask.array.to_npy_stack("folder", result.y)',
    "resume": "a cluster makes up for the workers that it loses; what can be resumed is a local one, to a file",
    "reduce": "take its summary(), or reduce its Dask arrays, as with result.y.max()",
    "progress": "use dask.diagnostics.ProgressBar, or the dashboard of the cluster",
}


class DaskSweep:
    """f and its derivatives at the points of a sweep, as Dask arrays that are computed when they are asked for.

    The arrays have the names and the shapes of `SweepResult`, and chunks of whole rows of the last axes. It is a
    Dask collection, so `dask.compute` and `dask.persist` take it as well as its arrays.

    >>> import dask, gradcu
    >>> sweep = gradcu.sweep(gradcu.sin, 0, 1, 1001, distributed="dask", chunk=500)
    >>> sweep
    <Dask sweep of sin: 1,001 points in 3 blocks, order 1, float32>
    >>> sweep.derivative(1).chunks, sweep.derivative(1).dtype
    (((500, 500, 1),), dtype('float32'))
    >>> y, slope = dask.compute(sweep.y[:1], sweep.derivative(1).max())
    >>> y, float(slope)
    (array([0.], dtype=float32), 1.0)
    >>> grid = {"u": (0, 1, 5), "v": (1, 3, 3)}
    >>> map = gradcu.sweep(lambda u, v: u * v**2, grid=grid, order=2, distributed="dask", chunk=8)
    >>> map.partial("u", "v").chunks
    ((2, 2, 1), (3,))
    >>> (map.partial("u") - map.axis("v") ** 2).any().compute()
    np.False_
    """

    def __init__(self, recipe: Recipe, name: str, graph: HighLevelGraph) -> None:
        self._recipe, self._name, self._graph = recipe, name, graph

    @property
    def x(self) -> Array:
        """The points of a sweep of one variable. Raises ValueError where there are several."""
        return self.axis(only_variable(self._recipe.domain, "x", "axis"))

    def axis(self, name: str) -> Array:
        """The values of a variable or of a param along its axis, with the chunks that the rows have there.

        Raises ValueError for an unknown name.
        """
        lengths = self._recipe.cut.chunks[self._recipe.domain.dimension(name)]
        source = _source(self._recipe)
        firsts = itertools.accumulate(lengths, initial=0)
        tasks = [
            (Recipe.axis, *source.layers, name, first, count) for first, count in zip(firsts, lengths, strict=False)
        ]
        return self._array(f"axis-{name}", (lengths,), tasks, source)

    @property
    def y(self) -> Array:
        """The values of f."""
        return self.partial()

    @property
    def partials(self) -> tuple[Partial, ...]:
        """What there is: f, which is (), and its partial derivatives, each by the variables that it names."""
        return self._recipe.wanted.partials

    def partial(self, *variables: str) -> Array:
        """The partial derivative by these variables, in any order, each as often as it is named; ``partial()`` is f.

        Raises ValueError for a name that is none of the sweep's variables, and for more of them than its order.
        """
        return self._row(computed_partial(self._recipe, variables))

    def derivative(self, k: int) -> Array:
        """The k-th derivative at the points of a sweep of one variable; the 0-th is f.

        Raises ValueError for a k beyond the order of the sweep, and where there are several variables.
        """
        return self._row(derivative_of(self._recipe, k))

    def compute(self, **options: Any) -> SweepResult:
        """All of it in the memory of this process, as the result that a sweep without Dask gives.

        A cluster puts it together on one worker first. The options are those of `dask.compute`. Raises MemoryError,
        before anything is computed, where it can't fit.

        >>> import gradcu
        >>> gradcu.sweep(lambda x: x**2, 0, 2, 3, distributed="dask").compute().derivative(1)
        tensor([0., 2., 4.])
        """
        from dask.base import compute

        domain = self._recipe.domain
        check_memory(domain.num, len(self.partials), domain.dtype)
        return compute(self, **options)[0]

    def persist(self, **options: Any) -> DaskSweep:
        """The same sweep with its blocks computed, or being computed, and kept where they are: on the workers.

        The options are those of `dask.persist`.
        """
        from dask.base import persist

        return persist(self, **options)[0]

    def summary(self, **options: Any) -> Summary:
        """What was computed, how, how fast, and the extremes of every row: a table when printed.

        It computes all blocks, unless they are persisted, and keeps none of them. The options are those of
        `dask.compute`. The time is that from the beginning of the first block to the end of the last.

        >>> import gradcu
        >>> figures = gradcu.sweep(lambda x: x * x, -1, 2, 301, distributed="dask", chunk=100).summary()
        >>> figures.rows[0].minimum, figures.rows[0].minimum_at, figures.sign_changes[0].x
        (0.0, 0.0, 0.0)
        """
        from dask.delayed import Delayed

        from .summary import Summary

        name = f"{self._name}-report"
        level: list[Any] = [(_report, key) for key in self.__dask_keys__()]
        layer: dict[Hashable, Any] = {}
        height = 0
        while True:
            keys = [(name, height, number) for number in range(len(level))]
            layer |= zip(keys, level, strict=True)
            if len(keys) == 1:
                break
            # In a tree, so that no worker has to take the reports of all blocks.
            groups = range(0, len(keys), _MERGED_AT_ONCE)
            level = [(merged, keys[first : first + _MERGED_AT_ONCE]) for first in groups]
            height += 1
        report = Delayed(keys[0], _extended(self._graph, name, layer), layer=name).compute(**options)
        return Summary(_run(self._recipe, report), report.statistics)

    def __repr__(self) -> str:
        recipe = self._recipe
        return (
            f"<Dask sweep of {recipe.function}: {counted(recipe.domain.num, 'point')} in "
            f"{counted(recipe.cut.count, 'block')}, order {recipe.wanted.order}, {recipe.domain.dtype}>"
        )

    def _row(self, partial: Partial) -> Array:
        number = self._recipe.wanted.numbers[partial]
        tasks = [(_row, key, number) for key in self.__dask_keys__()]
        return self._array(self._recipe.wanted.names[number], self._recipe.cut.chunks, tasks, self._graph)

    def _array(
        self, row: str, chunks: tuple[tuple[int, ...], ...], tasks: Sequence[Any], graph: HighLevelGraph
    ) -> Array:
        from dask.array.core import Array

        name = f"{self._name}-{row}"
        places = itertools.product(*(range(len(lengths)) for lengths in chunks))
        layer = {(name, *place): task for place, task in zip(places, tasks, strict=True)}
        meta = np.empty((0,) * len(chunks), self._recipe.domain.dtype)
        return Array(_extended(graph, name, layer), name, chunks, meta=meta)

    # The protocol of Dask's collections: https://docs.dask.org/en/stable/custom-collections.html.

    def __dask_graph__(self) -> HighLevelGraph:
        return self._graph

    def __dask_keys__(self) -> list[tuple[str, int]]:
        return [(self._name, number) for number in range(self._recipe.cut.count)]

    def __dask_layers__(self) -> tuple[str]:
        return (self._name,)

    def __dask_tokenize__(self) -> tuple[str, str]:
        return type(self).__name__, self._name

    @staticmethod
    def __dask_optimize__(graph: Any, keys: Any, **options: Any) -> Any:
        """Every task of the graph is wanted."""
        return graph

    @property
    def __dask_scheduler__(self) -> Any:
        from dask.threaded import get

        return get

    def __dask_postcompute__(self) -> tuple[Callable[..., SweepResult], tuple[Recipe]]:
        return _assembled, (self._recipe,)

    def __dask_postpersist__(self) -> tuple[Callable[..., DaskSweep], tuple[Recipe, str]]:
        return _rebuilt, (self._recipe, self._name)


def dask_sweep(
    f: Callable[..., Tensor],
    domain: Domain,
    wanted: Wanted,
    *,
    device: Any,
    engine: str,
    chunk: int | None,
    distributed: Any,
    beside: Mapping[str, Any],
) -> DaskSweep:
    """What `gradcu.sweep` gives with ``distributed="dask"``; ``beside`` has the arguments that don't go with that.

    f takes a Tensor for each of the domain's names.
    """
    if distributed != "dask":
        raise ValueError(f'distributed must be "dask" or None, not {distributed!r}')
    for name, value in beside.items():
        if value is not None and value is not False:
            raise ValueError(f'{name} does not go with distributed="dask"; {_INSTEAD[name]}')
    _require_dask()
    cut = _cut(domain, wanted, chunk)
    # What "auto" stands for is each worker's own matter.
    place = "auto" if device == "auto" else str(as_device("cpu" if device is None else device))
    _check(f, domain, wanted, place, engine)
    recipe = Recipe(f, domain, wanted, place, engine, cut)
    source = _source(recipe)
    blocks = {(recipe.name, number): (Recipe.block, *source.layers, number) for number in range(cut.count)}
    return DaskSweep(recipe, recipe.name, _extended(source, recipe.name, blocks))


def _require_dask() -> None:
    try:
        import dask.array  # noqa: F401
    except ImportError as error:
        problem = 'distributed="dask" needs Dask; install it with: pip install "gradcu[dask]"'
        raise ImportError(problem) from error


def _cut(domain: Domain, wanted: Wanted, chunk: int | None) -> Cut:
    least = -(-domain.num // _MOST_BLOCKS)
    # Of several axes, most blocks are somewhat shorter than they may be.
    while Cut(domain.shape, least).count > _MOST_BLOCKS:
        least *= 2
    if chunk is None:
        # A power of two, as the segments in which the points are made.
        row = len(wanted) * domain.dtype.itemsize
        chunk = max(1 << (_FITTING // row).bit_length() - 1, least)
    found = Cut(domain.shape, chunk)
    if found.count > _MOST_BLOCKS:
        raise ValueError(
            f"chunk = {chunk:,} makes {found.count:,} blocks of num = {domain.num:,} points, and at most "
            f"{_MOST_BLOCKS:,} are allowed; take a chunk of {least:,} or more"
        )
    return found


def _few(domain: Domain) -> Domain:
    """Some of the points, as a domain of the same variables and params."""
    line = domain.line
    if line is not None:
        return Domain([LinspaceAxis(line.start, line.stop, min(line.num, _FEW), line.dtype, *line.names)])
    sample = dict(zip(domain.names, domain.sample(_FEW), strict=True))

    def axis(names: Sequence[str]) -> GivenAxis:
        return GivenAxis({name: sample[name] for name in names}, domain.dtype, {name: name for name in names})

    return Domain([axis(domain.variables)], axis(domain.params) if domain.params else None)


def _check(f: Callable[..., Tensor], domain: Domain, wanted: Wanted, device: str, engine: str) -> None:
    """Raises what every worker would raise of the function and the arguments, by the engine for a few of the points."""
    from ..fuse.cache import CacheError
    from ..fuse.compiler import CompilerError

    # Of CUDA and compilers, the workers may have what this machine lacks.
    place = CPU if device == "cpu" else auto_device()[0]
    with contextlib.suppress(CompilerError, CacheError):
        make_engine("auto" if engine == "cuda" else engine, f, _few(domain), wanted, [place], depth=2)


def _source(recipe: Recipe) -> HighLevelGraph:
    """A graph of the recipe alone, under a key of its own, so that it is sent once to each worker."""
    from dask.highlevelgraph import HighLevelGraph

    key = f"{recipe.name}-recipe"
    return HighLevelGraph({key: {key: recipe}}, {key: set()})


def _extended(graph: HighLevelGraph, name: str, layer: Mapping[Any, Any]) -> HighLevelGraph:
    """The graph with a layer that depends on the last one that it had."""
    from dask.highlevelgraph import HighLevelGraph

    return HighLevelGraph({**graph.layers, name: layer}, {**graph.dependencies, name: {[*graph.layers][-1]}})


def _row(block: Block, k: int) -> np.ndarray:
    return block.rows[k]


def _report(block: Block) -> Report:
    return block.report


def _assembled(blocks: Sequence[Block], recipe: Recipe) -> SweepResult:
    """The result that all blocks make."""
    report = merged([block.report for block in blocks])
    count = len(blocks[0].rows)
    rows = [np.concatenate([block.rows[k].reshape(-1) for block in blocks]) for k in range(count)]
    return SweepResult(_run(recipe, report), report.statistics, rows)


def _rebuilt(
    tasks: Mapping[Any, Any], recipe: Recipe, name: str, *, rename: Mapping[str, str] | None = None
) -> DaskSweep:
    """The sweep whose blocks are these tasks, or futures."""
    from dask.highlevelgraph import HighLevelGraph

    name = (rename or {}).get(name, name)
    return DaskSweep(recipe, name, HighLevelGraph({name: tasks}, {name: set()}))


def _run(recipe: Recipe, report: Report) -> Run:
    """How the sweep was done; workers that differ are all told of."""
    facts = zip(*report.ways, strict=True)
    devices, reasons, engines, engine_reasons = (" and ".join(sorted(set(column))) for column in facts)
    # A clock of coarse steps need not have moved.
    seconds = max(report.ended - report.begun, time.get_clock_info("time").resolution)
    return Run(
        function=recipe.function,
        domain=recipe.domain,
        wanted=recipe.wanted,
        device=devices,
        reason=reasons,
        engine=engines,
        engine_reason=engine_reasons,
        threads=len(report.threads),
        chunk=recipe.cut.size,
        seconds=seconds,
        computed=recipe.domain.num,
    )
