"""What a sweep gives: the rows as Tensors, a summary of them, a picture, a file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .._tensor import Tensor
from .grid import Grid, counted, whole_number
from .statistics import BlockStatistics
from .store import open_store

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .summary import Summary

_BLOCK = 1 << 16


class Run:
    """How a sweep was done."""

    __slots__ = (
        "chunk", "computed", "device", "engine", "engine_reason", "function", "grid", "order", "reason", "seconds",
        "threads",
    )  # fmt: skip

    def __init__(
        self, *, function: str, grid: Grid, order: int, device: str, reason: str, engine: str,
        engine_reason: str, threads: int, chunk: int, seconds: float, computed: int,
    ) -> None:  # fmt: skip
        self.function, self.grid, self.order = function, grid, order
        self.device, self.reason, self.engine, self.engine_reason = device, reason, engine, engine_reason
        self.threads, self.chunk, self.seconds = threads, chunk, seconds
        self.computed = computed


class SweepResult:
    """f and its derivatives at the points of a sweep.

    >>> import gradcu
    >>> result = gradcu.sweep(gradcu.sin, 0, 1, 1001)
    >>> result.x[-1], result.derivative(1)[0]
    (tensor(1.), tensor(1.))
    """

    def __init__(
        self, run: Run, statistics: BlockStatistics, rows: Sequence[np.ndarray], x: np.ndarray | None = None
    ) -> None:
        self._run, self._statistics = run, statistics
        self._rows = _Tensors(rows)
        self._x = None if x is None else Tensor._wrap(x)

    @property
    def x(self) -> Tensor:
        """The points. A sweep in memory makes them at the first request, since their bits follow from their index."""
        if self._x is None:
            grid = self._run.grid
            points = np.empty(grid.num, grid.dtype)
            for first in range(0, grid.num, _BLOCK):
                count = min(_BLOCK, grid.num - first)
                points[first : first + count] = grid.block(first, count)
            self._x = Tensor._wrap(points)
        return self._x

    @property
    def y(self) -> Tensor:
        """The values of f."""
        return self._rows[0]

    def derivative(self, k: int) -> Tensor:
        """The k-th derivative at the points; the 0-th is f. Raises ValueError for a k beyond the order of the sweep."""
        k = whole_number("k", k, least=0)
        if k > self._run.order:
            raise ValueError(f"k = {k} is beyond the order of this sweep, {self._run.order}")
        return self._rows[k]

    def summary(self) -> Summary:
        """What was computed, how, how fast, and the extremes of every row: a table when printed.

        >>> import gradcu
        >>> figures = gradcu.sweep(lambda x: x * x, -1, 2, 301).summary()
        >>> figures.rows[0].minimum, figures.rows[0].minimum_at, figures.sign_changes[0].x
        (0.0, 0.0, 0.0)
        """
        from .summary import Summary

        return Summary(self._run, self._statistics)

    def plot(self, path: Any = None) -> Figure:
        """A picture with a panel for f and for each derivative: a matplotlib Figure, also written to ``path`` if given.

        Where there are more points than pixels it shows the minimum and maximum of each column, so no peak is lost.
        The path ends in .png, .svg or .pdf. Raises ImportError where matplotlib is not installed.
        """
        from .plot import draw, save_figure

        figure = draw(self._run, [row._memory() for row in self._rows])
        if path is not None:
            save_figure(figure, path)
        return figure

    def save(self, path: Any) -> None:
        """Writes x, f, d1, d2, ... to a .npz, or to a .npy of records with these fields.

        The file appears once it is complete. Raises ValueError for another suffix, OSError where it cannot be written.

        >>> import gradcu, numpy, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     gradcu.sweep(gradcu.exp, 0, 1, 3).save(folder + "/exp.npz")
        ...     with numpy.load(folder + "/exp.npz") as saved:
        ...         sorted(saved), saved["x"]
        (['d1', 'f', 'x'], array([0. , 0.5, 1. ], dtype=float32))
        """
        if path is None:
            raise TypeError("path must be a path, not None")
        grid = self._run.grid
        store = open_store(path, grid.num, self._run.order, grid.dtype, argument="path")
        try:
            for first in range(0, grid.num, _BLOCK):
                count = min(_BLOCK, grid.num - first)
                rows = store.rows(first, count)
                rows[0][...] = grid.block(first, count)
                for target, row in zip(rows[1:], self._rows, strict=True):
                    target[...] = row._memory()[first : first + count]
                store.write(first, rows)
            store.close(self._statistics)
        except BaseException as error:
            store.abandon(error)
            raise

    def __repr__(self) -> str:
        run = self._run
        grid = run.grid
        return (
            f"<sweep of {run.function}: {counted(grid.num, 'point')} from {grid.start:g} to {grid.stop:g}, "
            f"order {run.order}, {grid.dtype}>"
        )


class _Tensors(Sequence[Tensor]):
    """Rows as Tensors, each made at its first use: a row on the disk may be more than memory holds."""

    def __init__(self, rows: Sequence[np.ndarray]) -> None:
        self._rows = rows
        self._made: dict[int, Tensor] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, k: Any) -> Any:
        if k not in self._made:
            self._made[k] = Tensor._wrap(self._rows[k])
        return self._made[k]
