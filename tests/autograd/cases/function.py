"""Functions with a backward of their own."""

from collections.abc import Callable
from typing import Any

from tests.autograd.cases._attempt import attempt, leaf


def _made(
    torch: Any, forward: Callable[..., Any], backward: Callable[..., Any] = lambda ctx, *g: g[0], **others: Any
) -> Any:
    """A Function "Made" of these static methods."""
    methods = {"forward": forward, "backward": backward, **others}
    members = {name: staticmethod(method) for name, method in methods.items()}
    return type("Made", (torch.autograd.Function,), members)


def _square(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x)
        return x * x

    def backward(ctx: Any, g: Any) -> Any:
        (x,) = ctx.saved_tensors
        return g * 2 * x

    return _made(torch, forward, backward)


def _keep_first(ctx: Any, x: Any, *others: Any) -> Any:
    ctx.save_for_backward(x)
    return x * 1


def _read(ctx: Any, g: Any) -> Any:
    assert ctx.saved_tensors
    return g


def the_tutorials_square(torch: Any) -> Any:
    class SQ(torch.autograd.Function):
        @staticmethod
        def forward(ctx: Any, i: Any) -> Any:
            result = i * i
            ctx.save_for_backward(i)
            return result

        @staticmethod
        def backward(ctx: Any, grad_output: Any) -> Any:
            (i,) = ctx.saved_tensors
            return 2 * i

    x = leaf(torch, 2.0)
    sq = SQ.apply
    y = sq(x)
    y.backward()
    return repr(y), repr(y.grad_fn), type(y.grad_fn).__name__, y.grad_fn.name(), type(y.grad_fn).__module__, x.grad


def in_a_graph(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    y = _square(torch).apply(x * 3) + x
    y.sum().backward()
    return y, x.grad


def higher_derivatives(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = _square(torch).apply(_square(torch).apply(x))
    seen = [y]
    for _ in range(4):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        seen.append(y)
    return seen


def the_mode_inside(torch: Any) -> Any:
    modes = []

    def forward(ctx: Any, x: Any) -> Any:
        modes.append((torch.is_grad_enabled(), x.requires_grad, (x * 2).requires_grad))
        return x * 2

    def backward(ctx: Any, g: Any) -> Any:
        modes.append((torch.is_grad_enabled(), g.requires_grad))
        return g * 2

    x = leaf(torch, 3.0)
    _made(torch, forward, backward).apply(x).backward()
    torch.autograd.grad(_made(torch, forward, backward).apply(x), x, create_graph=True)
    return modes


def context_holds_attributes(torch: Any) -> Any:
    def forward(ctx: Any, x: Any, power: int) -> Any:
        ctx.shape, ctx.dtype, ctx.power, ctx.saved, ctx.edges = x.shape, "mine", power, 1, 2
        return x**power

    def backward(ctx: Any, g: Any) -> Any:
        seen.append((tuple(ctx.shape), ctx.dtype, ctx.power, ctx.saved, ctx.edges))
        return g * ctx.power, None

    seen: list[Any] = []
    x = leaf(torch, 1.0, 2.0)
    y = _made(torch, forward, backward).apply(x, 3)
    node = y.grad_fn
    y.sum().backward()
    return x.grad, seen, node.power, attempt(lambda: node.missing)


def what_is_saved_is_the_same_leaf(torch: Any) -> Any:
    def forward(ctx: Any, x: Any, y: Any) -> Any:
        result = x * y
        ctx.save_for_backward(x, None, y, result)
        return result

    def backward(ctx: Any, g: Any) -> Any:
        first, none, second, result = ctx.saved_tensors
        seen.append((first is x, none, second.requires_grad, second.is_leaf, type(second.grad_fn).__name__))
        seen.append((result, type(result.grad_fn).__name__, result.requires_grad))
        return g * second, g * first

    seen: list[Any] = []
    x = leaf(torch, 2.0)
    _made(torch, forward, backward).apply(x, x * 5).backward()
    return seen, x.grad


def a_saved_result(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    def backward(ctx: Any, g: Any) -> Any:
        (result,) = ctx.saved_tensors
        return g * result

    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    y = _made(torch, forward, backward).apply(x)
    seen = [y]
    for _ in range(3):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        seen.append(y)
    return seen


def saved_tensors_are_freed(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    saving = _made(torch, _keep_first, _read)
    first, second = saving.apply(x), saving.apply(x)
    first.backward()
    second.backward(retain_graph=True)
    not_saving = _made(torch, lambda ctx, x: x * 1, lambda ctx, g: g).apply(x)
    not_saving.backward()
    reading = _made(torch, lambda ctx, x: x * 1, lambda ctx, g: (ctx.saved_tensors, g)[1]).apply(x)
    reading.backward()
    return {
        "saved": [attempt(first.backward), attempt(lambda: first.grad_fn.saved_tensors)],
        "retained": [second.grad_fn.saved_tensors, attempt(second.backward), attempt(second.backward)],
        "not saved": attempt(not_saving.backward),
        "not saved but read": attempt(reading.backward),
    }


def saved_tensors_are_changed_in_place(torch: Any) -> Any:
    w = leaf(torch, 2.0, 3.0)
    saving = _made(torch, _keep_first, lambda ctx, *g: (_read(ctx, *g), None))

    def changed(tensor: Any) -> Any:
        y = saving.apply(tensor, w)
        tensor.add_(1)
        return attempt(y.sum().backward).partition(" Hint")[0]

    y = _square(torch).apply(w * 1)
    return {"computed": changed(w * 2), "constant": changed(torch.ones(2)), "unused": y.add_(1).requires_grad}


def a_saved_result_is_changed_in_place(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    y = _made(torch, forward, _read).apply(leaf(torch, 2.0, 3.0))
    y.mul_(2)
    return attempt(y.sum().backward).partition(" Hint")[0]


def only_tensors_can_be_saved(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x, 3)
        return x * 1

    return attempt(_made(torch, forward).apply, leaf(torch, 2.0))


def needs_input_grad(torch: Any) -> Any:
    def forward(ctx: Any, *args: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return args[0] * 1

    def backward(ctx: Any, g: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return g, None, None, None

    seen: list[Any] = []
    function = _made(torch, forward, backward)
    x, constant = leaf(torch, 2.0), torch.tensor(1.0)
    function.apply(x, constant, 3, x * 2).backward()
    with torch.no_grad():
        seen.append(function.apply(x, constant, 3, x).requires_grad)
    seen.append(function.apply(constant, constant, 3, constant).requires_grad)
    return seen


def arguments_that_are_no_tensors(torch: Any) -> Any:
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    function = _made(torch, lambda ctx, a, x, b, w: x * a * w, lambda ctx, g: (None, g * 2, None, g * 3))
    y = function.apply(7, x, {"any": "thing"}, w)
    y.backward()
    return y, x.grad, w.grad, [(type(node).__name__, number) for node, number in y.grad_fn.next_functions]


def next_functions_of_constants(torch: Any) -> Any:
    function = _made(torch, lambda ctx, x, k, c: x * 1, lambda ctx, g: (g, None, None))
    y = function.apply(leaf(torch, 2.0) * 2, 3, torch.tensor(1.0))
    return [(type(node).__name__, number) for node, number in y.grad_fn.next_functions]


def _returns(torch: Any, backward: Callable[..., Any], *args: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    function = _made(torch, lambda ctx, x, *others: x * 1, backward)
    return attempt(function.apply(x, *args).sum().backward) or x.grad


def what_backward_may_return(torch: Any) -> Any:
    return {
        "None": _returns(torch, lambda ctx, g: None) is None,
        "too many": _returns(torch, lambda ctx, g: (g, g)),
        "more, but None": _returns(torch, lambda ctx, g: (g, None, None)),
        "nothing": _returns(torch, lambda ctx, g: ()),
        "too few": _returns(torch, lambda ctx, g: g, 3),
        "a number": _returns(torch, lambda ctx, g: 1.0),
        "a list": _returns(torch, lambda ctx, g: [g]),
        "for a number": _returns(torch, lambda ctx, g: (g, g), 3),
        "other shape": _returns(torch, lambda ctx, g: torch.ones(3)),
        "smaller shape": _returns(torch, lambda ctx, g: torch.tensor(3.0)),
        "larger shape": _returns(torch, lambda ctx, g: torch.ones(5, 2)),
        "other dtype": _returns(torch, lambda ctx, g: g.to(torch.float64) * 2),
        "integers": _returns(torch, lambda ctx, g: torch.ones(2, dtype=torch.int64)),
    }


def the_index_of_a_wrong_shape_counts_tensors(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    function = _made(torch, lambda ctx, k, c, x: x * 1, lambda ctx, g: (None, None, torch.ones(3)))
    return attempt(function.apply(4, torch.ones(1), x).sum().backward)


def several_outputs(torch: Any) -> Any:
    def backward(ctx: Any, *g: Any) -> Any:
        seen.append(g)
        return g[0] * 2 + g[1] * 3

    seen: list[Any] = []
    x = leaf(torch, 1.0, 2.0)
    y, z = _made(torch, lambda ctx, x: (x * 2, x * 3), backward).apply(x)
    (y + z * 10).sum().backward(retain_graph=True)
    z.sum().backward()
    return y, z, seen, x.grad, y.grad_fn is z.grad_fn, y.output_nr, z.output_nr


def a_tuple_of_one_output(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    result = _made(torch, lambda ctx, x: (x * 2,)).apply(x)
    result[0].backward()
    return type(result).__name__, len(result), x.grad


def outputs_that_are_no_tensors(torch: Any) -> Any:
    def backward(ctx: Any, *g: Any) -> Any:
        seen.append(g)
        return g[0]

    seen: list[Any] = []
    x = leaf(torch, 2.0)
    y, text, none = _made(torch, lambda ctx, x: (x * 2, "text", None), backward).apply(x)
    y.backward()
    return [
        (text, none, seen, x.grad),
        _made(torch, lambda ctx, x: 3.0).apply(x),
        _made(torch, lambda ctx, x: None).apply(x),
        repr(_made(torch, lambda ctx, x: [x * 1]).apply(x)),
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
    y, z = _made(torch, forward, backward).apply(x)
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
    y, z, n = _made(torch, forward, backward).apply(x)
    y.sum().backward()
    return [t.requires_grad for t in (y, z, n)], [t.is_leaf for t in (y, z, n)], seen, x.grad


def no_output_with_gradient(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        y = x * 2
        ctx.mark_non_differentiable(y)
        return y

    y = _made(torch, forward).apply(leaf(torch, 2.0))
    return y, y.requires_grad, y.grad_fn


def an_input_without_gradient_is_returned(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.mark_non_differentiable(x)
        return x

    x = leaf(torch, 2.0)
    y = _made(torch, forward).apply(x)
    return y is x, y.requires_grad, x.requires_grad


def an_input_is_returned(torch: Any) -> Any:
    function = _made(torch, lambda ctx, x: x, lambda ctx, g: g * 10)
    x = leaf(torch, 1.0, 2.0)
    y = function.apply(x)
    y.sum().backward()
    z = function.apply(y)
    with torch.no_grad():
        without = function.apply(x)
    return y is x, y.is_leaf, type(y.grad_fn).__name__, x.is_leaf, x.grad, z is y, without is x, without.requires_grad


def inputs_are_swapped(torch: Any) -> Any:
    function = _made(torch, lambda ctx, a, b: (b, a), lambda ctx, g, h: (h * 10, g * 100))
    a, b = leaf(torch, 1.0), leaf(torch, 2.0)
    first, second = function.apply(a, b)
    (first * 3 + second * 5).backward()
    return first, second, a.grad, b.grad


def in_place_on_outputs_that_are_views(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    returned = _made(torch, lambda ctx, x: x)
    reshaped = _made(torch, lambda ctx, x: x.reshape(2, 1), lambda ctx, g: g.reshape(2))
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
    y = _made(torch, lambda ctx, x: x.reshape(2, 1), lambda ctx, g: g.reshape(2) * 10).apply(x)
    (y * torch.tensor([[3.0], [5.0]])).sum().backward()
    return y, type(y.grad_fn).__name__, x.grad


def _add_one(ctx: Any, x: Any) -> Any:
    x.add_(1)
    ctx.mark_dirty(x)
    return x


def dirty_inputs(torch: Any) -> Any:
    function = _made(torch, _add_one, lambda ctx, g: g * 10)
    x = leaf(torch, 1.0, 2.0)
    y = x * 3
    z = function.apply(y)
    z.sum().backward()
    return z is y, z, z._version, type(y.grad_fn).__name__, x.grad


def a_dirty_view(torch: Any) -> Any:
    function = _made(torch, _add_one, lambda ctx, g: g * 10)
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
        attempt(_made(torch, _add_one).apply, x),
        attempt(_made(torch, not_returned).apply, x * 1),
        attempt(_made(torch, with_another).apply, (x * 1)[:1]).partition(" You can ask")[0],
    ]


def a_saved_dirty_input(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        x.exp_()
        ctx.mark_dirty(x)
        ctx.save_for_backward(x)
        return x

    def backward(ctx: Any, g: Any) -> Any:
        return g * ctx.saved_tensors[0]

    x = leaf(torch, 0.0, 1.0)
    _made(torch, forward, backward).apply(x * 1).sum().backward()
    return x.grad


def a_separate_context(torch: Any) -> Any:
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        x, scale = inputs
        seen.append((torch.is_grad_enabled(), len(inputs), x.requires_grad, output[1]))
        ctx.scale = scale
        ctx.save_for_backward(x, output[0])

    def backward(ctx: Any, g: Any, _: Any) -> Any:
        x, result = ctx.saved_tensors
        seen.append((result, ctx.needs_input_grad))
        return g * 2 * x * ctx.scale, None

    seen: list[Any] = []
    function = _made(torch, lambda x, scale=3: (x * x * scale, scale), backward, setup_context=setup_context)
    x = leaf(torch, 2.0)
    y, scale = function.apply(x)
    y.backward()
    function.apply(x, scale=5)[0].backward()
    first, _ = function.apply(x, 1)
    (derivative,) = torch.autograd.grad(first, x, create_graph=True)
    return y, scale, seen, x.grad, torch.autograd.grad(derivative, x)


def keywords(torch: Any) -> Any:
    def forward(ctx: Any, x: Any, a: Any = 2, b: Any = 3, *, c: Any = 4) -> Any:
        seen.append((a, b, c, ctx.needs_input_grad))
        return x * a * b

    seen: list[Any] = []
    x = leaf(torch, 2.0)
    function = _made(torch, forward, lambda ctx, g: (g, None, g * 7)[: len(ctx.needs_input_grad)])
    function.apply(x=x).backward()
    function.apply(x, a=5).backward()
    function.apply(x, b=x, a=1).backward()
    return seen, x.grad, attempt(function.apply, x, z=1), attempt(function.apply, x, c=1)


def what_is_not_implemented(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    nothing = type("Nothing", (torch.autograd.Function,), {})
    forward_only = type("Forward", (torch.autograd.Function,), {"forward": staticmethod(lambda ctx, x: x * 2)})
    both = _made(torch, lambda ctx, x: x * 1, vjp=lambda ctx, g: g)
    return [
        attempt(nothing.apply, x),
        attempt(torch.autograd.Function.apply, x),
        attempt(forward_only.apply(x).backward),
        attempt(both.apply(x).backward),
    ]


def backward_under_its_other_name(torch: Any) -> Any:
    members = {"forward": staticmethod(lambda ctx, x: x * 1), "vjp": staticmethod(lambda ctx, g: g * 7)}
    x = leaf(torch, 2.0)
    type("Made", (torch.autograd.Function,), members).apply(x).backward()
    return x.grad


def subclasses_of_functions(torch: Any) -> Any:
    triple = type("Triple", (_square(torch),), {"forward": staticmethod(lambda ctx, x: _keep_first(ctx, x) * 3)})
    x = leaf(torch, 2.0)
    y = triple.apply(x)
    y.backward()
    return repr(y), x.grad


def _once(torch: Any) -> Any:
    def backward(ctx: Any, g: Any) -> Any:
        assert not torch.is_grad_enabled()
        (x,) = ctx.saved_tensors
        return g * 2 * x

    return _made(torch, _keep_first, torch.autograd.function.once_differentiable(backward))


def differentiable_once(torch: Any) -> Any:
    x, v = leaf(torch, 2.0), leaf(torch, 1.0)
    _once(torch).apply(x).backward()
    (without,) = torch.autograd.grad(_once(torch).apply(x), x, create_graph=True)
    (first,) = torch.autograd.grad(_once(torch).apply(x), x, v, create_graph=True)
    return (
        x.grad,
        without.requires_grad,
        repr(first),
        repr(first.grad_fn),
        attempt(torch.autograd.grad, first, x),
        attempt((first * 2).backward),
    )


def differentiable_once_in_a_graph(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    y = _once(torch).apply(x * x) * x
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    return first, attempt(first.backward)


def a_gradient_is_summed_to_the_inputs_shape(torch: Any) -> Any:
    x = torch.ones(2, 1, requires_grad=True)
    _made(torch, lambda ctx, x: x * torch.ones(2, 3), lambda ctx, g: g).apply(x).sum().backward()
    return x.grad


def hooks_on_its_node(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    y = _square(torch).apply(x)
    seen = []
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi, go)))
    y.register_hook(lambda g: g * 10)
    y.backward()
    return seen, x.grad


def backward_fails(torch: Any) -> Any:
    def backward(ctx: Any, g: Any) -> Any:
        raise ValueError("from the user")

    x = leaf(torch, 2.0)
    return attempt(_made(torch, lambda ctx, x: x * 1, backward).apply(x).backward), x.grad, torch.is_grad_enabled()


def forward_fails(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        raise ValueError("from the user")

    return attempt(_made(torch, forward).apply, leaf(torch, 2.0)), torch.is_grad_enabled()
