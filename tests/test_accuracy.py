"""Every elementwise function is as accurate as its row says, in float32 and float64, against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

from gradcu import Tensor
from tests.cases import Case, array
from tests.table import TABLE, Row

PRECISION = 160
POINTS = 300

ROWS = [row for row in TABLE.values() if row.domain is not None]


EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "floor_divide": lambda a, b: mpmath.floor(a / b),
    "remainder": lambda a, b: a - b * mpmath.floor(a / b),
    "fmod": lambda a, b: a - b * (mpmath.floor(a / b) if a * b >= 0 else mpmath.ceil(a / b)),
    "pow": lambda a, b: a**b,
    "square": lambda x: x * x,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "asinh": mpmath.asinh,
    "acosh": mpmath.acosh,
    "atanh": mpmath.atanh,
    "atan2": mpmath.atan2,
    "hypot": mpmath.hypot,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "lgamma": mpmath.loggamma,
    "digamma": mpmath.digamma,
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    "sinc": mpmath.sincpi,
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)) if x <= 20 else x,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "maximum": max,
    "minimum": min,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "trunc": lambda x: mpmath.floor(x) if x >= 0 else mpmath.ceil(x),
    "round": mpmath.nint,
    "frac": lambda x: x - (mpmath.floor(x) if x >= 0 else mpmath.ceil(x)),
    "sign": mpmath.sign,
    "abs": abs,
}


def points(row: Row, dtype: str) -> list[np.ndarray]:
    """Operands over the row's domain: evenly spread for one, by two coprime steps for two; and close to its ends."""
    assert row.domain is not None
    low, high = row.domain
    count = len(row.samples[0].operands)
    steps = np.arange(POINTS)
    axes = [low + (high - low) * ((steps * step) % POINTS + 0.37) / POINTS for step in (1, 127)[:count]]
    near = [
        np.array([low, high, low + 1e-3 * (high - low), high - 1e-3 * (high - low)]),
        np.full(4, (low + 3 * high) / 4),
    ]
    return [np.concatenate([axis, ends]).astype(dtype) for axis, ends in zip(axes, near, strict=False)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_errors_are_within_the_rows_bound(row: Row, dtype: str):
    operands = points(row, dtype)
    case = Case(row, 0)
    found = array(case([Tensor._wrap(operand) for operand in operands]))
    assert found.dtype == dtype
    worst, where = 0.0, -1
    with mpmath.workprec(PRECISION):
        for number, value in enumerate(found.tolist()):
            numbers = [mpmath.mpf(operand[number].item()) for operand in operands]
            expected = EXACT[row.name](*numbers)
            error = units_between(value, expected, dtype)
            if error > worst:
                worst, where = error, number
    assert worst <= row.ulp, f"{worst:.2f} units in the last place at {[operand[where] for operand in operands]}"


def units_between(value: float, expected: Any, dtype: str) -> float:
    """How many units in the last place of the exact number, rounded, ``value`` is off."""
    rounded = np.dtype(dtype).type(float(expected))
    if math.isinf(rounded) or math.isinf(value):
        return 0.0 if value == rounded else math.inf
    unit = mpmath.mpf(float(np.spacing(abs(rounded))))
    return float(abs(mpmath.mpf(value) - expected) / unit)


def test_every_row_with_a_domain_has_an_exact_function():
    assert sorted(EXACT) == sorted(row.name for row in ROWS)


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_more_than_four_units_have_a_cause(row: Row):
    assert row.ulp <= 4 or row.why
