"""Generated CUDA kernels, run on the CPU: the same points as everywhere, the same results, and nothing beside them."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu._linspace import SEGMENT, SPAN, linspace_block
from gradcu._op import OPS
from gradcu.fuse.blocks import Blocks
from gradcu.fuse.cuda_points import MOST_POINTS, line_of
from gradcu.fuse.cuda_source import CudaSource, elementwise_source, figures_dtype, sweep_source
from gradcu.fuse.expr import Table
from gradcu.fuse.program import NotInCError, Program, program_of
from gradcu.fuse.trace import program
from tests.fuse.agreement import disagreement, largest_intermediate
from tests.fuse.hosted import Hosted, HostedElementwise, HostedSweep

DTYPES = ["float32", "float64"]
SIZES = (0, 1, 31, 32, 33, 1023, 1025, 2**16 + 3)

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "polynomial": lambda x: x**3 - 3 * x**2 + 4,
    "relu": lambda x: gradcu.relu(x),
    "waves": lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x) + gradcu.cos(x),
    "tanh chain": lambda x: gradcu.tanh(gradcu.sin(x) ** 2 + 0.5 * x) * gradcu.exp(-x * x / 50),
}


@functools.cache
def identity(dtype: str) -> HostedSweep:
    """A sweep whose only row are the points."""
    return HostedSweep(program(lambda x: x, np.dtype(dtype), 0))


def bits(array: np.ndarray) -> np.ndarray:
    return array.view(f"u{array.itemsize}")


class TestPoints:
    """They are `linspace_block`'s to the last bit."""

    @pytest.mark.parametrize("dtype", DTYPES)
    @settings(deadline=None)
    @given(
        st.floats(-3e38, 3e38), st.floats(-3e38, 3e38),
        st.integers(1, 2**40) | st.sampled_from([1, 2, 8192, 8193, SPAN + 1, 10**7, 2**24 + 1, 2**30 + 1, 2**40]),
        st.integers(0, 2**40), st.integers(0, 9000),
    )  # fmt: skip
    def test_any_line(self, dtype: str, start: float, stop: float, num: int, first: int, count: int):
        first %= num
        assume(line_of(start, stop, num, first, count) is not None)
        assert_points_are_linspace(dtype, (start, stop, num), first, min(count, num - first))

    @pytest.mark.parametrize("dtype", DTYPES)
    @pytest.mark.parametrize(
        ("start", "stop", "num"),
        [
            (-5.0, 5.0, 10**7),
            (0.0, 1.0, 2**40),
            (-1.0, 1.0, 2**40 + 1),
            (-1.0, 2.0**-40, 2**40),
            (1e-40, 3e-39, 50_000),
            (-3e38, 3e38, 90_001),
            (1e6, 1e6 + 1, 3 * SPAN),
            (2.0, 2.0, 70_000),
        ],
    )
    def test_ends_borders_and_crossings(self, dtype: str, start: float, stop: float, num: int):
        crossing = int(num * (0 - start) / (stop - start)) if start * stop < 0 else 0
        for place in (0, num, num // 3, crossing, SEGMENT, crossing // SPAN * SPAN, num // SPAN * SPAN):
            first = min(max(place - 5_001, 0), num - 1)
            assert_points_are_linspace(dtype, (start, stop, num), first, min(10_007, num - first))

    def test_most_are_made_without_doubles(self):
        source = sweep_source(program(lambda x: x, np.dtype("float32"), 0))
        in_double = "x[w] = (float)(base.high + ((j + w) * line.step[0] + (j + w) * line.step[1]));"
        assert source.text.count(in_double) == 1
        changed = source.text.replace(in_double, "x[w] = NAN;")
        changing = HostedSweep(program(lambda x: x, np.dtype("float32"), 0))
        changing.kernel = Hosted(CudaSource(changed, source.name, source.per_block), waits=True)
        count = 1 << 18
        for start, stop, num in ((-5.0, 5.0, 10**7), (0.1, 0.7, 10**9 + 1), (-1.0, 2.0, 2**40)):
            for first in (0, num // 3, num - count):
                x, _ = changing((start, stop, num), first, count)
                # Four at a time.
                assert np.isnan(x).sum() < 4 * count / 1000

    def test_lines_that_the_kernel_cannot_make(self):
        assert line_of(-1e308, 1e308, 1000, 0, 1000) is None

    def test_one_launch_reaches_as_many_points_as_it_says(self):
        num, first = 2**40, 5 * SPAN - 1
        line = line_of(-1.0, 3.0, num, first, MOST_POINTS)
        assert line is not None
        # It begins amid a span; the last place is for where an axis begins again.
        assert np.count_nonzero(line["origins"][0, :, 0]) == MOST_POINTS // SPAN + 1


def assert_points_are_linspace(dtype: str, ends: tuple[float, float, int], first: int, count: int) -> None:
    x, row = identity(dtype)(ends, first, count)
    expected = bits(linspace_block(*ends, first, count, np.dtype(dtype)))
    np.testing.assert_array_equal(bits(x), expected)
    np.testing.assert_array_equal(bits(row), expected)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_sweeps_are_the_engines_numpy(name: str, dtype: str):
    made = program(FUNCTIONS[name], np.dtype(dtype), 2)
    sweep, blocks, ends = HostedSweep(made), Blocks(made), (-3.0, 4.0, 200_001)
    for size in SIZES:
        for first, misaligned in ((0, False), (SEGMENT - 17, False), (SEGMENT - 17, True)):
            x, *rows = sweep(ends, first, size, misaligned=misaligned)
            assert_agree(made, blocks, x, rows)
    # A block that takes several segments.
    whole, few = sweep(ends, 11, 150_000), sweep(ends, 11, 150_000, segments=8)
    for row, expected in zip(few, whole, strict=True):
        np.testing.assert_array_equal(bits(row), bits(expected))


def assert_agree(made: Program, blocks: Blocks, x: np.ndarray, rows: list[np.ndarray], most: int = 8) -> None:
    if x.size == 0:
        return
    expected = [np.empty_like(x) for _ in rows]
    blocks.evaluate([x], x.shape, 0, x.size, expected)
    scale = largest_intermediate(made, x)
    for row, right in zip(rows, expected, strict=True):
        # Second derivatives of several functions, each of which two libraries compute.
        assert disagreement(row, right, scale).max() <= most


def test_points_and_rows_need_not_be_kept():
    made = program(gradcu.square, np.dtype("float64"), 1)
    kernel = HostedSweep(made).kernel
    line = line_of(0.0, 1.0, 1001, 0, 1001)
    assert line is not None
    (slope,), figures = np.empty((1, 1001)), np.zeros(2, figures_dtype(made.dtype))
    first, count = np.int64(0), np.int64(1001)
    kernel(1, line[0], first, count, first, np.int32(1), figures, None, None, None, slope)
    np.testing.assert_allclose(slope, 2 * np.linspace(0, 1, 1001), rtol=1e-15)
    assert figures["largest"].tolist() == [1, 2]


@functools.cache
def product_and_gradients(dtype: str) -> Program:
    """The value of a * sin(b) + c, and its gradients where the cotangent is g."""
    table = Table()
    a, b, c, g = (table.argument(name, np.dtype(dtype)) for name in "abcg")
    sine = table.call("sin", b)
    value = table.call("add", table.call("mul", a, sine), c)
    gradients = [table.call("mul", g, sine), table.call("mul", table.call("mul", g, a), table.call("cos", b)), g]
    return program_of([value, *gradients], [a, b, c, g])


def expected_of_product(a: Any, b: Any, c: Any, g: Any) -> list[np.ndarray]:
    shape = np.broadcast_shapes(*map(np.shape, (a, b, c, g)))
    return [np.broadcast_to(row, shape) for row in (a * np.sin(b) + c, g * np.sin(b), g * a * np.cos(b), g)]


def assert_close(found: list[np.ndarray], expected: list[np.ndarray]) -> None:
    for row, right in zip(found, expected, strict=True):
        assert row.shape == right.shape
        np.testing.assert_allclose(row, right, rtol=8 * np.finfo(row.dtype).eps, atol=8 * np.finfo(row.dtype).eps)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_elementwise_on_what_lies_alike(rng: np.random.Generator, dtype: str, wide: bool):
    kernel = HostedElementwise(product_and_gradients(dtype), single=("c",), wide=wide)
    for size in SIZES:
        a, b, g = rng.standard_normal((3, size)).astype(dtype)
        c = np.asarray(rng.standard_normal(), dtype)
        assert_close(kernel(a, b, c, g), expected_of_product(a, b, c, g))
        assert_close(kernel(a, b, c, g, blocks=2), expected_of_product(a, b, c, g))
        # One array that begins amid a pack: all go element by element.
        beside = np.concatenate((b[:1], b))[1:]
        assert_close(kernel(a, beside, c, g), expected_of_product(a, b, c, g))


@functools.cache
def strided(dtype: str, dimensions: int, wide: bool) -> HostedElementwise:
    return HostedElementwise(product_and_gradients(dtype), dimensions=dimensions, wide=wide)


@settings(deadline=None)
@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=4), st.lists(st.integers(0, 15), min_size=4, max_size=4),
    st.permutations(range(4)), st.integers(0, 15), st.sampled_from(DTYPES), st.booleans(),
)  # fmt: skip
def test_elementwise_with_any_strides(
    shape: list[int], broadcast: list[int], order: list[int], backwards: int, dtype: str, wide: bool
):
    """Dimensions of length 1, transposed, backwards, and every other element."""
    rng = np.random.default_rng([*shape, *broadcast])
    inputs = []
    for mask in broadcast:
        own = [1 if mask >> d & 1 else length for d, length in enumerate(shape)]
        axes = [axis for axis in order if axis < len(own)]
        array = rng.standard_normal([2 * own[axis] for axis in axes]).astype(dtype)
        array = array[tuple(slice(None, None, -2 if backwards >> axis & 1 else 2) for axis in axes)]
        inputs.append(array.transpose([axes.index(d) for d in range(len(own))]))
    full = [np.broadcast_to(array, np.broadcast_shapes(*(i.shape for i in inputs))) for array in inputs]
    assert_close(strided(dtype, len(shape), wide)(*inputs), expected_of_product(*full))


def test_conditions_are_read_as_bools(rng: np.random.Generator):
    table = Table()
    x, y = (table.argument(name, np.dtype("float32")) for name in "xy")
    condition = table.argument("condition", np.dtype("bool"))
    made = program_of([table.apply(OPS["where"], (condition, x, y))], [x, y, condition])
    chosen = rng.integers(0, 2, 1025).astype(bool)
    a, b = rng.standard_normal((2, 1025)).astype("float32")
    values = {"x": a, "y": b, "condition": chosen}
    for dimensions in (0, 1):
        (found,) = HostedElementwise(made, dimensions=dimensions)(*(values[name] for name in made.inputs))
        np.testing.assert_array_equal(found, np.where(chosen, a, b))


def test_what_has_no_c_is_refused():
    half = program(gradcu.sin, np.dtype("float16"), 0)
    for source in (sweep_source, elementwise_source):
        with pytest.raises(NotInCError, match="kernels are made of float32 or float64, not of float16"):
            source(half)
