"""The points, against exact rational arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gradcu._linspace import equal_neighbours, linspace_block

FLOAT16, FLOAT32, FLOAT64 = (np.dtype(name) for name in ("float16", "float32", "float64"))
DTYPES = [FLOAT16, FLOAT32, FLOAT64]

finite = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(2, 2**40) | st.sampled_from([2, 3, 8192, 8193, 2**24 + 1, 10**7, 10**8, 2**40])


def exact(start: float, stop: float, num: int, index: int) -> Fraction:
    return Fraction(start) + index * (Fraction(stop) - Fraction(start)) / (num - 1)


def ulps_off(start: float, stop: float, num: int, index: int, found: np.floating) -> float:
    true = exact(start, stop, num, index)
    near = np.abs(found.dtype.type(float(true)))
    # Below the greatest number, since there is none above.
    unit = near - np.nextafter(near, near.dtype.type(0)) if near == np.finfo(near.dtype).max else np.spacing(near)
    return float(abs(Fraction(float(found)) - true) / Fraction(float(unit)))


def worst(start: float, stop: float, num: int, dtype: np.dtype, firsts: list[int], count: int = 6) -> float:
    error = 0.0
    for first in firsts:
        begin = max(0, min(first, num - count))
        length = min(count, num - begin)
        points = linspace_block(start, stop, num, begin, length, dtype)
        assert points.dtype == dtype
        error = max(error, *(ulps_off(start, stop, num, begin + i, point) for i, point in enumerate(points)))
    return error


def interesting(start: float, stop: float, num: int) -> list[int]:
    """Ends, the zero crossing, segment borders beside it, a middle."""
    if start == stop:
        return [0, num - 1]
    crossing = math.floor(-Fraction(start) * (num - 1) / (Fraction(stop) - Fraction(start)))
    border = crossing // 8192 * 8192
    return [0, num, num // 3, crossing - 3, border - 3, border + 8192 - 3]


@settings(deadline=None)
@given(finite, finite, counts, st.integers(0, 2**40))
@example(-1.0, 2.0**-40, 2**40, 0)
@example(-1.0, 1.0 + 2.0**-52, 2**40, 0)
@example(-1.0 - 2.0**-52, 1.0, 10**7, 0)
@example(-1.7e308, 1.7e308, 10**7, 0)
@example(-4e-301, 5e-301, 2**24 + 3, 0)
@example(0.0, 1e-320, 3000, 0)
@example(5.0, -5.0, 10**7, 0)
def test_float64_points_are_within_one_ulp(start: float, stop: float, num: int, index: int):
    assert worst(start, stop, num, FLOAT64, [*interesting(start, stop, num), index % num]) <= 1


@settings(deadline=None)
@given(st.floats(width=32, allow_nan=False, allow_infinity=False), st.data(), counts, st.integers(0, 2**40))
def test_float32_points_are_within_one_ulp(start: float, data: st.DataObject, num: int, index: int):
    stop = data.draw(st.floats(-3.4e38, 3.4e38))
    assert worst(start, stop, num, FLOAT32, [*interesting(start, stop, num), index % num]) <= 1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("ends", [(-5.0, 5.0), (0.1, 0.7), (3.0, -2.9), (0.0, 1.0)])
def test_a_whole_grid_is_within_one_ulp(dtype: np.dtype, ends: tuple[float, float]):
    num = 20011
    assert worst(*ends, num, dtype, [0], num) <= 1


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(deadline=None)
@given(st.floats(-6e4, 6e4), st.floats(-6e4, 6e4), counts)
def test_end_points_are_start_and_stop(dtype: np.dtype, start: float, stop: float, num: int):
    assert linspace_block(start, stop, num, 0, 1, dtype)[0] == dtype.type(start)
    assert linspace_block(start, stop, num, num - 1, 1, dtype)[0] == dtype.type(stop)


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@settings(deadline=None)
@given(st.integers(0, 30000), st.integers(0, 30000), st.integers(500, 9000))
def test_bits_depend_on_the_index_alone(dtype: np.dtype, a: int, b: int, chunk: int):
    num = 30001
    whole = linspace_block(-1.0, math.pi, num, 0, num, dtype)
    first, end = min(a, b), max(a, b)
    assert (linspace_block(-1.0, math.pi, num, first, end - first, dtype) == whole[first:end]).all()
    pieces = [linspace_block(-1.0, math.pi, num, at, min(chunk, num - at), dtype) for at in range(0, num, chunk)]
    assert (np.concatenate(pieces) == whole).all()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_points_never_step_back(dtype: np.dtype):
    for start, stop in ((-5.0, 5.0), (1.0, 1.0 + 2.0**-40), (-1e-7, 1.0)):
        points = linspace_block(start, stop, 200_000, 0, 200_000, dtype)
        assert (points[1:] >= points[:-1]).all()


def test_float32_goes_on_past_its_24_bits():
    num = 2**26 + 1
    points = linspace_block(0.0, float(2**26), num, 2**25, 9, FLOAT32)
    assert points.tolist() == [float(np.float32(2**25 + i)) for i in range(9)]


def test_one_point_is_start():
    assert linspace_block(2.5, 7.0, 1, 0, 1, FLOAT64).tolist() == [2.5]


def test_signs_of_zero_survive_at_the_ends():
    points = linspace_block(-0.0, -0.0, 3, 0, 3, FLOAT64)
    assert np.signbit(points[[0, 2]]).all()


def test_no_warning_and_no_change_of_the_error_state():
    with np.errstate(all="raise"):
        linspace_block(-1e-320, 1e-310, 5000, 0, 5000, FLOAT32)
        linspace_block(-1.7e308, 1.7e308, 5000, 0, 5000, FLOAT64)
        linspace_block(0.0, 1e300, 5000, 0, 5000, FLOAT32)
        assert np.geterr()["over"] == "raise"


@pytest.mark.parametrize(
    ("start", "stop", "num", "dtype", "expected"),
    [
        (0.0, 1.0, 2**24 + 1, FLOAT32, False),
        (0.0, 1.0, 2**25, FLOAT32, True),
        (-5.0, 5.0, 10**7, FLOAT32, False),
        (-5.0, 5.0, 10**8, FLOAT32, True),
        (-5.0, 5.0, 10**8, FLOAT64, False),
        (1.0, 2.0, 2**23 + 1, FLOAT32, False),
        (1.0, 2.0, 2**23 + 2, FLOAT32, True),
        (2.0, 1.0, 2**23 + 2, FLOAT32, True),
        (-1.0, 0.25, 2**25, FLOAT32, True),
        (3.0, 3.0, 2, FLOAT64, True),
        (3.0, 3.0, 1, FLOAT64, False),
        (0.0, 1e-320, 3000, FLOAT64, True),
        (-1.7e308, 1.7e308, 10**6, FLOAT64, False),
        (0.0, float(np.finfo(FLOAT64).max), 10**6, FLOAT64, False),
    ],
)
def test_equal_neighbours_at_the_edge(start: float, stop: float, num: int, dtype: np.dtype, expected: bool):
    assert equal_neighbours(start, stop, num, dtype) is expected


@settings(deadline=None)
@given(st.floats(-8, 8, width=16), st.floats(-8, 8, width=16), st.integers(1, 12000))
def test_equal_neighbours_against_all_points(start: float, stop: float, num: int):
    points = linspace_block(start, stop, num, 0, num, FLOAT16)
    assert equal_neighbours(start, stop, num, FLOAT16) == bool((points[1:] == points[:-1]).any())
