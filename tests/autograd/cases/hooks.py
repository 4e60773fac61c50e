"""Hooks of tensors and nodes, retain_grad, and looking into the graph."""

from collections.abc import Callable
from typing import Any

from tests.autograd.cases._shared import attempt, leaf


def _hooked(torch: Any, hook: Callable[..., Any], on_leaf: bool = False) -> Any:
    x = leaf(torch, 1.0, 2.0)
    y = x * 3
    (x if on_leaf else y).register_hook(hook)
    error = attempt((y * y).sum().backward)
    return error or x.grad


def tensor_hooks(torch: Any) -> Any:
    found = {}
    for on_leaf in (False, True):
        found["leaf" if on_leaf else "computed"] = {
            "sees": _hooked(torch, lambda g: None, on_leaf),
            "replaces": _hooked(torch, lambda g: g * 10, on_leaf),
            "number": _hooked(torch, lambda g: 3, on_leaf),
            "size": _hooked(torch, lambda g: g.sum(), on_leaf),
            "type": _hooked(torch, lambda g: g.to(torch.float64), on_leaf),
        }
    return found


def the_order_of_tensor_hooks(torch: Any) -> Any:
    x = leaf(torch, 1.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: seen.append(g.tolist()))
    x.register_hook(lambda g: g * 2)
    (x * 5).backward()
    return seen, x.grad


def a_leaf_hook_sees_the_whole_gradient(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 3 + x * 4 + x).backward()
    return seen


def removed_hooks(torch: Any) -> Any:
    x = leaf(torch, 1.0)
    y = x * 1
    seen = []
    handles = [y.register_hook(lambda g, n=n: seen.append(n)) for n in range(3)]
    handles[1].remove()
    handles[1].remove()
    y.backward(retain_graph=True)
    for handle in handles:
        handle.remove()
    y.backward()
    with x.register_hook(lambda g: seen.append("block")):
        (x * 1).backward()
    (x * 1).backward()
    return seen


def a_hook_that_removes_itself(torch: Any) -> Any:
    x = leaf(torch, 1.0)
    seen = []

    def once(g: Any) -> None:
        seen.append(g.tolist())
        handle.remove()

    handle = x.register_hook(once)
    (x * 2).backward()
    (x * 3).backward()
    return seen


def hooks_and_grad(torch: Any) -> Any:
    x = leaf(torch, 1.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    x.register_hook(lambda g: g * 100)
    return torch.autograd.grad(y * 3, x), torch.autograd.grad(y * 3, y), x.grad


def hooks_under_create_graph(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * x
    modes = []
    y.register_hook(lambda g: modes.append(torch.is_grad_enabled()) or g * x)
    (first,) = torch.autograd.grad(y * y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    return modes, first, second


def the_mode_in_hooks(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    modes = []
    x.register_hook(lambda g: modes.append(torch.is_grad_enabled()))
    x.register_post_accumulate_grad_hook(lambda t: modes.append(torch.is_grad_enabled()))
    (x * x).backward()
    (x * x).backward(create_graph=True)
    return modes


def hooks_where_no_gradient_is_wanted(torch: Any) -> Any:
    constant, x = torch.ones(2), leaf(torch, 3.0)
    return [
        attempt(constant.register_hook, print),
        attempt(constant.retain_grad),
        attempt(constant.register_post_accumulate_grad_hook, print),
        attempt((x * 2).register_post_accumulate_grad_hook, print),
    ]


def retained_gradients(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * x
    before = y.retains_grad
    y.retain_grad()
    y.retain_grad()
    x.retain_grad()
    y.register_hook(lambda g: g * 10)
    (y * y).backward(retain_graph=True)
    once = y.grad.tolist()
    (y * 1).backward()
    return before, y.retains_grad, x.retains_grad, once, y.grad, x.grad


def retained_under_create_graph(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * x
    y.retain_grad()
    (y * y).backward(create_graph=True)
    return y.grad, y.grad.requires_grad, torch.autograd.grad(y.grad, x)


def retained_of_a_second_walk_is_another_tensor(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    z = (y * y).sum()
    z.backward(retain_graph=True)
    before = y.grad
    z.backward()
    return before, y.grad


def retained_then_changed_in_place(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    y.retain_grad()
    y.mul_(5)
    (y * 7).sum().backward()
    return y.grad, x.grad


def hooked_then_changed_in_place(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    y = x * 2
    seen = []
    y.register_hook(lambda g: seen.append(("before", g.tolist())))
    y.mul_(5)
    y.register_hook(lambda g: seen.append(("after", g.tolist())))
    (y * 7).sum().backward()
    return seen


def post_accumulate_hooks(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    seen = []
    handle = x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.tolist())))
    (x * 2).backward()
    (x * 2).backward()
    torch.autograd.grad(x * 2, x)
    handle.remove()
    (x * 2).backward()
    return seen


def an_optimizer_in_a_hook(torch: Any) -> Any:
    x = leaf(torch, 3.0)

    def step(t: Any) -> None:
        t.sub_(t.grad * 0.5)
        t.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * x).backward()
    return x, x.grad, x.is_leaf


def _node_hooked(torch: Any, hook: Callable[..., Any], before: bool = False) -> Any:
    x, w = leaf(torch, 2.0, 1.0), leaf(torch, 5.0, 7.0)
    node = (x * w).grad_fn
    y = x * w
    node = y.grad_fn
    (node.register_prehook if before else node.register_hook)(hook)
    error = attempt(y.sum().backward)
    return error or (x.grad, w.grad)


def node_hooks(torch: Any) -> Any:
    return {
        "replaces": _node_hooked(torch, lambda gi, go: (gi[0] * 2, gi[1])),
        "None": _node_hooked(torch, lambda gi, go: (gi[0] * 2, None)),
        "tensor": _node_hooked(torch, lambda gi, go: gi[0] * 2),
        "too few": _node_hooked(torch, lambda gi, go: (gi[0],)),
        "number": _node_hooked(torch, lambda gi, go: 3),
        "numbers": _node_hooked(torch, lambda gi, go: (3, 2)),
        "list": _node_hooked(torch, lambda gi, go: [gi[0], gi[1]]),
    }


def what_node_hooks_see(torch: Any) -> Any:
    seen = []
    result = _node_hooked(torch, lambda gi, go: seen.append((gi, go)))
    x = leaf(torch, 2.0)
    y = x * 3
    y.grad_fn.register_hook(lambda gi, go: seen.append((gi, go)))
    y.backward()
    return result, seen


def node_prehooks(torch: Any) -> Any:
    seen = []
    return {
        "sees": (_node_hooked(torch, lambda go: seen.append(go), before=True), seen),
        "replaces": _node_hooked(torch, lambda go: (go[0] * 2,), before=True),
        "tensor": _node_hooked(torch, lambda go: go[0] * 2, before=True),
        "number": _node_hooked(torch, lambda go: 3, before=True),
        "too many": _node_hooked(torch, lambda go: (go[0], go[0]), before=True),
    }


def the_order_of_all_hooks(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    y = x * 3
    seen = []
    y.register_hook(lambda g: seen.append("tensor"))
    y.grad_fn.register_hook(lambda gi, go: seen.append("node"))
    y.grad_fn.register_prehook(lambda go: seen.append("prehook"))
    x.register_hook(lambda g: seen.append("leaf"))
    x.register_post_accumulate_grad_hook(lambda t: seen.append("accumulated"))
    y.backward()
    return seen


def removed_node_hooks(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    y = x + 3
    seen = []
    handles = [
        y.grad_fn.register_hook(lambda gi, go: seen.append("node")),
        y.grad_fn.register_prehook(lambda go: seen.append("prehook")),
    ]
    y.backward()
    for handle in handles:
        handle.remove()
    y.backward()
    return seen


def the_graph(torch: Any) -> Any:
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    y = torch.exp(x * w) + 2

    def tree(node: Any) -> Any:
        if node is None:
            return None
        return type(node).__name__, node.name(), [(tree(parent), number) for parent, number in node.next_functions]

    return tree(y.grad_fn)


def the_accumulators(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    first, second = (x * 2).grad_fn, (x * 3).grad_fn
    accumulator = first.next_functions[0][0]
    return (
        accumulator is second.next_functions[0][0],
        accumulator.variable is x,
        accumulator.next_functions,
        repr(accumulator),
        isinstance(accumulator, torch.autograd.graph.Node),
        isinstance(first, torch.autograd.graph.Node),
        repr(first),
    )


def metadata(torch: Any) -> Any:
    node = (leaf(torch, 2.0) * 2).grad_fn
    before = dict(node.metadata)
    node.metadata["key"] = 3
    return before, node.metadata


def when_leaf_hooks_run(torch: Any) -> Any:
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    seen: list[str] = []

    def note(text: str) -> Callable[..., None]:
        return lambda *arguments: seen.append(text)

    y = torch.exp(x)
    x.register_hook(note("x"))
    w.register_hook(note("w"))
    y.register_hook(note("y"))
    x.register_post_accumulate_grad_hook(note("x accumulated"))
    w.register_post_accumulate_grad_hook(note("w accumulated"))
    z = y * w
    z.backward(retain_graph=True)
    seen.append("grad")
    torch.autograd.grad(z, (x, w), retain_graph=True)
    seen.append("inputs")
    z.backward(inputs=[w])
    return seen


def a_leaf_used_often_has_its_hook_run_once(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    y = torch.exp(x) * x
    torch.autograd.backward([x, y * x], [torch.tensor(100.0), None])
    return seen, x.grad


def a_post_accumulate_hook_that_returns_something(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    x.register_post_accumulate_grad_hook(lambda t: t.grad)
    return attempt((x * 3).backward), x.grad


def hooks_of_accumulators(torch: Any) -> Any:
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    seen: list[Any] = []
    (accumulator, _), _ = (x * w).grad_fn.next_functions
    x.register_hook(lambda g: g + 1)
    x.register_post_accumulate_grad_hook(lambda t: seen.append(("accumulated", t.grad.tolist())))
    accumulator.register_prehook(lambda go: (go[0] * 10,))
    accumulator.register_prehook(lambda go: seen.append(("before", go)))
    accumulator.register_hook(lambda gi, go: seen.append(("after", gi, go, x.grad.tolist())))
    (x * w).backward()
    return seen, torch.autograd.grad(x * w, x), x.grad, attempt(w.backward, inputs=[w]), len(seen)


def hooks_of_outputs_without_gradient(torch: Any) -> Any:
    x = leaf(torch, 2.0, 3.0)
    seen: list[Any] = []
    first, second = x.unbind()
    first.register_hook(seen.append)
    (second * 3).backward()
    third, fourth = x.unbind()
    third.register_hook(lambda g: torch.tensor(1.0))
    return seen, attempt((fourth * 3).backward)


def a_node_hook_that_makes_a_gradient(torch: Any) -> Any:
    return _node_hooked_with_a_constant(torch, lambda gi, go: (gi[0], torch.ones(2)))


def _node_hooked_with_a_constant(torch: Any, hook: Callable[..., Any]) -> Any:
    y = leaf(torch, 2.0, 3.0) * torch.ones(2)
    y.grad_fn.register_hook(hook)
    return attempt(y.sum().backward)


def hooks_of_a_computed_input(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    y = x * 3
    seen: list[str] = []
    y.register_hook(lambda g: seen.append("tensor"))
    y.grad_fn.register_prehook(lambda go: seen.append("before"))
    y.grad_fn.register_hook(lambda gi, go: seen.append("after"))
    z = y * 2
    z.backward(inputs=[y], retain_graph=True)
    torch.autograd.grad(z, y)
    return seen, y.grad, x.grad
