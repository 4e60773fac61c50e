"""The summary: places of extremes and sign changes, the table, JSON."""

import json
import math

import numpy as np
import pytest

import gradcu
from gradcu.sweeps.domain import Domain
from gradcu.sweeps.grid import LinspaceAxis
from gradcu.sweeps.summary import SignChange


def test_extremes_and_where_they_are():
    summary = gradcu.sweep(lambda x: x**3 - 3 * x**2 + 4, -5, 5, 100001, order=2, dtype="float64").summary()
    f, d1, d2 = summary.rows
    assert [row.name for row in summary.rows] == ["f", "d1", "d2"]
    assert (f.minimum, f.minimum_at, f.maximum, f.maximum_at) == (-196, -5, 54, 5)
    assert (d1.minimum, d1.minimum_at, d1.maximum, d1.maximum_at) == (-3, 1, 105, -5)
    assert (d2.minimum, d2.maximum_at) == (-36, 5)
    assert [(round(change.x, 9), change.rising) for change in summary.sign_changes] == [(0, False), (2, True)]
    assert summary.sign_change_count == 2


@pytest.mark.parametrize("engine", ["numpy", "cc", "eager"])
def test_what_is_written_to_a_result_is_not_in_its_summary(request: pytest.FixtureRequest, engine: str):
    if engine == "cc":
        request.getfixturevalue("compiler")
    result = gradcu.sweep(lambda x: x**2, -1, 2, 301, dtype="float64", engine=engine)
    for k in range(2):
        result.derivative(k).zero_()
    summary = result.summary()
    assert [(row.minimum, row.maximum) for row in summary.rows] == [(0, 4), (-2, 4)]
    assert summary.sign_change_count == 1


def test_sign_changes_between_points_are_interpolated():
    summary = gradcu.sweep(lambda x: (x - 0.123) ** 2, 0, 1, 11, dtype="float64").summary()
    (change,) = summary.sign_changes
    assert change.rising
    assert change.x == pytest.approx(0.123, abs=1e-12)


def test_a_flat_stretch_changes_sign_in_its_middle():
    summary = gradcu.sweep(lambda x: gradcu.relu(x - 1) + gradcu.relu(-1 - x), -3, 3, 601, dtype="float64").summary()
    (change,) = summary.sign_changes
    assert change.rising
    assert change.x == pytest.approx(0, abs=1e-9)


def test_an_infinite_slope_puts_the_change_in_the_middle():
    line = Domain([LinspaceAxis(0, 10, 11, np.dtype("float64"))])
    assert SignChange((2, -math.inf), (3, 5.0), line).x == 2.5
    assert SignChange((2, -math.inf), (3, math.inf), line).x == 2.5


def test_nan_separates():
    summary = gradcu.sweep(lambda x: gradcu.sqrt(x * x - 1), -2, 2, 41).summary()
    assert summary.sign_change_count == 0
    assert summary.rows[0].nan == 19


def test_nan_and_infinity_are_counted_and_passed_over():
    summary = gradcu.sweep(gradcu.log, -1, 1, 5, dtype="float64").summary()
    row = summary.rows[0]
    assert (row.nan, row.infinite, row.minimum, row.minimum_at, row.maximum) == (2, 1, -math.inf, 0, 0)
    everywhere = gradcu.sweep(lambda x: gradcu.log(-1 - x * x), -1, 1, 5).summary().rows[0]
    assert everywhere.nan == 5
    assert math.isnan(everywhere.minimum)
    assert everywhere.minimum_at is None


def test_only_the_first_sign_changes_are_listed():
    summary = gradcu.sweep(gradcu.cos, 0.1, 100 * math.pi - 0.1, 100001, dtype="float64").summary()
    assert summary.sign_change_count == 99
    assert len(summary.sign_changes) == 20
    np.testing.assert_allclose([c.x for c in summary.sign_changes], [k * math.pi for k in range(1, 21)], atol=1e-6)
    assert "f' changes its sign 99 times, the first 20 of them:" in str(summary)


def test_the_table_says_it_all():
    result = gradcu.sweep(lambda x: x**3 - 3 * x**2 + 4, -5, 5, 1001, order=2, device="cpu", engine="numpy")
    table = str(result.summary())
    for part in (
        "function  ",
        "<lambda>",
        "1,001 from -5 to 5, step 0.01, float32",
        "order     2",
        "device    cpu (asked for)",
        "engine    numpy (asked for), 1 thread, blocks of ",
        "time      ",
        "points/s",
        "minimum",
        "f''",
        "-196",
        "f' changes its sign twice:",
        "+ to -",
    ):
        assert part in table, part
    rows = table.split("\n\n")[1].split("\n")
    assert len({len(row) for row in rows}) == 1
    assert repr(result.summary()).split("\n")[0] == table.split("\n")[0]
    assert "order 2" in repr(result)


def test_json_has_no_bare_nan():
    result = gradcu.sweep(lambda x: gradcu.log(x) / x, -1, 1, 101, order=1)
    figures = json.loads(json.dumps(result.summary().as_dict(), allow_nan=False))
    assert figures["num"] == 101
    assert figures["rows"]["f"]["minimum"] == "-inf"
    assert figures["rows"]["d1"]["nan"] == 50
    assert figures["sign_changes"]["of"] == "d1"
    nothing = gradcu.sweep(lambda x: gradcu.log(-1 - x * x), -1, 1, 5, order=0).summary().as_dict()
    assert nothing["rows"]["f"]["minimum"] == "nan"
    assert nothing["rows"]["f"]["minimum_at"] is None
    assert nothing["sign_changes"] is None


def test_high_derivatives_have_a_number():
    table = str(gradcu.sweep(lambda x: x**5, -1, 1, 5, order=4).summary())
    assert "f'''" in table
    assert "f(4)" in table
