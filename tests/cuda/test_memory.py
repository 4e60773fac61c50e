"""Memory of CUDA devices: how much is used, and what happens where there is not enough."""

import re
from collections.abc import Callable

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


def test_the_figures_of_memory(place: str):
    gradcu.cuda.empty_cache()
    before = gradcu.cuda.memory_allocated(place)
    gradcu.cuda.reset_peak_memory_stats(place)
    x = gradcu.zeros(1 << 16, device=place)
    with gradcu.cuda.device_of(x):
        del x
        stats = gradcu.cuda.memory_stats()
        assert stats == {
            "allocated_bytes.all.current": before,
            "allocated_bytes.all.peak": before + (1 << 18),
            "reserved_bytes.all.current": gradcu.cuda.memory_reserved(),
            "reserved_bytes.all.peak": gradcu.cuda.max_memory_reserved(),
        }
        assert stats["reserved_bytes.all.peak"] == stats["reserved_bytes.all.current"] >= before + (1 << 18)
        gradcu.cuda.empty_cache()
        assert gradcu.cuda.max_memory_reserved() > gradcu.cuda.memory_reserved()
        title, _, allocated, reserved = gradcu.cuda.memory_summary().splitlines()
    assert title == f"{place}: memory in bytes"
    assert allocated.split() == ["allocated", f"{before:,}", f"{before + (1 << 18):,}"]
    assert reserved.split()[2] == f"{gradcu.cuda.max_memory_reserved(place):,}"


def test_a_part_of_the_memory_is_all_that_may_be_used(bed: Bed, place: str):
    total = gradcu.cuda.mem_get_info(place)[1]
    assert gradcu.cuda.get_per_process_memory_fraction(place) == 1.0
    try:
        for fraction in (0.0, 0.25):
            gradcu.cuda.set_per_process_memory_fraction(fraction, place)
            assert gradcu.cuda.get_per_process_memory_fraction(place) == pytest.approx(fraction, abs=1e-8)
            with pytest.raises(gradcu.OutOfMemoryError, match=f"zeros on {place}: .*limit set to"):
                gradcu.zeros(int(total * fraction) + 1, dtype=gradcu.uint8, device=place)
    finally:
        gradcu.cuda.set_per_process_memory_fraction(1.0, place)
    assert gradcu.cuda.get_per_process_memory_fraction(place) == 1.0
    with pytest.raises(ValueError, match=r"Invalid fraction value: 1.5. Allowed range: 0~1"):
        gradcu.cuda.set_per_process_memory_fraction(1.5)
    with pytest.raises(TypeError, match="Invalid type for fraction argument, must be `float`, not int"):
        gradcu.cuda.set_per_process_memory_fraction(1)


def test_running_out_of_memory_names_the_op_and_the_size(bed: Bed, cuda: str):
    x = gradcu.ones(1000, device=cuda)
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError) as caught:
        gradcu.exp(x.expand(1 << 18, 1000))
    message = str(caught.value)
    assert message.startswith("CUDA out of memory. exp on cuda:0: Out of memory allocating 1,048,576,000 bytes")
    assert isinstance(caught.value, MemoryError)
    assert isinstance(caught.value, RuntimeError)


def elementwise(x: Tensor) -> Tensor:
    return loss(x)


def mixed(x: Tensor) -> Tensor:
    """Broadcasting, views, indices, a product of matrices, reductions, and one change in place."""
    rows = x.reshape(20, 50)
    product = rows @ rows.t() / 50
    product[0] = rows[:, 3] * 2
    picked = rows[[0, 3, 3]] - rows.mean(1, keepdim=True)[:3]
    joined = gradcu.cat([picked, rows[5:7]]).softmax(1)
    return product.tanh().sum() + (joined * rows[:5]).sum() + rows.max(0).values.exp().sum()


def across_devices(x: Tensor) -> Tensor:
    return ((x.to("cuda:1") * 3).sin().to("cuda:0") * x.cpu().cuda()).sum()


def twice_differentiated(x: Tensor) -> Tensor:
    (first,) = gradcu.autograd.grad((x * x.sin()).sum(), x, create_graph=True)
    return (first * first).sum()


NAMED = r"CUDA out of memory\. \w+ on cuda:[01]: Out of memory allocating [\d,]+ bytes"


@pytest.mark.parametrize("program", [elementwise, mixed, across_devices, twice_differentiated])
def test_running_out_of_memory_at_any_allocation_leaves_the_graph_usable(
    program: Callable[[Tensor], Tensor], bed: Bed, cuda: str
):
    x = gradcu.linspace(-1, 1, 1000, dtype=gradcu.float64, device=cuda, requires_grad=True)
    right = program(x)
    right.backward()
    assert x.grad is not None
    expected, before = x.grad.clone(), x.detach().clone()
    failures, messages = 0, []
    while True:
        x.grad = None
        y = None
        try:
            with bed.out_of_memory_after(failures):
                y = program(x)
                y.backward(retain_graph=True)
        except gradcu.OutOfMemoryError as error:
            failures += 1
            messages.append(str(error))
        else:
            break
        # No leaf has half of its gradient, and the same graph gives it all once there is memory.
        assert x.grad is None
        (program(x) if y is None else y).backward()
        assert x.grad is not None
        assert gradcu.allclose(x.grad, expected, rtol=1e-12)
    assert gradcu.equal(y, right)
    assert gradcu.equal(x.grad, expected)
    assert gradcu.equal(x, before)
    assert failures >= 5
    assert [message for message in messages if not re.match(NAMED, message)] == []


def test_running_out_of_memory_keeps_what_a_leaf_had(bed: Bed, cuda: str):
    x = gradcu.linspace(-1, 1, 1000, device=cuda, requires_grad=True)
    loss(x).backward()
    assert x.grad is not None
    once = x.grad.clone()
    y = loss(x)
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError):
        y.backward(retain_graph=True)
    assert gradcu.equal(x.grad, once)
    with bed.out_of_memory_after(1), pytest.raises(gradcu.OutOfMemoryError):
        y.backward(retain_graph=True)
    assert gradcu.equal(x.grad, once)
    y.backward()
    assert gradcu.equal(x.grad, 2 * once)


def test_running_out_of_memory_amid_a_change_in_place_changes_nothing(bed: Bed, cuda: str):
    x = gradcu.arange(4.0, device=cuda)
    row = gradcu.ones(1 << 12, device=cuda)
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError):
        row.exp_()
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError, match="on cuda:0"):
        x.expand(1 << 20, 4).to(gradcu.float64)
    assert (x.tolist(), row.sum().item(), row._version) == ([0.0, 1.0, 2.0, 3.0], 1 << 12, 0)


def test_running_out_of_memory_in_a_move_names_the_move(bed: Bed, cuda: str):
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError, match="to on cuda:0: Out of memory"):
        gradcu.ones(1000).to(cuda)
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError, match="zeros on cuda:0: Out of memory"):
        gradcu.zeros(1000, device=cuda)
