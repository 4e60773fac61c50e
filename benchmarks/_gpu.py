"""Measuring on a CUDA device: how long work takes there, what it is beside a copy, how many kernels it launches."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import gradcu

ON_CPU = "CuPy on CPU"
"""The name of what the tests run in place of a device; its times say nothing."""


class Rates(NamedTuple):
    """Bytes a second, read and written, of the device's own copy and fill."""

    copy: float
    fill: float


def cupy() -> Any:
    """CuPy, where CUDA works. Raises RuntimeError elsewhere, saying what is missing."""
    return gradcu.device(gradcu.cuda.current_device()).xp


def device_line() -> str:
    """The device and what drives it, in a line."""
    runtime = cupy().cuda.runtime
    major, minor = gradcu.cuda.get_device_capability()
    _, memory = gradcu.cuda.mem_get_info()
    driver = f"{runtime.driverGetVersion() // 1000}.{runtime.driverGetVersion() % 1000 // 10}"
    return (
        f"{gradcu.cuda.get_device_name()}, compute capability {major}.{minor}, {memory / 2**30:.0f} GiB, "
        f"driver for CUDA {driver}, CuPy {cupy().__version__}"
    )


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The shortest time from the start to the end of ``work`` on the current stream, after a first call."""
    work()
    events = cupy().cuda.Event
    best = math.inf
    for _ in range(rounds):
        start, end = events(), events()
        start.record()
        work()
        end.record()
        end.synchronize()
        best = min(best, cupy().cuda.get_elapsed_time(start, end) / 1000)
    return max(best, 1e-9)


def rates(nbytes: int, rounds: int) -> Rates:
    """What the device's memory gives for arrays of so many bytes."""
    source, target = (cupy().zeros(nbytes // 4, "float32") for _ in range(2))
    copy = seconds(lambda: cupy().copyto(target, source), rounds)
    fill = seconds(lambda: target.fill(1), rounds)
    return Rates(2 * source.nbytes / copy, source.nbytes / fill)


def launches(work: Callable[[], object]) -> int:
    """How many kernels a second call of ``work`` launches. Raises RuntimeError where they can't be counted."""
    work()
    if gradcu.cuda.get_device_name() == ON_CPU:
        bed = import_module("tests.cpu_cuda.bed").running()
        before = bed.counts.launches
        work()
        return bed.counts.launches - before
    stream = cupy().cuda.Stream(non_blocking=True)
    with stream:
        work()
        # While a stream is captured its work becomes the nodes of a graph.
        stream.begin_capture()
        try:
            work()
        finally:
            graph = stream.end_capture()
    return _kernels_of(graph)


def _kernels_of(graph: Any) -> int:
    driver = ctypes.CDLL("libcuda.so.1")
    handle, count = ctypes.c_void_p(graph.graph), ctypes.c_size_t()
    _checked(driver.cuGraphGetNodes(handle, None, ctypes.byref(count)))
    nodes = (ctypes.c_void_p * count.value)()
    _checked(driver.cuGraphGetNodes(handle, nodes, ctypes.byref(count)))
    kinds = []
    for node in nodes:
        kind = ctypes.c_int()
        _checked(driver.cuGraphNodeGetType(ctypes.c_void_p(node), ctypes.byref(kind)))
        kinds.append(kind.value)
    return kinds.count(0)  # CU_GRAPH_NODE_TYPE_KERNEL


def _checked(status: int) -> None:
    if status:
        raise RuntimeError(f"the CUDA driver's graphs can't be read: error {status}")
