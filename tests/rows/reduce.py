"""Rows of reductions, of running sums and products, and of what is normalised by a reduction."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.lazy import lazily
from tests.table import A, Row, S

CUBE = A((2, 3, 4))
DISTINCT = A((3, 4), unique=True)
POSITIVE = A((3, 4), 0.5, 2.5, unique=True)
COUNTS = A((3, 4), low=0, high=3, kind="i")
TRUTHS = A((3, 4), kind="b")


def axes(dim: Any) -> Any:
    """NumPy's axis for PyTorch's dim: an empty one means all."""
    return tuple(dim) or None if isinstance(dim, list | tuple) else dim


def reduction(function: Any) -> Any:
    """NumPy's reduction with PyTorch's parameters."""

    def reference(x: np.ndarray, dim: Any = None, keepdim: bool = False) -> Any:
        return function(x, axis=axes(dim) if x.ndim else None, keepdims=keepdim)

    return reference


def choice(of_all: Any, index: Any, of_two: Any) -> Any:
    """What PyTorch's max and min do, after NumPy's functions."""

    def reference(x: np.ndarray, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
        if isinstance(dim, np.ndarray) or other is not None:
            return of_two(x, dim if other is None else other)
        if dim is None:
            return of_all(x)
        return of_all(x, axis=dim, keepdims=keepdim), index(x, axis=dim, keepdims=keepdim)

    return reference


def variance(function: Any) -> Any:
    def reference(
        x: np.ndarray, dim: Any = None, unbiased: bool = True, keepdim: bool = False, correction: Any = None
    ) -> Any:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        degrees = int(unbiased) if correction is None else correction
        return function(x, axis=axes(dim), keepdims=keepdim, ddof=degrees)

    return reference


def norm(x: np.ndarray, p: Any = 2, dim: Any = None, keepdim: bool = False) -> Any:
    """The p-norm of the flattened elements, or of those along ``dim``, which NumPy's norm does for one dimension."""
    order = 2 if p in ("fro", None) else p
    dims = range(x.ndim) if axes(dim) is None else np.atleast_1d(dim)
    dims = tuple(int(d) % x.ndim for d in dims)
    rest = [d for d in range(x.ndim) if d not in dims]
    rows = x.transpose([*rest, *dims]).reshape(*(x.shape[d] for d in rest), -1)
    found = np.linalg.norm(rows, order, axis=-1)
    return found.reshape([1 if d in dims else n for d, n in enumerate(x.shape)]) if keepdim else found


REDUCED = (S(A()), S(A(()), 0), S(CUBE, 1), S(CUBE, (0, -1)), S(CUBE, -1, True), S(CUBE, dim=[0, 2], keepdim=True))

ROWS = [
    Row("sum", (*REDUCED, S(A(), ()), S(A((2, 0)), 1)), reduction(np.sum)),
    Row("mean", REDUCED, reduction(np.mean)),
    Row(
        "prod",
        (S(A()), S(A(()), 0), S(CUBE, 1), S(CUBE, -1, True), S(A((2, 0)), 1), S(A((3,)))),
        reduction(np.prod),
    ),
    *(
        Row(
            name,
            (S(DISTINCT), S(A(()), 0), S(DISTINCT, 1), S(DISTINCT, (0, 1)), S(DISTINCT, (-1,), True), S(A((0, 3)), 1)),
            reduction(function),
        )
        for name, function in (("amax", np.max), ("amin", np.min))
    ),
    *(
        Row(
            name,
            (
                *(S(DISTINCT), S(DISTINCT, 0), S(DISTINCT, -1, True), S(DISTINCT, dim=1, keepdim=True)),
                *(S(DISTINCT, A((3, 4), 3.0, 4.0)), S(DISTINCT, other=A((4,), -4.0, -3.0))),
            ),
            reference,
        )
        for name, reference in (
            ("max", choice(np.max, np.argmax, np.maximum)),
            ("min", choice(np.min, np.argmin, np.minimum)),
        )
    ),
    *(
        Row(
            name,
            (S(DISTINCT), S(A(())), S(DISTINCT, 0), S(DISTINCT, -1, True), S(DISTINCT, keepdim=True), S(COUNTS, 1)),
            reduction(function),
            differentiable=False,
        )
        for name, function in (("argmax", np.argmax), ("argmin", np.argmin))
    ),
    *(
        Row(
            name,
            (S(TRUTHS), S(COUNTS, 1), S(TRUTHS, (0, 1), True), S(TRUTHS, 0), S(A((2, 0)), 1), S(COUNTS, -1, True)),
            reduction(function),
            differentiable=False,
        )
        for name, function in (("all", np.all), ("any", np.any))
    ),
    *(
        Row(
            name,
            (S(A(), 0), S(CUBE, -2), S(A((5,)), dim=0), S(A((1,)), 0), S(A((0, 3)), 0)),
            lambda x, dim, function=function: function(x, axis=dim),
        )
        for name, function in (("cumsum", np.cumsum), ("cumprod", np.cumprod))
    ),
    Row(
        "logsumexp",
        (S(A(), 0), S(CUBE, (0, -1)), S(CUBE, 1, True), S(A((3,), 10.0, 20.0), 0)),
        lambda x, dim, keepdim=False: lazily("scipy.special", "logsumexp")(x, axis=dim, keepdims=keepdim),
    ),
    *(
        Row(
            name,
            (S(A(), 0), S(CUBE, -1), S(A(()), 0), S(A((3,), 700.0, 720.0), dim=0)),
            lambda x, dim, function=function: function(x, axis=dim),
        )
        for name, function in (
            ("softmax", lazily("scipy.special", "softmax")),
            ("log_softmax", lazily("scipy.special", "log_softmax")),
        )
    ),
    *(
        Row(
            name,
            (
                *(S(A()), S(CUBE, 1), S(CUBE, (0, -1), correction=0), S(CUBE, dim=2, unbiased=False, keepdim=True)),
                *(S(A(), False), S(A(), correction=2), S(A((2, 5)), 1, True, True)),
            ),
            variance(function),
        )
        for name, function in (("var", np.var), ("std", np.std))
    ),
    Row(
        "norm",
        (
            *(S(A()), S(CUBE, 1), S(CUBE, 2, 1), S(CUBE, "fro", (0, 2)), S(CUBE, p=3, dim=-1, keepdim=True)),
            *(S(A(avoid=(0.0,)), p) for p in (0.5, 1.5, 2.5, -1)),
            *(S(POSITIVE, np.inf), S(POSITIVE, -np.inf, 0), S(A((3,), avoid=(0.0,)), 0)),
        ),
        norm,
    ),
]
