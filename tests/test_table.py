"""Every op by its row: complete, right in value and gradient to the second order, with PyTorch's dtypes and names."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu import Tensor
from gradcu._graph import Node
from gradcu._op import FUNCTIONS, METHODS, OPS
from tests.cases import (
    CASES,
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
    function,
    plain,
    second_gradients,
    weight,
)
from tests.golden import encode
from tests.table import TABLE, TRIED_DTYPES, leaves

FLOATS = ["float64", "float32"]

GOLDEN = [case for case in CASES if case.row.torch_name is not None]
REFERENCED = [case for case in CASES if case.row.reference is not None]
DIFFERENTIABLE = [case for case in CASES if case.row.differentiable]


def test_every_function_and_op_has_a_row():
    bodies = {id(function(name)) for name in TABLE}
    public = {name: METHODS[name] for name in OPS if name in METHODS} | FUNCTIONS
    missing = [name for name, body in public.items() if id(body) not in bodies]
    assert missing == []


def test_every_row_names_a_function_a_method_or_an_op():
    unknown = [name for name in TABLE if name not in FUNCTIONS and name not in METHODS and name not in OPS]
    assert unknown == []


def test_what_a_row_leaves_unchecked_has_a_reason():
    lenient = [row for row in TABLE.values() if row.ulp > 4 or row.torch_error or not (row.torch_name or row.reference)]
    assert [row.name for row in lenient if not row.why] == []


def test_rows_differentiate_every_rule():
    """Whatever a rule uses is an op whose own rule the second order runs; so each is in some first order's graph."""
    run: dict[str, set[str]] = {}
    for case in DIFFERENTIABLE:
        tensors = case.tensors()
        results = leaves(case(tensors))
        first, _ = first_gradients(results, tensors, create_graph=True)
        for node in nodes_behind([*results, *first]):
            names = node.plan.op.operands if not node.plan.op.variadic else node.plan.op.operands * len(node.edges)
            run.setdefault(node.plan.op.name, set()).update(names[i] for i in node.plan.wanted)
    missing = {op.name: sorted(set(op.names_of_rules()) - run.get(op.name, set())) for op in OPS.values()}
    assert {name: operands for name, operands in missing.items() if operands} == {}


def nodes_behind(results: list[Any]) -> set[Node]:
    """Every node of the graphs that made the results."""
    stack = [leaf.grad_fn for leaf in results if isinstance(leaf, Tensor)]
    found: set[Node] = set()
    while stack:
        node = stack.pop()
        if isinstance(node, Node) and node not in found:
            found.add(node)
            stack.extend(edge[0] if isinstance(edge, tuple) else edge for edge in node.edges)
    return found


@each([case for case in CASES if case.sample.operands])
def test_operands_are_as_the_row_says(case: Case):
    for operand, values in zip(case.sample.operands, case.values, strict=True):
        assert values.shape == operand.shape
        if operand.kind == "f":
            assert values.size == 0 or (operand.low <= values.min() and values.max() <= operand.high)
            assert all(np.abs(values - point).min(initial=1.0) >= 0.1 for point in operand.avoid)
            assert not operand.unique or np.diff(np.sort(values, axis=None)).min(initial=1.0) >= 0.01
            np.testing.assert_array_equal(values.astype("float32"), values)


@each(GOLDEN)
def test_golden_data_has_the_rows_inputs(case: Case):
    assert case.golden["inputs"] == encode(case.values)


@each(GOLDEN, *FLOATS)
def test_results_are_pytorchs(case: Case, dtype: str, device: str):
    result = case(case.tensors(dtype, device))
    kind = case.golden["kind"]
    if " " in kind:
        assert result._fields == tuple(kind.split())
    else:
        assert type(result).__name__ == kind
    check_results(case, leaves(result), expected_arrays(case.golden["results"]), dtype)


@each(REFERENCED, *FLOATS)
def test_results_are_the_references(case: Case, dtype: str, device: str):
    args, kwargs = case.sample.filled(case.values)
    reference = case.row.reference
    assert reference is not None
    expected = leaves(reference(*args, **kwargs))
    results = leaves(case(case.tensors(dtype, device)))
    assert len(results) == len(expected)
    for found, wanted in zip(results, expected, strict=True):
        if isinstance(found, Tensor):
            assert_close(array(found), np.asarray(wanted), FORWARD * max(1.0, case.row.ulp / 4))
        else:
            assert plain(found) == wanted


def check_results(case: Case, results: list[Any], expected: list[Any], dtype: str) -> None:
    """Compares values, shapes and dtypes; those of float64 in ``expected`` are of the operands' dtype here."""
    assert len(results) == len(expected)
    for found, wanted in zip(results, expected, strict=True):
        if not isinstance(wanted, np.ndarray):
            assert plain(found) == wanted
            continue
        assert found.dtype == dtype_here(wanted, dtype)
        assert_close(array(found), wanted, FORWARD, error=case.row.torch_error)


@each(GOLDEN, *FLOATS)
def test_gradients_are_pytorchs(case: Case, dtype: str, device: str):
    tensors = case.tensors(dtype, device)
    results = leaves(case(tensors))
    floating = [leaf for leaf in results if isinstance(leaf, Tensor) and leaf.dtype.kind in "fc"]
    if "error" in case.golden:
        assert case.golden["nodes"] == ["NotImplemented"]
        return
    assert [type(leaf.grad_fn).__name__ for leaf in floating] == case.golden["nodes"]
    first, weights = first_gradients(results, tensors, create_graph=True)
    inputs = [tensor for tensor in tensors if tensor.requires_grad]
    expected = expected_arrays(case.golden.get("first", []))
    assert [gradient is None for gradient in first] == [wanted is None for wanted in expected]
    check_gradients(case, first, inputs, expected, FIRST, "first order")
    if "second" in case.golden:
        second = second_gradients(first, weights, tensors)
        check_gradients(case, second, inputs + weights, expected_arrays(case.golden["second"]), SECOND, "second order")


def check_gradients(
    case: Case, gradients: Sequence[Any], inputs: list[Tensor], expected: list[Any], units: float, order: str
) -> None:
    """Compares gradients, of which None is zeros: whether a zero is known to be one depends on a formula's form."""
    for number, (gradient, wanted) in enumerate(zip(gradients, expected, strict=True)):
        if gradient is not None:
            assert gradient.dtype == inputs[number].dtype
        zeros = np.zeros(inputs[number].shape)
        found = zeros if gradient is None else array(gradient)
        what = f"gradient {number}, {order}"
        assert_close(found, zeros if wanted is None else wanted, units, what, case.row.torch_error)


@each([case for case in DIFFERENTIABLE if case.row.order and case.has_gradients])
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


@each([case for case in GOLDEN if any(value.dtype.kind == "f" for value in case.values)], *TRIED_DTYPES)
def test_dtypes_are_pytorchs(case: Case, dtype: str, device: str):
    expected = case.golden["dtypes"][dtype]
    tensors = case.tensors(dtype, device)
    if expected == "unsupported":
        # PyTorch has no kernel; gradcu may have one, or refuse likewise.
        with suppress(RuntimeError, TypeError):
            case(tensors)
        return
    if expected == "complex32":
        # NumPy has no such dtype.
        expected = "RuntimeError"
    if expected.endswith("Error"):
        with pytest.raises(getattr(builtins, expected)):
            case(tensors)
        return
    results = leaves(case(tensors))
    assert " ".join(leaf.dtype.name for leaf in results if isinstance(leaf, Tensor)) == expected
    first, _ = first_gradients(results, tensors, create_graph=False)
    inputs = [tensor for tensor in tensors if tensor.requires_grad]
    for gradient, source in zip(first, inputs, strict=bool(first)):
        assert gradient is None or gradient.dtype == source.dtype
    if dtype == "float16" and all(map(np.array_equal, case.arrays(dtype), case.values)):
        check_results(case, results, expected_arrays(case.golden["results"]), dtype)
    if dtype == "int64":
        check_results(case, results, expected_arrays(case.golden["integers"]), "float64")


@pytest.mark.parametrize(
    ("function", "usage"),
    [
        (gradcu.sum, "sum(input, dim=None, keepdim=False, dtype=None)"),
        (gradcu.Tensor.expand, "expand(input, *size)"),
        (gradcu.cat, "cat(tensors, dim=0)"),
        (gradcu.gelu, "gelu(input, approximate='none')"),
        (gradcu.isclose, "isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False)"),
    ],
)
def test_help_says_how_an_op_is_called(function: Any, usage: str):
    # Its signature, which takes anything and binds it, does not.
    lines = (inspect.getdoc(function) or "").split("\n")
    assert lines[:2] == [usage, ""]
    assert lines[2].startswith(("The ", "Where ", "``input``"))
    assert not any(line.startswith(" ") and line.strip().startswith(">>>") for line in lines)
