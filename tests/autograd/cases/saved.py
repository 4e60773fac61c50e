"""Hooks on saved tensors, and looking at what nodes have saved."""

from collections.abc import Callable
from typing import Any

from tests.autograd.cases._shared import attempt, leaf, made, read


def _same(value: Any) -> Any:
    return value


def what_is_packed(torch: Any) -> Any:
    x, w = leaf(torch, 2.0, 3.0), leaf(torch, 5.0, 7.0)
    operations = {
        "add": lambda: x + w,
        "mul": lambda: x * w,
        "mul by a number": lambda: x * 3,
        "mul by a constant": lambda: x * torch.tensor([1.0, 10.0]),
        "exp": lambda: torch.exp(x),
        "sin": lambda: torch.sin(x),
        "pow": lambda: x**2,
        "sum": x.sum,
        "div": lambda: x / w,
        "matmul": lambda: x @ w,
        "view": lambda: x.view(2, 1),
        "maximum": lambda: torch.maximum(x, w),
        "without recording": lambda: torch.no_grad()(torch.exp)(x),
    }
    found = {}
    for name, operation in operations.items():
        seen: list[Any] = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, seen=seen: seen.append(t.tolist()) or t, _same):
            operation()
        found[name] = sorted(seen)
    return found


def hooks_that_change_what_is_saved(torch: Any) -> Any:
    hooks = torch.autograd.graph.saved_tensors_hooks
    x = leaf(torch, 2.0, 3.0)
    with hooks(lambda t: (t * 10).tolist(), lambda kept: torch.tensor(kept)):
        y = x * x
        z = torch.exp(x) * 1
        with hooks(lambda t: t * 3, _same):
            inner = x * x
    outside = x * x
    (third,) = torch.autograd.grad(inner.sum(), x, retain_graph=True)
    return (
        torch.autograd.grad(y.sum(), x),
        torch.autograd.grad(z.sum(), x),
        third,
        torch.autograd.grad(inner.sum(), x),
        torch.autograd.grad(outside.sum(), x),
    )


def packed_in_second_order(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    with torch.autograd.graph.saved_tensors_hooks(_same, _same):
        y = x**3
        (first,) = torch.autograd.grad(y, x, create_graph=True)
        (second,) = torch.autograd.grad(first, x)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: 2 * t, _same):
        doubled = x**3
    (third,) = torch.autograd.grad(doubled, x, create_graph=True)
    return first, second, torch.autograd.grad(third, x)


def packed_before_a_change_in_place(torch: Any) -> Any:
    x, w = leaf(torch, 2.0, 3.0), leaf(torch, 5.0, 7.0)
    seen: list[Any] = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.tolist()) or t.tolist(), torch.tensor):
        y = x * 1
        y.mul_(w)
        y.exp_()
    torch.log(y).sum().backward()
    return sorted(seen), x.grad, w.grad


def hooks_done_wrong(torch: Any) -> Any:
    graph = torch.autograd.graph
    x = leaf(torch, 2.0, 3.0)

    def fails(t: Any) -> Any:
        raise KeyError("mine")

    def changes(t: Any) -> Any:
        t += 1
        return t

    with graph.saved_tensors_hooks(fails, _same):
        packing = attempt(lambda: x * x)
    with graph.saved_tensors_hooks(_same, fails):
        unpacking = attempt((x * x).sum().backward)
    with graph.saved_tensors_hooks(_same, lambda t: 3):
        a_number = attempt((x * x).sum().backward)
    with graph.saved_tensors_hooks(changes, _same):
        changed = attempt(lambda: torch.exp(x)).partition(" Please open")[0]
    return packing, unpacking, a_number, changed


def blocks_without_hooks(torch: Any) -> Any:
    graph = torch.autograd.graph

    def hooked(message: str | None = None) -> Any:
        with graph.saved_tensors_hooks(_same, _same):
            if message is None:
                return "hooked"
            with graph.disable_saved_tensors_hooks(message):
                return "disabled"

    seen = [hooked(), attempt(hooked, "inside")]
    with graph.disable_saved_tensors_hooks("outer"):
        with graph.disable_saved_tensors_hooks("inner"):
            seen.append(attempt(hooked))
        seen.append(attempt(hooked))
    return [*seen, hooked()]


def kept_on_the_cpu(torch: Any) -> Any:
    x = torch.tensor([2.0, 3.0], dtype=torch.float64, requires_grad=True)
    with torch.autograd.graph.save_on_cpu():
        y = (x * x).sum()
    y.backward()
    return x.grad


def what_a_function_saves(torch: Any) -> Any:
    def forward(ctx: Any, x: Any) -> Any:
        result = x * x
        ctx.save_for_backward(x, None, result)
        return result

    def backward(ctx: Any, g: Any) -> Any:
        first, none, result = ctx.saved_tensors
        seen.append((first, none, result, type(result.grad_fn).__name__, first.requires_grad))
        return g * 2 * first

    seen: list[Any] = []
    packed: list[Any] = []
    function = made(torch, forward, backward)
    x = leaf(torch, 2.0, 3.0)
    with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t.tolist()) or t * 10, lambda t: t / 10):
        y = function.apply(x)
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    return packed, seen, first, torch.autograd.grad(first.sum(), x), attempt(lambda: y.grad_fn.saved_tensors)


def a_functions_saved_tensors_are_freed(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    with torch.autograd.graph.saved_tensors_hooks(_same, _same):
        y = made(torch, lambda ctx, x: (ctx.save_for_backward(x), x * 2)[1], read).apply(x)
    y.backward()
    return attempt(y.backward)


def saved_values_of_nodes(torch: Any) -> Any:
    x, w = leaf(torch, 2.0, 3.0), leaf(torch, 5.0, 7.0)
    product, exponential, power = x * w, torch.exp(x), x**2
    constant = x * torch.tensor([1.0, 10.0])
    result = exponential.grad_fn._saved_result
    seen = {
        "mul": (product.grad_fn._saved_self is x, product.grad_fn._saved_other is w),
        "exp": (result, result is exponential, result.grad_fn is exponential.grad_fn, result._version),
        "pow": (power.grad_fn._saved_self is x, power.grad_fn._saved_exponent),
        "not wanted": (constant.grad_fn._saved_self, constant.grad_fn._saved_other),
        "stack": torch.stack([x, w], dim=1).grad_fn._saved_dim,
        "absent": attempt(getattr, (x + w).grad_fn, "_saved_result"),
    }
    with torch.no_grad():
        exponential += 1
    seen["after a change"] = result, result._version
    seen["changed"] = attempt(lambda: exponential.grad_fn._saved_result).partition(". Hint")[0].partition(" instead")[0]
    product.sum().backward()
    seen["freed"] = attempt(lambda: product.grad_fn._saved_self)
    return seen


def hooks_of_one_saved_value(torch: Any) -> Any:
    x = leaf(torch, 2.0, 3.0)

    def registered(pack: Callable[..., Any], unpack: Callable[..., Any]) -> Any:
        y = x * x
        y.grad_fn._raw_saved_self.register_hooks(pack, unpack)
        return y

    y = registered(lambda t: 2 * t, _same)
    raw = y.grad_fn._raw_saved_self
    seen = [y.grad_fn._saved_self, raw.data, raw.unpack_hook is _same, y.grad_fn._raw_saved_other.unpack_hook]
    seen.append(attempt(raw.register_hooks, _same, _same))
    seen.append(torch.autograd.grad(y.sum(), x))
    seen.append(attempt(registered, lambda t, other: t, _same).partition("() ")[2])
    seen.append(attempt((x * torch.ones(2)).grad_fn._raw_saved_self.register_hooks, _same, _same))
    z = torch.exp(x)
    z.grad_fn._raw_saved_result.register_hooks(_same, _same)
    seen.append(z.grad_fn._saved_result.grad_fn is z.grad_fn)
    z.sum().backward()
    return [*seen, x.grad]


def changes_of_what_was_saved(torch: Any) -> Any:
    graph = torch.autograd.graph
    x = leaf(torch, 2.0, 3.0)

    def changed(change: Callable[[Any], Any]) -> Any:
        y = x * 1
        z = (y * y).sum()
        change(y)
        return torch.autograd.grad(z, x)

    changes: dict[str, Callable[[Any], Any]] = {
        "itself": lambda y: y.zero_(),
        "a view": lambda y: y[:1].mul_(10),
        "twice": lambda y: y.add_(1).add_(1),
        "an element": lambda y: y.__setitem__(0, 5.0),
    }
    without = {name: attempt(changed, change)[:60] for name, change in changes.items()}
    with graph.allow_mutation_on_saved_tensors():
        allowed = {name: changed(change) for name, change in changes.items()}
        y = x * 1
        view = y[:]
        first = y * y
        y.exp_()
        second = view * view
        y.zero_()
        several = torch.autograd.grad((first + second).sum(), x)
        left_behind = (x * x).sum()
    with graph.allow_mutation_on_saved_tensors():
        elsewhere = attempt(left_behind.backward).partition(" in which")[0].partition("in which")[0]
    return without, allowed, several, elsewhere


def blocks_that_allow_changes_nest(torch: Any) -> Any:
    allow = torch.autograd.graph.allow_mutation_on_saved_tensors

    def nested() -> None:
        with allow(), allow():
            pass

    return attempt(nested)
