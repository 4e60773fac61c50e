"""Running sums and products along a dimension.

The derivative of a running product is written without division, so that zeros need no special case: it takes a first
order linear recurrence, whose derivatives are such recurrences again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._define import structured
from .._dtype import as_dtype
from ._accumulation import accumulated, total_dtype
from .arrange import flip
from .dims import one_dim


def _running_statics(function: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, dtype: Any) -> tuple[Any, ...]:
        return one_dim(x.ndim, dim, function), dtype if dtype is None else as_dtype(dtype)

    return prepare


def _cumsum_vjp(g: Any, dim: int) -> Any:
    return flip(cumsum(flip(g, (dim,)), dim), (dim,))


@structured(statics=2, prepare=_running_statics("cumsum"), dx=_cumsum_vjp)
def cumsum(xp: Any, x: Any, dim: Any, dtype: Any = None) -> Any:
    """The sums of the elements up to each one along ``dim``.

    The result has the shape of ``input``. Integers and booleans give int64, unless ``dtype`` says otherwise; ``input``
    is converted to it first. Raises IndexError for a dimension out of range.

    >>> import gradcu
    >>> gradcu.tensor([1.0, 2.0, 3.0]).cumsum(0)
    tensor([1., 3., 6.])
    """
    return _running(xp.cumsum, x, dim, dtype)


def _cumprod_vjp(g: Any, x: Any, out: Any, dim: int) -> Any:
    """The gradient of element k, a factor of all results from k on.

    It is the product of the elements before it times h[k] = g[k] + x[k + 1] h[k + 1], which sums the cotangents with
    the products of the elements between.
    """
    return shifted(out, dim, 1, 1) * recurrence(shifted(factors_of(x, g), dim, -1, 0), g, dim, True)


def factors_of(x: Any, g: Any) -> Any:
    """The factors of a product with the cotangent ``g``: a real product of complex numbers is that of their parts."""
    return x.real if x.dtype.kind == "c" and g.dtype.kind == "f" else x


@structured(statics=2, prepare=_running_statics("cumprod"), dx=_cumprod_vjp)
def cumprod(xp: Any, x: Any, dim: Any, dtype: Any = None) -> Any:
    """The products of the elements up to each one along ``dim``.

    The result has the shape of ``input``. Integers and booleans give int64, unless ``dtype`` says otherwise; ``input``
    is converted to it first. Gradients of every order are exact where elements are 0. Raises IndexError for a dimension
    out of range.

    >>> import gradcu
    >>> gradcu.tensor([1.0, 2.0, 3.0]).cumprod(0)
    tensor([1., 2., 6.])
    """
    return _running(xp.cumprod, x, dim, dtype)


def _running(method: Callable[..., Any], x: Any, dim: int, dtype: Any) -> Any:
    if x.ndim == 0:
        return x.astype(total_dtype(x.dtype, dtype) or x.dtype)
    return accumulated(method, x, dim, total_dtype(x.dtype, dtype))


def _shift_vjp(g: Any, dim: int, by: int) -> Any:
    return shifted(g, dim, -by, 0)


@structured(statics=3, public=False, dx=_shift_vjp)
def shifted(xp: Any, x: Any, dim: int, by: int, edge: float) -> Any:
    """``x`` moved along ``dim`` by one place, forwards (``by`` is 1) or backwards (-1), with ``edge`` in the gap."""
    out = xp.full_like(x, edge)
    if x.ndim:
        out[_part(dim, by)] = x[_part(dim, -by)]
    return out


def _recurrence_factors_vjp(g: Any, a: Any, out: Any, dim: int, reverse: bool) -> Any:
    return shifted(out, dim, -1 if reverse else 1, 0) * _recurrence_terms_vjp(g, a, dim, reverse)


def _recurrence_terms_vjp(g: Any, a: Any, dim: int, reverse: bool) -> Any:
    return recurrence(shifted(a, dim, 1 if reverse else -1, 0), g, dim, not reverse)


@structured(statics=2, public=False, da=_recurrence_factors_vjp, db=_recurrence_terms_vjp)
def recurrence(xp: Any, a: Any, b: Any, dim: int, reverse: bool) -> Any:
    """``out[k] = b[k] + a[k] out[k - 1]`` along ``dim``, or with ``reverse`` ``out[k] = b[k] + a[k] out[k + 1]``.

    The steps x -> a x + b are composed with the one before, then with the two before, the four before, and so on: the
    doubling scan of Hillis and Steele (1986), "Data parallel algorithms", https://doi.org/10.1145/7902.7903.
    """
    a, b = xp.array(a), xp.array(b)
    length = a.shape[dim] if a.ndim else 1
    step = 1
    while step < length:
        by = -step if reverse else step
        here, there = _part(dim, by), _part(dim, -by)
        b[here] = b[here] + a[here] * b[there]
        a[here] = a[here] * a[there]
        step *= 2
    return b


def scanned(xp: Any, x: Any, dim: int, combine: Callable[[Any, Any], Any]) -> Any:
    """The elements up to each one along ``dim``, combined by an associative function, by the same doubling scan."""
    out = xp.array(x)
    length = out.shape[dim] if out.ndim else 1
    step = 1
    while step < length:
        here, there = _part(dim, step), _part(dim, -step)
        out[here] = combine(out[here], out[there])
        step *= 2
    return out


def _part(dim: int, by: int) -> tuple[slice, ...]:
    """All but the first ``by`` places along ``dim``, or all but the last ``-by``."""
    return (*(slice(None),) * dim, slice(by, None) if by > 0 else slice(None, by))
