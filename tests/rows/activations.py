"""Rows of activation functions that are made of pieces, or of other functions."""

from typing import Any

import numpy as np

from tests.lazy import lazily
from tests.table import A, Row, S

NONZERO = A(avoid=(0.0,))
SIXTH = "PyTorch multiplies by 1/6 as float32 has it"
WIDE = A(low=-5.0, high=5.0, avoid=(-3.0, 3.0))


def exponential_below_0(x: Any, alpha: float, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) * input_scale)) * scale


def halves(x: Any, dim: int = -1) -> Any:
    a, b = np.split(x, 2, dim)
    return a * lazily("scipy.special", "expit")(b)


def functional(name: str, samples: Any, reference: Any, **options: Any) -> Row:
    return Row(name, samples, reference, torch=f"nn.functional.{name}", **options)


ROWS = [
    functional("elu", (S(NONZERO), S(NONZERO, 1.5), S(A((), 0.5))), lambda x, a=1.0: exponential_below_0(x, a)),
    functional("celu", (S(NONZERO), S(NONZERO, 1.5)), lambda x, a=1.0: exponential_below_0(x, a, 1.0, 1 / a)),
    functional("selu", (S(NONZERO),), lambda x: exponential_below_0(x, 1.6732632423543772, 1.0507009873554805)),
    functional(
        "hardtanh",
        (S(A(avoid=(-1.0, 1.0))), S(A(avoid=(-0.5, 1.5)), -0.5, 1.5)),
        lambda x, low=-1.0, high=1.0: np.clip(x, low, high),
    ),
    functional("relu6", (S(A(low=-2.0, high=9.0, avoid=(0.0, 6.0))),), lambda x: np.clip(x, 0, 6)),
    functional("hardsigmoid", (S(WIDE), S(A(()))), lambda x: np.clip(x / 6 + 0.5, 0, 1), torch_error=1e-7, why=SIXTH),
    functional("hardswish", (S(WIDE), S(A(()))), lambda x: x * np.clip(x / 6 + 0.5, 0, 1)),
    functional("threshold", (S(A(avoid=(0.5,)), 0.5, -2.0),), lambda x, t, value: np.where(x > t, x, value)),
    functional(
        "softshrink",
        (S(A(avoid=(-0.5, 0.5))), S(A(avoid=(-1.0, 1.0)), 1.0)),
        lambda x, lambd=0.5: np.sign(x) * np.maximum(np.abs(x) - lambd, 0),
    ),
    functional(
        "hardshrink",
        (S(A(avoid=(-0.5, 0.5))), S(A(avoid=(-1.0, 1.0)), 1.0)),
        lambda x, lambd=0.5: np.where(np.abs(x) > lambd, x, 0),
    ),
    functional("logsigmoid", (S(A()), S(A(()))), lazily("scipy.special", "log_expit")),
    functional("mish", (S(A()), S(A(()))), lambda x: x * np.tanh(np.log1p(np.exp(x)))),
    functional("softsign", (S(NONZERO), S(A((), 0.5))), lambda x: x / (1 + np.abs(x))),
    functional("tanhshrink", (S(A()), S(A(()))), lambda x: x - np.tanh(x)),
    functional("softmin", (S(A(), 0), S(A((2, 3, 4)), -1)), lambda x, dim: lazily("scipy.special", "softmax")(-x, dim)),
    functional(
        "prelu",
        (S(NONZERO, A((4,))), S(NONZERO, A((1,))), S(A((3,), avoid=(0.0,)), A((1,)))),
        lambda x, w: np.where(x > 0, x, w * x),
    ),
    functional("glu", (S(A((3, 4))), S(A((2, 3)), 0)), halves),
]
