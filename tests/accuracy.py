"""Exact values of the elementwise functions, and how far an engine's are from them, in units of the last place."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import mpmath
import numpy as np

from gradcu import Tensor
from gradcu.fuse.program import Program
from gradcu.fuse.trace import program
from tests.cases import function
from tests.fuse.engines import in_groups
from tests.fuse.hosted import merged
from tests.table import TABLE, Row

PRECISION = 160
"""Bits of the exact values, before they are rounded."""

# A row with a domain is compared with PyTorch at special values too, where PyTorch's polygamma is wrong.
ROWS = [row for row in TABLE.values() if row.domain is not None] + [replace(TABLE["polygamma"], domain=(0.01, 50.0))]

EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda x: -x,
    "reciprocal": lambda x: 1 / x,
    "floor_divide": lambda a, b: mpmath.floor(a / b),
    "remainder": lambda a, b: a - b * mpmath.floor(a / b),
    "fmod": lambda a, b: a - b * (mpmath.floor(a / b) if a * b >= 0 else mpmath.ceil(a / b)),
    "pow": lambda a, b: a**b,
    "square": lambda x: x * x,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.mpf(2) ** x,
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": mpmath.log10,
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "rsqrt": lambda x: 1 / mpmath.sqrt(x),
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "asinh": mpmath.asinh,
    "acosh": mpmath.acosh,
    "atanh": mpmath.atanh,
    "atan2": mpmath.atan2,
    "hypot": mpmath.hypot,
    "erf": mpmath.erf,
    "erfc": mpmath.erfc,
    "lgamma": mpmath.loggamma,
    "digamma": mpmath.digamma,
    "polygamma": lambda x: mpmath.psi(1, x),
    "logaddexp": lambda a, b: mpmath.log(mpmath.exp(a) + mpmath.exp(b)),
    "sinc": mpmath.sincpi,
    "relu": lambda x: max(x, 0),
    "leaky_relu": lambda x: x if x > 0 else x / 100,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)) if x <= 20 else x,
    "silu": lambda x: x / (1 + mpmath.exp(-x)),
    "gelu": lambda x: x * mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "maximum": max,
    "minimum": min,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "trunc": lambda x: mpmath.floor(x) if x >= 0 else mpmath.ceil(x),
    "round": mpmath.nint,
    "frac": lambda x: x - (mpmath.floor(x) if x >= 0 else mpmath.ceil(x)),
    "sign": mpmath.sign,
    "abs": abs,
}

CONSTANTS = (0.75, 2.0, 13.375)
"""What stands beside the variable of a function of two; each row's domain has one of them at least."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A function of one variable on a row's domain: the row's own, or with a number for one of its two operands."""

    row: Row
    number: float | None = None
    is_first: bool = False

    @property
    def name(self) -> str:
        """Its name, and where the number stands."""
        if self.number is None:
            return self.row.name
        return f"{self.row.name}({self.number}, x)" if self.is_first else f"{self.row.name}(x, {self.number})"

    def __call__(self, x: Tensor) -> Tensor:
        """What gradcu computes."""
        operands = self.operands(x, lambda number: Tensor._wrap(np.asarray(number, x.dtype)))
        args, kwargs = self.row.samples[0].filled(operands)
        return function(self.row.name)(*args, **kwargs)

    def exact(self, x: Any) -> Any:
        """What mpmath computes."""
        return EXACT[self.row.name](*self.operands(x, mpmath.mpf))

    def program(self, dtype: str) -> Program:
        """What a fused engine runs."""
        return program(self, np.dtype(dtype), 0)

    def operands(self, x: Any, constant: Callable[[float], Any]) -> list[Any]:
        """The variable, with the number beside it as ``constant`` makes it."""
        if self.number is None:
            return [x]
        number = constant(self.number)
        return [number, x] if self.is_first else [x, number]


def _subjects(row: Row) -> list[Subject]:
    assert row.domain is not None
    if len(row.samples[0].operands) == 1:
        return [Subject(row)]
    numbers = [number for number in CONSTANTS if row.domain[0] <= number <= row.domain[1]]
    return [Subject(row, number, is_first) for number in numbers for is_first in (False, True)]


SUBJECTS = [subject for row in ROWS for subject in _subjects(row)]


@functools.cache
def points(subject: Subject, dtype: str, count: int) -> np.ndarray:
    """So many points evenly over the row's domain, its ends and what is close to them."""
    assert subject.row.domain is not None
    low, high = subject.row.domain
    even = low + (high - low) * (np.arange(count) + 0.37) / count
    return np.concatenate((even, [low, high, low + 1e-3 * (high - low), high - 1e-3 * (high - low)])).astype(dtype)


@functools.cache
def exact_values(subject: Subject, dtype: str, count: int) -> list[Any]:
    """The exact values there."""
    with mpmath.workprec(PRECISION):
        return [subject.exact(mpmath.mpf(x)) for x in points(subject, dtype, count).tolist()]


def worst_error(found: np.ndarray, expected: Sequence[Any]) -> tuple[float, int]:
    """The largest error, and where it is."""
    with mpmath.workprec(PRECISION):
        errors = [units_between(*pair, found.dtype.name) for pair in zip(found.tolist(), expected, strict=True)]
    worst = int(np.argmax(errors))
    return errors[worst], worst


def units_between(value: float, expected: Any, dtype: str) -> float:
    """How many units in the last place of the exact number, rounded, ``value`` is off."""
    rounded = np.dtype(dtype).type(float(expected))
    if math.isinf(rounded) or math.isinf(value):
        return 0.0 if value == rounded else math.inf
    unit = mpmath.mpf(float(np.spacing(abs(rounded))))
    return float(abs(mpmath.mpf(value) - expected) / unit)


def errors(
    run: Callable[[Program, np.ndarray], list[np.ndarray]], dtype: str, count: int, at_once: int
) -> dict[str, float]:
    """The largest error of each subject, by its name, where ``run`` computes the rows of a program."""
    found = {}
    programs = [subject.program(dtype) for subject in SUBJECTS]
    for group in in_groups(programs, at_once):
        x = [points(SUBJECTS[number], dtype, count) for number in group]
        rows = run(merged([programs[number] for number in group]), np.concatenate(x))
        ends = np.cumsum([own.size for own in x])
        for number, row, own, end in zip(group, rows, x, ends, strict=True):
            subject = SUBJECTS[number]
            found[subject.name] = worst_error(row[end - own.size : end], exact_values(subject, dtype, count))[0]
    return found


def eager_errors(dtype: str, count: int) -> dict[str, float]:
    """The same of the ops as they are called."""
    return {
        subject.name: worst_error(
            subject(Tensor._wrap(points(subject, dtype, count))).numpy(), exact_values(subject, dtype, count)
        )[0]
        for subject in SUBJECTS
    }
