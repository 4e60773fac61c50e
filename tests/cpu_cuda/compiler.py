"""Compiles CUDA C++ for the CPU: what CuPy would give to NVRTC goes to g++, behind native/cuda_on_cpu.h.

Three things are CUDA's syntax and no macro can make them C++: a kernel's name, under which it is exported; an array of
dynamic shared memory; and whether the threads of a block ever wait for each other, which decides how they are run.
"""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from .build import KERNELS, NATIVE, STANDARD, BuildError, compiled, digest, folder, native_digest

_KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+(?:__launch_bounds__\([^)]*\)\s*)?void\s+'
                     r"(?:__launch_bounds__\([^)]*\)\s*)?(\w+)\s*\(")  # fmt: skip
_DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:__align__\(\d+\)\s+)?([\w:]+(?:<\w+>)?(?:\s+\w+)?)\s+(\w+)\s*\[\s*\]\s*;"
)
_WAITING = re.compile(r"__sync|__shfl|__ballot|__any_sync|__all_sync")
_COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)

_CUPYS_HEADERS = ("complex.cuh", "carray.cuh", "atomics.cuh", "math_constants.h")
_SPECIAL_FUNCTIONS = "xsf/config.h"


def shared_library(source: str, names: Sequence[str], options: Sequence[str]) -> tuple[Path, dict[str, str]]:
    """The library of a source's kernels, and the symbol of each of the C++ expressions in ``names``.

    Raises BuildError with the compiler's messages where the source is wrong.
    """
    symbols = {name: f"expression_{number}" for number, name in enumerate(names)}
    text = in_cpp(source, symbols)
    header = _precompiled_header()
    key = digest(text, *options, *_flags(), str(header))
    library = folder() / f"{key}.so"
    if not library.exists():
        with tempfile.NamedTemporaryFile("w", suffix=".cpp", dir=folder()) as file:
            file.write(text + "\n")
            file.flush()
            compiled(library, [*_flags(), "-shared", "-nostdlib", "-include", header, *options, file.name])
    return library, symbols


def in_cpp(source: str, symbols: Mapping[str, str], waits: bool | None = None) -> str:
    """A source as C++ for native/cuda_on_cpu.h, with its kernels, and the expressions of ``symbols``, exported.

    ``waits`` says whether a block's threads run as fibres; by default they do where one can wait for another.
    """
    exports = [f"CPU_CUDA_KERNEL({kernel}, {kernel})" for kernel in kernels_of(source)]
    exports += [f"CPU_CUDA_KERNEL({symbol}, {name})" for name, symbol in symbols.items()]
    waits = bool(_WAITING.search(source)) if waits is None else waits
    exports.append(f"CPU_CUDA_MODULE({'true' if waits else 'false'})")
    source = _DYNAMIC_SHARED.sub(r"CPU_CUDA_DYNAMIC_SHARED(\1, \2);", source)
    return "\n".join(['#line 1 "kernel.cu"', source, *exports])


def kernels_of(source: str) -> list[str]:
    """The names of a source's kernels, but for templates."""
    return list(dict.fromkeys(_KERNEL.findall(_COMMENT.sub("", source))))


def _flags() -> list[str]:
    return [*STANDARD, *KERNELS, f"-I{NATIVE}", f"-I{NATIVE / 'include'}", f"-I{_cupys_headers()}"]


@functools.cache
def _cupys_headers() -> Path:
    found = importlib.util.find_spec("cupy")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / "_core" / "include"


@functools.cache
def _precompiled_header() -> Path:
    """The header that every kernel begins with. Parsing it takes longer than all else that a kernel needs."""
    lines = [f'#include "{NATIVE / "cuda_on_cpu.h"}"', *(f"#include <cupy/{name}>" for name in _CUPYS_HEADERS)]
    # The special functions define what C++'s library has and CUDA's has not; included here, once, they know better.
    lines += ["#undef __CUDACC__", f"#include <cupy/{_SPECIAL_FUNCTIONS}>", "#define __CUDACC__ 1"]
    texts = [(_cupys_headers() / "cupy" / name).read_text() for name in (*_CUPYS_HEADERS, _SPECIAL_FUNCTIONS)]
    header = folder() / digest(native_digest(), *lines, *texts) / "kernel.h"
    header.parent.mkdir(mode=0o700, exist_ok=True)
    if not header.exists():
        unfinished = header.with_suffix(f".{os.getpid()}")
        unfinished.write_text("\n".join(lines) + "\n")
        unfinished.replace(header)
    compiled(header.with_suffix(".h.gch"), [*_flags(), "-x", "c++-header", header])
    return header


def _understood(options: Sequence[str]) -> list[str]:
    """Of NVRTC's options those that mean something to g++: definitions, and folders that are not CUDA's own."""
    return [
        option
        for option in options
        if option.startswith("-D") or (option.startswith("-I") and "nvidia" not in option and "_cccl" not in option)
    ]


def replace_compiler() -> list[str]:
    """Makes CuPy compile with `shared_library`. Gives a list that grows by every source that CuPy compiles."""
    # Not before the runtime was replaced.
    compiler: Any = import_module("cupy.cuda.compiler")
    function: Any = import_module("cupy.cuda.function")
    sources: list[str] = []

    def compile_module(source: str, options: Sequence[str] = (), *, name_expressions: Any = None, **_: Any) -> Any:
        sources.append(source)
        try:
            library, symbols = shared_library(source, name_expressions or (), _understood(options))
        except BuildError as error:
            raise compiler.CompileException(str(error), source, "kernel.cu", options, "nvrtc") from None
        module = function.Module()
        module.load(b"cpu_cuda:" + str(library).encode() + b"\0")
        module._set_mapping(symbols)
        return module

    compiler._compile_module_with_cache = compile_module
    return sources
