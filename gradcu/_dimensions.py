"""Dimensions of arrays that share a shape, in as few as their strides allow."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

Dimensions = list[tuple[int, tuple[int, ...]]]
"""The length of each, and the strides of all arrays along it."""


def merged(dims: Iterable[int], shape: Sequence[int], strides: Sequence[Sequence[int]]) -> Dimensions:
    """The dimensions ``dims`` of arrays of one shape and these strides; those are one that lie as one would.

    >>> merged((0, 1, 2), (4, 1, 5), ((40, 40, 8), (40, 0, 8)))
    [(20, (8, 8))]
    """
    out: Dimensions = []
    for d in dims:
        length, steps = shape[d], tuple(of[d] for of in strides)
        if length == 1:
            continue
        if out and out[-1][1] == tuple(step * length for step in steps):
            out[-1] = out[-1][0] * length, steps
        else:
            out.append((length, steps))
    return out or [(1, (0,) * len(strides))]


def reach(dims: Dimensions, array: int) -> int:
    """How many bytes an array's elements are apart at most."""
    return sum(abs(steps[array]) * max(length - 1, 0) for length, steps in dims)
