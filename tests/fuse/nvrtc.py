"""NVIDIA's run-time compiler through ctypes: CUDA source to machine code, with no driver, no GPU and no CuPy.

The library is that of the package nvidia-cuda-nvrtc-cu12 (the extra ``nvrtc``). Its functions:
https://docs.nvidia.com/cuda/nvrtc.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
import struct
from dataclasses import dataclass
from pathlib import Path

from gradcu._launch import OPTIONS

ARCHITECTURES = (75, 80, 86, 89, 90, 100, 120)
"""Turing, Ampere (A100, then RTX 30), Ada, Hopper, Blackwell (B200, then RTX 50)."""

# As CuPy calls it, and a report of what each kernel needs.
_ALWAYS = (*OPTIONS, "-ftz=true", "--device-as-default-execution-space", "--ptxas-options=-v")

# The attribute of a kernel that says where a parameter stands, and how long it is.
_KPARAM_INFO = 0x17


class CompilationError(Exception):
    """The source does not compile; the message is NVRTC's."""


@dataclass(frozen=True)
class Compiled:
    """A kernel's registers for a thread, bytes that spill from them, and its parameters' offsets and sizes."""

    registers: int
    spilled: int
    parameters: list[tuple[int, int]]


def is_installed() -> bool:
    return _folder() is not None


def compiled(source: str, name: str, architecture: int) -> Compiled:
    """What becomes of the kernel ``name``. Raises CompilationError where the source does not compile."""
    library, handle = _library(), ctypes.c_void_p()
    _checked(library.nvrtcCreateProgram(ctypes.byref(handle), source.encode(), b"kernel.cu", 0, None, None))
    try:
        options = [option.encode() for option in (*_ALWAYS, f"-arch=sm_{architecture}")]
        status = library.nvrtcCompileProgram(handle, len(options), (ctypes.c_char_p * len(options))(*options))
        log = _bytes(handle, "ProgramLog").rstrip(b"\0").decode()
        if status:
            raise CompilationError(log)
        return Compiled(*_resources(log, name), _parameters(_bytes(handle, "CUBIN"), name))
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(handle))


def _folder() -> Path | None:
    try:
        found = importlib.util.find_spec("nvidia.cuda_nvrtc")
    except ModuleNotFoundError:
        return None
    places = [] if found is None else found.submodule_search_locations or []
    return next((Path(place) / "lib" for place in places if (Path(place) / "lib").is_dir()), None)


@functools.cache
def _library() -> ctypes.CDLL:
    folder = _folder()
    assert folder is not None
    names = [path for path in sorted(folder.glob("libnvrtc*.so.*")) if ".alt." not in path.name]
    builtins = next(path for path in names if "builtins" in path.name)
    # The compiler looks for it by name, where the loader would not.
    ctypes.CDLL(str(builtins), mode=ctypes.RTLD_GLOBAL)
    return ctypes.CDLL(str(next(path for path in names if path != builtins)))


def _checked(status: int) -> None:
    assert status == 0, f"NVRTC error {status}"


def _bytes(handle: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    _checked(getattr(_library(), f"nvrtcGet{what}Size")(handle, ctypes.byref(size)))
    buffer = ctypes.create_string_buffer(size.value)
    _checked(getattr(_library(), f"nvrtcGet{what}")(handle, buffer))
    return buffer.raw


def _resources(log: str, name: str) -> tuple[int, int]:
    """Registers and spilled bytes, from ptxas's report."""
    report = log[log.index(f"Compiling entry function '{name}'") :]
    spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", report)
    registers = re.search(r"Used (\d+) registers", report)
    assert spills is not None
    assert registers is not None
    return int(registers[1]), int(spills[1]) + int(spills[2])


def _parameters(cubin: bytes, name: str) -> list[tuple[int, int]]:
    """From the ELF section that describes the kernel: a list of attributes, each with a format, a number and a size."""
    (at,) = struct.unpack_from("<Q", cubin, 40)
    _, count, names_index = struct.unpack_from("<HHH", cubin, 58)
    sections = [struct.unpack_from("<IIQQQQIIQQ", cubin, at + 64 * k) for k in range(count)]
    names = cubin[sections[names_index][4] :]
    found: dict[int, tuple[int, int]] = {}
    for section in sections:
        if names[section[0] :].partition(b"\0")[0].decode() != f".nv.info.{name}":
            continue
        data, position = cubin[section[4] : section[4] + section[5]], 0
        while position < len(data):
            form, attribute, size = struct.unpack_from("<BBH", data, position)
            position += 4
            if form != 4:
                # The value is in place of the size.
                continue
            if attribute == _KPARAM_INFO:
                _, number, offset, flags = struct.unpack_from("<IHHI", data, position)
                found[number] = offset, flags >> 18
            position += size
    return [found[number] for number in sorted(found)]
