"""The engine that runs a sweep as one compiled loop: little is read, and only results are written."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from .._linspace import SEGMENT
from ..fuse.compiler import Compiler, find_compiler
from ..fuse.elementwise import ElementwiseKernel, elementwise_kernel
from ..fuse.kernel import Kernel, kernel_of
from .domain import Domain
from .engine import BUDGET, thread_count
from .grid import LinspaceAxis
from .identity import c_library, digest
from .inputs import Inputs
from .statistics import BlockStatistics, Extremes

if TYPE_CHECKING:
    from ..fuse.program import Program

# What is not worth starting a thread for, and what is a small part of a second for the slowest of functions.
_LEAST, _MOST = 1 << 17, 1 << 19
# Enough for threads that began late, or have a slower core, to be waited for shortly; each costs what 1e5 points do.
_BLOCKS_PER_THREAD = 8


class CompiledEngine:
    """Calls the kernel that a C compiler, by default the system's, makes of a program.

    Raises CompilerError where there is no compiler or it fails, NotInCError for a program that has no C, and CacheError
    where the directory for compiled code cannot be used.
    """

    name, seconds = "cc", None

    def __init__(self, program: Program, domain: Domain, compiler: Compiler | None = None) -> None:
        compiler = compiler or find_compiler()
        self._domain, self._program, self._compiler = domain, program, compiler
        line = domain.line
        if line is not None:
            self._compute = _on_line(kernel_of(program, compiler), line)
        else:
            self._compute = _on_arrays(elementwise_kernel(program, compiler), Inputs(domain))
        self.reason = compiler.name
        self.threads = thread_count()
        self.chunk = self._fitting_chunk(len(program.outputs))

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given."""
        return BlockStatistics(rows, first, self._compute(first, x, rows), self._domain.sorted)

    def program(self) -> str:
        """A digest of the program's lines."""
        return digest(self._program.key)

    def foundation(self) -> str:
        """The compiler with what it knows of the processor, and the C library."""
        return f"{self._compiler.name}, {c_library()}, {digest(self._compiler.identity)}"

    def _fitting_chunk(self, rows: int) -> int:
        """Whole segments, since what is left of one takes a tile of its own; a file's block may be in memory twice."""
        share = self._domain.num // (self.threads * _BLOCKS_PER_THREAD)
        fitting = BUDGET // (self.threads * 2 * (rows + 1) * self._domain.dtype.itemsize)
        points = min(max(share, _LEAST), _MOST, max(fitting, SEGMENT))
        return -(-points // SEGMENT) * SEGMENT


Compute = Callable[[int, np.ndarray | None, Sequence[np.ndarray]], Sequence[Extremes | None] | None]
"""Does what an engine's `evaluate` does, and gives what it knows of the extremes."""


def _on_line(kernel: Kernel, line: LinspaceAxis) -> Compute:
    """The loop that makes its points, and finds the extremes as it goes."""
    return lambda first, x, rows: kernel.sweep(line.start, line.stop, line.num, first, x, rows)


def _on_arrays(kernel: ElementwiseKernel, inputs: Inputs) -> Compute:
    """The loop that reads its points."""
    return lambda first, x, rows: inputs.evaluate(kernel, first, x, rows)
