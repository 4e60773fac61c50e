"""Comparisons, choices, extrema, rounding and truth."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.table import A, Row, S

WHOLE = A(low=-2, high=3, kind="i")
BOOL = A(kind="b")


def comparison(name: str, reference: Callable[..., Any]) -> Row:
    samples = (S(A(), A((4,))), S(WHOLE, WHOLE), S(WHOLE, 1), S(A((), 0.0, 1.0), A((), -1.0, 0.0)), S(BOOL, BOOL))
    return Row(name, samples, reference=reference, differentiable=False)


def truth(name: str, reference: Callable[..., Any]) -> Row:
    samples = (S(A(), A((4,))), S(BOOL, BOOL), S(WHOLE, BOOL), S(A((), kind="b"), A((), kind="b")))
    return Row(name, samples, reference=reference, differentiable=False)


def bitwise(name: str, reference: Callable[..., Any]) -> Row:
    samples = (S(WHOLE, A((4,), -9, 9, kind="i")), S(BOOL, BOOL), S(WHOLE, 3), S(WHOLE, BOOL))
    return Row(name, samples, reference=reference, differentiable=False)


def special_value(name: str, reference: Callable[..., Any]) -> Row:
    return Row(name, (S(A()), S(WHOLE), S(BOOL), S(A(()))), reference=reference, differentiable=False)


def rounding(name: str, reference: Callable[..., Any]) -> Row:
    """Away from the whole and half numbers, where these jump."""
    jumps = (-2.0, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0)
    return Row(
        name,
        (S(A(avoid=jumps)), S(A((), 0.6, 0.9)), S(WHOLE)),
        reference=reference,
        ulp=0.0,
        domain=(-50.0, 50.0),
    )


def clamped(x: Any, min: Any = None, max: Any = None) -> Any:
    if min is not None:
        x = np.where(x < min, min, x)
    return x if max is None else np.where(x > max, max, x)


BETWEEN = A(avoid=(-1.0, 1.0))
LOW, HIGH = A((4,), -0.8, -0.7), A((3, 1), 0.7, 0.8)
OUTSIDE = A(avoid=(-0.75, 0.75))

ROWS = [
    comparison("eq", lambda a, b: a == b),
    comparison("ne", lambda a, b: a != b),
    comparison("less", lambda a, b: a < b),
    comparison("less_equal", lambda a, b: a <= b),
    comparison("greater", lambda a, b: a > b),
    comparison("greater_equal", lambda a, b: a >= b),
    Row(
        "where",
        (
            S(BOOL, A(), A((4,))),
            S(A((3, 1), kind="b"), A(), 2.5),
            S(A((4,), kind="b"), 1, A()),
            S(A((), kind="b"), A(()), A(())),
            S(BOOL, 1.5, 2),
            S(BOOL, WHOLE, A()),
            S(A((0, 2), kind="b"), A((2,)), A((0, 1))),
        ),
        reference=lambda c, a, b: np.where(c, np.asarray(a), np.asarray(b)),
    ),
    Row(
        "maximum",
        (S(A((3, 4), -2, -0.1), A((4,), 0.1)), S(A((3,), 0.1), A((2, 1), -2, -0.1)), S(WHOLE, WHOLE)),
        reference=lambda a, b: np.where(a > b, a, b),
        order=2,
        ulp=0.0,
        domain=(-50.0, 50.0),
    ),
    Row(
        "minimum",
        (S(A((3, 4), -2, -0.1), A((4,), 0.1)), S(A((3,), 0.1), A((2, 1), -2, -0.1)), S(WHOLE, WHOLE)),
        reference=lambda a, b: np.where(a < b, a, b),
        order=2,
        ulp=0.0,
        domain=(-50.0, 50.0),
    ),
    Row(
        "clamp",
        (
            S(BETWEEN, -1, 1),
            S(BETWEEN, -1.0),
            S(BETWEEN, max=1.0),
            S(BETWEEN, 1.0, -1.0),
            S(OUTSIDE, LOW, HIGH),
            S(OUTSIDE, LOW),
            S(OUTSIDE, max=HIGH),
            S(OUTSIDE, HIGH, LOW),
            S(A((), -0.5, 0.5), -1, 1),
            S(WHOLE, 0),
            S(WHOLE, 0.5),
        ),
        reference=clamped,
    ),
    Row("clamp_min", (S(BETWEEN, -1), S(OUTSIDE, LOW)), reference=lambda x, min: np.where(x < min, min, x)),
    Row("clamp_max", (S(BETWEEN, 1), S(OUTSIDE, HIGH)), reference=lambda x, max: np.where(x > max, max, x)),
    rounding("floor", np.floor),
    rounding("ceil", np.ceil),
    rounding("trunc", np.trunc),
    Row(
        "round",
        (
            S(A(avoid=(-1.5, -0.5, 0.5, 1.5))),
            S(A((3,), 0.11, 0.14), decimals=1),
            S(A((3,), 11, 14), decimals=-1),
            S(A((), 0.6, 0.9)),
            S(WHOLE),
        ),
        reference=lambda x, decimals=0: np.round(x, decimals),
        ulp=0.0,
        domain=(-50.0, 50.0),
    ),
    Row(
        "frac",
        (S(A(avoid=(-2.0, -1.0, 0.0, 1.0, 2.0))), S(A((), 0.6, 0.9))),
        reference=lambda x: np.modf(x)[0],
        ulp=0.0,
        domain=(-50.0, 50.0),
    ),
    Row(
        "sign",
        (S(A(avoid=(0.0,))), S(A((), 0.5)), S(WHOLE), S(BOOL)),
        ulp=0.0,
        domain=(-50.0, 50.0),
        reference=lambda x: np.where(x > 0, 1, 0) - np.where(x < 0, 1, 0) if x.dtype != bool else x,
    ),
    Row(
        "abs",
        (S(A(avoid=(0.0,))), S(A((), 0.5)), S(WHOLE)),
        reference=lambda x: np.where(x < 0, -x, x),
        ulp=0.0,
        domain=(-50.0, 50.0),
    ),
    truth("logical_and", np.logical_and),
    truth("logical_or", np.logical_or),
    truth("logical_xor", np.logical_xor),
    Row("logical_not", (S(A()), S(BOOL), S(WHOLE)), reference=np.logical_not, differentiable=False),
    bitwise("bitwise_and", lambda a, b: a & b),
    bitwise("bitwise_or", lambda a, b: a | b),
    bitwise("bitwise_xor", lambda a, b: a ^ b),
    Row("bitwise_not", (S(WHOLE), S(BOOL)), reference=lambda x: ~x, differentiable=False),
    special_value("isnan", lambda x: x != x),
    special_value("isinf", lambda x: np.zeros(x.shape, bool)),
    special_value("isfinite", lambda x: np.ones(x.shape, bool)),
    Row(
        "isclose",
        (S(A(), A((4,))), S(A(), A(), 0.5), S(A(), A(), rtol=0.0, atol=1.0), S(WHOLE, WHOLE, equal_nan=True)),
        reference=lambda a, b, rtol=1e-5, atol=1e-8, equal_nan=False: np.abs(a - b) <= atol + rtol * np.abs(b),
        differentiable=False,
    ),
    Row("allclose", (S(A(), A()), S(A(), A(), 10.0, 10.0), S(WHOLE, WHOLE)), differentiable=False),
    Row("equal", (S(A(), A()), S(A((3,)), A((4,))), S(A((0,)), A((0,)))), differentiable=False),
]
