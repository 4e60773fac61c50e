"""One row per public op: what to call it with, what the answer is by independent means, and how well it must agree.

The rows stand in tests/rows, one module a subject; every test that is about "each op" runs over TABLE. A public op or
function without a row fails tests/test_table.py.
"""

from __future__ import annotations

import importlib
import pkgutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests import rows


@dataclass(frozen=True)
class A:
    """An operand to make: uniform in [low, high) and of this shape; ``avoid`` are points kept 0.1 away.

    ``kind`` is "f" for floats (the test chooses the width), "i" for integers, "b" for booleans; an operand that is
    not ``grad`` never requires a gradient. ``unique`` makes all elements differ by at least 0.01 (for max and sort).
    """

    shape: tuple[int, ...] = (3, 4)
    low: float = -2.0
    high: float = 2.0
    avoid: tuple[float, ...] = ()
    kind: str = "f"
    grad: bool = True
    unique: bool = False

    def make(self, rng: np.random.Generator) -> np.ndarray:
        """The values, as float64, int64 or bool."""
        if self.kind == "b":
            return rng.integers(0, 2, self.shape).astype(bool)
        if self.kind == "i":
            return rng.integers(int(self.low), int(self.high), self.shape)
        if self.unique:
            count = int(np.prod(self.shape))
            return np.linspace(self.low, self.high, count)[rng.permutation(count)].reshape(self.shape)
        values = rng.uniform(self.low, self.high, self.shape)
        for point in self.avoid:
            near = np.abs(values - point) < 0.1
            values = np.where(near, point + np.where(values < point, -0.1, 0.1), values)
        return values


@dataclass(frozen=True)
class Sample:
    """One call: positional arguments, in which every `A` (also inside a list or tuple) becomes a Tensor."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


def S(*args: Any, **kwargs: Any) -> Sample:
    """A Sample, shortly."""
    return Sample(args, kwargs)


@dataclass(frozen=True)
class Row:
    """A public function and its samples.

    ``reference`` computes the same from NumPy arrays (float64) by other means than gradcu's own code: NumPy, SciPy,
    mpmath or plain loops; None where PyTorch's golden values are the only oracle. ``torch`` names PyTorch's function
    (or method, with a leading dot) and is None where it has none. ``ulp`` bounds the error of an elementwise op in
    float32 and float64, with ``why`` the cause of more than 4. ``order`` is the highest order that gradcheck verifies.
    ``differentiable`` is False for ops that give integers, booleans or constants. ``domain`` is the interval over which
    the accuracy of an elementwise op is measured. ``integers`` says whether integer operands are allowed.
    """

    name: str
    samples: tuple[Sample, ...]
    reference: Callable[..., Any] | None = None
    torch: str | None = "same"
    order: int = 2
    differentiable: bool = True
    integers: bool = True
    ulp: float = 4.0
    why: str = ""
    domain: tuple[float, float] | None = None

    @property
    def torch_name(self) -> str | None:
        return self.name if self.torch == "same" else self.torch

    def rng(self) -> np.random.Generator:
        """The row's own random numbers, the same everywhere and always."""
        return np.random.default_rng(zlib.crc32(self.name.encode()))


def _collect() -> dict[str, Row]:
    table: dict[str, Row] = {}
    for module in pkgutil.iter_modules(rows.__path__):
        for row in importlib.import_module(f"tests.rows.{module.name}").ROWS:
            if row.name in table:
                raise ValueError(f"op {row.name!r} has two rows")
            table[row.name] = row
    return table


TABLE: dict[str, Row] = _collect()
