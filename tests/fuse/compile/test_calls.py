"""Each call of a compiled function is a call of the function."""

from __future__ import annotations

import threading
import weakref
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._pending import Pending
from tests.fuse.compile.functions import operands


def test_what_f_closes_over_may_change():
    scale, table = 2.0, gradcu.tensor([1.0, 2.0, 3.0])
    f = gradcu.compile(lambda x: x * scale + table)
    x, _ = operands()
    np.testing.assert_allclose(f(x).detach().numpy(), x.detach().numpy() * 2 + [1, 2, 3])
    scale = 3.0
    table += 1
    np.testing.assert_allclose(f(x).detach().numpy(), x.detach().numpy() * 3 + [2, 3, 4])
    table = gradcu.ones(1)
    np.testing.assert_allclose(f(x).detach().numpy(), x.detach().numpy() * 3 + 1)


def test_shapes_dtypes_and_branches_may_change():
    f = gradcu.compile(lambda x, flag: gradcu.sin(x) if flag else gradcu.cos(x) * 2)
    for shape in ((3,), (), (2, 3), (0,), (3,)):
        for dtype in (gradcu.float32, gradcu.float64, gradcu.float16, gradcu.int64):
            for flag in (True, False):
                x = gradcu.full(shape, 2, dtype=dtype)
                expected = gradcu.sin(x) if flag else gradcu.cos(x) * 2
                found = f(x, flag)
                assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
                np.testing.assert_array_equal(found.numpy(), expected.numpy())


def test_as_a_decorator():
    class Model:
        def __init__(self) -> None:
            self.weight = gradcu.tensor(2.0)

        @gradcu.compile(engine="numpy")
        def __call__(self, x: Tensor) -> Tensor:
            """Weighs."""
            return self.weight * x

    assert Model()(gradcu.ones(2)).tolist() == [2.0, 2.0]
    assert Model.__call__.__doc__ == "Weighs."


def test_inside_another_and_under_a_sweep():
    inner = gradcu.compile(lambda x: gradcu.sin(x) * x)
    outer = gradcu.compile(lambda x: inner(x) + inner(x * 2))
    x, _ = operands()
    expected = gradcu.sin(x) * x + gradcu.sin(x * 2) * (x * 2)
    np.testing.assert_allclose(outer(x).detach().numpy(), expected.detach().numpy(), rtol=1e-6)
    assert len(outer.explain(x).kernels) == 1
    found = gradcu.sweep(inner, 0, 1, 11, order=2, engine="numpy")
    np.testing.assert_array_equal(
        found.derivative(1).numpy(), gradcu.sweep(gradcu.compile(inner), 0, 1, 11).derivative(1).numpy()
    )


def test_what_f_puts_elsewhere():
    kept: list[Tensor] = []

    @gradcu.compile
    def f(x: Tensor) -> Tensor:
        kept.append(gradcu.exp(x) * 2)
        return x + kept[0]

    x, _ = operands()
    f(x)
    with gradcu.no_grad():
        x.zero_()
    assert not isinstance(kept[0]._array, Pending)
    np.testing.assert_allclose(kept[0].detach().numpy(), 2 * np.exp([0.5, -1.25, 2.0]), rtol=1e-6)
    assert kept[0].grad_fn is not None


def test_nothing_is_kept():
    f = gradcu.compile(lambda x, y: gradcu.exp(gradcu.sin(x) * y))
    kept = []
    for _ in range(2):
        x, y = operands()
        z = f(x, y)
        z.sum().backward()
        kept += [weakref.ref(tensor._array) for tensor in (x, y, z)]
        del x, y, z
    assert [array() for array in kept] == [None] * 6


def test_a_loop_holds_no_more_than_it_needs():
    kept: list[weakref.ref[Any]] = []
    most = 0

    @gradcu.compile
    def f(x: Tensor) -> Tensor:
        nonlocal most
        for _ in range(60):
            x = gradcu.tanh(x + 1).cumsum(0)
            kept.append(weakref.ref(x._array))
            most = max(most, sum(array() is not None for array in kept))
        return x

    f(gradcu.ones(3))
    # As many as are read, and a few that nobody has looked for yet.
    assert most <= 20


def test_what_is_left_holds_no_argument():
    kept: list[Tensor] = []
    x = gradcu.ones(3)
    array = weakref.ref(x._array)
    gradcu.compile(lambda x: kept.append((x * 2).detach()))(x)
    del x
    assert array() is None
    assert kept[0].tolist() == [2.0, 2.0, 2.0]


def test_compiled_in_a_function_of_the_users_own():
    inner = gradcu.compile(lambda x: gradcu.sin(x) * 2)

    class Doubled(gradcu.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            return inner(x) * 2

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            return gradient * 3

    x, _ = operands()
    y = gradcu.compile(lambda x: Doubled.apply(x * 2) + x * x)(x)
    np.testing.assert_allclose(
        y.detach().numpy(), 4 * np.sin(2 * x.detach().numpy()) + x.detach().numpy() ** 2, rtol=1e-6
    )


def test_backward_inside():
    def step(x: Tensor, y: Tensor) -> Tensor:
        x.grad = None
        loss = ((x * 2 - y) ** 2).sum()
        loss.backward()
        (x * y).sum().backward()
        assert x.grad is not None
        with gradcu.no_grad():
            x -= 0.1 * x.grad
        return loss

    results = []
    for f in (step, gradcu.compile(step)):
        x, y = operands()
        values = [f(x, y).item() for _ in range(3)]
        assert y.grad is not None
        results.append([*values, *x.tolist(), *y.grad.tolist()])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-5)


def test_an_error_is_fs_own():
    f = gradcu.compile(lambda x: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        f(gradcu.ones(2))
    with pytest.raises(RuntimeError, match=r"The size of tensor a \(2\) must match the size of tensor b \(3\)"):
        gradcu.compile(lambda x: gradcu.sin(x) * gradcu.ones(3))(gradcu.ones(2))


def test_arguments_are_checked():
    with pytest.raises(TypeError, match="f must be a function, not 3"):
        gradcu.compile(3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="engine must be auto, cc, numpy or cuda, not 'gpu'"):
        gradcu.compile(gradcu.sin, engine="gpu")


def test_other_threads_are_not_traced():
    inside, outside = threading.Event(), threading.Event()
    found: list[Any] = []

    def other() -> None:
        inside.wait(10)
        found.append(type((gradcu.ones(3) * 2)._array))
        outside.set()

    @gradcu.compile
    def f(x: Tensor) -> Tensor:
        y = gradcu.sin(x)
        inside.set()
        outside.wait(10)
        return y * 2

    thread = threading.Thread(target=other)
    thread.start()
    f(gradcu.ones(3))
    thread.join()
    assert found == [np.ndarray]


def test_threads_call_one_function():
    f = gradcu.compile(lambda x, k: gradcu.sin(x * k) + k)
    problems: list[Any] = []

    def work(k: int) -> None:
        for n in range(20):
            x = gradcu.full((50 + n,), 0.5, requires_grad=True)
            y = f(x, k)
            (slope,) = gradcu.autograd.grad(y.sum(), x)
            if not np.allclose(slope.numpy(), k * np.cos(0.5 * k), atol=1e-5):
                problems.append((k, n))

    threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
