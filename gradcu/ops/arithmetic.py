"""Arithmetic: sums, products, quotients, powers and roots."""

from __future__ import annotations

import operator

from .._define import pointwise

add = pointwise("add", "add", native=operator.add, promotion="same", c="{a} + {b}",
                da=lambda g: g, db=lambda g: g, doc="``input + other``, elementwise and broadcast.")  # fmt: skip
sub = pointwise("sub", "subtract", native=operator.sub, promotion="same", c="{a} - {b}",
                da=lambda g: g, db=lambda g: -g, doc="``input - other``, elementwise and broadcast.")  # fmt: skip
mul = pointwise("mul", "multiply", native=operator.mul, promotion="same", c="{a} * {b}",
                da=lambda g, b: g * b, db=lambda g, a: g * a,
                doc="``input * other``, elementwise and broadcast.")  # fmt: skip
neg = pointwise("neg", "negative", native=operator.neg, promotion="same", c="-{x}", dx=lambda g: -g,
                doc="``-input``, elementwise.")  # fmt: skip
