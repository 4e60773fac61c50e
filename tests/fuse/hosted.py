"""Generated CUDA kernels compiled by the host's C++ compiler and run on the CPU.

An elementwise kernel's threads need nothing of each other, and run one after the other on any machine. Those of a sweep
wait for each other, which takes the fibres of tests/cpu_cuda: x86-64 Linux, and g++; but no CuPy.
"""

from __future__ import annotations

import ctypes
import functools
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradcu._kernel_text import THREADS
from gradcu.fuse.cuda_points import Axes, line_of
from gradcu.fuse.cuda_source import (
    PLACES,
    WARPS,
    CudaSource,
    Sums,
    elementwise_source,
    figures_dtype,
    layout_dtype,
    place_dtype,
    sweep_source,
)
from gradcu.fuse.program import Line, Program, Reference
from gradcu.sweeps.cuda_figures import Told
from gradcu.sweeps.cuda_points import KernelPoints
from tests.cpu_cuda import build
from tests.needs import missing

_HEADER = Path(__file__).parent / "cuda_host.h"
# As the kernels are compiled for the GPU: no contraction to fused multiplications and additions.
_FLAGS = ("-std=c++17", "-O1", "-ffp-contract=off", "-w", "-fPIC", "-shared", "-x", "c++", "-")
_AWAY = ctypes.c_void_p(None)


class Hosted:
    """A kernel on the CPU."""

    def __init__(self, source: CudaSource, waits: bool = False) -> None:
        self.source = source
        made = _built_to_wait(source.text, source.name) if waits else _built(source.text, source.name)
        self._library = ctypes.CDLL(made)
        self._library.launch_on_host.restype = ctypes.c_char_p

    def __call__(self, blocks: int, *arguments: Any) -> None:
        """Launches it; arrays are passed as pointers, None as a null pointer, and 0-d arrays by value."""
        held = []
        for argument in arguments:
            if isinstance(argument, np.ndarray) and argument.ndim:
                held.append(ctypes.c_void_p(argument.ctypes.data))
            else:
                held.append(_AWAY if argument is None else np.ascontiguousarray(argument))
        places = [item.ctypes.data if isinstance(item, np.ndarray) else ctypes.addressof(item) for item in held]
        error = self._library.launch_on_host(blocks, THREADS, (ctypes.c_void_p * len(places))(*places))
        assert error is None, error.decode()


@functools.cache
def _built(text: str, name: str) -> str:
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        missing("cc", "there is no C++ compiler")
    launcher = (
        f'extern "C" const char *launch_on_host(unsigned blocks, unsigned threads, void **arguments) {{\n'
        f"    launch({name}, blocks, threads, arguments);\n    return nullptr;\n}}\n"
    )
    library = str(Path(tempfile.mkdtemp(dir=_folder().name)) / "kernel.so")
    done = subprocess.run(
        [compiler, *_FLAGS, "-include", str(_HEADER), "-o", library, "-lm"],
        input=text + launcher, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return library


_WAITING_FLAGS = (*build.STANDARD, *build.KERNELS, "-ffp-contract=off")


@functools.cache
def _built_to_wait(text: str, name: str) -> str:
    if sys.platform != "linux" or platform.machine() != "x86_64":
        missing("fibres", "the threads of a block are fibres, which are written for x86-64 Linux")
    if shutil.which("g++") is None:
        missing("cc", "there is no g++")
    launcher = (
        f"CPU_CUDA_KERNEL({name}, {name})\nCPU_CUDA_MODULE(true)\n"
        f'extern "C" const char *launch_on_host(unsigned blocks, unsigned threads, void **arguments) {{\n'
        f"    const cpu_cuda::Launch launch = {{{{blocks, 1, 1}}, {{threads, 1, 1}}, 0}};\n"
        f"    return cpu_cuda::run(cpu_cuda_kernel_{name}, cpu_cuda_module, arguments, launch);\n}}\n"
    )
    header, threads = _header_of_fibres(), build.library("libcpu_cuda_threads.so", ["threads.cpp"])
    library = build.folder() / f"{build.digest(text, launcher, str(header), *_WAITING_FLAGS)}.so"
    if not library.exists():
        with tempfile.NamedTemporaryFile("w", suffix=".cpp") as file:
            file.write(text + launcher)
            file.flush()
            build.compiled(library, [*_WAITING_FLAGS, "-shared", "-include", header, file.name, threads])
    ctypes.CDLL(str(threads), mode=ctypes.RTLD_GLOBAL)
    return str(library)


@functools.cache
def _header_of_fibres() -> Path:
    """What such a kernel begins with, parsed once."""
    header = build.folder() / build.digest(build.native_digest(), *_WAITING_FLAGS) / "fibres.h"
    header.parent.mkdir(mode=0o700, exist_ok=True)
    header.write_text(f'#include "{build.NATIVE / "cuda_on_cpu.h"}"\n')
    build.compiled(header.with_suffix(".h.gch"), [*_WAITING_FLAGS, "-x", "c++-header", header])
    return header


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Lasts as long as the process."""
    return tempfile.TemporaryDirectory()


class HostedSweep:
    """The sweep kernel of a program."""

    def __init__(self, program: Program, axes: Axes | None = None, sums: Sums = (), signed: range = range(0)) -> None:
        self._program, self._signed = program, signed
        self._figures, self._place = figures_dtype(program.dtype, sums), place_dtype(program.dtype)
        self.kernel = Hosted(sweep_source(program, axes, sums=sums, signed=signed), waits=True)

    def __call__(
        self, ends: tuple[float, float, int], first: int, count: int, segments: int = 1, misaligned: bool = False
    ) -> list[np.ndarray]:
        """The points first, ..., first + count - 1 and the rows; every element beside them stays as it is.

        A block takes that many segments.
        """
        return self.run(ends, first, count, segments, misaligned)[0]

    def run(
        self, ends: tuple[float, float, int], first: int, count: int, segments: int = 1, misaligned: bool = False
    ) -> tuple[list[np.ndarray], Told]:
        """The same, and what the kernel tells of the rows."""
        line = line_of(*ends, first, count)
        assert line is not None
        return self._launched([line[0]], first, count, segments, misaligned)

    def on(
        self, points: KernelPoints, first: int, count: int, segments: int = 1, misaligned: bool = False
    ) -> tuple[list[np.ndarray], Told]:
        """The same for points of any domain; in place of the points the first input."""
        memory = np.zeros(points.bytes_given(count), np.uint8)
        assert points.give(first, count, memory) <= memory.size
        told, *given = points.arguments(first, count, memory)
        return self._launched([told[0], *given], first, count, segments, misaligned)

    def _launched(
        self, points: list[Any], first: int, count: int, segments: int, misaligned: bool
    ) -> tuple[list[np.ndarray], Told]:
        guarded = [np.full(count + 16, 77, self._program.dtype) for _ in range(len(self._program.outputs) + 1)]
        lead = 9 if misaligned else 8
        rows = [row[lead : lead + count] for row in guarded]
        run = segments * self.kernel.source.per_block
        origin = first // run * run
        blocks = max(-(-(first + count - origin) // run), 1)
        figures = np.zeros((blocks, len(rows) - 1), self._figures)
        places = np.zeros((blocks, len(self._signed), WARPS, PLACES), self._place)
        self.kernel(
            blocks, *points, np.int64(first), np.int64(count), np.int64(origin), np.int32(segments),
            figures, _array(places), *(_array(row) for row in rows),
        )  # fmt: skip
        for row in guarded:
            assert (row[:lead] == 77).all()
            assert (row[lead + count :] == 77).all()
        begins = np.arange(blocks) * run + origin
        return rows, Told(figures, begins, self._signed, lambda block: places[block, :, 0])


def _array(row: np.ndarray) -> np.ndarray | None:
    """A pointer, which is null for no elements, as a device's is."""
    return row if row.size else None


class HostedElementwise:
    """The elementwise kernel of a program, for inputs that lie as the outputs do, or for any strides."""

    def __init__(self, program: Program, dimensions: int = 0, single: Sequence[str] = (), wide: bool = False) -> None:
        self._program, self._dimensions, self._index = program, dimensions, np.int64 if wide else np.int32
        self._layout = layout_dtype(dimensions, len(program.inputs), wide) if dimensions else None
        self._kernel = Hosted(elementwise_source(program, dimensions=dimensions, single=single, wide=wide))

    def __call__(self, *inputs: np.ndarray, blocks: int = 0) -> list[np.ndarray]:
        """The outputs, of the inputs' common shape."""
        shape = np.broadcast_shapes(*(array.shape for array in inputs))
        size = int(np.prod(shape))
        outputs = [np.full(shape, 77, self._program.dtype) for _ in self._program.outputs]
        arguments: list[Any] = []
        if self._layout is not None:
            layout = np.zeros((), self._layout)
            layout["shape"] = shape
            layout["strides"] = [np.broadcast_to(array, shape).strides for array in inputs]
            arguments.append(layout)
        pointers = [array.reshape(-1) if array.ndim == 0 else array for array in (*inputs, *outputs)]
        self._kernel(blocks or max(self._kernel.source.blocks(size), 1), *arguments, self._index(size), *pointers)
        return outputs


def merged(programs: Sequence[Program]) -> Program:
    """One program with the lines and outputs of several that have the same inputs: a kernel is compiled once."""
    lines: list[Line] = []
    outputs: list[Reference] = []
    for program in programs:
        base = len(lines)

        def moved(reference: Reference, base: int = base) -> Reference:
            return reference + base if isinstance(reference, int) else reference

        lines += [
            Line(base + line.index, line.op, tuple(map(moved, line.operands)), line.statics, line.dtype)
            for line in program.lines
        ]
        outputs += map(moved, program.outputs)
    return Program(dict(programs[0].inputs), lines, outputs)
