"""Kernels of our own: compiled once for each device, and launched with what they declare and nothing else."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu._launch import Kernel, KernelError, Pointer, kernel
from tests.cpu_cuda.bed import Bed, Counts

TEXT = """
struct Line { int tag; double slope, offset; };

extern "C" __global__ void on_a_line(const __grid_constant__ Line line, const int count, const float *x, double *y,
                                     bool *positive) {
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= count) return;
    y[i] = line.slope * x[i] + line.offset;
    if (positive) positive[i] = y[i] > 0;
}

extern "C" __global__ void reversed(float *x) {
    extern __shared__ float taken[];
    taken[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    x[threadIdx.x] = taken[blockDim.x - 1 - threadIdx.x];
}
"""

LINE = np.dtype([("tag", "i4"), ("slope", "f8"), ("offset", "f8")], align=True)
FLOAT, DOUBLE, INT = np.dtype("f4"), np.dtype("f8"), np.dtype("i4")
PARAMETERS = (LINE, INT, Pointer(FLOAT), Pointer(DOUBLE), Pointer(np.dtype(bool)))


def line(slope: float, offset: float) -> np.ndarray:
    made = np.zeros((), LINE)
    made["slope"], made["offset"] = slope, offset
    return made


def on_a_line() -> Kernel:
    return kernel(TEXT, "on_a_line", PARAMETERS)


def arrays(place: str, count: int = 5) -> tuple[Any, Any, Any]:
    """On a device: 0, 1, ... as x, room for y, and room for whether it is positive."""
    where = gradcu.device(place)
    with where.context:
        xp: Any = where.xp
        return xp.arange(count, dtype=FLOAT), xp.zeros(count, DOUBLE), xp.zeros(count, bool)


def test_structs_numbers_and_pointers_arrive(place: str):
    x, y, positive = arrays(place)
    with gradcu.device(place).context:
        on_a_line().launch(2, 3, (line(2, -3), 5, x, y, positive))
        assert y.get().tolist() == [-3, -1, 1, 3, 5]
        assert positive.get().tolist() == [False, False, True, True, True]


@pytest.mark.parametrize(
    "of_line", [lambda made: made, lambda made: made[()], lambda made: made.reshape(1)], ids=["0-d", "record", "one"]
)
@pytest.mark.parametrize("count", [5, np.int32(5)], ids=["int", "int32"])
def test_forms_of_an_argument(cuda: str, of_line: Callable[[np.ndarray], Any], count: Any):
    x, y, _ = arrays(cuda)
    on_a_line().launch((1,), (32, 1, 1), (of_line(line(1, 0.5)), count, x, y, None))
    assert y.get().tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_shared_memory(cuda: str):
    x, _, _ = arrays(cuda)
    kernel(TEXT, "reversed", (Pointer(FLOAT),)).launch(1, 5, (x,), shared_bytes=20)
    assert x.get().tolist() == [4, 3, 2, 1, 0]


def test_without_blocks_nothing_happens(bed: Bed, cuda: str):
    x, y, positive = arrays(cuda, 0)
    before = bed.counts
    on_a_line().launch(0, 256, (line(1, 0), 0, x, y, positive))
    assert bed.counts == before
    with pytest.raises(TypeError, match="takes 5 arguments"):
        on_a_line().launch(0, 256, ())


WRONG: dict[str, tuple[int, Callable[[], Any], str]] = {
    "a longer number": (1, lambda: np.int64(5), r"argument 1: expected one element of int32, got numpy\.int64"),
    "a float for an int": (1, lambda: 5.0, r"argument 1: expected one element of int32, got builtins\.float"),
    "a bool for an int": (1, lambda: True, r"argument 1: expected one element of int32, got builtins\.bool"),
    "several structs": (0, lambda: np.zeros(2, LINE), r"argument 0: expected one element of .*, shape \(2,\)"),
    "another struct": (0, lambda: np.zeros((), "f8"), "argument 0: expected one element of"),
    "another dtype": (2, lambda: arrays("cuda")[1], "argument 2: expected a CuPy array of float32, got cupy"),
    "an array of the host": (2, lambda: np.zeros(5, "f4"), "argument 2: expected a CuPy array of float32, got numpy"),
    "a number for a pointer": (3, lambda: 0, "argument 3: expected a CuPy array of float64, got builtins.int"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_arguments(cuda: str, name: str):
    position, wrong, message = WRONG[name]
    x, y, positive = arrays(cuda)
    arguments = [line(1, 0), 5, x, y, positive]
    arguments[position] = wrong()
    with pytest.raises(TypeError, match=message):
        on_a_line().launch(1, 32, arguments)
    assert not y.get().any()


def test_a_number_that_does_not_fit(cuda: str):
    x, y, positive = arrays(cuda)
    with pytest.raises(OverflowError):
        on_a_line().launch(1, 32, (line(1, 0), 2**31, x, y, positive))


def test_an_array_of_another_device(cuda: str):
    if gradcu.cuda.device_count() < 2:
        pytest.skip("there is one device")
    x, y, positive = arrays("cuda:1")
    with gradcu.device("cuda:0").context, pytest.raises(TypeError, match="on cuda:1, and the kernel runs on cuda:0"):
        on_a_line().launch(1, 32, (line(1, 0), 5, x, y, positive))


def test_it_runs_on_the_current_stream(bed: Bed, cuda: str):
    x, y, _ = arrays(cuda)
    stream = bed.cupy.cuda.Stream(non_blocking=True)
    with bed.lazy_streams():
        with stream:
            on_a_line().launch(1, 32, (line(1, 1), 5, x, y, None))
        assert y.get()[0] == 0
        stream.synchronize()
    assert y.get()[0] == 1


def test_a_text_is_compiled_once_for_each_device(bed: Bed, cuda: str):
    text = TEXT.replace("on_a_line", "on_another_line")
    before = len(bed.sources)

    def launch(place: str) -> None:
        x, y, positive = arrays(place)
        with gradcu.device(place).context:
            made = kernel(text, "on_another_line", PARAMETERS)
            made.launch(1, 32, (line(1, 0), 5, x, y, positive))
            kernel(text, "reversed", (Pointer(FLOAT),)).launch(1, 5, (x,), shared_bytes=20)

    launch("cuda:0")
    launch("cuda:0")
    assert bed.sources[before:] == [text]
    launch("cuda:1")
    assert bed.sources[before:] == [text, text]


def test_threads_compile_it_once(bed: Bed, cuda: str):
    text = TEXT.replace("on_a_line", "of_threads")
    before = len(bed.sources)
    start = threading.Barrier(8)
    failures: list[BaseException] = []
    given = [arrays(cuda) for _ in range(8)]

    def run(number: int) -> None:
        x, y, positive = given[number]
        start.wait()
        try:
            kernel(text, "of_threads", PARAMETERS).launch(1, 32, (line(number, 0), 5, x, y, positive))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert bed.sources[before:] == [text]
    assert [y.get()[1] for _, y, _ in given] == list(range(8))


def test_a_launch_copies_nothing_and_waits_for_nothing(bed: Bed, cuda: str):
    x, y, positive = arrays(cuda)
    arguments = (line(1, 0), 5, x, y, positive)
    on_a_line().launch(1, 32, arguments)
    before = bed.counts
    on_a_line().launch(1, 32, arguments)
    assert bed.counts - before == Counts(launches=1)


def test_what_does_not_compile(cuda: str):
    broken = kernel('extern "C" __global__ void broken(float *x) { *x = missing; }', "broken", (Pointer(FLOAT),))
    x, _, _ = arrays(cuda)
    with pytest.raises(KernelError, match=r"broken does not compile for cuda:0: [\s\S]*missing"):
        broken.launch(1, 1, (x,))


def test_a_kernel_that_the_text_has_not(cuda: str):
    x, _, _ = arrays(cuda)
    with pytest.raises(KernelError, match="absent can't be loaded on cuda:0"):
        kernel(TEXT, "absent", (Pointer(FLOAT),)).launch(1, 1, (x,))
