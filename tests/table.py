"""One row per public op: what to call it with, what the answer is by independent means, and how well it must agree.

The rows stand in tests/rows, one module a subject; every test that is about "each op" runs over TABLE. A public op or
function without a row fails tests/test_table.py.
"""

from __future__ import annotations

import importlib
import math
import pkgutil
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from gradcu._op import OPS
from gradcu.ops import load_all
from tests import rows

load_all()

COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}

TRIED_DTYPES = ["bool", "uint8", "int32", "int64", "float16", "mixed"]
"""The dtypes that float operands take on besides float32 and float64; "mixed" is float32 for the first, float64 for
the others."""

SPECIALS = [0.0, -0.0, 0.5, -0.5, 1.0, -1.0, 2.0, -3.0, 2.0**600, -(2.0**600), 2.0**-400, math.inf, -math.inf, math.nan]
"""Where an elementwise op may overflow, or be infinite or undefined."""


@dataclass(frozen=True)
class A:
    """An operand to make: uniform between ``low`` and ``high``, of this shape; ``avoid`` are points kept 0.1 away.

    ``kind`` is "f" for floats (the test chooses the width), "c" for complex numbers, whose imaginary parts are between
    -2 and 2 and kept away from 0, "i" for integers in [low, high), "b" for booleans; an operand that is not ``grad``
    never requires a gradient. ``unique`` makes all elements differ by at least 0.01 (for
    max and sort). Floats are multiples of a power of 2, exact in float32 and, unless far from 0, in float16, so that
    the results in these can be compared with those in float64.
    """

    shape: tuple[int, ...] = (3, 4)
    low: float = -2.0
    high: float = 2.0
    avoid: tuple[float, ...] = ()
    kind: str = "f"
    grad: bool = True
    unique: bool = False

    def make(self, rng: np.random.Generator) -> np.ndarray:
        """The values, as float64, complex128, int64 or bool."""
        if self.kind == "c":
            return replace(self, kind="f").make(rng) + 1j * A(self.shape, avoid=(0.0,)).make(rng)
        if self.kind == "b":
            return np.asarray(rng.integers(0, 2, self.shape)).astype(bool)
        if self.kind == "i":
            return np.asarray(rng.integers(int(self.low), int(self.high), self.shape))
        step = 2.0 ** (math.floor(math.log2(self.high - self.low)) - 9)
        if self.unique:
            count = math.prod(self.shape)
            values = np.linspace(self.low, self.high, count + 2)[1:-1][rng.permutation(count)].reshape(self.shape)
            return np.round(values / step) * step
        first, last = math.floor(self.low / step) + 1, math.ceil(self.high / step) - 1
        values = np.asarray(rng.integers(first, last, self.shape, endpoint=True)) * step
        for start, end in _bands(self.avoid, 0.1):
            below, above = step * (math.floor(start / step) - 1), step * (math.ceil(end / step) + 1)
            inside = (below < values) & (values < above)
            values = np.where(inside, np.where(values < (start + end) / 2, below, above), values)
        return np.asarray(values)


def _bands(points: Iterable[float], width: float) -> list[tuple[float, float]]:
    """The intervals that are within ``width`` of a point; those that overlap are one."""
    bands: list[tuple[float, float]] = []
    for point in sorted(points):
        start = bands.pop()[0] if bands and bands[-1][1] >= point - width else point - width
        bands.append((start, point + width))
    return bands


@dataclass(frozen=True)
class Sample:
    """One call: positional arguments, in which every `A` (also inside a list or tuple) becomes a Tensor."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def operands(self) -> list[A]:
        """Every `A`, in the order of the call."""
        return list(_find((self.args, self.kwargs)))

    @property
    def is_mixed(self) -> bool:
        """Whether the first of several complex operands can be real."""
        return [operand.kind for operand in self.operands][:2] == ["c", "c"]

    def filled(self, values: Iterable[Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """The arguments and keyword arguments with ``values`` in place of the operands."""
        return _replace((self.args, self.kwargs), iter(values))


def S(*args: Any, **kwargs: Any) -> Sample:
    """A Sample, shortly."""
    return Sample(args, kwargs)


def _find(value: Any) -> Iterator[A]:
    if isinstance(value, A):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _find(item)


def _replace(value: Any, values: Iterator[Any]) -> Any:
    if isinstance(value, A):
        return next(values)
    if isinstance(value, dict):
        return {key: _replace(item, values) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_replace(item, values) for item in value)
    return value


def _complex(value: Any) -> Any:
    return _replace(value, (replace(a, kind="c") if a.kind == "f" else a for a in _find(value)))


@dataclass(frozen=True)
class Row:
    """A public function and its samples.

    ``reference`` computes the same from NumPy arrays (float64) by other means than gradcu's own code: NumPy, SciPy,
    mpmath or plain loops; None where PyTorch's golden values are the only oracle. ``torch`` names PyTorch's function,
    with dots where it stands in a namespace (``special.erf``), or with a leading dot its method; it is None where
    PyTorch has none. ``order`` is the highest order that gradcheck verifies, up to 2. ``differentiable`` is False for
    ops that give integers, booleans or constants. ``ulp`` bounds the error of an elementwise op, in units of
    the last place over the interval ``domain``. ``torch_error`` is the relative error of PyTorch's own float64 values
    or derivatives, where it is more than rounding. ``why`` gives the reason for an ``ulp`` of more than 4, for a
    ``torch_error``, or for no oracle at all.
    """

    name: str
    samples: tuple[Sample, ...]
    reference: Callable[..., Any] | None = None
    torch: str | None = "same"
    order: int = 2
    differentiable: bool = True
    ulp: float = 4.0
    torch_error: float = 0.0
    why: str = ""
    domain: tuple[float, float] | None = None

    @property
    def torch_name(self) -> str | None:
        return self.name if self.torch == "same" else self.torch

    @property
    def is_elementwise(self) -> bool:
        """Whether every element of the result depends on the operands' elements at its place alone."""
        return self.domain is not None or (self.name in OPS and OPS[self.name].elementwise)

    @property
    def has_specials(self) -> bool:
        """Whether the first sample can be called with `special_values`."""
        return self.is_elementwise and any(operand.kind == "f" for operand in self.samples[0].operands)

    @property
    def of_complex_numbers(self) -> Row:
        """The same samples with complex numbers in place of floats."""
        samples = (replace(s, args=_complex(s.args), kwargs=_complex(s.kwargs)) for s in self.samples)
        return replace(self, samples=tuple(samples))

    def rng(self, sample: int = 0) -> np.random.Generator:
        """The random numbers of one of the row's samples, the same everywhere and always."""
        return np.random.default_rng([zlib.crc32(self.name.encode()), sample])

    def inputs(self, sample: int) -> list[np.ndarray]:
        """The operands of one of the row's samples."""
        rng = self.rng(sample)
        return [operand.make(rng) for operand in self.samples[sample].operands]


def cast(values: list[np.ndarray], dtype: str) -> list[np.ndarray]:
    """The operands in the dtype of a test, one of TRIED_DTYPES included; integers and booleans stay what they are.

    Complex numbers have the width of floats.
    """
    if dtype in COMPLEX_OF:
        values = [value.astype(COMPLEX_OF[dtype]) if value.dtype.kind == "c" else value for value in values]
    floats = [value.dtype.kind == "f" for value in values]
    if dtype == "mixed":
        first = floats.index(True)
        return [value.astype("float32") if number == first else value for number, value in enumerate(values)]
    convert = {"bool": lambda value: value > 0, "uint8": lambda value: np.abs(value).astype("uint8")}.get(
        dtype, lambda value: value.astype(dtype)
    )
    return [convert(value) if is_float else value for value, is_float in zip(values, floats, strict=True)]


def special_values(sample: Sample) -> list[np.ndarray]:
    """Operands for a sample of an elementwise row: every combination of SPECIALS. A third takes the first's."""
    floats = [operand for operand in sample.operands if operand.kind == "f"]
    grids = [grid.ravel() for grid in np.meshgrid(*[SPECIALS] * min(len(floats), 2))]
    values = (grids[number % 2] for number in range(len(floats)))
    size = len(grids[0]) if grids else 2
    return [next(values) if operand.kind == "f" else np.arange(size) % 2 == 0 for operand in sample.operands]


def cotangent(shape: tuple[int, ...], number: int = 0, is_complex: bool = False) -> np.ndarray:
    """A fixed cotangent: none of its elements is 0, neighbours differ, and all are exact in every float dtype."""
    count = math.prod(shape)
    values = (((7 * np.arange(count) + 3 * number) % 10 - 4.5) / 4).reshape(shape)
    return values + 1j * cotangent(shape, number + 1) if is_complex else values


def leaves(result: Any) -> list[Any]:
    """What a function returned, without the tuples and lists around it."""
    return [leaf for item in result for leaf in leaves(item)] if isinstance(result, tuple | list) else [result]


def _collect() -> dict[str, Row]:
    table: dict[str, Row] = {}
    for module in pkgutil.iter_modules(rows.__path__):
        for row in importlib.import_module(f"tests.rows.{module.name}").ROWS:
            if row.name in table:
                raise ValueError(f"op {row.name!r} has two rows")
            table[row.name] = row
    return table


TABLE: dict[str, Row] = _collect()


def complex_rows() -> list[Row]:
    """Every row whose first sample takes floats, with complex numbers in their place."""
    return [
        row.of_complex_numbers
        for _, row in sorted(TABLE.items())
        if row.torch_name is not None and any(operand.kind == "f" for operand in row.samples[0].operands)
    ]
