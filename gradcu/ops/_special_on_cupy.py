"""Special functions of CuPy arrays, by the names that SciPy gives them, in the dtype of the operand."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def _computed(name: str, x: Any, *before: Any) -> Any:
    """CuPy's function, which gives float32 for float16."""
    return getattr(import_module("cupyx.scipy.special"), name)(*before, x).astype(x.dtype, copy=False)


def erf(x: Any) -> Any:
    """The error function."""
    return _computed("erf", x)


def erfc(x: Any) -> Any:
    """1 - erf(x)."""
    return _computed("erfc", x)


def gammaln(x: Any) -> Any:
    """The logarithm of the absolute value of the gamma function."""
    cupy = import_module("cupy")
    # CuPy's is -inf at -inf, where C's and PyTorch's are inf.
    return cupy.where(cupy.isneginf(x), -x, _computed("gammaln", x))


def digamma(x: Any) -> Any:
    """The derivative of gammaln."""
    return _computed("digamma", x)


def polygamma(n: int, x: Any) -> Any:
    """The n-th derivative of digamma."""
    # CuPy's takes the order as an array alone.
    return _computed("polygamma", x, import_module("cupy").full((), n, x.dtype))
