"""Comparing and choosing: comparisons, where, maximum and minimum, clamp."""

from __future__ import annotations

from typing import Any

from .._define import pointwise

greater = pointwise("greater", "greater", operands=("a", "b"), promotion="same", c="{a} > {b}",
                    doc="Where ``input`` is greater than ``other``, a bool Tensor.")  # fmt: skip
less = pointwise("less", "less", operands=("a", "b"), promotion="same", c="{a} < {b}",
                 doc="Where ``input`` is less than ``other``, a bool Tensor.")  # fmt: skip
eq = pointwise("eq", "equal", operands=("a", "b"), promotion="same", c="{a} == {b}",
               doc="Where ``input`` equals ``other``, a bool Tensor.")  # fmt: skip
