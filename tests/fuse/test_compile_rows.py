"""Every elementwise row of the op table, compiled: forward, backward and second order give eager's bits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from tests.cases import Case
from tests.fuse.sampled import ELEMENTWISE, eagerly, of_one_variable, points
from tests.fuse.test_blocks import assert_same_bits, same_bits

DTYPES = ["float32", "float64"]


def outcomes(f: Callable[..., Any], case: Case, dtype: str) -> list[np.ndarray | None]:
    """The value, its gradients, and the gradients of a product of these, for operands and cotangents of the row's."""
    tensors = case.tensors(dtype)
    value = f(tensors)
    found: list[Tensor | None] = [value]
    leaves = [tensor for tensor in tensors if tensor.requires_grad]
    if leaves and value.requires_grad:
        cotangent = (gradcu.ones_like(value) * 1.25).requires_grad_()
        first = gradcu.autograd.grad(value, leaves, cotangent, create_graph=True, allow_unused=True)
        found += first
        roots = [gradient for gradient in first if gradient is not None and gradient.requires_grad]
        if roots:
            weights = [gradcu.full_like(root, 0.5) for root in roots]
            found += gradcu.autograd.grad(roots, [*leaves, cotangent], weights, allow_unused=True)
    return [None if tensor is None else tensor.detach().numpy().copy() for tensor in found]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: f"{case.row.name}-{case.number}")
def test_numpy_gives_eagers_bits(case: Case, dtype: str):
    compiled = gradcu.compile(case, engine="numpy")
    expected = outcomes(case, case, dtype)
    # The second time everything comes from the caches.
    for _ in range(2):
        found = outcomes(compiled, case, dtype)
        assert [value is None for value in found] == [value is None for value in expected]
        for number, (value, reference) in enumerate(zip(found, expected, strict=True)):
            if value is None or reference is None:
                continue
            assert (value.dtype, value.shape) == (reference.dtype, reference.shape)
            # Behind the first order, gradients that meet at a leaf are added in another order.
            same = same_bits(value, reference) | (number > len(case.values)) & close(value, reference)
            assert same.all(), f"{number}: {value[~same]}, not {reference[~same]}"


def close(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    unit = np.spacing(np.abs(expected).max(initial=0, where=np.isfinite(expected)))
    return np.abs(found.astype("f8") - expected.astype("f8")) <= 4 * unit


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", ELEMENTWISE, ids=lambda case: f"{case.row.name}-{case.number}")
def test_kinks_nan_and_infinity_are_eagers(case: Case, dtype: str):
    f, x = of_one_variable(case), points(case, dtype)
    assert_same_bits(eagerly(gradcu.compile(f, engine="numpy"), x, 1), eagerly(f, x, 1), x)
