"""The points of a sweep of any kind: the product of its axes."""

from __future__ import annotations

import itertools
import keyword
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from .grid import Axis, GivenAxis, LinspaceAxis

_BLOCK = 1 << 16

Place = float | dict[str, float]
"""The coordinates of a point by name; where there is one alone, that one."""


class Domain:
    """Every combination of the points of the axes, counted in C order: neighbours on the last axis follow each other.

    f is differentiated by its ``variables`` and not by its ``params``; ``names`` are both, in this order. ``shape`` has
    a length for each axis, the params' first. ``sorted`` says that neighbouring points are neighbours on one line, so
    that a change of sign between them means something.

    >>> line = LinspaceAxis(0, 1, 3, np.dtype("float32"), "u")
    >>> Domain([line, GivenAxis({"v": [5, 7]}, line.dtype, {"v": "v"})]).block(1, 4)
    [array([0. , 0.5, 0.5, 1. ], dtype=float32), array([7., 5., 7., 5.], dtype=float32)]
    """

    __slots__ = ("axes", "dtype", "names", "num", "params", "shape", "sorted", "variables")

    def __init__(self, axes: Sequence[Axis], params: Axis | None = None) -> None:
        self.axes: tuple[Axis, ...] = (*([] if params is None else [params]), *axes)
        self.dtype = self.axes[0].dtype
        self.shape = tuple(axis.num for axis in self.axes)
        self.num = math.prod(self.shape)
        self.variables = tuple(itertools.chain.from_iterable(axis.names for axis in axes))
        self.params = () if params is None else params.names
        self.names = self.variables + self.params
        self.sorted = len(self.axes) == 1 and self.axes[0].sorted

    @property
    def line(self) -> LinspaceAxis | None:
        """The evenly spaced points of one variable, where these are all there is."""
        only = self.axes[0]
        return only if len(self.axes) == 1 and isinstance(only, LinspaceAxis) else None

    def block(self, first: int, count: int) -> list[np.ndarray]:
        """The coordinates of points first, ..., first + count - 1: an array for each of the names."""
        if len(self.axes) == 1:
            return list(self.axes[0].block(first, count))
        found: dict[str, np.ndarray] = {}
        stride = self.num
        for axis in self.axes:
            # Each point of the axis stands for ``stride`` points in a row, or for the part of them in the block.
            stride //= axis.num
            begin, end = first // stride, (first + count - 1) // stride + 1
            lengths = np.full(end - begin, min(stride, count))
            lengths[0] = min(stride - first % stride, count)
            lengths[-1] -= lengths.sum() - count
            found |= zip(axis.names, np.repeat(around(axis, begin, end - begin), lengths, axis=1), strict=True)
        return [found[name] for name in self.names]

    def sample(self, count: int) -> list[np.ndarray]:
        """Coordinates of ``count`` points from all over the domain, neither sorted nor on one line."""
        found: dict[str, np.ndarray] = {}
        mixed = np.concatenate((np.arange(1, count, 2), np.arange(count - 1, -1, -2)))
        for number, axis in enumerate(self.axes, 1):
            order = mixed[np.arange(count) * number % count]
            found |= zip(axis.names, axis.sample(count)[:, order], strict=True)
        return [found[name] for name in self.names]

    def place(self, index: int) -> Place:
        """The coordinates of one point, as the floats that they are in the domain's dtype."""
        values = [float(column[0]) for column in self.block(index, 1)]
        return values[0] if len(values) == 1 else dict(zip(self.names, values, strict=True))

    def dimension(self, name: str) -> int:
        """The number of the axis of a variable or param. Raises ValueError for an unknown name."""
        for number, axis in enumerate(self.axes):
            if name in axis.names:
                return number
        raise ValueError(f"there is no {name!r}; this sweep has {listed(self.names)}")

    def axis(self, name: str, first: int = 0, count: int | None = None) -> np.ndarray:
        """A new array of ``count`` values of a variable or param along its axis, beginning with the first; or of all.

        Raises ValueError for an unknown name.
        """
        axis = self.axes[self.dimension(name)]
        row = axis.names.index(name)
        values = np.empty(axis.num if count is None else count, self.dtype)
        for done in range(0, values.size, _BLOCK):
            part = values[done : done + _BLOCK]
            part[...] = axis.block(first + done, part.size)[row]
        return values


def domain_of(start: Any, stop: Any, num: Any, grid: Any, points: Any, params: Any, dtype: Any) -> Domain:
    """The domain that the arguments of `gradcu.sweep` describe.

    Raises TypeError and ValueError for arguments that are wrong or don't go together.
    """
    line = start is not None or stop is not None or num is not None
    if line + (grid is not None) + (points is not None) != 1:
        ways = {"start, stop and num": line, "grid": grid is not None, "points": points is not None}
        given = [name for name, found in ways.items() if found]
        what = f"not {' together with '.join(given)}" if given else "and none is given"
        raise TypeError(f"a sweep takes start, stop and num, or grid, or points, {what}")
    axes: list[Axis]
    if line:
        axes = [LinspaceAxis(start, stop, num, dtype)]
    elif grid is not None:
        axes = [_grid_axis(name, value, dtype) for name, value in _named("grid", grid).items()]
    else:
        axes = [_points_axis(points, dtype)]
    outer = None if params is None else _given("params", _named("params", params), dtype)
    domain = Domain(axes, outer)
    for name in domain.params:
        if name in domain.variables:
            raise ValueError(f"params has {name!r}, which is a variable of the sweep; give them different names")
    return domain


def listed(names: Sequence[str]) -> str:
    """``u``, ``u and v``, ``u, v and w``."""
    return " and ".join((*([", ".join(names[:-1])] if len(names) > 1 else []), names[-1]))


def around(axis: Axis, first: int, count: int) -> np.ndarray:
    """Points first, ..., first + count - 1 of an axis that begins again at its end."""
    if count >= axis.num:
        return axis.block(0, axis.num).take(np.arange(first, first + count) % axis.num, axis=1)
    first %= axis.num
    head = min(count, axis.num - first)
    block = axis.block(first, head)
    return block if head == count else np.concatenate((block, axis.block(0, count - head)), axis=1)


def _named(argument: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        example = '{"u": (0, 1, 1000)}' if argument == "grid" else '{"a": array}'
        raise TypeError(f"{argument} must be a dict such as {example}, not {value!r} ({type(value).__name__})")
    if not value:
        raise ValueError(f"{argument} must have at least one entry; it is empty")
    for name in value:
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{argument}: {name!r} is no name of a variable; it must be one that Python can have")
    return value


def _grid_axis(name: str, value: Any, dtype: Any) -> Axis:
    if isinstance(value, tuple):
        if len(value) != 3:
            raise ValueError(f"grid[{name!r}] must be (start, stop, num), not {value!r}")
        return LinspaceAxis(*value, dtype, name, f"grid[{name!r}]: ")
    if not hasattr(value, "shape"):
        wanted = "a tuple (start, stop, num) or an array of points"
        raise TypeError(f"grid[{name!r}] must be {wanted}, not {value!r} ({type(value).__name__})")
    return _given("grid", {name: value}, dtype)


def _points_axis(points: Any, dtype: Any) -> Axis:
    if isinstance(points, Mapping):
        return _given("points", _named("points", points), dtype)
    return GivenAxis({"x": points}, dtype, {"x": "points"})


def _given(argument: str, arrays: Mapping[str, Any], dtype: Any) -> GivenAxis:
    return GivenAxis(arrays, dtype, {name: f"{argument}[{name!r}]" for name in arrays})
