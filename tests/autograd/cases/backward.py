"""backward() and grad(): values, what is accumulated where, and errors."""

from collections.abc import Callable
from typing import Any

from tests.autograd.cases._shared import attempt, leaf


def output_is_not_a_scalar(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    return [attempt(f) for f in ((x * 2).backward, x.backward, lambda: torch.autograd.grad(x * 2, x))]


def output_has_no_graph(torch: Any) -> Any:
    s, constant = leaf(torch, 3.0), torch.tensor(1.0)
    return [attempt(constant.backward), attempt(torch.autograd.backward, [s * 2, constant])]


def input_does_not_require_grad(torch: Any) -> Any:
    constant = torch.tensor(1.0)
    grad = torch.autograd.grad
    return [attempt(grad, leaf(torch, 3.0) * 2, constant), attempt(grad, constant * 2, constant)]


def input_is_not_used(torch: Any) -> Any:
    s, x = leaf(torch, 3.0), leaf(torch, 1.0, 2.0)
    grad = torch.autograd.grad
    return {
        "default": attempt(grad, s * 2, x),
        "second": attempt(grad, s * 2, (s, x)),
        "allow_unused": attempt(grad, s * 2, (s, x), allow_unused=True),
        "materialize_grads": attempt(grad, s * 2, (s, x), materialize_grads=True),
        "contradiction": attempt(grad, s * 2, x, materialize_grads=True, allow_unused=False),
        "computed later": attempt(grad, s * 2, s * 3),
    }


def nothing_is_given(torch: Any) -> Any:
    s = leaf(torch, 3.0)
    return [
        attempt(torch.autograd.grad, s * 2, []),
        attempt((s * 2).backward, inputs=[]),
        attempt(torch.autograd.backward, []),
        attempt(torch.autograd.grad, [], s),
    ]


def cotangents(torch: Any) -> Any:
    x, one, two = leaf(torch, 1.0, 2.0), torch.ones(2), torch.tensor([2.0, 3.0])
    grad = torch.autograd.grad
    return {
        "tensor": attempt(grad, x * x, x, two),
        "list": attempt(grad, [x * x, x * 3], x, [one, two]),
        "None for a scalar": attempt(grad, [x.sum(), x * 3], x, [None, two]),
        "None for a vector": attempt(grad, [x * 2], x, [None]),
        "shape": attempt(grad, x * 2, x, torch.ones(3)),
        "shape in backward": attempt((x * 2).backward, torch.ones(3)),
        "broadcastable shape": attempt(grad, x * 2, x, torch.ones(1)),
        "number": attempt(grad, x * 2, x, [3]),
        "other dtype": attempt(grad, x * 2, x, torch.ones(2, dtype=torch.float64)),
    }


def cotangent_that_requires_grad(torch: Any) -> Any:
    x, v = leaf(torch, 1.0, 2.0), leaf(torch, 3.0, 4.0)
    (first,) = torch.autograd.grad(x * x, x, v, create_graph=True)
    return first, torch.autograd.grad(first.sum(), (x, v))


def _twice(torch: Any, make: Callable[[Any], Any]) -> list[Any]:
    """The second walk's outcome, by backward, by grad, and after retain_graph."""
    x = leaf(torch, 3.0)
    first, second, third, fourth = make(x), make(x), make(x), make(x)
    first.backward()
    torch.autograd.grad(second, x)
    third.backward(retain_graph=True)
    torch.autograd.grad(fourth, x, create_graph=True)
    return [
        attempt(first.backward),
        attempt(torch.autograd.grad, second, x),
        attempt(third.backward),
        attempt(third.backward),
        attempt(fourth.backward),
    ]


def second_walk_after_a_value_was_saved(torch: Any) -> Any:
    return {
        "2 * x": _twice(torch, lambda x: 2 * x),
        "x * x": _twice(torch, lambda x: x * x),
        "exp": _twice(torch, torch.exp),
        "x / 2": _twice(torch, lambda x: x / 2),
        "two nodes": _twice(torch, lambda x: torch.sin(x) + 1),
    }


def second_walk_after_no_value_was_saved(torch: Any) -> Any:
    return {
        "x + 2": _twice(torch, lambda x: x + 2),
        "-x": _twice(torch, lambda x: -x),
        "x - x": _twice(torch, lambda x: x - x),
        "clone": _twice(torch, lambda x: x.clone()),
    }


def gradients_accumulate(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    seen = []
    for _ in range(3):
        (x * x).sum().backward()
        seen.append(x.grad.tolist())
    x.grad = None
    (x * 5).sum().backward()
    return seen, x.grad


def accumulated_in_the_same_memory(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    (x * x).sum().backward()
    before = x.grad
    (x * x).sum().backward()
    kept = x.grad is before
    (x * x).sum().backward(create_graph=True)
    return kept, before, x.grad is before, x.grad, x.grad.requires_grad


def accumulated_in_a_gradient_that_has_a_graph(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    (x * x).sum().backward(create_graph=True)
    before = x.grad
    (x * x).sum().backward()
    return x.grad is before, x.grad, x.grad.requires_grad


def leaf_that_no_longer_requires_grad(torch: Any) -> Any:
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    y, z = x * w, w * 3
    x.requires_grad_(False)
    y.backward()
    w.detach_()
    z.backward()
    return x.grad, w.grad


def inputs_of_backward(torch: Any) -> Any:
    x, w = leaf(torch, 2.0), leaf(torch, 5.0)
    y = x * w
    (y * y).backward(inputs=[x], retain_graph=True)
    only_x = x.grad.tolist(), w.grad
    (y * y).backward(inputs=w)
    return only_x, x.grad, w.grad


def input_of_backward_is_computed(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    y = x * x
    y.retain_grad()
    z = y * 3
    z.backward(inputs=[y])
    return y.grad, x.grad


def input_of_backward_does_not_require_grad(torch: Any) -> Any:
    return attempt((leaf(torch, 2.0) * 2).backward, inputs=[torch.ones(1)])


def the_same_input_twice(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    return torch.autograd.grad(x * x, (x, x))


def the_same_output_twice(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * x
    torch.autograd.backward([y, y])
    return x.grad


def the_same_operand_twice(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * x
    (first,) = torch.autograd.grad(y + y * y, x, create_graph=True)
    return first, torch.autograd.grad(first, x)


def the_output_is_a_leaf(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    x.backward()
    return x.grad, torch.autograd.grad(x, x), torch.autograd.grad(x, x, torch.tensor(5.0))


def an_output_that_is_another_ones_operand(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * x
    z = torch.sin(y)
    torch.autograd.backward([z, y], [torch.tensor(2.0), torch.tensor(10.0)])
    return x.grad


def gradient_by_an_intermediate_value(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * x
    z = y * y * x
    return torch.autograd.grad(z, (y, x), retain_graph=True), torch.autograd.grad(z, y)


def the_nth_derivative_past_zero(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    derivative = x**3
    seen = []
    for _ in range(5):
        if not derivative.requires_grad:
            seen.append("no graph")
            break
        (derivative,) = torch.autograd.grad(derivative, x, create_graph=True)
        seen.append(derivative.tolist())
    return seen


def many_orders_of_sin(torch: Any) -> Any:
    x = torch.tensor(0.5, dtype=torch.float64, requires_grad=True)
    derivative = torch.sin(x) * x
    seen = []
    for _ in range(6):
        (derivative,) = torch.autograd.grad(derivative, x, create_graph=True)
        seen.append(derivative.tolist())
    return seen


def broadcast_operands(torch: Any) -> Any:
    a, b = torch.ones(3, 1, requires_grad=True), torch.tensor([1.0, 2.0], requires_grad=True)
    c = leaf(torch, 4.0)
    y = a * b + c
    y.backward(torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]))
    return a.grad, b.grad, c.grad


def mixed_dtypes(torch: Any) -> Any:
    a = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
    b = leaf(torch, 3.0, 4.0)
    half = torch.tensor(2.0, dtype=torch.float16, requires_grad=True)
    y = a * b * half
    y.sum().backward()
    return y.dtype == torch.float64, a.grad, b.grad, half.grad


def grad_of_a_value_that_is_no_leaf(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * 2
    y.retain_grad()
    (y * y).backward()
    return y.grad, x.grad, y.retains_grad, x.retains_grad


def assigned_gradients(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)

    def assign(value: Any) -> Any:
        x.grad = value
        return x.grad

    return {
        "fits": attempt(assign, torch.ones(2)),
        "number": attempt(assign, 3),
        "None": attempt(assign, None),
    }


def a_saved_value_is_changed_in_place(torch: Any) -> Any:
    w = leaf(torch, 1.0, 2.0)

    def changed(make: Callable[[Any], Any]) -> Any:
        y = w * 1
        z = make(y)
        y.add_(1)
        result = attempt(z.sum().backward)
        return result.partition(" Hint")[0] if isinstance(result, str) else "passes"

    constant = torch.ones(2)
    product = w * constant
    constant.mul_(2)
    return {
        "operand": changed(lambda y: y * w),
        "operand of sin": changed(torch.sin),
        "not saved": changed(lambda y: y + w),
        "saved by nobody": changed(lambda y: y * 3),
        "constant": attempt(product.sum().backward).partition(" Hint")[0],
    }


def a_saved_result_is_changed_in_place(torch: Any) -> Any:
    y = leaf(torch, 1.0, 2.0).exp()
    y.mul_(2)
    return attempt(y.sum().backward).partition(" Hint")[0]


def detached_parts_are_constants(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    (x * x.detach()).backward()
    return x.grad


def integers_do_not_take_part(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    n = torch.tensor(4)
    (x * n).backward()
    return x.grad, attempt(torch.tensor, 3, requires_grad=True)


def materialized_and_recorded(torch: Any) -> Any:
    x, a = leaf(torch, 0.5), leaf(torch, 1.0)
    (first,) = torch.autograd.grad(x * a, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x, create_graph=True, materialize_grads=True)
    (third,) = torch.autograd.grad(second, x, materialize_grads=True)
    return first, second, second.requires_grad, third, third.requires_grad


def how_recorded_gradients_print(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    seen = []
    for _ in range(2):
        (x * x).backward(create_graph=True)
        seen.append(repr(x.grad))
    return seen


def a_view_that_was_changed_without_recording(torch: Any) -> Any:
    x = leaf(torch, 1.0, 2.0)
    with torch.no_grad():
        view = x[:1]
        view.mul_(5)
    return repr(view), x, attempt(lambda: view.grad_fn), view._is_view(), x._is_view()


def what_cannot_be_deleted(torch: Any) -> Any:
    x = leaf(torch, 1.0)
    x.backward()
    del x.grad
    return x.grad, attempt(delattr, x, "data")


def rows_of_cotangents(torch: Any) -> Any:
    x, y = leaf(torch, 2.0, 3.0), leaf(torch, 5.0)
    grad = torch.autograd.grad
    rows = torch.tensor([[1.0, 0.0], [0.0, 1.0], [10.0, 100.0]])
    (jacobian, by_y) = grad(x * x * y, (x, y), rows, is_grads_batched=True)
    (first,) = grad(x * x * x, x, torch.eye(2), is_grads_batched=True, create_graph=True)
    return {
        "jacobian": (jacobian, by_y),
        "of a scalar": grad((x * x).sum(), x, torch.tensor([1.0, 2.0]), is_grads_batched=True),
        "unused": grad(x * 2, (x, y), rows, is_grads_batched=True, allow_unused=True),
        "second order": grad(first[0, 0], x),
        "another shape": attempt(grad, x * 2, x, torch.ones(2, 3), is_grads_batched=True).partition("grad_output[0]")[
            0
        ],
        "no rows": attempt(grad, x * 2, x, torch.ones(2), is_grads_batched=True).partition("grad_output[0]")[0],
    }


def gradient_edges(torch: Any) -> Any:
    edge = torch.autograd.graph.get_gradient_edge
    grad = torch.autograd.grad
    x = leaf(torch, 1.0, 2.0)
    y = x * 3
    before = edge(y)
    y *= 10
    first, second = (x * 1).unbind()
    parts = edge(second)
    seen = {
        "of a leaf": (edge(x).output_nr, edge(x).node.variable is x),
        "input": grad((x * x).sum(), edge(x)),
        "before and after a change": grad(y.sum(), (before, y)),
        "one of several outputs": (parts.output_nr, grad(first * 2 + second * 5, parts)),
        "output": grad(edge((x * x).sum()), x),
        "with a cotangent": grad(edge(x * x), x, torch.tensor([1.0, 10.0])),
        "not a scalar": attempt(grad, edge(x * x), x),
        "another shape": attempt(grad, edge(x * x), x, torch.ones(3)),
        "constant": attempt(edge, torch.ones(2)),
        "materialized": attempt(grad, (x * x).sum(), (x, edge(y)), materialize_grads=True),
    }
    torch.autograd.backward((edge((x * 7).sum()), x.sum()))
    z = x * 2
    (z * 100).sum().backward(inputs=(edge(z), edge(x)))
    return seen, x.grad


def an_edge_outlives_its_tensor(torch: Any) -> Any:
    x = leaf(torch, 3.0)
    y = x * 2
    edge = torch.autograd.graph.get_gradient_edge(y)
    del y
    torch.autograd.backward(edge)
    return x.grad


def calling_a_node(torch: Any) -> Any:
    x, w = leaf(torch, 2.0, 3.0), leaf(torch, 5.0, 7.0)
    node = (x * w).grad_fn
    cotangent = torch.tensor([1.0, 10.0])
    with torch.no_grad():
        both = node(cotangent)
    one = torch.exp(x).grad_fn(cotangent)
    return both, one, one.requires_grad, attempt(node), attempt(node, cotangent, cotangent)


def counted_changes(torch: Any) -> Any:
    x = leaf(torch, 2.0)
    a, b = x * 1, torch.ones(2, dtype=torch.int64)
    y = a * a
    torch.autograd.graph.increment_version(a)
    torch.autograd.graph.increment_version((b, b))
    return a._version, b._version, attempt(y.backward).partition(" instead.")[0]


def variables(torch: Any) -> Any:
    constant = torch.ones(2)
    variable = torch.autograd.Variable(constant, requires_grad=True)
    constant[0] = 5
    (variable * 3).sum().backward()
    return (
        variable,
        variable.grad,
        constant.requires_grad,
        [isinstance(thing, torch.autograd.Variable) for thing in (constant, variable, 3)],
        attempt(torch.autograd.Variable, 3.0),
    )
