"""Special functions and the activation functions of neural networks."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.lazy import lazily
from tests.table import A, Row, S

TRIGAMMA = "PyTorch's trigamma, on which the derivatives rest, is wrong by 5e-10"


def gelu(x: Any, approximate: str = "none") -> Any:
    if approximate == "none":
        return x * lazily("scipy.special", "ndtr")(x)
    return x * lazily("scipy.special", "expit")(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))


ROWS = [
    Row("erf", (S(A()), S(A(()))), reference=lazily("scipy.special", "erf"), domain=(-5.0, 5.0)),
    Row(
        "erfc",
        (S(A()), S(A(()))),
        reference=lazily("scipy.special", "erfc"),
        domain=(-5.0, 9.0),
    ),
    *(
        Row(
            name,
            (S(A(low=0.5, high=4.0)), S(A((), 0.5, 4.0))),
            reference=reference,
            torch_error=1e-9,
            why=TRIGAMMA,
            domain=(0.01, 50.0),
            ulp=ulp,
        )
        for name, reference, ulp in (
            ("lgamma", lazily("scipy.special", "loggamma"), 2.0),
            ("digamma", lazily("scipy.special", "psi"), 4.0),
        )
    ),
    Row(
        "polygamma",
        (S(1, A(low=0.5, high=4.0)), S(2, A((), 0.5, 4.0)), S(0, A((3,), 0.5, 4.0))),
        reference=lazily("scipy.special", "polygamma"),
        torch_error=1e-9,
        why=TRIGAMMA,
    ),
    Row(
        "logaddexp",
        (S(A(), A((4,))), S(A(()), A(()))),
        reference=lambda a, b: np.log(np.exp(a) + np.exp(b)),
        why="below 0 the result has roots, where an error of one unit of an operand is many of the result",
        domain=(0.0, 50.0),
    ),
    Row(
        "sinc",
        (S(A(avoid=(0.0,))), S(A((), 0.2, 0.8))),
        reference=lambda x: np.reshape([float(lazily("mpmath", "sincpi")(each)) for each in np.ravel(x)], np.shape(x)),
        domain=(-10.0, 10.0),
    ),
    Row(
        "relu",
        (S(A(avoid=(0.0,))), S(A((), 0.5))),
        reference=lambda x: np.where(x > 0, x, 0),
        ulp=0.0,
        domain=(-50.0, 50.0),
    ),
    Row(
        "leaky_relu",
        (S(A(avoid=(0.0,))), S(A(avoid=(0.0,)), 0.2), S(A((), 0.5), negative_slope=0.5)),
        reference=lambda x, negative_slope=0.01: np.where(x > 0, x, negative_slope * x),
        torch="nn.functional.leaky_relu",
        domain=(-50.0, 50.0),
    ),
    Row(
        "softplus",
        (S(A()), S(A(), 2.0), S(A(avoid=(1.0,)), beta=2, threshold=2), S(A(()))),
        reference=lambda x, beta=1, threshold=20: np.where(beta * x > threshold, x, np.logaddexp(0, beta * x) / beta),
        torch="nn.functional.softplus",
        domain=(-80.0, 80.0),
    ),
    Row(
        "silu",
        (S(A()), S(A(()))),
        reference=lambda x: x * lazily("scipy.special", "expit")(x),
        torch="nn.functional.silu",
        domain=(-80.0, 80.0),
    ),
    Row(
        "gelu",
        (S(A()), S(A(), approximate="tanh"), S(A(()))),
        reference=gelu,
        torch="nn.functional.gelu",
        ulp=40.0,
        why="exp multiplies the rounding error of its argument, x*x / 2, by the argument's size",
        domain=(-5.0, 5.0),
    ),
]
