"""Kernels in a program of their own, compiled with a sanitizer, which says what they do that they must not.

AddressSanitizer and UndefinedBehaviorSanitizer find accesses beside arrays and misaligned ones, and integers that
overflow. ThreadSanitizer finds two threads of which one writes what the other reads or writes, where nothing orders the
two. A program runs many launches, since starting one takes longer than most of them.
"""

from __future__ import annotations

import math
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .build import KERNELS, NATIVE, STANDARD, compiled, digest, folder, native_digest
from .compiler import in_cpp


@dataclass(frozen=True)
class Sanitizer:
    """What g++ and the program are told, and whether kernels run with a fibre for each thread."""

    name: str
    flags: tuple[str, ...]
    environment: dict[str, str]
    every_thread: bool

    def __str__(self) -> str:
        return self.name


ADDRESS = Sanitizer(
    "AddressSanitizer with UndefinedBehaviorSanitizer",
    ("-fsanitize=address,undefined", "-fno-sanitize-recover=all"),
    {"ASAN_OPTIONS": "detect_leaks=0", "UBSAN_OPTIONS": "print_stacktrace=1"},
    every_thread=False,
)
THREAD = Sanitizer(
    "ThreadSanitizer", ("-fsanitize=thread",), {"TSAN_OPTIONS": "halt_on_error=1 atexit_sleep_ms=0"}, every_thread=True
)

MOST_THREADS = 1024
"""So many threads of a grid run under ThreadSanitizer, those of the first and the last blocks. It keeps each to the end
of the grid, and 8128 at most."""

_SHARED = re.compile(r"(?<!extern )__shared__\s+([\w:<>, ]+?)\s+(\w+)((?:\[[^\]]*\])*)\s*;")


class FoundError(Exception):
    """A sanitizer found something; the message is its report."""


@dataclass(frozen=True)
class Launch:
    """A kernel's launch.

    An array among the arguments is a pointer to its first element, a 0-d array, a NumPy scalar or a `Struct` a value,
    None a null pointer. The memory to which an array belongs exists in the program as it is here, to the byte.
    """

    kernel: str
    blocks: int | tuple[int, ...]
    threads: int | tuple[int, ...]
    arguments: Sequence[Any]
    shared: int = 0

    def blocks_under(self, sanitizer: Sanitizer) -> int:
        """How many of the blocks run."""
        grid, block = math.prod(_three(self.blocks)), math.prod(_three(self.threads))
        return min(grid, MOST_THREADS // block) if sanitizer.every_thread else grid

    def runs_whole(self, sanitizer: Sanitizer) -> bool:
        """Whether all blocks run."""
        return self.blocks_under(sanitizer) == math.prod(_three(self.blocks))


@dataclass(frozen=True)
class Struct:
    """An argument that is a struct with pointers in it: by their places in bytes the arrays to which they point."""

    value: np.ndarray
    pointers: dict[int, np.ndarray]


def run(source: str, sanitizer: Sanitizer, cases: Iterable[Sequence[Launch]]) -> None:
    """Runs each case's launches, one after the other, and writes the arrays' new elements into them.

    Raises FoundError where the sanitizer finds something, and what is wrong with a launch in it too.
    """
    program = _program(source, sanitizer)
    blocks: list[np.ndarray] = []
    with tempfile.TemporaryDirectory() as place:
        plan, contents = Path(place, "plan"), Path(place, "bytes")
        with plan.open("w") as lines, contents.open("wb") as data:
            for case in cases:
                memory = _owners(case)
                for block in memory:
                    lines.write(f"memory {block.nbytes}\n")
                    data.write(block.tobytes())
                for launch in case:
                    lines.write(_described(launch, memory, data, sanitizer))
                lines.write("end\n")
                blocks += memory
        environment = os.environ | sanitizer.environment
        done = subprocess.run([program, plan, contents], env=environment, capture_output=True, check=False)
    if done.returncode:
        raise FoundError(done.stderr.decode(errors="replace"))
    at = 0
    for block in blocks:
        block.view(np.uint8)[...] = np.frombuffer(done.stdout, np.uint8, block.nbytes, at)
        at += block.nbytes


def _owners(case: Sequence[Launch]) -> list[np.ndarray]:
    """The memory of the arrays that launches get, flat, each block once."""
    found: dict[int, np.ndarray] = {}
    for launch in case:
        for argument in launch.arguments:
            arrays = argument.pointers.values() if isinstance(argument, Struct) else [argument]
            for owner in map(_owner, filter(_is_array, arrays)):
                found[owner.ctypes.data] = owner.reshape(-1)
    return list(found.values())


def _owner(array: np.ndarray) -> np.ndarray:
    while isinstance(array.base, np.ndarray):
        array = array.base
    assert array.flags.c_contiguous
    return array


def _is_array(argument: Any) -> bool:
    return isinstance(argument, np.ndarray) and argument.ndim > 0


def _described(launch: Launch, memory: Sequence[np.ndarray], data: Any, sanitizer: Sanitizer) -> str:
    addresses = [block.ctypes.data for block in memory]
    sizes = [
        *_three(launch.blocks), *_three(launch.threads), launch.shared, launch.blocks_under(sanitizer),
        len(launch.arguments),
    ]  # fmt: skip
    lines = [f"launch {launch.kernel} {' '.join(map(str, sizes))}"]
    for argument in launch.arguments:
        if argument is None:
            lines.append("null")
        elif _is_array(argument):
            lines.append(f"at {_place(argument, addresses)}")
        else:
            inside = argument.pointers if isinstance(argument, Struct) else {}
            value = np.ascontiguousarray(argument.value if isinstance(argument, Struct) else argument).tobytes()
            data.write(value)
            lines.append(f"value {len(value)} {len(inside)}")
            lines += [f"{place} {_place(array, addresses)}" for place, array in inside.items()]
    return "\n".join([*lines, ""])


def _place(array: np.ndarray, addresses: Sequence[int]) -> str:
    number = addresses.index(_owner(array).ctypes.data)
    return f"{number} {array.ctypes.data - addresses[number]}"


def _three(size: int | tuple[int, ...]) -> tuple[int, ...]:
    sizes = (size,) if isinstance(size, int) else size
    return (*sizes, *(1,) * (3 - len(sizes)))


def _program(source: str, sanitizer: Sanitizer) -> Path:
    """The kernels of a source, compiled with the sanitizer, and what runs them, compiled without."""
    if sanitizer.every_thread:
        # Blocks that run one after the other have each its own shared memory here, as blocks that run at a time.
        blocks, turn = MOST_THREADS // 32, "cpu_cuda::running->turn"
        source = _SHARED.sub(rf"static \1 \2_of_blocks[{blocks}]\3; auto &\2 = \2_of_blocks[{turn}];", source)
    text = in_cpp(source, {}, waits=True if sanitizer.every_thread else None)
    flags = [*STANDARD, *KERNELS, "-g", f"-I{NATIVE}", "-DCPU_CUDA_SANITIZED", *sanitizer.flags]
    key = digest(native_digest(), text, *flags)
    program = folder() / f"{key}-sanitized"
    if not program.exists():
        with tempfile.NamedTemporaryFile("w", suffix=".cpp", dir=folder()) as file:
            file.write(text + "\n")
            file.flush()
            command = [*flags, "-include", NATIVE / "cuda_on_cpu.h", file.name]
            kernels = compiled(folder() / f"{key}.o", [*command, "-c"])
        runner = [_object("threads"), _object("sanitized")]
        compiled(program, [*sanitizer.flags, "-rdynamic", kernels, *runner, "-ldl", "-lpthread"])
    return program


def _object(name: str) -> Path:
    path = folder() / digest(native_digest()) / f"{name}.o"
    return compiled(path, [*STANDARD, "-c", NATIVE / f"{name}.cpp"])
