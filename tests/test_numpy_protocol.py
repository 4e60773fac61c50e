"""NumPy's functions called on Tensors record with NumPy's meaning, or raise: a graph is never lost in silence."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu

A = np.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4]])
POSITIVE = np.abs(A) + 0.5
SQUARE = np.array([[2.0, 0.5], [0.3, 1.5]])

CALLS: dict[str, tuple[Callable[..., Any], tuple[np.ndarray, ...]]] = {
    "sin": (np.sin, (A,)),
    "add": (np.add, (A, A)),
    "multiply": (np.multiply, (A, A)),
    "divide": (np.divide, (A, POSITIVE)),
    "power": (lambda x: np.power(x, 3), (A,)),
    "absolute": (np.absolute, (A,)),
    "log1p": (np.log1p, (POSITIVE,)),
    "arctan2": (np.arctan2, (A, POSITIVE)),
    "maximum": (np.maximum, (A, A[::-1].copy())),
    "matmul": (np.matmul, (A, A.T.copy())),
    "positive": (np.positive, (A,)),
    "square": (np.square, (A,)),
    "sign": (np.sign, (A,)),
    "floor": (np.floor, (A + 0.05,)),
    "ceil": (np.ceil, (A + 0.05,)),
    "trunc": (np.trunc, (A + 0.05,)),
    "sum": (np.sum, (A,)),
    "sum over an axis": (lambda x: np.sum(x, axis=1), (A,)),
    "sum over axes, kept": (lambda x: np.sum(x, axis=(0, 1), keepdims=True), (A,)),
    "add.reduce": (lambda x: np.add.reduce(x, axis=1), (A,)),
    "multiply.outer": (np.multiply.outer, (A[0], A[1])),
    "mean": (lambda x: np.mean(x, axis=0), (A,)),
    "prod": (np.prod, (A,)),
    "prod over an axis": (lambda x: np.prod(x, axis=1, keepdims=True), (A,)),
    "std": (np.std, (A,)),
    "std over an axis": (lambda x: np.std(x, axis=1), (A,)),
    "var with ddof": (lambda x: np.var(x, axis=0, ddof=1), (A,)),
    "max": (np.max, (A,)),
    "min over an axis": (lambda x: np.min(x, axis=1), (A,)),
    "cumsum": (np.cumsum, (A,)),
    "cumsum over an axis": (lambda x: np.cumsum(x, axis=1), (A,)),
    "cumprod": (lambda x: np.cumprod(x, axis=1), (A,)),
    "where": (lambda x: np.where(A > 0, x, 0.5 * x), (A,)),
    "clip": (lambda x: np.clip(x, -0.5, 1.0), (A,)),
    "concatenate": (lambda x, y: np.concatenate([x, y], axis=1), (A, A)),
    "concatenate with an array": (lambda x: np.concatenate([x, A]), (A,)),
    "stack": (lambda x, y: np.stack([x, y], axis=-1), (A, A)),
    "transpose": (np.transpose, (A,)),
    "transpose by axes": (lambda x: np.transpose(x, (1, 0)), (A,)),
    "dot": (np.dot, (A, A.T.copy())),
    "dot of vectors": (np.dot, (A[0], A[1])),
    "inner": (np.inner, (A[0], A[1])),
    "inner of matrices": (np.inner, (A, A)),
    "kron": (np.kron, (SQUARE, A)),
    "tensordot": (lambda x, y: np.tensordot(x, y, axes=([1], [0])), (A, A.T.copy())),
    "cross": (np.cross, (A, A[::-1].copy())),
    "trace": (np.trace, (SQUARE,)),
    "trace beside the diagonal": (lambda x: np.trace(x, 1), (A,)),
    "diff": (lambda x: np.diff(x, axis=0), (A,)),
    "diff from a number on": (lambda x: np.diff(x, prepend=0.5), (A,)),
    "trapezoid": (lambda x: np.trapezoid(x, dx=0.5), (A,)),
    "trapezoid at points": (lambda x, y: np.trapezoid(x, y), (A, POSITIVE)),
    "sort": (lambda x: np.sort(x, axis=0), (A,)),
    "sort of all": (lambda x: np.sort(x, axis=None), (A,)),
    "rot90": (np.rot90, (A,)),
    "fliplr": (np.fliplr, (A,)),
    "hstack": (lambda x: np.hstack([x, A]), (A,)),
    "vstack": (lambda x: np.vstack([A, x]), (A,)),
    "column_stack": (lambda x: np.column_stack([x, x]), (A[0],)),
    "atleast_2d": (np.atleast_2d, (A[0],)),
    "nansum": (lambda x: np.nansum(x, axis=1), (A,)),
    "nanmean": (np.nanmean, (A,)),
    "nan_to_num": (np.nan_to_num, (A,)),
    "copysign": (lambda x: np.copysign(x, -1.0), (A,)),
    "fmax": (np.fmax, (A, A[::-1].copy())),
    "deg2rad": (np.deg2rad, (A,)),
    "logaddexp2": (np.logaddexp2, (A, A[::-1].copy())),
    "vdot": (np.vdot, (A, A)),
    "outer": (np.outer, (A[0], A[1])),
    "einsum": (lambda x, y: np.einsum("ij,jk->ik", x, y), (A, A.T.copy())),
    "linalg.norm": (np.linalg.norm, (A[0],)),
    "linalg.norm of a matrix": (np.linalg.norm, (A,)),
    "linalg.norm over an axis": (lambda x: np.linalg.norm(x, axis=1), (A,)),
    "linalg.norm of order 1": (lambda x: np.linalg.norm(x, 1), (A[0],)),
    "reshape": (lambda x: np.reshape(x, (3, 2)), (A,)),
    "ravel": (np.ravel, (A,)),
    "squeeze": (lambda x: np.squeeze(np.expand_dims(x, 1)), (A,)),
    "broadcast_to": (lambda x: np.broadcast_to(x, (4, 2, 3)), (A,)),
    "moveaxis": (lambda x: np.moveaxis(x, 0, 1), (A,)),
    "swapaxes": (lambda x: np.swapaxes(x, 0, 1), (A,)),
    "flip": (np.flip, (A,)),
    "roll": (lambda x: np.roll(x, 1), (A,)),
    "roll over an axis": (lambda x: np.roll(x, 1, axis=1), (A,)),
    "tile": (lambda x: np.tile(x, 2), (A,)),
    "repeat": (lambda x: np.repeat(x, 2), (A,)),
    "repeat along an axis": (lambda x: np.repeat(x, 2, 1), (A,)),
    "diagonal": (lambda x: np.diagonal(x, 1), (SQUARE,)),
    "tril": (np.tril, (SQUARE,)),
    "diag": (lambda x: np.diag(x, 1), (SQUARE,)),
    "sinc": (np.sinc, (A,)),
    "copy": (np.copy, (A,)),
    "array + tensor": (lambda x: A + x, (A,)),
    "array @ tensor": (lambda x: SQUARE @ x, (A,)),
    "scalar * tensor": (lambda x: np.float64(2.5) * x, (A,)),
    "array ** tensor": (lambda x: POSITIVE**x, (A,)),
}


@pytest.mark.parametrize("name", CALLS)
def test_value_and_graph(name: str) -> None:
    """The value is NumPy's on the same arrays; the derivative along a direction agrees with a central difference."""
    function, arrays = CALLS[name]
    tensors = [gradcu.tensor(array, requires_grad=True) for array in arrays]
    result = function(*tensors)
    assert isinstance(result, gradcu.Tensor)
    expected = function(*arrays)
    assert result.shape == np.shape(expected)
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-13, atol=1e-14)

    cotangent = np.cos(np.arange(result.numel())).reshape(result.shape)
    gradients = gradcu.autograd.grad(result, tensors, gradcu.tensor(cotangent))
    step = 1e-6
    directions = [np.sin(1 + np.arange(array.size)).reshape(array.shape) for array in arrays]
    ahead = function(*(array + step * d for array, d in zip(arrays, directions, strict=True)))
    behind = function(*(array - step * d for array, d in zip(arrays, directions, strict=True)))
    slope = np.sum(cotangent * (ahead - behind)) / (2 * step)
    along = sum(np.sum(g.numpy() * d) for g, d in zip(gradients, directions, strict=True))
    np.testing.assert_allclose(along, slope, rtol=1e-7, atol=1e-8)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("numpy.fft.fft", np.fft.fft),
        ("numpy.linalg.inv", np.linalg.inv),
        ("numpy.unwrap", np.unwrap),
        ("numpy.add.accumulate", np.add.accumulate),
        ("numpy.sin with where", lambda x: np.sin(x, where=np.ones((2, 2), bool))),
        ("numpy.spacing", np.spacing),
    ],
)
def test_what_cannot_be_recorded_raises_naming_itself(name: str, call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=name.replace(".", r"\.")) as error:
        call(gradcu.tensor(SQUARE, requires_grad=True))
    assert "x.detach().numpy()" in str(error.value)


def test_integer_and_boolean_answers() -> None:
    x = gradcu.tensor(A, requires_grad=True)
    assert np.argmax(x).item() == np.argmax(A)
    assert np.argmin(x, axis=1).tolist() == np.argmin(A, axis=1).tolist()
    finite: Any = np.isfinite(x)
    assert finite.tolist() == np.isfinite(A).tolist()
    greater: Any = np.greater(A, x)
    assert isinstance(greater, gradcu.Tensor)
    assert not greater.any()
    assert np.any(x > 1).item() is True
    assert np.allclose(x, A)
    assert np.array_equal(x, A)
    assert (np.shape(x), np.ndim(x), np.size(x)) == ((2, 3), 2, 6)


def test_an_array_takes_a_tensor_that_needs_no_gradient() -> None:
    array = np.ones(3)
    array += gradcu.tensor([1.0, 2.0, 3.0])
    np.testing.assert_array_equal(array, [2.0, 3.0, 4.0])


def test_an_array_refuses_a_tensor_that_requires_grad() -> None:
    array = np.ones(3)
    with pytest.raises(RuntimeError, match="requires grad"):
        array += gradcu.ones(3, requires_grad=True)
    np.testing.assert_array_equal(array, np.ones(3))


def test_a_tensor_takes_an_array() -> None:
    x = gradcu.ones(3, requires_grad=True)
    y = x * np.array([1.0, 2.0, 3.0])
    assert y.dtype == gradcu.float64
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0, 2.0, 3.0]


def test_existing_numpy_code_is_differentiated() -> None:
    def pendulum_energy(angle: Any, speed: Any) -> Any:
        return np.sum(0.5 * speed**2 + 9.81 * (1 - np.cos(angle)))

    angle = gradcu.tensor([0.1, 0.2], dtype=gradcu.float64, requires_grad=True)
    speed = gradcu.tensor([1.0, -1.0], dtype=gradcu.float64, requires_grad=True)
    pendulum_energy(angle, speed).backward()
    assert angle.grad is not None
    assert speed.grad is not None
    np.testing.assert_allclose(angle.grad.numpy(), 9.81 * np.sin([0.1, 0.2]))
    np.testing.assert_allclose(speed.grad.numpy(), [1.0, -1.0])


def test_out_of_a_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match="out="):
        np.sin(np.ones(2), out=gradcu.ones(2))  # type: ignore[call-overload]
