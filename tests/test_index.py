"""Indexing: results, nodes and errors are PyTorch's, and NumPy's where the two agree; gradients are np.add.at's."""

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import gradcu
from gradcu import Tensor
from tests.golden import load
from tests.programs import outcome

SETTING = """
s, v = torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
m = torch.arange(12.0).reshape(3, 4).requires_grad_()
x = torch.arange(24.0).reshape(2, 3, 4).requires_grad_()
i, b = torch.tensor([0, 2]), torch.tensor([True, False, True])
mask, idx = m.detach() % 3 == 0, torch.tensor([[0, 1], [2, 0]])
result = """

EXPRESSIONS = [
    "v[0], v[-1], v[0:2], v[::2], v[2:1].shape, v[5:].shape, v[-5:2], v[:], v[...], v[()], v[None], v[..., None]",
    "v[3]", "v[-4]", "v[0, 0]", "v[::-1]", "v[::0]", "v[1.0]", "v[1.0:2]", "v[::1.5]", "v['a':]", "v[{}]",
    "v[True], v[False], v[np.int64(1)], v[np.array(1)], v[torch.tensor(1)], v[torch.tensor(True)]",
    "v[torch.tensor([1.0])]", "v[torch.tensor(1.0)]", "v[torch.tensor([0, 1], dtype=torch.int16)]",
    "v[np.array([0, 1], dtype=np.int16)], v[torch.tensor([0, 1], dtype=torch.int32)], v[np.float32(1)]",
    "m[0], m[0, 1], m[:, 1], m[1, :], m[1, 0:4], m[0:2, 1:3], m[0, None], m[None, 0], m[:, None].shape, m[..., 0]",
    "m[:, :], m[:, :2], m[0:2, :], m[:, -4:]",
    "m[5]", "m[0, 5]", "m[:, 7]", "m[0, 0, 0]", "m[None, :, 9]", "m[..., 9]", "m[:, None, 7]",
    "x[:, :, :, 0]", "x[..., :, :, :, :]", "x[:, 5, [0, 1]]",
    "m[slice(torch.tensor(0), torch.tensor(2))], m[torch.tensor(1):, torch.tensor(0)]",
    "s[()], s[...], s[None], s[True], s[False], s[None, True]",
    "s[:]", "s[0, 0]", "s[0:1]", "s[None, 0]", "s[..., 0]",
    "v[i], v[[0, 1]], v[[]], v[(0,)], v[[True, False, True]], v[b], v[range(2)], v[np.array([2, 0])]",
    "v[[True, False]]", "v[b[:2]]", "v[[0, 5]]", "v[[0, -4]]", "v[torch.tensor([5])]",
    "m[i], m[i, i], m[i, :], m[:, i], m[i, 1], m[1, i], m[mask], m[b], m[idx].shape, m[idx, 0], m[i, None], m[None, i]",
    "m[:, b]", "m[mask[:2]]", "m[mask, 0]", "m[[0, 1, 2], [1, 2]]", "m[[0, 1], [5, 0]]",
    "m[torch.ones(3, 0, dtype=torch.bool)]",
    "m[:, [True, False, True, True]], m[[True, True, True], [True, False, True, True]], m[((0, 1), 1)], m[(0, 1),]",
    "m[[True, False, True], [True, False, True, True]]",
    "x[0, i], x[i[:1], :, i], x[:, i, None, i], x[:, 0, i], x[0, :, i], x[i[:1], None, 0], x[i[:1], ..., i]",
    "x[torch.tensor(0), :, i], x[torch.tensor(0)], x[torch.tensor(0), 1:], x[:, torch.tensor(0), i]",
    "x[torch.tensor([0]), :, torch.tensor(0)], x[b[:2]], x[b[:2], b], x[b[:2], 0], x[True].shape, x[True, 0]",
    "m.select(0, 5)", "m.select(2, 0)", "s.select(0, 0)", "m.select(-1, -2)",
    "m.narrow(0, 2, 2)", "m.narrow(0, 4, 0)", "m.narrow(0, 0, -1)", "m.narrow(3, 0, 1)",
    "m.narrow(0, torch.tensor(1), 2)", "m.narrow(0, torch.tensor([1]), 1)", "m.narrow(0, torch.tensor(True), 1)",
    "m.narrow(0, torch.tensor(1.0), 1)",
    "s.narrow(0, 0, 1)",
    "torch.gather(v, 0, i[:0].byte())",
    "torch.gather(m, 2, idx)", "torch.gather(m, 0, idx + 5)", "torch.gather(m, 0, i)", "m.gather(0, idx.float())",
    "torch.gather(m, 0, torch.zeros(3, 5, dtype=torch.int64))", "torch.gather(m, 1, torch.tensor([[-1]]))",
    "torch.gather(m, 0, idx.int()), torch.gather(m, 1, torch.zeros(2, 5, dtype=torch.int64)), m.gather(0, idx)",
    "torch.index_select(m, 2, i)", "torch.index_select(m, 0, idx)", "torch.index_select(m, 0, i + 5)",
    "torch.index_select(m, 0, i - 1)", "torch.index_select(m, 0, i.float())",
    "torch.index_select(m, 0, torch.tensor(1)), m.index_select(1, i.int()), s.index_select(0, torch.tensor([0]))",
    "torch.masked_select(m, mask.int())", "torch.masked_select(m, b)", "v.masked_select(b)",
    "torch.take_along_dim(m, idx, 1)", "torch.take_along_dim(m, i, 0)", "torch.take_along_dim(m, idx)",
    "torch.take_along_dim(m, idx - 3, 1), torch.take_along_dim(v, torch.tensor([-1, 0, -3]))",
    "m.masked_fill(mask, 1e300)", "m.masked_fill(mask, 1j)", "i.masked_fill(i > 1, torch.tensor(1j))",
    "i.byte().masked_fill(i > 1, 300)", "i.byte().masked_fill(i > 1, -1), b.masked_fill(b, 2), b.masked_fill(~b, 1j)",
    "m.masked_fill(mask, torch.tensor(1e300, dtype=torch.float64))", "i.int().masked_fill(i > 1, 2**40)",
    "torch.masked_fill(m, b, 0)", "m.masked_fill(mask, v)", "m.masked_fill(mask, 2), m.masked_fill(mask, s)",
    "torch.ones(2, dtype=torch.int64).masked_fill(torch.tensor([True, False]), 1.5)",
    "torch.nonzero(s), torch.nonzero(torch.tensor(0)), torch.nonzero(s.detach(), as_tuple=True)",
    "torch.where(mask), torch.where(m % 5 == 0)",
    "torch.scatter(m, 0, idx, 2.0), m.scatter(1, idx, m[:2, :2] * 1), torch.scatter(v, 0, i, value=5)",
    "m.detach().scatter(0, idx, 2.0, reduce='multiply'), torch.scatter(v.detach(), 0, i, 1, reduce='add')",
    "v.scatter(0, i, 1.0, reduce='max')", "torch.scatter(m, 0, idx + 5, 1.0)", "torch.scatter(m, 0, i, 1.0)",
    "torch.scatter(m, 0, idx.float(), 1.0)", "torch.scatter(m, 0, idx, idx)",
    "torch.scatter(m, 1, torch.zeros(4, 1, dtype=torch.int64), 1.0)", "torch.scatter(m, 2, idx, 1.0)",
    "torch.scatter_add(m, 0, idx, m[:2, :2] * 1), torch.zeros(3).scatter_(0, i, 7.0)",
    "(m * 1).scatter_add_(0, idx, m[:2])",
    "torch.index_add(m, 0, i, m[:2] * 1, alpha=2), m.index_add(1, i, torch.ones(3, 2))",
    "torch.index_add(v, 0, i[:1], v[:1])",
    "torch.index_add(m, 0, i, m)", "torch.index_add(m, 0, i, v)", "torch.index_add(m, 0, i + 5, m[:2])",
    "torch.index_copy(m, 0, i, m[:2] * 1), (v * 1).index_copy_(0, i, v[:2])",
    "torch.index_fill(m, 1, i, 5), m.index_fill(0, i, s)",
    "torch.index_fill(m, 0, i, v)", "torch.index_fill(m, 0, i + 5, 1.0)", "torch.index_fill(m, 3, i, 1.0)",
    "torch.take(m, i), m.take(torch.tensor([[-1], [0]])), s.take(torch.tensor(0))", "torch.take(m, i.int())",
    "torch.index_put(m, (i,), torch.ones(3))", "torch.index_put(m, (torch.tensor([7]),), torch.ones(4))",
    "torch.index_put(v, (i,), torch.ones(2, dtype=torch.float64))",
    "m.index_put((i, i), v[:2]), m.index_put((i,), s), v.index_put((torch.tensor([1, 1]),), s, accumulate=True)",
]  # fmt: skip

ASSIGNMENTS = [
    "m[0] = 1.0", "m[0] = v", "m[0, 1] = s", "m[0] = m[1] * 2", "m[i] = m[:2] * 1", "m[i] = v", "m[mask] = 1.0",
    "m[mask] = s", "m[mask] = v", "m[mask] = torch.arange(4.0)", "m[...] = 0", "m[:] = s", "v[0] = torch.ones(2)",
    "v[0] = torch.ones(1)", "v[0:2] = torch.ones(3)", "v[b] = torch.ones(3)", "v[5] = 1",
    "v[[0, 2]] = torch.ones(1, 1, 2)", "m[torch.tensor([7])] = 1",
    "v[True] = 1.0", "v[None] = 1.0", "x[0, i] = 3", "x[:, 0, i] = s", "x[i[:1], :, i] = v", "s[()] = 1", "s[0] = 1",
    "m[[0, 0]] = torch.ones(2, 4)", "m[:, 1:3] = m[:, 2:]", "m.t()[1] = v",
]  # fmt: skip

ASSIGNMENT_PROGRAM = """
s, v = torch.tensor(2.0, requires_grad=True), torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
m = torch.arange(12.0).reshape(3, 4).requires_grad_()
x = torch.arange(24.0).reshape(2, 3, 4).requires_grad_()
leaves = s, v, m, x
i, b = torch.tensor([0, 2]), torch.tensor([True, False, True])
mask = m.detach() % 3 == 0
s, v, m, x = s * 1, v * 1, m * 1, x * 1
{}
total = (s ** 2).sum() + (v ** 2).sum() + (m ** 2).sum() + (x ** 2).sum()
total.backward()
result = [t.detach() for t in (s, v, m, x)], [leaf.grad for leaf in leaves]"""

PROGRAMS: dict[str, str] = {
    **{expression: SETTING + expression for expression in EXPRESSIONS},
    **{assignment: ASSIGNMENT_PROGRAM.format(assignment) for assignment in ASSIGNMENTS},
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_end_as_in_pytorch(name: str):
    assert outcome(PROGRAMS[name], gradcu) == load("index")[name]


SHAPES = hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def forwards(index: Any) -> bool:
    """Whether all slices of an index have positive steps."""
    keys = index if isinstance(index, tuple) else (index,)
    return all(not isinstance(key, slice) or key.step is None or key.step > 0 for key in keys)


@st.composite
def basic(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    shape = draw(SHAPES)
    index = draw(hnp.basic_indices(shape, allow_newaxis=True, max_dims=8).filter(forwards))
    assume(shape or not isinstance(index, slice))
    return shape, index


@st.composite
def advanced(draw: st.DrawFn) -> tuple[tuple[int, ...], Any]:
    """Index arrays that broadcast, masks, slices and new dimensions; no integers, whose rules differ from NumPy's."""
    shape = draw(hnp.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=3))
    common = draw(hnp.array_shapes(min_dims=0, max_dims=2, min_side=1, max_side=3))
    index: list[Any] = []
    rest = list(shape)
    trues = None
    while rest:
        kind = draw(st.sampled_from(["array", "slice", "none", "mask", "rest"]))
        if kind == "rest":
            index.append(...)
            break
        if kind == "none":
            index.append(None)
        elif kind == "slice":
            index.append(draw(st.slices(rest.pop(0)).filter(forwards)))
        elif kind == "mask" and trues is None and common == (1,):
            ndim = draw(st.integers(1, len(rest)))
            index.append(draw(hnp.arrays(bool, tuple(rest[:ndim]))))
            del rest[:ndim]
            trues = index[-1]
        else:
            length = rest.pop(0)
            index.append(draw(hnp.arrays("int64", common or (1,), elements=st.integers(-length, length - 1))))
    return shape, tuple(index)


def check(shape: tuple[int, ...], index: Any, rng: np.random.Generator) -> None:
    values = rng.integers(-9, 9, shape).astype("float64")
    expected = np.asarray(values[index])
    x = gradcu.tensor(values, requires_grad=True)
    found = x[index]
    assert isinstance(found, Tensor)
    assert found.shape == expected.shape
    assert np.array_equal(found.detach().numpy(), expected)
    g = rng.integers(-9, 9, expected.shape).astype("float64")
    found.backward(gradcu.from_numpy(g))
    gradient = np.zeros(shape)
    np.add.at(gradient, index, g)
    assert x.grad is not None
    assert np.array_equal(x.grad.numpy(), gradient)
    replaced = values.copy()
    replaced[index] = -7
    changed = gradcu.tensor(values)
    changed[index] = -7
    assert np.array_equal(changed.numpy(), replaced)


@given(basic(), st.integers(0, 2**32))
def test_basic_indices_are_numpys(case: tuple[tuple[int, ...], Any], seed: int):
    shape, index = case
    check(shape, index, np.random.default_rng(seed))
    x = gradcu.zeros(shape)
    assert x[index]._version == x._version
    assert not x.numel() or not x[index].numel() or np.shares_memory(x[index].numpy(), x.numpy())


@given(advanced(), st.integers(0, 2**32))
def test_index_arrays_and_masks_are_numpys(case: tuple[tuple[int, ...], Any], seed: int):
    shape, index = case
    check(shape, index, np.random.default_rng(seed))
    x = gradcu.zeros(shape)
    if any(isinstance(key, np.ndarray) for key in index):
        assert not np.shares_memory(x[index].numpy(), x.numpy())


@given(st.data())
def test_gather_is_take_along_axis(data: st.DataObject):
    shape = data.draw(hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    dim = data.draw(st.integers(-len(shape), len(shape) - 1))
    lengths = list(shape)
    lengths[dim] = data.draw(st.integers(0, 5))
    index = data.draw(hnp.arrays("int64", tuple(lengths), elements=st.integers(0, shape[dim] - 1)))
    values = np.arange(float(np.prod(shape))).reshape(shape)
    x = gradcu.tensor(values, requires_grad=True)
    found = x.gather(dim, gradcu.tensor(index))
    assert np.array_equal(found.detach().numpy(), np.take_along_axis(values, index, dim))
    assert np.array_equal(gradcu.take_along_dim(x, gradcu.tensor(index), dim).detach().numpy(), found.detach().numpy())


def test_a_change_of_the_index_comes_too_late():
    x = gradcu.ones(3, requires_grad=True)
    at = gradcu.tensor([0, 0])
    y = x[at]
    at[0] = 2
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [2, 0, 0]


def test_a_change_of_the_index_of_gather_is_found_out():
    x = gradcu.ones(3, requires_grad=True)
    at = gradcu.tensor([0, 0])
    y = x.gather(0, at)
    at[0] = 2
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()


def test_bytes_are_masks_with_a_warning():
    x = gradcu.arange(3)
    with pytest.warns(UserWarning, match="please use a dtype gradcu.bool instead"):
        assert x[gradcu.tensor([0, 1, 1], dtype=gradcu.uint8)].tolist() == [1, 2]
    with pytest.warns(UserWarning, match="please use a dtype gradcu.bool instead"):
        assert x[np.array([1, 0, 0], dtype=np.uint8)].tolist() == [0]


def test_a_list_of_lists_is_a_tuple_with_a_warning():
    x = gradcu.arange(12).reshape(3, 4)
    with pytest.warns(UserWarning, match="Using a non-tuple sequence"):
        assert x[[[0, 1], [1, 2]]].tolist() == [1, 6]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert x[[0, 1]].shape == (2, 4)


def test_floats_are_no_indices():
    x = gradcu.arange(3)
    for index in ([0.5], np.array([0.5]), (range(2), [1.5])):
        with pytest.raises(IndexError, match="integer or bool"):
            x[index]
    with pytest.raises(IndexError, match="only integers, slices"):
        x["a"]
    with pytest.raises(IndexError, match="single ellipsis"):
        x[..., ...]
