"""Exponentials, logarithms, square roots, and the logistic function.

The derivatives are those of any calculus book; see the NIST Digital Library of Mathematical Functions, chapter 4,
https://dlmf.nist.gov/4. Integers and bools give the default dtype.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._define import pointwise
from .._silence import QUIET, silent

_LN2, _LN10 = math.log(2.0), math.log(10.0)

exp = pointwise(
    "exp",
    "exp",
    c="exp({x})",
    dx=lambda g, out: g * out,
    doc="""e to the power of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.exp(gradcu.tensor([0.0, 1.0]))
    tensor([1.0000, 2.7183])
    """,
)

exp2 = pointwise(
    "exp2",
    "exp2",
    c="exp2({x})",
    dx=lambda g, out: g * (out * _LN2),
    doc="""2 to the power of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.exp2(gradcu.tensor([-1.0, 3.0]))
    tensor([0.5000, 8.0000])
    """,
)

expm1 = pointwise(
    "expm1",
    "expm1",
    c="expm1({x})",
    dx=lambda g, out: g * (out + 1),
    doc="""e to the power of ``input``, minus 1, elementwise; exact also near 0.

    >>> import gradcu
    >>> gradcu.expm1(gradcu.tensor([1e-10, 1.0]))
    tensor([1.0000e-10, 1.7183e+00])
    """,
)

log = pointwise(
    "log",
    "log",
    c="log({x})",
    dx=lambda g, x: g / x,
    doc="""The natural logarithm of ``input``, elementwise: -inf at 0, nan below.

    >>> import gradcu
    >>> gradcu.log(gradcu.tensor([1.0, 10.0, 0.0]))
    tensor([0.0000, 2.3026,   -inf])
    """,
)

log2 = pointwise(
    "log2",
    "log2",
    c="log2({x})",
    dx=lambda g, x: g / (x * _LN2),
    doc="""The logarithm of ``input`` to the base 2, elementwise: -inf at 0, nan below.

    >>> import gradcu
    >>> gradcu.log2(gradcu.tensor([0.5, 8.0]))
    tensor([-1.,  3.])
    """,
)

log10 = pointwise(
    "log10",
    "log10",
    c="log10({x})",
    dx=lambda g, x: g / (x * _LN10),
    doc="""The logarithm of ``input`` to the base 10, elementwise: -inf at 0, nan below.

    >>> import gradcu
    >>> gradcu.log10(gradcu.tensor([0.5, 100.0]))
    tensor([-0.3010,  2.0000])
    """,
)

log1p = pointwise(
    "log1p",
    "log1p",
    node="Log1PBackward0",
    c="log1p({x})",
    dx=lambda g, x: g / (x + 1),
    doc="""The natural logarithm of ``1 + input``, elementwise; exact also near 0.

    >>> import gradcu
    >>> gradcu.log1p(gradcu.tensor([1e-10, 1.0]))
    tensor([1.0000e-10, 6.9315e-01])
    """,
)

sqrt = pointwise(
    "sqrt",
    "sqrt",
    c="sqrt({x})",
    dx=lambda g, out: g / (out * 2),
    doc="""The square root of ``input``, elementwise: nan below 0, with an infinite derivative at 0.

    >>> import gradcu
    >>> gradcu.sqrt(gradcu.tensor([4.0, 2.0]))
    tensor([2.0000, 1.4142])
    """,
)

rsqrt = pointwise(
    "rsqrt",
    lambda xp, x: 1 / xp.sqrt(x),
    c="T(1) / sqrt({x})",
    dx=lambda g, out: g * (out * out * out * -0.5),
    doc="""1 over the square root of ``input``, elementwise: inf at 0, nan below.

    >>> import gradcu
    >>> gradcu.rsqrt(gradcu.tensor([4.0, 0.25]))
    tensor([0.5000, 2.0000])
    """,
)


@silent
def _sigmoid_on_numpy(x: Any) -> Any:
    """1 / (1 + exp(-x)) in one array; infinity on the way gives the right 0."""
    run = QUIET.run
    out = run(np.exp, -x)
    if type(out) is not np.ndarray:
        return run(np.reciprocal, out + 1)
    out += 1
    return run(np.reciprocal, out, out)


sigmoid = pointwise(
    "sigmoid",
    lambda xp, x: 1 / (1 + xp.exp(-x)),
    native=_sigmoid_on_numpy,
    c="T(1) / (T(1) + exp(-{x}))",
    dx=lambda g, out: g * (out * (1 - out)),
    doc="""1 / (1 + exp(-input)), elementwise, without overflow. Integers and bools give the default dtype.

    >>> import gradcu
    >>> gradcu.sigmoid(gradcu.tensor([0.0, 2.0]))
    tensor([0.5000, 0.8808])
    """,
)
