"""What a sweep gives: the rows as Tensors, a summary of them, a picture, a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from .._device import CPU, device, device_of, moved
from .._tensor import Tensor
from .domain import Domain, listed
from .grid import Axis, LinspaceAxis, counted, whole_number
from .probe import as_numpy, on_host
from .statistics import BlockStatistics
from .store import open_store
from .wanted import Partial, Wanted, partial_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .engine import Seconds
    from .summary import Summary

_BLOCK = 1 << 16


class Swept(Protocol):
    """What the rows of a sweep are of."""

    domain: Domain
    wanted: Wanted


class Run:
    """How a sweep was done; ``on_devices`` is known where its own kernels ran on CUDA devices."""

    __slots__ = (
        "chunk", "computed", "device", "domain", "engine", "engine_reason", "function", "on_devices", "reason",
        "seconds", "threads", "wanted",
    )  # fmt: skip

    def __init__(
        self, *, function: str, domain: Domain, wanted: Wanted, device: str, reason: str, engine: str,
        engine_reason: str, threads: int, chunk: int, seconds: float, computed: int,
        on_devices: Seconds | None = None,
    ) -> None:  # fmt: skip
        self.function, self.domain, self.wanted = function, domain, wanted
        self.device, self.reason, self.engine, self.engine_reason = device, reason, engine, engine_reason
        self.threads, self.chunk, self.seconds = threads, chunk, seconds
        self.computed, self.on_devices = computed, on_devices


class SweepResult:
    """f and its derivatives at the points of a sweep: Tensors with a dimension for each axis, the params' first.

    >>> import gradcu
    >>> result = gradcu.sweep(gradcu.sin, 0, 1, 1001)
    >>> result.x[-1], result.derivative(1)[0]
    (tensor(1.), tensor(1.))
    >>> map = gradcu.sweep(lambda u, v: u * v**2, grid={"u": (0, 1, 2), "v": (1, 3, 3)}, order=2)
    >>> map.partial("u", "v")
    tensor([[2., 4., 6.],
            [2., 4., 6.]])
    >>> map.partials
    ((), ('u',), ('v',), ('u', 'u'), ('u', 'v'), ('v', 'v'))

    ``points`` makes those of a sweep of one variable, where there is a better way than to ask the domain.
    """

    def __init__(
        self, run: Run, statistics: BlockStatistics, rows: Sequence[np.ndarray], x: np.ndarray | None = None,
        points: Callable[[], Any] | None = None,
    ) -> None:  # fmt: skip
        self._run, self._statistics, self._points = run, statistics, points
        domain = run.domain
        self._rows = _Tensors(run.wanted.numbers, rows, domain.shape)
        self._axes = {} if x is None else {domain.variables[0]: Tensor._wrap(x)}

    @property
    def x(self) -> Tensor:
        """The points of a sweep of one variable, shape (num,). Raises ValueError where there are several."""
        return self.axis(only_variable(self._run.domain, "x", "axis"))

    def axis(self, name: str) -> Tensor:
        """The values of a variable or of a param along its axis: one-dimensional, in the sweep's dtype.

        Those of scattered points are along the axis that they share. A sweep in memory makes evenly spaced points at
        the first request, since their bits follow from their index. They are on the results' device. Raises ValueError
        for an unknown name.
        """
        if name not in self._axes:
            self._axes[name] = Tensor._wrap(self._made(name))
        return self._axes[name]

    def _made(self, name: str) -> Any:
        if self._points is not None and name == self._run.domain.variables[0]:
            return self._points()
        values, place = self._run.domain.axis(name), self._rows.place
        return values if place is CPU else moved(values, place)

    @property
    def y(self) -> Tensor:
        """The values of f."""
        return self.partial()

    @property
    def partials(self) -> tuple[Partial, ...]:
        """What was computed: f, which is (), and its partial derivatives, each by the variables that it names."""
        return tuple(self._rows)

    def partial(self, *variables: str) -> Tensor:
        """The partial derivative by these variables, in any order, each as often as it is named; ``partial()`` is f.

        Raises ValueError for a name that is none of the sweep's variables, and for more of them than its order.
        """
        return self._rows[computed_partial(self._run, variables)]

    def derivative(self, k: int) -> Tensor:
        """The k-th derivative at the points of a sweep of one variable; the 0-th is f.

        Raises ValueError for a k beyond the order of the sweep, and where there are several variables.
        """
        return self._rows[derivative_of(self._run, k)]

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
        """A picture of f and of each derivative: a matplotlib Figure, also written to ``path`` if given.

        One variable gives a panel of lines for each, two give a map for each. Each value of params has a line of its
        own; many values, in place of lines, a map. Where there are more points than pixels no peak is lost: of each
        column of a line the minimum and the maximum are shown, of each pixel of a map the value that is the farthest
        from the middle of the scale. The path ends in .png, .svg or .pdf. Raises ImportError where matplotlib is not
        installed, and ValueError for more variables than can be drawn.
        """
        from .plot import draw, save_figure

        figure = draw(self._run, {partial: as_numpy(row) for partial, row in self._rows.items()})
        if path is not None:
            save_figure(figure, path)
        return figure

    def save(self, path: Any) -> None:
        """Writes x, f, d1, d2, ... to a .npz, or to a .npy of records with these fields.

        A sweep of several variables, or with params, has their names in place of x, and d_u, d_v, d_u_u, d_u_v, ...
        for the partials. In a .npz the former are the values along the axes, in a .npy every record has them. The file
        appears once it is complete. Raises ValueError for another suffix, OSError where it cannot be written.

        >>> import gradcu, numpy, tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     gradcu.sweep(gradcu.exp, 0, 1, 3).save(folder + "/exp.npz")
        ...     with numpy.load(folder + "/exp.npz") as saved:
        ...         sorted(saved), saved["x"]
        (['d1', 'f', 'x'], array([0. , 0.5, 1. ], dtype=float32))
        """
        if path is None:
            raise TypeError("path must be a path, not None")
        domain = self._run.domain
        store = open_store(path, domain, self._run.wanted.names, argument="path")
        try:
            for first in range(0, domain.num, _BLOCK):
                count = min(_BLOCK, domain.num - first)
                rows = store.rows(first, count)
                if store.keeps_x:
                    rows[0][...] = domain.block(first, count)[0]
                for target, row in zip(rows[store.keeps_x :], self._rows.values(), strict=True):
                    target[...] = on_host(row._memory().reshape(-1)[first : first + count])
                store.write(first, rows)
            store.close(self._statistics)
        except BaseException as error:
            store.abandon(error)
            raise

    def __repr__(self) -> str:
        run = self._run
        return f"<sweep of {run.function}: {described(run.domain)}, order {run.wanted.order}, {run.domain.dtype}>"


def computed_partial(run: Swept, variables: Sequence[str]) -> Partial:
    """The partial derivative by these variables, as the sweep calls it. Raises ValueError where there is none."""
    partial = partial_of(variables, run.wanted.order, run.domain)
    if partial not in run.wanted.numbers:
        raise ValueError(f"partial{tuple(variables)!r} was not computed; this sweep has {listed(run.wanted.names)}")
    return partial


def derivative_of(run: Swept, k: int) -> Partial:
    """The k-th derivative. Raises ValueError where it was not computed, and where there are several variables."""
    k = whole_number("k", k, least=0)
    if k > run.wanted.order:
        raise ValueError(f"k = {k} is beyond the order of this sweep, {run.wanted.order}")
    partial = (only_variable(run.domain, "derivative", "partial"),) * k
    if partial not in run.wanted.numbers:
        raise ValueError(f"k = {k} was not computed; this sweep has {listed(run.wanted.names)}")
    return partial


def only_variable(domain: Domain, asked: str, instead: str) -> str:
    """The one variable of a sweep. Raises ValueError where there are several, which says what to use instead."""
    first, *others = domain.variables
    if others:
        several = listed([first, *others])
        raise ValueError(f"{asked} is for sweeps of one variable, and this has {several}; use {instead}({first!r})")
    return first


def described(domain: Domain) -> str:
    """``1,001 points from 0 to 1``, ``1,000 x 500 points: u from 0 to 1, v from -2 to 2``."""
    line = domain.line
    if line is not None:
        return f"{counted(line.num, 'point')} from {line.start:g} to {line.stop:g}"
    sizes = " x ".join(f"{axis.num:,}" for axis in domain.axes)
    return f"{sizes} points: " + ", ".join(map(_axis_described, domain.axes))


def _axis_described(axis: Axis) -> str:
    if isinstance(axis, LinspaceAxis):
        return f"{axis.names[0]} from {axis.start:g} to {axis.stop:g}"
    return f"{listed(axis.names)} given"


class _Tensors(Mapping[Partial, Tensor]):
    """Rows as Tensors, each made at its first use: a row on the disk may be more than memory holds."""

    def __init__(self, numbers: Mapping[Partial, int], rows: Sequence[np.ndarray], shape: tuple[int, ...]) -> None:
        self._numbers, self._rows, self._shape = numbers, rows, shape
        self._made: dict[Partial, Tensor] = {}

    @property
    def place(self) -> device:
        """The device that all rows are on."""
        return device_of(self._rows[0])

    def __len__(self) -> int:
        return len(self._numbers)

    def __iter__(self) -> Iterator[Partial]:
        return iter(self._numbers)

    def __getitem__(self, name: Partial) -> Tensor:
        made = self._made.get(name)
        if made is None:
            made = self._made[name] = Tensor._wrap(self._rows[self._numbers[name]].reshape(self._shape))
        return made
