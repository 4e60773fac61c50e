"""Totals that pass over nan, counts, and running logarithms of sums of exponentials."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._define import function, structured
from .._dtype import get_default_dtype, scalar_name
from .._tensor import Tensor
from ._accumulation import added, total_dtype, widened
from ._arguments import require_tensor
from .arithmetic import div
from .compare import eq, where
from .dims import flag, one_dim, some_dims
from .elementary import exp
from .predicates import isnan, logical_not
from .reduce import restored, sum
from .scan import recurrence, scanned, shifted
from .special import added_exponentials


def _nansum_statics(x: Any, dim: Any, keepdim: Any, dtype: Any) -> tuple[Any, ...]:
    if x.dtype.kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    dims = None if dim is None else some_dims(x.ndim, dim, "nansum")
    return dims, flag(keepdim, "nansum", "keepdim"), total_dtype(x.dtype, dtype)


@structured(
    statics=3,
    prepare=_nansum_statics,
    dx=lambda g, x, x_shape, dim, keepdim: where(isnan(x), 0, restored(g, x_shape, dim, keepdim)),
)
def nansum(xp: Any, x: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
    """The sum of all elements of ``input`` that are not nan, or along ``dim``, an integer or a tuple of them.

    Otherwise as `sum`.

    >>> import gradcu
    >>> gradcu.nansum(gradcu.tensor([1.0, gradcu.nan, 2.0]))
    tensor(3.)
    """
    known = xp.where(x == x, x, x.dtype.type(0)) if x.dtype.kind == "f" else x
    return added(xp, known, dim, dtype, keepdims=keepdim)


@function()
def nanmean(input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Tensor:
    """The mean of all elements of ``input`` that are not nan, or along ``dim``; nan where there are none.

    Raises RuntimeError for integers and bools.

    >>> import gradcu
    >>> gradcu.nanmean(gradcu.tensor([1.0, gradcu.nan, 2.0]))
    tensor(1.5000)
    """
    require_tensor("nanmean", input)
    if input.dtype.kind not in "fc":
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got " + scalar_name(input.dtype)
        )
    counts = sum(logical_not(isnan(input.detach())), dim, keepdim)
    return div(nansum(input, dim, keepdim, dtype), counts)


@function()
def count_nonzero(input: Tensor, dim: Any = None) -> Tensor:
    """How many elements of ``input``, or along ``dim``, an integer or a tuple of them, are not 0: int64.

    >>> import gradcu
    >>> gradcu.count_nonzero(gradcu.tensor([[0, 1], [2, 3]]), dim=0)
    tensor([1, 2])
    """
    require_tensor("count_nonzero", input)
    array = input._memory()
    dims = None if dim is None else some_dims(array.ndim, dim, "count_nonzero")
    return Tensor._wrap(input.device.xp.asarray((array != 0).sum(axis=dims), dtype=np.int64))


def _logcumsumexp_vjp(g: Any, x: Any, out: Any, dim: int) -> Any:
    """exp(x - out) times h, where h[k] = g[k] + exp(out[k] - out[k + 1]) h[k + 1]; nothing follows the last."""
    following = shifted(out, dim, -1, math.inf)
    # Equal infinities have no difference.
    decay = exp(where(eq(out, following), 0, out - following))
    share = exp(where(eq(x, out), 0, x - out))
    return share * recurrence(decay, g, dim, True)


@structured(statics=1, prepare=lambda x, dim: (one_dim(x.ndim, dim, "logcumsumexp"),), dx=_logcumsumexp_vjp)
def logcumsumexp(xp: Any, x: Any, dim: Any) -> Any:
    """The logarithms of the sums of the exponentials of the elements up to each one along ``dim``, without overflow.

    Integers and bools give the default dtype. Raises IndexError for a dimension out of range.

    >>> import gradcu
    >>> gradcu.logcumsumexp(gradcu.tensor([1000.0, 1000.0]), 0)
    tensor([1000.0000, 1000.6932])
    """
    result = x.dtype if x.dtype.kind in "fc" else get_default_dtype()
    out = scanned(xp, widened(x.astype(result, copy=False)), dim, lambda a, b: added_exponentials(xp, a, b))
    return out.astype(result, copy=False)
