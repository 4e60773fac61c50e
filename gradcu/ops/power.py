"""Powers. PyTorch has one ``pow`` and three nodes, for a number in either place; each is an op here."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from .._calls import argument_error
from .._define import OPERATORS, REQUIRED, function, named, pointwise, publish
from .._device import is_cupy_array
from .._dtype import result_type
from .._fast import unary_static
from .._fast_pending import on_pending
from .._op import OPS
from .._silence import QUIET, silent
from .._tensor import Tensor
from ._refusals import refusing
from .compare import eq, greater, greater_equal, where
from .convert import to_dtype, zeros_of
from .elementary import log
from .predicates import logical_and, logical_not
from .rounding import abs

_SHORTCUTS: dict[float, tuple[Callable[..., Any], str]] = {
    0: (lambda xp, x: xp.ones_like(x), "T(1)"),
    1: (lambda xp, x: x.copy(), "{x}"),
    2: (lambda xp, x: x * x, "{x} * {x}"),
    3: (lambda xp, x: x * x * x, "{x} * {x} * {x}"),
    4: (lambda xp, x: xp.square(x * x), "({x} * {x}) * ({x} * {x})"),
    5: (lambda xp, x: xp.square(x * x) * x, "({x} * {x}) * ({x} * {x}) * {x}"),
    -1: (lambda xp, x: 1 / x, "T(1) / {x}"),
    -2: (lambda xp, x: 1 / (x * x), "T(1) / ({x} * {x})"),
    0.5: (lambda xp, x: xp.sqrt(x), "sqrt({x})"),
    -0.5: (lambda xp, x: 1 / xp.sqrt(x), "T(1) / sqrt({x})"),
}
"""Powers that are quicker otherwise than by pow, and within 4 units in the last place: on arrays and in C."""


def _power(xp: Any, x: Any, exponent: Any) -> Any:
    shortcut = _SHORTCUTS.get(exponent)
    return xp.power(x, exponent) if shortcut is None else shortcut[0](xp, x)


@silent
def _power_on_numpy(x: Any, exponent: Any) -> Any:
    """`_power`, where NumPy's pow is slow: whole exponents, of negative numbers above all."""
    if exponent == 1:
        return x.copy()
    run, times = QUIET.run, operator.mul
    if exponent == 2:
        return run(times, x, x)
    if exponent == 3:
        return run(times, run(times, x, x), x)
    with np.errstate(all="ignore"):
        if exponent in _SHORTCUTS or x.dtype.kind != "f" or not float(exponent).is_integer():
            return _power(np, x, exponent)
        if x.dtype == np.float64 or not -_MOST_PRODUCTS <= exponent <= _MOST_PRODUCTS:
            return np.float_power(x, exponent).astype(x.dtype)
        product = _by_squaring(x.astype(np.float64), int(math.fabs(exponent)))
        return (product if exponent > 0 else 1 / product).astype(x.dtype)


_MOST_PRODUCTS = 64


def _by_squaring(x: Any, exponent: int) -> Any:
    """``x`` to a positive power, by about twice as many products as the exponent has bits."""
    product = None
    while True:
        if exponent & 1:
            product = x if product is None else product * x
        exponent >>= 1
        if not exponent:
            return product
        x = x * x


_DOC = """``input`` to the power of ``exponent``, elementwise and broadcast; either may be a number.

Dtypes are promoted. Integers to the power of integers stay integers: raises RuntimeError for a negative number as
the exponent, and truncates towards 0 for a Tensor of them. The gradient of ``x**0`` is 0, also at 0.

>>> import gradcu
>>> x = gradcu.tensor([1.0, 2.0, 3.0])
>>> gradcu.pow(x, 2)
tensor([1., 4., 9.])
>>> 2**x
tensor([2., 4., 8.])
"""


def _check_integer_power(x: Any, exponent: Any) -> tuple[Any]:
    if x.dtype.kind in "iu" and exponent < 0:
        raise RuntimeError("Integers to negative integer powers are not allowed.")
    return (exponent,)


def _power_rule(g: Any, x: Any, exponent: Any) -> Any:
    if exponent == 0:
        return zeros_of(g)
    return g * (exponent * pow(x, exponent - 1))


pow = pointwise(
    "pow",
    _power,
    native=_power_on_numpy,
    statics={"exponent": REQUIRED},
    promotion="none",
    prepare=_check_integer_power,
    node="PowBackward0",
    c=lambda exponent: _SHORTCUTS[exponent][1] if exponent in _SHORTCUTS else "pow({x}, {exponent})",
    dx=_power_rule,
    public=False,
    doc=_DOC,
)


def _power_of_arrays(xp: Any, a: Any, b: Any) -> Any:
    """``a ** b``. Integers to negative powers are truncated towards 0, as in PyTorch, where NumPy refuses them."""
    if result_type(a, b).kind not in "iu":
        return xp.power(a, b)
    exact = (b >= 0) | (abs(a) == 1)
    return xp.where(exact, xp.power(a, abs(b)), 0).astype(result_type(a, b))


def _power_rule_of_base(g: Any, a: Any, b: Any) -> Any:
    """``g * b * a**(b - 1)``, which is 0 where b is 0, also for a base of 0 or nan."""
    undefined = logical_and(eq(b, 0), logical_not(greater(abs(a), 0)))
    return g * (b * pow_of_tensors(where(undefined, 1, a), b - 1))


def _power_rule_of_exponent(g: Any, a: Any, b: Any, out: Any) -> Any:
    """``g * a**b * log(a)``, which is 0 where a is 0 and b not below."""
    undefined = logical_and(eq(a, 0), greater_equal(_real(b), 0))
    return g * (out * log(where(undefined, 1, a)))


pow_of_tensors = pointwise(
    "pow_of_tensors",
    _power_of_arrays,
    promotion="same",
    prepare=refusing("b", "pow", 2),
    node="PowBackward1",
    c="pow({a}, {b})",
    da=_power_rule_of_base,
    db=_power_rule_of_exponent,
    public=False,
    doc="``a`` to the power of ``b``.",
)


def _real(x: Any) -> Any:
    return x.real if x.dtype.kind == "c" else x


def _power_of_number(xp: Any, x: Any, base: Any) -> Any:
    if x.dtype.kind in "iu":
        return _power_of_arrays(xp, xp.asarray(base, dtype=x.dtype), x)
    return xp.exp2(x) if base == 2 and x.dtype.kind == "f" else xp.power(base, x)


@silent
def _power_of_number_on_numpy(x: Any, base: Any) -> Any:
    return QUIET.run(np.exp2, x) if base == 2 and x.dtype.kind == "f" else QUIET.run(np.power, base, x)


def _rule_of_power_of_number(g: Any, x: Any, out: Any, base: Any) -> Any:
    if base == 0:
        return where(greater_equal(_real(x), 0), 0, g * (out * -math.inf))
    if out.dtype.kind == "c":
        return g * (out * np.log(complex(base)).item())
    return g * (out * (math.log(base) if base > 0 else math.nan))


pow_of_number = pointwise(
    "pow_of_number",
    _power_of_number,
    native=_power_of_number_on_numpy,
    statics={"base": REQUIRED},
    promotion="none",
    node="PowBackward2",
    c=lambda base: "exp2({x})" if base == 2 else "pow({base}, {x})",
    dx=_rule_of_power_of_number,
    public=False,
    doc="A number to the power of ``x``.",
)

_NUMBERS = (bool, int, float, complex)


def _any_power(input: Any, exponent: Any) -> Tensor:
    for position, value in enumerate((input, exponent)):
        if not isinstance(value, (Tensor, np.generic, *_NUMBERS)):
            raise argument_error("pow", ("input", "exponent")[position], position, value)
    base, power = (value.item() if isinstance(value, np.generic) else value for value in (input, exponent))
    if isinstance(base, Tensor) and isinstance(power, Tensor):
        return pow_of_tensors(base, power)
    if isinstance(base, Tensor):
        return pow(_cast(base, power), power)
    if isinstance(power, Tensor):
        return pow_of_number(_cast(power, base), base)
    raise argument_error("pow", "input", 0, input)


def _cast(tensor: Tensor, number: Any) -> Tensor:
    """The Tensor in the dtype that its power with a number has."""
    dtype = result_type(tensor, number)
    return tensor if tensor._array.dtype == dtype else to_dtype(tensor, dtype)


def _power_operator(base: Any, exponent: Any) -> Any:
    operands = [
        Tensor._wrap(v) if (isinstance(v, np.ndarray) and v.dtype.kind in "biufc") or is_cupy_array(v) else v
        for v in (base, exponent)
    ]
    if not all(isinstance(operand, (Tensor, np.generic, *_NUMBERS)) for operand in operands):
        return NotImplemented
    return _any_power(*operands)


def _reflected_power_operator(exponent: Any, base: Any) -> Any:
    return _power_operator(base, exponent)


publish("pow", named(unary_static(OPS["pow"], _any_power), OPS["pow"]), elementwise=True)
OPERATORS["pow"] = unary_static(OPS["pow"], on_pending(OPS["pow"], _power_operator))
OPERATORS["rpow"] = unary_static(OPS["pow_of_number"], on_pending(OPS["pow_of_number"], _reflected_power_operator))


@function(elementwise=True)
def square(input: Any) -> Tensor:
    """``input * input``, elementwise; bools give int64.

    >>> import gradcu
    >>> gradcu.square(gradcu.tensor([1.0, -3.0]))
    tensor([1., 9.])
    """
    if not isinstance(input, Tensor):
        raise argument_error("square", "input", 0, input)
    return OPERATORS["pow"](input, 2)
