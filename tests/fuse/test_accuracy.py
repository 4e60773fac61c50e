"""The functions that kernels call are within 4 units in the last place, in both dtypes."""

from __future__ import annotations

import ctypes
from pathlib import Path

import mpmath
import numpy as np
import pytest

from gradcu.fuse.cache import library
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.kernel import Kernel
from gradcu.fuse.source import VECTOR_FUNCTIONS, kernel_source

# Where a function is neither 0 nor infinite nor undefined, in float32 and in float64.
DOMAINS = {
    "acos": (-1, 1), "asin": (-1, 1), "atanh": (-1, 1), "acosh": (1, 1e3), "log": (0, 50), "log2": (0, 50),
    "log10": (0, 50), "log1p": (-1, 50), "tanh": (-9, 9), "erf": (-4, 4),
}  # fmt: skip
WIDE = {
    "float32": {"exp": (-103, 88), "exp2": (-149, 127), "expm1": (-20, 88), "cosh": (-89, 89), "sinh": (-89, 89),
                "erfc": (-4, 10)},
    "float64": {"exp": (-744, 709), "exp2": (-1073, 1023), "expm1": (-40, 709), "cosh": (-710, 710),
                "sinh": (-710, 710), "erfc": (-5, 26)},
}  # fmt: skip
EXACT = {
    "log2": lambda x: mpmath.log(x, 2),
    "exp2": lambda x: mpmath.power(2, x),
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "pow": mpmath.power,
}
COUNT = 600


def operands(name: str, dtype: str, rng: np.random.Generator) -> np.ndarray:
    """Points of the domain: evenly spread, and near 0, 1 and the multiples of pi/2, where results are small."""
    low, high = WIDE[dtype].get(name) or DOMAINS.get(name, (-30, 30))
    turns = np.arange(-20, 21) * (np.pi / 2)
    close = np.concatenate((turns, 1 + np.ldexp(1.0, -np.arange(2, 24)), 1 - np.ldexp(1.0, -np.arange(2, 24))))
    small = np.ldexp(rng.uniform(-1, 1, 60), rng.integers(-40, 0, 60))
    first = np.concatenate((rng.uniform(low, high, COUNT), close, small))
    first = np.clip(first, low, high).astype(dtype)
    if name == "pow":
        first = np.abs(first) + np.asarray(0.01, dtype)
    return first


@pytest.fixture(scope="module", params=["float32", "float64"])
def dtype(request: pytest.FixtureRequest) -> str:
    return request.param


def built(body: str, dtype: str, compiler: Compiler) -> str:
    """The library of a kernel with this body."""
    source = kernel_source([body], 1, np.dtype(dtype), compiler)
    return library(source + compiler.identity, lambda path: compiler.build(source, path))


@pytest.mark.parametrize(
    "body",
    [
        "out0 = sin(x) + cos(x);",
        "out0 = exp(-x * x);",
        "const T t0 = exp(x); const int t1 = x > T(0); out0 = t1 ? t0 : x;",
    ],
)
def test_loops_call_the_vector_library(compiler: Compiler, dtype: str, body: str):
    if not compiler.vector_math:
        pytest.skip("no vector library for this platform")
    # Its functions' names: https://sourceware.org/glibc/wiki/libmvec.
    assert b"_ZGV" in Path(built(body, dtype, compiler)).read_bytes()


@pytest.mark.parametrize(
    ("name", "count"), [(name, count) for count, names in VECTOR_FUNCTIONS.items() for name in names]
)
def test_four_units_in_the_last_place(compiler: Compiler, rng: np.random.Generator, dtype: str, name: str, count: int):
    first = operands(name, dtype, rng)
    # A kernel has one operand: the other one is made of it, exactly.
    path = built(f"out0 = {name}({'x' if count == 1 else 'x, x * T(0.25)'});", dtype, compiler)
    found = np.empty_like(first)
    Kernel(ctypes.CDLL(path), np.dtype(dtype)).at(first, [found])
    worst = 0.0
    with mpmath.workprec(160):
        function = EXACT.get(name) or getattr(mpmath, name)
        for x, result in zip(first, found, strict=True):
            exact = function(mpmath.mpf(float(x)), *[mpmath.mpf(float(x) * 0.25)] * (count - 1))
            unit = np.spacing(np.abs(np.asarray(float(exact), dtype)))
            if np.isfinite(unit) and unit > 0:
                worst = max(worst, float(abs(mpmath.mpf(float(result)) - exact) / mpmath.mpf(float(unit))))
    assert worst <= 4
