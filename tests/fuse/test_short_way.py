"""Ops on pending operands of one dtype go a shorter way than the recorder's, to the same steps, nodes and programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor, _record
from gradcu._op import FUNCTIONS, OPS, Op
from gradcu.fuse.trace import program

FLOAT = np.dtype("float32")
CALLS: dict[str, tuple[Callable[..., Any], Callable[[Any, Tensor], Any]]] = {
    "of one": (lambda op: len(op.operands) == 1 and not op.statics, lambda call, x: call(x)),
    "of two": (lambda op: len(op.operands) == 2 and not op.statics, lambda call, x: call(x, x * 2)),
    "a number first": (lambda op: len(op.operands) == 2 and not op.statics, lambda call, x: call(2, x)),
    "a number last": (lambda op: len(op.operands) == 2 and not op.statics, lambda call, x: call(x, 0.5)),
    "a constant last": (lambda op: len(op.operands) == 2 and not op.statics, lambda call, x: call(x, x.detach())),
}


def cases() -> list[Any]:
    return [
        pytest.param(op, call, id=f"{op.name} {name}")
        for name, (fits, call) in CALLS.items()
        for op in OPS.values()
        if op.elementwise and op.name in FUNCTIONS and fits(op)
    ]


def outcome(f: Callable[[Tensor], Tensor]) -> Any:
    """The program, or why there is none; and the nodes of the graph that f leaves."""
    names: list[str] = []

    def listing(x: Tensor) -> Tensor:
        # What is known is traced once, and all else twice.
        names.clear()
        y = f(x)
        waiting: list[Any] = [y.grad_fn]
        while waiting:
            node = waiting.pop()
            if node is not None:
                names.append(f"{node.name()} {getattr(node, 'statics', None)}")
                waiting += [function for function, _ in node.next_functions]
        return y

    try:
        return program(listing, FLOAT, order=2).key, names
    except Exception as error:
        return str(error), names


@pytest.mark.parametrize(("op", "call"), cases())
def test_programs_and_nodes_are_those_of_the_recorder(op: Op, call: Callable[[Any, Tensor], Any]):
    short = outcome(lambda x: call(FUNCTIONS[op.name], x))
    assert short == outcome(lambda x: call(lambda *values: _record.apply(op, list(values)), x))


def test_a_traced_expression_never_enters_the_general_recorder(monkeypatch: pytest.MonkeyPatch):
    entered: list[str] = []
    apply = _record.apply
    monkeypatch.setattr(_record, "apply", lambda op, values: entered.append(op.name) or apply(op, values))

    def f(x: Tensor) -> Tensor:
        y = gradcu.tanh(gradcu.sin(x) ** 2 + x / 2) * gradcu.exp(-(x**2) / 50)
        entered.append("done")
        return y

    program(f, FLOAT, order=0)
    assert set(entered) == {"done"}


def test_arrays_of_a_compiled_function_never_enter_the_general_recorder(monkeypatch: pytest.MonkeyPatch):
    def f(x: Tensor, y: Tensor) -> Tensor:
        return gradcu.tanh(-x * y + x / 2) * gradcu.exp(3 * y**2) - y

    x, y = (gradcu.linspace(-1, 1, 1 << 15, dtype=gradcu.float64) for _ in range(2))
    x.requires_grad_()
    expected = f(x, y)
    (slope,) = gradcu.autograd.grad(expected.sum(), x)
    compiled = gradcu.compile(f)
    compiled(x, y)
    entered: list[str] = []
    apply = _record.apply
    monkeypatch.setattr(_record, "apply", lambda op, values: entered.append(op.name) or apply(op, values))
    found = compiled(x, y)
    assert entered == []
    np.testing.assert_allclose(found.numpy(force=True), expected.numpy(force=True), rtol=1e-14, atol=1e-14)
    np.testing.assert_allclose(gradcu.autograd.grad(found.sum(), x)[0].numpy(), slope.numpy(), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("view", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64"])
def test_operands_that_the_short_way_is_not_for_are_recorded_all_the_same(dtype: str, view: bool):
    def f(x: Tensor, y: Tensor) -> Tensor:
        return gradcu.cos(x) * y - y / x

    x = gradcu.linspace(-1, 1, 1 << 15, dtype=gradcu.float64, requires_grad=True)
    y = gradcu.arange(1, 1 + (1 << 15)).to(dtype)
    first = x.reshape(2, -1)[1] if view else x
    second = y[1 << 14 :] if view else y
    found, expected = gradcu.compile(f)(first, second), f(first, second)
    assert found.dtype == expected.dtype
    np.testing.assert_allclose(found.numpy(force=True), expected.numpy(force=True), rtol=1e-13)
    slopes = [gradcu.autograd.grad(result.sum(), x, retain_graph=True)[0].numpy() for result in (found, expected)]
    np.testing.assert_allclose(*slopes, rtol=1e-12)


def test_operands_of_two_dtypes_are_promoted():
    made = program(lambda x: x.double() * x, FLOAT, order=0)
    assert [str(line.dtype) for line in made.lines] == ["float64", "float64", "float32"]
