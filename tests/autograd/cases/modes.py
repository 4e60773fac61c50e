"""no_grad, enable_grad, set_grad_enabled."""

import warnings
from typing import Any

from tests.autograd.cases._shared import attempt, leaf


def blocks_nest(torch: Any) -> Any:
    seen = [torch.is_grad_enabled()]
    with torch.no_grad():
        seen.append(torch.is_grad_enabled())
        with torch.enable_grad():
            seen.append(torch.is_grad_enabled())
            with torch.set_grad_enabled(False):
                seen.append(torch.is_grad_enabled())
            seen.append(torch.is_grad_enabled())
        seen.append(torch.is_grad_enabled())
    return [*seen, torch.is_grad_enabled()]


def results_outside_the_graph(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    with torch.no_grad():
        y = x * x
        made = torch.tensor(1.0, requires_grad=True)
    return y.requires_grad, y.grad_fn, y.is_leaf, made.requires_grad


def decorators(torch: Any) -> Any:
    seen = []

    @torch.no_grad()
    def with_parentheses(value: Any, *, other: Any) -> Any:
        return torch.is_grad_enabled(), value, other

    @torch.no_grad
    def without_parentheses(value: Any) -> Any:
        return torch.is_grad_enabled(), value

    @torch.enable_grad()
    def enabled() -> Any:
        return torch.is_grad_enabled()

    @torch.set_grad_enabled(False)
    def switched() -> Any:
        return torch.is_grad_enabled()

    seen += [torch.is_grad_enabled(), with_parentheses(1, other=2), without_parentheses(3), switched()]
    with torch.no_grad():
        seen.append(enabled())
    return [*seen, torch.is_grad_enabled(), with_parentheses.__name__, without_parentheses.__name__]


def a_decorated_function_calls_itself(torch: Any) -> Any:
    @torch.no_grad()
    def down(n: int) -> Any:
        return [torch.is_grad_enabled(), *(down(n - 1) if n else [])]

    return down(3), torch.is_grad_enabled()


def decorated_methods(torch: Any) -> Any:
    class Counter:
        def __init__(self) -> None:
            self.count = 1

        @torch.no_grad()
        def next(self, step: int) -> Any:
            self.count += step
            return self.count, torch.is_grad_enabled()

    return Counter().next(5)


def generators(torch: Any) -> Any:
    @torch.no_grad()
    def numbers() -> Any:
        received = yield torch.is_grad_enabled()
        try:
            yield torch.is_grad_enabled(), received
        except ValueError as error:
            yield torch.is_grad_enabled(), str(error)
        return "end"

    generator = numbers()
    seen = [next(generator), torch.is_grad_enabled(), generator.send("sent"), torch.is_grad_enabled()]
    seen += [generator.throw(ValueError("thrown")), torch.is_grad_enabled()]
    try:
        next(generator)
    except StopIteration as stop:
        seen.append(stop.value)
    return seen


def a_closed_generator(torch: Any) -> Any:
    seen = []

    @torch.no_grad()
    def numbers() -> Any:
        try:
            yield 1
        finally:
            seen.append(torch.is_grad_enabled())

    generator = numbers()
    next(generator)
    generator.close()
    return seen, torch.is_grad_enabled()


def set_as_a_function(torch: Any) -> Any:
    seen = []
    torch.set_grad_enabled(False)
    seen.append(torch.is_grad_enabled())
    torch.set_grad_enabled(True)
    return [*seen, torch.is_grad_enabled()]


def an_error_restores_the_mode(torch: Any) -> Any:
    def fails() -> None:
        with torch.no_grad():
            raise ValueError("inside")

    return attempt(fails), attempt(torch.no_grad()(fails)), torch.is_grad_enabled()


def one_object_entered_twice(torch: Any) -> Any:
    mode = torch.no_grad()
    seen = []
    with mode:
        seen.append(torch.is_grad_enabled())
    seen.append(torch.is_grad_enabled())
    with mode:
        seen.append(torch.is_grad_enabled())
    return [*seen, torch.is_grad_enabled()]


def in_place_on_a_leaf(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    refused = attempt(x.mul_, 2)
    with torch.no_grad():
        x.mul_(2)
    return refused, x, x.requires_grad, x.is_leaf


def a_decorated_class(torch: Any) -> Any:
    seen = []

    class Made:
        def __init__(self) -> None:
            seen.append(torch.is_grad_enabled())

        def method(self) -> None:
            seen.append(torch.is_grad_enabled())

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        decorated: Any = torch.no_grad()(Made)
    decorated().method()
    return seen, [(warning.category.__name__, str(warning.message)) for warning in warned]


def arrays_of_what_requires_grad(torch: Any) -> Any:
    x = leaf(torch, 2.0, 3.0)
    with torch.no_grad():
        return attempt(x.numpy).tolist(), attempt((x * 2).numpy).tolist()


def _inference(torch: Any, *values: float, **options: Any) -> Any:
    with torch.inference_mode():
        return torch.tensor(list(values), **options)


def inference_blocks_nest(torch: Any) -> Any:
    def both() -> Any:
        return torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    seen = [both()]
    with torch.inference_mode():
        seen.append(both())
        with torch.inference_mode(False):
            seen.append(both())
        with torch.enable_grad():
            seen.append(both())
        seen.append(both())
    with torch.no_grad(), torch.inference_mode(False):
        seen.append(both())
    return [*seen, both()]


def inference_decorators(torch: Any) -> Any:
    def function(x: Any) -> Any:
        return torch.is_inference_mode_enabled(), (x * 2).requires_grad

    x = leaf(torch, 2.0)

    @torch.inference_mode()
    def generator() -> Any:
        yield torch.is_inference_mode_enabled()
        yield torch.is_inference_mode_enabled()

    seen = []
    for item in generator():
        seen.append((item, torch.is_inference_mode_enabled()))
    mode = torch.inference_mode
    return seen, [decorated(x) for decorated in (mode(function), mode()(function), mode(False)(function))]


def what_is_an_inference_tensor(torch: Any) -> Any:
    x = leaf(torch, 2.0, 3.0)
    y = x * 1
    with torch.inference_mode():
        made, computed, view_of_made = torch.ones(2), x * 2, torch.ones(2)[:1]
        required = torch.ones(2, requires_grad=True)
        view = y[:1]
        y.add_(1)
        with torch.inference_mode(False):
            ordinary = torch.ones(2)
    tensors = (
        made,
        computed,
        view_of_made,
        required,
        view,
        y,
        ordinary,
        made[:1],
        made * 2,
        made.clone(),
        made.detach(),
    )
    return [(torch.is_inference(tensor), tensor.requires_grad) for tensor in tensors], made[:1]._is_view()


def what_inference_tensors_refuse(torch: Any) -> Any:
    def first(result: Any) -> Any:
        return result.partition(".")[0] if isinstance(result, str) else result

    x = leaf(torch, 2.0, 3.0)
    made = _inference(torch, 5.0, 7.0)
    required = _inference(torch, 5.0, 7.0, requires_grad=True)
    y = x * 1
    with torch.inference_mode():
        view = y[:1]
    sums = (required + x).sum()
    sums.backward()
    return [
        attempt(lambda: made._version),
        first(attempt(lambda: x * made)),
        first(attempt(lambda: made * x)),
        first(attempt(made.add_, 1)),
        first(attempt(made.zero_)),
        first(attempt(made.__setitem__, 0, 1.0)),
        first(attempt(view.add_, 1)),
        first(attempt((x * 1).mul_, made)),
        (x + made).requires_grad,
        (x * made.clone()).requires_grad,
        required.grad,
        x.grad,
    ]


def a_change_in_inference_mode_is_counted(torch: Any) -> Any:
    y = leaf(torch, 2.0, 3.0) * 1
    z = (y * y).sum()
    with torch.inference_mode():
        view = y[:1]
        view.add_(1)
        requires = view.requires_grad
    return y._version, requires, attempt(z.backward).partition(" instead.")[0], attempt(lambda: view.grad_fn)


def views_of_views_that_were_not_recorded(torch: Any) -> Any:
    seen = []
    for block in (torch.no_grad(), torch.inference_mode()):
        x = torch.zeros(2)
        with block:
            y = x.view(2)
        y.requires_grad_(True)
        seen.append(attempt(y.view(2).div_, 2))
    return seen
