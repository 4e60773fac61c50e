"""The functions that kernels call are within 4 units in the last place, in both dtypes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import mpmath
import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.cache import library
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.kernel import kernel_of
from gradcu.fuse.program import Line, Program
from gradcu.fuse.source import VECTOR_FUNCTIONS, kernel_source
from gradcu.fuse.trace import program

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


def calling(name: str, count: int, dtype: str) -> Program:
    """A function of C, some of which no op has, as a program of one input.

    The other operand is made of it, exactly.
    """
    operands = "{x}" if count == 1 else "{x}, {x} * T(0.25)"
    op: Any = SimpleNamespace(name=name, c=f"{name}({operands})", operands=("x",), statics=())
    return Program({"x": np.dtype(dtype)}, [Line(0, op, ("x",), (), np.dtype(dtype))], [0])


@pytest.mark.parametrize("f", [gradcu.tan, lambda x: gradcu.log(-x * x), lambda x: gradcu.where(x > 0, x.log2(), x)])
def test_loops_call_the_vector_library(compiler: Compiler, dtype: str, f: Callable[[Tensor], Tensor]):
    if not compiler.vector_math:
        pytest.skip("no vector library for this platform")
    source = kernel_source(program(f, np.dtype(dtype), 0), compiler)
    path = library(source + compiler.identity, lambda path: compiler.build(source, path))
    # Its functions' names: https://sourceware.org/glibc/wiki/libmvec.
    assert b"_ZGV" in Path(path).read_bytes()


@pytest.mark.parametrize(
    ("name", "count"), [(name, count) for count, names in VECTOR_FUNCTIONS.items() for name in names]
)
def test_four_units_in_the_last_place(compiler: Compiler, rng: np.random.Generator, dtype: str, name: str, count: int):
    first = operands(name, dtype, rng)
    assert worst_of(name, count, first, compiler) <= 4


@pytest.mark.parametrize("name", ["cos", "exp", "sin", "tanh"])
def test_those_that_are_replaced_are_too(compiler: Compiler, rng: np.random.Generator, dtype: str, name: str):
    if "#define __x86_64__ 1" not in compiler.macros:
        pytest.skip("other processors can't be told to do without fused operations, of which others are made")
    without = Compiler([*compiler.command, "-mno-fma", "-mno-avx512f"])
    assert worst_of(name, 1, operands(name, dtype, rng), without) <= 4


def worst_of(name: str, count: int, first: np.ndarray, compiler: Compiler) -> float:
    """The largest error of a function at these operands, in units in the last place."""
    found = np.empty_like(first)
    kernel_of(calling(name, count, first.dtype.name), compiler).at(first, [found])
    worst = 0.0
    with mpmath.workprec(160):
        function = EXACT.get(name) or getattr(mpmath, name)
        for x, result in zip(first, found, strict=True):
            exact = function(mpmath.mpf(float(x)), *[mpmath.mpf(float(x) * 0.25)] * (count - 1))
            unit = np.spacing(np.abs(np.asarray(float(exact), first.dtype)))
            if np.isfinite(unit) and unit > 0:
                worst = max(worst, float(abs(mpmath.mpf(float(result)) - exact) / mpmath.mpf(float(unit))))
    return worst
