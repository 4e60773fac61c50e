"""Figures merged from blocks, against the whole row looked at in plain Python."""

import itertools
import math
import pickle
import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcu.sweeps import statistics
from gradcu.sweeps.statistics import CHANGES_LISTED, BlockStatistics, Collector, RowStatistics, SignChanges

values = st.floats(-3, 3).map(lambda value: float(round(value))) | st.sampled_from(
    [0.0, -0.0, math.nan, math.inf, -math.inf, 0.5, -0.5]
)
rows = st.lists(values, min_size=1, max_size=60)


def merged(row: list[float], cuts: list[int], kind: type) -> Any:
    borders = [0, *sorted({cut % len(row) for cut in cuts} - {0}), len(row)]
    parts = [kind(np.array(row[a:b]), a) for a, b in itertools.pairwise(borders)]
    for part in parts[1:]:
        parts[0].merge(part)
    return parts[0]


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


@settings(deadline=None)
@given(rows, st.lists(st.integers(0, 59), max_size=8))
def test_extremes_and_counts(row: list[float], cuts: list[int]):
    found = merged(row, cuts, RowStatistics)
    numbers = [(value, i) for i, value in enumerate(row) if not math.isnan(value)]
    assert found.nan == len(row) - len(numbers)
    assert found.infinite == sum(math.isinf(value) for value in row)
    if numbers:
        low = min(value for value, _ in numbers)
        high = max(value for value, _ in numbers)
        assert (found.minimum, found.minimum_at) == (low, row.index(low))
        assert (found.maximum, found.maximum_at) == (high, row.index(high))
    else:
        assert math.isnan(found.minimum)
        assert math.isnan(found.maximum)


def sign_changes(row: list[float]) -> list[tuple[int, int]]:
    found = []
    previous = None
    for i, value in enumerate(row):
        if math.isnan(value):
            previous = None
        elif value != 0:
            if previous is not None and (row[previous] < 0) != (value < 0):
                found.append((previous, i))
            previous = i
    return found


@settings(deadline=None)
@given(rows, st.lists(st.integers(0, 59), max_size=8))
def test_sign_changes(row: list[float], cuts: list[int]):
    found = merged(row, cuts, SignChanges)
    expected = sign_changes(row)
    assert found.count == len(expected)
    places = [(before[0], after[0]) for before, after in found.places]
    assert places == expected[:CHANGES_LISTED]
    for before, after in found.places:
        assert same(before[1], row[before[0]])
        assert same(after[1], row[after[0]])


def test_all_sign_changes_are_counted_and_the_first_are_listed():
    row = [(-1.0) ** i for i in range(1000)]
    found = merged(row, [7, 300, 301], SignChanges)
    assert found.count == 999
    assert [before[0] for before, _ in found.places] == list(range(CHANGES_LISTED))


@pytest.mark.parametrize("bounds", [(1.0, 2.0), (-2.0, -1.0)])
def test_known_bounds_spare_the_search_and_keep_the_ends(bounds: tuple[float, float]):
    row = np.array([bounds[0], 1.5 * math.copysign(1, bounds[0]), bounds[1]])
    found = SignChanges(row, 10, bounds)
    assert found.count == 0
    assert found.head == (10, bounds[0])
    assert found.tail == (12, bounds[1])


def test_zeros_alone_have_no_ends():
    assert SignChanges(np.array([0.0, -0.0, 0.0]), 10, (-0.0, 0.0)).blank


def test_a_nan_hidden_by_the_bounds_is_seen():
    slope = np.array([1.0, math.nan, 2.0])
    block = BlockStatistics([slope, slope], 0)
    later = BlockStatistics([np.array([-1.0]), np.array([-1.0])], 3)
    block.merge(later)
    assert block.changes is not None
    assert [(a[0], b[0]) for a, b in block.changes.places] == [(2, 3)]


def test_order_zero_has_no_sign_changes():
    assert BlockStatistics([np.array([1.0, -1.0])], 0).changes is None


@pytest.mark.parametrize(("size", "looks"), [(1000, 0), (1 << 17, 1)])
def test_a_small_block_is_looked_through_when_somebody_asks(monkeypatch: pytest.MonkeyPatch, size: int, looks: int):
    looked: list[int] = []
    figures_of = statistics._figures_of
    monkeypatch.setattr(statistics, "_figures_of", lambda *given: looked.append(1) or figures_of(*given))
    rows = np.sin(np.linspace(0, 9, 2 * size)).reshape(2, size)
    low, high, crossings = rows.argmin(axis=1), rows.argmax(axis=1), len(sign_changes(rows[1].tolist()))
    least, largest = rows.min(axis=1), rows.max(axis=1)
    block = BlockStatistics(list(rows), 7)
    assert len(looked) == looks
    # The rows are a result's, of whom anybody may make what he likes.
    rows[:] = np.nan
    for _ in range(2):
        assert [row.minimum_at - 7 for row in block.rows] == low.tolist()
        assert [row.maximum_at - 7 for row in block.rows] == high.tolist()
        assert [(row.minimum, row.maximum, row.nan) for row in block.rows] == list(
            zip(least, largest, (0, 0), strict=True)
        )
        assert block.changes is not None
        assert block.changes.count == crossings
    assert len(looked) == 1


def test_a_pickle_has_the_figures_without_the_rows():
    block = BlockStatistics(list(np.cos(np.linspace(0, 9, 2000)).reshape(2, 1000)), 7)
    pickled = pickle.dumps(block)
    assert len(pickled) < 4000
    assert pickle.loads(pickled).as_json() == block.as_json()


def test_the_order_of_arrival_does_not_matter(rng: np.random.Generator):
    row = rng.standard_normal(1000)
    row[rng.integers(0, 1000, 30)] = np.nan
    blocks = [BlockStatistics([row[i : i + 50], row[i : i + 50]], i) for i in range(0, 1000, 50)]
    arrivals = list(enumerate(blocks))
    random.Random(5).shuffle(arrivals)
    collector = Collector()
    for number, block in arrivals:
        collector.add(number, block)
    whole = BlockStatistics([row, row], 0)
    for name in RowStatistics.__slots__:
        assert getattr(collector.result.rows[0], name) == getattr(whole.rows[0], name)
    assert collector.result.changes is not None
    assert whole.changes is not None
    assert collector.result.changes.count == whole.changes.count
    assert collector.result.changes.places == whole.changes.places
