"""In-place operations and views: values, gradients, versions and errors are PyTorch's."""

import gc
import weakref
from typing import Any

import pytest

import gradcu
from tests.golden import load
from tests.programs import outcome

PROGRAMS: dict[str, str] = {
    "add_ on a result": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = x * 3
        y.add_(x)
        y.sum().backward()
        result = y, x.grad""",
    "all elements set": """
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        y[...] = x
        result = y""",
    "leaf": "x = torch.ones(2, requires_grad=True); x.add_(1)",
    "leaf with +=": "x = torch.ones(2, requires_grad=True); x += 1",
    "view of leaf": "x = torch.ones(2, requires_grad=True); x[0] = 5.0",
    "view of leaf by method": "x = torch.ones(2, requires_grad=True); x.view(2, 1).mul_(2)",
    "leaf under no_grad": """
        x = torch.ones(2, requires_grad=True)
        with torch.no_grad():
            x.mul_(3)
            x += 1
            x[0] = 9.0
        result = x, x._version, x.is_leaf""",
    "mul_ by itself": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        y.mul_(y)
        y.sum().backward()
        result = y, x.grad""",
    "mul_ keeps the old value for the other's gradient": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        w = torch.tensor([3.0, 4.0], requires_grad=True)
        y = x * 2
        y.mul_(w)
        y.sum().backward()
        result = x.grad, w.grad""",
    "exp_ then change: saved output": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = (x * 1).exp_()
        y.add_(1)
        y.sum().backward()""",
    "exp_ saves its output": """
        x = torch.tensor([0.0, 0.0], requires_grad=True)
        y = (x * 2).exp_()
        y.sum().backward()
        result = x.grad""",
    "sin_ saves its input": """
        x = torch.tensor([0.0, 0.0], requires_grad=True)
        y = (x * 2).sin_()
        y.sum().backward()
        result = x.grad, y.grad_fn.name()""",
    "saved operand changed": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        z = y * y
        y.add_(1)
        z.sum().backward()""",
    "saved leaf changed under no_grad": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        z = x * x
        with torch.no_grad():
            x.add_(1)
        z.sum().backward()""",
    "change of what was not saved": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        z = y + 1
        y.add_(1)
        z.sum().backward()
        result = z, x.grad""",
    "only what a wanted gradient needs is saved": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        p = torch.tensor([3.0, 4.0])
        y = x * p
        x2 = x.detach()
        x2.add_(1)
        y.sum().backward()
        result = x.grad""",
    "the constant of a product changed": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        p = torch.tensor([3.0, 4.0])
        y = x * p
        p.add_(1)
        y.sum().backward()""",
    "detach shares version": """
        x = torch.ones(2)
        y = x.detach()
        y.add_(1)
        result = x, x._version""",
    "data has its own version": """
        x = torch.ones(2)
        x.data.add_(1)
        result = x, x._version""",
    "setitem of a number": """
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = x * 2
        y[1] = 10.0
        (y * y).sum().backward()
        result = y, x.grad""",
    "setitem of a tensor": """
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        w = torch.tensor(5.0, requires_grad=True)
        y = x * 2
        y[1:] = w * w
        (y * y).sum().backward()
        result = y.detach(), x.grad, w.grad""",
    "setitem into a constant": """
        w = torch.tensor([5.0, 6.0], requires_grad=True)
        y = torch.zeros(2, 3)
        y[:, 1] = w
        (y * y).sum().backward()
        result = y.detach(), y.requires_grad, w.grad""",
    "setitem by mask": """
        x = torch.tensor([1.0, -2.0, 3.0], requires_grad=True)
        y = x * 2
        y[y < 0] = 7.0
        (y * y).sum().backward()
        result = y.detach(), x.grad""",
    "setitem by index tensor with gradient to the value": """
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        w = torch.tensor([5.0, 6.0], requires_grad=True)
        y = x * 2
        y[torch.tensor([2, 0])] = w
        (y * y).sum().backward()
        result = y.detach(), x.grad, w.grad""",
    "change of a base reaches an older view": """
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        y = x * 1
        v = y.view(2, 1)
        y.mul_(3)
        v.sum().backward()
        result = v.detach(), x.grad""",
    "change of a view reaches the base and its other views": """
        x = torch.tensor([1.0, 2.0, 3.0, 4.0], requires_grad=True)
        y = x * 1
        a, b = y[:2], y[1:3]
        a.mul_(5)
        result = [y.detach(), b.detach()]
        (b * b).sum().backward()
        result.append(x.grad)""",
    "change of a view of a view": """
        x = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        y = x * 1
        y.t()[0].mul_(5)
        (y * y).sum().backward()
        result = y.detach(), x.grad""",
    "view of a constant that becomes part of a graph": """
        w = torch.tensor(2.0, requires_grad=True)
        y = torch.ones(3)
        v = y[1:]
        y.mul_(w)
        result = v.requires_grad, v.is_leaf
        v.sum().backward()
        result = (*result, w.grad)""",
    "base of a view": """
        y = torch.ones(3)
        v = y[1:]
        u = v[0]
        result = v._base is y, u._base is y, y._base is None""",
    "grad_fn after a change of a view": """
        x = torch.ones(4, requires_grad=True)
        y = x * 1
        v = y[:2]
        v.mul_(2)
        result = type(y.grad_fn).__name__""",
    "second order through an in-place change of a view": """
        x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = x * x
        y[0] *= x[1]
        (g,) = torch.autograd.grad((y * y).sum(), x, create_graph=True)
        (h,) = torch.autograd.grad(g.sum(), x)
        result = g.detach(), h""",
    "zero_": """
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        y.zero_()
        y.sum().backward()
        result = y.detach(), x.grad""",
    "fill_ with a tensor": """
        v = torch.tensor(3.0, requires_grad=True)
        y = torch.zeros(2)
        y.fill_(v)
        y.sum().backward()
        result = y.detach(), v.grad""",
    "copy_ broadcasts and casts": """
        v = torch.tensor([1.0, 2.0], dtype=torch.float64, requires_grad=True)
        y = torch.zeros(3, 2)
        y.copy_(v)
        y.sum().backward()
        result = y.detach(), v.grad""",
    "shape that does not fit": "torch.ones(3).add_(torch.ones(2, 3))",
    "dtype that does not fit": "torch.ones(3, dtype=torch.int64).add_(1.5)",
    "integer into float": "x = torch.ones(3); x += 2; result = x",
    "div_ of integers": "torch.ones(3, dtype=torch.int64).div_(2)",
    "float64 operand into float32": "x = torch.ones(2); x.mul_(torch.full((2,), 3.0, dtype=torch.float64)); result = x",
    "grad.zero_": """
        x = torch.tensor(3.0, requires_grad=True)
        (x * x).backward()
        g = x.grad
        x.grad.zero_()
        (x * 5).backward()
        result = x.grad, g is x.grad""",
    "0-dim in place": """
        x = torch.tensor(3.0, requires_grad=True)
        y = x * 2
        y += 1
        y *= y
        y.backward()
        result = y.detach(), x.grad""",
    "detach of a 0-dim result shares memory": """
        x = torch.tensor(3.0)
        y = x * 2
        z = y.detach()
        z.add_(1)
        result = y, y._version""",
    "retained graph of a 0-dim result that changed": """
        x = torch.tensor(3.0, requires_grad=True)
        y = x * 2
        z = y * y
        y.add_(1)
        z.backward()""",
    "detach_": """
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        y.detach_()
        result = y.is_leaf, y.requires_grad""",
    "one element of memory for several": "torch.ones(1).expand(3).add_(1)",
    "a hook that changes an expanded gradient": """
        x = torch.ones(2, requires_grad=True)
        y = x * 2
        y.register_hook(lambda gradient: gradient.mul_(3))
        y.sum().backward()""",
    "setitem of None": "x = torch.zeros(3); x[0] = None",
    "setitem of None by index": "x = torch.zeros(3); x[[0]] = None",
    "setitem of text": "x = torch.zeros(3); x[0] = 'a'",
    "setitem of a list": "x = torch.zeros(3); x[:2] = [1.0, 2.0]",
    "setitem of a real complex number": "x = torch.zeros(3); x[0] = 2 + 0j; x[[1]] = 3 + 0j; result = x",
    "setitem of numbers that are cut": """
        x = torch.zeros(4, dtype=torch.int64)
        x[0], x[[1]], x[2] = 2.7, 3.7, True
        u = torch.zeros(2, dtype=torch.uint8)
        u[0], u[[1]] = -1, -2
        result = x, u""",
    "copy_ of a number": "x = torch.zeros(3); x.copy_(3); result = x",
    "a long chain of views is written to": """
        x = torch.ones(4, requires_grad=True)
        y = x * 1
        v = y
        for _ in range(2000):
            v = v[:]
        v.mul_(2)
        (y * v).sum().backward()
        result = x.grad""",
    "change of a view of a view of a view": """
        x = torch.arange(6.0, requires_grad=True)
        y = x * 1
        v = y.view(2, 3).t()[1:].unsqueeze(0)
        v *= 3
        (y * y).sum().backward()
        result = y.detach(), x.grad""",
    "pow_ sub_ div_ neg_ abs_ sqrt_": """
        x = torch.tensor([4.0, 9.0], requires_grad=True)
        y = x * 1
        y.pow_(2).sub_(1).div_(2).neg_().abs_().sqrt_()
        y.sum().backward()
        result = y.detach(), x.grad""",
    "clamp_ relu_ sigmoid_ tanh_": """
        x = torch.tensor([-1.0, 0.5, 2.0], requires_grad=True)
        y = x * 1
        y.clamp_(-0.5, 1.0).relu_().sigmoid_().tanh_()
        y.sum().backward()
        result = y.detach(), x.grad""",
}

# Views most of which must not be changed while that is recorded: v of y = x * 1, or of the leaf x.
VIEWS = {
    "unbind": "v = y.unbind()[1]",
    "split": "v = y.split(2)[1]",
    "chunk": "v = y.chunk(2)[0]",
    "row of iteration": "v = list(y.view(2, 2))[1]",
    "view of a part": "v = y.split(2)[0].view(2, 1)",
    "item of a part": "v = y.split(2)[0][1]",
    "without recording": "with torch.no_grad(): v = y[1:3]",
    "of a leaf without recording": "with torch.no_grad(): v = x[1:3]",
    "parts without recording": "with torch.no_grad(): v = y.split(2)[1]",
    "of a constant": "y = torch.zeros(4); v = y[1:3]",
    "part of a constant": "y = torch.zeros(4); v = y.split(2)[1]",
    "of a constant without recording": "y = torch.zeros(4)\nwith torch.no_grad(): v = y[1:3]",
    "of a detached": "v = y.detach().split(2)[1]",
}
CHANGES = {
    "mul_": "v.mul_(2)",
    "+=": "v += 1",
    "zero_": "v.zero_()",
    "item set": "v[...] = 5.0",
    "by what requires grad": "v.mul_(x[0])",
    "without recording": "with torch.no_grad(): v.mul_(2)",
    "the base's": "y.mul_(2); v * 1",
    "the base's by what requires grad": "y.mul_(x[0]); v * 1",
    "a copy's": "v.clone().mul_(2)",
}
PROGRAMS |= {
    f"view {view}, change {change}": f"x = torch.arange(4.0, requires_grad=True)\ny = x * 1\n{made}\n{changed}\n"
    "result = y, v.detach()"
    for view, made in VIEWS.items()
    for change, changed in CHANGES.items()
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_ends_as_with_pytorch(name: str) -> None:
    assert outcome(PROGRAMS[name], gradcu) == load("inplace")[name]


@pytest.mark.parametrize("value", [1e300, 1j, float("nan")])
def test_a_number_that_the_dtype_does_not_hold_is_refused(value: Any) -> None:
    dtype, its_name = (gradcu.int64, "int64_t") if value != value else (gradcu.float32, "float")
    x = gradcu.zeros(3, dtype=dtype)
    for assign in (lambda: x.fill_(value), lambda: x.__setitem__(0, value), lambda: x.__setitem__([0], value)):
        with pytest.raises(RuntimeError, match=f"cannot be converted to type {its_name} without overflow"):
            assign()
    assert x._version == 0


def test_a_view_of_what_a_function_returned_is_refused_each_time() -> None:
    class First(gradcu.autograd.Function):
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            return x[:2]

    base = gradcu.ones(3, requires_grad=True) * 1
    part = First.apply(base)[:1]
    base.mul_(2)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="is a view and its base or another view of its base has been modified"):
            part.exp()


@pytest.mark.parametrize("index", [[slice(1, None)], [slice(1, None), slice(2)]], ids=["view", "view of a view"])
def test_a_graph_with_a_changed_view_dies_without_the_collector(index: list[slice]) -> None:
    gc.collect()
    gc.disable()
    try:
        x = gradcu.ones(4, requires_grad=True)
        y = x * 1
        part = y
        for key in index:
            part = part[key]
        part *= 2
        node: weakref.ref[Any] = weakref.ref(y.grad_fn)
        del y, part
        assert node() is None
    finally:
        gc.enable()
