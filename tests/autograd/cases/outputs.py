"""What forward of a Function may return: several outputs, inputs, views, what it changed in place."""

import warnings
from typing import Any

from tests.autograd.cases._shared import attempt, leaf, made


def several_outputs(torch: Any) -> Any:
    def backward(ctx: Any, *g: Any) -> Any:
        seen.append(g)
        return g[0] * 2 + g[1] * 3

    seen: list[Any] = []
    x = leaf(torch, 1.0, 2.0)
    y, z = made(torch, lambda ctx, x: (x * 2, x * 3), backward).apply(x)
    (y + z * 10).sum().backward(retain_graph=True)
    z.sum().backward()
    return y, z, seen, x.grad, y.grad_fn is z.grad_fn, y.output_nr, z.output_nr


def a_tuple_of_one_output(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    result = made(torch, lambda ctx, x: (x * 2,)).apply(x)
    result[0].backward()
    return type(result).__name__, len(result), x.grad


def outputs_that_are_no_tensors(torch: Any) -> Any:
    def backward(ctx: Any, *g: Any) -> Any:
        seen.append(g)
        return g[0]

    seen: list[Any] = []
    x = leaf(torch, 2.0)
    y, text, none = made(torch, lambda ctx, x: (x * 2, "text", None), backward).apply(x)
    y.backward()
    return [
        (text, none, seen, x.grad),
        made(torch, lambda ctx, x: 3.0).apply(x),
        made(torch, lambda ctx, x: None).apply(x),
        repr(made(torch, lambda ctx, x: [x * 1]).apply(x)),
    ]


def gradients_that_are_not_materialized(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.set_materialize_grads(False)
        return x * 2, x * 3

    def backward(ctx: Any, *g: Any) -> Any:
        seen.append(g)
        return next(value for value in g if value is not None) * 5

    seen: list[Any] = []
    x = leaf(torch, 1.0, 2.0)
    y, z = made(torch, forward, backward).apply(x)
    y.sum().backward(retain_graph=True)
    z.sum().backward()
    return seen, x.grad


def outputs_without_gradient(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        y, z = x * 2, x * 3
        ctx.mark_non_differentiable(z)
        return y, z, torch.tensor([1, 2])

    def backward(ctx: Any, *g: Any) -> Any:
        seen.append(g)
        return g[0]

    seen: list[Any] = []
    x = leaf(torch, 1.0, 2.0)
    y, z, n = made(torch, forward, backward).apply(x)
    y.sum().backward()
    return [t.requires_grad for t in (y, z, n)], [t.is_leaf for t in (y, z, n)], seen, x.grad


def no_output_with_gradient(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * 2
        ctx.mark_non_differentiable(y)
        return y

    y = made(torch, forward).apply(leaf(torch, 2.0))
    return y, y.requires_grad, y.grad_fn


def an_input_without_gradient_is_returned(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_non_differentiable(x)
        return x

    x = leaf(torch, 2.0)
    y = made(torch, forward).apply(x)
    return y is x, y.requires_grad, x.requires_grad


def an_input_is_returned(torch: Any) -> Any:
    function = made(torch, lambda ctx, x: x, lambda ctx, g: g * 10)
    x = leaf(torch, 1.0, 2.0)
    y = function.apply(x)
    y.sum().backward()
    z = function.apply(y)
    with torch.no_grad():
        without = function.apply(x)
    return y is x, y.is_leaf, type(y.grad_fn).__name__, x.is_leaf, x.grad, z is y, without is x, without.requires_grad


def inputs_are_swapped(torch: Any) -> Any:
    function = made(torch, lambda ctx, a, b: (b, a), lambda ctx, g, h: (h * 10, g * 100))
    a, b = leaf(torch, 1.0), leaf(torch, 2.0)
    first, second = function.apply(a, b)
    (first * 3 + second * 5).backward()
    return first, second, a.grad, b.grad


def in_place_on_outputs_that_are_views(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    returned = made(torch, lambda ctx, x: x)
    reshaped = made(torch, lambda ctx, x: x.reshape(2, 1), lambda ctx, g: g.reshape(2))
    w = x * 1
    y = reshaped.apply(w)
    w.add_(1)
    return [
        attempt(returned.apply(x * 1).add_, 1),
        attempt(returned.apply(x).add_, 1),
        attempt(reshaped.apply(x * 1).add_, 1),
        attempt(lambda: y.grad_fn),
        attempt(lambda: y * 2),
    ]


def a_view_of_an_input(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    y = made(torch, lambda ctx, x: x.reshape(2, 1), lambda ctx, g: g.reshape(2) * 10).apply(x)
    (y * torch.tensor([[3.0], [5.0]])).sum().backward()
    return y, type(y.grad_fn).__name__, x.grad


def _add_one(ctx: Any, x: Any) -> Any:
    x.add_(1)
    ctx.mark_dirty(x)
    return x


def dirty_inputs(torch: Any) -> Any:
    function = made(torch, _add_one, lambda ctx, g: g * 10)
    x = leaf(torch, 1.0, 2.0)
    y = x * 3
    z = function.apply(y)
    z.sum().backward()
    return z is y, z, z._version, type(y.grad_fn).__name__, x.grad


def a_dirty_view(torch: Any) -> Any:
    function = made(torch, _add_one, lambda ctx, g: g * 10)
    x = leaf(torch, 1.0, 2.0, 3.0)
    base = x * 1
    part = base[:2]
    changed = function.apply(part)
    (base * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    return changed is part, base, type(base.grad_fn).__name__, x.grad


def dirty_inputs_done_wrong(torch: Any) -> Any:
    def not_returned(ctx: Any, x: Any) -> Any:
        x.add_(1)
        ctx.mark_dirty(x)
        return x * 1

    def with_another(ctx: Any, x: Any) -> Any:
        return _add_one(ctx, x), x * 2

    x = leaf(torch, 1.0, 2.0)
    return [
        attempt(made(torch, _add_one).apply, x),
        attempt(made(torch, not_returned).apply, x * 1),
        attempt(made(torch, with_another).apply, (x * 1)[:1]).partition(" You can ask")[0],
        attempt(made(torch, _add_one).apply, x[:1]),
        attempt(made(torch, _add_one).apply, (x * 1).unbind()[0]),
    ]


def what_is_marked_dirty_is_no_input(torch: Any) -> Any:
    def a_result(ctx: Any, x: Any) -> Any:
        y = x * 3
        ctx.mark_dirty(y)
        return y

    def a_view_of_a_result(ctx: Any, x: Any) -> Any:
        y = (x * 3)[:1]
        ctx.mark_dirty(y)
        return y

    x = leaf(torch, 1.0, 2.0)
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        y = made(torch, a_result).apply(x)
    texts = [str(warning.message).partition(" (Triggered")[0] for warning in seen]
    return y.requires_grad, texts, attempt(made(torch, a_view_of_a_result).apply, x)


def in_place_on_views_that_were_not_recorded(torch: Any) -> Any:
    viewed = made(torch, lambda ctx, x: x.view_as(x))
    returned = made(torch, lambda ctx, x: x)
    x = leaf(torch, 1.0, 2.0)
    with torch.no_grad():
        without = viewed.apply(x)
    return [
        attempt(viewed.apply(torch.zeros(2)).add_, x),
        attempt(viewed.apply(torch.zeros(2)).copy_, x),
        attempt(returned.apply(torch.zeros(2)).add_, x),
        viewed.apply(torch.zeros(2)).add_(1),
        without.requires_grad,
        attempt(without.add_, 1),
    ]


def in_place_on_one_view_of_several_outputs(torch: Any) -> Any:
    several = made(torch, lambda ctx, a, b: (a[:1], a + b), lambda ctx, g, h: (h, h))
    view, _ = several.apply(leaf(torch, 1.0, 2.0) * 1, leaf(torch, 3.0, 4.0))
    return attempt(view.add_, 1)


def a_saved_dirty_input(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0]

    x = leaf(torch, 0.0, 1.0)
    made(torch, forward, backward).apply(x * 1).sum().backward()
    return x.grad
