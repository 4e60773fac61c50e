"""Partial derivatives of several variables: complete, right against mpmath, and few lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu.fuse.partials import Counts, multi_indices
from gradcu.fuse.program import Program
from gradcu.fuse.trace import UntraceableError, program

FLOAT64 = np.dtype("float64")


@given(variables=st.integers(1, 4), order=st.integers(0, 5))
def test_every_partial_derivative_stands_once_behind_those_it_is_a_derivative_of(variables: int, order: int):
    found = multi_indices(variables, order)
    expected = {counts for counts in np.ndindex(*(order + 1,) * variables) if sum(counts) <= order}
    assert set(found) == expected
    assert len(found) == len(expected)
    assert [sum(counts) for counts in found] == sorted(map(sum, found))
    assert found[: 1 + variables * (order > 0)] == [
        (0,) * variables,
        *(tuple(int(i == j) for j in range(variables)) for i in range(variables) if order),
    ]


def values(made: Program, inputs: Sequence[np.ndarray | np.generic]) -> list[np.ndarray]:
    """The outputs of a program, line by line, by the ops' own forwards."""
    named = dict(zip(made.inputs, inputs, strict=True))
    found: list[Any] = []

    def value(reference: Any) -> Any:
        return found[reference] if isinstance(reference, int) else named.get(str(reference), reference)

    with np.errstate(all="ignore"):
        for line in made.lines:
            found.append(line.op.numpy(*map(value, line.operands), *line.statics))
    return [np.broadcast_to(value(output), inputs[0].shape) for output in made.outputs]


def by_autograd(f: Callable[..., Tensor], inputs: Sequence[np.ndarray], counts: Counts) -> np.ndarray:
    """One partial derivative, by the autograd, by earlier variables first."""
    variables = [gradcu.tensor(x, requires_grad=True) for x in inputs]
    value: Any = f(*variables)
    for variable, count in zip(variables, counts, strict=True):
        for _ in range(count):
            if value is not None and value.requires_grad:
                ones = gradcu.ones_like(value)
                (value,) = gradcu.autograd.grad(value, variable, ones, create_graph=True, allow_unused=True)
            else:
                value = None
    return np.zeros_like(inputs[0]) if value is None else value.detach().numpy()


# A function, the same in mpmath, and points, a row each.
SMOOTH: dict[str, tuple[Callable[..., Tensor], Callable[..., Any], list[list[float]]]] = {
    "wave": (
        lambda u, v: gradcu.exp(-u * v / 8) * gradcu.sin(3 * u + v),
        lambda u, v: mpmath.exp(-u * v / 8) * mpmath.sin(3 * u + v),
        [[0.0, 0.0], [0.7, -1.3], [-2.1, 0.4]],
    ),
    "runge": (
        lambda u, v: 1 / (1 + u**2 + v**2),
        lambda u, v: 1 / (1 + u**2 + v**2),
        [[0.0, 0.5], [1.2, -0.3]],
    ),
    "chain": (
        lambda u, v: gradcu.tanh(gradcu.sin(u) * v + u / 2) * gradcu.exp(-(v**2) / 50),
        lambda u, v: mpmath.tanh(mpmath.sin(u) * v + u / 2) * mpmath.exp(-(v**2) / 50),
        [[0.3, 0.9], [-1.1, 2.0]],
    ),
    "power": (lambda u, v: u**v, lambda u, v: u**v, [[1.5, 2.25], [0.5, -1.5]]),
    "quotient": (
        lambda u, v: gradcu.log(u) / v + v**7 / (u + v) - u.atan2(v),
        lambda u, v: mpmath.log(u) / v + v**7 / (u + v) - mpmath.atan2(u, v),
        [[1.5, 2.25], [0.5, -1.5]],
    ),
    "one variable alone": (lambda u, v: gradcu.sin(v) + 0 * u, lambda u, v: mpmath.sin(v), [[0.5, 1.0]]),
    "pieces": (
        lambda u, v: gradcu.where(u > v, u * u * gradcu.sin(v), gradcu.exp(u * v)) + gradcu.relu(u * v) ** 3,
        lambda u, v: (u * u * mpmath.sin(v) if u > v else mpmath.exp(u * v)) + (u * v if u * v > 0 else 0) ** 3,
        [[1.5, 0.5], [0.5, 1.5], [1.0, -2.0], [-2.0, 1.0]],
    ),
    "three": (
        lambda u, v, w: gradcu.exp(-u * v / 8) * gradcu.sin(3 * u + v * w) + gradcu.sqrt(2 + u * w),
        lambda u, v, w: mpmath.exp(-u * v / 8) * mpmath.sin(3 * u + v * w) + mpmath.sqrt(2 + u * w),
        [[0.0, 0.0, 0.0], [0.7, -1.3, 0.4], [-0.6, 0.4, 1.9]],
    ),
    "three in a row": (lambda u, v, w: u**3 * v**2 * w, lambda u, v, w: u**3 * v**2 * w, [[0.5, -1.5, 2.5]]),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_partials_to_the_fourth_order_agree_with_mpmath(name: str):
    f, reference, points = SMOOTH[name]
    made = program(f, FLOAT64, 4, variables=len(points[0]))
    found = values(made, list(np.array(points).T))
    assert list(made.inputs) == [f"x{number}" for number in range(len(points[0]))]
    with mpmath.workdps(50):
        for column, point in enumerate(points):
            expected = [
                float(mpmath.diff(reference, tuple(map(mpmath.mpf, point)), counts))
                for counts in multi_indices(len(point), 4)
            ]
            # A derivative that is small by cancellation has the error of its neighbours.
            scale = max(map(abs, expected))
            np.testing.assert_allclose([row[column] for row in found], expected, rtol=1e-12, atol=1e-13 * scale)


GATED: dict[str, Callable[..., Tensor]] = {
    "root of relu": lambda u, v: gradcu.sqrt(gradcu.relu(u)) * v,
    "choice": lambda u, v: gradcu.where(u > v, gradcu.sqrt(u - v), u * u * v),
    "clamp": lambda u, v: gradcu.clamp(u * v, -1, 1) ** 4,
    "maximum": lambda u, v: gradcu.maximum(u, v * v) * u,
    "choice by the second": lambda u, v: gradcu.where(v > 0, gradcu.log(v), v) * u,
    "rounding": lambda u, v: gradcu.floor(u) * gradcu.exp(v) * u,
}


@pytest.mark.parametrize("name", GATED)
def test_partials_of_choices_are_nan_where_eager_says_so(name: str):
    u, v = (grid.ravel() for grid in np.meshgrid([-2.5, -0.5, 0.25, 1.5], [-1.25, -0.5, 0.75, 2.0]))
    found = values(program(GATED[name], FLOAT64, 4, variables=2), [u, v])
    for counts, row in zip(multi_indices(2, 4), found, strict=True):
        np.testing.assert_allclose(row, by_autograd(GATED[name], [u, v], counts), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", SMOOTH)
def test_the_first_two_orders_are_the_autograds(name: str):
    f, _, points = SMOOTH[name]
    inputs = list(np.array(points).T)
    found = values(program(f, FLOAT64, 4, variables=len(inputs)), inputs)
    for counts, row in zip(multi_indices(len(inputs), 2), found, strict=False):
        # NumPy's loops may round the last elements of an array differently.
        np.testing.assert_allclose(row, by_autograd(f, inputs, counts), rtol=4e-16, atol=1e-300)


# Lines for orders 0 to 5, at which there are 1, 3, 6, 10, 15 and 21 partial derivatives of two variables.
LINES = {
    "wave": [7, 15, 42, 116, 223, 384],
    "runge": [5, 12, 27, 65, 100, 146],
    "chain": [9, 22, 62, 134, 227, 370],
    "power": [1, 16, 36, 69, 130, 221],
    "three": [12, 28, 80, 249, 516, 976],
}


@pytest.mark.parametrize("name", LINES)
def test_programs_grow_as_the_number_of_partials_does(name: str):
    f, _, points = SMOOTH[name]
    counts = [len(program(f, FLOAT64, order, variables=len(points[0])).lines) for order in range(6)]
    assert all(count <= most for count, most in zip(counts, LINES[name], strict=True)), counts
    assert counts[5] <= 24 * len(multi_indices(len(points[0]), 5)), counts


def test_parameters_are_not_differentiated():
    def f(x: Tensor, a: Tensor, b: Tensor) -> Tensor:
        return gradcu.sin(a * x) * b

    made = program(f, FLOAT64, 3, parameters=2)
    assert list(made.inputs) == ["x", "p0", "p1"]
    x = np.linspace(-1, 1, 5)
    found = values(made, [x, np.float64(1.5), np.float64(2.0)])
    expected = [np.sin(1.5 * x) * 2, 3 * np.cos(1.5 * x), -4.5 * np.sin(1.5 * x), -6.75 * np.cos(1.5 * x)]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_a_parameter_alone_has_zero_derivatives():
    made = program(lambda x, y, a: (x * 0 + a) * y.detach(), FLOAT64, 3, variables=2, parameters=1)
    found = values(made, [np.ones(3), np.full(3, 2.0), np.float64(4.0)])
    np.testing.assert_array_equal(found[0], np.full(3, 8.0))
    np.testing.assert_array_equal(found[1:], np.zeros((9, 3)))


def test_a_derivative_through_one_variable_only_is_kept_from_the_other():
    def f(u: Tensor, v: Tensor) -> Tensor:
        return u**3 * gradcu.exp(v.detach()) + v

    u, v = np.array([0.5, 2.0]), np.array([1.0, -1.0])
    found = dict(zip(multi_indices(2, 3), values(program(f, FLOAT64, 3, variables=2), [u, v]), strict=True))
    np.testing.assert_allclose(found[2, 0], 6 * u * np.exp(v), rtol=1e-15)
    np.testing.assert_allclose(found[3, 0], 6 * np.exp(v), rtol=1e-15)
    np.testing.assert_array_equal(found[0, 1], np.ones(2))
    for counts in [(1, 1), (2, 1), (1, 2), (0, 3)]:
        np.testing.assert_array_equal(found[counts], np.zeros(2))


def test_what_cannot_be_traced_of_several_variables_is_refused():
    with pytest.raises(UntraceableError, match="leaf"):
        program(lambda u, v: (u * v).detach().requires_grad_(), FLOAT64, 1, variables=2)
    with pytest.raises(UntraceableError, match=r"returns shape \(\)"):
        program(lambda x, a: a * 2, FLOAT64, 1, parameters=1)
    with pytest.raises(UntraceableError, match="TypeError"):
        program(lambda u: u, FLOAT64, 1, variables=2)
