from typing import Any

import pytest

import gradcu
from gradcu.autograd import gradcheck, gradgradcheck
from tests.autograd.agreement import check
from tests.autograd.cases import cases


@pytest.mark.parametrize("name", cases("complex_numbers"))
def test_pytorch_does_the_same(name: str):
    check("complex_numbers", name)


def numbers(*values: complex, grad: bool = True) -> gradcu.Tensor:
    return gradcu.tensor(list(values), dtype=gradcu.complex128, requires_grad=grad)


REAL = gradcu.float64


@pytest.mark.filterwarnings("ignore:Casting complex values to real discards the imaginary part")
@pytest.mark.parametrize(
    "function",
    [
        lambda z: z.to(REAL) ** 2,
        lambda z: z.sum(dtype=REAL) * z,
        lambda z: z.mean(dtype=REAL) * z,
        lambda z: z.prod(dtype=REAL),
        lambda z: z.prod(0, dtype=REAL),
        lambda z: z.cumsum(0, dtype=REAL) * z,
        lambda z: z.cumprod(0, dtype=REAL),
        lambda z: z.softmax(0, dtype=REAL),
        lambda z: z.log_softmax(0, dtype=REAL),
        lambda z: z.real.prod(dtype=gradcu.complex128),
        lambda z: z.imag.cumprod(0, dtype=gradcu.complex128),
    ],
)
def test_a_reduction_to_another_kind_of_numbers(function: Any):
    # PyTorch's cumprod(dtype=) has another gradient here, and its prod(dtype=) of real numbers has none.
    z = numbers(1 + 2j, 2 - 1j, 0.5 + 1j)
    assert gradcheck(function, (z,))
    assert gradgradcheck(function, (z,))


@pytest.mark.parametrize("name", ["abs", "angle", "sgn", "norm", "var", "std"])
def test_where_no_derivative_is_known_the_gradient_is_zero(name: str):
    z = numbers(0, 0, 0)
    out = getattr(gradcu, name)(z)
    (first,) = gradcu.autograd.grad(out, z, gradcu.ones_like(out), create_graph=True)
    assert first.detach().abs().sum().item() == 0


def test_the_gradient_by_the_absolute_value_of_a_polar_number_below_zero():
    # PyTorch's has the other sign there, and is 0 at 0.
    radius = gradcu.tensor([-1.5, 0.0, 2.0], dtype=REAL, requires_grad=True)
    angle = gradcu.tensor([0.5, 1.0, -2.0], dtype=REAL, requires_grad=True)
    assert gradcheck(gradcu.polar, (radius, angle))
    assert gradgradcheck(gradcu.polar, (radius, angle))


def test_indices_that_are_repeated():
    z = numbers(1 + 2j, 2 - 1j, 0.5 + 1j)
    index = gradcu.tensor([0, 2, 2, 0])
    for function in (
        lambda z: z[index] * z[index],
        lambda z: z.gather(0, index) ** 2,
        lambda z: z.index_select(0, index) ** 2,
        lambda z: z.index_put((index,), z[index] * 1j, accumulate=True),
    ):
        assert gradcheck(function, (z,))
        assert gradgradcheck(function, (z,))


def test_a_gradient_of_a_real_leaf_stays_real_at_every_order():
    x = gradcu.tensor(0.5, dtype=REAL, requires_grad=True)
    value = gradcu.exp(x * 1j).imag
    for expected in (0.4794255386042030, 0.8775825618903728, -0.4794255386042030, -0.8775825618903728):
        assert value.dtype == REAL
        assert value.item() == pytest.approx(expected, rel=1e-14)
        (value,) = gradcu.autograd.grad(value, x, create_graph=True)


def test_real_numbers_have_plans_of_their_own():
    x = gradcu.ones(2, requires_grad=True)
    real, again, mixed = (node_of(out).plan for out in (x * x, x * x, x * (x * 1j)))
    assert real is again
    assert real is not mixed
    assert [step.rule for step in real.steps] == list(real.op.rules.values())


def node_of(tensor: gradcu.Tensor) -> Any:
    return tensor.grad_fn


def test_real_and_imaginary_parts_of_a_numpy_scalar():
    z = numbers(1 + 2j, 3j).sum()
    z.real += 1
    z.imag[...] = gradcu.tensor(7.0, dtype=REAL)
    assert z.item() == 2 + 7j
