"""A sweep whose blocks are computed by Dask: on the threads of this process, or on the workers of a cluster.

Dask's graph has a task for every block, which computes all rows; a row of a block, or the figures of a block, are cheap
tasks on it. So what is computed together is evaluated once.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._device import CPU, auto_device
from .._device import device as as_device
from .capacity import check_memory
from .choice import make_engine
from .grid import Grid, counted, whole_number
from .recipe import Block, Recipe, Report, merged
from .result import Run, SweepResult
from .store import row_names

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
    "progress": "use dask.diagnostics.ProgressBar, or the dashboard of the cluster",
}


class DaskSweep:
    """f and its derivatives at the points of a sweep, as Dask arrays that are computed when they are asked for.

    It is a Dask collection, so `dask.compute` and `dask.persist` take it as well as its arrays.

    >>> import dask, gradcu
    >>> sweep = gradcu.sweep(gradcu.sin, 0, 1, 1001, distributed="dask", chunk=500)
    >>> sweep
    <Dask sweep of sin: 1,001 points in 3 blocks, order 1, float32>
    >>> sweep.derivative(1).chunks, sweep.derivative(1).dtype
    (((500, 500, 1),), dtype('float32'))
    >>> y, slope = dask.compute(sweep.y[:1], sweep.derivative(1).max())
    >>> y, float(slope)
    (array([0.], dtype=float32), 1.0)
    """

    def __init__(self, recipe: Recipe, name: str, graph: HighLevelGraph) -> None:
        self._recipe, self._name, self._graph = recipe, name, graph

    @property
    def x(self) -> Array:
        """The points, in the blocks of the rows."""
        source = _source(self._recipe)
        tasks = [(Recipe.points, *source.layers, number) for number in self._numbers]
        return self._array("x", tasks, source)

    @property
    def y(self) -> Array:
        """The values of f."""
        return self.derivative(0)

    def derivative(self, k: int) -> Array:
        """The k-th derivative at the points; the 0-th is f. Raises ValueError for a k beyond the order of the sweep."""
        k = whole_number("k", k, least=0)
        order = self._recipe.order
        if k > order:
            raise ValueError(f"k = {k} is beyond the order of this sweep, {order}")
        return self._array(row_names(order)[1 + k], [(_row, key, k) for key in self.__dask_keys__()], self._graph)

    def compute(self, **options: Any) -> SweepResult:
        """All of it in the memory of this process, as the result that a sweep without Dask gives.

        A cluster puts it together on one worker first. The options are those of `dask.compute`. Raises MemoryError,
        before anything is computed, where it can't fit.

        >>> import gradcu
        >>> gradcu.sweep(lambda x: x**2, 0, 2, 3, distributed="dask").compute().derivative(1)
        tensor([0., 2., 4.])
        """
        from dask.base import compute

        grid = self._recipe.grid
        check_memory(grid.num, self._recipe.order + 1, grid.dtype)
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
            f"<Dask sweep of {recipe.function}: {counted(recipe.grid.num, 'point')} in "
            f"{counted(len(self._numbers), 'block')}, order {recipe.order}, {recipe.grid.dtype}>"
        )

    @property
    def _numbers(self) -> range:
        return range(len(self._recipe.lengths))

    def _array(self, row: str, tasks: Sequence[Any], graph: HighLevelGraph) -> Array:
        from dask.array.core import Array

        name = f"{self._name}-{row}"
        extended = _extended(graph, name, {(name, number): task for number, task in enumerate(tasks)})
        return Array(extended, name, (self._recipe.lengths,), meta=np.empty(0, self._recipe.grid.dtype))

    # The protocol of Dask's collections: https://docs.dask.org/en/stable/custom-collections.html.

    def __dask_graph__(self) -> HighLevelGraph:
        return self._graph

    def __dask_keys__(self) -> list[tuple[str, int]]:
        return [(self._name, number) for number in self._numbers]

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
    f: Callable[[Tensor], Tensor],
    grid: Grid,
    order: int,
    *,
    device: Any,
    engine: str,
    chunk: int | None,
    distributed: Any,
    beside: Mapping[str, Any],
) -> DaskSweep:
    """What `gradcu.sweep` gives with ``distributed="dask"``; ``beside`` has the arguments that don't go with that."""
    if distributed != "dask":
        raise ValueError(f'distributed must be "dask" or None, not {distributed!r}')
    for name, value in beside.items():
        if value is not None and value is not False:
            raise ValueError(f'{name} does not go with distributed="dask"; {_INSTEAD[name]}')
    _require_dask()
    length = _block_length(grid, order, chunk)
    # What "auto" stands for is each worker's own matter.
    wanted = "auto" if device == "auto" else str(as_device("cpu" if device is None else device))
    _check(f, grid, order, wanted, engine)
    recipe = Recipe(f, grid, order, wanted, engine, length)
    source = _source(recipe)
    blocks = {(recipe.name, number): (Recipe.block, *source.layers, number) for number in range(len(recipe.lengths))}
    return DaskSweep(recipe, recipe.name, _extended(source, recipe.name, blocks))


def _require_dask() -> None:
    try:
        import dask.array  # noqa: F401
    except ImportError as error:
        problem = 'distributed="dask" needs Dask; install it with: pip install "gradcu[dask]"'
        raise ImportError(problem) from error


def _block_length(grid: Grid, order: int, chunk: int | None) -> int:
    least = -(-grid.num // _MOST_BLOCKS)
    if chunk is None:
        # A power of two, as the segments in which the points are made.
        fitting = 1 << (_FITTING // ((order + 1) * grid.dtype.itemsize)).bit_length() - 1
        chunk = max(fitting, least)
    elif chunk < least:
        raise ValueError(
            f"chunk = {chunk:,} makes {-(-grid.num // chunk):,} blocks of num = {grid.num:,} points, and at most "
            f"{_MOST_BLOCKS:,} are allowed; take a chunk of {least:,} or more"
        )
    return min(chunk, grid.num)


def _check(f: Callable[[Tensor], Tensor], grid: Grid, order: int, device: str, engine: str) -> None:
    """Raises what every worker would raise of the function and the arguments, by the engine for a few of the points."""
    from ..fuse.cache import CacheError
    from ..fuse.compiler import CompilerError

    few = Grid(grid.start, grid.stop, min(grid.num, _FEW), grid.dtype)
    # Of CUDA and compilers, the workers may have what this machine lacks.
    place = CPU if device == "cpu" else auto_device()[0]
    with contextlib.suppress(CompilerError, CacheError):
        make_engine(engine, f, few, order, place)


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
    rows = [np.concatenate([block.rows[k] for block in blocks]) for k in range(recipe.order + 1)]
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
        grid=recipe.grid,
        order=recipe.order,
        device=devices,
        reason=reasons,
        engine=engines,
        engine_reason=engine_reasons,
        threads=len(report.threads),
        chunk=recipe.chunk,
        seconds=seconds,
    )
