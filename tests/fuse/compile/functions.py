"""Functions of two Tensors that do all that a function might, and what they are called with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import gradcu
from gradcu import Tensor

WEIGHT = gradcu.tensor([0.5, -1.5, 2.0], requires_grad=True)
MATRIX = gradcu.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], requires_grad=True)


class Point(NamedTuple):
    x: Tensor
    y: Tensor


class Cube(gradcu.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # Not the derivative of forward, so that what was fused past it would show.
        (x,) = ctx.saved_tensors
        return gradient * (7 * x * x)


def without_grad(x: Tensor, y: Tensor) -> Tensor:
    with gradcu.no_grad():
        factor = gradcu.sin(x) * y
    return factor * x + y


def branches(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    return gradcu.exp(z) if z.sum() > 0 else gradcu.cos(z) * x


def loops(x: Tensor, y: Tensor) -> Tensor:
    while (x * x).sum() < 50:
        x = x * 1.5 + y
    return x


def in_place(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    z += gradcu.sin(x)
    w = z * 2
    z.mul_(y).exp_()
    return z + w


def in_place_on_a_view(x: Tensor, y: Tensor) -> Tensor:
    z = x * 2
    part = z[1:]
    before = z * 3
    part *= y[1:]
    return gradcu.sin(z) + before


def item_assignment(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    z[0] = y[1] * 3
    z[z > 100] = 0.0
    return z * z


def inner_gradient(x: Tensor, y: Tensor) -> Tensor:
    z = gradcu.sin(x) * y
    (slope,) = gradcu.autograd.grad(z, x, gradcu.ones_like(z), create_graph=True)
    return slope * slope + z


def inner_values(x: Tensor, y: Tensor) -> Tensor:
    a, b = x + y, gradcu.exp(x)
    first, second = gradcu.autograd.grad(a * b, (a, b), gradcu.ones_like(a), retain_graph=True)
    first += 1
    return first * x + second + a * b


def hooked(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    z.register_hook(lambda gradient: gradient * 10)
    return gradcu.sin(z) * x


def node_hooked(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    node = z.grad_fn
    if node is not None:
        node.register_hook(lambda inputs, outputs: tuple(None if g is None else g * 10 for g in inputs))
    return gradcu.sin(z) * x


def aliases(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    z = x * y
    other = z.detach()
    other += 1
    return z.detach() * x, other


def changed_after_reading(x: Tensor, y: Tensor) -> Tensor:
    z = (x * 1.5).clone()
    z.sum()
    w, v = z + y, z.clone()
    with gradcu.no_grad():
        z.detach().add_(1)
    return w + v + z.detach()


def data_changed(x: Tensor, y: Tensor) -> Tensor:
    z = (x * 1.5).detach() + 0
    z.sum()
    w = z * y
    z.data.mul_(2)
    return w + z


def copy_changed(x: Tensor, y: Tensor) -> Tensor:
    z = x.clone()
    with gradcu.no_grad():
        z.detach().add_(1)
    return z * y


def changed_unseen_and_then_seen(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    with gradcu.no_grad():
        z.detach().add_(1)
    return z.sin_() + y


def hooked_after_use(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    w = gradcu.sin(z)
    if z.requires_grad:
        z.register_hook(lambda gradient: gradient * 10)
    return w * x


def two_carried(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    for _ in range(150):
        y = y - x * 0.01
        x = x + y * 0.01
    return x, y


def long_chain(x: Tensor, y: Tensor) -> Tensor:
    for _ in range(400):
        x = x * 0.99 + y * 0.01
    return x


def saved_output(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of y meets cos(z) at the second order, but does not read it at the first."""
    z = gradcu.cos(x) + y
    w = gradcu.cos(z)
    return w * z, w


def saved_negative(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient has y - z, folded to y + (sin(x) + WEIGHT), but the node reads z."""
    z = -(gradcu.sin(x) + WEIGHT.to(x.device))
    return z, gradcu.logaddexp(z, y)


def one_expression_in_two_shapes(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    wave, column = gradcu.sin(MATRIX.to(x.device) * x), y[:2].reshape(2, 1)
    return gradcu.cos(column * wave**0), gradcu.cos(column) * wave


def many_shapes(x: Tensor, y: Tensor) -> Tensor:
    outer = gradcu.exp(x).unsqueeze(1) * gradcu.sin(y) + 1
    scale = gradcu.tanh(x.sum()) * 0.5
    return outer / (outer * scale).sum(0, keepdim=True) * y


def complex_in_place(x: Tensor, y: Tensor) -> Tensor:
    z = gradcu.zeros_like(x, dtype=gradcu.complex64)
    z.real = x * x
    z.imag += gradcu.exp(y)
    return (z * z).real * x


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "nothing": lambda x, y: x,
    "constant": lambda x, y: gradcu.ones(3),
    "number": lambda x, y: 3.0,
    "copy": lambda x, y: x * 1,
    "a result twice": lambda x, y: [x * y] * 2,
    "two copies": lambda x, y: (x * 1, x * 1, y.clone()),
    "power 0": lambda x, y: x**0 * y,
    "operators": lambda x, y: 2 - x / 3 + 1 / (y * y + 1) - -x + 2**x + (x * x + 0.5) ** 1.7,
    "relu": lambda x, y: gradcu.relu(x) + gradcu.where(x > y, x, gradcu.sqrt(y * y)),
    "passes the cotangent": lambda x, y: x + y,
    "reduction": lambda x, y: (gradcu.exp(x) / gradcu.exp(x).sum()) * y,
    "only a reduction": lambda x, y: x.sum() + y.max(),
    "index": lambda x, y: gradcu.sin(x)[1:] * y[:-1] + gradcu.cos(x)[[0, 2]],
    "matmul": lambda x, y: gradcu.tanh(MATRIX.to(x.device) * 2 @ (x * y)) * 3,
    "shapes": lambda x, y: gradcu.sin(x).reshape(3, 1).expand(3, 2).t() * MATRIX.to(x.device),
    "many shapes": many_shapes,
    "closure": lambda x, y: gradcu.exp(WEIGHT.to(x.device) * x) + y,
    "numpy's functions": lambda x, y: np.sin(x) * np.exp(-y),
    "branches": branches,
    "loops": loops,
    "no_grad": without_grad,
    "detach": lambda x, y: x.detach() * x + (x * y).detach(),
    "Function": lambda x, y: Cube.apply(x * y) * gradcu.sin(x),
    "in place": in_place,
    "in place on a view": in_place_on_a_view,
    "item assignment": item_assignment,
    "inner gradient": inner_gradient,
    "inner values": inner_values,
    "hook": hooked,
    "hook of a node": node_hooked,
    "aliases": aliases,
    "changed after reading": changed_after_reading,
    "data changed": data_changed,
    "copy changed": copy_changed,
    "changed unseen and then seen": changed_unseen_and_then_seen,
    "hook after use": hooked_after_use,
    "saved output": saved_output,
    "saved negative": saved_negative,
    "one expression in two shapes": one_expression_in_two_shapes,
    "two carried": two_carried,
    "long chain": long_chain,
    "tuple": lambda x, y: (x * y, [gradcu.sin(x), x], {"a": gradcu.cos(y), "b": 2}),
    "named tuple": lambda x, y: Point(x * y, x + y),
    "new leaf": lambda x, y: (x * y).detach().requires_grad_() * y,
    "dtypes": lambda x, y: x.to(gradcu.float64) * 3 + y + (x > 0),
    "integers": lambda x, y: (x * 4).to(gradcu.int64) // 2 * y,
    "to complex": lambda x, y: (x * 2).detach().to(gradcu.complex64) + x.detach().to(gradcu.complex64),
    "complex": lambda x, y: (x * 2).detach() * 1j,
    "complex between": lambda x, y: gradcu.abs(gradcu.exp(x * 1j) * (y * 2) + gradcu.sin(x)) * y,
    "complex parts": lambda x, y: gradcu.complex(x * y, gradcu.exp(x)).conj().imag * y,
    "complex in place": complex_in_place,
    "comparison": lambda x, y: (x * y > 0, gradcu.floor(x)),
}


NEEDS_GRADIENTS = {"hook", "inner gradient", "inner values"}


def operands(requires_grad: bool = True) -> list[Tensor]:
    """Two Tensors on the default device."""
    return [
        gradcu.tensor([0.5, -1.25, 2.0], requires_grad=requires_grad),
        gradcu.tensor([1.5, 0.75, -0.5], requires_grad=requires_grad),
    ]
