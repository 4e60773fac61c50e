"""Pinned memory: what is in it, and copies from and to it that nobody waits for."""

from collections.abc import Callable

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._op import FUNCTIONS
from gradcu.ops import load_all
from tests.cpu_cuda.bed import Bed

CREATIONS: dict[str, Callable[..., Tensor]] = {
    "zeros": lambda **options: gradcu.zeros(2, 3, **options),
    "ones": lambda **options: gradcu.ones(2, **options),
    "empty": lambda **options: gradcu.empty(0, 3, **options),
    "full": lambda **options: gradcu.full((2,), 2.5, **options),
    "eye": lambda **options: gradcu.eye(2, 3, **options),
    "zeros_like": lambda **options: gradcu.zeros_like(gradcu.ones(2), **options),
    "ones_like": lambda **options: gradcu.ones_like(gradcu.ones(2), **options),
    "empty_like": lambda **options: gradcu.empty_like(gradcu.ones(0), **options),
    "full_like": lambda **options: gradcu.full_like(gradcu.ones(2), 3, **options),
    "tensor of a number": lambda **options: gradcu.tensor(3.0, **options),
    "tensor of a list": lambda **options: gradcu.tensor([[1, 2]], **options),
    "tensor of an array": lambda **options: gradcu.tensor(np.arange(6.0).reshape(2, 3).T, **options),
    "scalar_tensor": lambda **options: gradcu.scalar_tensor(2, **options),
    "arange": lambda **options: gradcu.arange(0, 1, 0.25, **options),
    "arange of integers": lambda **options: gradcu.arange(3, **options),
    "linspace": lambda **options: gradcu.linspace(-2, 3, 7, **options),
    "logspace": lambda **options: gradcu.logspace(0, 2, 3, **options),
    "rand": lambda **options: gradcu.rand(3, **options),
    "randn": lambda **options: gradcu.randn(2, 2, **options),
    "rand_like": lambda **options: gradcu.rand_like(gradcu.ones(2), **options),
    "randn_like": lambda **options: gradcu.randn_like(gradcu.ones(2), **options),
    "randint": lambda **options: gradcu.randint(0, 9, (4,), **options),
    "randperm": lambda **options: gradcu.randperm(5, **options),
}


@pytest.mark.parametrize("name", CREATIONS)
def test_tensors_are_made_in_pinned_memory(name: str, cuda: str):
    gradcu.manual_seed(0)
    ordinary = CREATIONS[name]()
    gradcu.manual_seed(0)
    made = CREATIONS[name](pin_memory=True)
    assert not ordinary.is_pinned()
    assert made.is_pinned() or not made.numel()
    assert made.is_cpu
    assert (made.dtype, made.shape, made.stride()) == (ordinary.dtype, ordinary.shape, ordinary.stride())
    assert made.tolist() == ordinary.tolist()
    with pytest.raises(RuntimeError, match=r"Only dense CPU tensors can be pinned: .* device='cuda:0'"):
        CREATIONS[name](pin_memory=True, device=cuda)


def test_a_tensor_is_pinned_with_its_graph(cuda: str):
    x = gradcu.tensor([[1.0, 2.0], [3.0, 4.0]], dtype=gradcu.float64, requires_grad=True)
    y = x.t().pin_memory()
    assert (y.is_pinned(), y.requires_grad, y.stride()) == (True, True, (1, 2))
    assert type(y.grad_fn).__name__ == "PinMemoryBackward0"
    assert y.pin_memory() is y
    assert y[1:].is_pinned()
    assert y.detach().is_pinned()
    assert not (y + 1).is_pinned()
    assert not x.is_pinned()
    assert gradcu.autograd.gradcheck(lambda x: x.pin_memory() ** 2, (x,))
    assert gradcu.autograd.gradgradcheck(lambda x: x.pin_memory().cuda() ** 3, (x,))
    assert gradcu.tensor(2.0).exp().pin_memory().item() == pytest.approx(np.e**2, rel=1e-6)


def test_what_is_on_a_device_cannot_be_pinned(cuda: str):
    x = gradcu.ones(2, device=cuda)
    assert not x.is_pinned()
    with pytest.raises(
        RuntimeError, match=r"cannot pin 'gradcu.cuda.FloatTensor' only dense CPU tensors can be pinned"
    ):
        x.pin_memory()


def test_memory_that_others_pinned_is_pinned(cuda: str):
    cupyx = pytest.importorskip("cupyx", reason="CUDA was found without CuPy")
    assert gradcu.from_numpy(cupyx.zeros_pinned(3)).is_pinned()


def test_a_copy_from_pinned_memory_is_not_waited_for(bed: Bed, place: str):
    """What is changed before the stream has come so far is what arrives: nothing was read yet."""
    x = gradcu.ones(4, pin_memory=True)
    gradcu.zeros(1, device=place)
    gradcu.cuda.synchronize(place)
    before = bed.counts
    with bed.lazy_streams():
        y = x.to(place, non_blocking=True)
        assert (bed.counts - before)[:6] == (0, 0, 0, 0, 0, 0)
        x.fill_(2)
        gradcu.cuda.synchronize(place)
        assert (bed.counts - before).to_device == 1
        assert y.tolist() == [2.0] * 4
        waited = x.to(place)
        x.fill_(3)
    assert waited.tolist() == [2.0] * 4


def test_pinned_memory_that_is_copied_is_not_given_out(bed: Bed, place: str):
    stream = gradcu.cuda.Stream(place)
    kept = [gradcu.ones(4, device=place)]
    gradcu.cuda.synchronize(place)
    with bed.lazy_streams(), gradcu.cuda.stream(stream):
        there = gradcu.ones(1000).pin_memory().to(place, non_blocking=True)
        back = (kept[0] * 3).to("cpu", non_blocking=True)
        address = back.data_ptr()
        del back
        later = [gradcu.full((count,), 7.0, pin_memory=True) for count in (1000, 4) for _ in range(3)]
        assert address not in [tensor.data_ptr() for tensor in later]
        stream.synchronize()
        assert there.tolist() == [1.0] * 1000
        assert {number for tensor in later for number in tensor.tolist()} == {7.0}


def test_a_copy_into_a_tensor_of_the_cpu_is_waited_for(bed: Bed, cuda: str):
    """It is read at once: PyTorch's too returns no sooner where the target is not pinned."""
    x = gradcu.ones(4, device=cuda)
    with bed.lazy_streams():
        back = gradcu.zeros(4).copy_(x * 3, non_blocking=True)
        assert back.tolist() == [3.0] * 4


def test_gradients_come_back_through_pinned_memory(bed: Bed, place: str):
    x = gradcu.linspace(0, 1, 5, dtype=gradcu.float64, requires_grad=True)
    with bed.lazy_streams():
        (x.pin_memory().to(place, non_blocking=True).exp() * 2).sum().backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), 2 * np.exp(np.linspace(0, 1, 5)), rtol=1e-15)


def test_every_function_that_makes_leaves_takes_pin_memory():
    load_all()
    options = {name: set(function.__kwdefaults__ or ()) for name, function in FUNCTIONS.items()}
    makers = {name for name, known in options.items() if {"device", "requires_grad"} <= known}
    assert {name for name in makers if "pin_memory" not in options[name]} == {"asarray"}
    assert len(makers) == len({name.partition(" of ")[0] for name in CREATIONS}) + len({"asarray"})
