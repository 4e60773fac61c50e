"""What stands in for the closed libraries that CuPy calls: Thrust's sorts are NumPy's, cuBLAS's products are loops.

These are compiled into CuPy's binaries, or come as libraries of NVIDIA's, and cannot be compiled for the CPU. What the
tests show of an op that uses one is that gradcu calls it rightly, not what the library computes; `used` tells which.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import subprocess
import types
from importlib import import_module
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from .build import NATIVE, library


class Closed:
    """The stand-ins, once they are in place."""

    def __init__(self) -> None:
        self._sorts = 0
        self._cublas = _load_cublas()

    def used(self) -> dict[str, int]:
        """How often each was called so far."""
        return {"thrust": self._sorts, "cublas": self._cublas.cpu_cuda_cublas_calls()}

    def replace_thrust(self) -> None:
        """Puts NumPy's sorts in place of Thrust's; CuPy must be there."""
        thrust: Any = import_module("cupy.cuda.thrust")
        thrust.sort, thrust.argsort, thrust.lexsort = self._sort, self._argsort, self._lexsort

    def _memory(self, pointer: int, dtype: Any, shape: Any) -> np.ndarray:
        """A device's memory as an array, after all work on it."""
        import_module("cupy").cuda.runtime.deviceSynchronize()
        self._sorts += 1
        kind = np.dtype(dtype)
        memory: Any = (ctypes.c_byte * (prod(shape) * kind.itemsize)).from_address(pointer)
        return np.frombuffer(memory, kind).reshape(tuple(shape))

    def _sort(self, dtype: Any, data: int, keys: int, shape: Any) -> None:
        self._memory(data, dtype, shape).sort(axis=-1)

    def _argsort(self, dtype: Any, indices: int, data: int, keys: int, shape: Any) -> None:
        values = self._memory(data, dtype, shape)
        order = np.argsort(values, axis=-1, kind="stable")
        self._memory(indices, np.intp, shape)[...] = order
        values[...] = np.take_along_axis(values, order, -1)

    def _lexsort(self, dtype: Any, indices: int, keys: int, count: int, length: int) -> None:
        self._memory(indices, np.intp, (length,))[...] = np.lexsort(self._memory(keys, dtype, (count, length)))


def _load_cublas() -> ctypes.CDLL:
    """Loads the bed's cuBLAS under the name of NVIDIA's. What it has not is there too, and says "not supported"."""
    binding = _cublas_binding()
    symbols = subprocess.run(["nm", "-D", binding], capture_output=True, text=True, check=True).stdout
    wanted = dict(re.findall(r" U (cublas\w+)@+(libcublas\S+)", symbols))
    if not wanted:
        raise ImportError(f"{binding} does not say which cuBLAS it needs")
    (soname,) = set(wanted.values())
    text = (NATIVE / "cublas.cpp").read_text()
    defined = set(re.findall(r"int (cublas\w+)\(", text))
    defined |= {f"cublas{letter}{name}" for letter in "SDCZ" for name in re.findall(r"cublas##letter##(\w+)\(", text)}
    # What the file does not define stands for the one function that reports so.
    missing = [f"-Wl,--defsym={name}=cpu_cuda_not_supported" for name in sorted(wanted.keys() - defined)]
    path = library(soname, ["cublas.cpp"], "-Wl,--default-symver", *missing)
    loaded = ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
    loaded.cpu_cuda_cublas_calls.restype = ctypes.c_ulong
    _let_cupy_find(loaded, path)
    return loaded


def _let_cupy_find(loaded: ctypes.CDLL, path: Path) -> None:
    """CuPy looks for NVIDIA's libraries through cuda.pathfinder, and loads them itself."""
    pathfinder: Any = import_module("cuda.pathfinder")
    find = pathfinder.load_nvidia_dynamic_lib

    def load(name: str) -> Any:
        if name not in ("cublas", "cublasLt"):
            return find(name)
        return types.SimpleNamespace(
            abs_path=str(path),
            _handle_uint=loaded._handle,
            was_already_loaded_from_elsewhere=True,
            found_via="cpu_cuda",
        )

    pathfinder.load_nvidia_dynamic_lib = load


def _cublas_binding() -> Path:
    spec = importlib.util.find_spec("cupy_backends")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    (binding,) = (Path(spec.submodule_search_locations[0]) / "cuda" / "libs").glob("cublas.*.so")
    return binding
