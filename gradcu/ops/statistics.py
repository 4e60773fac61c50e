"""Variance, standard deviation and norms."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from .._define import structured
from .._dtype import as_dtype, can_cast, scalar_name
from ._accumulation import added, widened
from .compare import eq, where
from .dims import flag, reduced_count, some_dims
from .power import pow
from .reduce import mean, restored, sum
from .reduce_max import ties
from .rounding import abs, sgn


def _variance_statics(name: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, unbiased: Any, keepdim: Any, correction: Any) -> tuple[Any, ...]:
        if isinstance(dim, bool):
            if unbiased is not None:
                raise TypeError(f"{name}(): argument 'dim' must be tuple of ints, not bool")
            dim, unbiased = None, dim
        if unbiased is not None and correction is not None:
            raise TypeError(f"{name}(): give unbiased={unbiased} or correction={correction}, not both")
        if x.dtype.kind not in "fc":
            subject = name if name.endswith("mean") else "std and var"
            raise RuntimeError(f"{subject} only support floating point and complex dtypes")
        if unbiased is not None:
            correction = int(flag(unbiased, name, "unbiased"))
        less = 1 if correction is None else correction
        dims = some_dims(x.ndim, dim, name)
        if reduced_count(x.shape, dims) <= less:
            warnings.warn(
                f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the reduction factor "
                "(input numel divided by output numel).",
                UserWarning,
                stacklevel=4,
            )
        return dims, None, flag(keepdim, name, "keepdim"), less

    return prepare


def _degrees_of_freedom(shape: tuple[int, ...], dim: Any, correction: float) -> float:
    count = reduced_count(shape, dim) - correction
    return count if count > 0 else 0


def _variance_vjp(g: Any, x: Any, x_shape: tuple[int, ...], dim: Any, keepdim: bool, correction: float) -> Any:
    freedom = _degrees_of_freedom(x_shape, dim, correction)
    factor = 2 / freedom if freedom else math.inf
    return restored(g, x_shape, dim, keepdim) * (factor * (x - mean(x, dim, True)))


def _deviation_vjp(g: Any, x: Any, out: Any, x_shape: tuple[int, ...], dim: Any, keepdim: bool,
                   correction: float) -> Any:  # fmt: skip
    # PyTorch's choice where all elements are equal, so that the standard deviation has a kink.
    scaled = where(eq(out, 0), 0.0, g / (2 * out))
    return _variance_vjp(scaled, x, x_shape, dim, keepdim, correction)


@structured(statics=4, prepare=_variance_statics("var"), holomorphic=False, dx=_variance_vjp)
def var(xp: Any, x: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, correction: Any = None) -> Any:
    """The variance of all elements of ``input``, or along ``dim``, an integer or a tuple of them.

    The sum of the squared deviations from the mean is divided by the number of elements less ``correction``: 1 if not
    given (Bessel's correction, for a sample); ``unbiased`` True or False means 1 or 0. ``var(True)`` is
    ``var(unbiased=True)``. With ``keepdim`` the dimensions reduced stay, with length 1.

    Raises RuntimeError for integers and booleans, and for a dimension named twice; IndexError for one out of range.

    >>> import gradcu
    >>> x = gradcu.tensor([1.0, 2.0, 3.0, 4.0])
    >>> x.var(), x.var(unbiased=False)
    (tensor(1.6667), tensor(1.2500))
    """
    return _variance(xp, x, dim, keepdim, correction).astype(_real(x.dtype), copy=False)


@structured(statics=4, prepare=_variance_statics("std"), holomorphic=False, dx=_deviation_vjp)
def std(xp: Any, x: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, correction: Any = None) -> Any:
    """The standard deviation of all elements of ``input``, or along ``dim``, an integer or a tuple of them.

    The square root of `var`, with the same arguments and errors. Where all elements are equal the gradient is 0.

    >>> import gradcu
    >>> gradcu.tensor([[1.0, 3.0], [2.0, 2.0]]).std(dim=1)
    tensor([1.4142, 0.0000])
    """
    return xp.sqrt(_variance(xp, x, dim, keepdim, correction)).astype(_real(x.dtype), copy=False)


def _with_mean(spread_vjp: Callable[..., Any]) -> Callable[..., Any]:
    """The rule of a spread and the mean, of which either may have no cotangent."""

    def vjp(g: Any, x: Any, spread: Any, x_shape: tuple[int, ...], dim: Any, keepdim: bool, correction: float) -> Any:
        parts = []
        if g[0] is not None:
            parts.append(spread_vjp(g[0], x, spread, x_shape, dim, keepdim, correction))
        if g[1] is not None:
            parts.append(restored(g[1], x_shape, dim, keepdim) / reduced_count(x_shape, dim))
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    return vjp


def _variance_of_pair_vjp(g: Any, x: Any, spread: Any, *statics: Any) -> Any:
    return _variance_vjp(g, x, *statics)


@structured(
    statics=4,
    method=False,
    outputs=("spread", "center"),
    prepare=_variance_statics("var_mean"),
    holomorphic=False,
    dx=_with_mean(_variance_of_pair_vjp),
)
def var_mean(
    xp: Any, x: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, correction: Any = None
) -> Any:
    """The variance and the mean of all elements of ``input``, or along ``dim``: see `var` and `mean`.

    >>> import gradcu
    >>> gradcu.var_mean(gradcu.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    spread = _variance(xp, x, dim, keepdim, correction).astype(_real(x.dtype), copy=False)
    return spread, _center(xp, x, dim, keepdim)


@structured(
    statics=4,
    method=False,
    outputs=("spread", "center"),
    prepare=_variance_statics("std_mean"),
    holomorphic=False,
    dx=_with_mean(_deviation_vjp),
)
def std_mean(
    xp: Any, x: Any, dim: Any = None, unbiased: Any = None, keepdim: Any = False, correction: Any = None
) -> Any:
    """The standard deviation and the mean of all elements of ``input``, or along ``dim``: see `std` and `mean`.

    >>> import gradcu
    >>> gradcu.std_mean(gradcu.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    spread = xp.sqrt(_variance(xp, x, dim, keepdim, correction)).astype(_real(x.dtype), copy=False)
    return spread, _center(xp, x, dim, keepdim)


def _center(xp: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    wide = widened(x)
    center = added(xp, wide, dim, None, keepdims=keepdim, divisor=reduced_count(x.shape, dim))
    return center.astype(x.dtype, copy=False)


def _variance(xp: Any, x: Any, dim: Any, keepdim: bool, correction: float) -> Any:
    x = widened(x)
    center = added(xp, x, dim, None, keepdims=True, divisor=reduced_count(x.shape, dim))
    freedom = _degrees_of_freedom(x.shape, dim, correction)
    return added(xp, _squares(x - center), dim, None, keepdims=keepdim, divisor=freedom)


def _squares(x: Any) -> Any:
    return (x * x.conj()).real if x.dtype.kind == "c" else x * x


def _real(dtype: Any) -> Any:
    return dtype.type(0).real.dtype


def _norm_statics(x: Any, p: Any, dim: Any, keepdim: Any, dtype: Any) -> tuple[Any, ...]:
    order = _order(p)
    if x.dtype.kind not in "fc":
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got " + scalar_name(x.dtype)
        )
    if dtype is not None:
        dtype = _checked_dtype(x.dtype, as_dtype(dtype))
    dims = some_dims(x.ndim, dim, "norm")
    if not x.size and (order < 0 or order == math.inf):
        _refuse_empty(x, dims, p)
    return order, dims, flag(keepdim, "norm", "keepdim"), dtype


def _order(p: Any) -> float:
    if p is None or p == "fro":
        return 2.0
    if isinstance(p, str):
        raise RuntimeError(f"norm(): argument 'p' must be a number or 'fro', not '{p}'")
    if isinstance(p, complex):
        raise RuntimeError("linalg.vector_norm: Expected a non-complex scalar as the order of norm.")
    if not hasattr(p, "__float__"):
        raise TypeError(f"norm(): argument 'p' must be Number, not {type(p).__name__}")
    return float(p)


def _checked_dtype(found: Any, wanted: Any) -> Any:
    if wanted.kind not in "fc":
        raise RuntimeError(
            f"linalg.vector_norm: dtype should be floating point or complex, but got {scalar_name(wanted)}"
        )
    narrower = found.kind == wanted.kind and found.itemsize > wanted.itemsize
    if narrower or not can_cast(found, wanted):
        raise RuntimeError(
            f"linalg.vector_norm: the dtype of the input ({scalar_name(found)}) should be convertible without "
            f"narrowing to the specified dtype ({scalar_name(wanted)})"
        )
    return wanted


def _refuse_empty(x: Any, dims: tuple[int, ...] | None, p: Any) -> None:
    reason = "the operation does not have an identity"
    if dims is None:
        raise RuntimeError(f"linalg.vector_norm cannot compute the {p} norm on an empty tensor because {reason}")
    for dim in dims:
        if not x.shape[dim]:
            raise RuntimeError(
                f"linalg.vector_norm cannot compute the {p} norm on the dimension {dim} because this dimension is "
                f"empty and {reason}"
            )


def _norm_vjp(g: Any, x: Any, out: Any, x_shape: tuple[int, ...], p: float, dim: Any, keepdim: bool) -> Any:
    """The derivative of (sum |x|**p)**(1/p) is sgn(x) (|x| / out)**(p - 1); 0, a subgradient, where all x are 0."""
    if p == 0:
        return (None,)
    g, out = restored(g, x_shape, dim, keepdim), restored(out, x_shape, dim, keepdim)
    if p == 1:
        return (g * sgn(x),)
    if p == 2:
        return (g * where(eq(out, 0), 0.0, x / out),)
    if math.isinf(p):
        where_equal = ties(abs(x), out, True)
        return (g * sgn(x) * where_equal / sum(where_equal, dim, keepdim or dim is not None),)
    if p < 1:
        return (g * (sgn(x) * where(eq(x, 0), 0.0, pow(abs(x), p - 1)) * pow(out, 1 - p)),)
    powers = sgn(x) * pow(abs(x), p - 1) if p < 2 else x * pow(abs(x), p - 2)
    return (powers * where(eq(out, 0), 0.0, g / pow(out, p - 1)),)


@structured(statics=4, node="LinalgVectorNormBackward0", prepare=_norm_statics, holomorphic=False, joint=_norm_vjp)
def norm(xp: Any, x: Any, p: Any = "fro", dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
    """The p-norm of all elements of ``input``, or along ``dim``, an integer or a tuple of them.

    That is ``(sum |x|**p)**(1/p)`` for any number ``p``; ``"fro"``, as 2, is the Euclidean norm, ``inf`` the largest
    and ``-inf`` the smallest magnitude, and 0 counts the elements other than 0. With ``keepdim`` the dimensions reduced
    stay, with length 1. ``input`` is converted to ``dtype`` first. The gradient at 0 is 0.

    Raises RuntimeError for integers and booleans, for a ``dtype`` that is narrower than that of ``input``, and for a
    maximum or minimum of no elements; IndexError for a dimension out of range.

    >>> import gradcu
    >>> x = gradcu.tensor([3.0, -4.0])
    >>> x.norm(), x.norm(1), x.norm(gradcu.inf)
    (tensor(5.), tensor(7.), tensor(4.))
    """
    result = _real(x.dtype if dtype is None else dtype)
    x = widened(x if dtype is None else x.astype(dtype, copy=False))
    if p == 2:
        total = xp.sqrt(added(xp, _squares(x), dim, None, keepdims=keepdim))
    elif p == math.inf:
        total = xp.abs(x).max(axis=dim, keepdims=keepdim)
    elif p == -math.inf:
        total = xp.abs(x).min(axis=dim, keepdims=keepdim)
    elif p == 0:
        total = added(xp, (x != 0).astype(result), dim, None, keepdims=keepdim)
    elif p == 1:
        total = added(xp, xp.abs(x), dim, None, keepdims=keepdim)
    else:
        total = added(xp, xp.abs(x) ** p, dim, None, keepdims=keepdim) ** (1 / p)
    return total.astype(result, copy=False)
