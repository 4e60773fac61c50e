"""Rows of elements in order, by their rank, and of the extremes so far."""

from typing import Any

import numpy as np

from tests.table import A, Row, S

DISTINCT = A((3, 4), -20, 20, unique=True)
CUBE = A((2, 3, 4), -40, 40, unique=True)
ODD = A((3, 5), -20, 20, unique=True)


def in_order(x: Any, dim: int = -1, descending: bool = False, **options: Any) -> tuple[Any, Any]:
    order = np.argsort(-x if descending else x, axis=dim if x.ndim else None, kind="stable").reshape(x.shape)
    return (np.take_along_axis(x, order, dim) if x.ndim else x), order


def first(x: Any, k: int, dim: int = -1, largest: bool = True, **options: Any) -> tuple[Any, ...]:
    return tuple(np.take(part, range(k), dim) for part in in_order(x, dim, largest))


def ranked(x: Any, rank: int, dim: int = -1, keepdim: bool = False) -> tuple[Any, ...]:
    return tuple(np.take(part, [rank] if keepdim else rank, dim) for part in in_order(x, dim))


def median(x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    if dim is None:
        return np.sort(x, axis=None)[(x.size - 1) // 2]
    return ranked(x, (x.shape[dim] - 1) // 2, dim, keepdim)


def extremes(function: Any) -> Any:
    def reference(x: Any, dim: int) -> tuple[Any, Any]:
        values = function.accumulate(x, axis=dim)
        places = np.zeros(x.shape, int)
        for at in np.ndindex(x.shape):
            row = np.moveaxis(x, dim, -1)[tuple(n for d, n in enumerate(at) if d != dim % x.ndim)]
            places[at] = int(np.flatnonzero(row[: at[dim] + 1] == values[at])[-1])
        return values, places

    return reference


ROWS = [
    Row(
        "sort",
        (S(DISTINCT), S(CUBE, 1), S(CUBE, 0, True), S(DISTINCT, descending=True, stable=True), S(A(()))),
        in_order,
    ),
    Row(
        "argsort",
        (S(DISTINCT), S(CUBE, 1), S(DISTINCT, 0, True)),
        lambda *args, **kwargs: in_order(*args, **kwargs)[1],
        differentiable=False,
    ),
    Row("msort", (S(DISTINCT), S(A((4,), unique=True))), lambda x: np.sort(x, 0)),
    Row("topk", (S(DISTINCT, 2), S(CUBE, 1, 1), S(CUBE, 2, 0, largest=False), S(DISTINCT, 0)), first),
    Row("kthvalue", (S(DISTINCT, 2), S(CUBE, 1, 1), S(CUBE, 3, 2, True)), lambda x, k, *args: ranked(x, k - 1, *args)),
    Row("median", (S(DISTINCT), S(ODD), S(DISTINCT, 1), S(CUBE, 0, True), S(ODD, -1)), median),
    Row("cummax", (S(DISTINCT, 0), S(CUBE, -1), S(A((5,), unique=True), 0)), extremes(np.maximum)),
    Row("cummin", (S(DISTINCT, 0), S(CUBE, -1), S(A((5,), unique=True), 0)), extremes(np.minimum)),
]
