"""The points of a domain as fused programs take them: an array for each of the names, which broadcast."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ..fuse.layout import boxes
from .domain import Domain

if TYPE_CHECKING:
    from ..fuse.elementwise import Evaluator

_SHORT = 1 << 14
"""An axis of so few points is made once and kept."""


class Inputs:
    """What a program reads at any block of a domain's points, of which each axis makes no more than the block has."""

    def __init__(self, domain: Domain) -> None:
        self._domain = domain
        self._kept = [axis.block(0, axis.num) if axis.num <= _SHORT else None for axis in domain.axes]

    def evaluate(self, evaluator: Evaluator, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> None:
        """Writes the program's outputs at points first, first + 1, ..., and the points of a single axis into x."""
        done = 0
        for size, box in boxes(self._domain.shape, first, rows[0].size):
            parts = [part if isinstance(part, slice) else slice(part, part + 1) for part in box]
            columns = self._columns(parts)
            shape = tuple(part.stop - part.start for part in parts)
            evaluator.evaluate(columns, shape, 0, size, [row[done : done + size] for row in rows])
            if x is not None:
                x[...] = columns[0]
            done += size

    def _columns(self, parts: Sequence[slice]) -> list[np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for number, (axis, kept, part) in enumerate(zip(self._domain.axes, self._kept, parts, strict=True)):
            block = axis.block(part.start, part.stop - part.start) if kept is None else kept[:, part]
            shape = (-1, *(1,) * (len(parts) - 1 - number))
            found |= {name: column.reshape(shape) for name, column in zip(axis.names, block, strict=True)}
        return [found[name] for name in self._domain.names]
