"""Tensors on CUDA devices: how they get there, what they may be combined with, where their gradients go."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor, _finding_cuda
from tests.cpu_cuda.bed import Bed

CREATIONS: dict[str, Callable[[], Tensor]] = {
    "zeros": lambda: gradcu.zeros(2, 3),
    "ones": lambda: gradcu.ones(3),
    "full": lambda: gradcu.full((2,), 2.5),
    "eye": lambda: gradcu.eye(2, 3),
    "tensor of a number": lambda: gradcu.tensor(3.0),
    "tensor of a list": lambda: gradcu.tensor([1, 2]),
    "as_tensor of an array": lambda: gradcu.as_tensor(np.arange(3.0)),
    "scalar_tensor": lambda: gradcu.scalar_tensor(2),
    "arange": lambda: gradcu.arange(0, 1, 0.25),
    "linspace": lambda: gradcu.linspace(-2, 3, 7),
    "linspace of integers": lambda: gradcu.linspace(0, 10, 5, dtype=gradcu.int64),
    "logspace": lambda: gradcu.logspace(0, 2, 3),
    "rand": lambda: gradcu.rand(3),
    "randn": lambda: gradcu.randn(2, 2),
    "randint": lambda: gradcu.randint(0, 9, (4,)),
    "randperm": lambda: gradcu.randperm(5),
}


@pytest.mark.parametrize("create", CREATIONS.values(), ids=CREATIONS)
def test_a_default_device_is_where_tensors_are_made(create: Callable[[], Tensor], place: str):
    gradcu.manual_seed(0)
    expected = create()
    gradcu.manual_seed(0)
    with gradcu.device(place):
        made = create()
    assert str(expected.device) == "cpu"
    assert str(made.device) == place
    assert made.dtype == expected.dtype
    np.testing.assert_allclose(made.cpu().numpy(), expected.numpy(), rtol=1e-6)


@pytest.mark.parametrize("dtype", [gradcu.float16, gradcu.float32, gradcu.float64])
@pytest.mark.parametrize(
    ("start", "end", "steps"),
    [(0, 1, 1), (0, 1, 2), (-5, 5, 1001), (-1, 3, 20_000), (-1e-3, 7e3, 50_001), (2, 2, 9), (-1.3, 1.7, 8192)],
)
def test_a_linspace_has_the_same_points_on_every_device(start: float, end: float, steps: int, dtype: Any, cuda: str):
    made = gradcu.linspace(start, end, steps, dtype=dtype, device=cuda)
    expected = gradcu.linspace(start, end, steps, dtype=dtype).numpy()
    # A float32 linspace of up to 8192 points is made on the CPU by a shorter formula, which rounds a tie otherwise.
    np.testing.assert_allclose(made.cpu().numpy(), expected, rtol=1.2e-7 if dtype == gradcu.float32 else 0)


def test_default_devices_nest_and_end(cuda: str):
    with gradcu.device("cuda"), gradcu.device("cpu"):
        assert gradcu.get_default_device() == gradcu.device("cpu")
        with gradcu.device("cuda:0"):
            assert gradcu.get_default_device() == gradcu.device("cuda:0")
        assert gradcu.tensor(1.0).device == gradcu.device("cpu")
    with pytest.raises(ZeroDivisionError), gradcu.device("cuda"):
        raise ZeroDivisionError
    assert gradcu.get_default_device() == gradcu.device("cpu")
    gradcu.set_default_device("cuda")
    try:
        assert str(gradcu.tensor(1.0).device) == cuda
    finally:
        gradcu.set_default_device(None)
    assert gradcu.tensor(1.0).device == gradcu.device("cpu")


@pytest.mark.parametrize(
    ("move", "dtype"),
    [
        (lambda x, place: x.to(place), gradcu.float32),
        (lambda x, place: x.cuda(place), gradcu.float32),
        (lambda x, place: x.to(gradcu.device(place), gradcu.float64), gradcu.float64),
        (lambda x, place: x.to(device=place, dtype=gradcu.float64, non_blocking=True), gradcu.float64),
        (lambda x, place: x.to(place, gradcu.float32, True, True), gradcu.float32),
        (lambda x, place: x.to(int(place[-1])), gradcu.float32),
        (lambda x, place: x.to(gradcu.zeros(1, dtype=gradcu.float64, device=place)), gradcu.float64),
        (lambda x, place: gradcu.as_tensor(x, device=place), gradcu.float32),
    ],
)
def test_a_move_is_one_node_and_its_gradient_comes_back(move: Callable[..., Tensor], dtype: Any, place: str):
    x = gradcu.tensor([1.0, -2.0], requires_grad=True)
    y = move(x, place)
    assert (str(y.device), y.dtype, y.is_cuda, y.get_device()) == (place, dtype, True, int(place[-1]))
    node: Any = y.grad_fn
    assert type(node).__name__ == "ToCopyBackward0"
    assert node.next_functions[0][0].variable is x
    (y * y).sum().backward()
    assert x.grad is not None
    assert (x.grad.device, x.grad.dtype, x.grad.tolist()) == (gradcu.device("cpu"), x.dtype, [2.0, -4.0])


def test_to_the_same_device_is_the_same_tensor(cuda: str):
    x = gradcu.ones(2, device=cuda)
    assert x.to(cuda) is x
    assert x.cuda() is x
    assert x.to(cuda, copy=True) is not x
    assert x.cpu().cpu().device == gradcu.device("cpu")


def test_a_gradient_crosses_devices_both_ways_and_twice(place: str):
    x = gradcu.tensor([0.5, 1.5], dtype=gradcu.float64, requires_grad=True)
    y = (x.to(place) * 2).exp().cpu().sum()
    (first,) = gradcu.autograd.grad(y, x, create_graph=True)
    (second,) = gradcu.autograd.grad(first.sum(), x)
    expected = np.exp(2 * x.detach().numpy())
    np.testing.assert_allclose(first.detach().numpy(), 2 * expected, rtol=1e-15)
    np.testing.assert_allclose(second.numpy(), 4 * expected, rtol=1e-15)


def test_gradients_from_two_devices_add_up_where_they_belong(bed: Bed):
    """CuPy warns where an array is on another device than the current one, which needs a link between the two."""
    x = gradcu.tensor([0.5, 1.5], dtype=gradcu.float64, device="cuda:0", requires_grad=True)
    y = x * 2
    parts = y.unbind()
    total = (y.to("cuda:1", gradcu.float32) * 3).sum().to("cuda:0") + (y * y).sum() + parts[0].to("cuda:1").to("cuda:0")
    (total + (x.to("cuda:1") * 5).sum().to("cuda:0")).backward()
    assert x.grad is not None
    assert (str(x.grad.device), x.grad.dtype) == ("cuda:0", gradcu.float64)
    np.testing.assert_allclose(x.grad.tolist(), [6 + 8 * 0.5 + 2 + 5, 6 + 8 * 1.5 + 5], rtol=1e-6)
    (first,) = gradcu.autograd.grad((x.to("cuda:1") ** 3).sum().cpu() + (x**3).sum().cpu(), x, create_graph=True)
    (second,) = gradcu.autograd.grad(first.sum(), x)
    np.testing.assert_allclose(second.tolist(), [12 * 0.5, 12 * 1.5])


def test_everything_of_a_graph_is_on_its_device(place: str):
    x = gradcu.linspace(-1, 1, 5, device=place, requires_grad=True)
    part = x[1:4]
    y = (part * part).sum() + x[[0, 0]].prod()
    y.backward()
    y = (x * 3).sum()
    y.backward()
    assert x.grad is not None
    devices = {str(tensor.device) for tensor in (x, part, y, x.grad, x.grad.clone(), copy.deepcopy(x).detach())}
    assert devices == {place}
    assert x.grad.tolist() == [1.0, 2.0, 3.0, 4.0, 3.0]
    assert pickle.loads(pickle.dumps(x.detach().cpu())).tolist() == x.tolist()


def test_copy_and_assignment_cross_devices(place: str):
    x = gradcu.tensor([1.0, 2.0, 3.0], requires_grad=True)
    there = gradcu.zeros(3, device=place)
    there.copy_(x)
    there[:2] = x[1:]
    (there * gradcu.tensor([1.0, 10.0, 100.0], device=place)).sum().backward()
    assert there.tolist() == [2.0, 3.0, 3.0]
    assert x.grad is not None
    assert (x.grad.tolist(), x.grad.device) == ([0.0, 1.0, 110.0], gradcu.device("cpu"))
    back = gradcu.zeros(3).copy_(there.detach(), non_blocking=True)
    assert (back.tolist(), back.device) == ([2.0, 3.0, 3.0], gradcu.device("cpu"))


def test_a_pickle_comes_back_to_its_device(place: str, monkeypatch: pytest.MonkeyPatch):
    x = gradcu.ones(2, device=place, requires_grad=True)
    written = pickle.dumps(x)
    read = pickle.loads(written)
    assert (str(read.device), read.requires_grad, read.tolist()) == (place, True, [1.0, 1.0])
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    monkeypatch.setattr("gradcu._device._noticed", True)
    assert pickle.loads(written).device == gradcu.device("cpu")


def test_seeds_are_those_of_all_devices(place: str):
    gradcu.cuda.manual_seed(5)
    found = gradcu.rand(3, device=place).tolist()
    gradcu.manual_seed(5)
    assert gradcu.rand(3).tolist() == found


def test_devices_do_not_mix_but_for_zero_dim_tensors_of_the_cpu(place: str):
    x = gradcu.tensor([1.0, 2.0], device=place)
    with pytest.raises(RuntimeError) as caught:
        x + gradcu.ones(2)
    assert str(caught.value).startswith(
        f"Expected all tensors to be on the same device, but found at least two devices, {place} and cpu!"
    )
    with pytest.raises(RuntimeError, match="at least two devices"):
        gradcu.cat([x, gradcu.ones(2)])
    factor = gradcu.tensor(3.0, requires_grad=True)
    y = (x * factor).sum()
    y.backward()
    assert str(y.device) == place
    assert factor.grad is not None
    assert (factor.grad.item(), factor.grad.device) == (3.0, gradcu.device("cpu"))
    with pytest.raises(RuntimeError, match=f"expected device {place} but got cpu"):
        gradcu.autograd.backward(x.requires_grad_() * 2, gradcu.ones(2))


def test_two_cuda_devices_do_not_mix(cuda: str):
    if gradcu.cuda.device_count() < 2:
        pytest.skip("there is one CUDA device")
    with pytest.raises(RuntimeError, match="two devices, cuda:0 and cuda:1"):
        gradcu.ones(2, device="cuda:0") * gradcu.ones(2, device="cuda:1")


def test_a_device_that_is_not_there_is_named(cuda: str):
    """And nothing is said of what to install: CUDA works."""
    count = gradcu.cuda.device_count()
    present = ", ".join(f"cuda:{index}" for index in range(count))
    with pytest.raises(RuntimeError, match=f"there is no device 'cuda:{count}'; present: {present}$"):
        gradcu.ones(1, device=f"cuda:{count}")
    with pytest.raises(RuntimeError, match="Expected one of cpu, cuda, auto device type at start of device string: gp"):
        gradcu.ones(1, device=cuda).to("gpu")


def test_indices_are_on_the_cpu_or_where_they_select(cuda: str):
    message = r"indices should be either on cpu or on the same device as the indexed tensor \(cpu\), got cuda:0"
    x, at = gradcu.arange(4.0), gradcu.tensor([1, 0], device=cuda)
    for index in (at, at > 0, at.cupy(), (slice(None), at)):
        with pytest.raises(RuntimeError, match=message):
            _ = x.reshape(2, 2)[index]
        with pytest.raises(RuntimeError, match=message):
            x.reshape(2, 2)[index] = 0.0
    assert x[gradcu.tensor(3, device=cuda)].item() == 3.0


@pytest.mark.parametrize("index", [[0, 4], np.array([[-5]]), (slice(None), [3])])
def test_an_index_of_the_hosts_out_of_bounds_is_an_error(index: Any, cuda: str):
    x = gradcu.arange(12.0).reshape(4, 3)
    messages = []
    for place in ("cpu", cuda):
        with pytest.raises(
            IndexError, match=r"index (4|-5|3) is out of bounds for dimension (0|1) with size (4|3)"
        ) as e:
            _ = x.to(place)[index]
        messages.append(str(e.value))
    assert messages[0] == messages[1]


def test_a_hook_may_not_move_a_gradient(place: str):
    x = gradcu.ones(2, device=place, requires_grad=True)
    x.register_hook(lambda g: g.cpu())
    with pytest.raises(
        RuntimeError, match=r"has changed the type of value \(was gradcu.cuda.FloatTensor got gradcu.FloatTensor\)"
    ):
        (x * 2).sum().backward()
    assert x.grad is None


def test_a_type_tells_the_device(place: str):
    x = gradcu.ones(2, device=place)
    assert x.type() == "gradcu.cuda.FloatTensor"
    assert str(gradcu.ones(1, dtype=gradcu.float64).type_as(x).device) == place
    assert x.type_as(gradcu.ones(1, dtype=gradcu.float64)).type() == "gradcu.DoubleTensor"


def test_a_driver_that_is_too_old_is_told_with_what_is_needed(bed: Bed, monkeypatch: pytest.MonkeyPatch):
    runtime = bed.cupy.cuda.runtime
    needed = runtime.runtimeGetVersion() // 1000

    def insufficient() -> int:
        raise runtime.CUDARuntimeError(35)

    monkeypatch.setattr(runtime, "getDeviceCount", insufficient)
    monkeypatch.setattr(runtime, "driverGetVersion", lambda: 11040)
    found = f"the NVIDIA driver is too old: it supports CUDA 11.4, and the CuPy that is installed needs CUDA {needed}.0"
    with pytest.raises(RuntimeError, match=f"device 'cuda' cannot be used: {found}"):
        gradcu.ones(1, device="cuda")
    assert not gradcu.cuda.is_available()
    monkeypatch.setattr(runtime, "driverGetVersion", lambda: 0)
    with pytest.raises(RuntimeError, match="no CUDA driver was found: CUDARuntimeError: cudaErrorInsufficientDriver"):
        gradcu.ones(1, device="cuda")


def test_a_first_computation_that_fails_tells_the_versions(bed: Bed, monkeypatch: pytest.MonkeyPatch):
    def refuse(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError("the provided PTX was compiled with an unsupported toolchain")

    _finding_cuda.trial.cache_clear()
    monkeypatch.setattr(bed.cupy, "ones", refuse)
    monkeypatch.setattr(bed.cupy.cuda.runtime, "driverGetVersion", lambda: 12020)
    try:
        message = r"unsupported toolchain \(the driver supports CUDA 12.2, CuPy is built with CUDA 12.9\)"
        with pytest.raises(RuntimeError, match=message):
            gradcu.ones(1, device="cuda:1")
    finally:
        _finding_cuda.trial.cache_clear()


def test_gradcu_device_cpu_keeps_a_cuda_program_on_the_cpu(cuda: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    monkeypatch.setattr("gradcu._device._noticed", True)
    assert gradcu.ones(2, device="cuda").device == gradcu.device("cpu")
    assert not gradcu.cuda.is_available()
    assert gradcu.cuda.device_count() == 0
    gradcu.cuda.synchronize()
    gradcu.cuda.set_device(1)
    with gradcu.cuda.device("cuda:1"):
        assert gradcu.ones(2).cuda().device == gradcu.device("cpu")
    assert gradcu.cuda.memory_allocated() == gradcu.cuda.max_memory_allocated() == 0
    with pytest.raises(RuntimeError, match="GRADCU_DEVICE=cpu is set"):
        gradcu.cuda.Stream()


def test_the_current_device(cuda: str):
    assert gradcu.cuda.is_available()
    assert gradcu.cuda.current_device() == 0
    last = gradcu.cuda.device_count() - 1
    with gradcu.cuda.device(last):
        assert gradcu.cuda.current_device() == last
        assert gradcu.ones(1, device="cuda").get_device() == last
    assert gradcu.cuda.current_device() == 0
    gradcu.cuda.set_device(-1)
    with gradcu.cuda.device(-1), gradcu.cuda.device_of(gradcu.ones(1)):
        assert gradcu.cuda.current_device() == 0
    with pytest.raises(ValueError, match="Expected a cuda device, but got: cpu"):
        gradcu.cuda.synchronize("cpu")


def test_a_device_and_what_it_is(place: str):
    with gradcu.cuda.device_of(gradcu.ones(1, device=place)):
        assert gradcu.cuda.current_device() == int(place[-1])
        found = gradcu.cuda.get_device_properties()
        assert found == gradcu.cuda.get_device_properties(place)
        assert (found.name, found.major, found.minor) == (
            gradcu.cuda.get_device_name(),
            *gradcu.cuda.get_device_capability(),
        )
        assert found.total_memory >= gradcu.cuda.mem_get_info()[1]
    assert gradcu.cuda.get_device_capability(place) >= (7, 0)
    assert found.warp_size == 32
    assert found.multi_processor_count > 0
    assert found.shared_memory_per_block <= found.shared_memory_per_block_optin < found.shared_memory_per_multiprocessor
    gradcu.cuda.init()
    assert gradcu.cuda.is_initialized()


def test_devices_that_are_connected(bed: Bed):
    assert gradcu.cuda.can_device_access_peer("cuda:0", 1)
    with pytest.raises(RuntimeError, match="there is no device 'cuda:2'"):
        gradcu.cuda.can_device_access_peer(0, 2)


def test_states_of_the_random_numbers_are_those_of_all_devices(cuda: str):
    gradcu.cuda.seed_all()
    assert gradcu.cuda.initial_seed() == gradcu.initial_seed()
    states = gradcu.cuda.get_rng_state_all()
    assert len(states) == gradcu.cuda.device_count()
    first = gradcu.rand(3, device=cuda).tolist()
    gradcu.cuda.set_rng_state(states[0], cuda)
    assert gradcu.rand(3).tolist() == first
    gradcu.cuda.set_rng_state_all(states)
    assert gradcu.rand(3).tolist() == first
    assert gradcu.cuda.get_rng_state().tolist() == gradcu.get_rng_state().tolist()


def test_cuda_means_a_cuda_device(cuda: str):
    with pytest.raises(RuntimeError, match="Invalid device, must be cuda device: cpu"):
        gradcu.ones(2).cuda("cpu")
    assert gradcu.ones(2).is_cpu
    assert not gradcu.ones(2, device=cuda).is_cpu


def test_a_function_of_the_users_runs_on_the_device(place: str):
    class Cube(gradcu.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Tensor) -> Tensor:
            ctx.save_for_backward(x)
            return x * x * x

        @staticmethod
        def backward(ctx: Any, gradient: Tensor) -> Tensor:
            (x,) = ctx.saved_tensors
            return gradient * 3 * x * x

    x = gradcu.tensor([1.0, 2.0], dtype=gradcu.float64, device=place, requires_grad=True)
    y = Cube.apply(x)
    y.sum().backward()
    assert x.grad is not None
    assert (str(y.device), str(x.grad.device), x.grad.tolist()) == (place, place, [3.0, 12.0])
    assert gradcu.autograd.gradcheck(Cube.apply, (x,))
