"""Rows of signs, special values, angles and logarithms, and of products that are added to something."""

import numpy as np

from tests.lazy import lazily
from tests.table import A, Row, S

NONZERO = A(avoid=(0.0,))
BETWEEN = A(low=0.1, high=0.9)
POSITIVE = A(low=0.5, high=3.0)

ROWS = [
    Row("deg2rad", (S(A()), S(A(()))), np.deg2rad),
    Row("rad2deg", (S(A()), S(A(()))), np.rad2deg),
    # PyTorch divides the result by the operand, so that its second derivative is the rounding error of 0.
    Row("copysign", (S(NONZERO, A((4,), avoid=(0.0,))), S(NONZERO, -2), S(A(()), 1.5)), np.copysign, torch=None),
    Row("fmax", (S(A(low=0.0), A((4,), high=-0.5)), S(A((), 0.5), A((), -1.0, 0.0))), np.fmax),
    Row("fmin", (S(A(low=0.0), A((4,), high=-0.5)), S(A((), 0.5), A((), -1.0, 0.0))), np.fmin),
    Row("heaviside", (S(A(), A((4,))),), np.heaviside, differentiable=False),
    Row("nan_to_num", (S(A()), S(A(), 0.5, 9.0, -9.0), S(A(()), posinf=1.0)), np.nan_to_num),
    Row("isposinf", (S(A()),), np.isposinf, differentiable=False),
    Row("isneginf", (S(A()),), np.isneginf, differentiable=False),
    Row("signbit", (S(A()), S(A((3,), -3, 3, kind="i"))), np.signbit, differentiable=False),
    Row("float_power", (S(POSITIVE, 2), S(POSITIVE, A((4,))), S(2.0, A(()))), np.float_power, torch=None, order=2),
    Row("logaddexp2", (S(A(), A((4,))), S(A(()), A(()))), np.logaddexp2),
    Row(
        "xlogy",
        (S(NONZERO, A((4,), 0.5, 3.0)), S(NONZERO, 2.5), S(2.5, POSITIVE)),
        lazily("scipy.special", "xlogy"),
    ),
    Row(
        "xlog1py",
        (S(NONZERO, A((4,), -0.5, 3.0)), S(NONZERO, 2.5), S(2.5, POSITIVE)),
        lazily("scipy.special", "xlog1py"),
        torch="special.xlog1py",
    ),
    Row("entr", (S(POSITIVE), S(A((), 0.5))), lazily("scipy.special", "entr"), torch="special.entr"),
    Row(
        "logit",
        (S(BETWEEN), S(BETWEEN, 0.05), S(A((), 0.2, 0.8))),
        lambda x, eps=None: lazily("scipy.special", "logit")(x),
    ),
    Row("ndtr", (S(A()), S(A(()))), lazily("scipy.special", "ndtr"), torch="special.ndtr"),
    Row(
        "lerp",
        (S(A(), A((4,)), 0.25), S(A(), A((4,)), 0.75), S(A(), A((4,)), A((3, 1), avoid=(0.5,))), S(A(()), A(()), 2)),
        lambda a, b, w: a * (1 - w) + b * w,
    ),
    Row(
        "addcmul",
        (S(A(), A((4,)), A((3, 1))), S(A(), A(()), A(), value=-1.5)),
        lambda x, a, b, value=1: x + value * a * b,
    ),
    Row(
        "addcdiv",
        (S(A(), A((4,)), A((3, 1), avoid=(0.0,))), S(A(), A(()), NONZERO, value=-1.5)),
        lambda x, a, b, value=1: x + value * a / b,
    ),
]
