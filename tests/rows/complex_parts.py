"""Rows of what makes complex numbers, and of what takes them apart. Other rows have a complex facet of their own."""

import numpy as np

from tests.table import A, Row, S

COMPLEX, SCALAR = A(kind="c", avoid=(0.0,)), A((), 0.5, kind="c")
FLOAT = A(avoid=(0.0,))


def pairs(z: np.ndarray) -> np.ndarray:
    return np.stack([np.real(z), np.imag(z)], -1)


ROWS = [
    Row("real", (S(COMPLEX), S(SCALAR), S(FLOAT)), np.real),
    Row("imag", (S(COMPLEX), S(SCALAR)), np.imag),
    Row("view_as_real", (S(COMPLEX), S(SCALAR)), pairs),
    Row("view_as_complex", (S(A((3, 4, 2))), S(A((2,)))), lambda x: x[..., 0] + 1j * x[..., 1]),
    Row("complex", (S(A((3, 4)), A((4,))), S(A(()), A(()))), lambda real, imag: real + 1j * imag),
    # Where the absolute value is below 0, PyTorch's gradient by it has the other sign.
    Row("polar", (S(A(low=0.5), A((4,))), S(A((), 0.5), A(()))), lambda abs, angle: abs * np.exp(1j * angle)),
    Row("conj", (S(COMPLEX), S(SCALAR), S(FLOAT)), np.conj),
    Row("conj_physical", (S(COMPLEX), S(SCALAR), S(FLOAT)), np.conj),
    Row("resolve_conj", (S(COMPLEX), S(FLOAT)), lambda z: z),
    Row("is_conj", (S(COMPLEX), S(FLOAT)), lambda z: False, differentiable=False),
    Row(
        "adjoint",
        (S(A((2, 3), kind="c")), S(A((2, 3))), S(A((4, 2, 3), kind="c"))),
        lambda z: z.conj().swapaxes(-2, -1),
    ),
    Row("angle", (S(COMPLEX), S(SCALAR), S(FLOAT)), np.angle),
    Row("sgn", (S(COMPLEX), S(SCALAR), S(FLOAT)), lambda z: z / np.abs(z)),
    Row("isreal", (S(COMPLEX), S(FLOAT)), lambda z: z.imag == 0, differentiable=False),
    Row("vdot", (S(A((3,), kind="c"), A((3,), kind="c")), S(A((3,)), A((3,)))), lambda a, b: sum(a.conj() * b)),
]
