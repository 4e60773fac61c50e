"""What a table folds, and what it must not; either way the bits are eager's."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._op import OPS
from gradcu.fuse.expr import Table, is_number
from gradcu.fuse.trace import program
from tests.fuse.sampled import eagerly, fused
from tests.table import SPECIALS

# A function, and the lines it folds to.
FOLDED: dict[str, tuple[Callable[[Tensor], Tensor], list[str]]] = {
    "times one": (lambda x: x * 1, []),
    "one times": (lambda x: 1.0 * x, []),
    "over one": (lambda x: x / 1, []),
    "less zero": (lambda x: x - 0, []),
    "plus negative zero": (lambda x: x + -0.0, []),
    "double negation": (lambda x: -x.neg(), []),
    "first power": (lambda x: x**1, []),
    "copy": (lambda x: x.clone(), []),
    "same dtype": (lambda x: x.to(x.dtype), []),
    "times minus one": (lambda x: x * -1, ["t0 = neg(x)"]),
    "power zero": (lambda x: x**0, []),
    "square": (lambda x: x**2, ["t0 = mul(x, x)"]),
    "cube": (lambda x: x**3, ["t0 = mul(x, x)", "t1 = mul(t0, x)"]),
    "fourth power": (lambda x: x**4, ["t0 = mul(x, x)", "t1 = mul(t0, t0)"]),
    "fifth power": (lambda x: x**5, ["t0 = mul(x, x)", "t1 = mul(t0, t0)", "t2 = mul(t1, x)"]),
    "power -1": (lambda x: x**-1, ["t0 = div(1, x)"]),
    "power -2": (lambda x: x**-2, ["t0 = mul(x, x)", "t1 = div(1, t0)"]),
    "power 1/2": (lambda x: x**0.5, ["t0 = sqrt(x)"]),
    "power -1/2": (lambda x: x**-0.5, ["t0 = sqrt(x)", "t1 = div(1, t0)"]),
    "reciprocal": (lambda x: 1 / x, ["t0 = div(1, x)"]),
    "less negative": (lambda x: x - (-gradcu.sin(x)), ["t0 = sin(x)", "t1 = add(x, t0)"]),
    "plus negative": (lambda x: -gradcu.sin(x) + x, ["t0 = sin(x)", "t1 = sub(x, t0)"]),
    "over power of two": (lambda x: x / -8, ["t0 = mul(x, -0.125)"]),
    "shared": (lambda x: gradcu.exp(x) * gradcu.exp(x * 1), ["t0 = exp(x)", "t1 = mul(t0, t0)"]),
    "shared in either order": (
        lambda x: gradcu.maximum(x * gradcu.sin(x), gradcu.sin(x) * x),
        ["t0 = sin(x)", "t1 = mul(x, t0)", "t2 = maximum(t1, t1)"],
    ),
    "constants": (lambda x: gradcu.full_like(x, 2) * 3 + x * 0.5, ["t0 = mul(x, 0.5)", "t1 = add(6, t0)"]),
    "bool to float": (lambda x: (x > 0.5).to(x.dtype), ["t0 = greater(x, 0.5)", "t1 = where(t0, 1, 0)"]),
    "zero of a choice": (
        lambda x: gradcu.where(x > 0.5, gradcu.full_like(x, 2), gradcu.zeros_like(x)) * 0.0,
        [],
    ),
    "detached": (lambda x: x.detach() * x, ["t0 = mul(x, x)"]),
}

# What must stay as many lines as there are operations.
KEPT: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "plus zero": (lambda x: x + 0, 1),
    "zero less": (lambda x: 0 - x, 1),
    "less negative zero": (lambda x: x - -0.0, 1),
    "times zero": (lambda x: x * 0, 1),
    "zero over": (lambda x: 0 / x, 2),
    "less itself": (lambda x: x - x, 1),
    "over itself": (lambda x: x / x, 1),
    "over ten": (lambda x: x / 10, 1),
    "over what has no normal reciprocal": (lambda x: x / 2.0**-127 if x.dtype.itemsize == 4 else x / 2.0**1023, 1),
    "there and back": (lambda x: gradcu.log(gradcu.exp(x)), 2),
    "differences of order": (lambda x: gradcu.sin(x) - x + (x - gradcu.sin(x)), 4),
    "associativity": (lambda x: x * 3.0 * 5.0, 2),
    "negative choice": (
        lambda x: gradcu.where(x > 0, gradcu.full_like(x, -1), gradcu.ones_like(x)) * 0.0,
        3,
    ),
    "other dtype": (lambda x: x.to(gradcu.float16).to(x.dtype), 2),
}


def lines_of(f: Callable[[Tensor], Tensor], dtype: Any) -> list[str]:
    """The lines without dtypes, constants as plain numbers."""

    def text(operand: Any) -> str:
        return (
            f"{operand:g}"
            if isinstance(operand, np.generic)
            else operand
            if isinstance(operand, str)
            else f"t{operand}"
        )

    return [
        f"t{line.index} = {line.op.name}({', '.join([*map(text, line.operands), *map(repr, line.statics)])})"
        for line in program(f, np.dtype(dtype), 0).lines
    ]


def assert_same_bits(f: Callable[[Tensor], Tensor], dtype: str) -> None:
    with np.errstate(over="ignore"):
        x = np.array([*SPECIALS, 1e-44, -1e-44, 1e-310, 0.3, 0.7, 3e38, 1e30, -7.0], dtype)
    (found,), (expected,) = fused(f, x, 0), eagerly(f, x, 0)
    same = (found == expected) & (np.signbit(found) == np.signbit(expected)) | (np.isnan(found) & np.isnan(expected))
    assert same.all(), (x[~same], found[~same], expected[~same])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FOLDED)
def test_folds_leave_the_lines_expected_and_the_bits_of_eager(name: str, dtype: str):
    f, expected = FOLDED[name]
    assert lines_of(f, dtype) == expected
    assert_same_bits(f, dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", KEPT)
def test_what_would_change_bits_is_kept(name: str, dtype: str):
    f, count = KEPT[name]
    assert len(lines_of(f, dtype)) == count
    assert_same_bits(f, dtype)


def test_expressions_are_equal_where_they_are_one_object_and_have_no_truth_value():
    table = Table()
    x = table.argument("x", np.dtype("float32"))
    first, second = table.call("exp", x), table.call("exp", x)
    assert first is second
    assert first != table.call("sin", x)
    with pytest.raises(TypeError, match="truth value"):
        bool(first)


def test_tables_share_nothing():
    one, other = Table(), Table()
    assert one.number(1, np.dtype("float32")) is not other.number(1, np.dtype("float32"))


def test_constants_are_one_object_for_equal_bits_in_one_dtype():
    table = Table()
    float32, float64 = np.dtype("float32"), np.dtype("float64")
    assert table.number(0.1, float32) is table.number(float(np.float32(0.1)), float32)
    assert table.number(0.1, float32) is not table.number(0.1, float64)
    assert table.number(0.0, float32) is not table.number(-0.0, float32)
    assert table.number(math.nan, float32) is table.number(math.nan, float32)


def test_statics_that_are_equal_and_differ_are_two_expressions():
    table = Table()
    x = table.argument("x", np.dtype("float32"))
    names = {table.apply(OPS["leaky_relu"], (x,), (slope,)) for slope in (0.0, -0.0, 0.01)}
    assert len(names) == 3


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_constants_are_computed_by_the_op_in_its_operands_dtype(dtype: str):
    table = Table()
    found = table.call("exp", table.number(0.1, np.dtype(dtype)))
    assert found.value == np.exp(np.array([0.1], dtype))[0]
    assert found.dtype == dtype


@pytest.mark.parametrize(("value", "number", "expected"), [(0.0, 0.0, True), (-0.0, 0.0, False), (1.0, 1, True)])
def test_zeros_of_two_signs_are_two_numbers(value: float, number: float, expected: bool):
    assert is_number(Table().number(value, np.dtype("float64")), number) == expected
