"""Streams and events, where a wait that is missing shows: CuPy on CPU runs work only when something waits for it."""

import threading
from collections.abc import Iterator

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
