"""Trigonometric and hyperbolic functions, their inverses, right triangles, and the angles of complex numbers.

The derivatives are those of the NIST Digital Library of Mathematical Functions, https://dlmf.nist.gov/4.20, 4.24, 4.34
and 4.38. Angles are in radians. Integers and bools give the default dtype.
"""

from __future__ import annotations

import math
from typing import Any

from .._define import pointwise
from ._refusals import refusing
from .compare import eq, where
from .convert import zeros_of
from .elementary import sqrt
from .rounding import abs

sin = pointwise(
    "sin",
    "sin",
    c="sin({x})",
    dx=lambda g, x: g * cos(x),
    doc="""The sine of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.sin(gradcu.tensor([0.0, gradcu.pi / 6]))
    tensor([0.0000, 0.5000])
    """,
)

cos = pointwise(
    "cos",
    "cos",
    c="cos({x})",
    dx=lambda g, x: g * -sin(x),
    doc="""The cosine of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.cos(gradcu.tensor([0.0, gradcu.pi / 3]))
    tensor([1.0000, 0.5000])
    """,
)

tan = pointwise(
    "tan",
    "tan",
    c="tan({x})",
    dx=lambda g, out: g * (out * out + 1),
    doc="""The tangent of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.tan(gradcu.tensor([0.0, 1.0]))
    tensor([0.0000, 1.5574])
    """,
)

one_minus_square = pointwise(
    "one_minus_square",
    lambda xp, x: (1 - x) * (1 + x),
    c="(T(1) - {x}) * (T(1) + {x})",
    dx=lambda g, x: g * (x * -2),
    public=False,
    doc="``1 - x*x``, which keeps its digits where x is close to 1 or -1.",
)

asin = pointwise(
    "asin",
    "arcsin",
    aliases=("arcsin",),
    c="asin({x})",
    dx=lambda g, x: g / sqrt(one_minus_square(x)),
    doc="""The angle whose sine is ``input``, elementwise, from -pi/2 to pi/2; nan outside of [-1, 1].

    >>> import gradcu
    >>> gradcu.asin(gradcu.tensor([0.5, 1.0]))
    tensor([0.5236, 1.5708])
    """,
)

acos = pointwise(
    "acos",
    "arccos",
    aliases=("arccos",),
    c="acos({x})",
    dx=lambda g, x: -(g / sqrt(one_minus_square(x))),
    doc="""The angle whose cosine is ``input``, elementwise, from 0 to pi; nan outside of [-1, 1].

    >>> import gradcu
    >>> gradcu.acos(gradcu.tensor([0.5, 1.0]))
    tensor([1.0472, 0.0000])
    """,
)

atan = pointwise(
    "atan",
    "arctan",
    aliases=("arctan",),
    c="atan({x})",
    dx=lambda g, x: g / (x * x + 1),
    doc="""The angle whose tangent is ``input``, elementwise, from -pi/2 to pi/2.

    >>> import gradcu
    >>> gradcu.atan(gradcu.tensor([1.0, -1.0]))
    tensor([ 0.7854, -0.7854])
    """,
)


def _atan2_rule(g: Any, a: Any, b: Any) -> Any:
    """``g * b / (a*a + b*b)``, which neither overflows nor is nan where both are 0."""
    radius = hypot(a, b)
    radius = where(eq(radius, 0), 1, radius)
    return g * (b / radius / radius)


atan2 = pointwise(
    "atan2",
    "arctan2",
    prepare=refusing("c", "atan2_cpu", 2),
    aliases=("arctan2",),
    c="atan2({a}, {b})",
    da=lambda g, a, b: _atan2_rule(g, a, b),
    db=lambda g, a, b: -_atan2_rule(g, b, a),
    doc="""The angle from the first axis to the point (``other``, ``input``), elementwise and broadcast, from -pi to pi.

    The gradient at (0, 0) is 0.

    >>> import gradcu
    >>> gradcu.atan2(gradcu.tensor([1.0, 1.0]), gradcu.tensor([1.0, -1.0]))
    tensor([0.7854, 2.3562])
    """,
)


def _angle(xp: Any, x: Any) -> Any:
    if x.dtype.kind == "c":
        return xp.arctan2(x.imag, x.real)
    return xp.where(x == x, xp.where(x < 0, x.dtype.type(math.pi), x.dtype.type(0)), x)


def _angle_vjp(g: Any, x: Any) -> Any:
    """The angle grows at right angles to z, by 1 / |z|: i z / |z|**2; 0 where z is 0."""
    if x.dtype.kind != "c":
        return zeros_of(g)
    radius = abs(x)
    radius = where(eq(radius, 0), 1, radius)
    return g * (x / radius / radius * 1j)


angle = pointwise(
    "angle",
    _angle,
    holomorphic=False,
    c="{x} == {x} ? ({x} < T(0) ? T(3.141592653589793) : T(0)) : {x}",
    dx=_angle_vjp,
    doc="""The angles of complex numbers in radians, elementwise, from -pi to pi; of real ones 0, or pi below 0.

    Integers and bools give the default dtype. The gradient at 0, and of real numbers, is 0.

    >>> import gradcu
    >>> gradcu.angle(gradcu.tensor([1j, -2 + 0j]))
    tensor([1.5708, 3.1416])
    """,
)

hypot = pointwise(
    "hypot",
    "hypot",
    prepare=refusing("bc", "hypot_cpu", 2),
    c="hypot({a}, {b})",
    da=lambda g, a, out: g * (a / out),
    db=lambda g, b, out: g * (b / out),
    doc="""The length of the vector (``input``, ``other``), elementwise and broadcast, without overflow of its square.

    The gradient at (0, 0) is nan.

    >>> import gradcu
    >>> gradcu.hypot(gradcu.tensor([3.0, 3e30]), gradcu.tensor([4.0, 4e30]))
    tensor([5.0000e+00, 5.0000e+30])
    """,
)

sinh = pointwise(
    "sinh",
    "sinh",
    c="sinh({x})",
    dx=lambda g, x: g * cosh(x),
    doc="""The hyperbolic sine of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.sinh(gradcu.tensor([0.0, 1.0]))
    tensor([0.0000, 1.1752])
    """,
)

cosh = pointwise(
    "cosh",
    "cosh",
    c="cosh({x})",
    dx=lambda g, x: g * sinh(x),
    doc="""The hyperbolic cosine of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.cosh(gradcu.tensor([0.0, 1.0]))
    tensor([1.0000, 1.5431])
    """,
)

tanh = pointwise(
    "tanh",
    "tanh",
    c="tanh({x})",
    dx=lambda g, out: g * (1 - out * out),
    doc="""The hyperbolic tangent of ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.tanh(gradcu.tensor([0.0, 1.0]))
    tensor([0.0000, 0.7616])
    """,
)

asinh = pointwise(
    "asinh",
    "arcsinh",
    aliases=("arcsinh",),
    c="asinh({x})",
    dx=lambda g, x: g / sqrt(x * x + 1),
    doc="""The number whose hyperbolic sine is ``input``, elementwise.

    >>> import gradcu
    >>> gradcu.asinh(gradcu.tensor([0.0, 1.0]))
    tensor([0.0000, 0.8814])
    """,
)

acosh = pointwise(
    "acosh",
    "arccosh",
    aliases=("arccosh",),
    c="acosh({x})",
    dx=lambda g, x: g / sqrt(0 - one_minus_square(x)),
    doc="""The number, not below 0, whose hyperbolic cosine is ``input``, elementwise; nan below 1.

    >>> import gradcu
    >>> gradcu.acosh(gradcu.tensor([1.0, 2.0]))
    tensor([0.0000, 1.3170])
    """,
)

atanh = pointwise(
    "atanh",
    "arctanh",
    aliases=("arctanh",),
    c="atanh({x})",
    dx=lambda g, x: g / one_minus_square(x),
    doc="""The number whose hyperbolic tangent is ``input``, elementwise; nan outside of [-1, 1].

    >>> import gradcu
    >>> gradcu.atanh(gradcu.tensor([0.0, 0.5]))
    tensor([0.0000, 0.5493])
    """,
)
