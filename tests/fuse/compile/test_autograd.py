"""What the autograd promises of a graph holds for a fused one."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from tests.fuse.compile.functions import FUNCTIONS, operands


def test_backward_accumulates_and_hooks_run():
    x, y = operands()
    seen: list[Tensor] = []
    x.register_hook(seen.append)
    f = gradcu.compile(lambda x, y: gradcu.sin(x) * y)
    for _ in range(2):
        f(x, y).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos(x.detach().numpy()) * y.detach().numpy(), rtol=1e-6)
    assert len(seen) == 2


def test_a_leaf_owns_its_gradient():
    x, y = operands()
    gradcu.compile(lambda x, y: x + y)(x, y).backward(gradcu.ones(3))
    assert x.grad is not None
    assert y.grad is not None
    x.grad.zero_()
    np.testing.assert_array_equal(y.grad.numpy(), np.ones(3))


def test_a_freed_graph_says_so():
    x, y = operands()
    f = gradcu.compile(lambda x, y: gradcu.sin(x) * y)
    z = f(x, y).sum()
    z.backward(retain_graph=True)
    z.backward()
    with pytest.raises(RuntimeError, match="second time"):
        z.backward()
    linear = gradcu.compile(lambda x, y: x + y)(x, y).sum()
    linear.backward()
    linear.backward()


def test_outputs_that_share_nothing_are_freed_apart():
    x, y = operands()
    a, b, c = gradcu.compile(lambda x, y: (gradcu.sin(x), gradcu.exp(y), gradcu.sin(x) * y))(x, y)
    a.sum().backward()
    b.sum().backward()
    c.sum().backward()
    assert x.grad is not None
    shared = gradcu.compile(lambda x: (lambda s: (s * s, gradcu.exp(s)))(gradcu.sin(x)))
    a, b = shared(x)
    a.sum().backward()
    with pytest.raises(RuntimeError, match="second time"):
        b.sum().backward()


def test_what_backward_reads_must_not_change():
    x, y = operands()
    f = gradcu.compile(lambda x, y: gradcu.sin(x) + y)
    z = f(x, y).sum()
    with gradcu.no_grad():
        y.add_(1)
    z.backward(retain_graph=True)
    with gradcu.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match=r"modified by an inplace operation: .* is at version 1; expected version 0"):
        z.backward()


def test_what_data_was_read_from_must_not_change_either():
    x, y = operands()
    z = gradcu.compile(lambda x, y: x.data * y + x * x)(x, y)
    with gradcu.no_grad():
        x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_what_was_settled_after_its_use_is_still_on_the_way():
    x, y = operands()
    kept: list[Tensor] = []

    @gradcu.compile
    def f(x: Tensor, y: Tensor) -> Tensor:
        z = x * y
        w = z * z
        z.sum()
        kept.extend((z, *gradcu.autograd.grad(w.sum(), z, retain_graph=True)))
        z.retain_grad()
        return w

    f(x, y).sum().backward()
    z, slope = kept
    assert z.grad is not None
    for found in (z.grad, slope):
        np.testing.assert_allclose(found.numpy(), 2 * z.detach().numpy(), rtol=1e-6)


def test_an_output_that_is_read_is_saved():
    x, _ = operands()
    f = gradcu.compile(gradcu.exp)
    z = f(x)
    with gradcu.no_grad():
        x.add_(1)
    (found,) = gradcu.autograd.grad(z, x, gradcu.ones(3), retain_graph=True)
    np.testing.assert_array_equal(found.numpy(), z.detach().numpy())
    z.detach().add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        z.sum().backward()


def test_in_place_on_the_result():
    x, y = operands()
    results = []
    for f in (FUNCTIONS["operators"], gradcu.compile(FUNCTIONS["operators"])):
        z = f(x, y)
        z *= 2
        z[0] = 0.0
        results.append(gradcu.autograd.grad(z.sum(), (x, y)))
    for found, expected in zip(results[1], results[0], strict=True):
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)


def test_gradcheck():
    x, y = (tensor.detach().to(gradcu.float64).requires_grad_() for tensor in operands())
    f = gradcu.compile(lambda x, y: gradcu.tanh(x * y[0]) * gradcu.exp(-y * y))
    assert gradcu.autograd.gradcheck(f, (x, y))
    assert gradcu.autograd.gradgradcheck(f, (x, y))


def test_third_order():
    x = gradcu.tensor([0.3, 1.1], dtype=gradcu.float64, requires_grad=True)
    value = gradcu.compile(lambda x: gradcu.sin(2 * x))(x)
    for _ in range(3):
        (value,) = gradcu.autograd.grad(value.sum(), x, create_graph=True)
    np.testing.assert_allclose(value.detach().numpy(), -8 * np.cos(2 * x.detach().numpy()), rtol=1e-14)


def test_functional():
    x, y = operands()
    f = FUNCTIONS["operators"]
    found = gradcu.autograd.functional.jacobian(gradcu.compile(f), (x, y))
    expected = gradcu.autograd.functional.jacobian(f, (x, y))
    for value, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(value.numpy(), reference.numpy(), rtol=1e-6, atol=1e-6)


def test_a_graph_dies_without_the_collector():
    x, y = operands()
    f = gradcu.compile(FUNCTIONS["operators"])
    f(x, y)
    gc.collect()
    gc.disable()
    try:
        z = f(x, y)
        (slope,) = gradcu.autograd.grad(z.sum(), x, create_graph=True)
        nodes = [weakref.ref(z.grad_fn), weakref.ref(slope.grad_fn)]
        del z, slope
        assert [node() for node in nodes] == [None, None]
    finally:
        gc.enable()
