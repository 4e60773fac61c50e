"""Exponentials, logarithms, trigonometric and hyperbolic functions, with PyTorch's tolerance for their arguments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.lazy import lazily
from tests.table import A, Row, S


def unary(
    name: str, low: float, high: float, domain: tuple[float, float], reference: Callable[..., Any], **options: Any
) -> Row:
    """The row of a function that is smooth between ``low`` and ``high``."""
    samples = (S(A(low=low, high=high)), S(A((), low, high)), S(A((0, 2), low, high)))
    return Row(name, samples, reference=reference, domain=domain, **options)


ROWS = [
    unary("exp", -2, 2, (-87.0, 88.0), np.exp),
    unary("exp2", -2, 2, (-126.0, 127.0), np.exp2),
    unary("expm1", -2, 2, (-20.0, 88.0), np.expm1),
    unary("log", 0.5, 4, (1e-6, 100.0), np.log),
    unary("log2", 0.5, 4, (1e-6, 100.0), np.log2),
    unary("log10", 0.5, 4, (1e-6, 100.0), np.log10),
    unary("log1p", -0.5, 4, (-0.99, 100.0), np.log1p),
    unary("sqrt", 0.5, 4, (0.0, 1e6), np.sqrt, ulp=0.5),
    unary("rsqrt", 0.5, 4, (1e-6, 1e6), lambda x: x**-0.5),
    unary("sigmoid", -3, 3, (-80.0, 80.0), lazily("scipy.special", "expit")),
    unary("sin", -3, 3, (-50.0, 50.0), np.sin),
    unary("cos", -3, 3, (-50.0, 50.0), np.cos),
    unary("tan", -1, 1, (-50.0, 50.0), np.tan),
    unary("asin", -0.9, 0.9, (-1.0, 1.0), np.arcsin),
    unary("acos", -0.9, 0.9, (-1.0, 1.0), np.arccos),
    unary("atan", -3, 3, (-50.0, 50.0), np.arctan),
    unary("sinh", -2, 2, (-80.0, 80.0), np.sinh),
    unary("cosh", -2, 2, (-80.0, 80.0), np.cosh),
    unary("tanh", -2, 2, (-10.0, 10.0), np.tanh),
    unary("asinh", -3, 3, (-1e4, 1e4), np.arcsinh),
    unary("acosh", 1.2, 4, (1.0, 1e4), np.arccosh),
    unary("atanh", -0.8, 0.8, (-0.999, 0.999), np.arctanh),
    Row(
        "atan2",
        (S(A(avoid=(0.0,)), A((4,), avoid=(0.0,))), S(A((), 0.5), A(()))),
        reference=np.arctan2,
        domain=(-50.0, 50.0),
    ),
    Row(
        "hypot",
        (S(A(avoid=(0.0,)), A((4,), avoid=(0.0,))), S(A((), 0.5), A(()))),
        reference=lambda a, b: np.sqrt(a * a + b * b),
        domain=(-50.0, 50.0),
    ),
]
