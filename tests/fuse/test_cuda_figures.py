"""What a sweep's kernel tells of its rows, run on the CPU: the figures that NumPy finds in the same rows, exactly."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu._linspace import SEGMENT
from gradcu.fuse.cuda_source import MOST_ROWS, sweep_source
from gradcu.fuse.program import NotInCError
from gradcu.fuse.reduction import NumpyReducer
from gradcu.fuse.trace import program
from gradcu.sweeps.statistics import CHANGES_LISTED, BlockStatistics, SignChanges
from tests.fuse.hosted import HostedSweep
from tests.fuse.test_cuda_source import DTYPES

ROWS = 2

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "slow waves": lambda x: gradcu.sin(3 * x),
    "quick waves": lambda x: gradcu.sin(20_000 * x),
    "poles": lambda x: 1 / x,
    "NaN below 0": lambda x: gradcu.log(x),
    "zeros": lambda x: gradcu.relu(x) - gradcu.relu(x - 1) * gradcu.relu(x - 1),
    "steps, flat between": lambda x: gradcu.floor(4 * x),
    "rare points": lambda x: gradcu.where(gradcu.frac(gradcu.abs(x) * 37) < 0.01, -x, x * 0),
    "NaN among zeros": lambda x: gradcu.where(gradcu.frac(gradcu.abs(x) * 37) < 0.01, gradcu.sqrt(-gradcu.abs(x)), x),
    "never a number": lambda x: gradcu.sqrt(-1 - x * x),
}


@functools.cache
def sweep_of(name: str, dtype: str) -> HostedSweep:
    return HostedSweep(program(FUNCTIONS[name], np.dtype(dtype), ROWS - 1), sums=("plain",), signed=range(ROWS))


def figures(statistics: BlockStatistics) -> str:
    return json.dumps(statistics.as_json())


def without_places_of_nothing(found: dict[str, Any]) -> dict[str, Any]:
    """Where all is NaN there are no extremes, and no place for them."""
    for row in found["rows"]:
        if row[0] == "nan":
            row[1] = row[3] = None
    return found


def assert_as_numpy_finds(name: str, dtype: str, start: float, first: int, count: int, segments: int) -> None:
    (_, *rows), told = sweep_of(name, dtype).run((start, 2.0, 90_001), first, count, segments)
    with np.errstate(all="ignore"):
        expected = BlockStatistics(rows, first)
        changes = [SignChanges(row, first) for row in rows]
    assert without_places_of_nothing(told.statistics().as_json()) == without_places_of_nothing(expected.as_json())
    for k, right in enumerate(changes):
        found = told.changes(k)
        assert found.as_json() == right.as_json()
        assert len(found.places) == min(found.count, CHANGES_LISTED)
    if first % (segments * SEGMENT) == 0:
        sums = np.array([NumpyReducer().sums(row) for row in rows])
        np.testing.assert_array_equal(told.sums(), sums)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_figures_are_numpys(name: str, dtype: str):
    for first, count, segments in (
        (0, 1, 1),
        (0, 90_001, 1),
        (0, 90_001, 4),
        (8 * SEGMENT, 24_465, 8),
        (77, 40_000, 2),
    ):
        assert_as_numpy_finds(name, dtype, -2.0, first, count, segments)


@settings(deadline=None)
@given(
    st.sampled_from(list(FUNCTIONS)), st.sampled_from(DTYPES), st.floats(-5, 1), st.integers(0, 90_000),
    st.integers(1, 30_000), st.sampled_from([1, 2, 4, 16]),
)  # fmt: skip
def test_figures_of_any_part(name: str, dtype: str, start: float, first: int, count: int, segments: int):
    assert_as_numpy_finds(name, dtype, start, first, min(count, 90_001 - first), segments)


@pytest.mark.parametrize("dtype", DTYPES)
def test_parts_merge_to_the_whole(dtype: str):
    kernel = sweep_of("slow waves", dtype)
    ends = (-9.0, 9.0, 90_001)
    _, whole = kernel.run(ends, 0, 90_001, segments=2)
    merged: BlockStatistics | None = None
    for first in range(0, 90_001, 7_777):
        _, told = kernel.run(ends, first, min(7_777, 90_001 - first))
        part = told.statistics()
        if merged is None:
            merged = part
        else:
            merged.merge(part)
    assert merged is not None
    assert figures(merged) == figures(whole.statistics())


def test_a_kernel_without_places_and_sums_tells_the_rest():
    plain = HostedSweep(program(FUNCTIONS["slow waves"], np.dtype("float32"), 0))
    (_, row), told = plain.run((-2.0, 2.0, 20_001), 0, 20_001)
    assert figures(told.statistics()) == figures(BlockStatistics([row], 0))
    assert not told.sums().any()


def test_rows_whose_figures_don_t_fit_are_refused():
    made = program(gradcu.exp, np.dtype("float32"), MOST_ROWS)
    with pytest.raises(NotInCError, match=r"a kernel has at most 64 rows, not 65"):
        sweep_source(made)
