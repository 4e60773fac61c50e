"""Activation functions of neural networks.

All but relu and sigmoid stand in PyTorch's ``torch.nn.functional``, where they are found here too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._define import REQUIRED, pointwise
from .._silence import silent
from ._refusals import refusing
from .compare import INFINITIES, LARGE, ZEROS, filled_where, greater, kept_where, select, where
from .convert import zeros_of
from .elementary import exp, sigmoid
from .special import erfc

# NumPy compares numbers of two arrays, or clips them to an interval, in vectors, and compares with a number one by one.
_ROWS = {dtype: np.zeros(LARGE, dtype) for dtype in ZEROS}
# Of NumPy 2.0, where -0.0 becomes 0.0, clipping is no use.
_CLIPS = bool(np.signbit(np.clip(-_ROWS[np.dtype("float32")][:64], 0, np.inf)).all())


@silent
def _relu_on_numpy(x: Any, out: Any = None) -> Any:
    if type(x) is not np.ndarray:
        return x.dtype.type(0) if x < 0 else x
    zeros = _ROWS.get(x.dtype)
    if zeros is None:
        # Of two zeros np.maximum may take the one without a sign.
        kept = np.where(x < 0, x.dtype.type(0), x)
        return kept if out is None else np.positive(kept, out=out)
    if x.size >= LARGE and _CLIPS:
        return np.clip(x, ZEROS[x.dtype], INFINITIES[x.dtype], out=out)
    return np.maximum(zeros[: x.size] if x.ndim == 1 and x.size <= LARGE else ZEROS[x.dtype], x, out=out)


def _refuse_bools(x: Any) -> tuple[()]:
    if x.dtype.kind == "b":
        raise RuntimeError("Boolean inputs not supported for relu")
    return refusing("", "relu_cpu", complex_words="clamp is not supported for complex types")(x)


@silent
def _relu_gate_on_numpy(gradient: Any, x: Any, out: Any = None) -> Any:
    if out is not None:
        return filled_where(x != ZEROS.get(x.dtype, 0), gradient, out)
    if type(x) is np.ndarray and type(gradient) is np.ndarray and (zero := ZEROS.get(x.dtype)) is not None:
        return kept_where(x != zero, gradient)
    return select(np, x != 0, gradient, 0)


# The derivative of relu's gradient by relu's operand is 0. As an op of both the gate says so: a second order gets
# zeros, as in PyTorch, where a choice by a bool would leave no graph.
relu_gate = pointwise(
    "relu_gate",
    lambda xp, gradient, x: select(xp, x != 0, gradient, 0),
    native=_relu_gate_on_numpy,
    fills=True,
    node="ThresholdBackwardBackward0",
    promotion="same",
    c="{x} != T(0) ? {gradient} : T(0)",
    dgradient=lambda g, x: relu_gate(g, x),
    dx=lambda g: zeros_of(g),
    public=False,
    doc="``gradient`` where ``x`` is not 0, else 0.",
)

relu = pointwise(
    "relu",
    lambda xp, x: _relu_on_numpy(x) if xp is np else xp.maximum(x.dtype.type(0), x),
    native=_relu_on_numpy,
    fills=True,
    promotion="same",
    prepare=_refuse_bools,
    c="{x} < T(0) ? T(0) : {x}",
    dx=lambda g, out: relu_gate(g, out),
    doc="""``input`` where it is above 0, else 0, elementwise, of the same dtype.

    The gradient at 0 is 0. Raises RuntimeError for bools.

    >>> import gradcu
    >>> gradcu.relu(gradcu.tensor([-1.0, 2.0]))
    tensor([0., 2.])
    """,
)

leaky_relu_gate = pointwise(
    "leaky_relu_gate",
    lambda xp, gradient, x, slope: select(xp, x > 0, gradient, gradient * slope),
    statics={"slope": REQUIRED},
    node="LeakyReluBackwardBackward0",
    promotion="same",
    c="{x} > T(0) ? {gradient} : {gradient} * {slope}",
    dgradient=lambda g, x, slope: leaky_relu_gate(g, x, slope),
    dx=lambda g: zeros_of(g),
    public=False,
    doc="``gradient`` where ``x`` is above 0, else ``gradient * slope``.",
)

leaky_relu = pointwise(
    "leaky_relu",
    lambda xp, x, negative_slope: select(xp, x > 0, x, x * negative_slope),
    statics={"negative_slope": 0.01},
    promotion="same",
    prepare=refusing("biuc", "leaky_relu_cpu"),
    method=False,
    c="{x} > T(0) ? {x} : {x} * {negative_slope}",
    dx=lambda g, x, negative_slope: leaky_relu_gate(g, x, negative_slope),
    doc="""``input`` where it is above 0, else ``input * negative_slope``, elementwise.

    The gradient at 0 is ``negative_slope``. Raises NotImplementedError for integers, bools and complex numbers.

    >>> import gradcu
    >>> gradcu.leaky_relu(gradcu.tensor([-1.0, 2.0]), 0.1)
    tensor([-0.1000,  2.0000])
    """,
)

softplus = pointwise(
    "softplus",
    lambda xp, x, beta, threshold: select(xp, x * beta > threshold, x, xp.log1p(xp.exp(x * beta)) / beta),
    statics={"beta": 1, "threshold": 20},
    promotion="same",
    prepare=refusing("biuc", "softplus_cpu"),
    method=False,
    c="gradcu_softplus({x}, {beta}, {threshold})",
    dx=lambda g, x, beta, threshold: where(greater(x * beta, threshold), g, g * sigmoid(x * beta)),
    doc="""log(1 + exp(beta * input)) / beta, a smooth relu, elementwise; ``input`` where beta * input > threshold.

    Raises NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.softplus(gradcu.tensor([-1.0, 2.0, 100.0]))
    tensor([  0.3133,   2.1269, 100.0000])
    """,
)


def _silu_rule(g: Any, x: Any) -> Any:
    s = sigmoid(x)
    return g * (s * (1 + x * (1 - s)))


silu = pointwise(
    "silu",
    lambda xp, x: x / (1 + xp.exp(-x)),
    promotion="same",
    prepare=refusing("biu", "silu_cpu"),
    method=False,
    c="{x} / (T(1) + exp(-{x}))",
    dx=_silu_rule,
    doc="""input * sigmoid(input), also called swish, elementwise.

    Raises NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.silu(gradcu.tensor([-1.0, 2.0]))
    tensor([-0.2689,  1.7616])
    """,
)

_SQRT_HALF = math.sqrt(0.5)
_PEAK = 1 / math.sqrt(2 * math.pi)
_CUBE = 0.044715
_SLOPE = 2 * math.sqrt(2 / math.pi)


def _gelu(xp: Any, x: Any, approximate: str) -> Any:
    if approximate == "none":
        return x * (0.5 * erfc(x * -_SQRT_HALF))
    return x / (1 + xp.exp(x * (1 + _CUBE * (x * x)) * -_SLOPE))


def _gelu_rule(g: Any, x: Any, approximate: str) -> Any:
    if approximate == "none":
        return g * (erfc(x * -_SQRT_HALF) * 0.5 + x * exp(x * x * -0.5) * _PEAK)
    squared = x * x
    s = sigmoid(x * (squared * _CUBE + 1) * _SLOPE)
    return g * (s * (1 + x * ((1 - s) * (squared * (3 * _CUBE) + 1)) * _SLOPE))


def _check_approximation(x: Any, approximate: str) -> tuple[str]:
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    refusing("biuc", "GeluKernelImpl")(x)
    return (approximate,)


gelu = pointwise(
    "gelu",
    _gelu,
    statics={"approximate": "none"},
    promotion="same",
    prepare=_check_approximation,
    method=False,
    c=lambda approximate: (
        f"{{x}} * (T(0.5) * erfc({{x}} * T({-_SQRT_HALF!r})))"
        if approximate == "none"
        else f"{{x}} / (T(1) + exp({{x}} * (T(1) + T({_CUBE!r}) * ({{x}} * {{x}})) * T({-_SLOPE!r})))"
    ),
    dx=_gelu_rule,
    doc="""``input`` times the probability that a standard normal variable is below it, elementwise.

    With ``approximate="tanh"`` the probability is 0.5 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))), here computed as the
    logistic function of twice the argument, which keeps its digits for negative x. From Hendrycks and Gimpel, "Gaussian
    Error Linear Units", https://arxiv.org/abs/1606.08415. Raises RuntimeError for another ``approximate``,
    NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.gelu(gradcu.tensor([-1.0, 2.0]))
    tensor([-0.1587,  1.9545])
    """,
)
