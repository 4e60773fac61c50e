"""Rows of copies: of another dtype, of the same, and of what in-place operations leave."""

import numpy as np

import gradcu
from tests.table import A, Row, S

ROWS = [
    Row("clone", (S(A()), S(A(())), S(A((0, 3)))), np.copy),
    # Finite differences of float64 are lost in float32.
    Row("to_dtype", (S(A(), np.dtype("float32")), S(A(()), np.dtype("float32"))), torch=".to", order=0),
    Row("to_device", (S(A(), gradcu.device("cpu")),), lambda x, place: x, torch=None),
    # What follows is not PyTorch's by name: these are the functional halves of copy_, fill_, zero_ and __setitem__.
    Row(
        "overwritten",
        (S(A(), A()), S(A(), A((3, 1))), S(A(), A(()))),
        lambda x, source: np.broadcast_to(source, x.shape),
        torch=None,
    ),
    Row("filled", (S(A(), A(())), S(A(), 2.5)), lambda x, value: np.full(x.shape, value), torch=None),
    Row("zeroed", (S(A()),), np.zeros_like, torch=None),
    Row(
        "view_replaced",
        (S(A((2, 3)), A((3,)), lambda x: x[1]),),
        lambda x, value, view: np.stack([x[0], value]),
        torch=None,
    ),
]
