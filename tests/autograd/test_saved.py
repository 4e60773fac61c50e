import gc
import threading
import weakref
from typing import Any

import pytest

import gradcu
from gradcu._pending import TRACES
from gradcu.autograd.graph import (
    allow_mutation_on_saved_tensors,
    register_multi_grad_hook,
    save_on_cpu,
    saved_tensors_hooks,
)
from tests.autograd.agreement import check
from tests.autograd.cases import cases
from tests.autograd.conftest import nodes_alive


def leaf(*values: float) -> gradcu.Tensor:
    return gradcu.tensor(list(values), requires_grad=True)


@pytest.mark.parametrize("name", cases("saved"))
def test_pytorch_does_the_same(name: str):
    check("saved", name)


def test_nothing_is_left_of_a_block():
    for block in (saved_tensors_hooks(str, gradcu.tensor), save_on_cpu(), allow_mutation_on_saved_tensors()):
        with block:
            assert TRACES
        assert not TRACES


def test_nothing_is_left_of_a_block_that_fails():
    with pytest.raises(KeyError), allow_mutation_on_saved_tensors():
        raise KeyError
    assert not TRACES
    with allow_mutation_on_saved_tensors():
        pass


def test_hooks_are_those_of_the_thread():
    seen: list[Any] = []

    def elsewhere() -> None:
        leaf(1.0, 2.0).exp().sum().backward()

    with saved_tensors_hooks(lambda tensor: seen.append(tensor) or tensor, lambda tensor: tensor):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert seen == []


def test_packed_values_hold_no_cycle(no_collector: None):
    before = nodes_alive()
    with saved_tensors_hooks(lambda tensor: tensor, lambda tensor: tensor):
        y = leaf(1.0, 2.0).exp() * 2
        y.mul_(y.exp())
    del y
    assert nodes_alive() == before


def test_saved_value_behind_a_promotion():
    x = gradcu.tensor([2.0], requires_grad=True)
    w = gradcu.tensor([3.0], dtype=gradcu.float64, requires_grad=True)
    with saved_tensors_hooks(lambda tensor: tensor.tolist(), lambda kept: gradcu.tensor(kept, dtype=gradcu.float64)):
        y = x * w
    y.backward()
    assert x.grad is not None
    assert w.grad is not None
    assert (x.grad.item(), x.grad.dtype, w.grad.item()) == (3.0, gradcu.float32, 2.0)


def test_register_hooks_takes_callables():
    x = leaf(1.0, 2.0)
    raw: Any = (x * x).grad_fn._raw_saved_self  # type: ignore[union-attr]
    with pytest.raises(TypeError, match="callables, but got int"):
        raw.register_hooks(3, str)


def test_hooks_of_a_freed_value_are_refused():
    x = leaf(1.0, 2.0)
    y = x * x
    raw: Any = y.grad_fn._raw_saved_self  # type: ignore[union-attr]
    y.sum().backward()
    with pytest.raises(RuntimeError, match="after it has been freed"):
        raw.register_hooks(str, gradcu.tensor)


def test_what_is_copied_for_a_change_is_copied_once():
    with allow_mutation_on_saved_tensors():
        y = leaf(1.0, 2.0) * 1
        first, second = y * y, y * 3 * y
        y.zero_()
        kept = [entry[0].data for z in (first, second) for entry in z.grad_fn.saved if entry]  # type: ignore[union-attr]
        assert len({id(one.array) for one in kept if one.array.tolist() == [1.0, 2.0]}) == 1


def test_what_nobody_needs_is_not_kept():
    with allow_mutation_on_saved_tensors():
        y = leaf(1.0, 2.0) * 1
        z = y * y
        kept = weakref.ref(z.grad_fn.saved[0][0].data)  # type: ignore[union-attr]
        del z
        gc.collect()
        assert kept() is None


def test_hook_of_several_tensors():
    x, y, z = leaf(2.0), leaf(3.0), leaf(5.0)
    product = x * y
    seen: list[Any] = []
    handle = register_multi_grad_hook(
        (x, y, z), lambda g: seen.append([None if one is None else one.item() for one in g])
    )
    product.backward(inputs=[x], retain_graph=True)
    product.backward(retain_graph=True)
    (product * z).backward(retain_graph=True)
    gradcu.autograd.grad(z * 2, z)
    with handle:
        pass
    product.backward()
    assert seen == [[3.0, None, None], [3.0, 2.0, None], [15.0, 10.0, 6.0], [None, None, 2.0]]


def test_hook_of_computed_tensors():
    x = leaf(2.0, 3.0)
    first, second = (x * 1).unbind()
    third = x * 2
    seen: list[Any] = []
    register_multi_grad_hook((first, third), seen.append)
    (first * 3 + second).backward()
    assert [[None if one is None else one.tolist() for one in gradients] for gradients in seen] == [[3.0, None]]


def test_hook_of_any_of_several_tensors():
    x, y = leaf(2.0), leaf(3.0)
    seen: list[Any] = []
    handle = register_multi_grad_hook((x, y), lambda g: seen.append(g.item()), mode="any")
    for _ in range(2):
        (x.exp() * y).backward()
    handle.remove()
    (x * y).backward()
    assert len(seen) == 2


def test_hook_of_several_tensors_in_several_threads():
    x, y = leaf(2.0), leaf(3.0)
    product = x * y
    seen: list[Any] = []
    register_multi_grad_hook((x, y), lambda g: seen.append([one.item() for one in g]))
    threads = [threading.Thread(target=product.backward, kwargs={"retain_graph": True}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [[3.0, 2.0]] * 4


def test_hook_of_a_walk_that_failed_is_not_called_later():
    x, y = leaf(2.0), leaf(3.0)
    z = x.exp()
    seen: list[Any] = []

    def fail(gradient: gradcu.Tensor) -> None:
        raise KeyError

    handle = z.register_hook(fail)
    register_multi_grad_hook((z, y), seen.append)
    product = z * y
    with pytest.raises(KeyError):
        product.backward(retain_graph=True)
    handle.remove()
    product.backward()
    assert len(seen) == 1


def test_hooks_have_two_modes():
    with pytest.raises(ValueError, match=r"one of \('all', 'any'\) but got some"):
        register_multi_grad_hook((leaf(1.0),), print, mode="some")  # type: ignore[arg-type]
