"""`gradcu.compile` on CUDA: the functions' own values and gradients, in few launches, without copies and waits."""

from __future__ import annotations

import threading

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from tests.cases import array
from tests.cpu_cuda.bed import Bed, Counts
from tests.fuse.compile.functions import FUNCTIONS
from tests.fuse.compile.test_functions import assert_alike, outcome

QUICK = {"operators", "relu", "many shapes", "in place on a view", "inner gradient", "dtypes", "branches", "power 0"}
"""The other functions are slow, since each has kernels of its own for its value and for its gradients of two orders."""


@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in FUNCTIONS]
)
def test_results_and_gradients_are_the_functions(name: str, cuda: str):
    expected_result, expected = outcome(FUNCTIONS[name])
    with gradcu.device(cuda):
        result, found = outcome(gradcu.compile(FUNCTIONS[name], engine="cuda"))
    assert type(result) is type(expected_result)
    # CuPy sums in another order, and what sums leave cancels in the second order of "many shapes".
    assert_alike(found, expected, rtol=1e-5)


def waves(x: Tensor, y: Tensor) -> Tensor:
    return gradcu.exp(-x * x / 8) * gradcu.sin(3 * y) + x


def line(place: str, count: int = 50) -> Tensor:
    return gradcu.linspace(-1, 1, count, device=place, requires_grad=True)


AT = np.linspace(-1, 1, 50)
WAVES = np.exp(-AT * AT / 8) * np.sin(3 * AT) + AT
SLOPES = (
    1 - AT / 4 * np.exp(-AT * AT / 8) * np.sin(3 * AT),
    3 * np.exp(-AT * AT / 8) * np.cos(3 * AT),
)
"""The values of `waves` where both operands are `line`, and its gradients."""


def assert_waves(found: Tensor, slopes: tuple[Tensor, ...]) -> None:
    for tensor, expected in zip((found, *slopes), (WAVES, *SLOPES), strict=True):
        np.testing.assert_allclose(array(tensor), expected, rtol=1e-5, atol=1e-6)


def test_forward_and_backward_are_a_launch_each(bed: Bed, cuda: str):
    f = gradcu.compile(waves, engine="cuda")
    x, y, cotangent = line(cuda), line(cuda), gradcu.ones(50, device=cuda)
    assert_waves(f(x, y), gradcu.autograd.grad(f(x, y), (x, y), cotangent))
    before, compiled = bed.counts, len(bed.sources)
    z = f(x, y)
    assert bed.counts - before == Counts(launches=1)
    gradcu.autograd.grad(z, (x, y), cotangent)
    assert bed.counts - before == Counts(launches=2)
    assert len(bed.sources) == compiled


def test_on_a_device_that_is_not_the_current_one(place: str):
    f = gradcu.compile(waves, engine="cuda")
    x, y = line(place), line(place)
    z = f(x, y)
    assert str(z.device) == place
    assert_waves(z, gradcu.autograd.grad(z, (x, y), gradcu.ones(50, device=place)))


def test_on_two_devices_and_the_cpu(cuda: str):
    if gradcu.cuda.device_count() < 2:
        pytest.skip("there is one device")
    places = ["cuda:0", "cpu", "cuda:1"]

    @gradcu.compile(engine="cuda")
    def f(*tensors: Tensor) -> list[Tensor]:
        halves = [tensor * 0.5 for tensor in tensors]
        return [waves(half, half) for half in halves] + [waves(half, half).to("cpu") for half in halves]

    given = [line(place) for place in places]
    results = f(*given)
    assert [str(result.device) for result in results] == [*places, "cpu", "cpu", "cpu"]
    expected = np.exp(-AT * AT / 32) * np.sin(1.5 * AT) + AT / 2
    for result in results:
        np.testing.assert_allclose(array(result), expected, rtol=1e-5, atol=1e-6)
    total = gradcu.stack([result.sum().to("cpu") for result in results]).sum()
    slopes = gradcu.autograd.grad(total, given)
    for slope, place in zip(slopes, places, strict=True):
        assert str(slope.device) == place
        np.testing.assert_allclose(array(slope), array(slopes[0]), rtol=1e-6)


def test_devices_that_meet(cuda: str):
    @gradcu.compile(engine="cuda")
    def f(x: Tensor, y: Tensor) -> Tensor:
        return (x * 2) * y + 1

    x = line(cuda)
    scale = gradcu.tensor(3.0, requires_grad=True)
    z = f(x, scale)
    np.testing.assert_allclose(array(z), 6 * AT + 1, rtol=1e-6, atol=1e-6)
    (found,) = gradcu.autograd.grad(z.sum(), scale)
    assert str(found.device) == "cpu"
    np.testing.assert_allclose(array(found), 2 * AT.sum(), atol=1e-5)
    with pytest.raises(RuntimeError, match="Expected all tensors to be on the same device"):
        f(x, gradcu.ones(50))


def test_streams(bed: Bed, cuda: str):
    """What is put off runs on the stream of its recording; what reads it elsewhere waits, and is not put off."""
    first, second = gradcu.cuda.Stream(), gradcu.cuda.Stream()

    @gradcu.compile(engine="cuda")
    def f(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        z = waves(x, y)
        with gradcu.cuda.stream(second):
            w = z * 2
        return z, w

    def read(tensor: Tensor, stream: gradcu.cuda.Stream) -> np.ndarray:
        with gradcu.cuda.stream(stream):
            return array(tensor)

    x, y, cotangent = line(cuda), line(cuda), gradcu.ones(50, device=cuda)
    # Other values, so that memory that is used again does not have the right ones already.
    other = gradcu.ones(50, device=cuda, requires_grad=True)
    gradcu.autograd.grad(f(other, other)[0], other, cotangent)
    gradcu.cuda.synchronize()
    with bed.lazy_streams():
        with gradcu.cuda.stream(first):
            z, _ = f(x, y)
        np.testing.assert_allclose(read(z.detach(), first), WAVES, rtol=1e-5, atol=1e-6)
        with gradcu.cuda.stream(first):
            _, w = f(x, y)
        np.testing.assert_allclose(read(w.detach(), second), 2 * WAVES, rtol=1e-5, atol=1e-6)
        with gradcu.cuda.stream(first):
            z, _ = f(x, y)
        # The node's backward runs on the first stream, for which the one where it was asked for waits.
        slopes = gradcu.autograd.grad(z, (x, y), cotangent)
        assert_waves(z, slopes)
        gradcu.cuda.synchronize()


def test_a_number_that_changes_compiles_once_more_and_no_more(bed: Bed, cuda: str):
    f = gradcu.compile(lambda x, k: gradcu.sin(x) * k + x.clamp(-k, k), engine="cuda")
    x = line(cuda)
    before = len(bed.sources)
    for k in (0.5, 0.25, 0.125, 0.75):
        np.testing.assert_allclose(array(f(x, k)), np.sin(AT) * k + np.clip(AT, -k, k), rtol=1e-5, atol=1e-6)
    assert len(bed.sources) == before + 2


def test_one_function_on_the_cpu_and_on_cuda(cuda: str, monkeypatch: pytest.MonkeyPatch):
    """What it remembers of numbers that change serves both."""
    monkeypatch.setattr("gradcu.fuse.plan.WORTH_FUSING", 1)
    monkeypatch.setattr("gradcu.fuse.plan.WORTH_COMPILING", 1)
    f = gradcu.compile(lambda x, k: gradcu.sin(x) * k)
    for place, k in (("cpu", 0.5), (cuda, 0.25), (cuda, 0.5), ("cpu", 0.25), ("cpu", 0.5)):
        np.testing.assert_allclose(array(f(line(place), k)), np.sin(AT) * k, rtol=1e-5, atol=1e-6)


def test_what_has_no_kernel_runs_op_by_op(bed: Bed, cuda: str):
    f = gradcu.compile(lambda x: (x.double() * 3 + x).sin(), engine="cuda")
    x = line(cuda)
    explanation = f.explain(x)
    assert [kernel.engine for kernel in explanation.kernels] == ["cupy"]
    assert explanation.kernels[0].reason == "input x1 is of float64, not of float32"
    y = explanation.result
    (slope,) = gradcu.autograd.grad(y, x, gradcu.ones_like(y))
    np.testing.assert_allclose(array(y), np.sin(4 * AT), atol=1e-6)
    np.testing.assert_allclose(array(slope), 4 * np.cos(4 * AT), atol=1e-5)


def test_more_operands_than_strides_have_room(bed: Bed, cuda: str):
    """The strides of so many operands are more bytes than CUDA passes to a kernel: they are copied first."""
    count = 150
    parts = [gradcu.full((4, 6, 8), k, dtype=gradcu.float32, device=cuda)[::2, ::2, ::2] for k in range(count)]

    @gradcu.compile(engine="cuda")
    def f(*tensors: Tensor) -> Tensor:
        total = tensors[0].sin()
        for tensor in tensors[1:]:
            total = total + tensor
        return total

    f(*parts)
    before = bed.counts
    total = f(*parts)
    assert bed.counts - before == Counts(launches=count + 1)
    assert (array(total) == sum(range(count))).all()


def test_what_is_explained(cuda: str):
    x, y = line(cuda), line(cuda)
    explanation = gradcu.compile(waves, engine="cuda").explain(x, y)
    (forward,), (backward,) = explanation.kernels, explanation.backward
    assert (forward.engine, backward.engine) == ("cuda", "cuda")
    assert forward.source is not None
    assert "__global__" in forward.source
    assert forward.reason == ""


@pytest.mark.parametrize(("engine", "place"), [("cc", "cuda"), ("numpy", "cuda"), ("cuda", "cpu"), ("auto", "cuda")])
def test_other_devices_and_few_elements_are_left_to_eager(engine: str, place: str, cuda: str):
    explanation = gradcu.compile(waves, engine=engine).explain(line(place), line(place))
    assert explanation.kernels == []
    np.testing.assert_allclose(array(explanation.result), WAVES, rtol=1e-5, atol=1e-6)


def test_results_are_contiguous(cuda: str):
    x = gradcu.ones(3, 4, device=cuda)
    assert gradcu.compile(lambda x: x.mT.sin() * 2, engine="cuda")(x).is_contiguous()


def test_running_out_of_memory(bed: Bed, cuda: str):
    f = gradcu.compile(waves, engine="cuda")
    # No smaller ones: the pool keeps room beside what is in use.
    x, y = line(cuda, 1 << 18), line(cuda, 1 << 18)
    z = f(x, y)
    cotangent = gradcu.ones(1 << 18, device=cuda)
    expected = gradcu.autograd.grad(z, (x, y), cotangent, retain_graph=True)
    with bed.out_of_memory_after(0), pytest.raises(gradcu.OutOfMemoryError, match="A compiled function on cuda:0"):
        f(x, y)
    with bed.out_of_memory_after(1), pytest.raises(gradcu.OutOfMemoryError, match="CompiledFunctionBackward on cuda:0"):
        gradcu.autograd.grad(z, (x, y), cotangent, retain_graph=True)
    for found, before in zip(gradcu.autograd.grad(f(x, y), (x, y), cotangent), expected, strict=True):
        assert gradcu.equal(found, before)


def test_threads(cuda: str):
    f = gradcu.compile(waves, engine="cuda")
    failures: list[BaseException] = []

    def run() -> None:
        try:
            for _ in range(5):
                x, y = line(cuda), line(cuda)
                z = f(x, y)
                assert_waves(z, gradcu.autograd.grad(z, (x, y), gradcu.ones(50, device=cuda)))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
