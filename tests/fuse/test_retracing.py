"""A function is called at every sweep, and what was derived from the same steps before is used again; never more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse import trace
from gradcu.fuse.trace import UntraceableError, program
from gradcu.sweeps import choice

FLOAT32 = np.dtype("float32")


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The orders of all derivations made from here on, beginning with nothing known."""
    orders: list[int] = []
    derive = trace.partials

    def counted(*arguments: Any) -> Any:
        orders.append(arguments[-1])
        return derive(*arguments)

    monkeypatch.setattr(trace, "partials", counted)
    monkeypatch.setattr(trace, "_known", {})
    return orders


def test_derivatives_are_taken_once(derivations: list[int]):
    calls: list[int] = []

    def f(x: Tensor) -> Tensor:
        calls.append(x.ndim)
        return gradcu.sin(x * 2) * x

    first = program(f, FLOAT32, 2)
    assert len(calls) == 2
    assert program(f, FLOAT32, 2) is first
    assert program(lambda x: gradcu.sin(x * 2) * x, FLOAT32, 2) is first
    assert derivations == [2]
    assert len(calls) == 3
    assert program(f, FLOAT32, 1) is not first
    assert program(f, np.dtype("float64"), 2) is not first
    assert derivations == [2, 1, 2]


def test_a_closure_that_changes_changes_the_program(derivations: list[int]):
    settings = {"factor": 2.0}

    def f(x: Tensor) -> Tensor:
        return x * settings["factor"] + gradcu.exp(x)

    results = []
    for factor in (2.0, 3.0, 2.0):
        settings["factor"] = factor
        results.append(gradcu.sweep(f, 0, 1, 11).derivative(1)[0].item())
    assert results == [3.0, 4.0, 3.0]
    assert derivations == [1, 1]


# What computes the same values may have derivatives that are rounded otherwise, or none.
TWINS: dict[str, tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "held": (lambda x: x * x, lambda x: x.detach() * x),
    "detached result": (lambda x: gradcu.sin(x), lambda x: gradcu.sin(x).detach()),
    "fourth power": (lambda x: x**4, lambda x: (x * x) * (x * x)),
    "signed zero": (lambda x: x + 0.0, lambda x: x + -0.0),
    "number below float32": (lambda x: x * 0.1, lambda x: x * 0.10000000149011612),
    "number's type": (lambda x: x**3, lambda x: x**3.0),
    "order of operands": (lambda x: gradcu.exp(x) - x, lambda x: x - gradcu.exp(x)),
}


@pytest.mark.parametrize("name", TWINS)
def test_alike_is_not_the_same(name: str, derivations: list[int]):
    for f in TWINS[name]:
        program(f, FLOAT32, 1)
    assert derivations == [1, 1]


def test_the_number_of_points_is_no_constant(derivations: list[int]):
    length = trace._LENGTHS[0]
    program(lambda x: x / length, FLOAT32, 1)
    ones = gradcu.ones(length)
    program(lambda x: x * gradcu.ones_like(x), FLOAT32, 1)
    for f in (
        lambda x: x / x.shape[0],
        lambda x: x / len(x),
        lambda x: x / x.numel(),
        lambda x: x / x.size(0),
        lambda x: x / float(np.prod(tuple(x.shape))),
        lambda x: x * ones,
    ):
        with pytest.raises(UntraceableError, match=r"number of points|another shape|broadcast|it needs"):
            program(f, FLOAT32, 1)
    assert derivations == [1, 1]


def test_a_hook_is_seen_where_the_steps_are_known(derivations: list[int]):
    def f(x: Tensor) -> Tensor:
        y = x * 5
        if hooked:
            y.register_hook(lambda gradient: gradient * 10)
        return gradcu.sin(y)

    hooked = False
    program(f, FLOAT32, 1)
    hooked = True
    with pytest.raises(UntraceableError, match="hooks"):
        program(f, FLOAT32, 1)
    assert derivations == [1]


def test_what_is_kept_is_bounded(derivations: list[int]):
    for k in range(trace._MOST_KNOWN + 10):
        program(lambda x, k=k: x * k, FLOAT32, 0)
    assert 0 < len(trace._known) <= trace._MOST_KNOWN


def test_a_trace_dies_with_its_last_name():
    traces: list[weakref.ref[Any]] = []

    def f(x: Tensor) -> Tensor:
        # Traces themselves have no room for a reference.
        traces.append(weakref.ref(x))
        return gradcu.sin(x) * 2 + x

    gc.disable()
    try:
        program(f, FLOAT32, 3)
        assert [reference() for reference in traces] == [None] * len(traces)
    finally:
        gc.enable()


def test_only_what_cannot_be_traced_is_tried_on_points(monkeypatch: pytest.MonkeyPatch):
    tried: list[Any] = []
    check = choice.check_elementwise
    monkeypatch.setattr(choice, "check_elementwise", lambda f, *rest: tried.append(f) or check(f, *rest))
    gradcu.sweep(gradcu.cos, 0, 1, 11)
    assert not tried

    def with_branch(x: Tensor) -> Tensor:
        return x if bool((x == x).all()) else -x

    assert gradcu.sweep(with_branch, 0, 1, 11).summary().engine == "eager"
    assert tried == [with_branch]
    gradcu.sweep(gradcu.cos, 0, 1, 11, engine="eager")
    assert tried == [with_branch, gradcu.cos]
    with pytest.raises(ValueError, match="not elementwise"):
        gradcu.sweep(lambda x: x / x.shape[0], 0, 1, 11)
    with pytest.raises(TypeError, match="must return a Tensor, not float"):
        gradcu.sweep(lambda x: 1.5, 0, 1, 11, engine="numpy")  # type: ignore[arg-type, return-value]
