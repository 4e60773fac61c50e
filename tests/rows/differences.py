"""Rows of differences and of areas under sampled curves."""

from typing import Any

import numpy as np

from tests.table import A, Row, S

CUBE = A((2, 3, 4))


def difference(x: Any, n: int = 1, dim: int = -1, prepend: Any = None, append: Any = None) -> Any:
    ends = {name: part for name, part in (("prepend", prepend), ("append", append)) if part is not None}
    return np.diff(x, n, dim, **ends)


def area(y: Any, x: Any = None, dx: Any = None, dim: int = -1) -> Any:
    return np.trapezoid(y, x, 1.0 if dx is None else dx, dim)


def areas(y: Any, x: Any = None, dx: Any = None, dim: int = -1) -> Any:
    """By the areas under the first two samples, the first three, and so on."""
    parts = []
    for count in range(2, y.shape[dim] + 1):
        points = x if x is None else np.take(x, range(count), dim if x.ndim > 1 else 0)
        parts.append(area(np.take(y, range(count), dim), points, dx, dim))
    return np.stack(parts, dim)


def slopes(x: Any, *, spacing: Any = 1, dim: Any = None, edge_order: Any = 1) -> Any:
    dims = tuple(range(x.ndim)) if dim is None else dim
    found: Any = np.gradient(
        x, *(spacing if isinstance(spacing, tuple) else (spacing,)), axis=dims, edge_order=edge_order
    )
    return found if isinstance(found, tuple | list) else (found,)


STEPS = A((4,), 0.5, 1.5, grad=False)

ROWS = [
    Row(
        "diff",
        (S(A()), S(CUBE, 2), S(CUBE, dim=1), S(A(), 1, 0, A((1, 4)), A((2, 4))), S(A((3,)), 5), S(A(), 0)),
        difference,
    ),
    Row(
        "trapezoid",
        (S(A()), S(CUBE, dx=0.5, dim=0), S(A(), A((4,))), S(A(), A((3, 4))), S(CUBE, A((3,)), dim=1)),
        area,
    ),
    Row(
        "cumulative_trapezoid",
        (S(A()), S(CUBE, dx=0.5, dim=0), S(A(), A((4,))), S(A(), A((3, 4)))),
        areas,
    ),
    Row(
        "gradient",
        (
            *(S(A((4,))), S(A((3, 4)), spacing=0.5), S(A((3, 4)), dim=1), S(A((3, 4)), edge_order=2)),
            *(S(A((2, 3)), spacing=(2.0, 0.5)), S(A((4, 3, 3)), dim=(0, 2), spacing=(2.0, 0.5))),
        ),
        slopes,
    ),
]
