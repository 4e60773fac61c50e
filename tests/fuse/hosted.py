"""Generated CUDA kernels compiled by the host's C++ compiler and run on the CPU."""

from __future__ import annotations

import ctypes
import functools
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gradcu._kernel_text import THREADS
from gradcu.fuse.cuda_source import CudaSource, elementwise_source, layout_dtype, line_of, sweep_source
from gradcu.fuse.program import Line, Program, Reference
from tests.needs import missing

_HEADER = Path(__file__).parent / "cuda_host.h"
# As the kernels are compiled for the GPU: no contraction to fused multiplications and additions.
_FLAGS = ("-std=c++17", "-O1", "-ffp-contract=off", "-w", "-fPIC", "-shared", "-x", "c++", "-")
_AWAY = ctypes.c_void_p(None)


class Hosted:
    """A kernel on the CPU."""

    def __init__(self, source: CudaSource) -> None:
        self.source = source
        self._library = ctypes.CDLL(_built(source.text, source.name))

    def __call__(self, blocks: int, *arguments: Any) -> None:
        """Launches it; arrays are passed as pointers, None as a null pointer, and 0-d arrays by value."""
        held = []
        for argument in arguments:
            if isinstance(argument, np.ndarray) and argument.ndim:
                held.append(ctypes.c_void_p(argument.ctypes.data))
            else:
                held.append(_AWAY if argument is None else np.ascontiguousarray(argument))
        places = [item.ctypes.data if isinstance(item, np.ndarray) else ctypes.addressof(item) for item in held]
        self._library.launch_on_host(blocks, THREADS, (ctypes.c_void_p * len(places))(*places))


@functools.cache
def _built(text: str, name: str) -> str:
    compiler = next(filter(None, map(shutil.which, ("c++", "g++", "clang++"))), None)
    if compiler is None:
        missing("cc", "there is no C++ compiler")
    launcher = (
        f'extern "C" void launch_on_host(unsigned blocks, unsigned threads, void **arguments) {{\n'
        f"    launch({name}, blocks, threads, arguments);\n}}\n"
    )
    library = str(Path(tempfile.mkdtemp(dir=_folder().name)) / "kernel.so")
    done = subprocess.run(
        [compiler, *_FLAGS, "-include", str(_HEADER), "-o", library, "-lm"],
        input=text + launcher, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert not done.returncode, done.stderr
    return library


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Lasts as long as the process."""
    return tempfile.TemporaryDirectory()


class HostedSweep:
    """The sweep kernel of a program."""

    def __init__(self, program: Program) -> None:
        self._program, self._kernel = program, Hosted(sweep_source(program))

    def __call__(
        self, ends: tuple[float, float, int], first: int, count: int, blocks: int = 0, misaligned: bool = False
    ) -> list[np.ndarray]:
        """The points first, ..., first + count - 1 and the rows; every element beside them stays as it is."""
        line = line_of(*ends, first, count)
        assert line is not None
        guarded = [np.full(count + 16, 77, self._program.dtype) for _ in range(len(self._program.outputs) + 1)]
        lead = 9 if misaligned else 8
        rows = [row[lead : lead + count] for row in guarded]
        self._kernel(
            blocks or self._kernel.source.blocks(count) + 1,
            line[0], np.int64(first), np.int64(count), *(_array(row) for row in rows),
        )  # fmt: skip
        for row in guarded:
            assert (row[:lead] == 77).all()
            assert (row[lead + count :] == 77).all()
        return rows


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
