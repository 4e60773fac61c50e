"""Exponentials, logarithms, trigonometric and hyperbolic functions.

The derivatives are those of any calculus book; see the NIST Digital Library of Mathematical Functions, chapter 4,
https://dlmf.nist.gov/4.
"""

from __future__ import annotations

import math

from .._define import pointwise

exp = pointwise("exp", "exp", c="exp({x})", dx=lambda g, out: g * out, doc="e to the power of ``input``, elementwise.")
log = pointwise("log", "log", c="log({x})", dx=lambda g, x: g / x, doc="The natural logarithm of ``input``.")
sin = pointwise("sin", "sin", c="sin({x})", dx=lambda g, x: g * cos(x), doc="The sine of ``input``, in radians.")
cos = pointwise("cos", "cos", c="cos({x})", dx=lambda g, x: g * -sin(x), doc="The cosine of ``input``, in radians.")
tanh = pointwise("tanh", "tanh", c="tanh({x})", dx=lambda g, out: g * (1 - out * out), doc="Hyperbolic tangent.")
_LN2 = math.log(2.0)
