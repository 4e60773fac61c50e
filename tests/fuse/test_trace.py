"""What can be traced gives eager's results; what cannot is refused, whatever the function makes of the refusal."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse import trace
from gradcu.fuse.steps import Steps
from gradcu.fuse.trace import UntraceableError, program
from tests.fuse.sampled import eagerly, fused

SCALE = gradcu.tensor(1.5, dtype=gradcu.float64)
WEIGHT = gradcu.tensor(0.75, requires_grad=True)
ROW = gradcu.tensor([1.0, 2.0, 3.0])


class Square(gradcu.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # Not the derivative of forward, so that a trace of forward would show.
        (x,) = ctx.saved_tensors
        return gradient * (3 * x)


def without_grad(x: Tensor) -> Tensor:
    with gradcu.no_grad():
        factor = gradcu.sin(x)
    return factor * x


def with_inner_derivative(x: Tensor) -> Tensor:
    y = gradcu.sin(x) * x
    (slope,) = gradcu.autograd.grad(y, x, gradcu.ones_like(y), create_graph=True)
    return slope * slope + y


def with_inner_value(x: Tensor) -> Tensor:
    y = gradcu.exp(-x * x)
    (slope,) = gradcu.autograd.grad(y, x, gradcu.ones_like(y))
    return slope * x


def long_chain(x: Tensor) -> Tensor:
    y = x
    for _ in range(1000):
        y = y * 0.999 + 0.001
    return gradcu.sin(y)


TRACEABLE: dict[str, Callable[[Tensor], Any]] = {
    "identity": lambda x: x,
    "constant": lambda x: gradcu.full_like(x, 3),
    "constant beside x": lambda x: gradcu.ones_like(x) * 2 + x,
    "operators": lambda x: 2 - x / 3 + 1 / (x * x + 1) - -x + 2**x + (x * x + 0.5) ** 1.7,
    "methods": lambda x: x.sin().mul(2).add(x, alpha=3).sub(1, alpha=0.5),
    "numpy's functions": lambda x: np.sin(x) * np.exp(-x),
    "0-dim tensors": lambda x: x * SCALE + gradcu.tensor(2),
    "numpy's scalars": lambda x: np.float64(1.5) * x + np.float32(2.5),
    "leaf outside": lambda x: gradcu.exp(WEIGHT * x),
    "detached": lambda x: x.detach() * x,
    "detached result": lambda x: gradcu.sin(x).detach(),
    "data": lambda x: x.data * x,
    "no_grad": without_grad,
    "comparison": lambda x: x > 0.5,
    "integers": lambda x: (x * 4).to(gradcu.int64) * 2 + 1,
    "other dtype": lambda x: gradcu.sin(x.to(gradcu.float64)).to(x.dtype) * x,
    "mask": lambda x: (x > 0).to(x.dtype) * x,
    "where": lambda x: gradcu.where(x > 0, x * x, gradcu.sin(x)),
    "where with nan in the other branch": lambda x: gradcu.where(x > 0, gradcu.sqrt(x), 0 * x),
    "relu of infinity": lambda x: gradcu.relu(gradcu.log(x)) * x,
    "ties": lambda x: gradcu.maximum(x, x * x) + gradcu.minimum(x * 2, 2 * x),
    "clamp": lambda x: gradcu.clamp(x, -1, 1) ** 2,
    "abs and sign": lambda x: gradcu.abs(x) * gradcu.sign(x - 1) + gradcu.abs(gradcu.sin(x)),
    "rounding of infinite slope": lambda x: gradcu.floor(gradcu.log(x)),
    "remainder": lambda x: (x % 0.75) * x,
    "powers of x": lambda x: x ** (x * 0.5),
    "inner derivative": with_inner_derivative,
    "inner derivative as a value": with_inner_value,
    "long chain": long_chain,
    "shape": lambda x: x * x.ndim + len(x.shape),
}

POINTS = [-3.0, -2.0, -1.25, -1.0, -0.5, -0.0, 0.0, 0.5, 0.75, 1.0, 1.5, 2.0, 2.7, 100.0, math.inf, math.nan]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", TRACEABLE)
def test_traced_functions_agree_with_eager(name: str, dtype: str):
    f, x = TRACEABLE[name], np.array(POINTS, dtype)
    found, expected = fused(f, x, 2), eagerly(f, x, 2)
    eps = float(np.finfo(dtype).eps)
    for row, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(row, reference, rtol=256 * eps, atol=256 * eps)


def branching(x: Tensor) -> Tensor:
    return x if x.max() > 0 else -x


def branch_on_item(x: Tensor) -> Tensor:
    return x * 2 if x[0] > 0 else x


def swallowing(x: Tensor) -> Tensor:
    factor = 1.0
    with suppress(Exception):
        factor = float(x.abs().max().item())
    return x * factor


def in_place(x: Tensor) -> Tensor:
    y = x * 2
    y += 1
    return y


def hooked(x: Tensor) -> Tensor:
    y = x * x
    y.register_hook(lambda gradient: gradient * 10)
    return y


def node_hooked(x: Tensor) -> Tensor:
    y = x * x
    node = y.grad_fn
    assert node is not None
    node.register_hook(lambda inputs, outputs: tuple(None if g is None else g * 10 for g in inputs))
    return y * 1.0


def leaf_hooked(x: Tensor) -> Tensor:
    x.register_hook(lambda gradient: gradient * 10)
    return x * x


def new_leaf(x: Tensor) -> Tensor:
    y = x.detach().requires_grad_()
    return y * y


def restless() -> Callable[[Tensor], Tensor]:
    calls = iter(range(1000))
    return lambda x: x * next(calls)


def kept() -> Callable[[Tensor], Tensor]:
    seen: list[Tensor] = []

    def f(x: Tensor) -> Tensor:
        seen.append(x)
        return x * seen[0]

    return f


UNTRACEABLE: dict[str, tuple[Callable[[Tensor], Any], str]] = {
    "branch on a reduction": (branching, "it needs"),
    "branch on an element": (branch_on_item, "elements"),
    "bool": (lambda x: x if x > 0 else -x, "it needs"),
    "item": (lambda x: x * x.item(), "it needs"),
    "numpy": (lambda x: x * x.detach().numpy(), "elements"),
    "tolist": (lambda x: x * x.tolist()[0], "tolist"),
    "print": (lambda x: x * len(repr(x)), "it needs"),
    "swallowed refusal": (swallowing, "it needs"),
    "reduction": (lambda x: x - x.mean(), "mean"),
    "scan": (lambda x: x.cumsum(0), "cumsum"),
    "index": (lambda x: x[:], "elements"),
    "flip": (lambda x: gradcu.flip(x, (0,)), "flip"),
    "reshape": (lambda x: x.reshape(-1, 1), "elements"),
    "in place": (in_place, "elements"),
    "array of its own": (lambda x: x * gradcu.arange(x.shape[0]), "array of shape"),
    "broadcast": (lambda x: x * gradcu.ones(3, 1), "another shape"),
    "array from outside": (lambda x: x * ROW, "array of shape"),
    "number of points": (lambda x: x / x.shape[0], "another number of points"),
    "something else at every call": (restless(), "at every call"),
    "another trace": (kept(), "another trace"),
    "user's backward": (lambda x: Square.apply(x) * 2, "backward of its own"),
    "hook": (hooked, "hooks"),
    "hook of a node": (node_hooked, "hooks"),
    "hook of the argument": (leaf_hooked, "hooks"),
    "leaf made of x": (new_leaf, "leaf"),
    "number": (lambda x: 3.0, "no Tensor"),
    "shape": (lambda x: gradcu.ones(5), "shape"),
    "complex": (lambda x: x * 1j, "complex"),
    "complex of parts": (lambda x: gradcu.complex(x, x * x).abs(), "complex"),
    "error": (lambda x: 1 // 0, "ZeroDivisionError"),
}


@pytest.mark.parametrize("name", UNTRACEABLE)
def test_what_cannot_be_traced_is_refused(name: str, monkeypatch: pytest.MonkeyPatch):
    # Steps that are known need not be asked for twice.
    monkeypatch.setattr(trace, "_known", Steps())
    f, reason = UNTRACEABLE[name]
    with pytest.raises(UntraceableError, match=reason):
        program(f, np.dtype("float32"), 1)


def test_tracing_leaves_grad_mode_alone():
    with gradcu.no_grad():
        first = program(gradcu.sin, np.dtype("float32"), 1)
        assert not gradcu.is_grad_enabled()
    assert len(first.lines) == 2


def test_derivatives_of_a_float16_program_beyond_its_factorials():
    x = np.array([0.25, 0.5], "float16")
    found = fused(lambda x: gradcu.exp(x), x, 10)
    np.testing.assert_allclose(found[10], np.exp(x), rtol=2e-2)
