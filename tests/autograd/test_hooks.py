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


def test_hooks_of_the_accumulator_are_refused():
    accumulator = accumulator_behind(leaf() * 2)
    with pytest.raises(NotImplementedError, match="register_post_accumulate_grad_hook"):
        accumulator.register_hook(print)
    with pytest.raises(NotImplementedError, match="register_hook"):
        accumulator.register_prehook(print)


def test_accumulator_does_not_keep_the_leaf_alive_forever():
    x = leaf()
    assert accumulator_behind(x * 2).variable is x
    reference = weakref.ref(x)
    del x
    assert reference() is None


def test_hook_of_one_output_among_several():
    x = gradcu.tensor([1.0, 2.0, 3.0], requires_grad=True)
    first, second, third = (x * 1).unbind(0)
    seen: list[float] = []
    first.register_hook(lambda g: g * 10)
    third.register_hook(lambda g: seen.append(g.item()))
    second.retain_grad()
    (first * 2 + second * 5).backward()
    assert x.grad is not None
    assert x.grad.tolist() == [20, 5, 0]
    assert second.grad is not None
    assert second.grad.item() == 5
    assert seen == []


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
