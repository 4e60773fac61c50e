"""A compiled function does what the function does, whatever it is made of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu._pending import Pending
from gradcu.fuse.compiling import tensors_in
from tests.fuse.compile.functions import FUNCTIONS, MATRIX, NEEDS_GRADIENTS, WEIGHT, operands


def outcome(f: Callable[..., Any], *, orders: int = 2) -> tuple[Any, list[np.ndarray | None]]:
    """What f returns, and everything that can be differentiated from it."""
    leaves = operands()
    result = f(*leaves)
    outputs = list(tensors_in(result))
    assert not any(isinstance(tensor._array, Pending) for tensor in outputs)
    values: list[Tensor | None] = list(outputs)
    wanted = [*leaves, WEIGHT, MATRIX]
    for _ in range(orders):
        outputs = [tensor for tensor in outputs if tensor is not None and tensor.requires_grad]
        if not outputs:
            break
        cotangents = [gradcu.full_like(tensor, 1.5) for tensor in outputs]
        found = gradcu.autograd.grad(outputs, wanted, cotangents, create_graph=True, allow_unused=True)
        values += found
        outputs = list(found)
    return result, [None if value is None else value.detach().cpu().numpy().copy() for value in values]


def assert_alike(found: list[np.ndarray | None], expected: list[np.ndarray | None], rtol: float = 2e-6) -> None:
    assert [value is None for value in found] == [value is None for value in expected]
    for value, reference in zip(found, expected, strict=True):
        if value is not None and reference is not None:
            assert (value.dtype, value.shape) == (reference.dtype, reference.shape)
            # The gradients that meet at a leaf are added in another order.
            np.testing.assert_allclose(value, reference, rtol=rtol, atol=1e-6)


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_and_gradients_are_the_functions(name: str, engine: str):
    f = FUNCTIONS[name]
    compiled = gradcu.compile(f, engine=engine)
    expected_result, expected = outcome(f)
    for _ in range(2):
        result, found = outcome(compiled)
        assert type(result) is type(expected_result)
        assert_alike(found, expected)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in NEEDS_GRADIENTS])
def test_without_gradients_there_is_no_graph(name: str):
    with gradcu.no_grad():
        expected, found = (f(*operands()) for f in (FUNCTIONS[name], gradcu.compile(FUNCTIONS[name])))
    for value, reference in zip(tensors_in(found), tensors_in(expected), strict=True):
        assert value.requires_grad == reference.requires_grad
        np.testing.assert_allclose(value.detach().numpy(), reference.detach().numpy(), rtol=2e-6)


@pytest.mark.parametrize("copy", ["clone", "contiguous"])
def test_a_copy_is_contiguous(copy: str):
    found = gradcu.compile(lambda x: getattr(x.t(), copy)())(MATRIX)
    assert found.is_contiguous()
    np.testing.assert_array_equal(found.detach().numpy(), MATRIX.detach().numpy().T)


def test_arguments_are_the_very_tensors():
    seen: list[Any] = []

    @gradcu.compile
    def f(x: Tensor, *rest: Any, scale: Any = None, **others: Any) -> Any:
        seen.append((x, rest, scale, others))
        return x, [rest[0]], {"z": others["z"]}

    x, y = operands()
    result = f(x, [y, 2], scale="s", z=x)
    assert seen[0][0] is x
    assert seen[0][1][0][0] is y
    assert result[0] is x
    assert result[1][0] == [y, 2]
    assert result[2]["z"] is x


shapes = st.lists(st.integers(0, 4), max_size=3)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=shapes)
def test_arguments_broadcast(data: Any, shape: list[int]):
    def made() -> np.ndarray:
        own = [data.draw(st.sampled_from([1, length])) for length in shape[data.draw(st.integers(0, len(shape))) :]]
        return np.random.default_rng(7).normal(size=own)

    arrays = [made() for _ in range(3)]

    def f(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return gradcu.sin(x) * y + gradcu.exp(x * z) * gradcu.cos(z)

    results = []
    for function in (f, gradcu.compile(f, engine="numpy")):
        leaves = [gradcu.tensor(array, requires_grad=True) for array in arrays]
        value = function(*leaves)
        cotangent = gradcu.full_like(value, 1.25)
        first = gradcu.autograd.grad(value, leaves, cotangent, create_graph=True)
        second = gradcu.autograd.grad(first, leaves, [gradcu.ones_like(g) for g in first], allow_unused=True)
        results.append([value, *first, *second])
    for found, expected in zip(results[1], results[0], strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)
