"""Elementwise functions where the op table cannot go: kinks, special values, errors, and what dtypes become."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest

import gradcu
from gradcu.ops.compare import select
from tests.golden import decode, encode, load
from tests.programs import outcome

inf, nan = math.inf, math.nan

CALLS = """
torch.add(x, y); torch.add(x, y, alpha=2); torch.add(1, x); torch.add(i, 2, alpha=3); torch.add(b, b, alpha=2)
torch.add(small, small, alpha=-3); torch.sub(small, small, alpha=-3); torch.add(small, small, alpha=300)
torch.add(small, i[:2], alpha=300); torch.sub(small, 2, alpha=-1)
torch.add(x, y, alpha="a"); torch.add(i, i, alpha=2.5); torch.add(i, i, alpha=True); torch.add(x, None)
x.add(y, alpha=-1)
torch.sub(x, y); torch.sub(2, x); torch.sub(x, 2, alpha=0.5); torch.subtract(x, y); 1 - x; 1.5 - i; y - x
torch.sub(b, b); b - 1; 1 - b; b - x; torch.sub(b, x, alpha=2)
torch.mul(2, x); torch.multiply(x, y); i * 2.5; b * b; i * b; small + 300; small * -1; small == 300; x * 1e300
torch.div(x, y); torch.div(2, x); torch.divide(i, 2); torch.true_divide(i, i); b / b; i / 0; 1 / x; 3 / i; 2.5 / x
torch.div(x, y, rounding_mode="floor"); torch.div(x, 2, rounding_mode="trunc"); torch.div(i, -2, rounding_mode="trunc")
torch.div(i, -2, rounding_mode="floor"); torch.div(i, 0, rounding_mode="trunc"); torch.div(x, y, rounding_mode="bad")
torch.div(i, i - i, rounding_mode="floor"); torch.div(b, b, rounding_mode="trunc")
torch.div(i, 2.5, rounding_mode="trunc")
i // 2; i // 0; i // -3; torch.floor_divide(i, 2.0); b // b; 7 // i
x % y; x % 2; i % -3; i % 0; b % b; torch.remainder(i, i - i); torch.remainder(7, i); torch.fmod(x, y); torch.fmod(x, 2)
torch.fmod(i, 0); torch.fmod(i, -3)
-x; -b; torch.negative(x); +x; torch.positive(b); torch.reciprocal(i); torch.reciprocal(b)
x**2; x**y; 2**x; 2.0**i; 2**i; x**0; x**True; i**2; i**2.5; i**-1; i**-1.0; i ** (i - 3); small**-1; b**2
b**b; 2 ** (i - 3)
torch.pow(2, x); torch.pow(x, exponent=3); torch.pow(i, 0.5); x ** "a"; x**None; (0 * i) ** (i - 3)
x**torch.tensor(2.0)
torch.square(x); b.square(); x.square(); i**70; x.pow(2)
torch.abs(b); torch.absolute(x); abs(i); torch.sign(b); torch.sign(i - 2); x.sign()
b.floor(); i.floor(); i.ceil(); b.ceil(); i.round(); i.trunc(); x.fix(); i.frac(); b.frac(); torch.round(i, decimals=-1)
torch.round(x, decimals=1); x.round(); torch.round(torch.tensor([2.675, 0.125, -0.5]), decimals=2)
torch.exp(i); torch.exp(b); torch.exp(2.0); torch.sin(None); torch.sqrt(i); torch.log1p(x)
torch.arcsin(x); torch.arccos(x); torch.arctan(x); torch.arcsinh(x); torch.arccosh(x + 1); torch.arctanh(x / 2)
torch.arctan2(x, y); torch.atan2(i, i); torch.hypot(x, y)
torch.relu(i - 2); torch.relu(b); F.leaky_relu(i); F.softplus(i); F.gelu(i); F.silu(i); F.gelu(x, approximate="t")
F.softplus(x, beta=2.0, threshold=2.0); F.leaky_relu(x, negative_slope=0.2); F.gelu(x, approximate="tanh")
torch.sigmoid(i)
torch.erf(i); torch.lgamma(i); torch.polygamma(-1, x); torch.polygamma(2, i); x.polygamma(1); x.digamma(); x.lgamma()
torch.copysign(x, -y); torch.copysign(i, -2); x.copysign(y); torch.copysign(x, torch.tensor(-0.0))
torch.fmax(x, y); torch.fmin(i, y); torch.fmax(b, b); torch.deg2rad(i); x.rad2deg()
torch.heaviside(x.detach(), y.detach()); torch.heaviside(x, i[:2])
torch.heaviside(i, i); torch.nan_to_num(torch.tensor([nan, inf, -inf]), 1.0, posinf=2.0)
torch.nan_to_num(torch.tensor([nan, inf, -inf], dtype=torch.float16)); torch.nan_to_num(i); torch.isposinf(x)
torch.isneginf(i); torch.signbit(i - 2); torch.signbit(b); x.signbit(); torch.float_power(i, 2); torch.float_power(2, x)
torch.float_power(b, 0.5); torch.logaddexp2(x, y); torch.xlogy(i, 2); torch.xlogy(2, i); torch.xlogy(0.0, x - x)
torch.special.xlog1py(x, y); torch.special.entr(i); torch.special.ndtr(i); torch.special.expit(i); torch.logit(x / 2)
torch.logit(x, eps=0.3); torch.logit(i); torch.lerp(x, y, 0.25); torch.lerp(x, y, x); torch.lerp(i, i, 0.5)
torch.lerp(x, y.double(), 0.5); torch.addcmul(x, x, y, value=2); torch.addcmul(i, i, i, value=1.5)
torch.addcmul(small, small, small, value=-1); torch.addcdiv(x, y, y); torch.addcdiv(i, i, i); x.addcmul(x, y)
F.elu(x - 1, 2.0); F.elu(i); F.celu(x - 1, alpha=2.0); F.celu(x, 0); F.selu(x - 1); F.hardtanh(i, 0, 2)
F.hardtanh(small); F.hardtanh(x, 1.0, 0.0); F.relu6(x * 5); F.relu6(i); F.hardsigmoid(x); F.hardsigmoid(i)
F.hardswish(x - 3); F.threshold(x, 1.0, -1.0); F.threshold(i, 1.5, -2.5); F.softshrink(x); F.softshrink(x, -1)
F.hardshrink(x, lambd=1.0)
torch.hardshrink(x); F.logsigmoid(x); F.mish(x); F.mish(i); F.softsign(i); F.tanhshrink(x); F.tanhshrink(b)
F.softmin(x, dim=0); F.prelu(x - 1, y[:1]); F.prelu(x, y[:1].double()); F.prelu(torch.ones(2, 3), x); F.glu(x)
F.glu(x[:1]); torch.prelu(x - 1, y[:1]); F.relu(x - 1, inplace=False); F.glu(i[:2])
torch.logaddexp(x, y); torch.sinc(x); x.erf(); x.erfc(); x.sinc()
torch.maximum(x, y); torch.maximum(i, y); torch.minimum(b, b); x.maximum(y)
torch.clamp(x, 0, 1); torch.clamp(x, 1); torch.clamp(x, max=1); torch.clamp(x, y, y + 1); torch.clamp(x, y)
torch.clamp(x, max=y); torch.clamp(x); torch.clip(x, 0, 1); torch.clamp_min(x, 1); torch.clamp_max(x, 1)
torch.clamp_min(x, y); torch.clamp_max(x, y); x.clamp(min=1); torch.clamp(i, 1.5, 3); torch.clamp(i, y, y + 1)
torch.clamp(b, 0, 1); torch.clamp(small, -1, 300); torch.clamp(i, max=2)
torch.where(x > 1, x, y); torch.where(x > 1, x, 0); torch.where(x > 1, 0.0, y); torch.where(x > 1, 1, 2)
torch.where(x > 1, 1.0, 2); torch.where(x > 1, True, False); torch.where(x, x, y); torch.where(i, x, y)
x.where(x > 1, y)
torch.where(x > 1, i[:2], 0.5); torch.where(x > 1, x.double(), y); x.where(x > 1, 0)
x == None; x != "a"; x < None; torch.eq(x, y); x >= 1; i > 1.5; b == 1; torch.not_equal(x, y); torch.greater_equal(x, y)
torch.lt(x, y); torch.le(x, 1); torch.gt(x, 1); torch.ge(x, 1); torch.ne(x, 0.5); 1 < x
~b; ~i; ~x; x & y; i & 3; 1 & i; b & 1; x & 1; b ^ True; i | b; torch.bitwise_and(i, 3); torch.bitwise_not(b); b | b
torch.logical_and(x, y); torch.logical_not(x); torch.logical_xor(i, i - 1); torch.logical_or(i - i, x[:1])
torch.isnan(i); torch.isnan(b); torch.isinf(i); torch.isfinite(i); torch.isclose(x, 1.0); torch.isclose(x, x.double())
torch.isclose(x, y, rtol=-1.0); torch.isclose(i, i + 1, 0.5); torch.isclose(b, b); torch.isclose(x, x + 1e-7)
torch.isclose(torch.tensor([inf, nan, -inf, inf]), torch.tensor([inf, nan, inf, 1.0]), equal_nan=True)
torch.allclose(x, y); torch.allclose(x, x.double()); torch.equal(x, x.double()); torch.equal(x, x[:1])
torch.equal(x, 1.0)
torch.equal(torch.tensor([nan]), torch.tensor([nan])); torch.allclose(i, i)
x[:, None] + i[:2, None, None] * torch.ones(3)
""".replace("\n", ";").split(";")
CALLS = [call.strip() for call in CALLS if call.strip()]


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


@dataclass(frozen=True)
class Kink:
    """A function of 0-dim Tensors, where to look at it, and up to which derivative PyTorch's is right."""

    function: Callable[..., Any]
    points: tuple[tuple[float, ...], ...]
    order: int = 2


LINE = tuple((x,) for x in (0.0, -0.0, 1.0, -1.0, 0.5, 2.5, -2.0, -20.0, 21.0, -100.0, 100.0, inf, -inf, nan))
PLANE = tuple(itertools.product((0.0, 1.0, -1.0, 2.5, inf, -inf, nan), (0.0, 1.0, -1.5, inf, -inf, nan)))


def functional(library: Any) -> Any:
    """Where the activation functions stand."""
    return library.nn.functional if hasattr(library, "nn") else library


UNARY = """abs sign sqrt rsqrt reciprocal square exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan
sinh cosh tanh asinh acosh atanh sigmoid relu erf erfc floor ceil round trunc frac"""
BINARY = "div maximum minimum remainder fmod hypot"

KINKS: dict[str, Kink] = {
    **{name: Kink(lambda m, x, name=name: getattr(m, name)(x), LINE) for name in UNARY.split()},
    **{name: Kink(lambda m, a, b, name=name: getattr(m, name)(a, b), PLANE) for name in BINARY.split()},
    **{
        name: Kink(lambda m, x, name=name: getattr(functional(m), name)(x), LINE)
        for name in ("leaky_relu", "softplus", "silu")
    },
    **{f"x**{n}": Kink(lambda m, x, n=n: x**n, LINE) for n in (0, 1, 2, 3, -1, -2, -3, 0.5, -0.5, 1.5)},
    "2**x": Kink(lambda m, x: 2**x, LINE),
    "gelu, tanh": Kink(lambda m, x: functional(m).gelu(x, approximate="tanh"), LINE[:-8] + LINE[-3:]),
    **{
        name: Kink(lambda m, x, name=name: getattr(m.nn.functional, name)(x), LINE)
        for name in ("elu", "celu", "selu", "hardtanh", "relu6", "softshrink", "hardshrink", "logsigmoid", "mish")
    },
    # PyTorch multiplies by a sixth as float32 has it.
    "hardswish": Kink(lambda m, x: m.nn.functional.hardswish(x), LINE, order=1),
    "threshold": Kink(lambda m, x: m.nn.functional.threshold(x, 1.0, 0.25), LINE),
    "logit": Kink(lambda m, x: m.logit(x), LINE, order=1),
    "fmax": Kink(lambda m, a, b: m.fmax(a, b), PLANE),
    "fmin": Kink(lambda m, a, b: m.fmin(a, b), PLANE),
    "clamp": Kink(lambda m, x: m.clamp(x, 0, 1), LINE),
    "clamp, bounds crossed": Kink(lambda m, x: m.clamp(x, 1, 0), LINE),
    "clamp_min": Kink(lambda m, x: m.clamp_min(x, 0), LINE),
    "clamp_max": Kink(lambda m, x: m.clamp_max(x, 0), LINE),
    "clamp between tensors": Kink(lambda m, a, b: m.clamp(a, b, b + 1), PLANE),
    "clamp between crossed tensors": Kink(lambda m, a, b: m.clamp(a, b, b - 1), PLANE),
    "clamp from below": Kink(lambda m, a, b: m.clamp(a, b), PLANE),
    "clamp from above": Kink(lambda m, a, b: m.clamp(a, max=b), PLANE),
    "where": Kink(lambda m, a, b: m.where(a > b, a, b), PLANE),
    "div floor": Kink(lambda m, a, b: m.div(a, b, rounding_mode="floor"), PLANE),
    "div trunc": Kink(lambda m, a, b: m.div(a, b, rounding_mode="trunc"), PLANE),
    # PyTorch's second derivatives are nan or wrong at some of these points; what is right is tested below.
    "sinc": Kink(lambda m, x: m.sinc(x), LINE, order=1),
    "0**x": Kink(lambda m, x: 0**x, LINE, order=1),
    "a**b": Kink(lambda m, a, b: a**b, PLANE, order=1),
    "logaddexp": Kink(lambda m, a, b: m.logaddexp(a, b), PLANE, order=1),
    "atan2": Kink(lambda m, a, b: m.atan2(a, b), tuple(p for p in PLANE if p != (0.0, 0.0))),
    "atan2 at 0": Kink(lambda m, a, b: m.atan2(a, b), ((0.0, 0.0), (-0.0, -0.0)), order=1),
    # PyTorch's trigamma is wrong from the 10th digit on, and at the poles.
    "lgamma": Kink(lambda m, x: m.lgamma(x), LINE, order=1),
    "digamma": Kink(lambda m, x: m.digamma(x), LINE, order=0),
    "polygamma": Kink(lambda m, x: m.polygamma(2, x), ((1.0,), (0.5,), (2.5,), (21.0,)), order=0),
}


def at_kink(library: Any, kink: Kink, point: tuple[float, ...]) -> list[Any]:
    """The value, the first derivatives and each one's derivatives, by every operand; None where there is no graph."""
    operands = [library.tensor(x, dtype=library.float64, requires_grad=True) for x in point]
    out = kink.function(library, *operands)
    found: list[Any] = [out.item()]
    row = [out]
    for _ in range(kink.order):
        row = [derivative for one in row for derivative in derivatives(library, one, operands)]
        found.append([None if derivative is None else derivative.item() for derivative in row])
    return encode(found)


def derivatives(library: Any, value: Any, operands: list[Any]) -> Any:
    if value is None or not value.requires_grad:
        return [None] * len(operands)
    return library.autograd.grad(value, operands, create_graph=True, allow_unused=True)


@pytest.mark.parametrize("call", CALLS)
def test_calls_are_pytorchs(call: str):
    found, expected = outcome(program(call), gradcu), load("pointwise")["calls"][call]
    assert found == expected


@pytest.mark.parametrize("name", KINKS)
def test_derivatives_at_kinks_are_pytorchs(name: str):
    kink = KINKS[name]
    wrong = []
    for point, expected in zip(kink.points, load("pointwise")["kinks"][name], strict=True):
        found = at_kink(gradcu, kink, point)
        if not agree(decode(found), decode(expected)):
            wrong.append(f"at {point}: {found}, not {expected}")
    assert not wrong, "\n".join(wrong)


def agree(found: Any, expected: Any) -> bool:
    """Whether both are the same but for rounding; what is no part of a graph and what is 0 are the same derivative."""
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(agree, found, expected))
    return bool(np.isclose(found or 0.0, expected or 0.0, rtol=1e-12, atol=1e-14, equal_nan=True))


def series(function: Callable[[Any], Any], x: float, order: int) -> list[float]:
    """The derivatives of a function of one float64 number, from the first on."""
    leaf = gradcu.tensor(x, dtype=gradcu.float64, requires_grad=True)
    value, found = function(leaf), []
    for _ in range(order):
        (value,) = gradcu.autograd.grad(value, leaf, create_graph=True)
        found.append(value.item())
    return found


@pytest.mark.parametrize("x", [0.0, -0.0, 1e-9, 0.25, 0.6, 0.7, -0.9, 1.0, 1.5, 7.25, -30.5])
def test_derivatives_of_sinc_are_right_to_the_sixth_order(x: float):
    with mpmath.workprec(400):
        expected = [float(mpmath.diff(mpmath.sincpi, mpmath.mpf(x), n)) for n in range(1, 7)]
    scale = [math.pi**n / (n + 1) for n in range(1, 7)]
    errors = np.abs(np.subtract(series(gradcu.sinc, x, 6), expected)) / scale
    assert errors.max() < 1e-13


@pytest.mark.parametrize("x", [0.1, 1.0, 1.4616, 2.0, 3.5, 40.0, -0.5, -2.25])
def test_derivatives_of_lgamma_are_right_to_the_fifth_order(x: float):
    with mpmath.workprec(200):
        expected = [float(mpmath.polygamma(n, mpmath.mpf(x))) for n in range(5)]
    np.testing.assert_allclose(series(gradcu.lgamma, x, 5), expected, rtol=1e-12, atol=1e-14)


def second(function: Callable[..., Any], *point: float) -> list[float]:
    found = decode(at_kink(gradcu, Kink(lambda m, *operands: function(*operands), (), 2), point))
    return [0.0 if value is None else value for value in found[2]]


def test_second_derivatives_where_pytorchs_are_nan_or_wrong():
    assert second(gradcu.pow, 2.5, 0.0) == pytest.approx([0.0, 1 / 2.5, 1 / 2.5, math.log(2.5) ** 2])
    assert second(gradcu.pow, 0.0, 2.0) == [2.0, 0.0, 0.0, 0.0]
    assert second(lambda x: 0**x, 1.0) == [0.0]
    for point in ((0.0, inf), (1.0, -inf), (-inf, 2.0), (300.0, -500.0)):
        assert second(gradcu.logaddexp, *point) == [0.0] * 4


@pytest.mark.parametrize("dtype", [gradcu.float16, gradcu.float32, gradcu.float64])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (5000,)])
def test_relu_keeps_the_sign_of_a_zero(dtype: Any, shape: tuple[int, ...]):
    zeros = gradcu.full(shape, -0.0, dtype=dtype)
    assert np.signbit(gradcu.relu(zeros).numpy()).all()
    assert not np.signbit(gradcu.relu(zeros - 1).numpy()).any()


def test_the_gradient_of_relu_is_a_constant_that_can_be_differentiated():
    x = gradcu.tensor([-1.0, 2.0], requires_grad=True)
    (first,) = gradcu.autograd.grad(gradcu.relu(x).sum(), x, create_graph=True)
    assert type(first.grad_fn).__name__ == "ThresholdBackwardBackward0"
    (again,) = gradcu.autograd.grad(first.sum(), x)
    np.testing.assert_array_equal(again.numpy(), [0.0, 0.0])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [8, 5000])
def test_relu_bit_by_bit(size: int, dtype: str):
    x = np.resize(np.array([0.0, -0.0, 1.0, -2.5, inf, -inf, nan, 1e-40], dtype), size)
    # -0.0 is not below 0.
    expected = np.where(x < 0, x.dtype.type(0), x)
    bits = f"u{x.itemsize}"
    for found in (gradcu.relu(gradcu.from_numpy(x)).numpy(), gradcu.relu(gradcu.from_numpy(x.repeat(2)[::2])).numpy()):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found.view(bits), expected.view(bits))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("exponent", [*range(-12, 13), 17, 33, 64, 65, -64, -65])
def test_whole_powers_are_within_four_units(exponent: int, dtype: str):
    x = np.concatenate([np.linspace(0.3, 2.4, 60), -np.linspace(0.31, 2.3, 60)]).astype(dtype)
    for found in (
        (gradcu.from_numpy(x) ** exponent).numpy(),
        np.array([(gradcu.tensor(v) ** exponent).item() for v in x]),
    ):
        with mpmath.workprec(200):
            exact = [mpmath.mpf(v) ** exponent for v in x.tolist()]
            errors = [abs(mpmath.mpf(f) - e) for f, e in zip(found.tolist(), exact, strict=True)]
            units = [float(np.spacing(abs(np.dtype(dtype).type(float(e))))) for e in exact]
            assert max(float(error / unit) for error, unit in zip(errors, units, strict=True)) <= 4


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64"])
@pytest.mark.parametrize("shape", [(10,), (5000,), (3, 4, 500), (0, 3)])
def test_where_chooses_bit_by_bit(shape: tuple[int, ...], dtype: str, rng: np.random.Generator):
    numbers = [0.0, -0.0, 1.0, -2.5, inf, -inf, nan, 1e-40] if dtype.startswith("float") else [0, -1, 7]
    condition = rng.integers(0, 2, shape).astype(bool)
    a, b = (rng.choice(np.array(numbers, dtype), shape) for _ in range(2))
    number = a.dtype.type(0).item()
    for one, other in ((a, b), (a, number), (number, a), (a, 3), (a[..., :1], b), (a[..., ::-1], b[..., ::-1])):
        chosen = [v if isinstance(v, np.ndarray) else np.asarray(v, dtype) for v in (one, other)]
        expected = np.where(condition, *chosen)
        operands = [gradcu.from_numpy(v) if isinstance(v, np.ndarray) else v for v in (one, other)]
        for found in (
            gradcu.where(gradcu.from_numpy(condition), *operands).numpy(),
            select(np, condition, one, other),
        ):
            assert found.dtype == expected.dtype
            assert found.tobytes() == expected.tobytes()


SCALAR_CALLS: dict[str, Callable[[Any], Any]] = {
    "x**2": lambda x: x**2,
    "x**3": lambda x: x**3,
    "x**-3": lambda x: x**-3,
    "x**0.5": lambda x: x**0.5,
    "2**x": lambda x: 2**x,
    "1/x": lambda x: 1 / x,
    "1-x": lambda x: 1 - x,
    **{
        name: getattr(gradcu, name)
        for name in [
            "relu",
            "sigmoid",
            "softplus",
            "silu",
            "gelu",
            "leaky_relu",
            "sinc",
            "erf",
            "erfc",
            "lgamma",
            "sign",
        ]
    },
    "where": lambda x: gradcu.where(x > 1, x, 0),
    "clamp": lambda x: gradcu.clamp(x, 0, 1),
}


@pytest.mark.parametrize("name", SCALAR_CALLS)
def test_a_scalar_stays_a_numpy_scalar(name: str):
    """Arithmetic on 0-dim arrays is ten times as slow."""
    x = gradcu.tensor(1.5, requires_grad=True) * 1.0
    out = SCALAR_CALLS[name](x)
    (gradient,) = gradcu.autograd.grad(out, x)
    assert type(out._array) is type(gradient._array) is np.float32


@pytest.fixture
def without_scipy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)


@pytest.mark.usefixtures("without_scipy")
def test_without_scipy_the_standard_library_serves():
    x = gradcu.tensor([-1.5, 0.0, 0.5, 3.0, inf, nan], dtype=gradcu.float64)
    np.testing.assert_allclose(gradcu.erf(x).numpy(), [math.erf(v) for v in x.tolist()], rtol=1e-15)
    np.testing.assert_allclose(gradcu.erfc(x).numpy(), [math.erfc(v) for v in x.tolist()], rtol=1e-15)
    expected = [math.lgamma(-1.5), inf, math.lgamma(0.5), math.lgamma(3.0), inf, nan]
    np.testing.assert_allclose(gradcu.lgamma(x).numpy(), expected, rtol=1e-14)
    assert gradcu.gelu(gradcu.tensor([1.0])).item() == pytest.approx(0.8413447, rel=1e-6)
    assert gradcu.lgamma(gradcu.tensor(1e308, dtype=gradcu.float64)).item() == inf


@pytest.mark.usefixtures("without_scipy")
@pytest.mark.parametrize("call", [gradcu.digamma, lambda x: gradcu.polygamma(1, x)])
def test_without_scipy_digamma_names_the_extra(call: Callable[[Any], Any]):
    with pytest.raises(ModuleNotFoundError, match=r"gamma needs SciPy, .* pip install 'gradcu\[special\]'"):
        call(gradcu.tensor([1.0]))


def test_scipy_is_not_imported_before_it_is_needed():
    code = "import sys, gradcu; gradcu.gelu; gradcu.sigmoid(gradcu.tensor(1.0)); assert 'scipy' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
