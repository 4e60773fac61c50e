"""Reductions at ties, zeros, NaN, infinities and no elements, and of other dtypes: all is as in PyTorch."""

import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcu
from tests.golden import load
from tests.programs import outcome

SETTING = """
inf, nan = float("inf"), float("nan")
x = torch.tensor([[1.0, 4.0, 2.0], [4.0, 0.0, 3.0]], requires_grad=True)
s, i, b = torch.tensor(3.0, requires_grad=True), torch.tensor([[0, 2, 1], [3, 3, 5]]), torch.tensor([True, False, True])
bytes, none, rows = torch.tensor([0, 2], dtype=torch.uint8), torch.ones(0), torch.ones(2, 0)
narrow = torch.tensor([60000.0, 60000.0, 1.0], dtype=torch.float16, requires_grad=True)

def slopes(f, values):
    "The value, its node, the gradient for the cotangents 1, 2, ..., and the gradient of that one's weighted sum."
    x = torch.tensor(values, dtype=torch.float64, requires_grad=True)
    out = f(x)
    (first,) = torch.autograd.grad(out, x, torch.arange(1.0, out.numel() + 1, dtype=torch.float64).reshape(out.shape),
                                   create_graph=True)
    second = torch.zeros_like(x)
    if first.requires_grad:
        weights = torch.arange(1.0, first.numel() + 1, dtype=torch.float64).reshape(first.shape)
        (second,) = torch.autograd.grad(first, x, weights)
    # Which zeros are negative depends on the order of the products.
    return out, first.detach() + 0.0, second + 0.0

result = """

ZEROS = ["[0.0, 2.0, 3.0]", "[0.0, 0.0, 3.0]", "[0.0, 0.0, 0.0]", "[0.0]", "[[1.0, 0.0], [0.0, 2.0]]"]
TIES = ["[1.0, 3.0, 3.0]", "[1.0, nan, 3.0]", "[nan, nan, 3.0]", "[-inf, -inf]", "[inf, 1.0]"]
LENGTHS = ["[0.0, 0.0]", "[0.0, 2.0, -3.0]", "[2.0, 2.0, -2.0]", "[nan, 1.0]", "[inf, 1.0]"]
EXPONENTS = ["[-inf, -inf]", "[inf, inf]", "[inf, 1.0]", "[-inf, 1.0]", "[nan, 1.0]", "[1000.0, 1001.0]"]

DIMENSIONS = [
    "",
    "0",
    "-1",
    "(0, 1)",
    "()",
    "2",
    "-3",
    "(0, 0)",
    "(0, -2)",
    "0, True",
    "keepdim=True, dim=1",
    "None, True",
]

EXPRESSIONS = [
    *(f"x.{name}({dim})" for name in ("sum", "mean", "amax", "amin", "var", "std") for dim in DIMENSIONS),
    *(f"x.{name}({dim}), i.{name}({dim}), bytes.{name}()" for name in ("all", "any") for dim in DIMENSIONS),
    *(
        f"x.{name}({dim})"
        for name in ("prod", "max", "min", "argmax", "argmin")
        for dim in ("", "0", "-1", "2", "0, True", "keepdim=True, dim=1", "axis=0")
    ),
    *(f"s.{name}({dim})" for name in ("sum", "prod", "amax", "max", "argmin", "all") for dim in ("", "0", "-1", "1")),
    *(
        f"{operand}.{name}({dim})"
        for operand, dim in (("none", ""), ("none", "0"), ("rows", "0"), ("rows", "1"), ("rows", ""))
        for name in ("sum", "mean", "prod", "amax", "amin", "max", "min", "argmax", "argmin", "all", "any")
    ),
    *(f"{operand}.{name}()" for name in ("sum", "mean", "prod", "max", "amin", "argmax", "var") for operand in "ib"),
    *(f"i.int().{name}(0), b.{name}(0)" for name in ("sum", "prod", "cumsum", "cumprod")),
    *(
        f"x.{name}(dtype=torch.float64), i.{name}(dtype=torch.float32), i.{name}(0, dtype=torch.int8), b.{name}()"
        for name in ("sum", "prod")
    ),
    *(
        f"{call} for t in (torch.tensor([2.0, nan, 1.0]), torch.tensor([[0, 5, 2], [3, 1, 4]]), s)]"
        for call in (
            *(
                "[t.sort()",
                "[t.sort(dim=0, descending=True, stable=True)",
                "[torch.argsort(t)",
                "[torch.msort(t)",
                "[t.topk(1)",
            ),
            *("[t.topk(1, 0, largest=False)", "[t.kthvalue(1)", "[t.kthvalue(1, 0, True)", "[t.median()"),
            *("[t.median(0)", "[t.median(dim=-1, keepdim=True)", "[t.cummax(0)", "[t.cummin(-1)"),
        )
    ),
    *(
        f"[torch.{call} for t in (torch.tensor([[2.0, nan], [1.0, 0.0]]), s)]"
        for call in (
            "nansum(t)",
            "nansum(t, 0, keepdim=True)",
            "nanmean(t)",
            "nanmean(t, -1)",
            "count_nonzero(t)",
            "count_nonzero(t, 0)",
            "logcumsumexp(t, 0)",
            "var_mean(t, correction=0)",
            "std_mean(t, -1, correction=0)",
        )
    ),
    "torch.nansum(i), torch.nansum(i, dtype=torch.float32), torch.count_nonzero(b)",
    "torch.logcumsumexp(torch.tensor([-inf, inf]), 0)",
    "torch.nanmean(i)",
    "torch.var_mean(i)",
    "torch.nansum(x, 2)",
    "torch.logcumsumexp(x, 2)",
    "x.sort(2)",
    "x.topk(4)",
    "b.topk(1)",
    "x.kthvalue(0)",
    "b.kthvalue(1)",
    "x.median(2)",
    "b.median()",
    "none.median(), rows.sort(), none.cummax(0)",
    "x.cummax(2)",
    "x.mean(dtype=torch.float64), i.mean(dtype=torch.float32)",
    "x.mean(dtype=torch.int64)",
    "x.detach().sum(dtype=torch.int64)",
    "narrow.sum(), narrow.mean(), narrow.cumsum(0), narrow.norm(), narrow.logsumexp(0), narrow.var()",
    "narrow.softmax(0), narrow.log_softmax(0), narrow.norm(1), narrow.norm(3), narrow.std(0), narrow.cumprod(0)",
    "torch.ones(4096, dtype=torch.float16).sum(), torch.ones(1, 4096, dtype=torch.float16).mT.contiguous().sum(0)",
    "torch.sum(x, axis=0, keepdims=True), torch.max(x, axis=0, keepdims=True)",
    "torch.sum([1.0, 2.0])",
    "torch.max([1.0, 2.0])",
    "b.argmax()",
    "i.max(), i.max(1), b.max(0), torch.max(x, i), torch.min(i, other=i), x.max(torch.tensor(2.0))",
    "x.max(0).values, x.max(0).indices, len(x.max(0)), x.min(1)[0], tuple(x.min(1))",
    *(
        f"slopes(lambda x: x.{name}, {values})"
        for name in ("max()", "amax()", "max(0)[0]", "min()", "amin(0)")
        for values in TIES
    ),
    *(f"torch.tensor({values}).argmax(), torch.tensor({values}).argmin(0)" for values in TIES),
    *(f"slopes(lambda x: x.{name}, {values})" for name in ("prod()", "prod(0)", "cumprod(-1)") for values in ZEROS),
    *(
        f"x.{name}({dim})"
        for name in ("cumsum", "cumprod", "softmax", "log_softmax", "logsumexp")
        for dim in ("0", "-1", "2", "dim=1", "axis=1", "")
    ),
    *(f"s.{name}(0), none.{name}(0), s.{name}(-1)" for name in ("cumsum", "cumprod", "softmax", "log_softmax")),
    "s.logsumexp(0), s.logsumexp(()), none.logsumexp(0), i.logsumexp(1), x.logsumexp((0, 1), True)",
    "x.cumsum(0, dtype=torch.float64), i.cumprod(1, dtype=torch.float32)",
    "x.softmax(0, torch.float64), i.log_softmax(1, dtype=torch.float32)",
    "i.softmax(0)",
    "i.log_softmax(1)",
    *(
        f"slopes(lambda x: x.{name}(0), {values})"
        for name in ("logsumexp", "softmax", "log_softmax")
        for values in EXPONENTS
    ),
    "x.var(False), x.std(unbiased=False), x.var(correction=0.5), x.std(0, correction=None), x.var(1, True, True)",
    "x.var(correction=6), x.std(1, correction=5), torch.ones(1).var(), none.std(), rows.var(1)",
    *(f"slopes(lambda x: x.{name}({options}), [2.0, 2.0])" for name in ("var", "std") for options in ("", "False")),
    *(
        f"slopes(lambda x: x.norm({p}), {values})"
        for p in ("", "1", "3", "0.5", "1.5", "-1", "inf", "-inf", "2.5")
        for values in LENGTHS
    ),
    "x.norm(0), x.norm(0, 1), x.norm(None), x.norm('fro', 1), x.norm(2, (0, 1)), s.norm(1)",
    "x.norm(dtype=torch.float64), x.norm(3, 0, dtype=torch.float64), torch.norm(x, 2, None, True), torch.norm(x, p=1)",
    "x.norm(float('nan')), none.norm(), none.norm(1), rows.norm(inf, 0), rows.norm(0.5, 1)",
    "none.norm(inf)",
    "none.norm(-1)",
    "i.norm()",
    "b.norm(1)",
    "x.norm(dtype=torch.int64)",
    "x.norm(dtype=torch.float16)",
    "x.norm(1j)",
    "x.norm(2, 2)",
    "x.norm(2, (0, 0))",
]
PROGRAMS = {expression: SETTING + expression for expression in EXPRESSIONS} | {
    "norm of order 0": "x = torch.ones(2, requires_grad=True); x.norm(0).backward(); result = x.grad",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_program_does_what_it_does_in_pytorch(name: str):
    assert outcome(PROGRAMS[name], gradcu) == load("reduce")[name]


def test_keepdim_must_be_a_bool():
    with pytest.raises(TypeError, match=r"^sum\(\): argument 'keepdim' must be bool, not int$"):
        gradcu.ones(2, 3).sum(0, 1)  # type: ignore[arg-type]


@pytest.mark.parametrize("dim", [1.5, "a", True, (0, None)])
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "all", "logsumexp", "norm"])
def test_a_dimension_must_be_an_integer(name: str, dim: object):
    with pytest.raises(TypeError, match=rf"^{name}\(\): argument 'dim' must be tuple of ints|must be int, not"):
        getattr(gradcu.ones(2, 3), name)(dim=dim)


def test_unbiased_and_correction_exclude_each_other():
    with pytest.raises(TypeError, match=r"^std\(\): give unbiased=True or correction=0, not both$"):
        gradcu.ones(3).std(unbiased=True, correction=0)


def test_norm_names_the_orders_it_has():
    with pytest.raises(RuntimeError, match=r"^norm\(\): argument 'p' must be a number or 'fro', not 'nuc'$"):
        gradcu.ones(2, 2).norm("nuc")


def test_a_pair_of_values_and_indices_survives_pickling():
    found = pickle.loads(pickle.dumps(gradcu.tensor([3.0, 1.0]).max(0)))
    assert type(found) is gradcu.return_types.max
    assert (found.values.item(), found.indices.item()) == (3.0, 0)


def products_of_others(values: list[float], order: int) -> np.ndarray:
    """The derivatives of a product by ``order`` different factors: the products of all others, else 0."""
    count = len(values)
    found = np.zeros((count,) * order)
    for places in itertools.permutations(range(count), order):
        found[places] = np.prod([value for i, value in enumerate(values) if i not in places])
    return found


@given(st.lists(st.sampled_from([0.0, 0.0, 1.0, -2.0, 0.5]), min_size=1, max_size=5))
def test_derivatives_of_a_product_are_exact_where_factors_are_0(values: list[float]):
    x = gradcu.tensor(values, dtype=gradcu.float64, requires_grad=True)
    (first,) = gradcu.autograd.grad(x.prod(), x, create_graph=True)
    np.testing.assert_array_equal(first.detach().numpy(), products_of_others(values, 1))
    for i in range(len(values)):
        (second,) = gradcu.autograd.grad(first[i], x, create_graph=True)
        np.testing.assert_array_equal(second.detach().numpy(), products_of_others(values, 2)[i])
        for j in range(len(values)):
            (third,) = gradcu.autograd.grad(second[j], x, retain_graph=True)
            np.testing.assert_array_equal(third.numpy(), products_of_others(values, 3)[i, j])


@given(st.lists(st.sampled_from([0.0, 0.0, 1.0, -2.0, 0.5]), min_size=1, max_size=9), st.integers(0, 8))
def test_derivatives_of_a_running_product_are_exact_where_factors_are_0(values: list[float], last: int):
    last %= len(values)
    x = gradcu.tensor(values, dtype=gradcu.float64, requires_grad=True)
    (first,) = gradcu.autograd.grad(x.cumprod(0)[last], x, create_graph=True)
    expected = np.append(products_of_others(values[: last + 1], 1), np.zeros(len(values) - last - 1))
    np.testing.assert_array_equal(first.detach().numpy(), expected)
    (second,) = gradcu.autograd.grad(first[0], x)
    expected = np.append(products_of_others(values[: last + 1], 2)[0], np.zeros(len(values) - last - 1))
    np.testing.assert_array_equal(second.numpy(), expected)


@pytest.mark.parametrize("count", [1, 2, 3, 64, 1000])
def test_a_running_products_gradient_of_any_length(count: int, rng: np.random.Generator):
    values, cotangent = 1 + rng.normal(size=count) / count, rng.normal(size=count)
    x = gradcu.tensor(values, requires_grad=True)
    x.cumprod(0).backward(gradcu.tensor(cotangent))
    products = np.cumprod(values)
    expected = np.cumsum((cotangent * products)[::-1])[::-1] / values
    assert x.grad is not None
    np.testing.assert_allclose(x.grad.numpy(), expected, rtol=1e-12)


@pytest.mark.parametrize(("call", "expected"), [("mean", 60000.0), ("var", 0.0), ("logsumexp", 60000.0)])
def test_float16_is_reduced_in_float32(call: str, expected: float):
    x = gradcu.tensor([60000.0] * 4, dtype=gradcu.float16)
    found = x.logsumexp(0) if call == "logsumexp" else getattr(x, call)()
    assert (found.dtype, found.item()) == (gradcu.float16, expected)


def test_results_do_not_share_memory_with_their_operands():
    x = gradcu.ones(3, 1)
    results = [x.sum(()), x.sum(1), x.amax(1), x.prod(1), x.cumsum(1), x.softmax(0), x.max(1).values, x.norm(2, 1)]
    x.zero_()
    assert all(bool((result != 0).all()) for result in results)
