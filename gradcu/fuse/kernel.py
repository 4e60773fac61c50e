"""Kernels: a program compiled for this processor, loaded, and called on blocks of points."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from .._linspace import MOST_EXACT, SEGMENT, linspace_block, linspace_pieces
from .cache import library
from .compiler import Compiler, find_compiler
from .program import Program
from .source import kernel_source

Extremes = tuple[int, int]
"""The indices of the first of the least and the first of the largest numbers of a row."""

_CACHED = 1 << 24
"""The bytes from which on results are not found in a cache: half of a third-level cache of the usual size."""

_NOWHERE = 0
"""C's null pointer."""

_MOST_LOADED = 256
_loaded: dict[tuple[str, str], Kernel] = {}


class Kernel:
    """A compiled program: the rows of a sweep, and where their extremes are, for any block of its points.

    It may be called from several threads at a time, and keeps none of them waiting: a call releases Python's lock.
    """

    def __init__(self, library: ctypes.CDLL, dtype: np.dtype, rows: int) -> None:
        self._dtype = dtype
        self._function = library.gradcu_sweep
        self._function.argtypes, self._function.restype = [ctypes.c_char_p, ctypes.c_void_p], None
        # In one piece, all that a call is told is told in a third of the time.
        self._block = struct.Struct(f"@4P4q3d{MOST_EXACT}q{MOST_EXACT}d{rows}P")
        self._figures = ctypes.c_longlong * (3 * rows)

    def sweep(
        self, start: float, stop: float, num: int, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]
    ) -> list[Extremes | None]:
        """Writes the rows at points first, first + 1, ... of ``linspace(start, stop, num)``, and the points into x.

        Without x the points are not kept. Gives the extremes of each row; None for a row that has NaN or infinity.
        """
        count = rows[0].size
        pieces = linspace_pieces(start, stop, num, first, count)
        if pieces is None:
            points = linspace_block(start, stop, num, first, count, self._dtype)
            if x is not None:
                x[...] = points
            return self.at(points, rows)
        # A linspace of one segment does without the table. It is held here until the call is over: threads that come to
        # a new line at the same time each make one, and the last one made stays.
        table = pieces.table if num > SEGMENT else ()
        high, low = map(address, table) if table else (_NOWHERE, _NOWHERE)
        unused = [0] * (MOST_EXACT - len(pieces.exact))
        block = self._block.pack(
            _NOWHERE if x is None else address(x), _NOWHERE, high, low,
            pieces.first, count, len(pieces.exact), _outgrow_caches(rows),
            *pieces.step, *pieces.exact_at, *unused, *pieces.exact, *unused, *map(address, rows),
        )  # fmt: skip
        return self._called(block + pieces.bases.tobytes())

    def at(self, points: np.ndarray, rows: Sequence[np.ndarray]) -> list[Extremes | None]:
        """Writes the rows at the points, a contiguous array of the kernel's dtype, and gives the extremes of each."""
        block = self._block.pack(
            _NOWHERE, address(points), _NOWHERE, _NOWHERE,
            0, points.size, 0, _outgrow_caches(rows),
            *[0] * (3 + 2 * MOST_EXACT), *map(address, rows),
        )  # fmt: skip
        return self._called(block)

    def _called(self, block: bytes) -> list[Extremes | None]:
        figures = self._figures()
        self._function(block, figures)
        found = iter(figures)
        return [None if odd else (least, largest) for least, largest, odd in zip(found, found, found, strict=True)]


def kernel_of(program: Program, compiler: Compiler | None = None) -> Kernel:
    """The kernel of a program of one input, x, and outputs of its dtype; compiled if neither memory nor disk has it.

    Raises `NotInCError` for a program that has no C, CompilerError where there is no compiler or it fails, and
    CacheError where the directory for compiled code cannot be used.
    """
    compiler = compiler or find_compiler()
    key = (program.key, compiler.identity)
    kernel = _loaded.get(key)
    if kernel is None:
        source = kernel_source(program, compiler)
        kernel = Kernel(loaded(source, compiler), program.dtype, len(program.outputs))
        if len(_loaded) >= _MOST_LOADED:
            _loaded.clear()
        _loaded[key] = kernel
    return kernel


def compiled_before(program: Program) -> Compiler | None:
    """The compiler, if `kernel_of` has the kernel that it makes of the program in memory."""
    # Where there is any kernel, a compiler was found before.
    compiler = find_compiler() if _loaded else None
    return compiler if compiler and (program.key, compiler.identity) in _loaded else None


def loaded(source: str, compiler: Compiler) -> ctypes.CDLL:
    """The library of a translation unit, built if it is not on disk.

    It stays loaded for as long as the process lives: an unloaded one could be running in another thread. Raises
    CompilerError where the compiler fails, and CacheError where the directory for compiled code cannot be used.
    """
    facts = "\n".join((source, compiler.identity))
    try:
        return ctypes.CDLL(library(facts, lambda path: compiler.build(source, path)))
    except OSError:
        # Another process has cleared the cache between building and loading.
        return ctypes.CDLL(library(facts, lambda path: compiler.build(source, path)))


def _outgrow_caches(rows: Sequence[np.ndarray]) -> bool:
    """Whether the arrays that the rows are parts of are larger than what caches hold."""
    return sum(getattr(row.base, "nbytes", row.nbytes) for row in rows) > _CACHED


def address(array: np.ndarray) -> int:
    """Where an array's memory begins."""
    memory: Any = array
    try:
        return ctypes.addressof(ctypes.c_char.from_buffer(memory))
    except (TypeError, ValueError):
        # Four times as slow, for arrays that are read-only, in several pieces or empty.
        return array.__array_interface__["data"][0]
