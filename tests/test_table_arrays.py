"""How every op treats arrays: their layout, their memory, their special values, and NumPy's own state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gradcu
from gradcu import Tensor
from tests.cases import (
    CASES,
    FIRST,
    FORWARD,
    Case,
    array,
    assert_close,
    each,
    first_gradients,
    golden,
    plain,
    second_gradients,
)
from tests.golden import decode
from tests.table import TABLE, A, Row, leaves, special_values

# What has no oracle, such as random numbers, differs from call to call.
REPEATABLE = [case for case in CASES if case.sample.operands and (case.row.reference or case.row.torch_name)]
# Whose operand is the condition as a function, but what is chosen as a method.
OTHER_METHODS = {"where"}
# Which asks for memory that is laid out in pairs.
OF_PAIRS = {"view_as_complex"}
# Whose result is a view in PyTorch, where it is still to be conjugated.
CONJUGATES = {"conj", "adjoint"}
# The remainder 0 has the divisor's sign in NumPy and Python, the dividend's in PyTorch; and of two zeros fmax and fmin
# may take either.
NUMPYS_ZEROS = {"remainder", "fmax", "fmin"}
# Of two zeros the larger is the one without a sign on CUDA, and the first on x86.
CUDAS_ZEROS = {"maximum", "minimum", "relu"}

ELEMENTWISE = [row for row in TABLE.values() if row.is_elementwise]


def rows(chosen: Sequence[Row]) -> Any:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.name) for row in chosen])


def outcome(case: Case, arrays: Sequence[Any], *, second: bool = False) -> list[Any]:
    """The results and the gradients for these operands, as NumPy arrays (or what is no Tensor, as it is)."""
    tensors = case.wrap(arrays)
    results = leaves(case(tensors))
    first, weights = first_gradients(results, tensors, create_graph=second)
    found = [*results, *first]
    if second and first:
        found += second_gradients(first, weights, tensors)
    return [plain(leaf) for leaf in found]


def assert_same(found: Sequence[Any], expected: Sequence[Any], units: float, what: str = "") -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        if isinstance(other, np.ndarray):
            assert one.dtype == other.dtype, what
            assert_close(one, other, units, what)
        else:
            assert one == other, what


def spread_out(xp: Any, values: Any) -> Any:
    """The same values in every second place of a larger array."""
    memory = xp.zeros(tuple(2 * length for length in values.shape), values.dtype)
    part = memory[(..., *(slice(None, None, 2),) * values.ndim)]
    part[...] = values
    return part


def reversed_memory(xp: Any, values: Any) -> Any:
    """The same values, of which the last stands first in memory."""
    back = (..., *(slice(None, None, -1),) * values.ndim)
    return xp.array(values[back], order="C")[back]


def column_major(xp: Any, values: Any) -> Any:
    return xp.array(values, order="F")


def read_only(xp: Any, values: Any) -> Any:
    copy = values.copy()
    if xp is np:
        copy.flags.writeable = False
    return copy


@pytest.mark.parametrize("layout", [spread_out, reversed_memory, column_major, read_only])
@each([case for case in REPEATABLE if case.row.name not in OF_PAIRS])
def test_the_layout_in_memory_does_not_matter(case: Case, layout: Callable[..., Any], device: str):
    xp = gradcu.device(device).xp
    arrays = case.arrays(device=device)
    arranged = [layout(xp, values) for values in arrays]
    assert_same(outcome(case, arranged), outcome(case, arrays), FORWARD)


SCALARS = [case for case in REPEATABLE if case.row.is_elementwise or any(value.ndim == 0 for value in case.values)]


@each([case for case in SCALARS if all(value.size for value in case.values)])
def test_a_numpy_scalar_is_a_zero_dim_array(case: Case):
    arrays = case.arrays("float32")
    if case.row.is_elementwise:
        arrays = [values.reshape(-1)[:1].reshape(()) for values in arrays]
    scalars = [values[()] if values.ndim == 0 else values for values in arrays]
    assert_same(outcome(case, scalars, second=True), outcome(case, arrays, second=True), FORWARD)


@each(CASES)
def test_operands_are_left_alone_and_memory_is_shared_where_pytorch_does(case: Case, device: str):
    tensors = case.tensors(device=device)
    memory = [tensor._array for tensor in tensors]
    before = [array(tensor).tobytes() for tensor in tensors]
    results = leaves(case(tensors))
    first, weights = first_gradients(results, tensors, create_graph=True)
    second_gradients(first, weights, tensors)
    assert [array(tensor).tobytes() for tensor in tensors] == before
    outputs = [leaf for leaf in results if isinstance(leaf, Tensor)]
    shared = [shares(leaf._array, memory) for leaf in outputs]
    expected = case.golden["shares"] if case.row.torch_name else [False] * len(outputs)
    if case.row.name in CONJUGATES:
        expected = [not leaf.is_complex() for leaf in outputs]
    assert shared == [wanted and leaf._array.size > 0 for wanted, leaf in zip(expected, outputs, strict=True)]


def shares(one: Any, others: Sequence[Any]) -> bool:
    """Whether an array has memory in common with any of the others; a NumPy scalar has its own, and so has a device."""
    return not isinstance(one, np.generic) and any(
        np.may_share_memory(one, other)
        if isinstance(one, np.ndarray)
        else one.size > 0 and one.data.mem.ptr == other.data.mem.ptr
        for other in others
        if type(other) is type(one)
    )


@each([case for case in CASES if case.row.differentiable])
def test_gradients_own_their_memory(case: Case, device: str):
    tensors = case.tensors(device=device)
    results = leaves(case(tensors))
    returned, weights = first_gradients(results, tensors, create_graph=False)
    outputs = [leaf for leaf in leaves(case(tensors)) if isinstance(leaf, Tensor) and leaf.requires_grad]
    if outputs:
        gradcu.autograd.backward(outputs, weights)
    stored = [tensor.grad for tensor in tensors if tensor.requires_grad]
    assert_same([plain(g) for g in stored], [plain(g) for g in returned or [None] * len(stored)], 0)
    known = [leaf._array for leaf in [*tensors, *results, *outputs, *weights] if isinstance(leaf, Tensor)]
    for gradient in [g._array for g in [*returned, *stored] if g is not None]:
        assert isinstance(gradient, np.generic) or getattr(gradient.flags, "writeable", True)
        assert not shares(gradient, known)
        known.append(gradient)


@each([case for case in CASES if case.row.differentiable])
def test_rules_on_arrays_and_on_tensors_agree_to_the_bit(case: Case, device: str):
    tensors = case.tensors(device=device)
    by_arrays, _ = first_gradients(leaves(case(tensors)), tensors, create_graph=False)
    by_tensors, _ = first_gradients(leaves(case(tensors)), tensors, create_graph=True)
    assert_same([plain(g) for g in by_arrays], [plain(g) for g in by_tensors], 0)


@each(CASES)
def test_no_floating_point_error_is_reported_and_none_switched_off(case: Case, device: str):
    with np.errstate(all="raise"):
        before = np.geterr()
        outcome(case, case.arrays("float32", device), second=True)
        assert np.geterr() == before


@rows([row for row in ELEMENTWISE if row.has_specials])
def test_special_values_are_pytorchs_in_any_thread(row: Row, device: str):
    xp = gradcu.device(device).xp
    arrays = [xp.asarray(values) for values in special_values(row.samples[0])]

    def run() -> list[Any]:
        with np.errstate(all="raise"):
            before = np.geterr()
            found = outcome(Case(row, 0), arrays, second=True)
            assert np.geterr() == before
        return found

    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(run).result()
    if row.torch_name is None:
        return
    result, *gradients = [decode(item) for item in golden(row)["specials"]]
    assert_close(found[0], result, FORWARD)
    if row.name not in (NUMPYS_ZEROS if device == "cpu" else NUMPYS_ZEROS | CUDAS_ZEROS):
        np.testing.assert_array_equal(np.signbit(found[0][result == 0]), np.signbit(result[result == 0]))
    if not row.torch_error:
        for values, expected in zip(found[1:], gradients, strict=False):
            assert_close(values, expected, FIRST)


@rows(ELEMENTWISE)
@settings(deadline=None, max_examples=20)
@given(data=st.data())
def test_operands_are_broadcast_as_numpy_does(row: Row, device: str, data: st.DataObject):
    number = max(range(len(row.samples)), key=lambda i: len(row.samples[i].operands))
    sample = row.samples[number]
    shapes = data.draw(hnp.mutually_broadcastable_shapes(num_shapes=len(sample.operands), min_side=0, max_dims=3))
    rng = row.rng(number)
    values = [
        replace(operand, shape=shape).make(rng)
        for operand, shape in zip(sample.operands, shapes.input_shapes, strict=True)
    ]
    xp = gradcu.device(device).xp
    case = Case(row, number)
    wide = [np.array(np.broadcast_to(value, shapes.result_shape)) for value in values]
    found = outcome(case, [xp.asarray(value) for value in values])
    expected = outcome(case, [xp.asarray(value) for value in wide])
    assert found[0].shape == shapes.result_shape
    if row.reference is not None:
        args, kwargs = sample.filled(values)
        assert_close(found[0], np.asarray(row.reference(*args, **kwargs)), FORWARD)
    assert_same(found[:1], expected[:1], FORWARD)
    narrow = [v for v, operand in zip(values, sample.operands, strict=True) if operand.grad and operand.kind == "f"]
    for gradient, wanted, value in zip(found[1:], expected[1:], narrow, strict=False):
        assert_close(gradient, summed_to(wanted, value.shape), FIRST)


@rows([row for row in ELEMENTWISE if row.reference is not None and row.domain is not None])
def test_errors_in_float32_are_within_the_rows_bound(row: Row, device: str):
    assert row.domain is not None
    assert row.reference is not None
    sample = row.samples[0]
    points = row.rng().uniform(*row.domain, (len(sample.operands), 4096)).astype("float32")
    xp = gradcu.device(device).xp
    found = array(Case(row, 0)([Tensor._wrap(xp.asarray(values)) for values in points]))
    args, kwargs = sample.filled(points.astype("float64"))
    with np.errstate(all="ignore"):
        expected = np.asarray(row.reference(*args, **kwargs))
        errors = np.abs(found - expected) / np.spacing(np.abs(expected.astype("float32"))).astype("float64")
    worst = int(np.argmax(errors))
    assert errors[worst] <= row.ulp, f"{errors[worst]:.1f} units in the last place at {points[:, worst]}"


def summed_to(gradient: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """The sum over what was broadcast from ``shape``."""
    lead = gradient.ndim - len(shape)
    gradient = gradient.sum(axis=tuple(range(lead)))
    stretched = tuple(i for i, length in enumerate(shape) if length == 1 and gradient.shape[i] != 1)
    return gradient.sum(axis=stretched, keepdims=True)


@rows([row for row in TABLE.values() if row.torch_name is not None])
def test_what_is_a_method_in_pytorch_is_one_here(row: Row):
    assert not golden(row)["method"] or hasattr(Tensor, row.name)


METHODS = [
    case for case in REPEATABLE if callable(getattr(Tensor, case.row.name, None)) and isinstance(case.sample.args[0], A)
]


@each([case for case in METHODS if case.row.name not in OTHER_METHODS])
def test_methods_are_the_functions(case: Case, device: str):
    tensors = case.tensors(device=device)
    (first, *args), kwargs = case.sample.filled(tensors)
    found = [plain(leaf) for leaf in leaves(getattr(first, case.row.name)(*args, **kwargs))]
    assert_same(found, [plain(leaf) for leaf in leaves(case(tensors))], 0)
