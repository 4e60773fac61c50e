"""Programs of several inputs, on arrays of any strides that broadcast: both engines against NumPy."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcu.fuse.blocks import Blocks
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.elementwise import Evaluator, elementwise_kernel, elementwise_source
from gradcu.fuse.expr import Expr, Table
from gradcu.fuse.layout import Layout, boxes
from gradcu.fuse.program import NotInCError, Program, program_of
from gradcu.fuse.source import TILE

FLOATS = ["float32", "float64"]


def chosen(dtype: str) -> Program:
    """Two outputs, and a condition, of three inputs, one of them of bool."""
    table = Table()
    a, b = (table.argument(name, np.dtype(dtype)) for name in ("a", "b"))
    mask = table.argument("m", np.dtype(bool))
    difference = table.call("sub", a, b)
    choice = table.call("where", mask, difference, table.call("mul", a, b))
    return program_of([choice, table.call("less", a, b), difference], [mask, a, b])


def expected(mask: np.ndarray, a: np.ndarray, b: np.ndarray) -> list[np.ndarray]:
    """What NumPy makes of it, in full shape."""
    return list(np.broadcast_arrays(np.where(mask, a - b, a * b), a < b, a - b, mask)[:3])


def sines(dtype: str) -> Program:
    """Outputs whose bits depend on the vector code that computes them."""
    table = Table()
    a, b = (table.argument(name, np.dtype(dtype)) for name in ("a", "b"))
    return program_of([table.call("mul", table.call("sin", a), table.call("exp", b)), a], [a, b])


def evaluators(program: Program, compiler: Compiler) -> dict[str, Evaluator]:
    return {"cc": elementwise_kernel(program, compiler), "numpy": Blocks(program)}


def evaluated(
    evaluator: Evaluator,
    program: Program,
    inputs: Sequence[np.ndarray],
    shape: tuple[int, ...],
    cuts: Sequence[int] = (),
) -> list[np.ndarray]:
    """All elements, in parts that end at these places."""
    size = math.prod(shape)
    ends = sorted({0, size, *(cut % (size + 1) for cut in cuts)})
    # Not aligned: what is asked for may begin anywhere.
    rows = [np.zeros(size + 1, program.dtype_of(output))[1:] for output in program.outputs]
    for first, end in itertools.pairwise(ends):
        evaluator.evaluate(inputs, shape, first, end - first, [row[first:end] for row in rows])
    return rows


lengths = st.sampled_from([1, 2, 3, 5, 17, TILE - 1, TILE, 2 * TILE + 3])


@st.composite
def arrays(draw: st.DrawFn, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """An array that broadcasts to the shape: some of its last dimensions, some of length 1, of any strides."""
    own = tuple(1 if draw(st.integers(0, 3)) == 0 else length for length in shape[draw(st.integers(0, len(shape))) :])
    steps = [draw(st.sampled_from([1, 1, 2, -1])) for _ in own]
    order = draw(st.permutations(range(len(own))))
    memory = np.random.default_rng(draw(st.integers(0, 99))).normal(size=[own[dim] * abs(steps[dim]) for dim in order])
    array = (memory > 0 if dtype == "bool" else memory.astype(dtype)).transpose(np.argsort(order))
    return np.asarray(array[tuple(slice(None, None, step) for step in steps)])


@st.composite
def operands(draw: st.DrawFn) -> tuple[list[np.ndarray], tuple[int, ...], str]:
    dtype = draw(st.sampled_from(FLOATS))
    shape = tuple(draw(st.lists(lengths, max_size=4).filter(lambda found: math.prod(found) < 40_000)))
    found = [draw(arrays(shape, kind)) for kind in ("bool", dtype, dtype)]
    return found, shape, dtype


@pytest.mark.parametrize("engine", ["cc", "numpy"])
@settings(max_examples=120, deadline=None)
@given(made=operands(), cuts=st.lists(st.integers(0, 40_000), max_size=3))
def test_any_broadcast_is_numpys(compiler: Compiler, engine: str, made: Any, cuts: list[int]):
    inputs, shape, dtype = made
    program = chosen(dtype)
    found = evaluated(evaluators(program, compiler)[engine], program, inputs, shape, cuts)
    for row, reference in zip(found, expected(*inputs), strict=True):
        np.testing.assert_array_equal(row.reshape(shape), np.broadcast_to(reference, shape))


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("engine", ["cc", "numpy"])
def test_bits_depend_on_the_elements_alone(compiler: Compiler, rng: np.random.Generator, engine: str, dtype: str):
    program = sines(dtype)
    evaluator = evaluators(program, compiler)[engine]
    column, row = rng.normal(size=(41, 1)).astype(dtype), rng.normal(size=(1, 307)).astype(dtype)
    shape = (41, 307)
    whole = evaluated(evaluator, program, [column, row], shape)
    parts = evaluated(evaluator, program, [column, row], shape, rng.integers(0, 41 * 307, 60).tolist())
    full = [np.ascontiguousarray(np.broadcast_to(array, shape)) for array in (column, row)]
    turned = [np.asfortranarray(array) for array in full]
    order = rng.permutation(41 * 307)
    shuffled = evaluated(evaluator, program, [array.reshape(-1)[order] for array in full], (41 * 307,))
    for found, reference, mixed in zip(parts, whole, shuffled, strict=True):
        np.testing.assert_array_equal(found.view(np.uint8), reference.view(np.uint8))
        np.testing.assert_array_equal(mixed, reference[order])
    for inputs in (full, turned):
        for found, reference in zip(evaluated(evaluator, program, inputs, shape), whole, strict=True):
            np.testing.assert_array_equal(found, reference)
    reference = np.sin(full[0].astype("f8")) * np.exp(full[1].astype("f8"))
    np.testing.assert_allclose(whole[0].reshape(shape), reference, rtol=16 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("engine", ["cc", "numpy"])
def test_fields_of_records_are_inputs(compiler: Compiler, engine: str):
    records = np.zeros(1000, np.dtype([("flag", bool), ("a", "f8"), ("b", "f8")]))
    records["flag"], records["a"], records["b"] = np.arange(1000) % 3 == 0, np.arange(1000), 7
    assert not records["a"].flags.aligned
    program = chosen("float64")
    inputs = [records["flag"], records["a"], records["b"]]
    found = evaluated(evaluators(program, compiler)[engine], program, inputs, (1000,), [300])
    for row, reference in zip(found, expected(*inputs), strict=True):
        np.testing.assert_array_equal(row, reference)


def test_no_elements_are_no_work(compiler: Compiler):
    program = chosen("float32")
    inputs = [np.zeros((0, 3), bool), np.zeros((0, 3), "f4"), np.zeros(3, "f4")]
    for evaluator in evaluators(program, compiler).values():
        evaluator.evaluate(inputs, (0, 3), 0, 0, [np.zeros(0, program.dtype_of(o)) for o in program.outputs])


def test_neighbouring_dimensions_become_one():
    whole, column, number = np.zeros((2, 3, 4, 5)), np.zeros((2, 3, 1, 1)), np.array(1.0)
    layout = Layout([whole, column, number], whole.shape)
    assert (layout.lengths, layout.strides) == ([6, 20], [[160, 8], [8, 0], [0, 0]])
    assert Layout([whole, number], whole.shape).lengths == [120]
    assert Layout([whole[:, :2], number], (2, 2, 4, 5)).lengths == [2, 40]
    assert Layout([number], (1, 1)).lengths == [1]


@settings(deadline=None)
@given(st.lists(st.integers(1, 5), max_size=4), st.integers(0, 700), st.integers(0, 700))
def test_boxes_are_the_elements_in_order(sides: list[int], first: int, count: int):
    size = math.prod(sides)
    first %= size
    count = min(count, size - first)
    numbers = np.arange(size).reshape(sides)
    found = [(number, numbers[box].reshape(-1)) for number, box in boxes(sides, first, count)]
    assert all(number == part.size for number, part in found)
    np.testing.assert_array_equal(
        np.concatenate([np.zeros(0, int), *(part for _, part in found)]), np.arange(first, first + count)
    )


def test_what_has_no_kernel_says_why(compiler: Compiler):
    table = Table()
    a, b = table.argument("a", np.dtype("float32")), table.argument("b", np.dtype("float64"))
    with pytest.raises(NotInCError, match="input b is of float64, not of float32"):
        elementwise_source(program_of([a], [a, b]), compiler)
    half = table.argument("h", np.dtype("float16"))
    with pytest.raises(NotInCError, match="made of float32 or float64, not of float16"):
        elementwise_source(program_of([half], [half]), compiler)
    many: list[Expr] = [table.argument(f"x{k}", np.dtype("float32")) for k in range(130)]
    with pytest.raises(NotInCError, match="130 inputs and 1 outputs"):
        elementwise_source(program_of(many[:1], many), compiler)


def test_a_program_is_compiled_once(compiler: Compiler):
    assert elementwise_kernel(sines("float32"), compiler) is elementwise_kernel(sines("float32"), compiler)
