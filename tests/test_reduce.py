"""Reductions at kinks and edges: ties, zeros, NaN, infinities, no elements, dtypes; values, nodes and errors are PyTorch's."""

import itertools
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import gradcu
from gradcu import Tensor
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
    if not first.requires_grad:
        return out, first
    weights = torch.arange(1.0, first.numel() + 1, dtype=torch.float64).reshape(first.shape)
    (second,) = torch.autograd.grad(first, x, weights, allow_unused=True)
    return out, first.detach(), second

result = """

ZEROS = ["[0.0, 2.0, 3.0]", "[0.0, 0.0, 3.0]", "[0.0, 0.0, 0.0]", "[0.0]", "[[1.0, 0.0], [0.0, 2.0]]"]
TIES = ["[1.0, 3.0, 3.0]", "[1.0, nan, 3.0]", "[nan, nan, 3.0]", "[-inf, -inf]", "[inf, 1.0]"]
LENGTHS = ["[0.0, 0.0]", "[0.0, 2.0, -3.0]", "[2.0, 2.0, -2.0]", "[nan, 1.0]", "[inf, 1.0]"]
EXPONENTS = ["[-inf, -inf]", "[inf, inf]", "[inf, 1.0]", "[-inf, 1.0]", "[nan, 1.0]", "[1000.0, 1001.0]"]

DIMENSIONS = ["", "0", "-1", "(0, 1)", "()", "2", "-3", "(0, 0)", "(0, -2)", "0, True", "keepdim=True, dim=1", "None, True"]

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
    "x.mean(dtype=torch.float64), i.mean(dtype=torch.float32)",
    "x.mean(dtype=torch.int64)",
    "x.detach().sum(dtype=torch.int64)",
    "narrow.sum(), narrow.mean(), narrow.cumsum(0), narrow.norm(), narrow.logsumexp(0), narrow.var(), narrow.softmax(0)",
    "torch.ones(4096, dtype=torch.float16).sum(), torch.ones(1, 4096, dtype=torch.float16).mT.contiguous().sum(0)",
    "torch.sum(x, axis=0, keepdims=True), torch.max(x, axis=0, keepdims=True)",
    "torch.sum([1.0, 2.0])",
    "torch.max([1.0, 2.0])",
    "x.sum(0, 1)",
    "b.argmax()",
    "i.max(), i.max(1), b.max(0), torch.max(x, i), torch.min(i, other=i), x.max(torch.tensor(2.0))",
    "x.max(0).values, x.max(0).indices, len(x.max(0)), x.min(1)[0], tuple(x.min(1))",
    *(f"slopes(lambda x: x.{name}, {values})" for name in ("max()", "amax()", "max(0)[0]", "min()", "amin(0)")
      for values in TIES),
    *(f"torch.tensor({values}).argmax(), torch.tensor({values}).argmin(0)" for values in TIES),
    *(f"slopes(lambda x: x.{name}, {values})" for name in ("prod()", "prod(0)", "cumprod(-1)") for values in ZEROS),
    *(f"x.{name}({dim})" for name in ("cumsum", "cumprod", "softmax", "log_softmax", "logsumexp")
      for dim in ("0", "-1", "2", "dim=1", "axis=1", "")),
    *(f"s.{name}(0), none.{name}(0), s.{name}(-1)" for name in ("cumsum", "cumprod", "softmax", "log_softmax")),
    "s.logsumexp(0), s.logsumexp(()), none.logsumexp(0), i.logsumexp(1), x.logsumexp((0, 1), True)",
    "x.cumsum(0, dtype=torch.float64), i.cumprod(1, dtype=torch.float32)",
    "x.softmax(0, torch.float64), i.log_softmax(1, dtype=torch.float32)",
    "i.softmax(0)",
    "i.log_softmax(1)",
    *(f"slopes(lambda x: x.{name}(0), {values})" for name in ("logsumexp", "softmax", "log_softmax")
      for values in EXPONENTS),
    "x.var(False), x.std(unbiased=False), x.var(correction=0.5), x.std(0, correction=None), x.var(1, True, True)",
    "x.var(correction=6), x.std(1, correction=5), torch.ones(1).var(), none.std(), rows.var(1)",
    *(f"slopes(lambda x: x.{name}({options}), [2.0, 2.0])" for name in ("var", "std") for options in ("", "False")),
    *(f"slopes(lambda x: x.norm({p}), {values})" for p in ("", "1", "3", "0.5", "1.5", "-1", "inf", "-inf", "2.5")
      for values in LENGTHS),
    "x.norm(0), x.norm(0, 1), x.norm(None), x.norm('fro', 1), x.norm(2, (0, 1)), x.norm(dim=0, keepdim=True), s.norm(1)",
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
