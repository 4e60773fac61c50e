"""How many kernels are launched, how much is copied and how often is waited: exact, as CuPy on CPU counts them.

An op is one launch where CuPy has a kernel for it. What takes more stands in the tables with its number, so that a
change of one shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._op import OPS
from tests.cpu_cuda.bed import Bed, Counts
from tests.table import TABLE

NOTHING = Counts()
UPLOAD = NOTHING._replace(to_device=1, bytes_to_device=4000, synchronisations=1)
"""A copy of 1000 numbers of float32, after which their memory on the host may change."""

FORWARD: dict[str, int] = {
    "add": 1, "sub": 1, "mul": 1, "div": 1, "neg": 1, "reciprocal": 1, "exp": 1, "exp2": 1, "expm1": 1, "log": 1,
    "log2": 1, "log10": 1, "log1p": 1, "sqrt": 1, "rsqrt": 2, "sigmoid": 4, "sin": 1, "cos": 1, "tan": 1, "asin": 1,
    "acos": 1, "atan": 1, "atan2": 1, "sinh": 1, "cosh": 1, "tanh": 1, "asinh": 1, "acosh": 1, "atanh": 1, "hypot": 1,
    "maximum": 1, "minimum": 1, "abs": 1, "erf": 1, "erfc": 1, "logaddexp": 1,
}  # fmt: skip
"""Launches of a pointwise op's forward."""

BACKWARD: dict[str, int] = {
    "add": 2, "sub": 2, "mul": 2, "div": 5, "neg": 1, "exp": 1, "log": 1, "sin": 2, "cos": 3, "tanh": 3, "sqrt": 2,
    "sigmoid": 3, "reciprocal": 3,
}  # fmt: skip
"""Launches of a pointwise op's backward, with respect to all operands, which are leaves.

A gradient that is the cotangent itself, as of a sum, is copied for its new owner.
"""


def counted(bed: Bed, run: Callable[[], Any]) -> tuple[Any, Counts]:
    """What a second call gives and costs: the first may compile, and fill CuPy's pool."""
    run()
    before = bed.counts
    found = run()
    return found, bed.counts - before


def operands(name: str, cuda: str) -> list[Tensor]:
    return [gradcu.linspace(0.25, 0.75, 12, device=cuda, requires_grad=True) for _ in OPS[name].operands]


@pytest.mark.parametrize("name", FORWARD)
def test_a_pointwise_forward(name: str, bed: Bed, cuda: str):
    given = operands(name, cuda)
    _, cost = counted(bed, lambda: getattr(gradcu, name)(*given))
    assert cost == NOTHING._replace(launches=FORWARD[name])


@pytest.mark.parametrize("name", BACKWARD)
def test_a_pointwise_backward(name: str, bed: Bed, cuda: str):
    given = operands(name, cuda)
    cotangent = gradcu.ones(12, device=cuda)

    def run() -> Counts:
        result = getattr(gradcu, name)(*given)
        before = bed.counts
        gradcu.autograd.grad(result, given, cotangent)
        return bed.counts - before

    run()
    assert run() == NOTHING._replace(launches=BACKWARD[name])


def test_the_tables_name_ops(cuda: str):
    assert set(FORWARD) | set(BACKWARD) <= set(TABLE)
    assert all(OPS[name].elementwise for name in set(FORWARD) | set(BACKWARD))


def chain(x: Tensor) -> Tensor:
    """Twenty ops."""
    for _ in range(5):
        x = ((x * 1.5).sin() + x).exp().neg()
    return x


def test_a_backward_of_twenty_ops_neither_copies_to_the_host_nor_waits(bed: Bed, cuda: str):
    x = gradcu.linspace(-1, 0, 64, device=cuda, requires_grad=True)

    def run() -> Counts:
        x.grad = None
        y = chain(x).sum()
        before = bed.counts
        y.backward()
        return bed.counts - before

    run()
    cost = run()
    assert cost.launches > 20
    assert (cost.to_host, cost.to_device, cost.synchronisations, cost.allocations) == (0, 0, 0, 0)
    assert x.grad is not None
    on_cpu = gradcu.linspace(-1, 0, 64, requires_grad=True)
    (expected,) = gradcu.autograd.grad(chain(on_cpu).sum(), on_cpu)
    np.testing.assert_allclose(x.grad.cpu().numpy(), expected.numpy(), rtol=1e-4)


CREATIONS: dict[str, tuple[Callable[[], Tensor], Counts]] = {
    "zeros": (lambda: gradcu.zeros(1000), NOTHING),
    "ones": (lambda: gradcu.ones(1000), NOTHING._replace(launches=1)),
    "arange": (lambda: gradcu.arange(1000), NOTHING._replace(launches=4)),
    "eye": (lambda: gradcu.eye(30), NOTHING._replace(launches=1)),
    "tensor": (lambda: gradcu.tensor([1.0] * 1000), UPLOAD),
}


@pytest.mark.parametrize("name", CREATIONS)
def test_creation(name: str, bed: Bed, cuda: str):
    create, expected = CREATIONS[name]

    def run() -> Tensor:
        with gradcu.device(cuda):
            return create()

    made, cost = counted(bed, run)
    assert str(made.device) == cuda
    assert cost == expected


def test_a_linspace_is_made_on_the_device(bed: Bed, cuda: str):
    made, cost = counted(bed, lambda: gradcu.linspace(0, 1, 10**6, device=cuda))
    # What is copied are a table of offsets and a base for every 8192 points.
    assert (cost.launches, cost.to_host, cost.synchronisations) == (3, 0, 0)
    assert cost.bytes_to_device < made.numel() * made.element_size() / 25


def test_moves(bed: Bed, cuda: str):
    x = gradcu.ones(1000)
    there, cost = counted(bed, lambda: x.to(cuda))
    assert cost == UPLOAD
    _, cost = counted(bed, lambda: there.cpu())
    assert cost == NOTHING._replace(to_host=1, bytes_to_host=4000, synchronisations=1)
    _, cost = counted(bed, lambda: there.to(cuda))
    assert cost == NOTHING


def test_a_broadcast_operands_gradient_is_summed(bed: Bed, cuda: str):
    a = gradcu.ones(3, 1, device=cuda, requires_grad=True)
    b = gradcu.ones(3, 4, device=cuda)

    def run() -> Counts:
        y = a * b
        before = bed.counts
        gradcu.autograd.grad(y, a, b)
        return bed.counts - before

    run()
    # The product, its sum, and a copy for the gradient's owner.
    assert run() == NOTHING._replace(launches=3)
