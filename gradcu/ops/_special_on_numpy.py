"""Special functions of NumPy arrays, by the names that SciPy and CuPy give them, in the dtype of the operand.

They are SciPy's (the extra ``special``), imported at the first use, with the digits restored that three of them lose in
float64: erfc, whose exponential multiplies the rounding error of x*x, gammaln around its roots and next to 0, and
digamma below 0. Without SciPy the standard library gives erf, erfc and gammaln, element by element. Either computes
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


# The Taylor coefficients of lgamma around 2 (NIST DLMF 5.7.3): 1 - Euler's constant, then (-1)^k (zeta(k) - 1) / k.
_AROUND_2 = (
    0.422784335098467139, 0.322467033424113218, -0.0673523010531980951, 0.0205808084277845479, -0.00738555102867398527,
    0.00289051033074152329, -0.00119275391170326098, 5.09669524743042422e-4, -2.2315475845357938e-4,
    9.94575127818085337e-5, -4.49262367381331417e-5, 2.05072127756706916e-5, -9.4394882752683959e-6,
    4.3748667899074878e-6, -2.03921575380136624e-6, 9.55141213040741983e-7, -4.49246919876456604e-7,
    2.12071848055546659e-7, -1.00432248239680996e-7, 4.76981016936398057e-8, -2.27110946089431649e-8,
    1.08386592148969541e-8, -5.18347504197004666e-9, 2.48367454380247832e-9, -1.19214014058609121e-9,
    5.73136724167886201e-10, -2.75952288512423315e-10, 1.33047643742444895e-10, -6.42296456383810002e-11,
)  # fmt: skip


def gammaln(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    # SciPy's is -inf at -inf, where C's and PyTorch's are inf; and inf next to 0, where it is -log|x| to the last bit.
    size = np.abs(x)
    next_to_0 = (size < 1e-20) & (size > 0)
    result = np.where(np.isneginf(x), np.inf, _scipy("gammaln", _lgamma)(x))
    result = np.where(next_to_0, -np.log(np.where(next_to_0, size, 1)), result)
    near = np.asarray((x > 0) & (x < 2.5))
    if x.dtype == np.float64 and near.any():
        result[near] = _gammaln_around_roots(np.asarray(x)[near])
    return _of_dtype(x, result)


def _gammaln_around_roots(x: Any) -> Any:
    """By the series around 2, after up to two steps of lgamma(x + 1) = lgamma(x) + log(x)."""
    steps = np.where(x < 0.5, 2, np.where(x < 1.5, 1, 0))
    z = x - (2 - steps)
    series = np.zeros_like(z)
    for coefficient in reversed(_AROUND_2):
        series = (series + coefficient) * z
    return series - np.where(steps > 0, np.log1p(z), 0) - np.where(steps > 1, np.log(x), 0)


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
