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


def in_memory(shape: Sequence[int], strides: Sequence[int]) -> list[int]:
    """The dimensions in the order in which they lie in memory, the one of the longest stride first.

    A dimension along which nothing moves stays where it is among the others, as in PyTorch's preserve_format.

    >>> in_memory((2, 3, 4), (8, 64, 16))
    [1, 2, 0]
    """
    order = list(range(len(shape)))
    for i in range(1, len(order)):
        at = i
        for before in reversed(range(i)):
            one, other = order[before], order[at]
            apart = abs(strides[one]) - abs(strides[other]) or shape[other] - shape[one]
            if not strides[one] or not strides[other]:
                continue
            if apart >= 0:
                break
            order[before], order[at] = other, one
            at = before
    return order


def reach(dims: Dimensions, array: int) -> int:
    """How many bytes an array's elements are apart at most."""
    return sum(abs(steps[array]) * max(length - 1, 0) for length, steps in dims)
