import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra import numpy as hnp

import gradcu
from gradcu.autograd import functional
from tests.autograd.agreement import check
from tests.autograd.cases import cases


@pytest.mark.parametrize("name", cases("functional"))
def test_pytorch_does_the_same(name: str):
    check("functional", name)


SHAPES = hnp.array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=3)


def points(shape: tuple[int, ...]) -> np.ndarray:
    return np.linspace(-1.0, 2.0, int(np.prod(shape))).reshape(shape)


@given(SHAPES)
def test_jacobian_of_an_elementwise_function_is_diagonal(shape: tuple[int, ...]):
    x = points(shape)
    found = functional.jacobian(gradcu.sin, gradcu.tensor(x)).numpy()
    assert found.shape == shape + shape
    assert found.reshape(x.size, x.size) == pytest.approx(np.diag(np.cos(x.ravel())), abs=1e-15)


@given(SHAPES, SHAPES)
def test_jacobian_of_an_outer_product(first: tuple[int, ...], second: tuple[int, ...]):
    x, y = points(first), points(second)
    wide = first + (1,) * len(second)
    found = functional.jacobian(lambda x, y: x.reshape(wide) * y, (gradcu.tensor(x), gradcu.tensor(y)))
    by_x = np.multiply.outer(np.eye(x.size).reshape(first + first), y)
    by_y = np.multiply.outer(x, np.eye(y.size).reshape(second + second))
    assert (found[0].numpy() == np.moveaxis(by_x, range(len(first), 2 * len(first)), range(-len(first), 0))).all()
    assert (found[1].numpy() == by_y).all()


@given(SHAPES)
def test_hessian_of_a_sum_of_cubes_is_diagonal(shape: tuple[int, ...]):
    x = points(shape)
    found = functional.hessian(lambda x: (x * x * x).sum(), gradcu.tensor(x)).numpy()
    assert found.shape == shape + shape
    assert found.reshape(x.size, x.size) == pytest.approx(np.diag(6 * x.ravel()))


def coupled(x: gradcu.Tensor, y: gradcu.Tensor) -> tuple[gradcu.Tensor, gradcu.Tensor]:
    return gradcu.sin(x * y).sum() * y, gradcu.exp(x) * y.sum()


def test_products_agree_with_the_jacobian(rng: np.random.Generator):
    inputs = gradcu.tensor(rng.normal(size=3)), gradcu.tensor(rng.normal(size=3))
    jacobian = np.block([[part.numpy() for part in row] for row in functional.jacobian(coupled, inputs)])
    v = gradcu.tensor(rng.normal(size=3)), gradcu.tensor(rng.normal(size=3))
    stacked = np.concatenate([part.numpy() for part in v])
    _, products = functional.vjp(coupled, inputs, v)
    assert np.concatenate([part.numpy() for part in products]) == pytest.approx(stacked @ jacobian, rel=1e-12)
    _, products = functional.jvp(coupled, inputs, v)
    assert np.concatenate([part.numpy() for part in products]) == pytest.approx(jacobian @ stacked, rel=1e-12)


def test_products_agree_with_the_hessian(rng: np.random.Generator):
    def energy(x: gradcu.Tensor, y: gradcu.Tensor) -> gradcu.Tensor:
        first, second = coupled(x, y)
        return (first * second).sum()

    inputs = gradcu.tensor(rng.normal(size=3)), gradcu.tensor(rng.normal(size=3))
    hessian = np.block([[part.numpy() for part in row] for row in functional.hessian(energy, inputs)])
    v = gradcu.tensor(rng.normal(size=3)), gradcu.tensor(rng.normal(size=3))
    stacked = np.concatenate([part.numpy() for part in v])
    assert hessian == pytest.approx(hessian.T, rel=1e-12)
    for product in (functional.vhp, functional.hvp):
        _, products = product(energy, inputs, v)
        assert np.concatenate([part.numpy() for part in products]) == pytest.approx(hessian @ stacked, rel=1e-12)


def test_jacobian_agrees_with_the_complex_step(rng: np.random.Generator):
    x, step = rng.normal(size=4), 1e-30
    columns = [np.exp(moved) * np.sin(moved).sum() for moved in x + 1j * step * np.eye(4)]
    expected = np.imag(np.stack(columns, axis=1)) / step
    found = functional.jacobian(lambda x: gradcu.exp(x) * gradcu.sin(x).sum(), gradcu.tensor(x))
    assert found.numpy() == pytest.approx(expected, rel=1e-13)


def test_derivatives_of_a_jacobian():
    x = gradcu.tensor([0.3, 1.1], dtype=gradcu.float64, requires_grad=True)

    def flat_jacobian(x: gradcu.Tensor) -> gradcu.Tensor:
        return functional.jacobian(lambda x: gradcu.sin(x) * x.sum(), x, create_graph=True)

    assert gradcu.autograd.gradcheck(flat_jacobian, x)
    assert gradcu.autograd.gradgradcheck(flat_jacobian, x)


def test_results_share_no_memory_with_the_inputs():
    x = gradcu.tensor([1.0, 2.0])
    output, product = functional.vjp(lambda x: x + 0, x, gradcu.ones(2))
    product.zero_()
    output.zero_()
    assert x.tolist() == [1, 2]


def test_strategies_agree(rng: np.random.Generator):
    x, y = gradcu.from_numpy(rng.normal(size=(2, 3))), gradcu.from_numpy(rng.normal(size=4))

    def function(x: gradcu.Tensor, y: gradcu.Tensor) -> tuple[gradcu.Tensor, gradcu.Tensor]:
        return gradcu.tanh(x).sum(0)[:, None] * gradcu.exp(y), x.sum() * y

    by_rows = functional.jacobian(function, (x, y))
    by_columns = functional.jacobian(function, (x, y), strategy="forward-mode")
    for row, other in zip(by_rows, by_columns, strict=True):
        for one, another in zip(row, other, strict=True):
            np.testing.assert_allclose(one.numpy(), another.numpy(), rtol=1e-12)


@pytest.mark.parametrize("shape", [(), (0,), (2, 0)])
def test_columns_of_a_jacobian_without_elements_or_dimensions(shape: tuple[int, ...]):
    x = gradcu.ones(shape)
    assert functional.jacobian(lambda x: x * 2, x, strategy="forward-mode").shape == shape + shape


def test_what_strategies_refuse():
    x = gradcu.ones(2)
    with pytest.raises(ValueError, match="Expected strategy to be either"):
        functional.jacobian(gradcu.exp, x, strategy="other")  # type: ignore[arg-type]
    with pytest.raises(NotImplementedError, match="create_graph"):
        functional.jacobian(gradcu.exp, x, create_graph=True, strategy="forward-mode")
    with pytest.raises(RuntimeError, match="strict"):
        functional.jacobian(gradcu.exp, x, strict=True, strategy="forward-mode")
    with pytest.raises(ValueError, match="Expected outer_jacobian_strategy"):
        functional.hessian(gradcu.sum, x, outer_jacobian_strategy="other")  # type: ignore[arg-type]
