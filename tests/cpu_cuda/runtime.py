"""Puts the bed's functions in place of those of the CUDA runtime, before CuPy's other modules look for them.

CuPy's compiled modules import the runtime's C functions from the capsules in
``cupy_backends.cuda.api.runtime.__pyx_capi__``; Python code calls the module's attributes. Both are replaced.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from .signatures import SIGNATURES, differences

_TYPES = {
    "int": ctypes.c_int, "unsigned int": ctypes.c_uint, "intptr_t": ctypes.c_ssize_t, "size_t": ctypes.c_size_t,
    "float": ctypes.c_float, "skip": ctypes.c_int, "options": ctypes.c_void_p,
}  # fmt: skip

_api = ctypes.pythonapi
_api.PyCapsule_GetName.argtypes = [ctypes.py_object]
_api.PyCapsule_GetName.restype = ctypes.c_char_p
_api.PyCapsule_New.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]
_api.PyCapsule_New.restype = ctypes.py_object

_kept: list[Any] = []
"""What the runtime has pointers to."""


def replace_runtime(library: Path, devices: int, bytes_of_memory: int) -> ctypes.PyDLL:
    """Loads the bed's driver and makes CuPy's runtime call it. Raises TypeError where CuPy's signatures differ."""
    module = import_module("cupy_backends.cuda.api.runtime")
    capsules = module.__pyx_capi__
    names = {name: _api.PyCapsule_GetName(capsule) for name, capsule in capsules.items()}
    wrong = differences({name: signature.decode() for name, signature in names.items()})
    if wrong:
        raise TypeError("CuPy's runtime is not the one that the bed was written for:\n" + "\n".join(wrong))
    driver = ctypes.PyDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    _start(driver, module, devices, bytes_of_memory)
    for name, signature in SIGNATURES.items():
        function = getattr(driver, f"runtime_{name}")
        # A capsule does not copy its name.
        _kept.extend((names[name], capsules[name]))
        capsules[name] = _api.PyCapsule_New(ctypes.cast(function, ctypes.c_void_p), names[name], None)
        setattr(module, name, _for_python(function, signature))
    return driver


def _for_python(function: Any, signature: str) -> Callable[..., Any]:
    returned, _, rest = signature.partition("(")
    parameters = [parameter for parameter in rest.rstrip(")").split(", ") if parameter != "void"]
    function.restype = _TYPES.get(returned.strip(), ctypes.py_object)
    function.argtypes = [_TYPES[parameter] for parameter in parameters]
    given = sum(parameter not in ("skip", "options") for parameter in parameters)
    rest_of_call = [0 if parameter == "skip" else None for parameter in parameters[given:]]
    return lambda *arguments: function(*arguments[:given], *rest_of_call)


def _start(driver: ctypes.PyDLL, module: ModuleType, devices: int, bytes_of_memory: int) -> None:
    def raise_error(status: int) -> None:
        raise module.CUDARuntimeError(status)

    def properties(device: int) -> dict[str, Any]:
        return {
            "name": b"CuPy on CPU", "totalGlobalMem": bytes_of_memory, "warpSize": 32, "major": 9, "minor": 0,
            "multiProcessorCount": 4, "maxThreadsPerBlock": 1024, "sharedMemPerBlock": 48 << 10,
            "l2CacheSize": 1 << 20, "maxThreadsPerMultiProcessor": 2048, "pciBusID": device, "pciDeviceID": 0,
            "pciDomainID": 0, "regsPerMultiprocessor": 65536, "sharedMemPerBlockOptin": 227 << 10,
            "sharedMemPerMultiprocessor": 228 << 10, "integrated": 0, "isMultiGpuBoard": 0,
        }  # fmt: skip

    def attributes(device: int, on_device: int, on_host: int, kind: int) -> Any:
        return module.PointerAttributes(device, on_device, on_host, kind)

    callbacks = (raise_error, properties, attributes)
    _kept.extend(callbacks)
    driver.cpu_cuda_start.argtypes = [ctypes.py_object] * 3 + [ctypes.c_int]
    driver.cpu_cuda_start(*callbacks, devices)
    driver.cpu_cuda_set_memory.argtypes = [ctypes.c_size_t]
    driver.cpu_cuda_set_memory(bytes_of_memory)
