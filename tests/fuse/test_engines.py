"""Every elementwise op of the table, and its derivative, is the same on every engine: eager's.

The programs go through the engine numpy, through the C compiler, and through the CUDA kernels, which the host's
compiler builds and runs. Where eager gives NaN or infinity, so do they; numbers agree to 4 units in the last place of
the largest number on the way.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import pytest

from gradcu.fuse.program import NotInCError, Program, c_body
from gradcu.fuse.trace import program
from tests.cases import Case
from tests.fuse.agreement import TERMS, disagreement, largest_intermediate
from tests.fuse.engines import AT_ONCE, COMPILED, Rows, in_groups, run_by_numpy
from tests.fuse.hosted import merged
from tests.fuse.sampled import ELEMENTWISE, eagerly, of_one_variable, points


@functools.cache
def programs(dtype: str) -> list[tuple[str, Case, Program]]:
    """The rows' samples as functions of one variable, with the derivative."""
    return [
        (f"{case.row.name}-{case.number}", case, program(of_one_variable(case), np.dtype(dtype), 1))
        for case in ELEMENTWISE
    ]


@functools.cache
def in_c(dtype: str) -> list[tuple[Program, list[tuple[str, Case]]]]:
    """Those of one dtype throughout, each with its samples; the others run by NumPy alone."""

    def has_c(made: Program) -> bool:
        try:
            return bool(c_body(made))
        except NotInCError:
            return False

    found: dict[str, tuple[Program, list[tuple[str, Case]]]] = {}
    for name, case, made in programs(dtype):
        if has_c(made):
            found.setdefault(made.key, (made, []))[1].append((name, case))
    return list(found.values())


def numbers_below_normal(dtype: str) -> np.ndarray:
    """Denormal numbers of both signs, and the least normal ones."""
    limits = np.finfo(dtype)
    sizes = np.array([limits.smallest_subnormal, limits.smallest_normal * 0.37, limits.smallest_normal], dtype)
    return np.concatenate((sizes, -sizes))


def all_points(cases: Sequence[Case], dtype: str) -> np.ndarray:
    """The rows' own points, what is special, and denormal numbers."""
    return np.concatenate((*(points(case, dtype) for case in cases), numbers_below_normal(dtype)))


def wrong(name: str, case: Case, made: Program, x: np.ndarray, rows: Rows) -> list[str]:
    """The point of each row that is too far from eager's."""
    scale = np.maximum(largest_intermediate(made, x), TERMS.get(case.row.name, 0.0))
    found = []
    with np.errstate(over="ignore"):
        eager = eagerly(of_one_variable(case), x, 1)
    for order, (row, expected) in enumerate(zip(rows, eager, strict=True)):
        # At -0.0 either infinity is right for the slope of an even power.
        ignored = (x == 0) & np.isinf(row) & np.isinf(expected) & np.signbit(x) & (order > 0)
        units = np.where(ignored, 0, disagreement(row, expected, scale))
        if units.max() > 4:
            i = int(units.argmax())
            found.append(
                f"{name}, derivative {order}, at {x[i]!r}: {row[i]!r}, eager {expected[i]!r} ({units[i]:.3g} units)"
            )
    return found


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_op_by_numpy(dtype: str):
    assert len({case.row.name for _, case, _ in programs(dtype)}) > 70
    found = []
    for name, case, made in programs(dtype):
        x = all_points([case], dtype)
        found += wrong(name, case, made, x, run_by_numpy(made, x))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", COMPILED)
def test_every_op_compiled(engine: str, dtype: str):
    distinct = in_c(dtype)
    assert len({case.row.name for _, samples in distinct for _, case in samples}) > 70
    found = []
    for group in in_groups([made for made, _ in distinct], AT_ONCE[engine]):
        some = [distinct[number] for number in group]
        x = all_points([case for _, samples in some for _, case in samples], dtype)
        rows = COMPILED[engine](merged([made for made, _ in some]), x)
        for number, (made, samples) in enumerate(some):
            for name, case in samples:
                found += wrong(name, case, made, x, rows[2 * number : 2 * number + 2])
    assert not found, "\n".join(found)


@pytest.mark.parametrize("engine", COMPILED)
def test_denormals_stay_what_they_are(engine: str):
    half = program(lambda x: x * 0.5, np.dtype("float32"), 0)
    x = numbers_below_normal("float32")
    for run in (run_by_numpy, COMPILED[engine]):
        (found,) = run(half, x)
        np.testing.assert_array_equal(found, (x.astype("float64") * 0.5).astype("float32"))
        assert (found[[1, 2, 4, 5]] != 0).all()
