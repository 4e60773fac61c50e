"""Comparisons, and the choice by one: where.

Either operand of a comparison may be a number; dtypes are promoted first. A comparison with nan is false, but for `ne`.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._calls import argument_error, public_function
from .._define import function, pointwise
from .._dtype import result_type, scalar_name
from .._op import FUNCTIONS, OPS
from .._silence import silent
from .._tensor import Tensor
from ._refusals import refusing

eq = pointwise(
    "eq",
    "equal",
    operands=("a", "b"),
    promotion="same",
    c="{a} == {b}",
    doc="""Where ``input`` equals ``other``, elementwise and broadcast, as ``input == other``: a bool Tensor.

    >>> import gradcu
    >>> gradcu.eq(gradcu.tensor([1, 2]), 2)
    tensor([False,  True])
    """,
)

ne = pointwise(
    "ne",
    "not_equal",
    operands=("a", "b"),
    promotion="same",
    aliases=("not_equal",),
    c="{a} != {b}",
    doc="""Where ``input`` differs from ``other``, elementwise and broadcast, as ``input != other``: a bool Tensor.

    >>> import gradcu
    >>> gradcu.ne(gradcu.tensor([1, 2]), 2)
    tensor([ True, False])
    """,
)

less = pointwise(
    "less",
    "less",
    operands=("a", "b"),
    promotion="same",
    prepare=refusing("c", "lt_cpu", 2),
    aliases=("lt",),
    c="{a} < {b}",
    doc="""Where ``input`` is less than ``other``, elementwise and broadcast, as ``input < other``: a bool Tensor.

    >>> import gradcu
    >>> gradcu.less(gradcu.tensor([1, 2]), 2)
    tensor([ True, False])
    """,
)

less_equal = pointwise(
    "less_equal",
    "less_equal",
    operands=("a", "b"),
    promotion="same",
    prepare=refusing("c", "le_cpu", 2),
    aliases=("le",),
    c="{a} <= {b}",
    doc="""Where ``input`` is at most ``other``, elementwise and broadcast, as ``input <= other``: a bool Tensor.

    >>> import gradcu
    >>> gradcu.less_equal(gradcu.tensor([1, 2]), 1)
    tensor([ True, False])
    """,
)

greater = pointwise(
    "greater",
    "greater",
    operands=("a", "b"),
    promotion="same",
    prepare=refusing("c", "gt_cpu", 2),
    aliases=("gt",),
    c="{a} > {b}",
    doc="""Where ``input`` is greater than ``other``, elementwise and broadcast, as ``input > other``: a bool Tensor.

    >>> import gradcu
    >>> gradcu.greater(gradcu.tensor([1, 2]), 1)
    tensor([False,  True])
    """,
)

greater_equal = pointwise(
    "greater_equal",
    "greater_equal",
    operands=("a", "b"),
    promotion="same",
    prepare=refusing("c", "ge_cpu", 2),
    aliases=("ge",),
    c="{a} >= {b}",
    doc="""Where ``input`` is at least ``other``, elementwise and broadcast, as ``input >= other``: a bool Tensor.

    >>> import gradcu
    >>> gradcu.greater_equal(gradcu.tensor([1, 2]), 2)
    tensor([False,  True])
    """,
)

_BITS = {np.dtype("float32"): np.dtype("int32"), np.dtype("float64"): np.dtype("int64")}
LARGE = 4096
"""How many elements make it worth a few more calls that each takes less time an element."""
ZEROS = {dtype: np.zeros((), dtype) for dtype in _BITS}
"""A 0 of each dtype: NumPy compares with an array twice as fast as with a Python number."""
INFINITIES = {dtype: np.full((), np.inf, dtype) for dtype in _BITS}
"""The same of infinities."""


@silent
def _choose(condition: Any, a: Any, b: Any) -> Any:
    """``np.where`` on operands of one dtype or numbers, without its branch per element.

    A mispredicted branch costs more than 10 arithmetic operations. So the bits of one float are multiplied by the
    condition, where the other is 0, and else exchanged by it. No float is computed, so NaNs and signs are kept.
    """
    if type(condition) is not np.ndarray:
        return _choose_scalar(condition, a, b)
    if condition.size >= LARGE:
        a, b = (np.asarray(value) if isinstance(value, np.generic) else value for value in (a, b))
    bits = _BITS.get(getattr(a if type(a) is np.ndarray else b, "dtype", None))
    if bits is None:
        return np.where(condition, a, b)
    if type(a) is np.ndarray and _is_zero(b):
        return kept_where(condition, a)
    if type(b) is np.ndarray and _is_zero(a):
        return kept_where(~condition, b)
    if type(a) is type(b) is np.ndarray and a.dtype == b.dtype and condition.size >= LARGE:
        ones, others = a.view(bits), b.view(bits)
        return ((ones ^ others) * condition ^ others).view(a.dtype)
    return np.where(condition, a, b)


@silent
def kept_where(condition: Any, a: Any) -> Any:
    """``np.where(condition, a, 0)`` for a condition and floats in arrays of NumPy."""
    dtype = a.dtype
    shape = condition.shape
    if a.shape and a.shape != shape:
        shape = np.broadcast(condition, a).shape
    if condition.size < LARGE:
        # Two thirds of what np.where takes.
        out = np.zeros(shape, dtype) if a.shape != shape or a.flags.c_contiguous else np.zeros_like(a)
        np.copyto(out, a, where=condition)
        return out
    return filled_where(condition, a, np.empty_like(a) if a.shape == shape else np.empty(shape, dtype))


def filled_where(condition: Any, a: Any, out: Any) -> Any:
    """``np.where(condition, a, 0)`` for floats, written to ``out``, which is returned."""
    bits = _BITS.get(out.dtype)
    if bits is None:
        out.fill(0)
        np.copyto(out, a, where=condition)
    else:
        np.multiply(a.view(bits), condition, out=out.view(bits))
    return out


def select(xp: Any, condition: Any, a: Any, b: Any) -> Any:
    """``xp.where`` for the forward of an op, whose operands have one dtype or are numbers."""
    return _choose(condition, a, b) if xp is np else xp.where(condition, a, b)


def _is_zero(value: Any) -> bool:
    return (type(value) is int or type(value) is float) and value == 0 and math.copysign(1.0, value) > 0


def _choose_scalar(condition: Any, a: Any, b: Any) -> Any:
    if type(a) is np.ndarray or type(b) is np.ndarray:
        return np.where(condition, a, b)
    chosen, other = (a, b) if condition else (b, a)
    return chosen if isinstance(chosen, np.generic) else other.dtype.type(chosen)


def _where(xp: Any, condition: Any, a: Any, b: Any) -> Any:
    dtype = result_type(a, b)
    a, b = (value.astype(dtype, copy=False) if hasattr(value, "dtype") else dtype.type(value) for value in (a, b))
    return select(xp, condition, a, b)


def _refuse_conditions(condition: Any, a: Any, b: Any) -> tuple[()]:
    if condition.dtype.kind != "b":
        raise RuntimeError(
            f"where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{scalar_name(condition.dtype)}"
        )
    return ()


where = pointwise(
    "where",
    _where,
    native=_choose,
    operands=("condition", "input", "other"),
    promotion="none",
    prepare=_refuse_conditions,
    c="{condition} ? {input} : {other}",
    dinput=lambda g, condition: where(condition, g, 0),
    dother=lambda g, condition: where(condition, 0, g),
    public=False,
    doc="``input`` where ``condition``, else ``other``.",
)


@function(name="where", method=False, elementwise=True)
def _where_of_tensors(condition: Any, input: Any = None, other: Any = None) -> Any:
    """``input`` where ``condition`` is true, else ``other``, all broadcast together.

    ``input`` and ``other`` may be numbers, and their dtypes are promoted. What was not chosen gets the gradient 0,
    which an infinite derivative behind it still makes nan. With ``condition`` alone it is ``nonzero(as_tuple=True)``.
    Raises RuntimeError for a ``condition`` that is not of bools.

    >>> import gradcu
    >>> x = gradcu.tensor([1.0, -2.0])
    >>> gradcu.where(x > 0, x, 0)
    tensor([1., 0.])
    """
    if not isinstance(condition, Tensor):
        raise argument_error("where", "condition", 0, condition)
    if input is None and other is None:
        return FUNCTIONS["nonzero"](condition, as_tuple=True)
    return _where_public(condition, input, other)


@function(name="where", namespace=False)
def _where_method(self: Any, condition: Any, other: Any) -> Tensor:
    """``self`` where ``condition`` is true, else ``other``: see ``gradcu.where``."""
    return _where_of_tensors(condition, self, other)


_where_public = public_function(OPS["where"])
