import weakref
from typing import Any

import pytest

import gradcu
from gradcu.autograd.graph import RemovableHandle
from tests.autograd.agreement import check
from tests.autograd.cases import cases


def leaf(value: float = 2.0) -> gradcu.Tensor:
    return gradcu.tensor(value, requires_grad=True)


@pytest.mark.parametrize("name", cases("hooks"))
def test_pytorch_does_the_same(name: str):
    check("hooks", name)


def test_handles_are_numbered():
    x = leaf()
    first, second = x.register_hook(print), x.register_hook(print)
    assert isinstance(first, RemovableHandle)
    assert second.id > first.id


def test_handle_may_outlive_its_tensor():
    x = leaf()
    handle = (x * 2).register_hook(print)
    handle.remove()


def test_hook_that_removes_itself_does_not_keep_its_tensor():
    x = leaf()
    handle = x.register_hook(lambda g: handle.remove())
    reference = weakref.ref(x)
    del x
    assert reference() is None


def test_hook_may_register_another():
    x = leaf()
    seen: list[str] = []
    x.register_hook(lambda g: seen.append("first") or (x.register_hook(lambda g: seen.append("second")) and None))
    (x * 2).backward()
    assert seen == ["first"]
    (x * 2).backward()
    assert seen == ["first", "first", "second"]


def accumulator_behind(result: Any) -> Any:
    """The AccumulateGrad that a result of one operation on a leaf leads to."""
    return result.grad_fn.next_functions[0][0]


def test_hooks_of_the_accumulator_outlive_it():
    x = leaf()
    seen: list[str] = []
    accumulator_behind(x * 2).register_prehook(lambda g: seen.append("before"))
    accumulator = accumulator_behind(x * 2)
    handle = accumulator.register_hook(lambda gi, go: seen.append("after"))
    del accumulator
    (x * 2).backward()
    handle.remove()
    (x * 2).backward()
    assert seen == ["before", "after", "before"]


def test_leaf_whose_gradient_never_comes_has_its_hooks_left_alone():
    x, w = leaf(), leaf()

    class Stop(gradcu.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Any) -> Any:
            return value * 2

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> None:
            return None

    seen: list[str] = []
    x.register_hook(lambda g: seen.append("x"))
    w.register_hook(lambda g: seen.append("w"))
    (Stop.apply(x) * w).backward()
    assert seen == ["w"]
    assert x.grad is None


def test_leaf_behind_a_node_that_never_runs_gets_its_gradient_at_the_end():
    x = leaf(2.0)

    class Stop(gradcu.autograd.Function):
        @staticmethod
        def forward(ctx: Any, value: Any) -> Any:
            return value * 2

        @staticmethod
        def backward(ctx: Any, *gradients: Any) -> None:
            return None

    x.register_hook(lambda g: g * 10)
    (Stop.apply(x * 3) * x).backward()
    assert x.grad is not None
    assert x.grad.item() == 120


def test_leaf_gradient_is_stored_before_the_rest_of_the_walk():
    x, w = leaf(3.0), leaf(5.0)
    y = x.exp()
    seen: list[Any] = []
    w.register_post_accumulate_grad_hook(lambda t: seen.append(t.grad))
    y.register_hook(lambda g: seen.append(w.grad is not None))
    (y * w).backward()
    assert seen[1:] == [True]


def test_accumulator_does_not_keep_the_leaf_alive_forever():
    x = leaf()
    assert accumulator_behind(x * 2).variable is x
    reference = weakref.ref(x)
    del x
    assert reference() is None


def test_hook_of_one_output_among_several():
    x = gradcu.tensor([1.0, 2.0, 3.0], requires_grad=True)
    first, second, third = (x * 1).unbind(0)
    seen: list[Any] = []
    first.register_hook(lambda g: g * 10)
    third.register_hook(seen.append)
    second.retain_grad()
    (first * 2 + second * 5).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [20, 5, 0]
    assert second.grad is not None
    assert second.grad.item() == 5
    assert seen == [None]


def test_retained_gradient_of_a_view_after_a_change_of_its_base():
    x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    base = x * 1
    part = base[:1]
    part.retain_grad()
    base.mul_(3)
    (part * 7).sum().backward()
    assert part.grad is not None
    assert part.grad.tolist() == [7]
    assert x.grad is not None
    assert x.grad.tolist() == [21, 0]
