"""Every op by its row with complex numbers: PyTorch's results, gradients of two orders, and refusals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from tests.cases import (
    FIRST,
    FORWARD,
    SECOND,
    Case,
    array,
    assert_close,
    dtype_here,
    each,
    expected_arrays,
    first_gradients,
    plain,
    second_gradients,
    weight,
)
from tests.table import complex_rows, leaves

CASES = [Case(row, number, "complex") for row in complex_rows() for number in range(len(row.samples))]

# The 70th power is rounded so often on the way that two orders of the products differ by more than is allowed here.
CASES = [case for case in CASES if case.sample.args[1:] != (70,)]

TAKEN = [case for case in CASES if "results" in case.golden]
# PyTorch computes it, but refuses to differentiate it.
OURS = [case for case in CASES if case.row.name == "silu"]
REFUSED = [case for case in CASES if case not in TAKEN + OURS]
# Of two dtypes, a cast to a real one leaves out the imaginary parts, which NumPy and PyTorch warn of.
pytestmark = pytest.mark.filterwarnings("ignore:Casting complex values to real discards the imaginary part")


def check_results(results: Sequence[Any], expected: Sequence[Any], dtype: str) -> None:
    assert len(results) == len(expected)
    for found, wanted in zip(results, expected, strict=True):
        if isinstance(found, Tensor):
            assert found.dtype == dtype_here(wanted, dtype)
            assert_close(array(found), wanted, FORWARD)
        else:
            assert plain(found) == wanted


def check_gradients(gradients: Sequence[Any], inputs: list[Tensor], expected: list[Any], units: float) -> None:
    """Compares gradients, of which None is zeros."""
    for number, (gradient, wanted) in enumerate(zip(gradients, expected, strict=True)):
        zeros = np.zeros(inputs[number].shape)
        if gradient is not None:
            assert gradient.dtype == inputs[number].dtype
        found = zeros if gradient is None else array(gradient)
        assert_close(found, zeros if wanted is None else wanted, units, f"gradient {number}")


@each(TAKEN, "float64", "float32")
def test_results_and_gradients_are_pytorchs(case: Case, dtype: str, device: str):
    tensors = case.tensors(dtype, device)
    results = leaves(case(tensors))
    check_results(results, expected_arrays(case.golden["results"]), dtype)
    floating = [leaf for leaf in results if isinstance(leaf, Tensor) and leaf.dtype.kind in "fc"]
    if "error" in case.golden:
        assert case.golden["nodes"] == ["NotImplemented"]
        return
    assert [type(leaf.grad_fn).__name__ for leaf in floating] == case.golden["nodes"]
    first, weights = first_gradients(results, tensors, create_graph=True)
    inputs = [tensor for tensor in tensors if tensor.requires_grad]
    check_gradients(first, inputs, expected_arrays(case.golden.get("first", [])), FIRST)
    if first:
        second = second_gradients(first, weights, tensors)
        check_gradients(second, inputs + weights, expected_arrays(case.golden["second"]), SECOND)


@each([case for case in TAKEN if "mixed" in case.golden])
def test_a_real_operand_beside_complex_ones_has_a_real_gradient(case: Case, device: str):
    values = case.values
    xp = gradcu.device(device).xp
    tensors = case.wrap([xp.asarray(value) for value in (np.real(values[0]), *values[1:])])
    expected = case.golden["mixed"]
    if "results" not in expected:
        with pytest.raises((RuntimeError, TypeError)):
            case(tensors)
        return
    results = leaves(case(tensors))
    check_results(results, expected_arrays(expected["results"]), "float64")
    first, _ = first_gradients(results, tensors, create_graph=False)
    inputs = [tensor for tensor in tensors if tensor.requires_grad]
    if "error" in expected:
        # PyTorch has no gradient here, though it has one where both are complex.
        assert gradcu.autograd.gradcheck(lambda *operands: case(operands), tuple(tensors))
    else:
        check_gradients(first, inputs, expected_arrays(expected.get("first", [])), FIRST)


@each([case for case in TAKEN + OURS if case.number == 0 and case.row.differentiable and case.row.order])
def test_gradients_are_the_finite_differences(case: Case, device: str):
    tensors = case.tensors(device=device)
    inputs = tuple(tensor for tensor in tensors if tensor.requires_grad)

    def outputs(*varied: Tensor) -> tuple[Tensor, ...]:
        given = iter(varied)
        found = leaves(case([next(given) if tensor.requires_grad else tensor for tensor in tensors]))
        return tuple(leaf for leaf in found if isinstance(leaf, Tensor) and leaf.requires_grad)

    assert gradcu.autograd.gradcheck(outputs, inputs)
    if case.row.order >= 2:
        weights = [weight(leaf, number, grad=True) for number, leaf in enumerate(outputs(*inputs))]
        assert gradcu.autograd.gradgradcheck(outputs, inputs, weights)


@each(REFUSED)
def test_what_pytorch_refuses_is_refused(case: Case, device: str):
    with pytest.raises((RuntimeError, TypeError)):
        leaves(case(case.tensors(device=device)))
