"""Where the points of an axis stand in a picture: in ascending or descending order, whatever order they are in."""

from __future__ import annotations

import numpy as np

from .grid import Axis, LinspaceAxis
from .scale import LARGEST


class Positions:
    """The points of an axis of one name that can be drawn: all that are finite, ``count`` of them.

    ``order`` has their indices, in ascending order of their values; None where it is the axis's own.
    """

    def __init__(self, axis: Axis) -> None:
        (self.name,) = axis.names
        self._line = axis if isinstance(axis, LinspaceAxis) else None
        self.order: np.ndarray | None = None
        self.count = axis.num
        if self._line is not None:
            self.first, self.last = self._line.start, self._line.stop
            return
        values = axis.block(0, axis.num)[0].astype(np.float64)
        self.order = np.argsort(values, kind="stable")
        self.order = self.order[np.isfinite(values[self.order])]
        self._values = np.clip(values[self.order], -LARGEST, LARGEST)
        self.count = self.order.size
        self.first, self.last = (self._values[0], self._values[-1]) if self.count else (0.0, 0.0)

    def at(self, index: np.ndarray) -> np.ndarray:
        """The coordinates of the points with these numbers in the order."""
        if self._line is None:
            return self._values[index]
        line = self._line
        return np.where(index == line.num - 1, line.stop, line.start + index * line.step)

    def edges(self, firsts: np.ndarray) -> np.ndarray:
        """The edges of cells that begin with these points, and the last one's end: halfway between neighbours."""
        inner = (self.at(firsts[1:] - 1) + self.at(firsts[1:])) / 2
        if self.count == 1:
            return np.array([self.first - 0.5, self.first + 0.5])
        second, before = self.at(np.array([1, self.count - 2]))
        ends = self.first - (second - self.first) / 2, self.last + (self.last - before) / 2
        return np.array([ends[0], *inner, ends[1]])

    def limits(self) -> tuple[float, float]:
        """The ends of an axis of the picture."""
        return (self.first, self.last) if self.first != self.last else (self.first - 0.5, self.last + 0.5)
