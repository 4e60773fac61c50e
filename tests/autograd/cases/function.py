"""Functions with a backward of their own."""

from collections.abc import Callable
from typing import Any

from tests.autograd.cases._shared import attempt, keep_first, leaf, made, read, square


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
    y = square(torch).apply(x * 3) + x
    y.sum().backward()
    return y, x.grad


def higher_derivatives(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = square(torch).apply(square(torch).apply(x))
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
    made(torch, forward, backward).apply(x).backward()
    torch.autograd.grad(made(torch, forward, backward).apply(x), x, create_graph=True)
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
    y = made(torch, forward, backward).apply(x, 3)
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
    made(torch, forward, backward).apply(x, x * 5).backward()
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
    y = made(torch, forward, backward).apply(x)
    seen = [y]
    for _ in range(3):
        (y,) = torch.autograd.grad(y, x, create_graph=True)
        seen.append(y)
    return seen


def saved_tensors_are_freed(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    saving = made(torch, keep_first, read)
    first, second = saving.apply(x), saving.apply(x)
    first.backward()
    second.backward(retain_graph=True)
    not_saving = made(torch, lambda ctx, x: x * 1, lambda ctx, g: g).apply(x)
    not_saving.backward()
    reading = made(torch, lambda ctx, x: x * 1, lambda ctx, g: (ctx.saved_tensors, g)[1]).apply(x)
    reading.backward()
    return {
        "saved": [attempt(first.backward), attempt(lambda: first.grad_fn.saved_tensors)],
        "retained": [second.grad_fn.saved_tensors, attempt(second.backward), attempt(second.backward)],
        "not saved": attempt(not_saving.backward),
        "not saved but read": attempt(reading.backward),
    }


def saved_tensors_are_changed_in_place(torch: Any) -> Any:
    w = leaf(torch, 2.0, 3.0)
    saving = made(torch, keep_first, lambda ctx, *g: (read(ctx, *g), None))

    def changed(tensor: Any) -> Any:
        y = saving.apply(tensor, w)
        tensor.add_(1)
        return attempt(y.sum().backward).partition(" Hint")[0]

    y = square(torch).apply(w * 1)
    return {"computed": changed(w * 2), "constant": changed(torch.ones(2)), "unused": y.add_(1).requires_grad}


def a_saved_result_is_changed_in_place(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        result = x.exp()
        ctx.save_for_backward(result)
        return result

    y = made(torch, forward, read).apply(leaf(torch, 2.0, 3.0))
    y.mul_(2)
    return attempt(y.sum().backward).partition(" Hint")[0]


def only_tensors_can_be_saved(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        ctx.save_for_backward(x, 3)
        return x * 1

    return attempt(made(torch, forward).apply, leaf(torch, 2.0))


def needs_input_grad(torch: Any) -> Any:
    def forward(ctx: Any, *args: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return args[0] * 1

    def backward(ctx: Any, g: Any) -> Any:
        seen.append(ctx.needs_input_grad)
        return g, None, None, None

    seen: list[Any] = []
    function = made(torch, forward, backward)
    x, constant = leaf(torch, 2.0), torch.tensor(1.0)
    function.apply(x, constant, 3, x * 2).backward()
    with torch.no_grad():
        seen.append(function.apply(x, constant, 3, x).requires_grad)
    seen.append(function.apply(constant, constant, 3, constant).requires_grad)
    return seen


def arguments_that_are_no_tensors(torch: Any) -> Any:
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    function = made(torch, lambda ctx, a, x, b, w: x * a * w, lambda ctx, g: (None, g * 2, None, g * 3))
    y = function.apply(7, x, {"any": "thing"}, w)
    y.backward()
    return y, x.grad, w.grad, [(type(node).__name__, number) for node, number in y.grad_fn.next_functions]


def next_functions_of_constants(torch: Any) -> Any:
    function = made(torch, lambda ctx, x, k, c: x * 1, lambda ctx, g: (g, None, None))
    y = function.apply(leaf(torch, 2.0) * 2, 3, torch.tensor(1.0))
    return [(type(node).__name__, number) for node, number in y.grad_fn.next_functions]


def _returns(torch: Any, backward: Callable[..., Any], *args: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    function = made(torch, lambda ctx, x, *others: x * 1, backward)
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
    function = made(torch, lambda ctx, k, c, x: x * 1, lambda ctx, g: (None, None, torch.ones(3)))
    return attempt(function.apply(4, torch.ones(1), x).sum().backward)


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
    function = made(torch, lambda x, scale=3: (x * x * scale, scale), backward, setup_context=setup_context)
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
    function = made(torch, forward, lambda ctx, g: (g, None, g * 7)[: len(ctx.needs_input_grad)])
    function.apply(x=x).backward()
    function.apply(x, a=5).backward()
    function.apply(x, b=x, a=1).backward()
    return seen, x.grad, attempt(function.apply, x, z=1), attempt(function.apply, x, c=1)


def what_is_not_implemented(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    nothing = type("Nothing", (torch.autograd.Function,), {})
    forward_only = type("Forward", (torch.autograd.Function,), {"forward": staticmethod(lambda ctx, x: x * 2)})
    both = made(torch, lambda ctx, x: x * 1, vjp=lambda ctx, g: g)
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
    triple = type("Triple", (square(torch),), {"forward": staticmethod(lambda ctx, x: keep_first(ctx, x) * 3)})
    x = leaf(torch, 2.0)
    y = triple.apply(x)
    y.backward()
    return repr(y), x.grad


def _once(torch: Any) -> Any:
    def backward(ctx: Any, g: Any) -> Any:
        assert not torch.is_grad_enabled()
        (x,) = ctx.saved_tensors
        return g * 2 * x

    return made(torch, keep_first, torch.autograd.function.once_differentiable(backward))


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
    made(torch, lambda ctx, x: x * torch.ones(2, 3), lambda ctx, g: g).apply(x).sum().backward()
    return x.grad


def hooks_on_its_node(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    y = square(torch).apply(x)
    seen = []
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi, go)))
    y.register_hook(lambda g: g * 10)
    y.backward()
    return seen, x.grad


def backward_fails(torch: Any) -> Any:
    def backward(ctx: Any, g: Any) -> Any:
        raise ValueError("from the user")

    x = leaf(torch, 2.0)
    return attempt(made(torch, lambda ctx, x: x * 1, backward).apply(x).backward), x.grad, torch.is_grad_enabled()


def forward_fails(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        raise ValueError("from the user")

    return attempt(made(torch, forward).apply, leaf(torch, 2.0)), torch.is_grad_enabled()
