"""Logarithms of sums of exponentials, and the softmax, without overflow."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._define import structured
from .._dtype import as_dtype, get_default_dtype, scalar_name
from ._accumulation import reduced_shape, row_kernels, widened
from .dims import flag, one_dim, some_dims
from .elementary import exp
from .reduce import restored, sum


def _logsumexp_statics(x: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
    if dim is None:
        raise TypeError("logsumexp(): argument 'dim' must be tuple of ints, not NoneType")
    return some_dims(x.ndim, dim, "logsumexp"), flag(keepdim, "logsumexp", "keepdim")


def _logsumexp_vjp(g: Any, x: Any, out: Any, x_shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    g, out = restored(g, x_shape, dim, keepdim), restored(out, x_shape, dim, keepdim)
    kernels = row_kernels(g)
    return g * exp(x - out) if kernels is None else kernels.logsumexp_vjp(g, x, out, dim)


@structured(statics=2, prepare=_logsumexp_statics, dx=_logsumexp_vjp)
def logsumexp(xp: Any, x: Any, dim: Any, keepdim: Any = False) -> Any:
    """The logarithm of the sum of the exponentials along ``dim``, an integer or a tuple of them, without overflow.

    With ``keepdim`` the dimensions reduced stay, with length 1. Integers give the default dtype. The result for no
    elements is -inf.

    Raises IndexError for a dimension out of range and RuntimeError for one named twice.

    >>> import gradcu
    >>> gradcu.tensor([100.0, 100.0]).logsumexp(0)
    tensor(100.6931)
    """
    result = x.dtype if x.dtype.kind in "fc" else get_default_dtype()
    x = widened(x.astype(result, copy=False))
    if not x.size:
        return xp.log(xp.add.reduce(x, axis=dim, keepdims=keepdim)).astype(result, copy=False)
    kernels = row_kernels(x)
    if kernels is not None:
        return kernels.logsumexp(x, dim, reduced_shape(x.shape, dim, keepdim)).astype(result, copy=False)
    # The logarithm of complex numbers then has its principal value.
    top = x.real.max(axis=dim, keepdims=True)
    top = xp.where(xp.isfinite(top), top, 0)
    total = xp.log(xp.add.reduce(xp.exp(x - top), axis=dim, keepdims=True)) + top
    return (total if keepdim else total.squeeze(axis=dim)).astype(result, copy=False)


def _softmax_statics(name: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, dtype: Any) -> tuple[Any, ...]:
        one = one_dim(x.ndim, dim, name)
        result = x.dtype if dtype is None else as_dtype(dtype)
        if result.kind != "f":
            kernel = f"{name}_lastdim_kernel_impl" if one == x.ndim - 1 else f"{name}_kernel_impl"
            raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(result)}'")
        return one, result

    return prepare


def _softmax_vjp(g: Any, out: Any, dim: int) -> Any:
    kernels = row_kernels(g)
    if kernels is not None:
        return kernels.softmax_vjp(g, out, dim, logarithm=False)
    return (g - sum(g * out, dim, True)) * out


@structured(statics=2, prepare=_softmax_statics("softmax"), dx=_softmax_vjp)
def softmax(xp: Any, x: Any, dim: Any, dtype: Any = None) -> Any:
    """The exponentials of ``input``, divided by their sum along ``dim``: positive, and 1 in sum.

    The result has the shape of ``input``, which is converted to ``dtype`` first. Where all elements are -inf, or any is
    inf, the result is NaN.

    Raises IndexError for a dimension out of range and NotImplementedError for integers and booleans without a
    floating-point ``dtype``.

    >>> import gradcu
    >>> gradcu.tensor([0.0, 0.0]).softmax(0)
    tensor([0.5000, 0.5000])
    """
    return _normalised(xp, x, dim, dtype, logarithm=False)


def _log_softmax_vjp(g: Any, out: Any, dim: int) -> Any:
    kernels = row_kernels(g)
    if kernels is not None:
        return kernels.softmax_vjp(g, out, dim, logarithm=True)
    return g - exp(out) * sum(g, dim, True)


@structured(statics=2, prepare=_softmax_statics("log_softmax"), dx=_log_softmax_vjp)
def log_softmax(xp: Any, x: Any, dim: Any, dtype: Any = None) -> Any:
    """The logarithm of the `softmax` along ``dim``, computed without the loss of small probabilities.

    The result has the shape of ``input``, which is converted to ``dtype`` first.

    Raises IndexError for a dimension out of range and NotImplementedError for integers and booleans without a
    floating-point ``dtype``.

    >>> import gradcu
    >>> gradcu.tensor([0.0, -1000.0]).log_softmax(0)
    tensor([    0., -1000.])
    """
    return _normalised(xp, x, dim, dtype, logarithm=True)


def _normalised(xp: Any, x: Any, dim: int, dtype: np.dtype[Any], *, logarithm: bool) -> Any:
    if not x.size:
        return x.astype(dtype)
    x = widened(x.astype(dtype, copy=False))
    kernels = row_kernels(x)
    if kernels is not None:
        return kernels.softmax(x, dim, logarithm=logarithm).astype(dtype, copy=False)
    axis = dim if x.ndim else None
    # So no exponential overflows.
    x = x - x.max(axis=axis, keepdims=True)
    powers = xp.exp(x)
    total = xp.add.reduce(powers, axis=axis, keepdims=True)
    return (x - xp.log(total) if logarithm else powers / total).astype(dtype, copy=False)
