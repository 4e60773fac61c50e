import sys
import threading
import weakref
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gradcu
from gradcu._op import OPS
from gradcu.autograd import grad
from tests.autograd.agreement import check
from tests.autograd.cases import cases
from tests.autograd.conftest import nodes_alive


def leaf(*shape: int, dtype: Any = gradcu.float32) -> gradcu.Tensor:
    """Ones that require grad."""
    return gradcu.tensor(np.ones(shape), dtype=dtype, requires_grad=True)


def gradient(tensor: gradcu.Tensor) -> gradcu.Tensor:
    assert tensor.grad is not None
    return tensor.grad


@pytest.mark.parametrize("name", cases("backward"))
def test_pytorch_does_the_same(name: str):
    check("backward", name)


def test_gradients_of_one_walk_do_not_share_memory():
    a, b = leaf(3), leaf(3)
    (a + b).sum().backward()
    gradient(a).zero_()
    assert gradient(b).tolist() == [1, 1, 1]


def test_gradient_is_not_the_memory_of_the_cotangent():
    x, cotangent = leaf(3), gradcu.tensor([1.0, 2.0, 3.0])
    (x + 0).backward(cotangent)
    x.backward(cotangent)
    gradient(x).zero_()
    (found,) = gradcu.autograd.grad(x, x, cotangent)
    found.zero_()
    assert cotangent.tolist() == [1, 2, 3]


def test_gradient_is_not_the_memory_of_what_the_rule_used():
    a, b = leaf(3), leaf(3)
    (a * b).sum().backward()
    gradient(a).zero_()
    assert b.tolist() == [1, 1, 1]


def test_results_of_grad_do_not_share_memory():
    a, b = leaf(3), leaf(3)
    y = a + b
    first, second, third = gradcu.autograd.grad(y, (a, b, a), gradcu.tensor([1.0, 2.0, 3.0]))
    first.zero_()
    second.mul_(10)
    assert [t.tolist() for t in (first, second, third)] == [[0, 0, 0], [10, 20, 30], [1, 2, 3]]


def test_retained_gradient_is_not_the_memory_of_the_leafs():
    x = leaf(3)
    y = x + 0
    y.retain_grad()
    y.sum().backward()
    gradient(y).zero_()
    assert gradient(x).tolist() == [1, 1, 1]


@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 0), (2, 3)])
def test_gradient_can_be_written_to(shape: tuple[int, ...]):
    x = leaf(*shape)
    x.sum().backward()
    gradient(x).add_(1)
    assert (gradient(x).numpy() == 2).all()


def test_gradients_of_graphs_recorded_twice_add_up_in_memory_of_their_own():
    a, b = leaf(2), leaf(2)
    with pytest.warns(UserWarning, match="reference cycle"):
        (a + b).sum().backward(create_graph=True)
    gradient(a).detach().zero_()
    assert gradient(b).tolist() == [1, 1]


def test_warning_of_the_cycle_points_at_the_users_line():
    x = leaf()
    for backward in ((x * x).backward, lambda **options: gradcu.autograd.backward(x * x, **options)):
        with pytest.warns(UserWarning, match="reference cycle") as caught:
            backward(create_graph=True)
        assert caught[0].filename == __file__
        x.grad = None


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=3, max_side=3), st.randoms())
def test_gradients_have_the_shape_and_dtype_of_their_operand(shapes: hnp.BroadcastableShapes, random):
    dtypes = [random.choice([gradcu.float32, gradcu.float64]) for _ in range(2)]
    a, b = (leaf(*shape, dtype=dtype) for shape, dtype in zip(shapes.input_shapes, dtypes, strict=True))
    y = a * b
    cotangent = np.arange(y.numel(), dtype=y.dtype).reshape(y.shape)
    y.backward(gradcu.as_tensor(cotangent))
    for operand in (a, b):
        found = gradient(operand).numpy()
        assert found.shape == operand.shape
        assert found.dtype == operand.dtype
        lead = cotangent.ndim - found.ndim
        repeated = tuple(i for i in range(cotangent.ndim) if i < lead or found.shape[i - lead] != cotangent.shape[i])
        assert (found == cotangent.sum(axis=repeated).reshape(found.shape)).all()


def test_chain_of_a_million_nodes_is_walked_and_freed(no_collector: None):
    length = 1_000_000
    before = nodes_alive()
    x = leaf()
    y = x
    for _ in range(length // 2):
        y = y * 1.0000001 + 0.0
    first = weakref.ref(y.grad_fn)
    assert nodes_alive() - before == length
    y.backward()
    assert gradient(x).item() == pytest.approx(1.0000001 ** (length // 2), rel=1e-2)
    del y
    assert first() is None
    assert nodes_alive() == before


def test_what_a_long_chain_saved_is_freed(no_collector: None):
    x = leaf(4)
    y = x
    saved = []
    for _ in range(2000):
        y = gradcu.sin(y)
        saved.append(weakref.ref(y.detach().numpy()))
    y.sum().backward()
    del y
    assert all(reference() is None for reference in saved)


def test_second_derivative_of_a_long_chain(no_collector: None):
    before = nodes_alive()
    x = gradcu.tensor(2.0, dtype=gradcu.float64, requires_grad=True)
    y = x
    factor = 1 + 1e-6
    for _ in range(20_000):
        y = y * factor
    y = y * y
    (first,) = gradcu.autograd.grad(y, x, create_graph=True)
    (second,) = gradcu.autograd.grad(first, x)
    assert second.item() == pytest.approx(2 * factor**40_000, rel=1e-9)
    del first, y
    assert nodes_alive() == before


GRAPHS = {
    "saved operand": lambda x: x * x,
    "saved result": lambda x: gradcu.exp(x),
    "static": lambda x: x**3,
    "reduction": lambda x: x.sum(),
    "view": lambda x: (x * 1).reshape(-1)[0:1],
    "several results": lambda x: (x * 1).reshape(-1).unbind(0),
}


@pytest.mark.parametrize("make", GRAPHS.values(), ids=GRAPHS)
@pytest.mark.parametrize("walked", ["never", "once", "create_graph"])
def test_graph_dies_with_its_last_tensor(make, walked: str, no_collector: None):
    before = nodes_alive()
    x = leaf(2)
    y = make(x)
    outputs = y if isinstance(y, tuple) else (y,)
    assert nodes_alive() > before
    if walked == "once":
        gradcu.autograd.grad([output.sum() for output in outputs], x)
    if walked == "create_graph":
        found = gradcu.autograd.grad([output.sum() for output in outputs], x, create_graph=True)
        del found
    del y, outputs
    assert nodes_alive() == before


def test_hooks_and_retained_gradients_make_no_cycle(no_collector: None):
    before = nodes_alive()
    x = leaf(2)
    y = gradcu.exp(x)
    y.retain_grad()
    handle = y.register_hook(lambda g: handle.remove())
    node: Any = y.grad_fn
    node.register_hook(lambda grad_inputs, grad_outputs: None)
    assert node.next_functions[0][0].variable is x
    y.sum().backward()
    del y, node
    assert nodes_alive() == before


def test_error_in_a_walk_leaves_everything_as_it_was():
    x = leaf(2)
    good = x * 2
    bad = x * 3
    bad.register_hook(lambda g: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        (good + bad).sum().backward()
    assert x.grad is None
    assert gradcu.is_grad_enabled()


def test_threads_walk_their_own_graphs():
    points = np.linspace(0, 1, 50)
    x = gradcu.tensor(points, requires_grad=True)
    errors: list[float] = []

    def work(factor: int) -> None:
        expected = np.sin(factor * points) + points * factor * np.cos(factor * points)
        for _ in range(20):
            (found,) = gradcu.autograd.grad((gradcu.sin(x * factor) * x).sum(), x)
            errors.append(np.abs(found.numpy() - expected).max())

    threads = [threading.Thread(target=work, args=(factor,)) for factor in range(1, 7)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(errors) == 6 * 20
    assert max(errors) < 1e-12


def test_threads_lose_no_gradient_of_a_shared_leaf():
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            x = leaf(3)

            def work(x: gradcu.Tensor = x) -> None:
                for _ in range(10):
                    x.backward(gradcu.ones(3))

            threads = [threading.Thread(target=work) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            assert gradient(x).tolist() == [40, 40, 40]
    finally:
        sys.setswitchinterval(interval)


def test_walk_in_another_thread_than_the_recording():
    x = leaf(3)
    y = (x * x).sum()
    thread = threading.Thread(target=y.backward)
    thread.start()
    thread.join()
    assert gradient(x).tolist() == [2, 2, 2]


def test_walk_keeps_numpys_error_state():
    with np.errstate(divide="raise", over="raise", invalid="raise"):
        before = np.geterr()
        x = gradcu.tensor([0.0, -1.0], requires_grad=True)
        gradcu.log(x).sum().backward()
        assert np.geterr() == before
    assert np.isinf(gradient(x).numpy()[0])


def test_walk_records_itself_only_where_asked():
    x = leaf(2)
    y = (gradcu.sin(x) * x).sum()
    (found,) = gradcu.autograd.grad(y, x, retain_graph=True)
    with gradcu.no_grad():
        (recorded,) = gradcu.autograd.grad(y, x, create_graph=True)
    assert not found.requires_grad
    assert recorded.requires_grad


def test_leaf_of_a_subclass():
    class Parameter(gradcu.Tensor):
        pass

    parameter = Parameter([1.0, 2.0])
    parameter.requires_grad = True
    y = (parameter * 3 + parameter).sum()
    y.backward()
    assert gradient(parameter).tolist() == [4, 4]


def test_only_nodes_that_lead_to_an_input_run():
    x, w = leaf(2), leaf(2)
    side = w * 2
    seen: list[str] = []
    side.register_hook(lambda g: seen.append("side"))
    gradcu.autograd.grad((side * x).sum(), x)
    assert seen == []


def test_unsupported_options_are_refused():
    x = leaf()
    with pytest.raises(ValueError, match="only_inputs"):
        gradcu.autograd.grad(x * x, x, only_inputs=False)


@pytest.mark.parametrize("rows", [None, gradcu.ones(0), (gradcu.ones(2), gradcu.ones(3))])
def test_batches_without_rows_or_of_different_lengths_are_refused(rows: Any):
    x = leaf()
    with pytest.raises(ValueError, match="is_grads_batched"):
        gradcu.autograd.grad((x * x, x * x), x, rows, is_grads_batched=True)


def test_edge_that_is_no_tensor_is_not_retained():
    x = leaf(3)
    y = x * 2
    edge = gradcu.autograd.graph.get_gradient_edge(y)
    (y * 5).sum().backward(inputs=[edge])
    assert not y.retains_grad
    assert y.grad_fn is not None
    assert y.grad_fn.retained is None


def test_more_cotangents_than_outputs():
    x = leaf(2)
    with pytest.raises(RuntimeError, match="got 1 tensors and 2 gradients"):
        gradcu.autograd.grad(x * x, x, [gradcu.ones(2), gradcu.ones(2)])


def of_one_operand() -> list[str]:
    return [op.name for op in OPS.values() if op.elementwise and len(op.operands) == 1 and op.rules and not op.statics]


@pytest.mark.parametrize("name", of_one_operand())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [0, 1, 5, 5000])
def test_the_gradient_of_a_sum_is_that_of_a_cotangent_of_ones(name: str, dtype: str, size: int):
    x = gradcu.linspace(0.1, 0.9, size, dtype=dtype, requires_grad=True)
    # A sum's cotangent is one number until something needs an array of them.
    (through_sum,) = grad(OPS[name].call(OPS["neg"].call(x)).sum() * 3, x)
    y = OPS[name].call(OPS["neg"].call(x))
    (expected,) = grad(y, x, gradcu.full_like(y, 3.0))
    assert through_sum.shape == x.shape
    assert through_sum.dtype == x.dtype
    np.testing.assert_array_equal(through_sum.numpy(), expected.numpy())


def test_who_looks_at_the_gradient_of_a_sum_on_its_way_sees_all_of_it():
    seen = []
    x = gradcu.ones(3, requires_grad=True)
    y = gradcu.exp(x)
    y.retain_grad()
    z = gradcu.neg(y)
    z.register_hook(lambda g: seen.append(g.shape))
    z.sum().backward()
    assert seen == [(3,)]
    assert y.grad is not None
    assert y.grad.shape == (3,)
    y = gradcu.exp(x)
    node = y.grad_fn
    assert node is not None
    node.register_prehook(lambda gradients: seen.append(gradients[0].shape))
    (of_y,) = grad((-y).sum(), y, retain_graph=True)
    assert of_y.tolist() == [-1, -1, -1]
    (-y).sum().backward()
    assert seen == [(3,), (3,)]
    x.grad = None
    gradcu.neg(x).sum().backward()
    assert x.grad is not None
    x.grad.add_(1)
    assert x.grad.tolist() == [0, 0, 0]


def test_a_sum_over_what_was_broadcast_counts_every_element():
    row, column = gradcu.ones(4, requires_grad=True), gradcu.ones(3, 1, requires_grad=True)
    (row * column).sum().backward()
    gradcu.exp(row.expand(3, 4)).sum().backward()
    assert column.grad is not None
    assert row.grad is not None
    assert column.grad.tolist() == [[4]] * 3
    np.testing.assert_allclose(row.grad.numpy(), 3 + 3 * np.e, rtol=1e-6)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x**3, lambda x: x**0.5, lambda x: 2.0**x, lambda x: gradcu.leaky_relu(x - 0.5, 0.1),
        lambda x: gradcu.softplus(x, 2.0), lambda x: gradcu.clamp(x, 0.2, 0.4), lambda x: gradcu.where(x > 0.5, x, 0.0),
        lambda x: gradcu.gelu(x, approximate="tanh"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("size", [5, 5000])
def test_so_it_is_of_ops_with_numbers_beside_the_operand(f: Any, size: int):
    x = gradcu.linspace(0.1, 0.9, size, requires_grad=True)
    (through_sum,) = grad(f(x).sum(), x)
    (expected,) = grad(f(x), x, gradcu.ones(size))
    np.testing.assert_array_equal(through_sum.numpy(), expected.numpy())
