"""The fused engines, each as a function that computes the rows of a program of one variable."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from gradcu.fuse.blocks import Blocks
from gradcu.fuse.compiler import NoCompilerError, find_compiler
from gradcu.fuse.kernel import kernel_of
from gradcu.fuse.program import Program
from tests.fuse.hosted import HostedElementwise
from tests.needs import missing

Rows = list[np.ndarray]


# Whose C has a branch, or calls what has no vector form: one of them keeps the loop it is in from being vectorised.
_ONE_BY_ONE = frozenset(
    (
        "digamma", "div_rounded", "floor_divide", "fmod", "lgamma", "logaddexp", "polygamma_of_order", "remainder",
        "sinc", "sinc_derivative", "softplus",
    )
)  # fmt: skip


def in_groups(programs: Sequence[Program], size: int) -> list[list[int]]:
    """The programs' numbers, in groups of up to ``size`` of which each can be one kernel: there are fewer to compile.

    Those that the C compiler can vectorise are with their like.
    """
    slow = [any(line.op.name in _ONE_BY_ONE for line in made.lines) for made in programs]
    kinds = [[number for number, other in enumerate(slow) if other is kind] for kind in (False, True)]
    return [kind[first : first + size] for kind in kinds for first in range(0, len(kind), size)]


def run_by_numpy(made: Program, x: np.ndarray) -> Rows:
    """By NumPy, in blocks."""
    rows = [np.empty_like(x) for _ in made.outputs]
    Blocks(made).evaluate([x], x.shape, 0, x.size, rows)
    return rows


def run_by_cc(made: Program, x: np.ndarray) -> Rows:
    """By the C compiler, with the platform's vector functions."""
    try:
        compiler = find_compiler()
    except NoCompilerError as error:
        missing("cc", str(error))
    rows = [np.empty_like(x) for _ in made.outputs]
    kernel_of(made, compiler).at(x, rows)
    return rows


def run_as_cuda(made: Program, x: np.ndarray) -> Rows:
    """By the CUDA kernel on the CPU, with the scalar functions of <math.h>."""
    return HostedElementwise(made)(x)


COMPILED: dict[str, Callable[[Program, np.ndarray], Rows]] = {"cc": run_by_cc, "cuda-on-host": run_as_cuda}
AT_ONCE = {"cc": 20, "cuda-on-host": 80}
"""How many programs may be one kernel. The vectoriser gives up on loops that are too long."""
