"""The launches of gradcu's own kernels, as a program makes them, to be run again: under a sanitizer, or with a bug."""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcu import _launch

from .bed import Bed
from .sanitized import Launch, Sanitizer, Struct, run


@dataclass(frozen=True)
class Captured:
    """A launch on copies of all memory that it can reach, and what this memory was after it.

    Of structs, which are passed as bytes, that is None: they have some that nobody writes.
    """

    source: str
    launch: Launch
    memory: list[np.ndarray]
    after: list[np.ndarray | None]


@contextlib.contextmanager
def capturing(bed: Bed) -> Iterator[list[Captured]]:
    """A block of which every launch is put into the list. Each array has memory of its own meanwhile, of its size."""
    launches: list[Captured] = []
    original = _launch.Kernel.launch

    def launch(self: Any, blocks: Any, threads: Any, arguments: Sequence[Any], shared_bytes: int = 0) -> None:
        bed.cupy.cuda.runtime.deviceSynchronize()
        copies = _Copies(bed)
        passed = [
            copies.argument(argument, parameter) for argument, parameter in zip(arguments, self.parameters, strict=True)
        ]
        original(self, blocks, threads, arguments, shared_bytes)
        if 0 not in (blocks if isinstance(blocks, tuple) else (blocks,)):
            made = Launch(self.name, blocks, threads, passed, shared_bytes)
            launches.append(Captured(self._module._raw.code, made, list(copies.blocks.values()), copies.now()))

    allocator = bed.cupy.cuda.get_allocator()
    bed.cupy.cuda.set_allocator(None)
    _launch.Kernel.launch = launch
    try:
        yield launches
    finally:
        _launch.Kernel.launch = original
        bed.cupy.cuda.set_allocator(allocator)


class _Copies:
    """Copies of blocks of device memory, made where a pointer leads there."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed
        self.blocks: dict[int, np.ndarray] = {}
        self._structs: set[int] = set()

    def argument(self, argument: Any, parameter: Any) -> Any:
        """An argument of a launch, as `Launch` has it."""
        if isinstance(parameter, _launch.Pointer):
            if argument is None:
                return None
            found = self._at(argument.data.ptr)
            if found is not None and parameter.dtype == np.uint8:
                self._structs.add(next(begin for begin, block in self.blocks.items() if block is found.base))
            return found
        value = np.asarray(argument, parameter).reshape(())
        pointers = {
            place: found
            for place in range(0, value.nbytes - 7, 8) if parameter.fields and "u8" in str(parameter)
            if (found := self._at(int.from_bytes(value.tobytes()[place : place + 8], "little"))) is not None
        }  # fmt: skip
        return Struct(value, pointers) if pointers else value

    def now(self) -> list[np.ndarray | None]:
        """The blocks as they are on the device, but for structs."""
        self._bed.cupy.cuda.runtime.deviceSynchronize()
        return [None if begin in self._structs else _bytes(begin, block.nbytes) for begin, block in self.blocks.items()]

    def _at(self, pointer: int) -> np.ndarray | None:
        found = self._bed.allocation_of(pointer)
        if found is None:
            return None
        begin, size = found
        block = self.blocks.setdefault(begin, _bytes(begin, size))
        return block[pointer - begin :]


def _bytes(begin: int, size: int) -> np.ndarray:
    return np.frombuffer(ctypes.string_at(begin, size), np.uint8).copy()


def run_again(launches: Sequence[Captured], sanitizer: Sanitizer, changed: Callable[[str], str] = str) -> None:
    """Runs captured launches under a sanitizer, and compares the memory after it, where all blocks ran.

    ``changed`` plants a bug. Raises FoundError, and AssertionError where the memory is another one.
    """
    for source in dict.fromkeys(captured.source for captured in launches):
        those = [captured for captured in launches if captured.source == source]
        before = [[block.copy() for block in captured.memory] for captured in those]
        run(changed(source), sanitizer, [[captured.launch] for captured in those])
        for captured, old in zip(those, before, strict=True):
            found = [block.copy() for block in captured.memory]
            for block, values in zip(captured.memory, old, strict=True):
                block[...] = values
            if captured.launch.runs_whole(sanitizer):
                for block, right in zip(found, captured.after, strict=True):
                    assert right is None or bytes(block) == bytes(right), captured.launch.kernel
