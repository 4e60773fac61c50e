"""Products of vectors and matrices: which shapes and dtypes fit, nodes and errors are PyTorch's; einsum's equations."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcu
from tests.golden import load
from tests.programs import outcome

SETTING = """
def made(*shape):
    return (torch.arange(int(np.prod(shape))).reshape(shape) % 7 - 3).to(torch.float32).requires_grad_()

s, u, v = made(1).reshape(()), made(2), made(3)
m, n, q, b, c, d = made(2, 3), made(3, 2), made(3, 3), made(4, 2, 3), made(4, 3, 2), made(5, 4, 2, 3)
i, j, t = torch.arange(6).reshape(2, 3), torch.tensor([1, 2, 3]), torch.tensor([True, False, True])
wide, none = torch.ones(3, 2, dtype=torch.float64), torch.ones(0)
F = torch.nn.functional
result = """

PRODUCTS = [
    "torch.addmm(u, m, n, alpha=2), torch.addmm(u[:1], m, n, beta=0), m.addmm(q[:2], q), j.addmm(i, q.long())",
    "torch.addmm(m, m, m)",
    "torch.addmm(v, m, n)",
    "torch.addmm(u, m, wide)",
    "torch.addmm(u, v, m)",
    "torch.addmv(u, m, v, alpha=0.5), torch.addmv(s, m, v), torch.addmv(u, m, u)",
    "torch.addmv(u, m, m)",
    "torch.addr(m, u, v, beta=2), torch.addr(v, u, v), torch.addr(j, j, j, alpha=2)",
    "torch.addr(m, m, v)",
    "torch.addr(j, j, j, alpha=0.5)",
    "torch.baddbmm(u, b, c), torch.addbmm(u, b, c, alpha=2)",
    "torch.baddbmm(s, b, b)",
    "F.linear(v, m), F.linear(m, q, v), F.linear(b, q), F.linear(b, q, v).shape, F.linear(v, q, v), F.linear(v, v)",
    "torch.vdot(v, v), torch.inner(v, v), torch.inner(m, q), torch.inner(s, v), torch.kron(u, v), torch.kron(m, s)",
    "torch.vdot(m, v)",
    "torch.inner(u, v)",
    "torch.tensordot(m, n, 1), torch.tensordot(b, c, ([0, 1], [0, 2])), torch.tensordot(u, v, dims=0)",
    "torch.tensordot(m, m, 1)",
    "torch.tensordot(m[:1].int(), m.int(), ([0], [0]))",
    "torch.trace(q), torch.trace(m), i.trace(), torch.trace(t[None] * 1)",
    "torch.trace(v)",
    "torch.cross(v, v + 1, dim=0), torch.cross(m, q[:2], dim=-1), j.cross(j + 1, dim=0)",
    "torch.cross(u, u, dim=0)",
    "torch.cross(v, m, dim=-1)",
    "torch.cross(v, v.double(), dim=0)",
    "v.dot(v), none.dot(none), j.dot(j)",
    "v.dot(u)",
    "m.dot(m)",
    "v.dot(m)",
    "s.dot(v)",
    "v.dot(j)",
    "t.dot(t)",
    "torch.dot(v, 2)",
    "torch.dot(v)",
    "m.mv(v), i.mv(j)",
    "m.mv(u)",
    "v.mv(m)",
    "m.mv(m)",
    "n.mv(wide[0])",
    "m.mm(n), i.mm(i.t()), torch.ones(2, 0).mm(torch.ones(0, 3))",
    "m.mm(m)",
    "v.mm(m)",
    "m.mm(v)",
    "m.mm(wide)",
    "b.bmm(c)",
    "b.bmm(b)",
    "b.bmm(m)",
    "m.bmm(b)",
    "b[:2].bmm(c)",
    "b.bmm(c.double())",
    "v @ v, m @ v, v @ n, m @ n, i @ j, j @ i.t()",
    "b @ v, v @ c, b @ n, m @ c, b @ c, d @ c, d @ n, d @ v, v @ d.transpose(2, 3)",
    "made(5, 1, 2, 3) @ c, i @ b.detach().long().transpose(1, 2)",
    "v @ u",
    "m @ u",
    "u @ n",
    "m @ m",
    "b @ u",
    "b @ m",
    "u @ c",
    "b @ b",
    "d @ d",
    "d @ c[:3]",
    "b[:3] @ c",
    "s @ v",
    "v @ s",
    "m @ 2",
    "2 @ m",
    "torch.matmul(m, 2)",
    "torch.matmul([1.0], m)",
    "m @ wide",
    "m @ wide[:, 0]",
    "b @ wide",
    "b @ c.double()",
    "v @ wide[:, 0]",
    "i @ n",
    "torch.outer(v, u), torch.outer(v, j), torch.outer(t, t), u.outer(none)",
    "torch.outer(m, v)",
    "torch.outer(v, m)",
    *(
        f"made(2, 2).to(torch.{one}) @ torch.ones(2, 2).to(torch.{other})"
        for one, other in (("float16", "int8"), ("uint8", "int16"), ("int32", "float64"))
    ),
]

EQUATIONS = {
    "m, n": ["ij,jk->ik", "ij,jk", " i j , j k -> i k ", "Ab,bA", "cb,ba", "ij,ji->i", "ij,kl->ijkl", "ij,jk->ik;"],
    "m, v": ["ij,j->i", "a...,...->a", "ij,k->i"],
    "m, m": ["ij,ij->ij", "ij,ij->i", "ij,ij", "ij,jk->ik", "a...,b...->ab...", "ij,Ij->iI"],
    "m": [
        *("ij->ji", "ij->", "ij->j", "ji", "...i->i", "...", "...ij->...", "i...->...", "ij->ik", "ij->iij", "ii->i"),
        *("ij,jk->ik", "i1->i", "ijk->i", "i->i", "...ijk", "i..j->i", "i....j->i", "...i...->i", "i.->i"),
    ],
    "q": ["ii", "ii->i", "ij->ji"],
    "v": ["i->", "i->i", "i->...i", "i->ii"],
    "s": ["", "->", "..."],
    "q, q": ["ii,ii->", "ii,jj->ij", "ii,ij->j", "ij,jj->i"],
    "b, c": ["bij,bjk->bik", "...ij,...jk->...ik", "...ij,...jk", "bij,bjk->ik", "bij,...->bij..."],
    "d, c": ["...ij,...jk", "abij,bjk->abik", "...ij,...jk->ik"],
    "m, n, u": ["ij,jk,k->i", "ij,jk,k", "ij,jk,k->ik"],
    "u, m, v": ["i,ij,j->", "i,ij,j->j"],
    "v, v": ["i,i", "i,i->", "i,i->i", "i,j->ij", "i,j->j", "i,j->", "i,j"],
    "s, v": [",i->i", ",i"],
    "made(1, 2, 3), n": ["xij,jk->xik", "xij,jk->ik"],
    "i, j": ["ij,j->i", "ij,k->jk"],
    "m, i": ["ij,ij->", "ij,ij->ij"],
    "m, wide": ["ij,jk->ik", "ij,kl->ijkl"],
    "m, 1": ["ij,->ij"],
}
SUBLISTS = [
    "torch.einsum(m, [0, 1], n, [1, 2], [0, 2]), torch.einsum(m, [1, 0]), torch.einsum(m, [0, 1], [])",
    "torch.einsum(m, [..., 1], n, [1, 2], [..., 2]), torch.einsum('ij,jk', [m, n])",
    "torch.einsum(3, n)",
    "torch.einsum('ij,jk->ik')",
    "torch.einsum()",
]

PROGRAMS = {expression: SETTING + expression for expression in (*PRODUCTS, *SUBLISTS)} | {
    f"{equation!r} of {operands}": f"{SETTING}torch.einsum({equation!r}, {operands})"
    for operands, equations in EQUATIONS.items()
    for equation in equations
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_does_what_it_does_in_pytorch(name: str):
    assert outcome(PROGRAMS[name], gradcu) == load("linalg")[name]


def test_an_array_beside_a_matrix_is_a_constant():
    x = gradcu.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
    (x @ np.array([1.0, 10.0], "float32")).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[1.0, 10.0], [1.0, 10.0]]


def test_sublists_hold_integers_below_52():
    with pytest.raises(ValueError, match=r"^einsum\(\): subscript 52 in subscript list is not within .* \[0, 52\)$"):
        gradcu.einsum(gradcu.ones(2), [52], [])


def test_a_gradient_saves_only_the_other_operand():
    x, w = gradcu.ones(2, 2, requires_grad=True), gradcu.ones(2, 2)
    own = x * 1
    y = gradcu.einsum("ij,jk->ik", own, w)
    own.zero_()
    y.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [[2.0, 2.0], [2.0, 2.0]]


@st.composite
def equations(draw: st.DrawFn) -> tuple[str, list[tuple[int, ...]]]:
    """An equation of up to three operands with at most three dimensions each, and the operands' shapes."""
    lengths = {"a": 2, "b": 3, "c": 1, "d": 4}
    inputs = draw(st.lists(st.text("abcd", max_size=3), min_size=1, max_size=3))
    known = sorted(set("".join(inputs)))
    output = "".join(draw(st.permutations(known))[: draw(st.integers(0, len(known)))])
    shapes = [
        tuple(1 if draw(st.integers(0, 5)) == 0 and term.count(name) == 1 else lengths[name] for name in term)
        for term in inputs
    ]
    return ",".join(inputs) + "->" + output, shapes


@given(equations())
def test_any_equation_and_its_gradients_are_numpys(case: tuple[str, list[tuple[int, ...]]]):
    equation, shapes = case
    arrays = [np.cos(np.arange(np.prod(shape, dtype=int)) + k).reshape(shape) for k, shape in enumerate(shapes)]
    tensors = [gradcu.tensor(array, requires_grad=True) for array in arrays]
    found = gradcu.einsum(equation, *tensors)
    expected = looped(equation, arrays)
    np.testing.assert_allclose(found.detach().numpy(), expected, rtol=1e-12, atol=1e-12)
    cotangent = np.sin(np.arange(expected.size) + 1.0).reshape(expected.shape)
    gradients = gradcu.autograd.grad(found, tensors, gradcu.tensor(cotangent))
    # The sum of products is linear in each operand: along a direction, its derivative is its value there.
    for k, gradient in enumerate(gradients):
        direction = np.cos(3.0 * np.arange(arrays[k].size)).reshape(arrays[k].shape)
        slope = (looped(equation, [*arrays[:k], direction, *arrays[k + 1 :]]) * cotangent).sum()
        np.testing.assert_allclose((gradient.numpy() * direction).sum(), slope, rtol=1e-10, atol=1e-10)


def looped(equation: str, arrays: list[np.ndarray]) -> np.ndarray:
    """The sum of products, literally: over every value of every index."""
    left, _, output = equation.partition("->")
    terms = left.split(",")
    lengths: dict[str, int] = {}
    for term, array in zip(terms, arrays, strict=True):
        for name, length in zip(term, array.shape, strict=True):
            lengths[name] = max(length, lengths.get(name, 1))
    found = np.zeros([lengths[name] for name in output])
    for places in np.ndindex(*lengths.values()):
        index = dict(zip(lengths, places, strict=True))
        product = 1.0
        for term, array in zip(terms, arrays, strict=True):
            product *= array[tuple(min(index[name], n - 1) for name, n in zip(term, array.shape, strict=True))]
        found[tuple(index[name] for name in output)] += product
    return found
