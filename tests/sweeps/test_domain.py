"""The points of a sweep: any block of a product of axes is a part of the whole; wrong arguments are named."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu.sweeps.domain import Domain, domain_of
from gradcu.sweeps.grid import Axis, GivenAxis, LinspaceAxis
from gradcu.sweeps.inputs import Inputs

FLOAT = np.dtype("float64")


def given_axis(**arrays: Any) -> GivenAxis:
    return GivenAxis(arrays, FLOAT, {name: name for name in arrays})


@st.composite
def domains(draw: st.DrawFn) -> Domain:
    """Products of one to four axes of few points, some of them given, some of two names, with params or without."""
    names = itertools.count()

    def axis() -> Axis:
        num = draw(st.integers(1, 7))
        if draw(st.booleans()):
            return LinspaceAxis(draw(st.integers(-5, 5)), 6, num, FLOAT, f"n{next(names)}")
        count = draw(st.integers(1, 2))
        return given_axis(**{f"n{next(names)}": np.arange(num) * 1.5 - k for k in range(count)})

    axes = [axis() for _ in range(draw(st.integers(1, 3)))]
    return Domain(axes, axis() if draw(st.booleans()) else None)


def everything(domain: Domain) -> list[np.ndarray]:
    """The coordinates of all points, by numpy.meshgrid of the points' numbers along the axes."""
    numbers = np.meshgrid(*(np.arange(axis.num) for axis in domain.axes), indexing="ij")
    found = {}
    for axis, number in zip(domain.axes, numbers, strict=True):
        for name, values in zip(axis.names, axis.block(0, axis.num), strict=True):
            found[name] = values[number.ravel()]
    return [found[name] for name in domain.names]


class Copied:
    """An evaluator whose outputs are its inputs."""

    def evaluate(self, inputs: Any, shape: Any, first: int, count: int, outputs: Any) -> None:
        for value, output in zip(inputs, outputs, strict=True):
            output[...] = np.broadcast_to(value, shape).ravel()[first : first + count]


@settings(deadline=None)
@given(domains(), st.data())
def test_a_block_is_a_part_of_the_whole(domain: Domain, data: st.DataObject):
    whole = everything(domain)
    assert domain.num == whole[0].size == math.prod(domain.shape)
    first = data.draw(st.integers(0, domain.num - 1))
    count = data.draw(st.integers(1, domain.num - first))
    expected = [column[first : first + count] for column in whole]
    block = domain.block(first, count)
    rows = [np.empty(count) for _ in domain.names]
    Inputs(domain).evaluate(Copied(), first, None, rows)
    for found, read, wanted in zip(block, rows, expected, strict=True):
        np.testing.assert_array_equal(found, wanted)
        np.testing.assert_array_equal(read, wanted)
    place = domain.place(first)
    values = list(place.values()) if isinstance(place, dict) else [place]
    assert values == [column[0] for column in expected]


def test_an_axis_may_have_more_points_than_memory():
    long = LinspaceAxis(0, 1, 10**15 + 1, FLOAT, "v")
    for axes in ([LinspaceAxis(0, 1, 3, FLOAT, "u"), long], [long, LinspaceAxis(0, 1, 3, FLOAT, "u")]):
        domain = Domain(axes)
        for first in (0, domain.num // 2 - 7, domain.num - 15):
            columns = domain.block(first, 15)
            rows = [np.empty(15), np.empty(15)]
            Inputs(domain).evaluate(Copied(), first, None, rows)
            for column, row in zip(columns, rows, strict=True):
                np.testing.assert_array_equal(column, row)
        assert domain.place(domain.num - 1) == {axis.names[0]: 1.0 for axis in axes}


def test_trial_points_are_from_everywhere_and_finite():
    axis = given_axis(u=[math.nan, 1, 2, math.inf], v=[0, 5, 6, 7])
    assert {tuple(point) for point in axis.sample(61).T.tolist()} == {(1, 5), (2, 6)}
    assert np.isnan(given_axis(u=[math.nan]).sample(3)).all()
    u, v = Domain([LinspaceAxis(0, 1, 2, FLOAT, "u"), LinspaceAxis(0, 1, 900, FLOAT, "v")]).sample(61)
    for column in (u, v):
        np.testing.assert_allclose(np.sort(column), np.linspace(0, 1, 61), atol=1e-15)
    assert abs(np.corrcoef(u, v)[0, 1]) < 0.5


def test_which_points_are_one_row():
    assert Domain([LinspaceAxis(1, 1, 3, FLOAT)]).sorted
    assert Domain([given_axis(x=[3, 2, 1])]).sorted
    for points in ([1, 3, 2], [1, 1, 2], [1, math.nan, 2]):
        assert not Domain([given_axis(x=points)]).sorted
    assert not Domain([given_axis(u=[1, 2], v=[1, 2])]).sorted
    assert not Domain([LinspaceAxis(0, 1, 3, FLOAT)], given_axis(a=[1])).sorted


@pytest.mark.parametrize("kind", [list, tuple, np.array, gradcu.tensor, lambda values: np.array(values, np.int8)])
def test_points_of_any_kind(kind: Any):
    axis = given_axis(x=kind([3, 1, 2]))
    assert axis.block(0, 3).tolist() == [[3, 1, 2]]
    assert axis.values.dtype == FLOAT


def test_points_are_the_sweeps_own():
    points = np.array([1.0, 2.0])
    axis = given_axis(x=points)
    points[0] = 9
    assert axis.block(0, 2).tolist() == [[1, 2]]
    with pytest.raises(ValueError, match="read-only"):
        axis.block(0, 2)[0, 0] = 1


LINE = {"start": 0, "stop": 1, "num": 3}
GRID = {"grid": {"u": (0, 1, 3)}}
WRONG = [
    ({}, TypeError, "a sweep takes start, stop and num, or grid, or points, and none is given"),
    (LINE | GRID, TypeError, "or points, not start, stop and num together with grid"),
    ({"start": 0} | GRID, TypeError, "not start, stop and num together with grid"),
    (GRID | {"points": [1]}, TypeError, "not grid together with points"),
    ({"start": 0, "stop": 1}, TypeError, r"num must be a whole number, at least 1, not None \(NoneType\)"),
    ({"grid": [(0, 1, 3)]}, TypeError, r"grid must be a dict such as \{\"u\": \(0, 1, 1000\)\}, not \[\(0, 1, 3\)\]"),
    ({"grid": {}}, ValueError, "grid must have at least one entry; it is empty"),
    ({"grid": {"u": (0, 1)}}, ValueError, r"grid\['u'\] must be \(start, stop, num\), not \(0, 1\)"),
    ({"grid": {"u": [0, 1, 3]}}, TypeError, r"grid\['u'\] must be a tuple \(start, stop, num\) or an array"),
    ({"grid": {"u": (0, math.nan, 3)}}, ValueError, r"grid\['u'\]: stop must be finite, not nan"),
    ({"grid": {"u": (0, 1, 0)}}, ValueError, r"grid\['u'\]: num must be a whole number, at least 1, not 0"),
    ({"grid": {"u": np.zeros((2, 2))}}, ValueError, r"grid\['u'\] must be one-dimensional, not of shape \(2, 2\)"),
    ({"grid": {"2u": (0, 1, 3)}}, ValueError, "grid: '2u' is no name of a variable"),
    ({"grid": {"if": (0, 1, 3)}}, ValueError, "grid: 'if' is no name of a variable"),
    ({"grid": {1: (0, 1, 3)}}, ValueError, "grid: 1 is no name of a variable"),
    ({"points": 3.0}, ValueError, r"points must be one-dimensional, not of shape \(\)"),
    ({"points": []}, ValueError, "points must have at least one value; it is empty"),
    ({"points": ["a"]}, TypeError, r"points must be an array of real numbers, not \['a'\] \(list\)"),
    ({"points": [1j]}, TypeError, r"points must be an array of real numbers, not \[1j\] \(list\)"),
    ({"points": [[1], [1, 2]]}, TypeError, "points must be an array of real numbers"),
    ({"points": "abc"}, TypeError, r"points must be an array of real numbers, not 'abc' \(str\)"),
    ({"points": [1.0, -1e39]}, ValueError, r"points has -1e\+39, which is beyond the range of float32"),
    (
        {"points": {"u": [1, 2], "v": [1, 2, 3]}},
        ValueError,
        r"points\['u'\] and points\['v'\] must be equally long: they have 2 and 3 values",
    ),
    ({"points": {"u": []}}, ValueError, r"points\['u'\] must have at least one value; it is empty"),
    (LINE | {"params": [1, 2]}, TypeError, r"params must be a dict such as \{\"a\": array\}, not \[1, 2\]"),
    (LINE | {"params": {}}, ValueError, "params must have at least one entry; it is empty"),
    (LINE | {"params": {"a": 2.0}}, ValueError, r"params\['a'\] must be one-dimensional, not of shape \(\)"),
    (LINE | {"params": {"a": [1], "b": [1, 2]}}, ValueError, r"params\['a'\] and params\['b'\] must be equally long"),
    (LINE | {"params": {"x": [1]}}, ValueError, "params has 'x', which is a variable of the sweep"),
]


@pytest.mark.parametrize(("arguments", "error", "message"), WRONG, ids=[str(case[0]) for case in WRONG])
def test_wrong_arguments_are_named(arguments: dict[str, Any], error: type, message: str):
    with pytest.raises(error, match=message):
        gradcu.sweep(lambda *values: values[0], **arguments)


def test_the_kinds_of_domains():
    domain = domain_of(None, None, None, {"u": (0, 1, 3), "v": np.arange(4)}, None, {"a": [1, 2], "b": [3, 4]}, FLOAT)
    assert (domain.variables, domain.params, domain.shape) == (("u", "v"), ("a", "b"), (2, 3, 4))
    assert domain.line is None
    assert domain_of(0, 1, 5, None, None, None, FLOAT).line is not None
    assert domain_of(None, None, None, None, {"u": [1], "v": [2]}, None, FLOAT).shape == (1,)
