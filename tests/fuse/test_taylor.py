"""Derivatives beyond the second: right to the eighth against mpmath, in programs that grow about as its square."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.trace import program
from tests.cases import function
from tests.fuse.sampled import eagerly, fused

FLOAT64 = np.dtype("float64")

# A function, the same in mpmath, and points at which it is smooth.
SMOOTH: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Any], Any], list[float]]] = {
    "polynomial": (lambda x: x**3 - 3 * x**2 + 4, lambda x: x**3 - 3 * x**2 + 4, [-2.0, 0.0, 1.7]),
    "exp-sin": (
        lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x),
        lambda x: mpmath.exp(-x * x / 8) * mpmath.sin(3 * x) + mpmath.cos(x),
        [-3.1, 0.0, 0.3, 2.5],
    ),
    "tanh chain": (
        lambda x: gradcu.tanh(gradcu.sin(x) ** 2 + x / 2) * gradcu.exp(-(x**2) / 50),
        lambda x: mpmath.tanh(mpmath.sin(x) ** 2 + x / 2) * mpmath.exp(-(x**2) / 50),
        [-2.2, 0.0, 0.4, 1.9],
    ),
    "runge": (lambda x: 1 / (1 + x**2), lambda x: 1 / (1 + x**2), [-1.5, 0.0, 0.2, 3.0]),
    "exp of sin": (lambda x: gradcu.exp(gradcu.sin(x)), lambda x: mpmath.exp(mpmath.sin(x)), [-1.0, 0.0, 2.0]),
    "power of sin": (lambda x: gradcu.sin(x) ** 10, lambda x: mpmath.sin(x) ** 10, [0.5, 1.5, -2.0]),
    "odd power": (lambda x: gradcu.cos(x) ** 7, lambda x: mpmath.cos(x) ** 7, [0.5, 1.5]),
    "negative power": (lambda x: (2 + x) ** -3, lambda x: (2 + x) ** -3, [0.5, -1.5]),
    "broken power": (lambda x: (2 + x) ** 1.7, lambda x: (2 + x) ** mpmath.mpf(1.7), [0.5, -1.5]),
    "number's power": (lambda x: 3**x, lambda x: mpmath.mpf(3) ** x, [0.5, -1.5]),
    "power of powers": (lambda x: x**x, lambda x: x**x, [0.5, 2.5]),
    "logarithms": (
        lambda x: gradcu.log(2 + x) * gradcu.log1p(x * x) + gradcu.log2(x + 3),
        lambda x: mpmath.log(2 + x) * mpmath.log(1 + x * x) + mpmath.log(x + 3) / mpmath.log(2),
        [-1.0, 0.0, 1.5],
    ),
    "roots": (
        lambda x: gradcu.sqrt(1 + x * x) + gradcu.rsqrt(2 + x) + (3 + x) ** 0.5,
        lambda x: mpmath.sqrt(1 + x * x) + 1 / mpmath.sqrt(2 + x) + mpmath.sqrt(3 + x),
        [-1.0, 0.0, 1.5],
    ),
    "inverse functions": (
        lambda x: gradcu.atan(x) + gradcu.asin(x / 3) * gradcu.acos(x / 4) + gradcu.asinh(x) - gradcu.atanh(x / 5),
        lambda x: mpmath.atan(x) + mpmath.asin(x / 3) * mpmath.acos(x / 4) + mpmath.asinh(x) - mpmath.atanh(x / 5),
        [-1.0, 0.0, 1.5],
    ),
    "hyperbolic": (
        lambda x: gradcu.sinh(x) / gradcu.cosh(2 * x) + gradcu.tan(x / 2) + gradcu.acosh(4 + x),
        lambda x: mpmath.sinh(x) / mpmath.cosh(2 * x) + mpmath.tan(x / 2) + mpmath.acosh(4 + x),
        [-1.0, 0.0, 1.5],
    ),
    "of two operands": (
        lambda x: gradcu.atan2(x, 1 + x * x) + gradcu.hypot(x, 1 + x) + gradcu.logaddexp(x, -x * x),
        lambda x: (
            mpmath.atan2(x, 1 + x * x)
            + mpmath.sqrt(x**2 + (1 + x) ** 2)
            + mpmath.log(mpmath.exp(x) + mpmath.exp(-x * x))
        ),
        [0.4, 1.5],
    ),
    "activations": (
        lambda x: gradcu.sigmoid(x) * gradcu.silu(x) + gradcu.softplus(x) * gradcu.erf(x),
        lambda x: x / (1 + mpmath.exp(-x)) ** 2 + mpmath.log(1 + mpmath.exp(x)) * mpmath.erf(x),
        [-1.0, 0.0, 1.5],
    ),
    "pieces": (
        lambda x: gradcu.where(x > 0, gradcu.sin(x) * x, gradcu.exp(x)) + gradcu.abs(x) ** 3 + gradcu.relu(x) * x**4,
        lambda x: x * mpmath.sin(x) + x**3 + x**5 if x > 0 else mpmath.exp(x) - x**3,
        [-1.0, 1.5],
    ),
    "clamped": (
        lambda x: gradcu.sin(gradcu.clamp(x * x, -1, 1)) + gradcu.maximum(gradcu.exp(x), x) * gradcu.minimum(x, x**3),
        lambda x: mpmath.sin(x * x) + mpmath.exp(x) * x**3 if x < 1 else mpmath.sin(1) + mpmath.exp(x) * x,
        [0.5, 1.5],
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_to_the_eighth_agree_with_mpmath(name: str):
    f, reference, points = SMOOTH[name]
    found = np.array(fused(f, np.array(points), 8))
    with mpmath.workdps(60):
        for column, point in enumerate(points):
            coefficients = mpmath.taylor(reference, mpmath.mpf(point), 8)
            expected = np.array([float(c * mpmath.factorial(k)) for k, c in enumerate(coefficients)])
            # A derivative that is small by cancellation has the error of its neighbours.
            scale = np.maximum.accumulate(np.abs(expected))
            assert (np.abs(found[:, column] - expected) <= 2e-12 * scale).all(), (point, found[:, column], expected)


# Lines for orders 0 to 8.
LINES: dict[str, tuple[Callable[[Tensor], Tensor], list[int]]] = {
    "polynomial": (SMOOTH["polynomial"][0], [5, 8, 10, 10, 10, 10, 10, 10, 10]),
    "relu": (gradcu.relu, [1, 2, 3, 3, 3, 3, 3, 3, 3]),
    "exp-sin": (SMOOTH["exp-sin"][0], [8, 17, 38, 64, 86, 111, 138, 167, 198]),
    "tanh chain": (SMOOTH["tanh chain"][0], [9, 22, 51, 101, 138, 181, 230, 285, 346]),
    "runge": (SMOOTH["runge"][0], [3, 7, 14, 25, 31, 37, 43, 49, 55]),
    "exp of sin": (SMOOTH["exp of sin"][0], [2, 4, 7, 15, 26, 39, 54, 71, 90]),
    "power of sin": (SMOOTH["power of sin"][0], [2, 6, 13, 50, 78, 112, 150, 194, 242]),
}


@pytest.mark.parametrize("name", LINES)
def test_lines_grow_no_faster_than_the_square_of_the_order(name: str):
    f, most = LINES[name]
    counts = [len(program(f, FLOAT64, order).lines) for order in range(9)]
    assert all(count <= limit for count, limit in zip(counts, most, strict=True)), counts
    # Each further order adds at most a few lines more than the one before.
    steps = np.diff(counts[3:])
    assert np.diff(steps).max() <= 12


GATED: dict[str, Callable[[Tensor], Tensor]] = {
    "root of relu": lambda x: gradcu.sqrt(gradcu.relu(x)),
    "log of relu": lambda x: gradcu.log(gradcu.relu(x)) * x,
    "cube of relu": lambda x: gradcu.relu(x) ** 3,
    "where": lambda x: gradcu.where(x > 0, gradcu.sqrt(x), x * x * x),
    "clamp": lambda x: gradcu.clamp(x, -1, 1) ** 4,
    "leaky": lambda x: function("leaky_relu")(x, 0.25) ** 5,
    "rounding": lambda x: gradcu.floor(x) * gradcu.exp(x) + gradcu.sign(x) * x**4,
}


@pytest.mark.parametrize("name", GATED)
def test_the_third_and_fourth_derivative_of_choices_are_nan_where_eager_says_so(name: str):
    x = np.array([-2.5, -1.0, -0.5, 0.25, 1.0, 2.5])
    for row, reference in zip(fused(GATED[name], x, 4), eagerly(GATED[name], x, 4), strict=True):
        np.testing.assert_allclose(row, reference, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("exponent", [0.5, -0.5, -1, -2, -3, 3, 5])
def test_powers_of_zeros_have_the_signs_that_eager_gives_them(exponent: float):
    x = np.array([-0.0, 0.0])
    found, expected = fused(lambda x: x**exponent, x, 5), eagerly(lambda x: x**exponent, x, 5)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found[:3]), np.signbit(expected[:3]))


def test_a_deep_expression_needs_no_deep_stack():
    def f(x: Tensor) -> Tensor:
        y = x
        for _ in range(600):
            y = gradcu.sin(y) + x
        return y

    assert len(program(f, FLOAT64, 3).outputs) == 4
