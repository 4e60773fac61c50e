"""Running the rows of tests/table.py on gradcu: what tests/test_table.py and tests/test_table_arrays.py share."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._op import FUNCTIONS, METHODS, OPS
from tests.golden import decode, load
from tests.table import COMPLEX_OF, TABLE, Row, Sample, cast, cotangent


@functools.cache
def _golden(topic: str) -> dict[str, Any]:
    return load(topic)


def golden(row: Row, topic: str = "ops") -> dict[str, Any]:
    """What PyTorch gives for a row, still encoded, since no test needs all of it."""
    if row.name not in _golden(topic):
        raise LookupError(f"no golden data for row {row.name!r}: run `python -m tests.golden.make {topic}`")
    return _golden(topic)[row.name]


@dataclass(frozen=True)
class Case:
    """One sample of a row."""

    row: Row
    number: int
    topic: str = "ops"

    @property
    def sample(self) -> Sample:
        return self.row.samples[self.number]

    @property
    def golden(self) -> dict[str, Any]:
        """What PyTorch gives for this sample."""
        return golden(self.row, self.topic)["samples"][self.number]

    @property
    def values(self) -> list[np.ndarray]:
        return self.row.inputs(self.number)

    @property
    def has_gradients(self) -> bool:
        """Whether some operand can require a gradient."""
        return any(operand.grad and operand.kind in "fc" for operand in self.sample.operands)

    def arrays(self, dtype: str = "float64", device: str = "cpu") -> list[Any]:
        """The operands as arrays of the device."""
        xp = gradcu.device(device).xp
        return [xp.asarray(value) for value in cast(self.values, dtype)]

    def tensors(self, dtype: str = "float64", device: str = "cpu", *, grad: bool = True) -> list[Tensor]:
        return self.wrap(self.arrays(dtype, device), grad=grad)

    def wrap(self, arrays: Sequence[Any], *, grad: bool = True) -> list[Tensor]:
        """Tensors that hold these very arrays and require gradients where the sample says so."""
        tensors = [Tensor._wrap(array) for array in arrays]
        for tensor, operand in zip(tensors, self.sample.operands, strict=True):
            tensor.requires_grad = grad and operand.grad and tensor.dtype.kind in "fc"
        return tensors

    def __call__(self, tensors: Sequence[Tensor]) -> Any:
        """What the row's function returns for these operands."""
        args, kwargs = self.sample.filled(tensors)
        return function(self.row.name)(*args, **kwargs)


def each(cases: Iterable[Case], *dtypes: str) -> Any:
    """Parametrises over cases, and dtypes where given, with ids such as ``sin-float32-0``."""
    if not dtypes:
        return pytest.mark.parametrize("case", [pytest.param(c, id=f"{c.row.name}-{c.number}") for c in cases])
    return pytest.mark.parametrize(
        ("case", "dtype"),
        [pytest.param(c, dtype, id=f"{c.row.name}-{dtype}-{c.number}") for c in cases for dtype in dtypes],
    )


CASES = [Case(row, number) for row in TABLE.values() for number in range(len(row.samples))]


def function(name: str) -> Any:
    """The public function of this name; else the method; else the op as rules call it."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    return METHODS[name] if name in METHODS else OPS[name].call


def array(tensor: Tensor) -> np.ndarray:
    """The elements on the CPU, also of what requires grad."""
    found = tensor._array
    return np.asarray(found) if isinstance(found, np.ndarray | np.generic) else found.get()


def plain(leaf: Any) -> Any:
    """A result as golden data has it."""
    if isinstance(leaf, Tensor):
        return array(leaf)
    return str(leaf).removeprefix("gradcu.") if isinstance(leaf, np.dtype | gradcu.device) else leaf


def first_gradients(
    results: Sequence[Any], tensors: Sequence[Tensor], *, create_graph: bool
) -> tuple[Sequence[Any], list[Tensor]]:
    """The gradients of the results, weighted by fixed cotangents, and the cotangents; both empty where none flow."""
    outputs = [leaf for leaf in results if isinstance(leaf, Tensor) and leaf.requires_grad]
    inputs = [tensor for tensor in tensors if tensor.requires_grad]
    if not outputs or not inputs:
        return [], []
    weights = [weight(out, number, grad=create_graph) for number, out in enumerate(outputs)]
    return gradcu.autograd.grad(outputs, inputs, weights, create_graph=create_graph, allow_unused=True), weights


def second_gradients(first: Sequence[Any], weights: list[Tensor], tensors: Sequence[Tensor]) -> tuple[Any, ...]:
    """The gradients of weighted first gradients with respect to the operands and the first cotangents."""
    wanted = [tensor for tensor in tensors if tensor.requires_grad] + weights
    recorded = {i: gradient for i, gradient in enumerate(first) if gradient is not None and gradient.requires_grad}
    if not recorded:
        return (None,) * len(wanted)
    seconds = [weight(gradient, i + 5, grad=False) for i, gradient in recorded.items()]
    return gradcu.autograd.grad(list(recorded.values()), wanted, seconds, create_graph=True, allow_unused=True)


def weight(tensor: Tensor, number: int, *, grad: bool) -> Tensor:
    """The fixed cotangent of a Tensor."""
    xp = tensor.device.xp
    # A copy, which owns its memory, may be handed on as a gradient; the walker must find that it is somebody's.
    made = Tensor._wrap(xp.array(cotangent(tensor.shape, number, tensor.is_complex()), dtype=tensor.dtype))
    made.requires_grad = grad
    return made


# Rounding errors allowed, in units of the last place: a few for a sum of some dozen terms in another order than
# PyTorch's; a derivative is a formula of several such results, and its derivative one of many.
FORWARD, FIRST, SECOND = 8, 32, 128


def assert_close(actual: np.ndarray, expected: np.ndarray, units: float, what: str = "", error: float = 0.0) -> None:
    """Compares with values that are known in float64, or to within a relative ``error``.

    What is allowed is ``units`` of the last place, of each value and of the largest, the latter for what cancels in a
    sum. The dtype is the actual one's, so it must have been checked; integers and booleans have to be equal.
    """
    assert actual.shape == expected.shape, f"{what}: shape {actual.shape}, not {expected.shape}"
    if actual.dtype.kind not in "fc":
        np.testing.assert_array_equal(actual, expected, what)
        return
    with np.errstate(over="ignore"):
        rounded = expected.astype(actual.dtype)
    scale = np.abs(rounded[np.isfinite(rounded)]).max(initial=np.finfo(actual.dtype).tiny)
    tolerance = max(units * float(np.finfo(actual.dtype).eps), error)
    np.testing.assert_allclose(actual, rounded, rtol=tolerance, atol=tolerance * float(scale), err_msg=what)


def dtype_here(values: np.ndarray, dtype: str) -> Any:
    """The dtype that golden values, of float64 operands, have where these are of ``dtype``."""
    return {np.float64: dtype, np.complex128: COMPLEX_OF.get(dtype)}.get(values.dtype.type, values.dtype)


def expected_arrays(encoded: Sequence[Any]) -> list[Any]:
    return [decode(item) for item in encoded]
