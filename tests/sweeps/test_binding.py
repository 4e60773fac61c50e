"""How f gets the coordinates: by keyword where its parameters have their names, by position where not."""

import functools
from typing import Any

import pytest

import gradcu
from gradcu import Tensor
from gradcu.sweeps.binding import bound
from gradcu.sweeps.domain import domain_of
from gradcu.sweeps.grid import checked_dtype

FLOAT = checked_dtype("float64")
PLANE = {"u": (2, 2, 1), "v": (3, 3, 1)}


def called(f: Any, grid: Any = None, points: Any = None, params: Any = None) -> Any:
    """What f makes of the name of each coordinate."""
    domain = domain_of(None, None, None, grid, points, params, FLOAT)
    given: Any = domain.names
    return bound(f, domain)(*given)


class Method:
    def scaled(self, v: Any, u: Any) -> Any:
        return u, v

    def __call__(self, v: Any, u: Any) -> Any:
        return u, v


@pytest.mark.parametrize(
    "f",
    [
        lambda u, v: (u, v),
        lambda v, u: (u, v),
        lambda a, b: (a, b),
        lambda *values: values,
        lambda a, b, k=2: (a, b),
        lambda *, v, u: (u, v),
        lambda v, u, k=2: (u, v),
        Method().scaled,
        Method(),
        functools.partial(lambda k, v, u: (u, v), 5),
    ],
)
def test_two_variables_arrive_in_their_places(f: Any):
    assert called(f, grid=PLANE) == ("u", "v")


@pytest.mark.parametrize(
    "f",
    [
        lambda x, a, b: (x, a, b),
        lambda t, b, a: (t, a, b),
        lambda b, a, x: (x, a, b),
        lambda t, *, b, a: (t, a, b),
        lambda t, p, q: (t, p, q),
    ],
)
def test_params_arrive_in_their_places(f: Any):
    assert called(f, points=[1], params={"a": [1], "b": [2]}) == ("x", "a", "b")


def test_variables_by_position_go_with_params_by_keyword():
    assert called(lambda p, q, a: (p, q, a), grid=PLANE, params={"a": [1]}) == ("u", "v", "a")


@pytest.mark.parametrize(
    ("f", "arguments", "message"),
    [
        (lambda u: u, {"grid": PLANE}, r"<lambda>\(u\) does not take the variables u and v: too many positional"),
        (lambda u, v, w: u, {"grid": PLANE}, r"<lambda>\(u, v, w\) does not take the variables u and v: missing a req"),
        (lambda p, u: p, {"grid": PLANE}, r"<lambda>\(p, u\) takes u where the sweep passes v; its parameters must be"),
        (
            lambda a, x2: a,
            {"points": [1], "params": {"a": [1]}},
            r"<lambda>\(a, x2\) does not take the variable x and the param a: multiple values for argument 'a'",
        ),
        (lambda x: x, {"points": [1], "params": {"a": [1]}}, r"does not take the variable x and the param a"),
    ],
)
def test_what_does_not_fit_is_named(f: Any, arguments: dict[str, Any], message: str):
    with pytest.raises(TypeError, match=message):
        called(f, **arguments)


def test_a_function_of_x_alone_is_called_as_ever():
    def f(t: Tensor, scale: float = 2.0) -> Tensor:
        return t * scale

    assert bound(f, domain_of(0, 1, 3, None, None, None, FLOAT)) is f
    assert gradcu.sweep(f, points=[1, 2]).y.tolist() == [2, 4]


def test_functions_without_a_signature_take_positions(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("inspect.signature", lambda f: (_ for _ in ()).throw(ValueError("no signature")))
    assert called(lambda v, u: (v, u), grid=PLANE) == ("u", "v")


def test_the_functions_of_gradcu_are_functions_of_two_variables():
    assert gradcu.sweep(gradcu.atan2, grid=PLANE, dtype="float64").partial("u").item() == pytest.approx(3 / 13)
