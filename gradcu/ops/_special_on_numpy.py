"""Special functions of NumPy arrays, by the names that SciPy and CuPy give them, in the dtype of the operand.

They are SciPy's (the extra ``special``), imported at the first use, with the digits restored that three of them lose in
float64: erfc, whose exponential multiplies the rounding error of x*x, gammaln above 0, most of all around its roots,
and digamma below 0. Without SciPy the standard library gives erf, erfc and gammaln, element by element. Either computes
float32 in float64.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np


def _scipy(name: str, in_stdlib: Callable[[float], float] | None = None) -> Callable[..., Any]:
    try:
        return getattr(import_module("scipy.special"), name)
    except ModuleNotFoundError:
        if in_stdlib is None:
            raise ModuleNotFoundError(
                f"{name} needs SciPy, which is not installed: pip install 'gradcu[special]'", name="scipy"
            ) from None
        return np.vectorize(in_stdlib, otypes=[np.float64])


def _of_dtype(x: Any, result: Any) -> Any:
    """``result`` in the dtype of ``x``, a NumPy scalar where ``x`` is one."""
    result = np.asarray(result).astype(x.dtype, copy=False)
    return result if isinstance(x, np.ndarray) else result[()]


def erf(x: Any) -> Any:
    """The error function."""
    return _of_dtype(x, _scipy("erf", math.erf)(x))


# (1 + 2x) exp(x^2) erfc(x) for x from 0.5 to 27, in powers of (x - 3) / (x + 3): it interpolates at the 22 Chebyshev
# points, which leaves a twentieth of a unit in the last place.
_SCALED_ERFC = (
    1.25300805826972965, -0.135621106124581336, -0.0475622943534504683, 0.129645158702782585, -0.119273663415331385,
    0.0683080273431058039, -0.0237705149178580964, 0.00252939183204984258, 0.00188869034433263685,
    -0.000779832433675466288, -0.00010515963569238439, 0.000125100335731729535, 4.94838035513706574e-6,
    -0.0000201043119837486311, -7.26860610392933235e-7, 3.48133903887158368e-6, 3.44496638905462337e-7,
    -6.29388732909155077e-7, -1.21393191604896422e-7, 1.11329853287762234e-7, 2.28082736424298308e-8,
    -1.52472337499601121e-8,
)  # fmt: skip


def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    direct = _scipy("erfc", math.erfc)
    if x.dtype != np.float64 or isinstance(direct, np.vectorize):
        return _of_dtype(x, direct(x))
    ratio, scaled = (x - 3) / (x + 3), 0.0
    for coefficient in reversed(_SCALED_ERFC):
        scaled = scaled * ratio + coefficient
    # exp(-x*x) is the product of exp(-h*h), where h has so few digits that its square is exact, and of a factor near 1.
    h = np.rint(x * 32) / 32
    tail = np.exp(-h * h) * (np.exp((h - x) * (h + x)) * scaled) / (1 + 2 * x)
    return _of_dtype(x, np.where(x < 0.5, 1 - erf(x), np.where(x > 27.3, 0, tail)))


# What is left of lgamma(1 + u) / u from u = -0.36 to 0.232, of lgamma(2 + z) / z from z = -0.27 to 1, and of lgamma
# around its minimum, from 0.23 below to 0.27 above it, once their values at 0 are taken off: divided by u, by z and by
# the square of the distance, and interpolated at as many Chebyshev points, which leaves less than a tenth of a unit in
# the last place.
_AROUND_1 = (
    0.822467033424113216, -0.400685634386531445, 0.270580808427789878, -0.207385551028659191, 0.169557176995092963,
    -0.144049896774255133, 0.12550966991193552, -0.111334264873628787, 0.100099425145196428, -0.0909541155871248741,
    0.0833553431745253029, -0.0769270075451725967, 0.0713934027814039252, -0.0668482826010780747,
    0.0630447673292933191, -0.0554542781204651077, 0.053199784301138098, -0.0861839587377154054,
    0.0253496673227846574, 0.0862866726595016749, 0.283583544531966174,
)  # fmt: skip
_AROUND_2 = (
    0.322467033424113217, -0.0673523010531981178, 0.0205808084277850897, -0.00738555102866982741,
    0.00289051033067315728, -0.00119275391183363925, 0.000509669527982470058, -0.000223154761943305565,
    0.000099457450054910344, -0.0000449260292002317931, 0.0000205074939807894112, -9.4422014953155197e-6,
    4.37951036348241231e-6, -2.03472496793362786e-6, 9.21808711208793537e-7, -3.79684580878472709e-7,
    1.26212922740807096e-7, -2.84680361097608285e-8, 3.13881646352400062e-9,
)  # fmt: skip
_AROUND_MINIMUM = (
    0.48383612272381059, -0.14758772299453081, 0.0646249402389047058, -0.0327885410884105067, 0.017970675117543387,
    -0.0103142230506148, 0.00610053576892813309, -0.00368456835845442457, 0.00225977759973373585,
    -0.00140230975095635671, 0.000877906698606510732, -0.000552728069626128399, 0.000355797750864706961,
    -0.000243389731898602265, 0.000130896914371348071,
)  # fmt: skip

# In two parts, the first of so few digits that it is exact in float32 too: Euler's constant, and 1 less that; where the
# minimum is, less 1, and what it is; log(2).
_EULER = (0.5772151947021484375, 4.7019938442310651209e-7)
_BEYOND_EULER = (0.42278385162353515625, 4.8347493198314348791e-7)
_MINIMUM_AT = (0.46163177490234375, 3.7006601859126265954e-7)
_MINIMUM = (-0.12148571014404296875, -5.8039180663934551456e-7)
_LOG_2 = (0.693145751953125, 1.42860682030941723212e-6)

# log(2 pi) / 2 - 1/2.
_STIRLING = 0.418938533204672741780

# B_2k / (2k (2k - 1)) for k = 1, 2, ...: the terms of Stirling's series (NIST DLMF 5.11.1).
_TERMS = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188, -691 / 360360, 1 / 156, -3617 / 122400)

_ENOUGH = 1e30
"""Up to here lgamma is this module's own."""


def gammaln(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    # SciPy's is -inf at -inf, where C's and PyTorch's are inf; and inf next to 0, where it is -log|x| to the last bit.
    size = np.abs(x)
    next_to_0 = (size < 1e-20) & (size > 0)
    result = np.where(np.isneginf(x), np.inf, _scipy("gammaln", _lgamma)(x))
    result = np.where(next_to_0, -np.log(np.where(next_to_0, size, 1)), result)
    own = np.asarray((x > 0) & (x < _ENOUGH))
    if x.dtype == np.float64 and own.any():
        result[own] = _gammaln_of_positive(np.asarray(x)[own])
    return _of_dtype(x, result)


def _gammaln_of_positive(x: Any) -> Any:
    """By polynomials in the distance from 1, 2 or the minimum; beyond 8 by Stirling's series."""
    result = np.empty_like(x)
    far = x >= 8
    result[far] = _by_stirling(x[far])
    near = x[~far]
    # By lgamma(x + 1) = lgamma(x) + log(x) from below 0.65 and from beyond 3 to where the polynomials are.
    steps = np.maximum(np.floor(near) - 2, 0)
    product = np.where(near < 0.65, near, 1)
    for step in range(1, 6):
        product = np.where(step <= steps, product * (near - step), product)
    from_1 = np.where(near < 0.65, near, (near - steps) - 1)
    reduced = np.empty_like(near)
    part = np.searchsorted((0.2316, 0.7316), from_1)
    for number, polynomial in enumerate((_around_1, _around_minimum, _around_2)):
        chosen = part == number
        reduced[chosen] = polynomial(from_1[chosen])
    log = np.log(product)
    result[~far] = reduced + np.where(near < 0.65, -log, log)
    return result


def _by_stirling(x: Any) -> Any:
    """(x - 1/2) (log(x) - 1) + log(2 pi) / 2 - 1/2 and the series, with log(x) - 1 in two parts."""
    fraction, exponent = np.frexp(x)
    low = fraction < math.sqrt(0.5)
    fraction, exponent = np.where(low, 2 * fraction, fraction), np.where(low, exponent - 1, exponent)
    whole = exponent * _LOG_2[0] - 1
    rest = np.log(fraction) + exponent * _LOG_2[1]
    factor = whole + rest
    lost = rest - (factor - whole)
    series = _polynomial(_TERMS, 1 / (x * x)) / x
    return (x - 0.5) * factor + ((x - 0.5) * lost + (_STIRLING + series))


def _around_1(u: Any) -> Any:
    """lgamma(1 + u)."""
    return u * (-_EULER[0] + (u * _polynomial(_AROUND_1, u) - _EULER[1]))


def _around_minimum(u: Any) -> Any:
    """lgamma(1 + u)."""
    distance = (u - _MINIMUM_AT[0]) - _MINIMUM_AT[1]
    return _MINIMUM[0] + (_MINIMUM[1] + distance * distance * _polynomial(_AROUND_MINIMUM, distance))


def _around_2(u: Any) -> Any:
    """lgamma(1 + u)."""
    z = u - 1
    return z * (_BEYOND_EULER[0] + (z * _polynomial(_AROUND_2, z) + _BEYOND_EULER[1]))


def _polynomial(coefficients: tuple[float, ...], x: Any) -> Any:
    value = np.zeros_like(x)
    for coefficient in reversed(coefficients):
        value = value * x + coefficient
    return value


def _lgamma(x: float) -> float:
    """``math.lgamma``, which raises an error where C's is infinite."""
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def digamma(x: Any) -> Any:
    """The derivative of gammaln."""
    direct = _scipy("digamma")
    result = direct(x)
    if x.dtype == np.float64 and (x < 0).any():
        # By reflection (NIST DLMF 5.5.4), from the distance to the nearest pole, of which SciPy loses digits.
        from_pole = x - np.rint(x)
        result = np.where((x < 0) & (from_pole != 0), direct(1 - x) - math.pi / np.tan(math.pi * from_pole), result)
    return _of_dtype(x, result)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma."""
    return _of_dtype(x, _scipy("polygamma")(n, x))
