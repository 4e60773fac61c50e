"""Shapes, views, joining and taking apart: views, nodes and errors are PyTorch's; copies happen where NumPy copies."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gradcu
from gradcu.ops.shape import expand, sum_to
from tests.golden import load
from tests.programs import outcome

SETTING = """
s, v = torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
m, o = torch.ones(3, 4, requires_grad=True), torch.ones(2, 1, 4, 1, requires_grad=True)
x = torch.ones(2, 3, 4, requires_grad=True)
p, n = torch.arange(48.0).reshape(2, 4, 6).permute(2, 0, 1), torch.arange(3.0).reshape(3, 1)
result = """

EXPRESSIONS = [
    "x.reshape(-1).shape, x.reshape((4, -1)).grad_fn.name(), s.reshape(()), m.t().reshape(12)",
    "x.reshape(5, -1)",
    "x.reshape(5, 5)",
    "x.reshape(-1, -1)",
    "x.reshape(0, -1)",
    "x.reshape(-2, 3)",
    "x.reshape(2.5)",
    "x.reshape(2, 'a')",
    "torch.ones(0, 3).reshape(0, -1)",
    "torch.ones(0, 3).reshape(-1, 2)",
    "m.t().view(12)",
    "m.view(5)",
    "m.t().view(2, 2, 3).shape, m[:, ::2].view(3, 2, 1), m[::2].view(2, 2, 2).shape",
    "m[:, :2].view(6)",
    "torch.ones(2, 3).t().contiguous().view(6)",
    "v.flatten() is v, x.flatten(1, 1) is x, m.t().flatten()",
    "x.flatten(2, 1)",
    "x.flatten(3)",
    "v.ravel(), m.t().ravel(), s.ravel()",
    "m.unflatten(1, (2, 3))",
    "m.unflatten(5, (2, 2))",
    *(
        f"[torch.{f}.stride() for p in (p, p.mT, p[::2], p[1:4], p.transpose(0, 1), n.expand(3, 4), m.t())]"
        for f in (
            *("clone(p)", "empty_like(p)", "zeros_like(p)", "ones_like(p)", "full_like(p, 2)", "exp(p)", "sign(p)"),
            *("flip(p, (0,))", "cumsum(p, 0)", "softmax(p, 0)", "roll(p, 1, 0)", "tril(p)", "masked_fill(p, p > 2, 1)"),
            *("amax(p, 0)", "mean(p, -1)", "cat([p, p])", "stack([p, p])", "tile(p, (2,))", "relu(p)", "cumprod(p, 1)"),
        )
    ),
    "x.detach().mT.double().stride(), x.mT.to(torch.int32).is_contiguous()",
    "m.contiguous() is m, m.t().contiguous() is m.t(), m.t().contiguous(), s.contiguous() is s",
    "o.squeeze(7)",
    "o.squeeze((1, 1))",
    "s.squeeze(1)",
    "x.unsqueeze(4)",
    "s.unsqueeze(1)",
    "v.expand(2, -1), s.expand(2)",
    "v.expand(4)",
    "v.expand(2, 4)",
    "v.expand(3, 0)",
    "v.expand(-1, 3)",
    "torch.broadcast_to(v, (2, 4))",
    "m.sum_to_size(3, 2)",
    "m.sum_to_size(3, 4) is m",
    "s.sum_to_size(()), torch.tensor(3).int().sum_to_size(()), torch.ones(2).int().sum_to_size(2)",
    "x.transpose(0, 3)",
    "s.transpose(0, 1)",
    "x.t()",
    "x.permute(0, 1, 1)",
    "x.permute(0, 1, 3)",
    "x.movedim((0, 1), (2,))",
    "x.movedim((0, 0), (2, 1))",
    "x.movedim((0, 1), (2, 2))",
    "x.movedim(0, 5)",
    "torch.moveaxis(x, 0, 2).shape, x.swapaxes(0, 2).shape, torch.swapdims(x, 0, 1).shape, x.moveaxis(0, 1).grad_fn",
    "torch.atleast_1d(s, v), torch.atleast_2d((s, v)), torch.atleast_3d(s).shape, torch.atleast_3d(x) is x",
    "m.fliplr(), m.flipud(), torch.rot90(m), torch.rot90(m, 3, [1, 0]), m.rot90(4)",
    "v.fliplr()",
    "s.flipud()",
    "torch.rot90(v)",
    "torch.rot90(m, 1, (0, 0))",
    "torch.rot90(m, 1, (0, 2))",
    "torch.rot90(m, 1, (0,))",
    "v.tensor_split(2), v.tensor_split((1,)), v.tensor_split([2, 1]), m.tensor_split(torch.tensor([1]), dim=1)",
    "s.tensor_split(1)",
    "v.tensor_split(0)",
    "v.hsplit(3), m.hsplit([1]), m.vsplit(3), x.dsplit(2)[0].shape",
    "v.hsplit(2)",
    "s.hsplit(1)",
    "v.vsplit(1)",
    "m.dsplit(1)",
    "torch.column_stack((s, s)), torch.dstack([v, v]).shape",
    "torch.column_stack([])",
    "torch.diff(v), torch.diff(m, dim=0), torch.diff(m, n=0), torch.diff(v > 1), torch.diff(v, prepend=v[:1])",
    "v.diff(9)",
    "torch.diff(s)",
    "torch.diff(v, -1)",
    "torch.diff(v, append=m)",
    "torch.diff(m, dim=0, prepend=m[:, 1:])",
    "torch.trapezoid(v), torch.trapz(m, dim=0), torch.trapezoid(v, dx=0.5), torch.trapezoid(v, v)",
    "torch.trapezoid(v.int())",
    "torch.trapezoid(v, v[:2])",
    "torch.trapezoid(v > 1)",
    "torch.cumulative_trapezoid(v), torch.cumulative_trapezoid(m, v, dim=0), torch.cumulative_trapezoid(v.int(), dx=2)",
    "torch.gradient(v), torch.gradient(m, dim=0), torch.gradient(m, spacing=[v, torch.arange(4.0)])",
    "torch.gradient(v.int())",
    "torch.gradient(v, edge_order=3)",
    "torch.gradient(v[:1])",
    "torch.gradient(m, spacing=[1.0])",
    "torch.gradient(v.byte())",
    "v.flip(0), v.flip((0,)), v.flip([-1])",
    "x.flip(3)",
    "x.flip(0, 0)",
    "x.roll((1, 2))",
    "v.roll(())",
    "x.roll((1, 2), (0,))",
    "x.roll(1, 5)",
    "s.roll(1, 0)",
    "v.repeat(2), v.repeat(0), v.repeat(2, 1)",
    "x.repeat(2, 2)",
    "x.repeat(-1, 2, 2)",
    "v.tile(-1)",
    "v.tile(2), s.tile(2), v.tile(())",
    "v.repeat_interleave(-1)",
    "s.repeat_interleave(2), s.repeat_interleave(torch.tensor([2])), m.repeat_interleave(torch.tensor(2))",
    "m.repeat_interleave(torch.tensor([0, 2, 1]), 0), m.repeat_interleave(torch.tensor([0, 1, 0, 2]).int(), dim=1)",
    "m.repeat_interleave(torch.tensor([2, 0, 1]), 1)",
    "m.repeat_interleave(torch.tensor([2.0, 0, 1]), 0)",
    "m.repeat_interleave(torch.tensor([2, -1, 1]), 0)",
    "m.repeat_interleave(torch.tensor([[2]]), 0)",
    "m.repeat_interleave(2, 0, output_size=6).shape, v.repeat_interleave(torch.tensor([1, 0, 2]), output_size=3)",
    "m.repeat_interleave(torch.tensor([2, 0, 1]), 0, output_size=5)",
    "m.repeat_interleave(2, output_size=5)",
    "torch.repeat_interleave(torch.tensor([1, 2, 0])), torch.repeat_interleave(torch.tensor([3], dtype=torch.int32))",
    "torch.repeat_interleave(torch.tensor(1))",
    "m.diagonal(7).shape, m.diagonal(-2).shape",
    "x.diagonal(0, 1, 1)",
    "v.diagonal()",
    "x.diag()",
    "s.diag()",
    "torch.diag_embed(v, 0, 1, 1)",
    "v.tril()",
    "s.triu()",
    "torch.cat([])",
    "torch.cat(x)",
    "torch.cat((v, 1))",
    "torch.cat([x, v])",
    "torch.cat([s, s])",
    "torch.cat([x, x], 3)",
    "torch.cat([m, torch.ones(2, 2)])",
    "torch.cat([v, torch.tensor([1])]), torch.cat([torch.tensor([1]), torch.tensor([True])])",
    "torch.concat([v, v], axis=0), torch.concatenate([v, v], dim=0), torch.cat(tensors=[v, v])",
    "torch.stack([])",
    "torch.stack(v)",
    "torch.stack([v, 1])",
    "torch.stack([v, x])",
    "torch.stack([v, v], 2)",
    "torch.hstack([])",
    "torch.vstack([])",
    "torch.split(x, 0)",
    "torch.split(x, -1)",
    "torch.split(x, [1, 1], 1)",
    "torch.split(x, [2, -1, 2], 1)",
    "torch.split(x, 1, 7)",
    "torch.split(s, 1)",
    "torch.ones(0).split(0), torch.ones(0).split(2), v.split([3, 0])",
    "torch.chunk(x, 0)",
    "torch.chunk(s, 1)",
    "torch.ones(0, 2).chunk(3), torch.ones(5).chunk(4)",
    "torch.unbind(s)",
    "torch.unbind(x, 5)",
    "torch.unbind(torch.ones(0, 3))",
    "torch.broadcast_tensors(v, torch.ones(2))",
    "torch.broadcast_tensors([v, x])",
    "torch.broadcast_tensors(), torch.broadcast_tensors(v)[0] is v",
    "torch.meshgrid(v, v, indexing='zz')",
    "torch.meshgrid(indexing='xy')",
    "torch.meshgrid(v, torch.tensor([1]), indexing='xy')",
]

VIEWS = [
    "x.reshape(3, 2)", "x.view(6)", "x.flatten()", "x.squeeze()", "x.squeeze(0)", "x.unsqueeze(1)", "x.expand(2, 2, 3)",
    "x.transpose(0, 1)", "x.t()", "x.permute(1, 0)", "x.movedim(0, 1)", "x.diagonal()", "x.split(1)[1]",
    "x.split([1, 2], 1)[1]", "x.chunk(3, 1)[0]", "x.unbind()[1]", "x.select(1, 2)", "x.narrow(1, 1, 2)", "x[0]",
    "x[0, 1]", "x[:, 1:]", "x[None, ..., ::2]", "x[[0]]", "x[x > 0]", "x.flip(0)", "x.roll(1)", "x.t().reshape(6)",
    "x.contiguous()", "x.t().contiguous()", "x.diag()", "x.tril()", "x.repeat(1, 1)", "torch.cat([x])", "x[1:][0][1:]",
]  # fmt: skip

VIEW_PROGRAM = """
x = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
y = {}
x.mul_(2)
result = y, y._version, y._base is x"""

GRADIENT_PROGRAM = """
leaf = torch.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
x = leaf * 1
y = {}
y.mul_(3)
x.pow(2).sum().backward()
result = leaf.grad, type(x.grad_fn).__name__"""

PROGRAMS: dict[str, str] = {
    **{expression: SETTING + expression for expression in EXPRESSIONS},
    **{f"after a change of x: {view}": VIEW_PROGRAM.format(view) for view in VIEWS},
    # PyTorch forbids a change of one of several views, and of an expanded one.
    **{
        f"change of {view}": GRADIENT_PROGRAM.format(view)
        for view in VIEWS
        if not any(name in view for name in ("split", "chunk", "unbind", "expand"))
    },
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_end_as_in_pytorch(name: str):
    assert outcome(PROGRAMS[name], gradcu) == load("shape")[name]


def test_axis_is_another_name_of_dim():
    x = gradcu.arange(6).reshape(2, 3)
    assert gradcu.cat([x, x], axis=1).shape == (2, 6)
    assert [part.tolist() for part in x.chunk(3, axis=1)] == [[[0], [3]], [[1], [4]], [[2], [5]]]
    assert x.unsqueeze(axis=0).shape == (1, 2, 3)
    with pytest.raises(TypeError, match="multiple values for argument 'dim'"):
        x.chunk(3, dim=1, axis=1)


@st.composite
def arrays_and_shapes(draw: st.DrawFn) -> tuple[np.ndarray, tuple[int, ...]]:
    """An array that is a view with steps and transposed dimensions of another, and a shape of as many elements."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4))
    memory = np.arange(float(np.prod(shape)) * 2 ** len(shape)).reshape([2 * n for n in shape])
    steps = tuple(slice(None, n * step, step) for n, step in zip(shape, draw(steps_of(len(shape))), strict=True))
    array = memory[steps].transpose(draw(st.permutations(range(len(shape)))))
    factors = [p for n in shape for p in ({4: [2, 2]}.get(n, [n]))]
    new: list[int] = [1]
    for factor in draw(st.permutations(factors)):
        if draw(st.booleans()):
            new[-1] *= factor
        else:
            new.append(factor)
    return array, tuple(new)


def steps_of(count: int) -> st.SearchStrategy[list[int]]:
    return st.lists(st.sampled_from([1, 1, 2]), min_size=count, max_size=count)


@given(arrays_and_shapes())
def test_reshape_is_a_view_where_numpys_is(case: tuple[np.ndarray, tuple[int, ...]]):
    array, shape = case
    expected = array.reshape(shape)
    x = gradcu.from_numpy(array)
    found = x.reshape(shape)
    assert np.array_equal(found.numpy(), expected)
    shared = np.shares_memory(expected, array)
    assert np.shares_memory(found.numpy(), array) == shared
    assert (found._base is x) == shared
    if shared:
        assert np.array_equal(x.view(shape).numpy(), expected)
    else:
        with pytest.raises(RuntimeError, match="view size is not compatible"):
            x.view(shape)


@given(hnp.mutually_broadcastable_shapes(num_shapes=2, min_side=0, max_dims=4), st.data())
def test_summing_is_the_adjoint_of_broadcasting(shapes: Any, data: st.DataObject):
    shape, wide = shapes.input_shapes[0], shapes.result_shape
    integers = st.integers(-8, 8).map(float)
    x = data.draw(hnp.arrays("float64", shape, elements=integers))
    g = data.draw(hnp.arrays("float64", wide, elements=integers))
    assert np.array_equal(expand(x, wide), np.broadcast_to(x, wide))
    assert sum_to(g, shape).shape == shape
    assert (expand(x, wide) * g).sum() == (x * sum_to(g, shape)).sum()


def test_what_nobody_used_of_several_views_has_a_zero_gradient():
    x = gradcu.ones(2, 3, requires_grad=True)
    gradcu.stack([part.sum() for part in x.split([1, 0, 2], 1)[2:]]).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[0, 1, 1], [0, 1, 1]]
    y = gradcu.ones(3, requires_grad=True)
    (y.unbind()[1] * 5).backward()
    assert y.grad is not None
    assert y.grad.tolist() == [0, 5, 0]


def test_an_expanded_view_cannot_be_written_to():
    x = gradcu.zeros(1)
    with pytest.raises((RuntimeError, ValueError)):
        x.expand(3).add_(1)
    assert x.tolist() == [0]
