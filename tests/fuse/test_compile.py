"""A compiled function does what the function does: whatever it is made of, and whatever happens around it."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
from gradcu._pending import FUSING, TRACES, Pending
from gradcu.fuse.compiling import tensors_in

WEIGHT = gradcu.tensor([0.5, -1.5, 2.0], requires_grad=True)
MATRIX = gradcu.tensor([[1.0, 2.0, 0.5], [0.0, -1.0, 3.0]], requires_grad=True)


class Point(NamedTuple):
    x: Tensor
    y: Tensor


class Cube(gradcu.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x * x * x

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        # Not the derivative of forward, so that what was fused past it would show.
        (x,) = ctx.saved_tensors
        return gradient * (7 * x * x)


def without_grad(x: Tensor, y: Tensor) -> Tensor:
    with gradcu.no_grad():
        factor = gradcu.sin(x) * y
    return factor * x + y


def branches(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    return gradcu.exp(z) if z.sum() > 0 else gradcu.cos(z) * x


def loops(x: Tensor, y: Tensor) -> Tensor:
    while (x * x).sum() < 50:
        x = x * 1.5 + y
    return x


def in_place(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    z += gradcu.sin(x)
    w = z * 2
    z.mul_(y).exp_()
    return z + w


def in_place_on_a_view(x: Tensor, y: Tensor) -> Tensor:
    z = x * 2
    part = z[1:]
    before = z * 3
    part *= y[1:]
    return gradcu.sin(z) + before


def item_assignment(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    z[0] = y[1] * 3
    z[z > 100] = 0.0
    return z * z


def inner_gradient(x: Tensor, y: Tensor) -> Tensor:
    z = gradcu.sin(x) * y
    (slope,) = gradcu.autograd.grad(z, x, gradcu.ones_like(z), create_graph=True)
    return slope * slope + z


def inner_values(x: Tensor, y: Tensor) -> Tensor:
    a, b = x + y, gradcu.exp(x)
    first, second = gradcu.autograd.grad(a * b, (a, b), gradcu.ones_like(a), retain_graph=True)
    first += 1
    return first * x + second + a * b


def hooked(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    z.register_hook(lambda gradient: gradient * 10)
    return gradcu.sin(z) * x


def node_hooked(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    node = z.grad_fn
    if node is not None:
        node.register_hook(lambda inputs, outputs: tuple(None if g is None else g * 10 for g in inputs))
    return gradcu.sin(z) * x


def aliases(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    z = x * y
    other = z.detach()
    other += 1
    return z.detach() * x, other


def changed_after_reading(x: Tensor, y: Tensor) -> Tensor:
    z = (x * 1.5).clone()
    z.sum()
    w, v = z + y, z.clone()
    with gradcu.no_grad():
        z.detach().add_(1)
    return w + v + z.detach()


def data_changed(x: Tensor, y: Tensor) -> Tensor:
    z = (x * 1.5).detach() + 0
    z.sum()
    w = z * y
    z.data.mul_(2)
    return w + z


def copy_changed(x: Tensor, y: Tensor) -> Tensor:
    z = x.clone()
    with gradcu.no_grad():
        z.detach().add_(1)
    return z * y


def changed_unseen_and_then_seen(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    with gradcu.no_grad():
        z.detach().add_(1)
    return z.sin_() + y


def hooked_after_use(x: Tensor, y: Tensor) -> Tensor:
    z = x * y
    w = gradcu.sin(z)
    if z.requires_grad:
        z.register_hook(lambda gradient: gradient * 10)
    return w * x


def two_carried(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    for _ in range(150):
        y = y - x * 0.01
        x = x + y * 0.01
    return x, y


def long_chain(x: Tensor, y: Tensor) -> Tensor:
    for _ in range(400):
        x = x * 0.99 + y * 0.01
    return x


def saved_output(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient of y meets cos(z) at the second order, but does not read it at the first."""
    z = gradcu.cos(x) + y
    w = gradcu.cos(z)
    return w * z, w


def saved_negative(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """The gradient has y - z, folded to y + (sin(x) + WEIGHT), but the node reads z."""
    z = -(gradcu.sin(x) + WEIGHT)
    return z, gradcu.logaddexp(z, y)


def one_expression_in_two_shapes(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    wave, column = gradcu.sin(MATRIX * x), y[:2].reshape(2, 1)
    return gradcu.cos(column * wave**0), gradcu.cos(column) * wave


def many_shapes(x: Tensor, y: Tensor) -> Tensor:
    outer = gradcu.exp(x).unsqueeze(1) * gradcu.sin(y) + 1
    scale = gradcu.tanh(x.sum()) * 0.5
    return outer / (outer * scale).sum(0, keepdim=True) * y


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "nothing": lambda x, y: x,
    "constant": lambda x, y: gradcu.ones(3),
    "number": lambda x, y: 3.0,
    "copy": lambda x, y: x * 1,
    "a result twice": lambda x, y: [x * y] * 2,
    "two copies": lambda x, y: (x * 1, x * 1, y.clone()),
    "power 0": lambda x, y: x**0 * y,
    "operators": lambda x, y: 2 - x / 3 + 1 / (y * y + 1) - -x + 2**x + (x * x + 0.5) ** 1.7,
    "relu": lambda x, y: gradcu.relu(x) + gradcu.where(x > y, x, gradcu.sqrt(y * y)),
    "passes the cotangent": lambda x, y: x + y,
    "reduction": lambda x, y: (gradcu.exp(x) / gradcu.exp(x).sum()) * y,
    "only a reduction": lambda x, y: x.sum() + y.max(),
    "index": lambda x, y: gradcu.sin(x)[1:] * y[:-1] + gradcu.cos(x)[[0, 2]],
    "matmul": lambda x, y: gradcu.tanh(MATRIX * 2 @ (x * y)) * 3,
    "shapes": lambda x, y: gradcu.sin(x).reshape(3, 1).expand(3, 2).t() * MATRIX,
    "many shapes": many_shapes,
    "closure": lambda x, y: gradcu.exp(WEIGHT * x) + y,
    "numpy's functions": lambda x, y: np.sin(x) * np.exp(-y),
    "branches": branches,
    "loops": loops,
    "no_grad": without_grad,
    "detach": lambda x, y: x.detach() * x + (x * y).detach(),
    "Function": lambda x, y: Cube.apply(x * y) * gradcu.sin(x),
    "in place": in_place,
    "in place on a view": in_place_on_a_view,
    "item assignment": item_assignment,
    "inner gradient": inner_gradient,
    "inner values": inner_values,
    "hook": hooked,
    "hook of a node": node_hooked,
    "aliases": aliases,
    "changed after reading": changed_after_reading,
    "data changed": data_changed,
    "copy changed": copy_changed,
    "changed unseen and then seen": changed_unseen_and_then_seen,
    "hook after use": hooked_after_use,
    "saved output": saved_output,
    "saved negative": saved_negative,
    "one expression in two shapes": one_expression_in_two_shapes,
    "two carried": two_carried,
    "long chain": long_chain,
    "tuple": lambda x, y: (x * y, [gradcu.sin(x), x], {"a": gradcu.cos(y), "b": 2}),
    "named tuple": lambda x, y: Point(x * y, x + y),
    "new leaf": lambda x, y: (x * y).detach().requires_grad_() * y,
    "dtypes": lambda x, y: x.to(gradcu.float64) * 3 + y + (x > 0),
    "integers": lambda x, y: (x * 4).to(gradcu.int64) // 2 * y,
    "to complex": lambda x, y: (x * 2).detach().to(gradcu.complex64) + x.detach().to(gradcu.complex64),
    "complex": lambda x, y: (x * 2).detach() * 1j,
    "comparison": lambda x, y: (x * y > 0, gradcu.floor(x)),
}


NEEDS_GRADIENTS = {"hook", "inner gradient", "inner values"}


def operands(requires_grad: bool = True) -> list[Tensor]:
    return [
        gradcu.tensor([0.5, -1.25, 2.0], requires_grad=requires_grad),
        gradcu.tensor([1.5, 0.75, -0.5], requires_grad=requires_grad),
    ]


def outcome(f: Callable[..., Any], *, orders: int = 2) -> tuple[Any, list[np.ndarray | None]]:
    """What f returns, and everything that can be differentiated from it."""
    leaves = operands()
    result = f(*leaves)
    outputs = list(tensors_in(result))
    assert not any(isinstance(tensor._array, Pending) for tensor in outputs)
    values: list[Tensor | None] = list(outputs)
    wanted = [*leaves, WEIGHT, MATRIX]
    for _ in range(orders):
        outputs = [tensor for tensor in outputs if tensor is not None and tensor.requires_grad]
        if not outputs:
            break
        cotangents = [gradcu.full_like(tensor, 1.5) for tensor in outputs]
        found = gradcu.autograd.grad(outputs, wanted, cotangents, create_graph=True, allow_unused=True)
        values += found
        outputs = list(found)
    return result, [None if value is None else value.detach().numpy().copy() for value in values]


def assert_alike(found: list[np.ndarray | None], expected: list[np.ndarray | None]) -> None:
    assert [value is None for value in found] == [value is None for value in expected]
    for value, reference in zip(found, expected, strict=True):
        if value is not None and reference is not None:
            assert (value.dtype, value.shape) == (reference.dtype, reference.shape)
            # The gradients that meet at a leaf are added in another order.
            np.testing.assert_allclose(value, reference, rtol=2e-6, atol=1e-6)


@pytest.fixture(autouse=True)
def any_number_of_elements(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small arrays are fused too."""
    monkeypatch.setattr("gradcu.fuse.plan.WORTH_FUSING", 1)


@pytest.fixture(autouse=True)
def nothing_stays_behind() -> Iterator[None]:
    yield
    assert not TRACES
    assert FUSING.trace is None


@pytest.mark.parametrize("engine", ["numpy", "auto"])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_results_and_gradients_are_the_functions(name: str, engine: str):
    f = FUNCTIONS[name]
    compiled = gradcu.compile(f, engine=engine)
    expected_result, expected = outcome(f)
    for _ in range(2):
        result, found = outcome(compiled)
        assert type(result) is type(expected_result)
        assert_alike(found, expected)


@pytest.mark.parametrize("name", [name for name in FUNCTIONS if name not in NEEDS_GRADIENTS])
def test_without_gradients_there_is_no_graph(name: str):
    with gradcu.no_grad():
        expected, found = (f(*operands()) for f in (FUNCTIONS[name], gradcu.compile(FUNCTIONS[name])))
    for value, reference in zip(tensors_in(found), tensors_in(expected), strict=True):
        assert value.requires_grad == reference.requires_grad
        np.testing.assert_allclose(value.detach().numpy(), reference.detach().numpy(), rtol=2e-6)


@pytest.mark.parametrize("copy", ["clone", "contiguous"])
def test_a_copy_is_contiguous(copy: str):
    found = gradcu.compile(lambda x: getattr(x.t(), copy)())(MATRIX)
    assert found.is_contiguous()
    np.testing.assert_array_equal(found.detach().numpy(), MATRIX.detach().numpy().T)


def test_arguments_are_the_very_tensors():
    seen: list[Any] = []

    @gradcu.compile
    def f(x: Tensor, *rest: Any, scale: Any = None, **others: Any) -> Any:
        seen.append((x, rest, scale, others))
        return x, [rest[0]], {"z": others["z"]}

    x, y = operands()
    result = f(x, [y, 2], scale="s", z=x)
    assert seen[0][0] is x
    assert seen[0][1][0][0] is y
    assert result[0] is x
    assert result[1][0] == [y, 2]
    assert result[2]["z"] is x


class TestAutograd:
    """What the autograd promises of a graph holds for a fused one."""

    def test_backward_accumulates_and_hooks_run(self):
        x, y = operands()
        seen: list[Tensor] = []
        x.register_hook(seen.append)
        f = gradcu.compile(lambda x, y: gradcu.sin(x) * y)
        for _ in range(2):
            f(x, y).sum().backward()
        assert x.grad is not None
        np.testing.assert_allclose(x.grad.numpy(), 2 * np.cos(x.detach().numpy()) * y.detach().numpy(), rtol=1e-6)
        assert len(seen) == 2

    def test_a_leaf_owns_its_gradient(self):
        x, y = operands()
        gradcu.compile(lambda x, y: x + y)(x, y).backward(gradcu.ones(3))
        assert x.grad is not None
        assert y.grad is not None
        x.grad.zero_()
        np.testing.assert_array_equal(y.grad.numpy(), np.ones(3))

    def test_a_freed_graph_says_so(self):
        x, y = operands()
        f = gradcu.compile(lambda x, y: gradcu.sin(x) * y)
        z = f(x, y).sum()
        z.backward(retain_graph=True)
        z.backward()
        with pytest.raises(RuntimeError, match="second time"):
            z.backward()
        linear = gradcu.compile(lambda x, y: x + y)(x, y).sum()
        linear.backward()
        linear.backward()

    def test_outputs_that_share_nothing_are_freed_apart(self):
        x, y = operands()
        a, b, c = gradcu.compile(lambda x, y: (gradcu.sin(x), gradcu.exp(y), gradcu.sin(x) * y))(x, y)
        a.sum().backward()
        b.sum().backward()
        c.sum().backward()
        assert x.grad is not None
        shared = gradcu.compile(lambda x: (lambda s: (s * s, gradcu.exp(s)))(gradcu.sin(x)))
        a, b = shared(x)
        a.sum().backward()
        with pytest.raises(RuntimeError, match="second time"):
            b.sum().backward()

    def test_what_backward_reads_must_not_change(self):
        x, y = operands()
        f = gradcu.compile(lambda x, y: gradcu.sin(x) + y)
        z = f(x, y).sum()
        with gradcu.no_grad():
            y.add_(1)
        z.backward(retain_graph=True)
        with gradcu.no_grad():
            x.add_(1)
        with pytest.raises(
            RuntimeError, match=r"modified by an inplace operation: .* is at version 1; expected version 0"
        ):
            z.backward()

    def test_what_data_was_read_from_must_not_change_either(self):
        x, y = operands()
        z = gradcu.compile(lambda x, y: x.data * y + x * x)(x, y)
        with gradcu.no_grad():
            x.add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()

    def test_what_was_settled_after_its_use_is_still_on_the_way(self):
        x, y = operands()
        kept: list[Tensor] = []

        @gradcu.compile
        def f(x: Tensor, y: Tensor) -> Tensor:
            z = x * y
            w = z * z
            z.sum()
            kept.extend((z, *gradcu.autograd.grad(w.sum(), z, retain_graph=True)))
            z.retain_grad()
            return w

        f(x, y).sum().backward()
        z, slope = kept
        assert z.grad is not None
        for found in (z.grad, slope):
            np.testing.assert_allclose(found.numpy(), 2 * z.detach().numpy(), rtol=1e-6)

    def test_an_output_that_is_read_is_saved(self):
        x, _ = operands()
        f = gradcu.compile(gradcu.exp)
        z = f(x)
        with gradcu.no_grad():
            x.add_(1)
        (found,) = gradcu.autograd.grad(z, x, gradcu.ones(3), retain_graph=True)
        np.testing.assert_array_equal(found.numpy(), z.detach().numpy())
        z.detach().add_(1)
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            z.sum().backward()

    def test_in_place_on_the_result(self):
        x, y = operands()
        results = []
        for f in (FUNCTIONS["operators"], gradcu.compile(FUNCTIONS["operators"])):
            z = f(x, y)
            z *= 2
            z[0] = 0.0
            results.append(gradcu.autograd.grad(z.sum(), (x, y)))
        for found, expected in zip(results[1], results[0], strict=True):
            np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-6)

    def test_gradcheck(self):
        x, y = (tensor.detach().to(gradcu.float64).requires_grad_() for tensor in operands())
        f = gradcu.compile(lambda x, y: gradcu.tanh(x * y[0]) * gradcu.exp(-y * y))
        assert gradcu.autograd.gradcheck(f, (x, y))
        assert gradcu.autograd.gradgradcheck(f, (x, y))

    def test_third_order(self):
        x = gradcu.tensor([0.3, 1.1], dtype=gradcu.float64, requires_grad=True)
        value = gradcu.compile(lambda x: gradcu.sin(2 * x))(x)
        for _ in range(3):
            (value,) = gradcu.autograd.grad(value.sum(), x, create_graph=True)
        np.testing.assert_allclose(value.detach().numpy(), -8 * np.cos(2 * x.detach().numpy()), rtol=1e-14)

    def test_functional(self):
        x, y = operands()
        f = FUNCTIONS["operators"]
        found = gradcu.autograd.functional.jacobian(gradcu.compile(f), (x, y))
        expected = gradcu.autograd.functional.jacobian(f, (x, y))
        for value, reference in zip(found, expected, strict=True):
            np.testing.assert_allclose(value.numpy(), reference.numpy(), rtol=1e-6, atol=1e-6)

    def test_a_graph_dies_without_the_collector(self):
        x, y = operands()
        f = gradcu.compile(FUNCTIONS["operators"])
        f(x, y)
        gc.collect()
        gc.disable()
        try:
            z = f(x, y)
            (slope,) = gradcu.autograd.grad(z.sum(), x, create_graph=True)
            nodes = [weakref.ref(z.grad_fn), weakref.ref(slope.grad_fn)]
            del z, slope
            assert [node() for node in nodes] == [None, None]
        finally:
            gc.enable()


class TestCalls:
    """Each call is a call of f."""

    def test_what_f_closes_over_may_change(self):
        scale, table = 2.0, gradcu.tensor([1.0, 2.0, 3.0])
        f = gradcu.compile(lambda x: x * scale + table)
        x, _ = operands()
        np.testing.assert_allclose(f(x).detach().numpy(), x.detach().numpy() * 2 + [1, 2, 3])
        scale = 3.0
        table += 1
        np.testing.assert_allclose(f(x).detach().numpy(), x.detach().numpy() * 3 + [2, 3, 4])
        table = gradcu.ones(1)
        np.testing.assert_allclose(f(x).detach().numpy(), x.detach().numpy() * 3 + 1)

    def test_shapes_dtypes_and_branches_may_change(self):
        f = gradcu.compile(lambda x, flag: gradcu.sin(x) if flag else gradcu.cos(x) * 2)
        for shape in ((3,), (), (2, 3), (0,), (3,)):
            for dtype in (gradcu.float32, gradcu.float64, gradcu.float16, gradcu.int64):
                for flag in (True, False):
                    x = gradcu.full(shape, 2, dtype=dtype)
                    expected = gradcu.sin(x) if flag else gradcu.cos(x) * 2
                    found = f(x, flag)
                    assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
                    np.testing.assert_array_equal(found.numpy(), expected.numpy())

    def test_as_a_decorator(self):
        class Model:
            def __init__(self) -> None:
                self.weight = gradcu.tensor(2.0)

            @gradcu.compile(engine="numpy")
            def __call__(self, x: Tensor) -> Tensor:
                """Weighs."""
                return self.weight * x

        assert Model()(gradcu.ones(2)).tolist() == [2.0, 2.0]
        assert Model.__call__.__doc__ == "Weighs."

    def test_inside_another_and_under_a_sweep(self):
        inner = gradcu.compile(lambda x: gradcu.sin(x) * x)
        outer = gradcu.compile(lambda x: inner(x) + inner(x * 2))
        x, _ = operands()
        expected = gradcu.sin(x) * x + gradcu.sin(x * 2) * (x * 2)
        np.testing.assert_allclose(outer(x).detach().numpy(), expected.detach().numpy(), rtol=1e-6)
        assert len(outer.explain(x).kernels) == 1
        found = gradcu.sweep(inner, 0, 1, 11, order=2, engine="numpy")
        np.testing.assert_array_equal(
            found.derivative(1).numpy(), gradcu.sweep(gradcu.compile(inner), 0, 1, 11).derivative(1).numpy()
        )

    def test_what_f_puts_elsewhere(self):
        kept: list[Tensor] = []

        @gradcu.compile
        def f(x: Tensor) -> Tensor:
            kept.append(gradcu.exp(x) * 2)
            return x + kept[0]

        x, _ = operands()
        f(x)
        with gradcu.no_grad():
            x.zero_()
        assert not isinstance(kept[0]._array, Pending)
        np.testing.assert_allclose(kept[0].detach().numpy(), 2 * np.exp([0.5, -1.25, 2.0]), rtol=1e-6)
        assert kept[0].grad_fn is not None

    def test_nothing_is_kept(self):
        f = gradcu.compile(lambda x, y: gradcu.exp(gradcu.sin(x) * y))
        kept = []
        for _ in range(2):
            x, y = operands()
            z = f(x, y)
            z.sum().backward()
            kept += [weakref.ref(tensor._array) for tensor in (x, y, z)]
            del x, y, z
        assert [array() for array in kept] == [None] * 6

    def test_a_loop_holds_no_more_than_it_needs(self):
        kept: list[weakref.ref[Any]] = []
        most = 0

        @gradcu.compile
        def f(x: Tensor) -> Tensor:
            nonlocal most
            for _ in range(60):
                x = gradcu.tanh(x + 1).cumsum(0)
                kept.append(weakref.ref(x._array))
                most = max(most, sum(array() is not None for array in kept))
            return x

        f(gradcu.ones(3))
        # As many as are read, and a few that nobody has looked for yet.
        assert most <= 20

    def test_what_is_left_holds_no_argument(self):
        kept: list[Tensor] = []
        x = gradcu.ones(3)
        array = weakref.ref(x._array)
        gradcu.compile(lambda x: kept.append((x * 2).detach()))(x)
        del x
        assert array() is None
        assert kept[0].tolist() == [2.0, 2.0, 2.0]

    def test_compiled_in_a_function_of_the_users_own(self):
        inner = gradcu.compile(lambda x: gradcu.sin(x) * 2)

        class Doubled(gradcu.autograd.Function):
            @staticmethod
            def forward(ctx: Any, x: Tensor) -> Tensor:
                return inner(x) * 2

            @staticmethod
            def backward(ctx: Any, gradient: Tensor) -> Tensor:
                return gradient * 3

        x, _ = operands()
        y = gradcu.compile(lambda x: Doubled.apply(x * 2) + x * x)(x)
        np.testing.assert_allclose(
            y.detach().numpy(), 4 * np.sin(2 * x.detach().numpy()) + x.detach().numpy() ** 2, rtol=1e-6
        )

    def test_backward_inside(self):
        def step(x: Tensor, y: Tensor) -> Tensor:
            x.grad = None
            loss = ((x * 2 - y) ** 2).sum()
            loss.backward()
            (x * y).sum().backward()
            assert x.grad is not None
            with gradcu.no_grad():
                x -= 0.1 * x.grad
            return loss

        results = []
        for f in (step, gradcu.compile(step)):
            x, y = operands()
            values = [f(x, y).item() for _ in range(3)]
            assert y.grad is not None
            results.append([*values, *x.tolist(), *y.grad.tolist()])
        np.testing.assert_allclose(results[1], results[0], rtol=1e-5)

    def test_an_error_is_fs_own(self):
        f = gradcu.compile(lambda x: 1 // 0)
        with pytest.raises(ZeroDivisionError):
            f(gradcu.ones(2))
        with pytest.raises(RuntimeError, match=r"The size of tensor a \(2\) must match the size of tensor b \(3\)"):
            gradcu.compile(lambda x: gradcu.sin(x) * gradcu.ones(3))(gradcu.ones(2))

    def test_arguments_are_checked(self):
        with pytest.raises(TypeError, match="f must be a function, not 3"):
            gradcu.compile(3)  # type: ignore[call-overload]
        with pytest.raises(ValueError, match="engine must be auto, cc or numpy, not 'gpu'"):
            gradcu.compile(gradcu.sin, engine="gpu")

    def test_other_threads_are_not_traced(self):
        inside, outside = threading.Event(), threading.Event()
        found: list[Any] = []

        def other() -> None:
            inside.wait(10)
            found.append(type((gradcu.ones(3) * 2)._array))
            outside.set()

        @gradcu.compile
        def f(x: Tensor) -> Tensor:
            y = gradcu.sin(x)
            inside.set()
            outside.wait(10)
            return y * 2

        thread = threading.Thread(target=other)
        thread.start()
        f(gradcu.ones(3))
        thread.join()
        assert found == [np.ndarray]

    def test_threads_call_one_function(self):
        f = gradcu.compile(lambda x, k: gradcu.sin(x * k) + k)
        problems: list[Any] = []

        def work(k: int) -> None:
            for n in range(20):
                x = gradcu.full((50 + n,), 0.5, requires_grad=True)
                y = f(x, k)
                (slope,) = gradcu.autograd.grad(y.sum(), x)
                if not np.allclose(slope.numpy(), k * np.cos(0.5 * k), atol=1e-5):
                    problems.append((k, n))

        threads = [threading.Thread(target=work, args=(k,)) for k in range(1, 6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not problems


shapes = st.lists(st.integers(0, 4), max_size=3)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=shapes)
def test_arguments_broadcast(data: Any, shape: list[int]):
    def made() -> np.ndarray:
        own = [data.draw(st.sampled_from([1, length])) for length in shape[data.draw(st.integers(0, len(shape))) :]]
        return np.random.default_rng(7).normal(size=own)

    arrays = [made() for _ in range(3)]

    def f(x: Tensor, y: Tensor, z: Tensor) -> Tensor:
        return gradcu.sin(x) * y + gradcu.exp(x * z) * gradcu.cos(z)

    results = []
    for function in (f, gradcu.compile(f, engine="numpy")):
        leaves = [gradcu.tensor(array, requires_grad=True) for array in arrays]
        value = function(*leaves)
        cotangent = gradcu.full_like(value, 1.25)
        first = gradcu.autograd.grad(value, leaves, cotangent, create_graph=True)
        second = gradcu.autograd.grad(first, leaves, [gradcu.ones_like(g) for g in first], allow_unused=True)
        results.append([value, *first, *second])
    for found, expected in zip(results[1], results[0], strict=True):
        assert found.shape == expected.shape
        np.testing.assert_allclose(found.detach().numpy(), expected.detach().numpy(), rtol=1e-12, atol=1e-12)
