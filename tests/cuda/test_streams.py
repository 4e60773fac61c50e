"""Streams and events, where a wait that is missing shows: CuPy on CPU runs work only when something waits for it."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

import gradcu
from tests.cpu_cuda.bed import Bed


@pytest.fixture
def lazy(bed: Bed) -> Iterator[Bed]:
    with bed.lazy_streams():
        yield bed


def test_a_missing_wait_shows(lazy: Bed, cuda: str):
    """The planted bug: the second stream does not wait for the first."""
    first, second = gradcu.cuda.Stream(), gradcu.cuda.Stream()
    x = gradcu.ones(4, device=cuda)
    gradcu.cuda.synchronize()

    def sums(factor: float, wait: bool) -> list[float]:
        with gradcu.cuda.stream(first):
            y = x * factor
        with gradcu.cuda.stream(second):
            if wait:
                second.wait_stream(first)
            found = (y + 1).tolist()
        gradcu.cuda.synchronize()
        return found

    assert sums(3, wait=True) == [4.0] * 4
    assert sums(5, wait=False) != [6.0] * 4


def test_backward_runs_on_the_forwards_streams_and_waits_where_they_change(lazy: Bed, cuda: str):
    first, second = gradcu.cuda.Stream(), gradcu.cuda.Stream()
    x = gradcu.linspace(0, 1, 5, dtype=gradcu.float64, device=cuda, requires_grad=True)
    gradcu.cuda.synchronize()
    with gradcu.cuda.stream(first):
        y = (x * x).exp()
    second.wait_stream(first)
    with gradcu.cuda.stream(second):
        z = (y * y).sum()
    gradcu.cuda.current_stream().wait_stream(second)
    z.backward()
    assert x.grad is not None
    t = np.linspace(0, 1, 5)
    np.testing.assert_allclose(x.grad.tolist(), 4 * t * np.exp(2 * t**2), rtol=1e-14)


def test_what_a_backward_freed_is_not_written_to_before_it_was_read(lazy: Bed, place: str):
    """Gradients of one stream are read on another: what the first is given next may get their memory."""
    first, second = gradcu.cuda.Stream(place), gradcu.cuda.Stream(place)
    x = gradcu.ones(5000, device=place, requires_grad=True)
    gradcu.cuda.synchronize(place)
    with gradcu.cuda.stream(first):
        y = x * 2
    second.wait_stream(first)
    with gradcu.cuda.stream(second):
        z = (y * y).sum()
    gradcu.cuda.current_stream(place).wait_stream(second)
    z.backward()
    with gradcu.cuda.stream(second):
        written = [gradcu.full((5000,), 7.0, device=place) for _ in range(4)]
        second.synchronize()
    assert x.grad is not None
    assert x.grad.sum().item() == 8 * 5000
    assert len(written) == 4


def test_copies_between_devices_wait_for_both(lazy: Bed):
    """And so do sums of what came back and what was there."""
    first, second = gradcu.cuda.Stream("cuda:0"), gradcu.cuda.Stream("cuda:1")
    x = gradcu.linspace(0, 1, 5, dtype=gradcu.float64, device="cuda:0", requires_grad=True)
    gradcu.cuda.synchronize()
    with gradcu.cuda.stream(first), gradcu.cuda.stream(second):
        y = (x * x).exp()
        z = y.to("cuda:1") * 2 + y.detach().to("cuda:1")
        last = ((z * z).to("cuda:0") + y * y).to("cuda:1")
    third = gradcu.cuda.Stream("cuda:0")
    with gradcu.cuda.stream(third), gradcu.cuda.stream(second):
        last.sum().backward()
        assert x.grad is not None
        found = x.grad.tolist()
    t = np.linspace(0, 1, 5)
    np.testing.assert_allclose(found, (2 * 3 * 2 + 2) * 2 * t * np.exp(2 * t**2), rtol=1e-14)


def test_a_copy_to_the_host_that_nobody_waited_for_is_not_there(lazy: Bed, cuda: str):
    stream = gradcu.cuda.Stream()
    x = gradcu.ones(4, device=cuda)
    gradcu.cuda.synchronize()
    with gradcu.cuda.stream(stream):
        early = (x * 3).to("cpu", non_blocking=True)
        late = (x * 5).to("cpu", non_blocking=True)
    before = early.tolist()
    stream.synchronize()
    assert before != [3.0] * 4
    assert (early.tolist(), late.tolist()) == ([3.0] * 4, [5.0] * 4)


def test_events(lazy: Bed, cuda: str):
    stream = gradcu.cuda.Stream()
    with gradcu.cuda.stream(stream):
        assert gradcu.cuda.current_stream() == stream
        start = stream.record_event(gradcu.cuda.Event(enable_timing=True))
        _ = gradcu.ones(4, device=cuda) + 1
        end = stream.record_event(gradcu.cuda.Event(enable_timing=True))
        assert not end.query()
        assert not stream.query()
        end.wait(gradcu.cuda.default_stream())
    end.synchronize()
    assert end.query()
    assert start.elapsed_time(end) >= 0
    assert gradcu.cuda.current_stream() == gradcu.cuda.default_stream()
    assert stream != gradcu.cuda.Stream()
    assert repr(stream).startswith("<gradcu.cuda.Stream device=cuda:0 cuda_stream=0x")


def test_an_event_belongs_to_the_device_where_it_is_recorded(lazy: Bed):
    """Of streams of the second device, while the first is the current one."""
    other = gradcu.cuda.Stream("cuda:1")
    x = gradcu.ones(4, device="cuda:1")
    gradcu.cuda.synchronize("cuda:1")
    with gradcu.cuda.stream(other):
        y = x * 3
    event = gradcu.cuda.Event()
    assert event.query()
    event.synchronize()
    event.wait()
    event.record(other)
    assert not event.query()
    with pytest.raises(RuntimeError, match="Event device cuda:1 does not match recording stream's device cuda:0"):
        event.record()
    gradcu.cuda.current_stream().wait_event(event)
    gradcu.cuda.current_stream().wait_stream(other)
    gradcu.cuda.current_stream().synchronize()
    assert event.query()
    assert y.tolist() == [3.0] * 4


def test_a_stream_of_another_device_is_an_error_of_cudas(bed: Bed):
    """The planted bugs: an event recorded on another device's stream, and a kernel launched there."""
    with bed.cupy.cuda.Device(1):
        stream = bed.cupy.cuda.Stream(non_blocking=True)
    event = bed.cupy.cuda.Event()
    with pytest.raises(bed.cupy.cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidResourceHandle"):
        event.record(stream)
    kernel = bed.cupy.RawKernel('extern "C" __global__ void nothing() {}', "nothing").kernel
    with pytest.raises(Exception, match="nothing: launched on a stream of another device"):
        kernel((1,), (1,), (), stream=stream)


def test_what_events_refuse(cuda: str):
    timed, untimed = gradcu.cuda.Event(enable_timing=True), gradcu.cuda.Event()
    with pytest.raises(ValueError, match="created with argument 'enable_timing=True'"):
        timed.elapsed_time(untimed)
    with pytest.raises(ValueError, match="must be recorded before calculating elapsed time"):
        timed.elapsed_time(gradcu.cuda.Event(enable_timing=True))


def test_the_time_of_an_event_that_has_not_happened_is_refused(lazy: Bed, cuda: str):
    stream = gradcu.cuda.Stream()
    start, end = (gradcu.cuda.Event(enable_timing=True) for _ in range(2))
    with gradcu.cuda.stream(stream):
        start.record()
        _ = gradcu.ones(4, device=cuda)
        end.record()
        with pytest.raises(ValueError, match="must be completed before calculating elapsed time"):
            start.elapsed_time(end)
    stream.synchronize()
    assert start.elapsed_time(end) >= 0


def test_a_block_of_a_stream_nests_and_can_be_entered_again(place: str):
    stream = gradcu.cuda.Stream(place, priority=-1)
    inside = gradcu.cuda.stream(stream)
    with inside:
        assert gradcu.cuda.current_device() == int(place[-1])
        with gradcu.cuda.stream(gradcu.cuda.default_stream("cuda:0")), inside:
            assert gradcu.cuda.current_stream() == stream
        assert gradcu.cuda.current_stream() == stream
    assert gradcu.cuda.current_device() == 0
    assert gradcu.cuda.current_stream(place) == gradcu.cuda.default_stream(place)


def test_streams_of_other_libraries(lazy: Bed, place: str):
    made = gradcu.cuda.Stream(place)
    same = gradcu.cuda.get_stream_from_external(made.cuda_stream, place)
    assert isinstance(same, gradcu.cuda.ExternalStream)
    assert lazy.cupy.cuda.Stream.from_external(made).ptr == made.cuda_stream
    assert (same.cuda_stream, same.device) == (made.cuda_stream, made.device)
    x = gradcu.ones(4, device=place)
    gradcu.cuda.synchronize(place)
    with gradcu.cuda.stream(same):
        y = x + 1
    assert not made.query()
    made.synchronize()
    assert y.tolist() == [2.0] * 4


def test_memory_that_another_stream_works_with_is_not_given_out(lazy: Bed, place: str):
    """The pool would give what the first stream has freed out to it at once, while the second still reads it."""
    first, second = gradcu.cuda.Stream(place), gradcu.cuda.Stream(place)

    def sum_of_ones(record: bool) -> float:
        with gradcu.cuda.stream(first):
            x = gradcu.ones(1000, device=place)
        second.wait_stream(first)
        with gradcu.cuda.stream(second):
            y = x[1:].sum()
        if record:
            # Of a view, and twice: it is the memory that is meant.
            x[2:].record_stream(second)
            x.record_stream(second)
        address = x.data_ptr()
        del x
        with gradcu.cuda.stream(first):
            other = gradcu.full((1000,), 7.0, device=place)
            first.synchronize()
        assert (other.data_ptr() == address) is not record
        with gradcu.cuda.stream(second):
            return y.item()

    assert sum_of_ones(record=False) != 999.0
    assert sum_of_ones(record=True) == 999.0
    gradcu.cuda.synchronize(place)
    before = gradcu.cuda.memory_allocated(place)
    gradcu.cuda.empty_cache()
    assert before - gradcu.cuda.memory_allocated(place) == 4096


def test_record_stream_wants_a_stream(cuda: str):
    with pytest.raises(TypeError, match=r"argument 'stream' must be gradcu.cuda.Stream, not int"):
        gradcu.ones(2, device=cuda).record_stream(3)


def test_marks_for_profilers(bed: Bed, monkeypatch: pytest.MonkeyPatch):
    nvtx = gradcu.cuda.nvtx
    with nvtx.range("CuPy's own, of which no profiler is told here"):
        nvtx.mark("within")
    found: list[tuple[str, ...]] = []
    names = ("Mark", "RangePush", "RangePop")
    told = {name: lambda *arguments, name=name: found.append((name, *arguments)) for name in names}
    monkeypatch.setattr(bed.cupy.cuda, "nvtx", SimpleNamespace(**told))

    @nvtx.range("step {} of {total}", 1, total=2)
    def step() -> None:
        nvtx.mark("within")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        step()
    monkeypatch.setenv("GRADCU_DEVICE", "cpu")
    monkeypatch.setattr("gradcu._device._noticed", True)
    nvtx.range_push("on the CPU")
    nvtx.range_pop()
    assert found == [("RangePush", "step 1 of 2"), ("Mark", "within"), ("RangePop",)]


def test_a_stream_can_be_set(lazy: Bed, cuda: str):
    stream, before = gradcu.cuda.Stream("cuda:1"), gradcu.cuda.current_stream("cuda:1")
    gradcu.cuda.set_stream(stream)
    try:
        assert gradcu.cuda.current_device() == 1
        assert gradcu.cuda.current_stream() == stream
        x = gradcu.ones(4, device="cuda") * 3
        assert not stream.query()
        assert x.tolist() == [3.0] * 4
    finally:
        gradcu.cuda.set_stream(before)
        gradcu.cuda.set_device(0)


def test_threads_on_one_graph(bed: Bed, cuda: str):
    """Eight threads differentiate the same graph at once, each on a stream of its own, with new kernels."""
    x = gradcu.linspace(0, 1, 1001, dtype=gradcu.float64, device=cuda, requires_grad=True)
    y = (x.sin() * x.cosh()).atan() * x[::7].sum()
    start, found = threading.Barrier(8), {}

    def work(number: int) -> None:
        start.wait()
        with gradcu.cuda.stream(gradcu.cuda.Stream(cuda)):
            (gradient,) = gradcu.autograd.grad(y[number], x, retain_graph=True)
            found[number] = gradient.tolist()

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in range(8):
        (expected,) = gradcu.autograd.grad(y[number], x, retain_graph=True)
        assert found[number] == expected.tolist()


def test_threads_on_two_devices(bed: Bed):
    wrong: list[object] = []

    def work(number: int) -> None:
        place = f"cuda:{number % 2}"
        for round in range(5):
            x = gradcu.full((100,), number + 1.0, device=place, requires_grad=True)
            with gradcu.cuda.stream(gradcu.cuda.Stream(place)):
                (x * x * (round + 1)).sum().backward()
            gradcu.cuda.synchronize(place)
            assert x.grad is not None
            if x.grad.tolist() != [2.0 * (number + 1) * (round + 1)] * 100:
                wrong.append((number, round, x.grad))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
