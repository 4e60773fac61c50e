"""Elementwise functions where the op table cannot go: kinks, special values, errors, and what dtypes become."""

from __future__ import annotations

import itertools
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest

import gradcu
from gradcu.ops._special_on_numpy import gammaln
from gradcu.ops.compare import select
from tests.golden import decode, encode, load
from tests.programs import outcome

inf, nan = math.inf, math.nan

CALLS = """
torch.add(x, y); torch.add(x, y, alpha=2); torch.add(1, x); torch.add(i, 2, alpha=3); torch.add(b, b, alpha=2)
torch.add(x, y, alpha="a"); torch.add(i, i, alpha=2.5); torch.add(i, i, alpha=True); torch.add(x, None); x.add(y, alpha=-1)
torch.sub(x, y); torch.sub(2, x); torch.sub(x, 2, alpha=0.5); torch.subtract(x, y); 1 - x; 1.5 - i; y - x
torch.sub(b, b); b - 1; 1 - b; b - x; torch.sub(b, x, alpha=2)
torch.mul(2, x); torch.multiply(x, y); i * 2.5; b * b; i * b; small + 300; small * -1; small == 300; x * 1e300; i + 2**70
torch.div(x, y); torch.div(2, x); torch.divide(i, 2); torch.true_divide(i, i); b / b; i / 0; 1 / x; 3 / i; 2.5 / x
torch.div(x, y, rounding_mode="floor"); torch.div(x, 2, rounding_mode="trunc"); torch.div(i, -2, rounding_mode="trunc")
torch.div(i, -2, rounding_mode="floor"); torch.div(i, 0, rounding_mode="trunc"); torch.div(x, y, rounding_mode="bad")
torch.div(i, i - i, rounding_mode="floor"); torch.div(b, b, rounding_mode="trunc"); torch.div(i, 2.5, rounding_mode="trunc")
i // 2; i // 0; i // -3; torch.floor_divide(i, 2.0); b // b; 7 // i
x % y; x % 2; i % -3; i % 0; b % b; torch.remainder(i, i - i); torch.remainder(7, i); torch.fmod(x, y); torch.fmod(x, 2)
torch.fmod(i, 0); torch.fmod(i, -3)
-x; -b; torch.negative(x); +x; torch.positive(b); torch.reciprocal(i); torch.reciprocal(b)
x**2; x**y; 2**x; 2.0**i; 2**i; x**0; x**True; i**2; i**2.5; i**-1; i**-1.0; i ** (i - 3); small**-1; b**2; b**b; 2 ** (i - 3)
torch.pow(2, x); torch.pow(x, exponent=3); torch.pow(i, 0.5); x ** "a"; x**None; (0 * i) ** (i - 3); x**torch.tensor(2.0)
torch.square(x); b.square(); x.square(); i**70; x.pow(2)
torch.abs(b); torch.absolute(x); abs(i); torch.sign(b); torch.sign(i - 2); x.sign()
b.floor(); i.floor(); i.ceil(); b.ceil(); i.round(); i.trunc(); x.fix(); i.frac(); b.frac(); torch.round(i, decimals=-1)
torch.round(x, decimals=1); x.round(); torch.round(torch.tensor([2.675, 0.125, -0.5]), decimals=2)
torch.exp(i); torch.exp(b); torch.exp(2.0); torch.sin(None); torch.sqrt(i); torch.log1p(x); torch.logit
torch.arcsin(x); torch.arccos(x); torch.arctan(x); torch.arcsinh(x); torch.arccosh(x + 1); torch.arctanh(x / 2)
torch.arctan2(x, y); torch.atan2(i, i); torch.hypot(x, y)
torch.relu(i - 2); torch.relu(b); F.leaky_relu(i); F.softplus(i); F.gelu(i); F.silu(i); F.gelu(x, approximate="t")
F.softplus(x, beta=2.0, threshold=2.0); F.leaky_relu(x, negative_slope=0.2); F.gelu(x, approximate="tanh"); torch.sigmoid(i)
torch.erf(i); torch.lgamma(i); torch.polygamma(-1, x); torch.polygamma(2, i); x.polygamma(1); x.digamma(); x.lgamma()
torch.logaddexp(x, y); torch.sinc(x); x.erf(); x.erfc(); x.sinc()
torch.maximum(x, y); torch.maximum(i, y); torch.minimum(b, b); x.maximum(y)
torch.clamp(x, 0, 1); torch.clamp(x, 1); torch.clamp(x, max=1); torch.clamp(x, y, y + 1); torch.clamp(x, y)
torch.clamp(x, max=y); torch.clamp(x); torch.clip(x, 0, 1); torch.clamp_min(x, 1); torch.clamp_max(x, 1)
torch.clamp_min(x, y); torch.clamp_max(x, y); x.clamp(min=1); torch.clamp(i, 1.5, 3); torch.clamp(i, y, y + 1)
torch.clamp(b, 0, 1); torch.clamp(small, -1, 300); torch.clamp(i, max=2)
torch.where(x > 1, x, y); torch.where(x > 1, x, 0); torch.where(x > 1, 0.0, y); torch.where(x > 1, 1, 2)
torch.where(x > 1, 1.0, 2); torch.where(x > 1, True, False); torch.where(x, x, y); torch.where(i, x, y); x.where(x > 1, y)
torch.where(x > 1, i[:2], 0.5); torch.where(x > 1, x.double(), y); x.where(x > 1, 0)
x == None; x != "a"; x < None; torch.eq(x, y); x >= 1; i > 1.5; b == 1; torch.not_equal(x, y); torch.greater_equal(x, y)
torch.lt(x, y); torch.le(x, 1); torch.gt(x, 1); torch.ge(x, 1); torch.ne(x, 0.5); 1 < x
~b; ~i; ~x; x & y; i & 3; 1 & i; b & 1; x & 1; b ^ True; i | b; torch.bitwise_and(i, 3); torch.bitwise_not(b); b | b
torch.logical_and(x, y); torch.logical_not(x); torch.logical_xor(i, i - 1); torch.logical_or(i - i, x[:1])
torch.isnan(i); torch.isnan(b); torch.isinf(i); torch.isfinite(i); torch.isclose(x, 1.0); torch.isclose(x, x.double())
torch.isclose(x, y, rtol=-1.0); torch.isclose(i, i + 1, 0.5); torch.isclose(b, b); torch.isclose(x, x + 1e-7)
torch.isclose(torch.tensor([inf, nan, -inf, inf]), torch.tensor([inf, nan, inf, 1.0]), equal_nan=True)
torch.allclose(x, y); torch.allclose(x, x.double()); torch.equal(x, x.double()); torch.equal(x, x[:1]); torch.equal(x, 1.0)
torch.equal(torch.tensor([nan]), torch.tensor([nan])); torch.allclose(i, i)
""".replace("\n", ";").split(";")
CALLS = [call.strip() for call in CALLS if call.strip()]

SAID_OTHERWISE = {
    'x ** "a"', "x**None", "torch.equal(x, 1.0)",
}  # fmt: skip


def program(call: str) -> str:
    """A program of tests/programs.py that makes the call."""
    return f"""
        F = torch.nn.functional if hasattr(torch, "nn") else torch
        inf, nan = float("inf"), float("nan")
        x = torch.tensor([0.5, 1.5], requires_grad=True)
        y = torch.tensor([0.25, 2.0], requires_grad=True)
        i, small = torch.tensor([1, 2, 5]), torch.tensor([1, 7], dtype=torch.uint8)
        b = torch.tensor([True, False])
        result = {call}"""


@pytest.mark.parametrize("call", CALLS)
def test_calls_are_pytorchs(call: str):
    found, expected = outcome(program(call), gradcu), load("pointwise")["calls"][call]
    assert found == expected
