from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import gradcu
from gradcu.autograd import Function, GradcheckError, gradcheck, gradgradcheck
from tests.autograd.agreement import check
from tests.autograd.cases import cases


@pytest.mark.parametrize("name", cases("gradcheck"))
def test_pytorch_does_the_same(name: str):
    check("gradcheck", name)


def leaf(*values: float, dtype: Any = gradcu.float64) -> gradcu.Tensor:
    return gradcu.tensor(values, dtype=dtype, requires_grad=True)


def planted(forward: Callable[..., Any], backward: Callable[..., Any]) -> Callable[..., Any]:
    """A function with a backward that may be wrong, which gets the inputs and then the cotangents."""

    class Planted(Function):
        @staticmethod
        def forward(ctx: Any, *inputs: gradcu.Tensor) -> Any:
            ctx.save_for_backward(*inputs)
            return forward(*inputs)

        @staticmethod
        def backward(ctx: Any, *cotangents: gradcu.Tensor) -> Any:
            return backward(*ctx.saved_tensors, *cotangents)

    return Planted.apply


def cube(x: gradcu.Tensor) -> gradcu.Tensor:
    return x * x * x


WRONG = {
    "factor": (lambda x, g: g * 3.01 * x * x, cube),
    "sign": (lambda x, g: -g * 3 * x * x, cube),
    "one element": (lambda x, g: g * 3 * x * x + g * gradcu.tensor([0.0, 0.0, 0.1], dtype=gradcu.float64), cube),
    "offset": (lambda x, g: g * 3 * x * x + 1e-3, cube),
    "order of elements": (lambda x, g: (g * 3 * x * x).flip(0), cube),
    "nothing": (lambda x, g: None, cube),
    "NaN": (lambda x, g: g * float("nan"), cube),
    "infinity": (lambda x, g: g * float("inf"), cube),
    "mean for sum": (lambda x, g: g.expand(3) / 3, lambda x: x.sum()),
}


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize(("backward", "forward"), WRONG.values(), ids=WRONG)
def test_planted_errors_are_found(backward: Any, forward: Any, fast_mode: bool):
    function = planted(forward, backward)
    x = leaf(0.5, 1.0, 2.0)
    with pytest.raises(GradcheckError):
        gradcheck(function, x, fast_mode=fast_mode)


def test_fast_mode_calls_the_function_twice_an_input():
    calls = 0

    def function(x: gradcu.Tensor, y: gradcu.Tensor) -> gradcu.Tensor:
        nonlocal calls
        calls += 1
        return x.sum() * y

    assert gradcheck(function, (leaf(1.0, 2.0, 3.0), leaf(4.0, 5.0)), fast_mode=True)
    assert calls == 1 + 2 * 2


def test_batches_that_are_not_their_rows_are_found():
    number = iter(range(1000))
    function = planted(lambda x: x * 2, lambda x, g: g * (2 + 1e-4 * next(number)))
    x = leaf(1.0, 2.0)
    with pytest.raises(GradcheckError, match="batched gradient computation for output 0 with respect to input 0"):
        gradcheck(function, x, check_batched_grad=True, nondet_tol=1.0, atol=1.0, check_undefined_grad=False)
    assert not gradcheck(function, x, raise_exception=False)


def test_error_names_output_input_and_both_jacobians():
    function = planted(lambda x, y: (x * y, x + y), lambda x, y, g, h: (g * y + h, g * x + 2 * h))
    with pytest.raises(GradcheckError) as caught:
        gradcheck(lambda n, x, y: function(x, y), (4, leaf(2.0), leaf(3.0)))
    assert str(caught.value) == (
        "Jacobian mismatch for output 1 with respect to input 2,\n"
        "numerical:tensor([[1.0000]], dtype=gradcu.float64)\n"
        "analytical:tensor([[2.]], dtype=gradcu.float64)\n"
    )


def test_wrong_second_derivative_is_found():
    function = planted(cube, lambda x, g: g * 3 * x.detach() * x)
    x = leaf(0.5, 1.0)
    assert gradcheck(function, x)
    with pytest.raises(GradcheckError, match="with respect to input 0"):
        gradgradcheck(function, x)


def test_infinite_derivatives_are_no_agreement():
    function = planted(cube, lambda x, g: g * x * float("inf"))
    assert not gradgradcheck(function, leaf(0.5, -1.0), raise_exception=False)


def test_missing_dependence_on_the_cotangent_is_found():
    function = planted(cube, lambda x, g: g.detach() * 3 * x * x)
    with pytest.raises(GradcheckError, match="with respect to input 1"):
        gradgradcheck(function, leaf(0.5))


def test_outputs_without_cotangent_must_not_add_anything():
    class Pair(Function):
        @staticmethod
        def forward(ctx: Any, x: gradcu.Tensor) -> Any:
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx: Any, g: Any, h: Any) -> Any:
            return g * 2 + h * 3 if g is not None and h is not None else gradcu.ones(2, dtype=gradcu.float64)

    def both_used(x: gradcu.Tensor) -> Any:
        first, second = Pair.apply(x)
        return first + second * 0, second + first * 0

    x = leaf(1.0, 2.0)
    assert gradcheck(both_used, x)
    numerically_right = planted(lambda x: (x * 2, x * 3), lambda x, g, h: g * 2 + h * 3)
    assert gradcheck(numerically_right, x)
    with pytest.raises(GradcheckError):
        gradcheck(Pair.apply, x)


def test_warns_of_low_precision():
    with pytest.warns(UserWarning, match="Input #1 requires gradient and is not a double precision") as caught:
        gradcheck(lambda x, y: x * y, (leaf(1.0), leaf(1.0, dtype=gradcu.float32)), eps=1e-2, atol=1e-2)
    assert caught[0].filename == __file__


def test_tolerances_are_those_given():
    function = planted(cube, lambda x, g: g * 3 * x * x * 1.01)
    x = leaf(1.0)
    assert gradcheck(function, x, rtol=0.02)
    assert gradcheck(function, x, atol=0.1)
    assert not gradcheck(function, x, rtol=0.005, raise_exception=False)


def test_large_steps_show_their_error():
    assert not gradcheck(cube, leaf(1.0), eps=0.1, rtol=1e-3, atol=0, raise_exception=False)
    assert gradcheck(cube, leaf(1.0), eps=1e-4, rtol=1e-7, atol=0)


def test_inputs_are_left_as_they_were():
    x = leaf(1.0, 2.0)
    gradcheck(gradcu.sin, x)
    gradgradcheck(gradcu.sin, x)
    assert x.tolist() == [1, 2]
    assert x.grad is None
    assert x._version == 0


def test_functions_that_change_their_argument():
    def changing(x: gradcu.Tensor) -> gradcu.Tensor:
        y = x * 1
        y.mul_(x)
        return y

    x = leaf(1.0, 2.0)
    assert gradcheck(changing, x)
    assert gradgradcheck(changing, x)


@pytest.mark.parametrize("shape", [(), (1,), (2, 0), (2, 3)])
def test_shapes(shape: tuple[int, ...]):
    x = gradcu.tensor(np.linspace(0.1, 1, int(np.prod(shape))).reshape(shape), requires_grad=True)
    assert gradcheck(lambda x: gradcu.exp(x) * x.sum(), x)
    assert gradgradcheck(lambda x: gradcu.exp(x) * x.sum(), x)


def test_strided_and_broadcast_inputs():
    matrix = gradcu.tensor(np.arange(6.0).reshape(2, 3), requires_grad=True)
    assert gradcheck(lambda m: gradcu.sin(m), matrix.t().detach().requires_grad_())
    assert gradcheck(lambda x: x * x, leaf(2.0).expand(3).detach().requires_grad_())


def test_same_numbers_in_every_call():
    seen: list[list[float]] = []

    class Spy(Function):
        @staticmethod
        def forward(ctx: Any, x: gradcu.Tensor) -> gradcu.Tensor:
            return x * 1

        @staticmethod
        def backward(ctx: Any, g: gradcu.Tensor) -> gradcu.Tensor:
            seen[-1].append(g.sum().item())
            return g

    for _ in range(2):
        seen.append([])
        gradgradcheck(Spy.apply, leaf(1.0, 2.0))
    assert seen[0] == seen[1]
    assert len(set(seen[0])) > 2
