"""Whether CUDA works here, and if not, why: CuPy, the driver, the devices, and a first computation.

CuPy imports on a machine without a GPU too, and fails at its first array there, so a computation is what tells.
"""

from __future__ import annotations

import functools
import importlib
import warnings
from types import ModuleType

import numpy as np


@functools.cache
def import_cupy() -> tuple[ModuleType | None, str]:
    """CuPy, or None and what is wrong with it."""
    try:
        # CuPy warns at import of what then shows as a problem on the device, and this is where that is told.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module("cupy"), ""
    except ModuleNotFoundError as error:
        if error.name == "cupy":
            return None, "CuPy is not installed"
        return None, f"CuPy is installed but cannot be imported: {_summary(error)}"
    except Exception as error:
        return None, f"CuPy is installed but cannot be imported: {_summary(error)}"


def find_cuda(index: int | None) -> tuple[int | None, str]:
    """The number of the CUDA device, or of the current one for None; or None and why it can't be used."""
    cupy, problem = import_cupy()
    if cupy is None:
        return None, problem
    try:
        count = cupy.cuda.runtime.getDeviceCount()
        index = cupy.cuda.runtime.getDevice() if index is None else index
    except Exception as error:
        return None, _without_device(cupy, error)
    if index >= count:
        present = ", ".join(f"cuda:{i}" for i in range(count)) or "none"
        return None, f"there is no device 'cuda:{index}'; present: {present}"
    problem = trial(index)
    return (None, problem) if problem else (index, "")


@functools.cache
def trial(index: int) -> str:
    """What goes wrong in a first computation on a CUDA device; empty where it works."""
    cupy = importlib.import_module("cupy")
    try:
        # A sum of arrays takes memory, the kernel compiler and a launch, each of which can be what is broken.
        with cupy.cuda.Device(index):
            (cupy.ones(1, dtype=np.float32) + 1).get()
    except Exception as error:
        driver, needed = _cuda_versions(cupy)
        versions = f" (the driver supports CUDA {driver}, CuPy is built with CUDA {needed})" if driver < needed else ""
        return f"a first computation on cuda:{index} failed: {_summary(error)}{versions}"
    return ""


def was_tried() -> bool:
    """Whether a computation was tried on a CUDA device: before that, and elsewhere, nothing has asked for one."""
    return trial.cache_info().currsize > 0


def _without_device(cupy: ModuleType, error: Exception) -> str:
    """What is wrong where CUDA does not even count its devices, or has none."""
    driver, needed = _cuda_versions(cupy)
    if driver and int(driver) < int(needed):
        return (
            f"the NVIDIA driver is too old: it supports CUDA {driver}, and the CuPy that is installed needs CUDA "
            f"{int(needed)}.0 or newer; update the driver, or install the CuPy of an older CUDA"
        )
    return f"no CUDA {'device' if driver else 'driver'} was found: {_summary(error)}"


def _cuda_versions(cupy: ModuleType) -> tuple[float, float]:
    """The newest CUDA that the driver supports, 0 where there is no driver, and the one that CuPy was built with."""
    runtime = cupy.cuda.runtime
    try:
        numbers = runtime.driverGetVersion(), runtime.runtimeGetVersion()
    except Exception:
        return 0.0, 0.0
    driver, needed = (number // 1000 + number % 1000 // 10 / 10 for number in numbers)
    return driver, needed


def _summary(error: BaseException) -> str:
    lines = (line.strip() for line in str(error).splitlines())
    first = next((line for line in lines if any(c.isalnum() for c in line)), "")
    return f"{type(error).__name__}: {first}" if first else type(error).__name__
