"""Why the bed cannot run here, if it cannot."""

from __future__ import annotations

import ctypes
import importlib.metadata
import importlib.util
import platform
import shutil
import sys

CUPY = "14."
"""CuPy's versions whose C interfaces are known to the bed: see signatures.py."""

DISTRIBUTIONS = ("cupy-cuda12x", "cupy-cuda13x")


def reason_against() -> str:
    """Why the bed cannot run on this machine; empty where it can."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return f"CuPy on CPU is written for x86-64 Linux, and this is {platform.machine()} {sys.platform}"
    if importlib.util.find_spec("cupy") is None:
        return 'CuPy is not installed: pip install -e ".[cpu-cuda-test]"'
    version = cupy_version()
    if not version.startswith(CUPY):
        return f"CuPy on CPU knows CuPy {CUPY}x, and this is {version}"
    if shutil.which("g++") is None:
        return "CuPy on CPU compiles kernels with g++, which is not installed"
    if real_driver_loads():
        return "there is an NVIDIA driver: run the tests on the real device, with `pytest --device cuda`"
    return ""


def cupy_version() -> str:
    """The version of the CuPy that is installed, without importing it."""
    for name in DISTRIBUTIONS:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "none of " + " or ".join(DISTRIBUTIONS)


def real_driver_loads() -> bool:
    """Whether a driver of NVIDIA's can be loaded, beside which the bed must never stand."""
    try:
        ctypes.CDLL("libcuda.so.1")
    except OSError:
        return False
    return True
