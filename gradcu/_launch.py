"""Kernels of our own on CUDA devices: kept, compiled at their first launch, and launched with checked arguments.

A kernel's arguments are bytes to CUDA. A pointer where it reads a number, or an int64 where it reads an int32, would be
taken without a word; so a `Kernel` declares its parameters, and a launch compares.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ._device import device

OPTIONS = ("-std=c++17", "-fmad=false")
"""What NVRTC is told besides the architecture. CuPy adds -ftz=true: numbers below float32's normal range become 0."""

_MOST_KEPT = 1024
"""Programs may differ in a number at every call."""


class Pointer(NamedTuple):
    """A parameter that is the address of an array's first element: the array is of this dtype, or None for null."""

    dtype: np.dtype[Any]


Parameter = Pointer | np.dtype[Any]
"""What a kernel's parameter is: a pointer, or a number or struct of a dtype, which is passed by value."""


class KernelError(RuntimeError):
    """A kernel does not compile, or its text has no kernel of that name. The message has the compiler's own words."""


_kernels: dict[Any, Kernel] = {}
_modules: dict[str, _Module] = {}
_making = threading.Lock()


def kernel(text: str, name: str, parameters: tuple[Parameter, ...]) -> Kernel:
    """The kernel ``name``, declared ``extern "C"``, of a translation unit; one object for equal arguments."""
    key = text, name, parameters
    found = _kernels.get(key)
    if found is None:
        with _making:
            if len(_kernels) >= _MOST_KEPT:
                _kernels.clear()
                _modules.clear()
            module = _modules.setdefault(text, _Module(text))
            found = _kernels.setdefault(key, Kernel(module, name, parameters))
    return found


class Kernel:
    """A kernel that is compiled for a device at its first launch there; threads may launch it at a time."""

    __slots__ = ("_array_type", "_current_device", "_functions", "_module", "name", "parameters")

    def __init__(self, module: _Module, name: str, parameters: tuple[Parameter, ...]) -> None:
        self.name, self.parameters = name, parameters
        self._module = module
        self._functions: dict[int, Any] = {}
        cupy = _cupy()
        self._array_type, self._current_device = cupy.ndarray, cupy.cuda.runtime.getDevice

    def __repr__(self) -> str:
        return f"<kernel {self.name} of {len(self.parameters)} parameters>"

    def launch(
        self,
        blocks: int | tuple[int, ...],
        threads: int | tuple[int, ...],
        arguments: Sequence[Any],
        shared_bytes: int = 0,
    ) -> None:
        """Lets the current stream of the current device run the kernel, in blocks of so many threads.

        Where there are no blocks nothing happens, but for the checks. A pointer takes a CuPy array of the current
        device, or None for null; its strides are the caller's matter. A number takes a NumPy scalar of its dtype, or a
        Python number that fits it; a struct takes a record, or an array of one. ``shared_bytes`` is the dynamic shared
        memory of a block. Raises TypeError for arguments that are not what the kernel declares, KernelError where it
        does not compile.
        """
        here = self._current_device()
        if len(arguments) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, but {len(arguments)} were given")
        passed: list[Any] = []
        for parameter, argument in zip(self.parameters, arguments, strict=True):
            # The commonest case, made short.
            if (
                isinstance(argument, self._array_type)
                and type(parameter) is Pointer
                and argument.dtype == parameter.dtype
                and argument.data.device_id == here
            ):
                passed.append(argument)
            else:
                passed.append(self._passed(len(passed), parameter, argument, here))
        grid = blocks if isinstance(blocks, tuple) else (blocks,)
        if 0 in grid:
            return
        function = self._functions.get(here)
        if function is None:
            function = self._functions[here] = self._module.function(self.name, here)
        function(grid, threads if isinstance(threads, tuple) else (threads,), tuple(passed), shared_mem=shared_bytes)

    def _passed(self, number: int, parameter: Parameter, argument: Any, here: int) -> Any:
        """An argument that is no array of the current device as CuPy takes it."""
        if type(parameter) is Pointer:
            if argument is None:
                return 0
            if isinstance(argument, self._array_type) and argument.dtype == parameter.dtype:
                raise TypeError(
                    f"{self.name}, argument {number}: the array is on cuda:{argument.data.device_id}, and the kernel "
                    f"runs on cuda:{here}"
                )
            raise self._refused(number, f"a CuPy array of {parameter.dtype}", argument)
        dtype: Any = parameter
        if isinstance(argument, (np.generic, np.ndarray)):
            if argument.dtype == dtype and argument.size == 1:
                return argument
        elif isinstance(argument, _FITS.get(dtype.kind, ())) and isinstance(argument, bool) == (dtype.kind == "b"):
            return dtype.type(argument)
        raise self._refused(number, f"one element of {dtype}", argument)

    def _refused(self, number: int, wanted: str, argument: Any) -> TypeError:
        found = f"{type(argument).__module__}.{type(argument).__name__}"
        if hasattr(argument, "dtype"):
            found += f" of {argument.dtype}, shape {argument.shape}"
        return TypeError(f"{self.name}, argument {number}: expected {wanted}, got {found}")


_FITS: dict[str, tuple[type, ...]] = {"i": (int,), "u": (int,), "f": (int, float), "b": (bool,)}
"""The Python numbers that a parameter of a kind takes."""


class _Module:
    """A translation unit, compiled once for each device."""

    def __init__(self, text: str) -> None:
        self._raw = _cupy().RawModule(code=text, options=OPTIONS)
        self._lock = threading.Lock()

    def function(self, name: str, place: int) -> Any:
        """The kernel ``name`` on the current device, ``place``. Raises KernelError."""
        compile_error = _cupy().cuda.compiler.CompileException
        # CuPy would let each thread that comes meanwhile compile it again.
        with self._lock:
            try:
                return self._raw.get_function(name)
            except compile_error as error:
                raise KernelError(f"{name} does not compile for cuda:{place}: {error}") from error
            except RuntimeError as error:
                raise KernelError(f"{name} can't be loaded on cuda:{place}: {error}") from error


def _cupy() -> Any:
    return device("cuda").xp
