"""Kernels in a program of their own, compiled with a sanitizer, which says what they do that they must not.

AddressSanitizer and UndefinedBehaviorSanitizer find accesses beside arrays and misaligned ones, and integers that
overflow. ThreadSanitizer finds two threads of which one writes what the other reads or writes, where nothing orders the
two. A program runs many launches, since starting one takes longer than most of them.
"""

from __future__ import annotations

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
THREAD = Sanitizer("ThreadSanitizer", ("-fsanitize=thread",), {"TSAN_OPTIONS": "halt_on_error=1"}, every_thread=True)

MOST_THREADS = 4096
"""So many threads a grid may have under ThreadSanitizer, which keeps each to the grid's end, and 8128 at most."""

_SHARED = re.compile(r"(?<!extern )__shared__\s+([\w:<>, ]+?)\s+(\w+)((?:\[[^\]]*\])*)\s*;")


class FoundError(Exception):
    """A sanitizer found something; the message is its report."""


@dataclass(frozen=True)
class Launch:
    """A kernel's launch.

    An array among the arguments is a pointer to its first element, a 0-d array or a NumPy scalar a value, None a null
    pointer. The memory to which an array belongs exists in the program as it is here, to the byte.
    """

    kernel: str
    blocks: int | tuple[int, int, int]
    threads: int | tuple[int, int, int]
    arguments: Sequence[Any]
    shared: int = 0


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
            if _is_array(argument):
                owner = _owner(argument)
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
    grid, block = _three(launch.blocks), _three(launch.threads)
    if sanitizer.every_thread:
        assert np.prod(grid) * np.prod(block) <= MOST_THREADS, f"{launch.kernel}: more than {MOST_THREADS} threads"
    addresses = [block.ctypes.data for block in memory]
    sizes = [*grid, *block, launch.shared, len(launch.arguments)]
    lines = [f"launch {launch.kernel} {' '.join(map(str, sizes))}"]
    for argument in launch.arguments:
        if argument is None:
            lines.append("null")
        elif _is_array(argument):
            number = addresses.index(_owner(argument).ctypes.data)
            lines.append(f"at {number} {argument.ctypes.data - addresses[number]}")
        else:
            value = np.ascontiguousarray(argument).tobytes()
            data.write(value)
            lines.append(f"value {len(value)}")
    return "\n".join([*lines, ""])


def _three(size: int | tuple[int, int, int]) -> tuple[int, int, int]:
    return (size, 1, 1) if isinstance(size, int) else size


def _program(source: str, sanitizer: Sanitizer) -> Path:
    """The kernels of a source, compiled with the sanitizer, and what runs them, compiled without."""
    if sanitizer.every_thread:
        # Blocks that run one after the other have each its own shared memory here, as blocks that run at a time.
        blocks = MOST_THREADS // 32
        source = _SHARED.sub(rf"static \1 \2_of_blocks[{blocks}]\3; auto &\2 = \2_of_blocks[blockIdx.x];", source)
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
