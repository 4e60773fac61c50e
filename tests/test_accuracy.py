"""Every elementwise function is as accurate as its row says, in float32 and float64, on every engine, by mpmath."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import mpmath
import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu.fuse.trace import program
from tests import accuracy
from tests.accuracy import EXACT, PRECISION, ROWS, worst_error
from tests.cases import Case, array
from tests.fuse.engines import AT_ONCE, COMPILED
from tests.golden import load
from tests.table import TABLE, Row

COUNT = 300


def points(row: Row, dtype: str) -> list[np.ndarray]:
    """Operands over the row's domain: evenly spread for one, by two coprime steps for two; and close to its ends."""
    assert row.domain is not None
    low, high = row.domain
    count = len(row.samples[0].operands)
    steps = np.arange(COUNT)
    axes = [low + (high - low) * ((steps * step) % COUNT + 0.37) / COUNT for step in (1, 127)[:count]]
    near = [
        np.array([low, high, low + 1e-3 * (high - low), high - 1e-3 * (high - low)]),
        np.full(4, (low + 3 * high) / 4),
    ]
    return [np.concatenate([axis, ends]).astype(dtype) for axis, ends in zip(axes, near, strict=False)]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS])
def test_eager_is_within_the_rows_bound(row: Row, dtype: str):
    operands = points(row, dtype)
    found = array(Case(row, 0)([Tensor._wrap(operand) for operand in operands]))
    assert found.dtype == dtype
    with mpmath.workprec(PRECISION):
        exact = [
            EXACT[row.name](*map(mpmath.mpf, numbers))
            for numbers in zip(*map(np.ndarray.tolist, operands), strict=True)
        ]
    worst, where = worst_error(found, exact)
    assert worst <= row.ulp, f"{worst:.2f} units in the last place at {[operand[where] for operand in operands]}"


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("engine", COMPILED)
def test_compiled_engines_are_within_the_rows_bounds(engine: str, dtype: str):
    # The engine numpy gives eager's bits: tests/fuse/test_blocks.py.
    found = accuracy.errors(COMPILED[engine], dtype, COUNT, AT_ONCE[engine])
    wrong = {
        subject.name: f"{found[subject.name]:.2f} units, not {subject.row.ulp}"
        for subject in accuracy.SUBJECTS
        if found[subject.name] > subject.row.ulp
    }
    assert not wrong


# Between 1 and 2 and beside them lgamma changes its sign twice, so that a small error is a large one of the result.
GAMMA = ((1e-3, 0.65), (0.65, 1.2316), (1.2316, 1.7316), (1.7316, 3), (3, 8), (8, 100), (100, 1e6))


@pytest.mark.parametrize("engine", ["eager", *COMPILED])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_lgamma_is_within_two_units_everywhere_above_0(engine: str, dtype: str):
    x = np.concatenate([low + (high - low) * (np.arange(150) + 0.41) / 150 for low, high in GAMMA]).astype(dtype)
    if engine == "eager":
        found = gradcu.lgamma(Tensor._wrap(x)).numpy()
    else:
        (found,) = COMPILED[engine](program(gradcu.lgamma, np.dtype(dtype), 0), x)
    with mpmath.workprec(PRECISION):
        exact = [mpmath.loggamma(mpmath.mpf(number)) for number in x.tolist()]
    worst, where = worst_error(found, exact)
    assert worst <= 2, f"{worst:.2f} units in the last place at {x[where]!r}"


@functools.cache
def of_pytorch() -> dict[str, dict[str, float]]:
    """The largest errors of PyTorch, by dtype and the subject's name."""
    return load("accuracy")


@pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in ROWS if row.ulp > 4])
def test_more_than_four_units_have_a_cause_and_are_less_than_pytorchs(row: Row):
    assert row.why
    assert row.ulp <= min(of_pytorch()[dtype][row.name] for dtype in ("float32", "float64"))


def test_every_row_with_a_domain_has_an_exact_function():
    assert sorted(EXACT) == sorted(row.name for row in ROWS)


def test_the_tables_of_the_docs_are_of_these_functions_and_within_their_bounds(root: Path):
    text = (root / "docs" / "accuracy.md").read_text(encoding="utf-8")
    for dtype in ("float32", "float64"):
        lines = text.partition(f"## {dtype}\n")[2].partition("\n## ")[0].splitlines()
        cells = [re.split(r"\s*\|\s*", line)[1:-1] for line in lines if line.startswith("| `")]
        names = [name.strip("`") for name, *_ in cells]
        assert names == [row.name for row in ROWS]
        for name, bound, *measured in cells:
            ulp = TABLE[name.strip("`")].ulp
            assert float(bound) == ulp
            # The last is PyTorch's.
            assert all(float(units) <= ulp for units in measured[:-1]), name
