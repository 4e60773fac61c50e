"""Memory of CUDA devices: how much is used, and what happens where there is not enough."""

import pytest

import gradcu
from gradcu import Tensor
from tests.cpu_cuda.bed import Bed


def loss(x: Tensor) -> Tensor:
    y = (x * x).exp()
    return (y + x.sin()).sum()


def test_how_much_is_used(cuda: str):
    gradcu.cuda.empty_cache()
    before = gradcu.cuda.memory_allocated()
    gradcu.cuda.reset_peak_memory_stats()
    x = gradcu.zeros(1 << 16, device=cuda)
    assert gradcu.cuda.memory_allocated() == before + (1 << 18)
    y = x + 1
    del y
    assert gradcu.cuda.memory_allocated() == before + (1 << 18)
    assert gradcu.cuda.max_memory_allocated() == before + (1 << 19)
    assert gradcu.cuda.memory_reserved() >= before + (1 << 19)
    del x
    gradcu.cuda.reset_peak_memory_stats()
    assert gradcu.cuda.max_memory_allocated() == gradcu.cuda.memory_allocated() == before
    gradcu.cuda.empty_cache()
    free, total = gradcu.cuda.mem_get_info()
    assert 0 < free <= total


def test_running_out_of_memory_names_the_op_and_the_size(bed: Bed, cuda: str):
    x = gradcu.ones(1000, device=cuda)
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError) as caught:
        gradcu.exp(x.expand(1 << 18, 1000))
    message = str(caught.value)
    assert message.startswith("CUDA out of memory. exp on cuda:0: Out of memory allocating 1,048,576,000 bytes")
    assert isinstance(caught.value, MemoryError)
    assert isinstance(caught.value, RuntimeError)


def test_running_out_of_memory_at_any_allocation_leaves_the_graph_usable(bed: Bed, cuda: str):
    expected = gradcu.linspace(-1, 1, 1000, requires_grad=True)
    loss(expected).backward()
    x = gradcu.linspace(-1, 1, 1000, device=cuda, requires_grad=True)
    loss(x).backward()
    failures = 0
    for allowed in range(50):
        x.grad = None
        y = None
        try:
            with bed.out_of_memory_after(allowed):
                y = loss(x)
                y.backward(retain_graph=True)
        except gradcu.OutOfMemoryError:
            failures += 1
        else:
            break
        # No leaf has half of its gradient, and the same graph gives it all once there is memory.
        assert x.grad is None
        (loss(x) if y is None else y).backward()
        assert x.grad is not None
        assert gradcu.allclose(x.grad.cpu(), expected.grad, atol=1e-5)
    assert failures >= 3
