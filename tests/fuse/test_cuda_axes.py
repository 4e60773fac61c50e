"""The kernel of sweeps over grids, given points and params, run on the CPU: the domain's points, to the last bit."""

from __future__ import annotations

import functools
import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gradcu._linspace import SEGMENT, SPAN
from gradcu.fuse.cuda_points import MOST_POINTS, line_of, line_window, window
from gradcu.fuse.cuda_source import Sums, sweep_source
from gradcu.fuse.program import NotInCError, Program
from gradcu.fuse.reduction import NumpyReducer
from gradcu.sweeps.cuda_points import KernelPoints
from gradcu.sweeps.domain import Domain, domain_of
from gradcu.sweeps.engine import UnsuitableError
from gradcu.sweeps.statistics import BlockStatistics
from tests.fuse.hosted import HostedSweep
from tests.fuse.test_cuda_source import DTYPES, bits

NUMBERS = np.random.default_rng(3).standard_normal(20_000)

LENGTHS = st.sampled_from([1, 2, 3, 31, 1023, 1024, 1025, SEGMENT, SEGMENT + 1, 20_000])

WAYS = ("grid", "params", "scattered", "mixed")


def domain(way: str, dtype: str, lengths: list[int], start: float = -2.5, stop: float = 3.0) -> Domain:
    """Axes of these lengths, in as many ways as there are to give them; a linspace is from start to stop."""
    _, second, third = lengths
    lines = [(start, stop, length) for length in lengths]
    some = NUMBERS[:second]
    arguments: dict[str, dict[str, Any]] = {
        "grid": {"grid": {"u": lines[0], "v": lines[1]}},
        "params": {"grid": {"x": lines[0]}, "params": {"a": some, "b": some[::-1]}},
        "scattered": {"points": {"u": some, "v": some[::-1]}},
        "mixed": {"grid": {"u": lines[0], "v": some, "w": lines[2]}, "params": {"a": NUMBERS[: min(third, 5)]}},
    }
    given = {"grid": None, "points": None, "params": None} | arguments[way]
    return domain_of(None, None, None, given["grid"], given["points"], given["params"], dtype)


def coordinates(points: Domain) -> Program:
    """A program whose rows are its inputs."""
    names = [f"x{k}" for k in range(len(points.names))]
    return Program(dict.fromkeys(names, points.dtype), [], names)


@functools.cache
def sweep_of(way: str, dtype: str, sums: Sums = ()) -> HostedSweep:
    some = domain(way, dtype, [3, 4, 5])
    made = coordinates(some)
    return HostedSweep(made, KernelPoints(some, made).axes, sums)


def assert_points_are_the_domains(
    way: str, dtype: str, points: Domain, first: int, count: int, segments: int = 1, misaligned: bool = False
) -> None:
    (x, *rows), told = sweep_of(way, dtype).on(
        KernelPoints(points, coordinates(points)), first, count, segments, misaligned
    )
    for row, expected in zip(rows, points.block(first, count), strict=True):
        np.testing.assert_array_equal(bits(row), bits(expected))
    np.testing.assert_array_equal(bits(x), bits(rows[0]))
    assert told.statistics().as_json() == BlockStatistics(rows, first, sign_changes=False).as_json()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("way", WAYS)
@settings(deadline=None, max_examples=30)
@given(
    st.lists(LENGTHS, min_size=3, max_size=3), st.floats(-1e30, 1e30), st.floats(-1e30, 1e30), st.integers(0, 2**60),
    st.integers(1, 9000), st.sampled_from([1, 4]), st.booleans(),
)  # fmt: skip
def test_any_axes(
    way: str, dtype: str, lengths: list[int], start: float, stop: float, first: int, count: int, segments: int,
    misaligned: bool,
):  # fmt: skip
    assume(line_of(start, stop, 3, 0, 1) is not None)
    points = domain(way, dtype, lengths, start, stop)
    first %= points.num
    assert_points_are_the_domains(way, dtype, points, first, min(count, points.num - first), segments, misaligned)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("length", [SPAN + 5, 3 * SPAN, 17 * SPAN + 1, 25 * SPAN - 3])
def test_long_axes_and_where_they_begin_again(dtype: str, length: int):
    """The inner axis of a sweep with params, and both of a grid."""
    for way, lengths in (("params", [length, 3, 0]), ("grid", [length, length, 0]), ("grid", [length, 7, 0])):
        points = domain(way, dtype, lengths, -1.0, 2.0)
        inner = points.shape[-1]
        for place in (0, inner, length // 3, 2 * inner - SEGMENT, points.num):
            first = min(max(place - 1_001, 0), points.num - 2_005)
            assert_points_are_the_domains(way, dtype, points, first, 2_005)


@given(st.integers(1, 2**36), st.integers(0, 2**40), st.integers(1, MOST_POINTS))
def test_no_window_has_more_spans_than_fit(length: int, first: int, count: int):
    """Numbers of points of which no test can make all."""
    begin, points = line_window(length, *window((7, length), 1, first, count))
    assert points >= min(count, length)
    assert line_of(-1.0, 3.0, length, begin, points) is not None


@given(st.lists(st.integers(1, 6), min_size=1, max_size=4), st.integers(0, 1000), st.integers(1, 50))
def test_windows_hold_what_a_block_has(shape: list[int], first: int, count: int):
    first %= math.prod(shape)
    count = min(count, math.prod(shape) - first)
    places = np.stack(np.unravel_index(np.arange(first, first + count), shape))
    for number, length in enumerate(shape):
        begin, points = window(shape, number, first, count)
        assert {(begin + k) % length for k in range(points)} >= set(places[number].tolist())
        assert points <= min(length, count)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("lengths", [[1, 1], [2, 3], [300, 7], [5, 20_000], [3 * SEGMENT, 1]])
def test_sums_are_those_of_the_rows_and_of_the_weighted_rows(dtype: str, lengths: list[int]):
    points = domain("grid", dtype, [*lengths, 0])
    halves = [np.where((np.arange(n) % (n - 1) == 0) if n > 1 else False, 0.5, 1) for n in lengths]
    weights = np.multiply.outer(*halves).reshape(-1).astype(dtype)
    (_, *rows), told = sweep_of("grid", dtype, ("plain", "weighted")).on(
        KernelPoints(points, coordinates(points)), 0, points.num, segments=2
    )
    for number, factors in enumerate((np.ones_like(weights), weights)):
        expected = [NumpyReducer().sums(row * factors) for row in rows]
        np.testing.assert_array_equal(told.sums(number), expected)
    (_, *again), alone = sweep_of("grid", dtype, ("weighted",)).on(
        KernelPoints(points, coordinates(points)), 0, points.num
    )
    np.testing.assert_array_equal(again, rows)
    np.testing.assert_array_equal(alone.sums(), told.sums(1))


def test_given_values_are_those_of_the_block_and_no_others():
    """The bytes that go to a device, of an axis that is longer than a block."""
    points = domain("params", "float32", [5, 20_000, 0])
    kernel = KernelPoints(points, coordinates(points))
    assert [kernel.bytes_given(count) for count in (1, 5, 6, 7, 10**9)] == [
        2 * 16, 2 * 16, 2 * 16, 2 * 16, 2 * 4 * 20_000,
    ]  # fmt: skip
    memory = np.zeros(64, np.uint8)
    assert kernel.give(49_999, 3, memory) == 2 * 16
    assert memory[:32].view("f4")[[0, 1, 4, 5]].tolist() == [
        *NUMBERS[[9_999, 10_000]].astype("f4"), *NUMBERS[::-1][[9_999, 10_000]].astype("f4"),
    ]  # fmt: skip


def test_what_a_kernel_can_not_tell_of():
    huge = domain("grid", "float64", [5, 5, 0], 0.0, 1e308)
    with pytest.raises(UnsuitableError, match="no points near the ends of float64"):
        KernelPoints(huge, coordinates(huge))
    names = list(itertools.islice((f"x{k}" for k in itertools.count()), 11))
    many = domain_of(None, None, None, dict.fromkeys(names, (0, 1, 2)), None, None, "float32")
    with pytest.raises(NotInCError, match="the parameters of a kernel can't tell of 11 axes and 11 rows"):
        sweep_source(coordinates(many), KernelPoints(many, coordinates(many)).axes)
