"""Signs, special values and angles of floating point numbers, elementwise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._calls import argument_error
from .._define import function, pointwise
from .._dtype import scalar_name
from .._op import FUNCTIONS
from .._tensor import Tensor
from ._arguments import require_tensor
from ._refusals import refusing
from .compare import greater_equal, where
from .convert import to_dtype, zeros_of
from .predicates import isfinite, isnan, logical_or
from .rounding import sign

_DEGREE = math.pi / 180

deg2rad = pointwise(
    "deg2rad",
    lambda xp, x: x * _DEGREE,
    node="Deg2RadBackward0",
    prepare=refusing("c", "deg2rad"),
    c=f"{{x}} * T({_DEGREE!r})",
    dx=lambda g: g * _DEGREE,
    doc="""Angles in degrees as radians, elementwise. Integers and bools give the default dtype.

    >>> import gradcu
    >>> gradcu.deg2rad(gradcu.tensor([180.0, -45.0]))
    tensor([ 3.1416, -0.7854])
    """,
)

rad2deg = pointwise(
    "rad2deg",
    lambda xp, x: x * (1 / _DEGREE),
    node="Rad2DegBackward0",
    prepare=refusing("c", "rad2deg"),
    c=f"{{x}} * T({1 / _DEGREE!r})",
    dx=lambda g: g * (1 / _DEGREE),
    doc="""Angles in radians as degrees, elementwise. Integers and bools give the default dtype.

    >>> import gradcu
    >>> gradcu.rad2deg(gradcu.tensor([3.141592653589793, -1.5707963267948966]))
    tensor([180., -90.])
    """,
)

copysign = pointwise(
    "copysign",
    "copysign",
    node=lambda tensors: "CopysignBackward0" if tensors[1] else "CopysignBackward1",
    prepare=refusing("c", "copysign_cpu", 2),
    c="copysign({a}, {b})",
    da=lambda g, a, out: g * (sign(a) * sign(out)),
    db=lambda g: zeros_of(g),
    doc="""The size of ``input`` with the sign of ``other``, elementwise and broadcast; ``other`` may be a number.

    The gradient is 0 where ``input`` is. Integers and bools give the default dtype.

    >>> import gradcu
    >>> gradcu.copysign(gradcu.tensor([1.0, -2.0]), gradcu.tensor([-3.0, 0.0]))
    tensor([-1.,  2.])
    """,
)

fmax = pointwise(
    "fmax",
    "fmax",
    promotion="same",
    prepare=refusing("c", "fmax_cpu", 2),
    c="fmax({a}, {b})",
    da=lambda g, a, b: where(logical_or(greater_equal(a, b), isnan(b)), g, 0),
    db=lambda g, a, b: where(logical_or(greater_equal(a, b), isnan(b)), 0, g),
    doc="""The larger of ``input`` and ``other``, elementwise and broadcast; where one is nan, the other.

    Where both are equal the gradient goes to ``input``.

    >>> import gradcu
    >>> gradcu.fmax(gradcu.tensor([1.0, 4.0]), gradcu.tensor([3.0, gradcu.nan]))
    tensor([3., 4.])
    """,
)

fmin = pointwise(
    "fmin",
    "fmin",
    promotion="same",
    prepare=refusing("c", "fmin_cpu", 2),
    c="fmin({a}, {b})",
    da=lambda g, a, b: where(logical_or(greater_equal(b, a), isnan(b)), g, 0),
    db=lambda g, a, b: where(logical_or(greater_equal(b, a), isnan(b)), 0, g),
    doc="""The smaller of ``input`` and ``other``, elementwise and broadcast; where one is nan, the other.

    Where both are equal the gradient goes to ``input``.

    >>> import gradcu
    >>> gradcu.fmin(gradcu.tensor([1.0, 4.0]), gradcu.tensor([3.0, gradcu.nan]))
    tensor([1., 4.])
    """,
)


def _refuse_two_dtypes(a: Any, b: Any) -> tuple[()]:
    refusing("c", "heaviside_cpu", 2)(a, b)
    for position, value in enumerate((a, b)):
        if not hasattr(value, "dtype"):
            raise argument_error("heaviside", ("input", "values")[position], position, value)
    if a.dtype != b.dtype:
        raise RuntimeError("heaviside is not yet implemented for tensors with different dtypes.")
    return ()


heaviside = pointwise(
    "heaviside",
    lambda xp, a, values: xp.where(a == 0, values, (a > 0).astype(a.dtype)),
    operands=("a", "values"),
    promotion="none",
    prepare=_refuse_two_dtypes,
    floats=False,
    c="{a} == T(0) ? {values} : T({a} > T(0))",
    doc="""0 where ``input`` is below 0, ``values`` where it is 0, and 1 above, elementwise and broadcast.

    It has no gradient. Raises RuntimeError where the two have different dtypes.

    >>> import gradcu
    >>> gradcu.heaviside(gradcu.tensor([-1.0, 0.0, 2.0]), gradcu.tensor([0.5]))
    tensor([0.0000, 0.5000, 1.0000])
    """,
)


def _limits(x: Any, nan: Any, posinf: Any, neginf: Any) -> tuple[float, float, float]:
    if x.dtype.kind == "c":
        raise NotImplementedError(f"\"nan_to_num\" not implemented for '{scalar_name(x.dtype)}'")
    largest = float(np.finfo(x.dtype).max) if x.dtype.kind == "f" else 0.0
    return 0.0 if nan is None else nan, largest if posinf is None else posinf, -largest if neginf is None else neginf


def _nan_to_num(xp: Any, x: Any, nan: float, posinf: float, neginf: float) -> Any:
    if x.dtype.kind != "f":
        return x.copy()
    of = x.dtype.type
    return xp.where(x != x, of(nan), xp.where(x == np.inf, of(posinf), xp.where(x == -np.inf, of(neginf), x)))


nan_to_num = pointwise(
    "nan_to_num",
    _nan_to_num,
    statics={"nan": None, "posinf": None, "neginf": None},
    promotion="same",
    prepare=_limits,
    c="{x} != {x} ? {nan} : {x} == T(INFINITY) ? {posinf} : {x} == T(-INFINITY) ? {neginf} : {x}",
    dx=lambda g, x: where(isfinite(x), g, 0),
    doc="""``input`` with numbers in place of nan, inf and -inf, elementwise.

    They are ``nan``, 0 if not given, ``posinf`` and ``neginf``, the largest and the least number of the dtype if not
    given. Integers and bools stay what they are.

    >>> import gradcu
    >>> gradcu.nan_to_num(gradcu.tensor([1.5, gradcu.nan, gradcu.inf]), posinf=9.0)
    tensor([1.5000, 0.0000, 9.0000])
    """,
)

isposinf = pointwise(
    "isposinf",
    lambda xp, x: x == np.inf,
    operands=("x",),
    promotion="none",
    prepare=refusing("c", "isposinf"),
    c="{x} == T(INFINITY)",
    doc="""Where ``input`` is inf, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.isposinf(gradcu.tensor([gradcu.inf, -gradcu.inf, 1.0]))
    tensor([ True, False, False])
    """,
)

isneginf = pointwise(
    "isneginf",
    lambda xp, x: x == -np.inf,
    operands=("x",),
    promotion="none",
    prepare=refusing("c", "isneginf"),
    c="{x} == T(-INFINITY)",
    doc="""Where ``input`` is -inf, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.isneginf(gradcu.tensor([gradcu.inf, -gradcu.inf, 1.0]))
    tensor([False,  True, False])
    """,
)

signbit = pointwise(
    "signbit",
    lambda xp, x: xp.signbit(x) if x.dtype.kind == "f" else x < 0,
    operands=("x",),
    promotion="none",
    prepare=refusing("c", "signbit_cpu"),
    c="copysign(T(1), {x}) < T(0)",
    doc="""Where ``input`` has the sign bit of negative numbers, as -0.0 has, elementwise: a bool Tensor.

    >>> import gradcu
    >>> gradcu.signbit(gradcu.tensor([-1.0, 0.0, -0.0]))
    tensor([ True, False,  True])
    """,
)


@function(elementwise=True)
def float_power(input: Any, exponent: Any) -> Tensor:
    """``input`` to the power of ``exponent``, elementwise and broadcast, in float64; either may be a number.

    Raises TypeError where neither is a Tensor.

    >>> import gradcu
    >>> gradcu.float_power(gradcu.tensor([2, 3]), -1)
    tensor([0.5000, 0.3333], dtype=gradcu.float64)
    """
    if not isinstance(input, Tensor):
        require_tensor("float_power", exponent, "exponent", 1)
    return FUNCTIONS["pow"](*(_in_double(value) for value in (input, exponent)))


def _in_double(value: Any) -> Any:
    if not isinstance(value, Tensor):
        return value
    wide = np.dtype("complex128" if value.dtype.kind == "c" else "float64")
    return value if value.dtype == wide else to_dtype(value, wide)
