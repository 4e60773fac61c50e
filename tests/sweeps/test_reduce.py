"""Reductions: against the rows that they are of, reduced by other means, and to the same bits however they are cut."""

import json
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu.fuse.compiler import Compiler
from gradcu.fuse.reduction import TILE, CompiledReducer, NumpyReducer
from gradcu.sweeps.reducing import REDUCTIONS, Histogram, PairwiseSum, Reductions
from gradcu.sweeps.reduction import SweepReduction

ENGINES = ("cc", "numpy", "eager")


def wave(x: Tensor) -> Tensor:
    return gradcu.sin(x * 3) * gradcu.exp(-x * x / 8)


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "cc":
        request.getfixturevalue("compiler")
    return request.param


def exact_sum(row: np.ndarray) -> Fraction:
    return sum(map(Fraction, row.tolist()), Fraction(0))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("num", [1, 2, 513, 20_000])
def test_reductions_are_those_of_the_rows(engine: str, dtype: str, num: int):
    start, stop = -3.0, 4.0
    options: dict[str, Any] = {"order": 2, "dtype": dtype, "engine": engine}
    rows = gradcu.sweep(wave, start, stop, num, **options)
    found = gradcu.sweep(wave, start, stop, num, reduce=REDUCTIONS, **options)
    x = rows.x.numpy()
    summary = rows.summary()
    for k in range(3):
        row, figures = rows.derivative(k).numpy(), found.derivative(k)
        assert (figures.min, figures.max) == (row.min(), row.max())
        assert (figures.argmin, figures.argmax) == (row.argmin(), row.argmax())
        assert (figures.argmin_x, figures.argmax_x) == (x[row.argmin()], x[row.argmax()])
        total = exact_sum(row)
        assert abs(Fraction(figures.mean) - total / num) <= Fraction(figures.mean_error)
        h = (Fraction(stop) - Fraction(start)) / max(num - 1, 1) if num > 1 else Fraction(0)
        integral = h * (total - (Fraction(float(row[0])) + Fraction(float(row[-1]))) / 2)
        assert abs(Fraction(figures.integral) - integral) <= Fraction(figures.integral_error)
        # The bounds say something: they are no more than some units of the last place of the largest terms.
        assert figures.mean_error <= 40 * 2.0**-53 * np.abs(row).max()
        signs = np.sign(row[row != 0])
        assert figures.sign_changes == (signs[1:] != signs[:-1]).sum()
        if k == 1:
            assert [change.x for change in figures.sign_changes_at] == [change.x for change in summary.sign_changes]
        values = row.astype(np.float64)
        low, high = values.min(), values.max()
        low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
        counts, edges = np.histogram(values, 10, (low, high))
        assert figures.histogram.counts.tolist() == counts.tolist()
        assert figures.histogram.edges.tolist() == edges.tolist()
        assert figures.histogram.below == figures.histogram.above == figures.histogram.nan == 0


def test_bounds_hold_for_subnormal_results():
    def tiny(x: gradcu.Tensor) -> gradcu.Tensor:
        return x * 1e-310

    row = gradcu.sweep(tiny, 1, 2, 1001, order=0, dtype="float64").y.numpy()
    found = gradcu.sweep(tiny, 1, 2, 1001, order=0, dtype="float64", reduce=("mean", "integral")).y
    total = exact_sum(row)
    assert abs(Fraction(found.mean) - total / 1001) <= Fraction(found.mean_error)
    integral = (total - (Fraction(float(row[0])) + Fraction(float(row[-1]))) / 2) / 1000
    assert abs(Fraction(found.integral) - integral) <= Fraction(found.integral_error)


@pytest.mark.parametrize("num", [1, 511, 40_001, 65_536])
def test_bits_do_not_depend_on_blocks_and_threads(engine: str, num: int, monkeypatch: pytest.MonkeyPatch):
    options: dict[str, Any] = {"order": 1, "engine": engine, "reduce": REDUCTIONS}
    found = {}
    for threads in (1, 4):
        for place in ("compiled", "blockwise", "engine"):
            monkeypatch.setattr(f"gradcu.sweeps.{place}.thread_count", lambda threads=threads: threads)
        for chunk in (1, 512, 3000, 65_536, None):
            if chunk == 1 and num > 600:
                continue
            result = gradcu.sweep(wave, -3, 4, num, chunk=chunk, **options)
            found[threads, chunk] = json.dumps(result.summary().as_dict()["rows"])
    assert len(set(found.values())) == 1


def test_the_integral_of_a_derivative_is_a_difference():
    found = gradcu.sweep(wave, -2, 3, 2_000_001, order=2, dtype="float64", reduce="integral")
    ends = gradcu.sweep(wave, -2, 3, 2, order=3, dtype="float64")
    for k in (1, 2):
        (a, b), (slope_a, slope_b) = (ends.derivative(n).numpy().tolist() for n in (k - 1, k + 1))
        # The rule's own error, to the second order of the step: Euler and Maclaurin.
        rule = (5 / 2_000_000) ** 2 / 12 * (slope_b - slope_a)
        assert found.derivative(k).integral == pytest.approx(b - a + rule, abs=1e-13)
    # Backwards it is the other way round.
    back = gradcu.sweep(wave, 3, -2, 2_000_001, dtype="float64", reduce="integral")
    assert back.y.integral == pytest.approx(-found.y.integral, rel=1e-12)


def test_an_integral_is_what_mathematics_says():
    found = gradcu.sweep(lambda x: gradcu.exp(-x * x), -9, 9, 1_000_000, dtype="float64", reduce=("integral", "mean"))
    assert found.y.integral == pytest.approx(math.sqrt(math.pi), rel=1e-13)
    assert found.y.integral_error < 1e-13


def test_nan_and_infinity(engine: str):
    # NaN below 0, minus infinity at 0, and a slope that is infinite there.
    found = gradcu.sweep(gradcu.log, -1, 1, 2001, engine=engine, dtype="float64", reduce=REDUCTIONS[:-1])
    rows = gradcu.sweep(gradcu.log, -1, 1, 2001, engine=engine, dtype="float64")
    summary = rows.summary()
    assert (found.y.min, found.y.max) == (summary.rows[0].minimum, summary.rows[0].maximum) == (-math.inf, 0.0)
    assert found.y.argmin_x == 0
    assert math.isnan(found.y.mean)
    assert math.isnan(found.y.integral)
    assert found.derivative(1).sign_changes == summary.sign_change_count
    ranged = gradcu.sweep(
        gradcu.log, -1, 1, 2001, engine=engine, dtype="float64", reduce={"histogram": {"range": (-1, 0)}}
    ).y.histogram
    values = rows.y.numpy()
    with np.errstate(invalid="ignore"):
        assert (ranged.below, ranged.above, ranged.nan) == ((values < -1).sum(), (values > 0).sum(), 1000)
    assert ranged.counts.sum() + ranged.below + ranged.nan == 2001
    with pytest.raises(ValueError, match=r"a histogram of f can't go from -inf to 0; give its range"):
        gradcu.sweep(gradcu.log, -1, 1, 2001, engine=engine, reduce="histogram")
    # Infinities of both signs have no sum, and no warning.
    poles = gradcu.sweep(lambda x: 1 / x, -1, 1, 20_001, engine=engine, chunk=512, reduce=("mean", "integral"))
    assert math.isinf(poles.y.mean)
    odd = gradcu.sweep(lambda x: gradcu.tan(x) * 1e38 * 1e38, -1, 1, 2000, engine=engine, chunk=512, reduce="mean")
    assert math.isnan(odd.y.mean)
    nothing = gradcu.sweep(gradcu.log, -2, -1, 100, engine=engine, reduce=REDUCTIONS).y
    assert math.isnan(nothing.min)
    assert (nothing.argmin, nothing.argmax_x, nothing.sign_changes) == (None, None, 0)
    assert nothing.histogram.nan == 100


rows = st.lists(
    st.floats(-1e300, 1e300) | st.integers(-3, 3).map(float) | st.sampled_from([math.nan, math.inf, -math.inf, -0.0]),
    min_size=1, max_size=40,
)  # fmt: skip


def same(a: float, b: float) -> bool:
    return a == b or (math.isnan(a) and math.isnan(b))


@settings(deadline=None)
@given(rows, st.integers(0, 1200), st.sampled_from(["float32", "float64"]))
def test_compiled_reductions_are_numpys_to_the_bit(compiler: Compiler, values: list[float], offset: int, dtype: str):
    with np.errstate(over="ignore"):
        row = np.concatenate((np.linspace(-1, 1, offset), values)).astype(dtype)
    compiled, plain = CompiledReducer(np.dtype(dtype), compiler), NumpyReducer()
    assert all(map(same, compiled.sums(row), plain.sums(row)))
    edges = np.linspace(-2, 2, 8)
    counts = np.zeros((2, 10), np.int64)
    compiled.histogram(row, edges, counts[0])
    plain.histogram(row, edges, counts[1])
    assert counts[0].tolist() == counts[1].tolist()
    wide = row.astype(np.float64)
    assert counts[0][1:-2].tolist() == np.histogram(wide, 7, (-2, 2))[0].tolist()
    assert counts[0].sum() == row.size


@settings(deadline=None)
@given(st.integers(1, 5000), st.sampled_from([1, 2, 4, 16]), st.randoms(use_true_random=False))
def test_parts_of_a_sum_are_added_as_in_one_piece(size: int, tiles: int, order: Any):
    row = np.random.default_rng(size).standard_normal(size)
    length = tiles * TILE
    parts = [(number, row[number * length : (number + 1) * length]) for number in range(-(-size // length))]
    order.shuffle(parts)
    total = PairwiseSum()
    for number, part in parts:
        total.add(number, np.array(NumpyReducer().sums(part)))
    assert tuple(total.total.tolist()) == NumpyReducer().sums(row)


@settings(deadline=None)
@given(
    st.floats(-1e10, 1e10),
    st.floats(1e-5, 1e10),
    st.integers(1, 200),
    st.lists(st.floats(0, 1), min_size=1, max_size=50),
)
def test_bins_have_their_lower_edges(compiler: Compiler, low: float, width: float, bins: int, shares: list[float]):
    histogram = Histogram(np.linspace(low, low + width, bins + 1))
    # The edges themselves, their neighbours, and what lies between.
    edges = histogram.edges
    values = np.concatenate(
        (edges, np.nextafter(edges, np.inf), np.nextafter(edges, -np.inf), low + width * np.array(shares))
    )
    expected = [int((values < edges[0]).sum())]
    for k in range(bins):
        upper = values <= edges[k + 1] if k == bins - 1 else values < edges[k + 1]
        expected.append(int(((values >= edges[k]) & upper).sum()))
    expected += [int((values > edges[-1]).sum()), 0]
    if (np.diff(edges) > 0).all():
        for reducer in (NumpyReducer(), CompiledReducer(np.dtype("float64"), compiler)):
            counts = np.zeros(bins + 3, np.int64)
            reducer.histogram(values, edges, counts)
            assert counts.tolist() == expected


def test_all_points_are_gone_through_once_but_for_a_histogram_without_a_range():
    seen = []

    def f(x: Tensor) -> Tensor:
        if x.shape[0] == 512:
            seen.append(x.shape[0])
        return x * 1

    for reduce, times in (
        (REDUCTIONS[:-1], 1), ({"mean": None, "histogram": {"range": (0, 1)}}, 1), (REDUCTIONS, 2), ("histogram", 2)
    ):  # fmt: skip
        seen.clear()
        gradcu.sweep(f, 0, 1, 512 * 9, engine="eager", reduce=reduce, chunk=512)
        assert len(seen) == 9 * times


def test_rows_are_not_kept(monkeypatch: pytest.MonkeyPatch):
    # More points than memory has room for are no reason to refuse.
    monkeypatch.setattr("gradcu.sweeps.capacity.available_memory", lambda: 1 << 20)
    with pytest.raises(MemoryError):
        gradcu.sweep(gradcu.sin, 0, 1, 3_000_000)
    # It takes memory only to give it back untouched.
    monkeypatch.setattr("gradcu.sweeps.blockwise.keep_freed_memory", lambda: None)
    made = []
    empty = np.empty
    monkeypatch.setattr(np, "empty", lambda *shape, **options: made.append(empty(*shape, **options)) or made[-1])
    found = gradcu.sweep(lambda x: x * x, 0, 1, 3_000_000, dtype="float64", engine="numpy", reduce=("max", "mean"))
    assert found.y.max == 1
    assert max(array.size for array in made) < 1 << 19


@pytest.mark.parametrize(
    ("reduce", "kind", "message"),
    [
        ("median", ValueError, r"reduce: there is no 'median'; there are min, max, argmin, argmax, mean, "),
        (("min", "Max"), ValueError, r"reduce: there is no 'Max'"),
        ((), ValueError, r"reduce is empty; name one or more of min"),
        (3, TypeError, r"reduce must be names of reductions \(min, .*\), or a dict of their options, not 3 \(int\)"),
        ({"min": {"bins": 3}}, ValueError, r"reduce: min has no options, but \{'bins': 3\} is given"),
        (
            {"histogram": {"edges": 3}},
            ValueError,
            r'histogram takes \{"bins": number, "range": \(low, high\)\}',
        ),
        ({"histogram": {"bins": 0}}, ValueError, r"reduce: bins of the histogram must be a whole number, at least 1"),
        ({"histogram": {"bins": "many"}}, TypeError, r"bins of the histogram must be a whole number"),
        (
            {"histogram": {"range": (1, 1)}},
            ValueError,
            r"must be finite and go upwards, not \(1, 1\)",
        ),
        ({"histogram": {"range": (0, math.inf)}}, ValueError, r"range of the histogram must be finite"),
        ({"histogram": {"range": (0, 5e-324)}}, ValueError, r"range of the histogram must be finite"),
        ({"histogram": {"range": 3}}, ValueError, r"range of the histogram must be two numbers, not 3"),
    ],
)
def test_bad_reductions_are_named(reduce: Any, kind: type[Exception], message: str):
    with pytest.raises(kind, match=message):
        gradcu.sweep(gradcu.sin, 0, 1, 10, reduce=reduce)


def test_reductions_go_with_no_file():
    options: dict[str, Any] = {"reduce": "min", "out": "a.npy"}
    with pytest.raises(ValueError, match=r"reduce keeps no rows that out = 'a\.npy' could take; use one of them"):
        gradcu.sweep(gradcu.sin, 0, 1, 10, **options)


def test_a_result_has_what_was_asked_for():
    found = gradcu.sweep(wave, -3, 4, 1000, order=2, reduce=("max", "integral"))
    assert isinstance(found, SweepReduction)
    assert repr(found) == "<max, integral of a sweep of wave: 1,000 points from -3 to 4, order 2, float32>"
    assert [row.name for row in found.rows] == ["f", "d1", "d2"]
    with pytest.raises(AttributeError, match="mean is not among what the sweep was asked for: max, integral"):
        _ = found.y.mean
    with pytest.raises(ValueError, match="k = 3 is beyond the order of this sweep, 2"):
        found.derivative(3)
    table = str(found.summary())
    for part in ("function  wave", "maximum", "integral", "+-", "f''", "points/s"):
        assert part in table
    assert "minimum" not in table
    figures = json.loads(json.dumps(found.summary().as_dict(), allow_nan=False))
    assert figures["reduce"] == ["max", "integral"]
    assert set(figures["rows"]["d2"]) == {"max", "integral", "integral_error"}
    assert figures["num"] == 1000


def test_names_in_any_form():
    forms: list[Any] = ["mean", ["mean"], {"mean"}, ("mean", "mean"), {"mean": None}, iter(["mean"])]
    assert {Reductions(form).names for form in forms} == {("mean",)}


def test_a_function_that_fails_ends_the_sweep():
    def fails(x: Tensor) -> Tensor:
        if x.shape[0] > 61:
            raise ZeroDivisionError("late")
        return x

    with pytest.raises(ZeroDivisionError, match="late"):
        gradcu.sweep(fails, 0, 1, 10_000, engine="eager", reduce="min")
