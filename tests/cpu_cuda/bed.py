"""The bed: starts CuPy on CPU in this process, and what the tests ask of it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from .build import library
from .closed import Closed
from .compiler import replace_compiler
from .refusals import cupy_version, reason_against
from .runtime import replace_runtime

DEVICES = 2
MEMORY = 1 << 30
"""The bytes of each device's memory."""

THREADS = "libcpu_cuda_threads.so"


class Counts(NamedTuple):
    """What happened on the devices: the order is that of Counter in native/device.h."""

    launches: int = 0
    to_device: int = 0
    to_host: int = 0
    on_device: int = 0
    allocations: int = 0
    synchronisations: int = 0
    bytes_to_device: int = 0
    bytes_to_host: int = 0

    def __sub__(self, before: Counts) -> Counts:
        return Counts(*(after - start for after, start in zip(self, before, strict=True)))


@dataclass
class Bed:
    """CuPy on CPU, in this process."""

    cupy: ModuleType
    driver: ctypes.PyDLL
    closed: Closed
    sources: list[str]
    """The CUDA C++ of every kernel that CuPy compiled so far."""

    @property
    def name(self) -> str:
        """What reports call it; never a GPU."""
        return f"CuPy {cupy_version()} on CPU"

    @property
    def counts(self) -> Counts:
        """What happened so far."""
        return Counts(*(self.driver.cpu_cuda_counter(number) for number in range(len(Counts._fields))))

    @property
    def live_allocations(self) -> int:
        """How many blocks of device memory are in use, those that CuPy's pool keeps included."""
        return self.driver.cpu_cuda_live_allocations()

    def allocation_of(self, pointer: int) -> tuple[int, int] | None:
        """Where the block of device memory to which a pointer belongs begins, and its bytes."""
        begin, size = ctypes.c_uint64(), ctypes.c_uint64()
        found = self.driver.cpu_cuda_allocation_of(pointer, ctypes.byref(begin), ctypes.byref(size))
        return (begin.value, size.value) if found else None

    def disconnect(self) -> None:
        """Lets no device read another's memory any more, until CuPy lets it again.

        CuPy does so wherever a kernel of its own is given such memory, and CUDA keeps to it: from then on a kernel of
        gradcu's would run that is given another device's memory by mistake.
        """
        self.driver.cpu_cuda_disconnect()

    @contextlib.contextmanager
    def lazy_streams(self) -> Iterator[None]:
        """Runs a stream's work only when something waits for it: a missing wait shows as values not there yet."""
        self.driver.cpu_cuda_set_lazy(True)
        try:
            yield
        finally:
            self.driver.cpu_cuda_set_lazy(False)

    @contextlib.contextmanager
    def out_of_memory_after(self, allocations: int) -> Iterator[None]:
        """Lets CuPy get this many more blocks of memory, and no other."""
        with self._empty_pool():
            self.driver.cpu_cuda_refuse_allocations_after(allocations)
            try:
                yield
            finally:
                self.driver.cpu_cuda_refuse_allocations_after(-1)

    @contextlib.contextmanager
    def memory_of(self, free: int) -> Iterator[None]:
        """Leaves each device no more free memory than so many bytes."""
        with self._empty_pool():
            available, total = self.cupy.cuda.runtime.memGetInfo()
            self.driver.cpu_cuda_set_memory(total - available + free)
            try:
                yield
            finally:
                self.driver.cpu_cuda_set_memory(MEMORY)

    @contextlib.contextmanager
    def _empty_pool(self) -> Iterator[None]:
        """Has CuPy take memory from a pool that has none yet: of its own, blocks that are partly in use stay."""
        cuda = self.cupy.cuda
        allocator = cuda.get_allocator()
        self.cupy.get_default_memory_pool().free_all_blocks()
        cuda.set_allocator(cuda.MemoryPool().malloc)
        # CuPy has garbage collected at every refusal: of what is made from here on, not of all that a test run holds.
        gc.freeze()
        try:
            yield
        finally:
            gc.unfreeze()
            cuda.set_allocator(allocator)


_running: Bed | None = None


def running() -> Bed | None:
    """The bed of this process, if it was started."""
    return _running


def start() -> Bed:
    """Starts the bed, before anything imports CuPy. Raises RuntimeError where it cannot run, saying why."""
    global _running
    if _running is not None:
        return _running
    reason = reason_against()
    if reason:
        raise RuntimeError(reason)
    if "cupy" in sys.modules or "cupy_backends" in sys.modules:
        raise RuntimeError("CuPy on CPU must start before CuPy is imported")
    # CuPy's own reductions: those of CUB, its default, are machine code.
    os.environ["CUPY_ACCELERATORS"] = ""
    ctypes.CDLL(str(_threads()), mode=ctypes.RTLD_GLOBAL)
    closed = Closed()
    driver = replace_runtime(_driver(), DEVICES, MEMORY)
    cupy = import_module("cupy")
    closed.replace_thrust()
    _declare(driver)
    _running = Bed(cupy, driver, closed, replace_compiler())
    return _running


def _driver() -> Path:
    # CuPy loads the driver by its name, and finds the one that is loaded already.
    return library("libcuda.so.1", ["memory.cpp", "streams.cpp", "runtime.cpp", "driver.cpp"], str(_threads()))


def _threads() -> Path:
    return library(THREADS, ["threads.cpp"])


def _declare(driver: ctypes.PyDLL) -> None:
    driver.cpu_cuda_counter.restype = ctypes.c_uint64
    driver.cpu_cuda_allocation_of.restype = ctypes.c_bool
    driver.cpu_cuda_allocation_of.argtypes = [ctypes.c_uint64, ctypes.c_void_p, ctypes.c_void_p]
    driver.cpu_cuda_live_allocations.restype = ctypes.c_uint64
    driver.cpu_cuda_refuse_allocations_after.argtypes = [ctypes.c_long]
    driver.cpu_cuda_set_lazy.argtypes = [ctypes.c_bool]
