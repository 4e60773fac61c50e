"""Programs run by NumPy give eager's bits, at every op of the table, and whatever block a point is computed in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu._op import OPS
from gradcu.fuse.blocks import Blocks, _planned
from gradcu.fuse.trace import program
from gradcu.sweeps.blockwise import BlocksEngine
from gradcu.sweeps.domain import Domain
from gradcu.sweeps.grid import LinspaceAxis
from tests.cases import Case
from tests.fuse.sampled import ELEMENTWISE, eagerly, fused, of_one_variable, points

FLOATS = ["float32", "float64"]


def same_bits(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Where two arrays are equal; zeros of two signs are not, any two nans are."""
    equal = (found == expected) & (np.signbit(found) == np.signbit(expected))
    return equal | (np.isnan(found) & np.isnan(expected))


def assert_same_bits(found: list[np.ndarray], expected: list[np.ndarray], x: np.ndarray) -> None:
    for order, (row, reference) in enumerate(zip(found, expected, strict=True)):
        same = same_bits(row, reference)
        assert same.all(), f"order {order} at {x[~same]}: {row[~same]}, not {reference[~same]}"


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: f"{case.row.name}-{case.number}")
def test_every_op_and_its_first_two_derivatives_have_eagers_bits(case: Case, dtype: str):
    f, x = of_one_variable(case), points(case, dtype)
    assert_same_bits(fused(f, x, 2), eagerly(f, x, 2), x)


@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: f"{case.row.name}-{case.number}")
def test_every_line_gives_the_dtype_that_the_program_says(case: Case):
    traced = program(of_one_variable(case), np.dtype("float32"), 2)
    x = np.linspace(-2, 2, 64, dtype="float32")
    steps, _, constants, _ = _planned(traced)
    arrays = [*(x for _ in steps), *(x for _ in traced.inputs), *constants]
    with np.errstate(all="ignore"):
        for line, step in zip(traced.lines, steps, strict=True):
            value = step.function(*(arrays[place] for place in step.operands), *step.statics)
            assert (value.dtype, value.shape) == (line.dtype, x.shape), line
            arrays[line.index] = value


FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "polynomial": lambda x: x**3 - 3 * x**2 + 4,
    "relu": lambda x: gradcu.relu(x),
    "exp-sin": lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x),
    "tanh chain": lambda x: gradcu.tanh(gradcu.sin(x) ** 2 + x / 2) * gradcu.exp(-(x**2) / 50),
    "many ops": lambda x: (
        gradcu.sigmoid(x) * gradcu.log1p(x * x) + gradcu.atan(x) ** 3 - gradcu.where(x > 0, gradcu.erf(x), x) / 3
    ),
}


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_points_bits_depend_on_the_point_alone(name: str, dtype: str):
    blocks = Blocks(program(FUNCTIONS[name], np.dtype(dtype), 3))
    x = np.linspace(-4, 4, 1500, dtype=dtype)
    whole = np.empty((4, x.size), dtype)
    blocks.evaluate([x], x.shape, 0, x.size, list(whole))
    for length in (1, 2, 3, 7, 63, 64, 65, 129, 1000):
        parts = np.full((4, x.size), np.nan, dtype)
        for first in range(0, x.size, length):
            chunk = slice(first, first + length)
            blocks.evaluate([x[chunk]], x[chunk].shape, 0, x[chunk].size, [row[chunk] for row in parts])
        assert_same_bits(list(parts), list(whole), x)
    # Longer than a block, in another order, into rows that are not contiguous.
    repeated = np.tile(x[::-1], 60)
    records = np.empty((repeated.size, 4), dtype)
    blocks.evaluate([repeated], repeated.shape, 0, repeated.size, [records[:, order] for order in range(4)])
    assert_same_bits([records[-x.size :, order] for order in range(4)], [row[::-1] for row in whole], x[::-1])


def test_threads_share_blocks():
    blocks = Blocks(program(FUNCTIONS["exp-sin"], np.dtype("float32"), 1))
    x = np.linspace(-4, 4, 1 << 17, dtype="float32")
    expected = np.empty((2, x.size), "float32")
    blocks.evaluate([x], x.shape, 0, x.size, list(expected))
    found = np.empty((2, x.size), "float32")

    def work(first: int) -> None:
        for start in range(first, x.size, 1 << 15):
            chunk = slice(start, start + (1 << 13))
            blocks.evaluate([x[chunk]], (1 << 13,), 0, 1 << 13, [row[chunk] for row in found])

    threads = [threading.Thread(target=work, args=(first,)) for first in range(0, 1 << 15, 1 << 13)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    np.testing.assert_array_equal(found, expected)


def test_buffers_are_used_again():
    def f(x: Tensor) -> Tensor:
        y = x
        for _ in range(50):
            y = gradcu.sin(y) + 1
        return y

    traced = program(f, np.dtype("float64"), 0)
    assert len(traced.lines) == 100
    # The last line writes into the result.
    assert len(Blocks(traced)._dtypes) == 1


def test_a_program_is_planned_once():
    traced = program(FUNCTIONS["exp-sin"], np.dtype("float64"), 3)
    Blocks(traced)
    before = _planned.cache_info().misses
    assert program(FUNCTIONS["exp-sin"], np.dtype("float64"), 3) is traced
    assert Blocks(traced)._steps is Blocks(traced)._steps
    assert _planned.cache_info().misses == before


def test_evaluating_neither_warns_nor_touches_the_error_state():
    with np.errstate(all="raise"):
        (row,) = fused(lambda x: gradcu.log(x) + 1 / x, np.array([0.0, -1.0, 1e308]), 0)
    assert np.isnan(row[:2]).all()


@pytest.mark.parametrize("dtype", ["float16", *FLOATS])
def test_the_engine_computes_the_blocks_of_a_grid(dtype: str):
    domain = Domain([LinspaceAxis(-2, 2, 1001, np.dtype(dtype))])
    engine = BlocksEngine(program(FUNCTIONS["polynomial"], domain.dtype, 2), domain)
    rows = np.empty((3, 500), dtype)
    x = np.empty(500, dtype)
    statistics = engine.evaluate(400, x, list(rows))
    np.testing.assert_array_equal(x, domain.block(400, 500)[0])
    assert_same_bits(list(rows), eagerly(FUNCTIONS["polynomial"], x, 2), x)
    assert statistics.rows[0].minimum == rows[0].min()


UNARY = [
    name
    for name in ("sin", "cos", "exp", "tanh", "atan", "sigmoid", "abs", "relu", "neg", "sqrt", "log1p", "square", "erf")
    if name in OPS or name == "square"
]
BINARY = ("add", "sub", "mul", "div", "maximum", "minimum", "hypot", "atan2", "logaddexp")

Tree = Any


def trees() -> st.SearchStrategy[Tree]:
    """Expressions in x: nested tuples of an op's name and operands."""
    constants = st.sampled_from([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 0.1, -3.0, 10.0])
    exponents = st.sampled_from([0, 1, 2, 3, 4, 5, 7, -1, -2, 0.5, -0.5, 1.5])
    return st.recursive(
        st.one_of(st.just("x"), constants),
        lambda inner: st.one_of(
            st.tuples(st.sampled_from(UNARY), inner),
            st.tuples(st.sampled_from(BINARY), inner, inner),
            st.tuples(st.just("where"), inner, inner, inner),
            st.tuples(st.just("detach"), inner),
            st.tuples(st.just("pow"), inner, exponents),
        ),
        max_leaves=8,
    )


def evaluated(tree: Tree, x: Tensor) -> Any:
    if tree == "x" and isinstance(tree, str):
        return x
    if isinstance(tree, float):
        return tree
    name, *operands = tree
    if name == "pow":
        base = evaluated(operands[0], x)
        return base ** operands[1] if isinstance(base, Tensor) else gradcu.full_like(x, base) ** operands[1]
    values = [evaluated(operand, x) for operand in operands]
    values = [value if isinstance(value, Tensor) else gradcu.full_like(x, value) for value in values[:1]] + values[1:]
    if name == "where":
        return gradcu.where(values[0] > 0.25, values[1], values[2]).to(x.dtype)
    return values[0].detach() if name == "detach" else getattr(gradcu, name)(*values)


@settings(max_examples=150, deadline=None)
@given(tree=trees(), dtype=st.sampled_from(FLOATS))
def test_any_expression_has_eagers_bits(tree: Tree, dtype: str):
    def f(x: Tensor) -> Tensor:
        value = evaluated(tree, x)
        return value if isinstance(value, Tensor) else gradcu.full_like(x, value)

    x = np.array([-1e30, -2.5, -1.0, -0.5, -0.0, 0.0, 0.25, 1.0, 1.5, 3.0, 1e30, np.inf, np.nan], dtype)
    with np.errstate(all="ignore"):
        expected = eagerly(f, x, 2)
    assert_same_bits(fused(f, x, 2), expected, x)
