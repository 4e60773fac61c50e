import gc
import weakref
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu.autograd import Function
from tests.autograd.agreement import check
from tests.autograd.cases import cases
from tests.autograd.conftest import nodes_alive


class Square(Function):
    @staticmethod
    def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
        result = x * x
        ctx.save_for_backward(x, result)
        return result

    @staticmethod
    def backward(ctx: Any, grad_output: gradcu.Tensor) -> gradcu.Tensor:
        x, _ = ctx.saved_tensors
        return grad_output * 2 * x


class Pair(Function):
    @staticmethod
    def forward(ctx: Any, x: gradcu.Tensor) -> tuple[gradcu.Tensor, gradcu.Tensor]:
        y, z = gradcu.sin(x), gradcu.cos(x)
        ctx.save_for_backward(y, z)
        return y, z

    @staticmethod
    def backward(ctx: Any, dy: gradcu.Tensor, dz: gradcu.Tensor) -> gradcu.Tensor:
        y, z = ctx.saved_tensors
        return dy * z - dz * y


def leaf(*values: float) -> gradcu.Tensor:
    return gradcu.tensor(values, dtype=gradcu.float64, requires_grad=True)


@pytest.mark.parametrize(("subject", "name"), [(s, name) for s in ("function", "outputs") for name in cases(s)])
def test_pytorch_does_the_same(subject: str, name: str):
    check(subject, name)


@pytest.mark.parametrize("function", [Square.apply, Pair.apply])
def test_derivatives_are_right_to_second_order(function: Any):
    x = leaf(0.3, -1.2, 2.0)
    assert gradcu.autograd.gradcheck(function, x)
    assert gradcu.autograd.gradgradcheck(function, x)


def test_higher_derivatives_through_several_outputs():
    x = leaf(0.7)
    y, _ = Pair.apply(x)
    derivatives = []
    for _ in range(4):
        (y,) = gradcu.autograd.grad(y, x, create_graph=True)
        derivatives.append(y.item())
    s, c = np.sin(0.7), np.cos(0.7)
    assert derivatives == pytest.approx([c, -s, -c, s], rel=1e-14)


class Same(Function):
    @staticmethod
    def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, grad_output: gradcu.Tensor) -> gradcu.Tensor:
        return grad_output * 1


class AddOne(Same):
    @staticmethod
    def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
        x.add_(1)
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x


@pytest.mark.parametrize("walked", ["never", "once", "create_graph"])
@pytest.mark.parametrize("function", [Square.apply, Pair.apply, Same.apply, AddOne.apply])
def test_graph_dies_with_its_last_tensor(function: Any, walked: str, no_collector: None):
    before = nodes_alive()
    x = leaf(1.0, 2.0)
    outputs = function(x * 1)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    if walked == "once":
        gradcu.autograd.grad([output.sum() for output in outputs], x)
    if walked == "create_graph":
        found = gradcu.autograd.grad([output.sum() for output in outputs], x, create_graph=True)
        del found
    node = weakref.ref(outputs[0].grad_fn)
    del outputs
    assert node() is None
    assert nodes_alive() == before


def test_saved_input_that_is_changed_later_makes_no_cycle(no_collector: None):
    before = nodes_alive()
    constant, x = gradcu.tensor([1.0, 2.0], dtype=gradcu.float64), leaf(3.0, 4.0)

    class Scale(Function):
        @staticmethod
        def forward(ctx: Any, constant: gradcu.Tensor, x: gradcu.Tensor) -> gradcu.Tensor:
            ctx.save_for_backward(constant)
            return constant * x

    y = Scale.apply(constant, x)
    constant.mul_(y)
    assert constant.requires_grad
    del constant, y
    assert nodes_alive() == before


def test_saved_memory_is_freed_by_the_walk():
    x = leaf(1.0, 2.0)
    inner = x * 1
    memory = weakref.ref(inner.detach().numpy())
    y = Square.apply(inner)
    del inner
    assert memory() is not None
    y.sum().backward()
    gc.collect()
    assert memory() is None


def test_context_may_outlive_the_node():
    contexts = []

    class Keep(Function):
        @staticmethod
        def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
            result = x * 2
            ctx.save_for_backward(x, result)
            contexts.append(ctx)
            return result

    x = leaf(1.0)
    Keep.apply(x)
    first, second = contexts[0].saved_tensors
    assert first is x
    assert second.tolist() == [2.0]


def test_gradient_of_a_leaf_is_not_the_memory_of_what_backward_returned():
    kept = gradcu.tensor([5.0], dtype=gradcu.float64)

    class Constant(Function):
        @staticmethod
        def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, grad_output: gradcu.Tensor) -> gradcu.Tensor:
            return kept

    x = leaf(1.0)
    Constant.apply(x).backward()
    assert x.grad is not None
    x.grad.zero_()
    assert kept.tolist() == [5.0]


def test_gradient_may_be_a_broadcast_view():
    class Total(Function):
        @staticmethod
        def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
            return x.sum()

        @staticmethod
        def backward(ctx: Any, grad_output: gradcu.Tensor) -> gradcu.Tensor:
            return grad_output.expand(3)

    x = leaf(1.0, 2.0, 3.0)
    Total.apply(x).backward()
    assert x.grad is not None
    x.grad.add_(gradcu.tensor([0.0, 1.0, 2.0]))
    assert x.grad.tolist() == [1, 2, 3]


def test_functions_of_a_function_record_in_between():
    class Outer(Function):
        @staticmethod
        def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
            with gradcu.enable_grad():
                ctx.inner = x.detach().requires_grad_()
                ctx.result = Square.apply(ctx.inner) * 3
            return ctx.result.detach()

        @staticmethod
        def backward(ctx: Any, grad_output: gradcu.Tensor) -> gradcu.Tensor:
            with gradcu.enable_grad():
                (found,) = gradcu.autograd.grad(ctx.result, ctx.inner, grad_output)
            return found

    x = leaf(2.0)
    Outer.apply(x).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [12.0]


def test_instances_are_not_called():
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = Square()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward"):
        instance(leaf(1.0))


def test_marks_must_be_tensors():
    class Marks(Function):
        @staticmethod
        def forward(ctx: Any, x: gradcu.Tensor, method: str) -> gradcu.Tensor:
            getattr(ctx, method)(3)
            return x * 1

    for method in ("mark_dirty", "mark_non_differentiable"):
        with pytest.raises(RuntimeError, match=f"{method} only accepts variable arguments, but got int"):
            Marks.apply(leaf(1.0), method)


@pytest.mark.parametrize("arguments", [((), {}), ((leaf(1.0),), {"y": 1})])
def test_arguments_that_forward_does_not_take(arguments: Any):
    args, kwargs = arguments
    with pytest.raises(TypeError):
        Square.apply(*args, **kwargs)
