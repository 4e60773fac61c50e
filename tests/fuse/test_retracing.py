"""A function is called at every sweep, and what was derived from the same steps before is used again; never more."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.autograd import Function, grad
from gradcu.fuse import trace, traced
from gradcu.fuse.steps import Steps
from gradcu.fuse.trace import UntraceableError, program
from gradcu.sweeps import choice

FLOAT32 = np.dtype("float32")


@pytest.fixture
def derivations(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The orders of all derivations made from here on, beginning with nothing known."""
    orders: list[int] = []
    derive = trace.partials

    def counted(*arguments: Any) -> Any:
        orders.append(max(map(sum, arguments[-1])))
        return derive(*arguments)

    monkeypatch.setattr(trace, "partials", counted)
    monkeypatch.setattr(trace, "_known", Steps())
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
    "operand's type": (lambda x: x * 3.0, lambda x: x * 3),
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


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch):
    known = Steps(most=100)
    monkeypatch.setattr(trace, "_known", known)
    counts: list[int] = []
    for k in range(200):
        program(lambda x, k=k: gradcu.sin(x * k) + x, FLOAT32, 1)
        counts.append(known.count)
    assert 100 < max(counts) < 120
    assert counts[-1] < counts[-100] + 100


class Twice(Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: Any) -> Tensor:
        return gradient * 20


def leaf(x: Tensor) -> Tensor:
    return (x * 2).detach().requires_grad_()


def leaf_of_x(x: Tensor) -> Tensor:
    return x.detach().requires_grad_() * 2


def hooked(x: Tensor) -> Tensor:
    y = x * 2
    y.register_hook(lambda gradient: gradient * 10)
    return y


def hooked_node(x: Tensor) -> Tensor:
    y = x * 2
    assert y.grad_fn is not None
    y.grad_fn.register_prehook(lambda gradients: (gradients[0] * 10,))
    return y


def hooked_argument(x: Tensor) -> Tensor:
    x.register_hook(lambda gradient: gradient * 10)
    return x * 2


def retained(x: Tensor) -> Tensor:
    y = x * 2
    y.retain_grad()
    return y


def caught(x: Tensor) -> Tensor:
    y = x * 2
    with suppress(Exception):
        y.register_hook(lambda gradient: gradient * 10)
    return y


def looked_at(x: Tensor) -> Tensor:
    y = x * 2
    assert y.grad_fn is not None
    assert not y.is_leaf
    return y


def slope(x: Tensor) -> Tensor:
    y = x * 2
    (found,) = grad(gradcu.sin(y), x, gradcu.ones_like(y), create_graph=True)
    return y * found


def without_gradient(x: Tensor) -> Tensor:
    with gradcu.no_grad():
        return x * 2


def in_place(x: Tensor) -> Tensor:
    y = x * 1
    y *= 2
    return y


def frozen(x: Tensor) -> Tensor:
    x.requires_grad_(False)
    return x * 2


ODD = (
    Twice.apply, leaf, leaf_of_x, hooked, hooked_node, hooked_argument, retained, caught, looked_at, slope,
    without_gradient, in_place, frozen,
)  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: getattr(odd, "__name__", "?"))
@pytest.mark.parametrize("then", [lambda y: y, lambda y: gradcu.sin(y) * y, lambda y: gradcu.where(y > 0, y, -y)])
def test_known_steps_change_nothing(odd: Any, then: Any, monkeypatch: pytest.MonkeyPatch):
    def outcome() -> str:
        try:
            made = program(lambda x: then(odd(x)), FLOAT32, 2)
        except UntraceableError as error:
            return str(error)
        return f"{made.key} {made.graph_lost}"

    monkeypatch.setattr(trace, "_known", Steps())
    alone = outcome()
    for known in (lambda x: x * 2, lambda x: x * 1 * 2, lambda x: (x * 2).detach(), lambda x: x.detach() * 2):
        program(lambda x, known=known: then(known(x)), FLOAT32, 2)
        assert outcome() == alone


def test_known_steps_are_followed_without_a_graph(monkeypatch: pytest.MonkeyPatch):
    recorded: list[Any] = []
    edges: list[Any] = []
    check = trace._check_graph
    monkeypatch.setattr(trace, "_check_graph", lambda *arguments: recorded.append(arguments) or check(*arguments))

    def f(x: Tensor) -> Tensor:
        y = gradcu.tanh(gradcu.sin(x) ** 2 + x / 2) * gradcu.exp(-(x**2) / 50)
        edges.append(y._edge)
        return y

    program(f, FLOAT32, 1)
    recorded.clear()
    edges.clear()
    program(f, FLOAT32, 1)
    assert not recorded
    assert [type(edge) for edge in edges] == [traced._Unmade]


def test_threads_follow_steps_of_their_own():
    functions = [lambda x, k=k: gradcu.sin(x * k) + gradcu.exp(x / (k + 1)) for k in range(4)]
    expected = [program(f, FLOAT32, 1).key for f in functions]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: program(functions[k % 4], FLOAT32, 1).key, range(200)))
    assert found == [expected[k % 4] for k in range(200)]


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
