"""gradcheck and gradgradcheck: what they accept, and how they say what is wrong."""

from collections.abc import Callable
from typing import Any

from tests.autograd.cases._shared import attempt


def _point(torch: Any, *values: float) -> Any:
    return torch.tensor(list(values), dtype=torch.float64, requires_grad=True)


def _wrong(torch: Any, backward: Callable[..., Any], outputs: int = 1) -> Any:
    """The square, or a pair of squares, with this backward."""

    class Wrong(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            ctx.save_for_backward(x)
            return x * x if outputs == 1 else tuple(x * x for _ in range(outputs))

        @staticmethod
        def backward(ctx: Any, *g: Any) -> Any:
            return backward(*ctx.saved_tensors, *g)

    return Wrong.apply


def right_gradients(torch: Any) -> Any:
    x, y = _point(torch, 1.0, 2.0), _point(torch, 3.0, 4.0, 5.0)
    check, check2 = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    functions = {
        "two by two": (lambda x, y: (x.sum() * y, x * 2), (x, y)),
        "one": (lambda x: torch.exp(x) * x, x),
        "list": (lambda x: x * x, [x]),
        "other arguments": (lambda x, n, text: x * n, (x, 3, "text")),
        "constant tensor": (lambda x, c: x * c * x, (x, torch.ones(2))),
        "empty": (lambda x: x * 2, torch.zeros(0, dtype=torch.float64, requires_grad=True)),
        "integer output": (lambda x: (x * x, torch.tensor(3)), x),
        "linear": (lambda x: x * 3, x),
        "the input itself": (lambda x: x, x),
        "right Function": (_wrong(torch, lambda x, g: g * 2 * x), x),
    }
    return {name: (check(function, point), check2(function, point)) for name, (function, point) in functions.items()}


def wrong_factor(torch: Any) -> Any:
    x = _point(torch, 1.0, 2.0)
    function = _wrong(torch, lambda x, g: g * 3 * x)
    check = torch.autograd.gradcheck
    return attempt(check, function, x), check(function, x, raise_exception=False), check(function, x, rtol=1.0)


def wrong_element(torch: Any) -> Any:
    x, y = _point(torch, 1.0, 2.0), _point(torch, 3.0)
    function = _wrong(torch, lambda x, g: g * 2 * x + g * torch.tensor([0.0, 0.5], dtype=torch.float64))
    return attempt(torch.autograd.gradcheck, lambda y, x: (y * 2, function(x)[1:] * y), (y, x))


def gradient_is_missing(torch: Any) -> Any:
    return attempt(torch.autograd.gradcheck, _wrong(torch, lambda x, g: None), _point(torch, 1.0, 2.0))


def gradient_ignores_the_cotangent(torch: Any) -> Any:
    x = _point(torch, 1.0)
    function = _wrong(torch, lambda x, g: 2 * x)
    check = torch.autograd.gradcheck
    return attempt(check, function, x), attempt(check, function, x, check_undefined_grad=False)


def gradient_is_not_the_same_twice(torch: Any) -> Any:
    noise = iter(range(1000))
    function = _wrong(torch, lambda x, g: g * (2 * x + 1e-7 * next(noise)))
    check = torch.autograd.gradcheck
    x = _point(torch, 1.0, 2.0)
    return attempt(check, function, x).partition("\n")[0], check(function, x, nondet_tol=1e-4)


def dependence_is_hidden(torch: Any) -> Any:
    x = _point(torch, 1.0, 2.0)
    check = torch.autograd.gradcheck
    return attempt(check, lambda x: x.detach() * 2, x), check(lambda x: x.detach() * 0, x)


def second_derivative_is_wrong(torch: Any) -> Any:
    x = _point(torch, 1.0)
    function = _wrong(torch, lambda x, g: g * 2 * x.detach())
    given = torch.tensor([1.0], dtype=torch.float64, requires_grad=True)
    check2 = torch.autograd.gradgradcheck
    return (
        torch.autograd.gradcheck(function, x),
        attempt(check2, function, x, given),
        check2(function, x, raise_exception=False),
    )


def nothing_to_check(torch: Any) -> Any:
    check = torch.autograd.gradcheck
    return attempt(check, lambda x: x, torch.ones(2)), attempt(check, lambda x: x, (torch.ones(2), 3))


def outputs_that_change_with_the_input(torch: Any) -> Any:
    check = torch.autograd.gradcheck
    x = _point(torch, 1.0)
    functions = {
        "shape": lambda x: torch.cat([x, x]) if torch.all(x >= 1) else x,
        "dtype": lambda x: x.to(torch.float32) if torch.all(x >= 1) else x,
    }
    return {
        name: [
            attempt(check, function, x, fast_mode=fast, raise_exception=False)
            .replace(" on index (0,)", "")
            .partition("but got")[0]
            for fast in (False, True)
        ]
        for name, function in functions.items()
    }


def fast_mode(torch: Any) -> Any:
    x, y = _point(torch, 1.0, 2.0), _point(torch, 3.0, 4.0, 5.0)
    check, check2 = torch.autograd.gradcheck, torch.autograd.gradgradcheck
    wrong = _wrong(torch, lambda x, g: g * 3 * x)
    return [
        check(lambda x, y: (x.sum() * y, x * 2), (x, y), fast_mode=True),
        check2(lambda x, y: (x.sum() * y, torch.exp(x)), (x, y), fast_mode=True),
        check(lambda x: x * x, x, check_batched_grad=True),
        check(lambda x, n: x * n, (x, 3), check_batched_grad=True, fast_mode=True),
        check(wrong, x, fast_mode=True, raise_exception=False),
        attempt(check, wrong, x, fast_mode=True).partition(",")[0],
    ]
