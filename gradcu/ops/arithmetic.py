"""Sums, differences, products, quotients and remainders."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .._calls import argument_error, operator_function, public_function
from .._define import OPERATORS, function, pointwise
from .._dtype import result_type
from .._fast import binary
from .._fast_pending import on_pending
from .._op import FUNCTIONS, OPS, Op
from .._tensor import Tensor
from ._refusals import refusing_division
from .convert import zeros_of
from .creation import held

add = pointwise(
    "add",
    "add",
    native=operator.add,
    promotion="same",
    c="{a} + {b}",
    da=lambda g: g,
    db=lambda g: g,
    doc="``a + b``.",
)
_add_plainly = FUNCTIONS["add"]

sub = pointwise(
    "sub",
    "subtract",
    native=operator.sub,
    promotion="same",
    c="{a} - {b}",
    da=lambda g: g,
    db=lambda g: -g,
    doc="``a - b``.",
)

rsub = pointwise(
    "rsub",
    "subtract",
    native=operator.sub,
    promotion="same",
    node=lambda tensors: "RsubBackward0" if tensors[0] else "RsubBackward1",
    c="{a} - {b}",
    da=lambda g: g,
    db=lambda g: -g,
    public=False,
    doc="``a - b``, asked of b: a number minus a Tensor.",
)

add_scaled = pointwise(
    "add_scaled",
    lambda xp, a, b, alpha: xp.add(a, b * alpha),
    statics={"alpha": 1},
    node="AddBackward0",
    promotion="same",
    c="{a} + {alpha} * {b}",
    da=lambda g: g,
    db=lambda g, alpha: g * alpha,
    public=False,
    doc="``a + alpha * b``, as one node.",
)

sub_scaled = pointwise(
    "sub_scaled",
    lambda xp, a, b, alpha: xp.subtract(a, b * alpha),
    statics={"alpha": 1},
    node="SubBackward0",
    promotion="same",
    c="{a} - {alpha} * {b}",
    da=lambda g: g,
    db=lambda g, alpha: g * -alpha,
    public=False,
    doc="``a - alpha * b``, as one node.",
)


def _refuse_bools(*operands: Any) -> None:
    """Refuses a bool Tensor in a difference, which promotion would make something else."""
    bools = [isinstance(value, Tensor) and value._array.dtype.kind == "b" for value in operands]
    if all(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or `logical_xor()` "
            "operator instead."
        )
    if any(bools):
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to invert a mask, "
            "use the `~` or `logical_not()` operator instead."
        )


def _without_bools(recorded: Callable[..., Any]) -> Callable[..., Any]:
    def difference(*operands: Any) -> Any:
        _refuse_bools(*operands)
        return recorded(*operands)

    return difference


def _difference(op: Op, recorded: Callable[..., Any]) -> Callable[..., Any]:
    return binary(op, on_pending(op, _without_bools(recorded)))


for _name in ("sub", "rsub"):
    OPERATORS[_name] = _difference(OPS[_name], operator_function(OPS[_name]))
_sub_plainly = _difference(OPS["sub"], public_function(OPS["sub"]))


@function(name="add", elementwise=True)
def _add(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input + alpha * other``, elementwise and broadcast.

    Either may be a number. Dtypes are promoted; the sum of bools is whether any is true. Raises RuntimeError for an
    ``alpha`` with a fraction where both are integers.

    >>> import gradcu
    >>> gradcu.add(gradcu.tensor([1.0, 2.0]), 10, alpha=2)
    tensor([21., 22.])
    """
    return _add_plainly(input, other) if _is_one(alpha) else _scaled(add_scaled, "add", input, other, alpha)


@function(name="sub", elementwise=True, aliases=("subtract",))
def _sub(input: Any, other: Any, *, alpha: Any = 1) -> Tensor:
    """``input - alpha * other``, elementwise and broadcast.

    Either may be a number. Dtypes are promoted. Raises RuntimeError for bools, for which there are ``^`` and ``~``, and
    for an ``alpha`` with a fraction where both are integers.

    >>> import gradcu
    >>> gradcu.sub(gradcu.tensor([1.0, 2.0]), gradcu.tensor([3.0]), alpha=2)
    tensor([-5., -4.])
    """
    if _is_one(alpha):
        return _sub_plainly(input, other)
    _refuse_bools(input, other)
    return _scaled(sub_scaled, "sub", input, other, alpha)


def _is_one(alpha: Any) -> bool:
    return type(alpha) is int and alpha == 1


def _scaled(op: Callable[..., Tensor], name: str, input: Any, other: Any, alpha: Any) -> Tensor:
    if not isinstance(alpha, bool | int | float | complex):
        raise TypeError(f"{name}(): argument 'alpha' must be Number, not {type(alpha).__name__}")
    for position, value in enumerate((input, other)):
        if not isinstance(value, Tensor | bool | int | float | complex):
            raise argument_error(name, ("input", "other")[position], position, value)
    kinds = {value.dtype.kind for value in (input, other) if isinstance(value, Tensor)}
    if isinstance(alpha, float) and not kinds & set("fc"):
        raise RuntimeError("For integral input tensors, argument alpha must not be a floating point number.")
    if isinstance(alpha, complex) and "c" not in kinds:
        raise RuntimeError("For non-complex input tensors, argument alpha must not be a complex number.")
    if isinstance(alpha, bool) and kinds != {"b"}:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if kinds == {"b"}:
        alpha = bool(alpha)
    elif not kinds & set("fc"):
        alpha = int(held(alpha, result_type(input, other)))
    return op(input, other, alpha)


mul = pointwise(
    "mul",
    "multiply",
    native=operator.mul,
    promotion="same",
    aliases=("multiply",),
    c="{a} * {b}",
    da=lambda g, b: g * b,
    db=lambda g, a: g * a,
    doc="""``input * other``, elementwise and broadcast.

    Either may be a number. Dtypes are promoted; the product of bools is whether both are true.

    >>> import gradcu
    >>> gradcu.mul(gradcu.tensor([1.0, 2.0]), 3)
    tensor([3., 6.])
    """,
)


def _refuse_bool_negation(x: Any) -> tuple[()]:
    if x.dtype.kind == "b":
        raise RuntimeError(
            "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to invert a mask, use "
            "the `~` or `logical_not()` operator instead."
        )
    return ()


neg = pointwise(
    "neg",
    "negative",
    native=operator.neg,
    promotion="same",
    prepare=_refuse_bool_negation,
    aliases=("negative",),
    c="-{x}",
    dx=lambda g: -g,
    doc="""``-input``, elementwise, of the same dtype.

    Raises RuntimeError for bools, for which there is ``~``.

    >>> import gradcu
    >>> gradcu.neg(gradcu.tensor([1.0, -2.0]))
    tensor([-1.,  2.])
    """,
)


@function(elementwise=True)
def positive(input: Any) -> Tensor:
    """``input`` itself, as ``+input`` gives it.

    Raises RuntimeError for bools.

    >>> import gradcu
    >>> gradcu.positive(gradcu.tensor([1.0, -2.0]))
    tensor([ 1., -2.])
    """
    if not isinstance(input, Tensor):
        raise argument_error("positive", "input", 0, input)
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


OPERATORS["positive"] = positive

div = pointwise(
    "div",
    "divide",
    native=operator.truediv,
    c="{a} / {b}",
    da=lambda g, b: g / b,
    db=lambda g, a, b: -(g * (div(a, b) / b)),
    doc="``a / b``.",
)
_div_plainly = FUNCTIONS["div"]

reciprocal = pointwise(
    "reciprocal",
    "reciprocal",
    c="T(1) / {x}",
    dx=lambda g, out: -(g * (out * out)),
    doc="""``1 / input``, elementwise.

    Integers and bools give the default dtype.

    >>> import gradcu
    >>> gradcu.reciprocal(gradcu.tensor([2.0, -4.0, 0.0]))
    tensor([ 0.5000, -0.2500,     inf])
    """,
)


def _number_over_tensor(number: Any, tensor: Any) -> Any:
    """``number / tensor``: like PyTorch, the reciprocal times the number."""
    return OPERATORS["mul"](OPERATORS["reciprocal"](tensor), number)


OPERATORS["rdiv"] = _number_over_tensor


def _rounded_quotient(xp: Any, a: Any, b: Any, rounding_mode: str) -> Any:
    if rounding_mode == "floor":
        return np.floor_divide(a, b) if xp is np else _floor_divide(xp, a, b)
    quotient = xp.floor_divide(a, b)
    if quotient.dtype.kind == "f":
        return xp.trunc(xp.true_divide(a, b))
    return quotient + ((quotient < 0) & (quotient * b != a)).astype(quotient.dtype)


div_rounded = pointwise(
    "div_rounded",
    _rounded_quotient,
    statics={"rounding_mode": "trunc"},
    node="DivBackward2",
    promotion="same",
    prepare=refusing_division("div_trunc_cpu"),
    c=lambda rounding_mode: "trunc({a} / {b})" if rounding_mode == "trunc" else "gradcu_floor_divide({a}, {b})",
    da=lambda g: zeros_of(g),
    db=lambda g: zeros_of(g),
    public=False,
    doc="``a / b``, rounded.",
)


@function(name="div", elementwise=True, aliases=("divide", "true_divide"))
def _div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Tensor:
    """``input / other``, elementwise and broadcast.

    Either may be a number; integers and bools give the default dtype. With ``rounding_mode`` "trunc" or "floor" the
    quotient is rounded towards 0 or down, integers stay integers, and the gradient is 0. Raises RuntimeError for any
    other ``rounding_mode``, and where integers are divided by 0 and rounded.

    >>> import gradcu
    >>> gradcu.div(gradcu.tensor([7, -7]), 2)
    tensor([ 3.5000, -3.5000])
    >>> gradcu.div(gradcu.tensor([7, -7]), 2, rounding_mode="trunc")
    tensor([ 3, -3])
    """
    if rounding_mode is None:
        return _div_plainly(input, other)
    if rounding_mode not in ("trunc", "floor"):
        raise RuntimeError(
            f"div expected rounding_mode to be one of None, 'trunc', or 'floor' but found '{rounding_mode}'"
        )
    return _div_rounded(input, other, rounding_mode)


_div_rounded = public_function(OPS["div_rounded"])


def _is_below(b: Any, rest: Any) -> Any:
    """Where the quotient a/b, cut off towards 0, is not rounded down: what is left has not the sign of ``b``."""
    return (rest != 0) & ((rest < 0) != (b < 0))


def _are_floats(a: Any, b: Any) -> bool:
    return (a if hasattr(a, "dtype") else b).dtype.kind == "f"


def _floor_divide(xp: Any, a: Any, b: Any) -> Any:
    """CuPy rounds a/b, which may be rounded up to the next integer already; from fmod's exact rest follows NumPy's."""
    if not _are_floats(a, b):
        return xp.floor_divide(a, b)
    rest = xp.fmod(a, b)
    true = xp.true_divide(a, b)
    # The sign is that of a/b also for zeros. Dividing by 0 leaves no rest.
    whole = xp.copysign(xp.rint((a - rest) / b - _is_below(b, rest)), true)
    return xp.where((rest != rest) & (b == 0), true, whole)


def _remainder(xp: Any, a: Any, b: Any) -> Any:
    """CuPy subtracts a rounded multiple of b; fmod is exact."""
    if not _are_floats(a, b):
        return xp.remainder(a, b)
    rest = xp.fmod(a, b)
    return xp.where(_is_below(b, rest), rest + b, rest)


floor_divide = pointwise(
    "floor_divide",
    _floor_divide,
    native=np.floor_divide,
    promotion="same",
    prepare=refusing_division("div_floor_cpu"),
    c="gradcu_floor_divide({a}, {b})",
    da=lambda g: zeros_of(g),
    db=lambda g: zeros_of(g),
    doc="""``input // other``: the quotient rounded down, elementwise and broadcast.

    Either may be a number. Dtypes are promoted. Its gradient is 0, where PyTorch has none. Raises RuntimeError for
    integers divided by 0, NotImplementedError for bools.

    >>> import gradcu
    >>> gradcu.floor_divide(gradcu.tensor([7.0, -7.0]), 2)
    tensor([ 3., -4.])
    """,
)

remainder = pointwise(
    "remainder",
    _remainder,
    native=np.remainder,
    promotion="same",
    prepare=refusing_division("remainder_cpu"),
    node=lambda tensors: "RemainderBackward1" if tensors[1] else "RemainderBackward0",
    c="gradcu_remainder({a}, {b})",
    da=lambda g: g,
    db=lambda g, a, b: -(g * floor_divide(a, b)),
    doc="""``input % other``: what floor division leaves, of the sign of ``other``; elementwise and broadcast.

    Either may be a number. Dtypes are promoted. Raises RuntimeError for integers divided by 0, NotImplementedError for
    bools.

    >>> import gradcu
    >>> gradcu.remainder(gradcu.tensor([7.0, -7.0]), 4)
    tensor([3., 1.])
    """,
)

fmod = pointwise(
    "fmod",
    "fmod",
    promotion="same",
    prepare=refusing_division("fmod_cpu"),
    node=lambda tensors: "FmodBackward1" if tensors[1] else "FmodBackward0",
    c="fmod({a}, {b})",
    da=lambda g: g,
    db=lambda g, a, b: -(g * div_rounded(a, b, "trunc")),
    doc="""What division rounded towards 0 leaves, of the sign of ``input``; elementwise and broadcast.

    Either may be a number. Dtypes are promoted. Raises RuntimeError for integers divided by 0, NotImplementedError for
    bools.

    >>> import gradcu
    >>> gradcu.fmod(gradcu.tensor([7.0, -7.0]), 4)
    tensor([ 3., -3.])
    """,
)
