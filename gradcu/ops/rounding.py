"""Absolute values and signs, and rounding to whole numbers. Signs and roundings of real numbers have the gradient 0."""

from __future__ import annotations

from typing import Any

from .._define import pointwise
from ._refusals import refusing
from .compare import eq, select, where
from .convert import zeros_of


def _sign(xp: Any, x: Any) -> Any:
    """The sign, which is 0 for nan as in PyTorch; NumPy's is nan there."""
    if x.dtype.kind == "f":
        return select(xp, x == x, xp.sign(x), 0)
    return x.copy() if x.dtype.kind == "b" else xp.sign(x)


sign = pointwise(
    "sign",
    _sign,
    promotion="same",
    prepare=refusing(
        "",
        "sign_cpu",
        complex_words="Unlike NumPy, gradcu.sign is not intended to support complex numbers. Please use gradcu.sgn "
        "instead.",
    ),
    c="T({x} > T(0)) - T({x} < T(0))",
    dx=lambda g: zeros_of(g),
    doc="""-1, 0 or 1 as ``input`` is below, at or above 0, elementwise, of the same dtype; 0 for nan.

    >>> import gradcu
    >>> gradcu.sign(gradcu.tensor([-2.0, 0.0, 3.0]))
    tensor([-1.,  0.,  1.])
    """,
)


def _sgn(xp: Any, x: Any) -> Any:
    if x.dtype.kind != "c":
        return _sign(xp, x)
    radius = xp.absolute(x)
    return xp.where(radius == 0, 0, x / radius).astype(x.dtype, copy=False)


def _sgn_vjp(g: Any, x: Any) -> Any:
    """What is left of g without its part along z, over |z|: only a turn of z changes z / |z|; 0 where z is 0."""
    if x.dtype.kind != "c":
        return zeros_of(g)
    unit, radius = sgn(x), abs(x)
    across = g - unit * (g * unit.conj()).real
    return where(eq(radius, 0), 0.0, across / radius)


sgn = pointwise(
    "sgn",
    _sgn,
    promotion="same",
    holomorphic=False,
    c="T({x} > T(0)) - T({x} < T(0))",
    dx=_sgn_vjp,
    doc="""``input / abs(input)`` of complex numbers, elementwise, and 0 of 0; of real ones the same as `sign`.

    The gradient at 0, and of real numbers, is 0.

    >>> import gradcu
    >>> gradcu.sgn(gradcu.tensor([3 + 4j, 0j]))
    tensor([0.6000+0.8000j, 0.0000+0.0000j])
    """,
)

abs = pointwise(
    "abs",
    "absolute",
    promotion="same",
    prepare=refusing("b", "abs_cpu"),
    aliases=("absolute",),
    holomorphic=False,
    c="fabs({x})",
    dx=lambda g, x: g * sgn(x),
    doc="""The absolute value of ``input``, elementwise; of complex numbers the modulus.

    The gradient at 0 is 0. Raises NotImplementedError for bools.

    >>> import gradcu
    >>> gradcu.abs(gradcu.tensor([-2.0, 3.0]))
    tensor([2., 3.])
    """,
)

floor = pointwise(
    "floor",
    lambda xp, x: xp.floor(x) if x.dtype.kind == "f" else x.copy(),
    promotion="same",
    prepare=refusing("b", "floor_vml_cpu", complex_words="floor is not supported for complex inputs"),
    c="floor({x})",
    dx=lambda g: zeros_of(g),
    doc="""The largest whole number that is not above ``input``, elementwise, of the same dtype.

    >>> import gradcu
    >>> gradcu.floor(gradcu.tensor([-1.5, 1.5]))
    tensor([-2.,  1.])
    """,
)

ceil = pointwise(
    "ceil",
    lambda xp, x: xp.ceil(x) if x.dtype.kind == "f" else x.copy(),
    promotion="same",
    prepare=refusing("b", "ceil_vml_cpu", complex_words="ceil is not supported for complex inputs"),
    c="ceil({x})",
    dx=lambda g: zeros_of(g),
    doc="""The smallest whole number that is not below ``input``, elementwise, of the same dtype.

    >>> import gradcu
    >>> gradcu.ceil(gradcu.tensor([-1.5, 1.5]))
    tensor([-1.,  2.])
    """,
)

trunc = pointwise(
    "trunc",
    lambda xp, x: xp.trunc(x) if x.dtype.kind == "f" else x.copy(),
    promotion="same",
    prepare=refusing("b", "trunc_cpu", complex_words="trunc is not supported for complex inputs"),
    aliases=("fix",),
    c="trunc({x})",
    dx=lambda g: zeros_of(g),
    doc="""``input`` without its fraction, rounded towards 0, elementwise, of the same dtype.

    >>> import gradcu
    >>> gradcu.trunc(gradcu.tensor([-1.5, 1.5]))
    tensor([-1.,  1.])
    """,
)

frac = pointwise(
    "frac",
    lambda xp, x: x - xp.trunc(x),
    promotion="same",
    prepare=refusing("biuc", "frac_cpu"),
    c="{x} - trunc({x})",
    dx=lambda g: g,
    doc="""The fraction of ``input``, of its sign, elementwise: ``input - trunc(input)``.

    Raises NotImplementedError for integers and bools.

    >>> import gradcu
    >>> gradcu.frac(gradcu.tensor([-1.5, 1.25]))
    tensor([-0.5000,  0.2500])
    """,
)


def _round(xp: Any, x: Any, decimals: int) -> Any:
    if x.dtype.kind != "f":
        return x.copy()
    if decimals == 0:
        return xp.rint(x)
    scale = x.dtype.type(10.0 ** (decimals if decimals > 0 else -decimals))
    return xp.rint(x * scale) / scale if decimals > 0 else xp.rint(x / scale) * scale


def _round_in_c(decimals: int) -> str:
    if decimals == 0:
        return "rint({x})"
    scale = f"T({10.0 ** (decimals if decimals > 0 else -decimals)!r})"
    return f"rint({{x}} * {scale}) / {scale}" if decimals > 0 else f"rint({{x}} / {scale}) * {scale}"


def _check_decimals(x: Any, decimals: Any) -> tuple[int]:
    if not isinstance(decimals, int) or isinstance(decimals, bool):
        raise TypeError(f"round(): argument 'decimals' must be int, not {type(decimals).__name__}")
    refusing("bc" if decimals == 0 else "biuc", "round_vml_cpu" if decimals == 0 else "round_cpu")(x)
    return (decimals,)


round_to_decimals = pointwise(
    "round",
    _round,
    statics={"decimals": 0},
    node=lambda decimals: "RoundBackward1" if decimals else "RoundBackward0",
    promotion="same",
    prepare=_check_decimals,
    c=_round_in_c,
    dx=lambda g: zeros_of(g),
    doc="""``input`` rounded to a whole number, or to ``decimals`` after the point (before it where negative).

    A number in the middle goes to the even neighbour. Integers stay as they are. Raises NotImplementedError for bools,
    and for integers with ``decimals``.

    >>> import gradcu
    >>> gradcu.round(gradcu.tensor([0.5, 1.5, 2.5]))
    tensor([0., 2., 2.])
    >>> gradcu.round(gradcu.tensor([1.2345]), decimals=2)
    tensor([1.2300])
    """,
)
