"""Sums, products, quotients, remainders and powers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.table import A, Row, S

POSITIVE = A(low=0.5, high=3.0)
NONZERO = A(avoid=(0.0,))


def quotient(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    exact = np.true_divide(a, b)
    return {None: exact, "trunc": np.trunc(exact), "floor": np.floor(exact)}[rounding_mode]


def integer_power(x: Any, n: int) -> Any:
    """By repeated products in extended precision, where NumPy has it."""
    result = np.ones_like(x, dtype=np.longdouble)
    for _ in range(abs(n)):
        result = result * x
    return np.asarray(result if n >= 0 else 1 / result, dtype=np.float64)


def power(a: Any, b: Any) -> Any:
    return integer_power(a, b) if isinstance(b, int) else np.float_power(a, b)


ROWS = [
    Row(
        "add",
        (
            S(A(), A((4,))),
            S(A(()), A(())),
            S(A((0, 3)), A((3,))),
            S(A(), 2.5),
            S(2.5, A((3,))),
            S(A(), A((3, 1)), alpha=3),
            S(A(), 2, alpha=-0.5),
        ),
        reference=lambda a, b, alpha=1: a + alpha * b,
        ulp=0.5,
        domain=(-100.0, 100.0),
    ),
    Row(
        "sub",
        (S(A(), A((4,))), S(A(()), A(())), S(A(), 2.5), S(2.5, A((3,))), S(A(), A((3, 1)), alpha=3)),
        reference=lambda a, b, alpha=1: a - alpha * b,
        ulp=0.5,
        domain=(-100.0, 100.0),
    ),
    Row(
        "rsub",
        (S(A(), A((4,))), S(2.5, A((3,)))),
        reference=lambda a, b: a - b,
        torch=None,
    ),
    Row(
        "mul",
        (S(A(), A((4,))), S(A(()), A(())), S(A((2, 0)), A((2, 1))), S(A(), -1.5), S(3, A((2, 1)))),
        reference=lambda a, b: a * b,
        ulp=0.5,
        domain=(-100.0, 100.0),
    ),
    Row(
        "div",
        (
            S(A(), A((4,), avoid=(0.0,))),
            S(A(()), A((), avoid=(0.0,))),
            S(A(), 2.5),
            S(2.5, NONZERO),
            S(A(low=3.1, high=3.9), A(low=1.0, high=1.5), rounding_mode="trunc"),
            S(A(low=-3.9, high=-3.1), A(low=1.0, high=1.5), rounding_mode="floor"),
            S(A(low=3.1, high=3.9), -3, rounding_mode="floor"),
        ),
        reference=quotient,
        ulp=0.5,
        domain=(-100.0, 100.0),
    ),
    Row(
        "neg",
        (S(A()), S(A(())), S(A((0,)))),
        reference=lambda x: 0.0 - x,
        ulp=0.0,
        domain=(-100.0, 100.0),
    ),
    Row("positive", (S(A()), S(A(()))), reference=lambda x: x),
    Row(
        "reciprocal",
        (S(NONZERO), S(A((), low=1.0))),
        reference=lambda x: 1 / x,
        ulp=0.5,
        domain=(-100.0, 100.0),
    ),
    Row(
        "floor_divide",
        (S(A(low=3.1, high=3.9), A(low=1.0, high=1.1)), S(A(low=-3.9, high=-3.1), 1.5), S(7.5, A((3,), 2.1, 2.4))),
        reference=lambda a, b: np.floor(a / b),
        ulp=0.5,
        domain=(0.5, 50.0),
    ),
    Row(
        "remainder",
        (
            S(A((3, 4), 3.1, 3.9), A((4,), -1.1, -1.0)),
            S(A((), 3.1, 3.9), A((), 1.0, 1.1)),
            S(A((3,), -2.9, -2.1), 1.0),
        ),
        reference=lambda a, b: a - b * np.floor(a / b),
        ulp=0.5,
        domain=(0.5, 50.0),
    ),
    Row(
        "fmod",
        (
            S(A((3, 4), 3.1, 3.9), A((4,), -1.1, -1.0)),
            S(A((), -3.9, -3.1), A((), 1.0, 1.1)),
            S(A((3,), -2.9, -2.1), 1.0),
        ),
        reference=lambda a, b: a - b * np.trunc(a / b),
        ulp=0.5,
        domain=(0.5, 50.0),
    ),
    Row(
        "pow",
        (
            S(POSITIVE, A((4,))),
            S(A((), 0.5), A(())),
            *(S(NONZERO, n) for n in (-7, -3, -2, -1, 0, 1, 2, 3, 4, 5, 9)),
            S(A((0, 2)), 2),
            *(S(POSITIVE, n) for n in (0.5, -0.5, 1.7, 2.0, 70)),
            S(2, A()),
            S(0.3, A((3,))),
            S(A(()), 2),
        ),
        reference=power,
        domain=(0.1, 20.0),
    ),
    Row("square", (S(A()), S(A(()))), reference=lambda x: x * x, ulp=0.5, domain=(-100.0, 100.0)),
]
