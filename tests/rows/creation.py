"""Rows of the functions that make Tensors."""

from typing import Any

import numpy as np

import gradcu
from tests.table import A, Row, S, Sample


def made(name: str, *samples: Sample, **options: Any) -> Row:
    return Row(name, samples, differentiable=False, **options)


def random(name: str, *samples: Sample) -> Row:
    return made(name, *samples, torch=None, why="random: see tests/test_creation.py")


ROWS = [
    *(
        Row(name, (S(A((2,), grad=False), (3, 2)), S(A((), grad=False), 3)), torch=f".{name}", differentiable=False)
        for name in ("new_zeros", "new_ones")
    ),
    Row("new_empty", (S(A((2,), grad=False), (0, 2)),), torch=".new_empty", differentiable=False),
    Row("new_full", (S(A((2,), grad=False), (3, 2), 2),), torch=".new_full", differentiable=False),
    made(
        "tensor",
        S([[1.0, 2.0], [3.0, 4.0]]),
        S(2.5),
        S([1, True]),
        S([]),
        S(True),
        S([1.0, 2], dtype=np.dtype("int8")),
    ),
    Row("as_tensor", (S(A()), S([1, 2]))),
    made("asarray", S([1, 2.5]), S(3)),
    made("from_dlpack", S(np.arange(3, dtype="float32"))),
    made("from_numpy", S(np.arange(3, dtype="float32")), S(np.array([[True]]))),
    made("scalar_tensor", S(2), S(True), S(2, dtype=np.dtype("int64"))),
    made("zeros", S(2, 3), S((2,)), S(()), S(size=(2,)), S(3, dtype=np.dtype("int32"))),
    made("ones", S(2, 3), S((0, 2)), S(2, dtype=np.dtype("bool"))),
    made("empty", S(0, 3), S((2, 0), dtype=np.dtype("int16"))),
    made("full", S((2, 3), 7), S((2,), 2.5), S((), True), S((2,), 1.5, dtype=np.dtype("int64"))),
    made("zeros_like", S(A((2, 3), grad=False)), S(A((2,), grad=False), dtype=np.dtype("int64"))),
    made("ones_like", S(A((2, 3), grad=False)), S(A((2,), kind="b"))),
    made("empty_like", S(A((0, 3), grad=False))),
    made("full_like", S(A((2, 3), grad=False), 2), S(A((2,), kind="i"), 2.5)),
    made("eye", S(3), S(2, 3), S(0), S(2, 1, dtype=np.dtype("bool"))),
    made(
        "arange",
        S(5),
        S(1, 10, 3),
        S(5, 1, -2),
        S(0, 1, 0.25),
        S(1, 2, 0.3),
        S(0),
        S(2.5),
        S(start=1, end=4, step=2),
        S(0.5, 3.5, dtype=np.dtype("int64")),
        S(5, dtype=np.dtype("float16")),
    ),
    made(
        "linspace",
        S(0, 1, 5),
        S(-10, 10, 101),
        S(0.1, 0.7, 4),
        S(3, 3, 3),
        S(1, -2, 7),
        S(0, 1, 1),
        S(0, 1, steps=0),
        S(-5, 5, 4, dtype=np.dtype("int64")),
        S(-0.5, 10.7, 4, dtype=np.dtype("int32")),
        S(0, 1j, 3),
        S(0, 1, 9, dtype=np.dtype("float16")),
    ),
    made("logspace", S(0, 2, 3), S(0, 3, 4, 2), S(-1, 1, 5, base=3.5), S(0, 2, 3, dtype=np.dtype("int64")), S(0, 2, 0)),
    random("rand", S(2, 3), S((2,), dtype=np.dtype("float16"))),
    random("randn", S(2, 3), S((), dtype=np.dtype("complex64"))),
    random("rand_like", S(A((2,), grad=False))),
    random("randn_like", S(A((2,), grad=False))),
    random("randint", S(3, (2,)), S(-2, 3, (2, 2))),
    random("randperm", S(5)),
    random("manual_seed", S(0)),
    random("seed", S()),
    random("initial_seed", S()),
    random("get_rng_state", S()),
    random("set_rng_state", S(gradcu.get_rng_state())),
]
