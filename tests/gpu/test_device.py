"""What only a real device shows: large arrays, the end of its memory, streams at a time, the same bits twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor

pytestmark = pytest.mark.gpu

LARGE = 3 * 10**7

PRODUCTS: dict[str, dict[str, Any]] = {
    "grid": {"grid": {"u": (-1, 2, 6_001), "v": (0.5, 3, 5_000)}},
    "points": {"points": {"u": np.linspace(-1, 2, LARGE), "v": np.geomspace(0.5, 3, LARGE)}},
    "params": {"grid": {"u": (-1, 2, LARGE // 3)}, "params": {"v": [0.5, 1.25, 3.0]}},
}


def cubic(x: Tensor) -> Tensor:
    return x**3 - 3 * x**2 + 4


def room_for(nbytes: int) -> None:
    free, _ = gradcu.cuda.mem_get_info()
    if free < nbytes * 1.2:
        pytest.skip(f"the device has {free / 2**30:.1f} GiB free, and this takes {nbytes / 2**30:.1f}")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("f", [cubic, gradcu.relu, lambda x: gradcu.exp(-x * x / 8) * gradcu.sin(3 * x)])
def test_a_sweep_is_that_of_the_cpu(f: Any, dtype: str, cuda: str):
    # Beyond float32's exact integers, so that no point can be made from its number in float32.
    there = gradcu.sweep(f, -5, 5, LARGE + 1, order=2, dtype=dtype, device=cuda)
    here = gradcu.sweep(f, -5, 5, LARGE + 1, order=2, dtype=dtype, device="cpu")
    assert gradcu.equal(there.x.cpu(), here.x)
    eps = float(np.finfo(dtype).eps)
    for order in range(3):
        found, expected = (result.derivative(order).cpu().numpy() for result in (there, here))
        np.testing.assert_allclose(found, expected, rtol=16 * eps, atol=256 * eps)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("kind", PRODUCTS)
def test_a_sweep_over_a_product_is_that_of_the_cpu(kind: str, dtype: str, cuda: str):
    def ridge(u: Tensor, v: Tensor) -> Tensor:
        return u * u * gradcu.sin(v)

    there, here = (gradcu.sweep(ridge, dtype=dtype, device=place, **PRODUCTS[kind]) for place in (cuda, "cpu"))
    assert there.summary().engine == "cuda"
    eps = float(np.finfo(dtype).eps)
    for partial in there.partials:
        found, expected = (result.partial(*partial).cpu().numpy() for result in (there, here))
        np.testing.assert_allclose(found, expected, rtol=16 * eps, atol=64 * eps)


def test_kernels_of_large_arrays(cuda: str):
    x = gradcu.linspace(-3, 3, LARGE, dtype=gradcu.float64, device=cuda, requires_grad=True)
    y = (x.sin() * x).sum()
    y.backward()
    assert x.grad is not None
    here = x.detach().cpu().numpy()
    np.testing.assert_allclose(y.item(), (np.sin(here) * here).sum(), rtol=1e-12)
    np.testing.assert_allclose(x.grad.cpu().numpy(), np.cos(here) * here + np.sin(here), rtol=1e-12, atol=1e-12)


def test_indices_of_64_bits(cuda: str):
    """More elements than an int32 counts, in both kinds of kernels."""
    count = 2**31 + 1025
    room_for(3 * 4 * count)
    x = gradcu.ones(count, device=cuda, requires_grad=True)
    y = x * 3
    assert y[-1025:].sum().item() == 3 * 1025
    assert y.sum().item() == np.float32(3 * count)
    (gradient,) = gradcu.autograd.grad(y, x, x.detach())
    assert gradient[[0, 2**31 - 1, 2**31, count - 1]].tolist() == [3.0] * 4


def test_sums_and_gradients_of_an_index_have_the_same_bits_every_time(cuda: str):
    x = gradcu.randn(1000, device=cuda, requires_grad=True)
    index = gradcu.randint(0, 1000, (10**6,), device=cuda)
    weights = gradcu.randn(10**6, device=cuda)

    def once() -> tuple[Any, Any]:
        y = (x[index] * weights).sum()
        return y.item(), gradcu.autograd.grad(y, x)[0]

    value, gradient = once()
    for _ in range(20):
        again, same = once()
        assert again == value
        assert gradcu.equal(same, gradient)


def test_sums_in_many_dimensions_have_the_same_bits_every_time(cuda: str):
    """More dimensions than the kernels take."""
    x = gradcu.randn(*(2,) * 10, device=cuda, requires_grad=True)
    index = gradcu.randint(0, 2, (10**4,), device=cuda)
    weights = gradcu.randn(10**4, *(2,) * 9, device=cuda)
    first, *others = (gradcu.autograd.grad(x[index], x, weights)[0] for _ in range(10))
    assert all(gradcu.equal(other, first) for other in others)


def test_of_values_at_a_repeated_index_the_last_one_stays(cuda: str):
    index, values = gradcu.randint(0, 1000, (10**6,)), gradcu.randn(10**6)
    expected = gradcu.zeros(1000)
    expected[index] = values
    there = index.to(cuda), values.to(cuda)
    for _ in range(20):
        x = gradcu.zeros(1000, device=cuda)
        x[there[0]] = there[1]
        assert gradcu.equal(x.cpu(), expected)


def test_copies_from_pinned_memory_that_is_dropped_are_whole(cuda: str):
    there = []
    for number in range(20):
        there.append(gradcu.full((10**6,), float(number), pin_memory=True).to(cuda, non_blocking=True))
    for number, tensor in enumerate(there):
        assert tensor.sum().item() == number * 10**6


def test_memory_that_another_stream_reads_is_kept(cuda: str):
    other = gradcu.cuda.Stream()
    for _ in range(20):
        x = gradcu.ones(10**7, device=cuda)
        other.wait_stream(gradcu.cuda.current_stream())
        with gradcu.cuda.stream(other):
            y = (x.exp().log().exp().log() * 2).sum()
        x.record_stream(other)
        del x
        _ = gradcu.full((10**7,), 7.0, device=cuda)
        other.synchronize()
        assert y.item() == pytest.approx(2 * 10**7, rel=1e-5)


def test_running_out_of_the_devices_memory_leaves_the_graph_usable(cuda: str):
    x = gradcu.ones(1000, device=cuda, requires_grad=True)
    y = (x * 2).sum()
    _, total = gradcu.cuda.mem_get_info()
    with pytest.raises(gradcu.OutOfMemoryError, match="exp on cuda:0: Out of memory allocating"):
        x.detach().expand(total // 1000, 1000).exp()
    y.backward()
    assert x.grad is not None
    assert x.grad[0].item() == 2


def test_streams_wait_for_each_other(cuda: str):
    x = gradcu.ones(10**7, device=cuda, requires_grad=True)
    for _ in range(20):
        first, second = gradcu.cuda.Stream(), gradcu.cuda.Stream()
        first.wait_stream(gradcu.cuda.current_stream())
        with gradcu.cuda.stream(first):
            y = x
            for _ in range(10):
                y = y * 1.01
        second.wait_stream(first)
        with gradcu.cuda.stream(second):
            z = (y * y).sum()
        gradcu.cuda.current_stream().wait_stream(second)
        (gradient,) = gradcu.autograd.grad(z, x)
        assert gradient[-1].item() == pytest.approx(2 * 1.01**20, rel=1e-5)


def test_a_copy_that_does_not_wait_is_whole_once_it_was_waited_for(cuda: str):
    x = gradcu.arange(10**7, dtype=gradcu.float32, device=cuda)
    there = (x + 1).to("cpu", non_blocking=True)
    gradcu.cuda.synchronize()
    np.testing.assert_array_equal(there.numpy(), np.arange(1, 10**7 + 1, dtype=np.float32))


def test_two_devices(cuda: str):
    if gradcu.cuda.device_count() < 2:
        pytest.skip("there is one CUDA device")
    x = gradcu.linspace(0, 1, 10**6, dtype=gradcu.float64, device="cuda:0", requires_grad=True)
    (x.sin().to("cuda:1") * x.to("cuda:1")).sum().to("cuda:0").backward()
    assert x.grad is not None
    here = x.detach().cpu().numpy()
    np.testing.assert_allclose(x.grad.cpu().numpy(), np.cos(here) * here + np.sin(here), rtol=1e-12)
    both = gradcu.sweep(cubic, -1, 1, 10**7, device=["cuda:0", "cuda:1"])
    one = gradcu.sweep(cubic, -1, 1, 10**7, device="cuda:0")
    assert gradcu.equal(both.derivative(1).cpu(), one.derivative(1).cpu())
