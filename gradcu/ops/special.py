"""Special functions: the error function, gamma's logarithm and its derivatives, sinc, and the logarithm of a sum.

Those that NumPy lacks come from SciPy (the extra ``special``) or CuPy, imported at the first use; without SciPy the
standard library gives erf, erfc and lgamma. Formulas: NIST Digital Library of Mathematical Functions,
https://dlmf.nist.gov. Integers and bools give the default dtype.
"""

from __future__ import annotations

import math
from importlib import import_module
from typing import Any

import numpy as np

from .._calls import argument_error
from .._define import REQUIRED, function, pointwise
from .._tensor import Tensor
from ._refusals import refusing
from .compare import select
from .elementary import exp, sigmoid


def _library(xp: Any) -> Any:
    """Where the array module's special functions stand."""
    return import_module("._special_on_numpy" if xp is np else "._special_on_cupy", __package__)


erf = pointwise(
    "erf",
    lambda xp, x: _library(xp).erf(x),
    prepare=refusing("c", "erf_vml_cpu"),
    c="erf({x})",
    dx=lambda g, x: g * (exp(-(x * x)) * _ERF_SLOPE),
    doc="""The error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.erf(gradcu.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8427])
    """,
)

erfc = pointwise(
    "erfc",
    lambda xp, x: _library(xp).erfc(x),
    prepare=refusing("c", "erfc_vml_cpu"),
    c="erfc({x})",
    dx=lambda g, x: g * (exp(-(x * x)) * -_ERF_SLOPE),
    doc="""1 - erf(input), elementwise, which keeps its digits where erf is close to 1.

    >>> import gradcu
    >>> gradcu.erfc(gradcu.tensor([0.0, 5.0]))
    tensor([1.0000e+00, 1.5375e-12])
    """,
)

_ERF_SLOPE = 2 / math.sqrt(math.pi)

lgamma = pointwise(
    "lgamma",
    lambda xp, x: _library(xp).gammaln(x),
    prepare=refusing("c", "lgamma_vml_cpu"),
    c="gradcu_lgamma({x})",
    dx=lambda g, x: g * digamma(x),
    doc="""The logarithm of the absolute value of the gamma function, elementwise: inf at 0, -1, -2, ...

    >>> import gradcu
    >>> gradcu.lgamma(gradcu.tensor([0.5, 4.0]))
    tensor([0.5724, 1.7918])
    """,
)

digamma = pointwise(
    "digamma",
    lambda xp, x: _library(xp).digamma(x),
    prepare=refusing("c", "digamma"),
    c="gradcu_digamma({x})",
    dx=lambda g, x: g * polygamma_of_order(x, 1),
    doc="""The derivative of lgamma, elementwise: -inf at 0, nan at -1, -2, ...

    Raises ModuleNotFoundError without SciPy.

    >>> import gradcu
    >>> gradcu.digamma(gradcu.tensor([0.5, 4.0]))
    tensor([-1.9635,  1.2561])
    """,
)

polygamma_of_order = pointwise(
    "polygamma_of_order",
    lambda xp, x, n: _library(xp).polygamma(n, x),
    statics={"n": REQUIRED},
    prepare=refusing("c", "polygamma"),
    node="PolygammaBackward0",
    c="gradcu_polygamma({n}, {x})",
    dx=lambda g, x, n: g * polygamma_of_order(x, n + 1),
    public=False,
    doc="The n-th derivative of digamma.",
)


@function(elementwise=True)
def polygamma(n: Any, input: Any) -> Tensor:
    """The derivative of order ``n`` of digamma, elementwise, for n = 0, 1, 2, ...

    Raises RuntimeError for a negative ``n``, ModuleNotFoundError without SciPy.

    >>> import gradcu
    >>> gradcu.polygamma(1, gradcu.tensor([0.5, 4.0]))
    tensor([4.9348, 0.2838])
    """
    if isinstance(n, Tensor):
        n, input = input, n
    if not isinstance(input, Tensor):
        raise argument_error("polygamma", "input", 1, input)
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    return polygamma_of_order(input, int(n))


def added_exponentials(xp: Any, a: Any, b: Any) -> Any:
    """log(exp(a) + exp(b)) without overflow, of real or complex numbers."""
    if a.dtype.kind != "c":
        return xp.logaddexp(a, b)
    larger = a.real >= b.real
    top = select(xp, larger, a, b)
    return top + xp.log1p(xp.exp(select(xp, larger, b, a) - top))


logaddexp = pointwise(
    "logaddexp",
    added_exponentials,
    c="gradcu_logaddexp({a}, {b})",
    da=lambda g, a, b: g * sigmoid(a - b),
    db=lambda g, a, b: g * sigmoid(b - a),
    doc="""log(exp(input) + exp(other)), elementwise and broadcast, without overflow.

    >>> import gradcu
    >>> gradcu.logaddexp(gradcu.tensor([0.0, 1000.0]), gradcu.tensor([0.0, 1000.0]))
    tensor([6.9315e-01, 1.0007e+03])
    """,
)


def _turned(xp: Any, x: Any) -> Any:
    """``x`` less the even number nearest to its real part, exactly: an angle of as many half turns."""
    return x - 2 * xp.rint(x.real * 0.5)


def _sin_of_turn(xp: Any, turn: Any) -> Any:
    """sin(pi * turn) for a turn in [-1, 1], of which the part beyond a quarter is taken from pi, where it is exact."""
    if turn.dtype.kind == "c":
        return xp.sin(turn * math.pi)
    size = xp.abs(turn)
    return xp.sin(xp.copysign(xp.minimum(size, 1 - size), turn) * math.pi)


def _sinc(xp: Any, x: Any) -> Any:
    at_zero = x == 0
    return select(xp, at_zero, 1, _sin_of_turn(xp, _turned(xp, x)) / (select(xp, at_zero, 1, x) * math.pi))


def _sinc_derivative(xp: Any, x: Any, order: int) -> Any:
    """The ``order``-th derivative of sin(u)/u at u = pi x, times pi**order.

    From u s = sin u follows u s^(n) + n s^(n-1) = sin^(n) u, which loses digits for u < n; there the series of s is
    differentiated, s^(n) = sum over m = n, n + 2, ... of (-1)^((m+n)/2) u^m / (m! (m + n + 1)), m of n's parity from 0.
    """
    u = x * math.pi
    near = xp.abs(u) < order + 1
    turn = _turned(xp, x)
    far = select(xp, near, 1, u)
    waves = (_sin_of_turn(xp, turn), xp.cos(turn * math.pi))
    derivative = waves[0] / far
    for n in range(1, order + 1):
        wave = waves[n % 2] if n % 4 in (0, 1) else -waves[n % 2]
        derivative = (wave - n * derivative) / far
    u = select(xp, near, u, 0)
    squared = u * u
    series = 0
    for m in reversed(range(order % 2, 3 * order + 24, 2)):
        sign = (-1) ** ((m + order) // 2)
        series = series * squared + sign / (math.factorial(m) * (m + order + 1))
    if order % 2:
        series = series * u
    return select(xp, near, series, derivative) * math.pi**order


sinc_derivative = pointwise(
    "sinc_derivative",
    _sinc_derivative,
    statics={"order": REQUIRED},
    c="gradcu_sinc_derivative({order}, {x})",
    dx=lambda g, x, order: g * sinc_derivative(x, order + 1),
    public=False,
    doc="A derivative of sinc.",
)

sinc = pointwise(
    "sinc",
    _sinc,
    c="gradcu_sinc({x})",
    dx=lambda g, x: g * sinc_derivative(x, 1),
    doc="""sin(pi * input) / (pi * input), elementwise, and 1 at 0, where all derivatives are right too.

    >>> import gradcu
    >>> gradcu.sinc(gradcu.tensor([0.0, 0.5, 1.0]))
    tensor([1.0000, 0.6366, 0.0000])
    """,
)
