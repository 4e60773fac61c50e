"""Activation functions of neural networks that are made of pieces, or of other functions.

PyTorch has most of them in ``torch.nn.functional`` alone; gradcu has them there and in its own namespace.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._calls import argument_error
from .._define import REQUIRED, function, pointwise, structured
from .._dtype import scalar_name
from .._op import FUNCTIONS
from .._tensor import Tensor
from ._arguments import require_tensor
from ._refusals import refusing
from .arithmetic import add, div, neg
from .compare import greater, greater_equal, less, less_equal, select, where
from .creation import held
from .dims import one_dim
from .elementary import exp, sigmoid
from .index import getitem
from .join import cat
from .predicates import logical_and, logical_or
from .rounding import abs
from .shape import reshape
from .softmax import softmax
from .trigonometry import tanh


def _exponential_below_0(xp: Any, x: Any, alpha: float, scale: float, input_scale: float, node: str) -> Any:
    below = x < 0
    curve = xp.expm1(select(xp, below, x, 0) * input_scale) * (alpha * scale)
    return select(xp, below, curve, x * scale)


def _exponential_below_0_vjp(g: Any, x: Any, alpha: float, scale: float, input_scale: float) -> Any:
    below = less_equal(x, 0)
    # What is above 0 must not overflow, or its second derivative would be 0 times infinity. That at 0 is PyTorch's.
    slope = exp(where(less(x, 0), x, 0) * input_scale) * (alpha * scale * input_scale)
    return where(below, g * slope, g * scale)


# The node's name is a static argument: PyTorch names it after one of the functions.
elu_of_kind = pointwise(
    "elu_of_kind",
    _exponential_below_0,
    statics={"alpha": REQUIRED, "scale": REQUIRED, "input_scale": REQUIRED, "node": REQUIRED},
    node=lambda node: node,
    promotion="same",
    prepare=refusing("biuc", "elu_cpu"),
    public=False,
    c="{x} < T(0) ? expm1(({x} < T(0) ? {x} : T(0)) * {input_scale}) * ({alpha} * {scale}) : {x} * {scale}",
    dx=_exponential_below_0_vjp,
    doc="``scale * x`` above 0, and ``scale * alpha * (exp(input_scale * x) - 1)`` below.",
)


@function(method=False, elementwise=True)
def elu(input: Any, alpha: float = 1.0) -> Tensor:
    """``input`` where it is above 0, else alpha * (exp(input) - 1), elementwise.

    From Clevert et al., "Fast and accurate deep network learning by exponential linear units (ELUs)",
    https://arxiv.org/abs/1511.07289. Raises NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.elu(gradcu.tensor([-1.0, 2.0]))
    tensor([-0.6321,  2.0000])
    """
    require_tensor("elu", input)
    return elu_of_kind(input, alpha, 1.0, 1.0, "EluBackward0")


@function(method=False, elementwise=True)
def celu(input: Any, alpha: float = 1.0) -> Tensor:
    """``input`` where it is above 0, else alpha * (exp(input / alpha) - 1), elementwise: a smooth `elu`.

    From Barron, "Continuously differentiable exponential linear units", https://arxiv.org/abs/1704.07483. Raises
    RuntimeError where ``alpha`` is 0, NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.celu(gradcu.tensor([-1.0, 2.0]), 2.0)
    tensor([-0.7869,  2.0000])
    """
    require_tensor("celu", input)
    if not alpha:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return elu_of_kind(input, alpha, 1.0, 1.0 / alpha, "CeluBackward0")


_SELU_ALPHA = 1.6732632423543772848170429916717
_SELU_SCALE = 1.0507009873554804934193349852946


@function(method=False, elementwise=True)
def selu(input: Any) -> Tensor:
    """``elu`` with an alpha of 1.6733, times 1.0507, elementwise: with these, mean 0 and variance 1 are kept.

    From Klambauer et al., "Self-normalizing neural networks", https://arxiv.org/abs/1706.02515. Raises
    NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.selu(gradcu.tensor([-1.0, 2.0]))
    tensor([-1.1113,  2.1014])
    """
    require_tensor("selu", input)
    return elu_of_kind(input, _SELU_ALPHA, _SELU_SCALE, 1.0, "EluBackward0")


def _check_bounds(x: Any, min_val: float, max_val: float) -> tuple[float, float]:
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    refusing("b", "hardtanh", complex_words="clamp is not supported for complex types")(x)
    if x.dtype.kind == "u" and int(min_val) < 0:
        raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return min_val, max_val


hardtanh = pointwise(
    "hardtanh",
    lambda xp, x, min_val, max_val: xp.minimum(xp.maximum(x, x.dtype.type(min_val)), x.dtype.type(max_val)),
    statics={"min_val": -1.0, "max_val": 1.0},
    promotion="same",
    prepare=_check_bounds,
    method=False,
    c="gradcu_minimum(gradcu_maximum({x}, {min_val}), {max_val})",
    dx=lambda g, x, min_val, max_val: where(logical_or(less_equal(x, min_val), greater_equal(x, max_val)), 0, g),
    doc="""``input`` between ``min_val`` and ``max_val``, and the nearer of them outside, elementwise.

    >>> import gradcu
    >>> gradcu.hardtanh(gradcu.tensor([-3.0, 0.5, 2.0]))
    tensor([-1.0000,  0.5000,  1.0000])
    """,
)


@function(method=False, elementwise=True)
def relu6(input: Any) -> Tensor:
    """``input`` between 0 and 6, and the nearer of them outside, elementwise.

    >>> import gradcu
    >>> gradcu.relu6(gradcu.tensor([-1.0, 2.0, 8.0]))
    tensor([0., 2., 6.])
    """
    require_tensor("relu6", input)
    return hardtanh(input, 0.0, 6.0)


hardsigmoid = pointwise(
    "hardsigmoid",
    lambda xp, x: xp.minimum(xp.maximum(x + 3, 0), 6) / 6,
    promotion="same",
    prepare=refusing("biuc", "hardsigmoid_cpu"),
    method=False,
    c="gradcu_minimum(gradcu_maximum({x} + T(3), T(0)), T(6)) / T(6)",
    dx=lambda g, x: where(logical_and(greater(x, -3), greater(3, x)), g / 6, 0),
    doc="""(input + 3) / 6 between 0 and 1, and the nearer of them outside, elementwise: a coarse sigmoid.

    Raises NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.hardsigmoid(gradcu.tensor([-4.0, 0.0, 1.5]))
    tensor([0.0000, 0.5000, 0.7500])
    """,
)

hardswish = pointwise(
    "hardswish",
    lambda xp, x: x * xp.minimum(xp.maximum(x + 3, 0), 6) / 6,
    promotion="same",
    prepare=refusing("biuc", "hardswish_cpu"),
    method=False,
    c="{x} * gradcu_minimum(gradcu_maximum({x} + T(3), T(0)), T(6)) / T(6)",
    dx=lambda g, x: where(less_equal(x, -3), 0, where(greater(3, x), g * (x / 3 + 0.5), g)),
    doc="""input * hardsigmoid(input), elementwise.

    From Howard et al., "Searching for MobileNetV3", https://arxiv.org/abs/1905.02244. Raises NotImplementedError for
    integers and bools.

    >>> import gradcu
    >>> gradcu.hardswish(gradcu.tensor([-4.0, 1.0, 5.0]))
    tensor([-0.0000, 0.6667, 5.0000])
    """,
)

threshold = pointwise(
    "threshold",
    lambda xp, x, threshold, value: select(xp, x <= threshold, held(value, x.dtype), x),
    statics={"threshold": REQUIRED, "value": REQUIRED},
    promotion="same",
    prepare=refusing("bc", "threshold_cpu"),
    method=False,
    c="{x} <= {threshold} ? {value} : {x}",
    dx=lambda g, x, threshold: where(less_equal(x, threshold), 0, g),
    doc="""``input`` where it is above ``threshold``, else ``value``, elementwise.

    >>> import gradcu
    >>> gradcu.threshold(gradcu.tensor([0.5, 2.0]), 1.0, -1.0)
    tensor([-1.,  2.])
    """,
)


softly_shrunk = pointwise(
    "softly_shrunk",
    lambda xp, x, lambd: select(xp, x > lambd, x - lambd, select(xp, x < -lambd, x + lambd, select(xp, x == x, 0, x))),
    statics={"lambd": REQUIRED},
    node="SoftshrinkBackward0",
    promotion="same",
    prepare=refusing("biuc", "softshrink_cpu"),
    public=False,
    c="{x} > {lambd} ? {x} - {lambd} : {x} < -{lambd} ? {x} + {lambd} : {x} == {x} ? T(0) : {x}",
    dx=lambda g, x, lambd: where(logical_and(less_equal(x, lambd), less_equal(-lambd, x)), 0, g),
    doc="``x`` moved by ``lambd`` towards 0, and 0 where that would cross it.",
)


@function(method=False, elementwise=True)
def softshrink(input: Any, lambd: float = 0.5) -> Tensor:
    """``input`` moved by ``lambd`` towards 0, and 0 where that would cross it, elementwise.

    Raises RuntimeError for a negative ``lambd``, NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.softshrink(gradcu.tensor([-2.0, 0.25, 1.0]))
    tensor([-1.5000,  0.0000,  0.5000])
    """
    require_tensor("softshrink", input)
    if input.dtype.kind == "f":
        largest = float(np.finfo(input.dtype).max)
        if not 0 <= lambd <= largest:
            raise RuntimeError(
                f"lambda must be in range [0, {largest:g}] for input dtype {scalar_name(input.dtype)}, but found "
                f"{lambd:g}"
            )
    return softly_shrunk(input, lambd)


hardshrink = pointwise(
    "hardshrink",
    lambda xp, x, lambd: select(xp, (x <= lambd) & (x >= -lambd), 0, x),
    statics={"lambd": 0.5},
    promotion="same",
    prepare=refusing("biuc", "hardshrink_cpu"),
    c="{x} <= {lambd} && {x} >= -{lambd} ? T(0) : {x}",
    dx=lambda g, x, lambd: where(logical_and(less_equal(x, lambd), less_equal(-lambd, x)), 0, g),
    doc="""``input`` where it is farther than ``lambd`` from 0, else 0, elementwise.

    Raises NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.hardshrink(gradcu.tensor([-2.0, 0.25, 1.0]))
    tensor([-2.,  0.,  1.])
    """,
)

logsigmoid = pointwise(
    "logsigmoid",
    lambda xp, x: xp.minimum(x, 0) - xp.log1p(xp.exp(-xp.abs(x))),
    node="LogSigmoidBackward0",
    promotion="same",
    prepare=refusing("biuc", "log_sigmoid_cpu"),
    method=False,
    c="gradcu_minimum({x}, T(0)) - log1p(exp(-fabs({x})))",
    dx=lambda g, x: g * sigmoid(-x),
    doc="""The logarithm of sigmoid(input), elementwise, without underflow.

    Raises NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.logsigmoid(gradcu.tensor([-100.0, 0.0]))
    tensor([-100.0000,   -0.6931])
    """,
)


def _soft_gate(x: Any) -> Any:
    """tanh(log(1 + exp(x))) as tanh's quotient by e = exp(-|x|), in which nothing overflows or cancels."""
    above = greater(x, 0)
    e = exp(where(above, -x, x))
    return where(above, (1 + 2 * e) / (1 + 2 * e + 2 * e * e), e * (e + 2) / (e * (e + 2) + 2))


def _mish_vjp(g: Any, x: Any) -> Any:
    gate = _soft_gate(x)
    return g * (gate + x * sigmoid(x) * (1 - gate * gate))


mish = pointwise(
    "mish",
    lambda xp, x: x * _soft_gate(x),
    promotion="same",
    prepare=refusing("biuc", "mish_cpu"),
    method=False,
    c="{x} * gradcu_soft_gate({x})",
    dx=_mish_vjp,
    doc="""input * tanh(softplus(input)), elementwise.

    From Misra, "Mish: a self regularized non-monotonic activation function", https://arxiv.org/abs/1908.08681. Raises
    NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.mish(gradcu.tensor([-1.0, 2.0]))
    tensor([-0.3034,  1.9440])
    """,
)


@function(method=False, elementwise=True)
def softsign(input: Any) -> Tensor:
    """Input / (1 + abs(input)), elementwise.

    >>> import gradcu
    >>> gradcu.softsign(gradcu.tensor([-1.0, 3.0]))
    tensor([-0.5000,  0.7500])
    """
    require_tensor("softsign", input)
    return div(input, add(abs(input), 1))


@function(method=False, elementwise=True)
def tanhshrink(input: Any) -> Tensor:
    """Input - tanh(input), elementwise.

    >>> import gradcu
    >>> gradcu.tanhshrink(gradcu.tensor([-1.0, 2.0]))
    tensor([-0.2384,  1.0360])
    """
    require_tensor("tanhshrink", input)
    return FUNCTIONS["sub"](input, tanh(input))


@function(method=False)
def softmin(input: Any, dim: int, dtype: Any = None) -> Tensor:
    """The `softmax` of ``-input`` along ``dim``: positive, 1 in sum, and largest where ``input`` is least.

    >>> import gradcu
    >>> gradcu.softmin(gradcu.tensor([0.0, 0.0]), 0)
    tensor([0.5000, 0.5000])
    """
    require_tensor("softmin", input)
    return softmax(neg(input), dim, dtype)


prelu_kernel = pointwise(
    "prelu_kernel",
    lambda xp, x, weight: select(xp, x > 0, x, x * weight),
    promotion="same",
    public=False,
    c="{x} > T(0) ? {x} : {x} * {weight}",
    dx=lambda g, x, weight: where(greater(x, 0), g, g * weight),
    dweight=lambda g, x: where(greater(x, 0), 0, g * x),
    doc="``x`` where it is above 0, else ``x * weight``.",
)


@function()
def prelu(input: Any, weight: Any) -> Tensor:
    """``input`` where it is above 0, else ``input * weight``: `leaky_relu` with slopes that are learned.

    ``weight`` has one element, or one for each slice along dimension 1. Raises RuntimeError for another number of them
    and for different dtypes.

    >>> import gradcu
    >>> gradcu.prelu(gradcu.tensor([-2.0, 3.0]), gradcu.tensor([0.25]))
    tensor([-0.5000,  3.0000])
    """
    for position, (name, value) in enumerate((("input", input), ("weight", weight))):
        if not isinstance(value, Tensor):
            raise argument_error("prelu", name, position, value)
    if input.dtype != weight.dtype:
        raise RuntimeError(
            f"prelu: Type promoting not supported. Got {scalar_name(input.dtype)} and {scalar_name(weight.dtype)}"
        )
    refusing("c", "prelu_cpu")(input)
    shape = input._array.shape
    count = weight._array.size
    if weight.ndim > 1:
        raise RuntimeError(f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}")
    if count != 1:
        if not shape:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = shape[1] if len(shape) > 1 else 1
        if count != channels:
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{count} and channel size = {channels}."
            )
    if len(shape) != weight.ndim:
        along = 1 if len(shape) > 1 else 0
        weight = reshape(weight, tuple(count if d == along else 1 for d in range(len(shape))))
    return prelu_kernel(input, weight)


def _glu_dim(x: Any, dim: Any) -> tuple[int]:
    if not x.ndim:
        raise RuntimeError("glu does not support 0-dimensional tensors")
    at = one_dim(x.ndim, dim, "glu")
    if x.shape[at] % 2:
        raise RuntimeError(f"Halving dimension must be even, but dimension {at} is size {x.shape[at]}")
    refusing("biuc", "glu_cpu")(x)
    return (at,)


def _halves(x: Any, dim: int) -> tuple[Any, Any]:
    half = x.shape[dim] // 2
    before = (slice(None),) * dim
    return getitem(x, (*before, slice(half))), getitem(x, (*before, slice(half, None)))


def _glu_vjp(g: Any, x: Any, dim: int) -> Any:
    a, b = _halves(x, dim)
    gate = sigmoid(b)
    return cat((g * gate, g * a * (gate * (1 - gate))), dim)


@structured(statics=1, method=False, prepare=_glu_dim, dx=_glu_vjp)
def glu(xp: Any, x: Any, dim: int = -1) -> Any:
    """The first half of ``input`` along ``dim`` times the `sigmoid` of the second half.

    From Dauphin et al., "Language modeling with gated convolutional networks", https://arxiv.org/abs/1612.08083. Raises
    RuntimeError where there are no two halves, NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.glu(gradcu.tensor([2.0, 0.0]))
    tensor([1.])
    """
    a, b = _halves(x, dim)
    return a / (1 + xp.exp(-b))
