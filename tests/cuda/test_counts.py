"""How many kernels are launched, how much is copied and how often is waited: exact, as CuPy on CPU counts them.

The forward of a pointwise op is one launch, and so is its backward. What takes another number stands in the tables with
it, so that a change of one shows.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._op import OPS, Op
from gradcu.ops import load_all
from tests.cpu_cuda.bed import Bed, Counts

NOTHING = Counts()
UPLOAD = NOTHING._replace(to_device=1, bytes_to_device=4000, synchronisations=1)
"""A copy of 1000 numbers of float32, after which their memory on the host may change."""

WITHOUT_DEFAULTS: dict[str, tuple[Any, ...]] = {
    "polygamma_of_order": (1,), "sinc_derivative": (1,), "leaky_relu_gate": (0.1,), "pow": (1.7,),
    "pow_of_number": (1.7,), "clamp": (0.3, 0.6), "elu_of_kind": (1.0, 1.0, 1.0, "EluBackward0"),
    "threshold": (0.5, 0.1), "softly_shrunk": (0.3,), "scaled": (2.0,), "divided": (2.0,),
}  # fmt: skip
"""The static arguments of ops that can't do without."""

ON_INTEGERS = {"bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not"}
"""Ops that have no kernel, since they take no floats."""

load_all()
POINTWISE = [op for op in OPS.values() if op.elementwise and op.name not in ON_INTEGERS]

BACKWARD = {
    "add": 2, "sub": 2, "rsub": 2, "add_scaled": 2, "sub_scaled": 2, "remainder": 2, "fmod": 2, "addcmul": 2,
    "addcdiv": 2,
}  # fmt: skip
"""Launches of a pointwise op's backward that are not one.

A gradient that is the cotangent itself takes none. But here it is one of the caller's, and copied for its new owner.
"""


def counted(bed: Bed, run: Callable[[], Any]) -> tuple[Any, Counts]:
    """What a second call gives and costs: the first may compile, and fill CuPy's pool."""
    run()
    before = bed.counts
    found = run()
    return found, bed.counts - before


def operands(op: Op, cuda: str, dtype: str = "float32") -> list[Tensor]:
    made = [gradcu.linspace(0.25, 0.75, 12, dtype=dtype, device=cuda, requires_grad=True) for _ in op.operands]
    if op.name == "where":
        made[0] = made[0].detach() > 0.5
    return made


def called(op: Op, given: list[Tensor]) -> Tensor:
    return op.call(*given, *WITHOUT_DEFAULTS.get(op.name, ()))


@pytest.mark.parametrize("op", POINTWISE, ids=lambda op: op.name)
def test_a_pointwise_forward(op: Op, bed: Bed, cuda: str):
    given = operands(op, cuda)
    called(op, given)
    compiled = len(bed.sources)
    _, cost = counted(bed, lambda: called(op, given))
    assert cost == NOTHING._replace(launches=1)
    assert len(bed.sources) == compiled


@pytest.mark.parametrize("op", [op for op in POINTWISE if op.rules], ids=lambda op: op.name)
def test_a_pointwise_backward(op: Op, bed: Bed, cuda: str):
    given = operands(op, cuda)
    cotangent = gradcu.ones(12, device=cuda)

    def run() -> Counts:
        result = called(op, given)
        before = bed.counts
        gradcu.autograd.grad(result, [tensor for tensor in given if tensor.requires_grad], cotangent)
        return bed.counts - before

    run()
    compiled = len(bed.sources)
    assert run() == NOTHING._replace(launches=BACKWARD.get(op.name, 1))
    assert len(bed.sources) == compiled


def test_the_tables_name_ops():
    assert {*WITHOUT_DEFAULTS, *ON_INTEGERS, *BACKWARD} <= {op.name for op in OPS.values() if op.elementwise}


def chain(x: Tensor) -> Tensor:
    """Twenty ops."""
    for _ in range(4):
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
    compiled = len(bed.sources)
    # In each of the four rounds a kernel for all ops but the sum, which passes its gradient on, and one that adds up
    # the two gradients of x. The first cotangent is made of ones.
    assert run() == NOTHING._replace(launches=4 * (4 + 1) + 1)
    assert len(bed.sources) == compiled
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
    # The product and its sum.
    assert run() == NOTHING._replace(launches=2)
