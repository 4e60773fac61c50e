"""Logarithms with something beside them: of sums, odds, entropies and probabilities.

PyTorch has most of them in ``torch.special``; gradcu has them there and in its own namespace. Integers and bools give
the default dtype.
"""

from __future__ import annotations

import math
from typing import Any

from .._define import pointwise
from ._refusals import refusing
from .compare import eq, greater, less, less_equal, select, where
from .elementary import exp, log, log1p, sigmoid
from .predicates import logical_and, logical_or
from .special import erfc

_LN2 = math.log(2.0)
_SQRT_HALF = math.sqrt(0.5)
_PEAK = 1 / math.sqrt(2 * math.pi)


def _logaddexp2(xp: Any, a: Any, b: Any) -> Any:
    larger = xp.maximum(a, b)
    # Equal infinities have no difference.
    apart = select(xp, a == b, 0, a - b)
    return larger + xp.log1p(xp.exp2(-xp.abs(apart))) / _LN2


logaddexp2 = pointwise(
    "logaddexp2",
    _logaddexp2,
    prepare=refusing("c", "logaddexp2_cpu", 2),
    c="gradcu_logaddexp2({a}, {b})",
    da=lambda g, a, b: g * sigmoid((a - b) * _LN2),
    db=lambda g, a, b: g * sigmoid((b - a) * _LN2),
    doc="""The logarithm to the base 2 of 2**input + 2**other, elementwise and broadcast, without overflow.

    >>> import gradcu
    >>> gradcu.logaddexp2(gradcu.tensor([0.0, 1000.0]), gradcu.tensor([0.0, 1000.0]))
    tensor([1.0000e+00, 1.0010e+03])
    """,
)


def _times_log(logarithm: str) -> Any:
    """``a`` times a logarithm of ``b``, and 0 where ``a`` is 0, unless ``b`` is nan."""

    def forward(xp: Any, a: Any, b: Any) -> Any:
        # The logarithm of a number would be of float64.
        of = (a if hasattr(a, "dtype") else b).dtype.type
        b = b if hasattr(b, "dtype") else of(b)
        return xp.where((a == 0) & (b == b), of(0), a * getattr(xp, logarithm)(b))

    return forward


xlogy = pointwise(
    "xlogy",
    _times_log("log"),
    node=lambda tensors: f"XlogyBackward{(0 if tensors[0] else 1) if tensors[1] else 2}",
    prepare=refusing("c", "xlogy_cpu", 2),
    c="{a} == T(0) && {b} == {b} ? T(0) : {a} * log({b})",
    da=lambda g, a, b: where(logical_and(eq(a, 0), less_equal(b, 0)), 0, g * log(b)),
    db=lambda g, a, b: g * a / b,
    doc="""input * log(other), elementwise and broadcast, and 0 where ``input`` is 0; either may be a number.

    >>> import gradcu
    >>> gradcu.xlogy(gradcu.tensor([0.0, 2.0]), gradcu.tensor([0.0, 3.0]))
    tensor([0.0000, 2.1972])
    """,
)

xlog1py = pointwise(
    "xlog1py",
    _times_log("log1p"),
    node=lambda tensors: f"SpecialXlog1PyBackward{(0 if tensors[0] else 1) if tensors[1] else 2}",
    prepare=refusing("c", "xlog1py_cpu", 2),
    method=False,
    c="{a} == T(0) && {b} == {b} ? T(0) : {a} * log1p({b})",
    da=lambda g, a, b: where(logical_and(eq(a, 0), less_equal(b, -1)), 0, g * log1p(b)),
    db=lambda g, a, b: g * a / (b + 1),
    doc="""input * log(1 + other), elementwise and broadcast, and 0 where ``input`` is 0; either may be a number.

    >>> import gradcu
    >>> gradcu.xlog1py(gradcu.tensor([0.0, 2.0]), gradcu.tensor([-1.0, 1e-10]))
    tensor([0.0000e+00, 2.0000e-10])
    """,
)


def _entropy(xp: Any, x: Any) -> Any:
    above = x > 0
    beyond = select(xp, x < 0, -math.inf, select(xp, x == 0, 0, x))
    return select(xp, above, -x * xp.log(select(xp, above, x, 1)), beyond)


entr = pointwise(
    "entr",
    _entropy,
    node="SpecialEntrBackward0",
    prepare=refusing("c", "entr"),
    method=False,
    c="{x} > T(0) ? -{x} * log({x}) : {x} < T(0) ? T(-INFINITY) : {x} == T(0) ? T(0) : {x}",
    dx=lambda g, x: g * (-1 - log(x)),
    doc="""-input * log(input), elementwise, a term of an entropy: 0 at 0, -inf below.

    >>> import gradcu
    >>> gradcu.entr(gradcu.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.3466, -0.0000])
    """,
)


def _logit(xp: Any, x: Any, eps: float | None) -> Any:
    if eps is not None:
        x = xp.minimum(xp.maximum(x, x.dtype.type(eps)), x.dtype.type(1 - eps))
    return xp.log(x / (1 - x))


def _logit_in_c(eps: float | None) -> str:
    x = "{x}" if eps is None else "gradcu_minimum(gradcu_maximum({x}, {eps}), T(1) - {eps})"
    return f"log({x} / (T(1) - {x}))"


def _logit_vjp(g: Any, x: Any, eps: float | None) -> Any:
    low, high, outside = (0.0, 1.0, math.nan) if eps is None else (eps, 1 - eps, 0.0)
    return where(logical_or(less(x, low), greater(x, high)), outside, g / (x * (1 - x)))


logit = pointwise(
    "logit",
    _logit,
    statics={"eps": None},
    prepare=refusing("c", "logit"),
    c=_logit_in_c,
    dx=_logit_vjp,
    doc="""log(input / (1 - input)), elementwise, the inverse of `sigmoid`: nan outside of [0, 1].

    With ``eps``, ``input`` is first brought between ``eps`` and ``1 - eps``; outside of them the gradient is 0.

    >>> import gradcu
    >>> gradcu.logit(gradcu.tensor([0.25, 0.5, 1.0]))
    tensor([-1.0986,  0.0000,     inf])
    """,
)


# As PyTorch's last node of several.
ndtr = pointwise(
    "ndtr",
    lambda xp, x: erfc(x * -_SQRT_HALF) * 0.5,
    node="MulBackward1",
    prepare=refusing("c", "ndtr"),
    method=False,
    c=f"erfc({{x}} * T({-_SQRT_HALF!r})) * T(0.5)",
    dx=lambda g, x: g * (exp(x * x * -0.5) * _PEAK),
    doc="""The probability that a standard normal variable is below ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.ndtr(gradcu.tensor([-1.0, 0.0, 1.0]))
    tensor([0.1587, 0.5000, 0.8413])
    """,
)
