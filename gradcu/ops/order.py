"""Elements in order, and by their rank: sort, topk, kthvalue, median; and the extremes so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import return_types
from .._define import function, structured
from .._tensor import Tensor
from ._arguments import require_tensor
from ._index_arrays import places_along
from ._refusals import refusing
from .compare import eq, where
from .dims import flag, one_dim
from .pick import gathered_from
from .predicates import isnan
from .reduce import restored, sum
from .scan import scanned


def _order(xp: Any, x: Any, dim: int, descending: bool) -> Any:
    """The numbers along ``dim`` that bring ``x`` in order, equals in the order that they have; nan is largest."""
    if not descending:
        return xp.argsort(x, axis=dim, kind="stable")
    # Backwards, so that the order reversed leaves equal elements as they are.
    backwards = xp.flip(xp.argsort(xp.flip(x, dim), axis=dim, kind="stable"), dim)
    return x.shape[dim] - 1 - backwards


def _ordered(xp: Any, x: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    if not x.ndim:
        return x.copy(), xp.zeros((), np.int64)
    order = _order(xp, x, dim, descending).astype(np.int64, copy=False)
    return x[places_along(xp, order, dim)], order


def _moved_back(g: Any, indices: Any, x_shape: tuple[int, ...], dim: int) -> Any:
    return gathered_from(g[0], indices, x_shape, dim)


def _sorted_statics(x: Any, *statics: Any) -> tuple[Any, ...]:
    if x.dtype.kind == "c":
        raise RuntimeError("Sort does not support complex dtypes on CPU")
    return statics


@structured(
    "sort",
    statics=3,
    node=lambda node: node,
    public=False,
    outputs=("values", "indices"),
    prepare=_sorted_statics,
    dx=_moved_back,
)
def sorted_along(xp: Any, x: Any, dim: int, descending: bool, node: str) -> Any:
    """The elements in order along ``dim``, and where they were."""
    return _ordered(xp, x, dim, descending)


@function()
def sort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Any:
    """The elements in ascending or ``descending`` order along ``dim``, and where they were: ``(values, indices)``.

    Equal elements stay in the order that they have, ``stable`` or not; nan counts as the largest. Raises IndexError for
    a dimension that is not there.

    >>> import gradcu
    >>> values, indices = gradcu.sort(gradcu.tensor([3.0, 1.0, 2.0]))
    >>> values, indices
    (tensor([1., 2., 3.]), tensor([1, 2, 0]))
    """
    require_tensor("sort", input)
    at = one_dim(input.ndim, dim, "sort")
    node = f"SortBackward{int(stable is not None)}"
    return return_types.sort(sorted_along(input, at, flag(descending, "sort", "descending"), node))


@function()
def argsort(input: Tensor, dim: int = -1, descending: bool = False, *, stable: bool | None = None) -> Tensor:
    """The numbers that bring ``input`` in order along ``dim``: the indices of `sort`.

    >>> import gradcu
    >>> gradcu.argsort(gradcu.tensor([3.0, 1.0, 2.0]))
    tensor([1, 2, 0])
    """
    require_tensor("argsort", input)
    return sort(input, dim, descending, stable=stable)[1]


@function()
def msort(input: Tensor) -> Tensor:
    """The elements in ascending order along dimension 0.

    >>> import gradcu
    >>> gradcu.msort(gradcu.tensor([3.0, 1.0, 2.0]))
    tensor([1., 2., 3.])
    """
    require_tensor("msort", input)
    return sort(input, 0)[0]


def _top_statics(x: Any, k: Any, dim: Any, largest: Any) -> tuple[Any, ...]:
    at = one_dim(x.ndim, dim, "topk")
    if x.dtype.kind in "bc":
        kind = "bool" if x.dtype.kind == "b" else "complex"
        raise RuntimeError(f"topk does not support {kind} dtypes on CPU")
    if not 0 <= k <= (x.shape[at] if x.ndim else 1):
        raise RuntimeError("selected index k out of range")
    return int(k), at, largest


@structured("topk", statics=3, public=False, outputs=("values", "indices"), prepare=_top_statics, dx=_moved_back)
def top_along(xp: Any, x: Any, k: int, dim: int, largest: bool) -> Any:
    """The ``k`` largest or smallest elements along ``dim`` in order, and where they are."""
    values, indices = _ordered(xp, x, dim, largest)
    if not x.ndim:
        return values, indices
    first = (slice(None),) * dim + (slice(k),)
    return values[first].copy(), indices[first].copy()


@function()
def topk(input: Tensor, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Any:
    """The ``k`` largest elements along ``dim``, or the smallest, and where they are: ``(values, indices)``.

    They are in order, ``sorted`` or not. Raises RuntimeError where there are fewer than ``k``.

    >>> import gradcu
    >>> values, indices = gradcu.topk(gradcu.tensor([3.0, 1.0, 2.0]), 2)
    >>> values, indices
    (tensor([3., 2.]), tensor([0, 2]))
    """
    require_tensor("topk", input)
    return return_types.topk(top_along(input, k, dim, flag(largest, "topk", "largest")))


def _one_back(g: Any, indices: Any, x_shape: tuple[int, ...], dim: int, keepdim: bool) -> Any:
    if not x_shape:
        return g[0]
    kept = (restored(value, x_shape, (dim,), keepdim) for value in (g[0], indices))
    return gathered_from(*kept, x_shape, dim)


def _ranked(xp: Any, x: Any, rank: int, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """The element of this rank along ``dim``, and where it is."""
    values, indices = _ordered(xp, x, dim, False)
    if not x.ndim:
        return values, indices
    at = (slice(None),) * dim + (slice(rank, rank + 1) if keepdim else rank,)
    return values[at].copy(), indices[at].copy()


def _rank_statics(x: Any, k: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
    at = one_dim(x.ndim, dim, "kthvalue")
    refusing("bc", "kthvalue_cpu")(x)
    length = x.shape[at] if x.ndim else 1
    if not length:
        raise IndexError(f"kthvalue(): Expected reduction dim {dim} to have non-zero size.")
    if not 1 <= k <= length:
        raise RuntimeError("kthvalue(): selected number k out of range for dimension " + str(at))
    return int(k), at, flag(keepdim, "kthvalue", "keepdim")


@structured(
    "kthvalue",
    statics=3,
    public=False,
    outputs=("values", "indices"),
    prepare=_rank_statics,
    dx=_one_back,
)
def kth_along(xp: Any, x: Any, k: int, dim: int, keepdim: bool) -> Any:
    """The ``k``-th smallest element along ``dim``, and where it is."""
    return _ranked(xp, x, k - 1, dim, keepdim)


@function()
def kthvalue(input: Tensor, k: int, dim: int = -1, keepdim: bool = False) -> Any:
    """The ``k``-th smallest element along ``dim``, and where it is: ``(values, indices)``.

    Raises RuntimeError where there are fewer than ``k``.

    >>> import gradcu
    >>> values, indices = gradcu.kthvalue(gradcu.tensor([3.0, 1.0, 2.0]), 2)
    >>> values, indices
    (tensor(2.), tensor(2))
    """
    require_tensor("kthvalue", input)
    return return_types.kthvalue(kth_along(input, k, dim, keepdim))


def _median_statics(x: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
    at = one_dim(x.ndim, dim, "median")
    refusing("bc", "median_cpu")(x)
    if x.ndim and not x.shape[at]:
        raise IndexError(f"median(): Expected reduction dim {dim} to have non-zero size.")
    return at, flag(keepdim, "median", "keepdim")


@structured(
    "median",
    statics=2,
    node="MedianBackward1",
    public=False,
    outputs=("values", "indices"),
    prepare=_median_statics,
    dx=_one_back,
)
def median_along(xp: Any, x: Any, dim: int, keepdim: bool) -> Any:
    """The median along ``dim``, and where it is; nan where there is one."""
    values, indices = _ranked(xp, x, (x.shape[dim] - 1) // 2 if x.ndim else 0, dim, keepdim)
    if x.dtype.kind != "f" or not x.ndim:
        return values, indices
    last, place = _ranked(xp, x, -1 % x.shape[dim], dim, keepdim)
    wrong = last != last
    # The first nan, of those at the end.
    place = xp.where(wrong, xp.argmax(x != x, axis=dim).reshape(place.shape), place)
    return xp.where(wrong, last, values), xp.where(wrong, place, indices)


def _shared(g: Any, x: Any, out: Any) -> Any:
    """The cotangent, in equal parts for all elements that equal the result, nan too."""
    same = where(isnan(out), isnan(x), eq(x, out))
    return where(same, g / sum(same), 0)


@structured("median_of_all", node="MedianBackward0", public=False, prepare=refusing("bc", "median_cpu"), dx=_shared)
def median_of_all(xp: Any, x: Any) -> Any:
    """The median of all elements; nan where there is one, and of none."""
    if not x.size:
        return xp.full((), np.nan, x.dtype)[()] if x.dtype.kind == "f" else x.dtype.type(np.iinfo(x.dtype).min)
    flat = xp.sort(x.reshape(-1))
    return flat[-1] if flat[-1] != flat[-1] else flat[(x.size - 1) // 2]


@function()
def median(input: Tensor, dim: int | None = None, keepdim: bool = False) -> Any:
    """The median of all elements; or those along ``dim``, and where they are: ``(values, indices)``.

    Of an even number of elements it is the lower one of the two in the middle. It is nan where an element is. The
    gradient of the median of all is shared among its equals.

    >>> import gradcu
    >>> gradcu.tensor([4.0, 1.0, 3.0, 2.0]).median()
    tensor(2.)
    """
    require_tensor("median", input)
    if dim is None:
        return median_of_all(input)
    return return_types.median(median_along(input, dim, keepdim))


def _running_statics(name: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any) -> tuple[int]:
        refusing("c", f"{name}_cpu")(x)
        return (one_dim(x.ndim, dim, name),)

    return prepare


def _so_far(xp: Any, x: Any, dim: int, extreme: str) -> Any:
    return (
        np.asarray(getattr(np, extreme).accumulate(x, axis=dim))
        if xp is np
        else scanned(xp, x, dim, getattr(xp, extreme))
    )


def _running_extreme(xp: Any, x: Any, dim: int, extreme: str) -> tuple[Any, Any]:
    if not x.ndim or not x.size:
        return x.copy(), xp.zeros(x.shape, np.int64)
    values = _so_far(xp, x, dim, extreme)
    # The last place so far that has the extreme.
    numbers = xp.arange(x.shape[dim]).reshape((-1, *(1,) * (x.ndim - dim - 1)))
    held = (x == values) | (x != x)
    return values, _so_far(xp, xp.where(held, numbers, 0), dim, "maximum").astype(np.int64, copy=False)


@structured("cummax", statics=1, public=False, outputs=("values", "indices"), prepare=_running_statics("cummax"),
            dx=_moved_back)  # fmt: skip
def running_max(xp: Any, x: Any, dim: int) -> Any:
    """The largest elements so far, and where they are."""
    return _running_extreme(xp, x, dim, "maximum")


@structured("cummin", statics=1, public=False, outputs=("values", "indices"), prepare=_running_statics("cummin"),
            dx=_moved_back)  # fmt: skip
def running_min(xp: Any, x: Any, dim: int) -> Any:
    """The smallest elements so far, and where they are."""
    return _running_extreme(xp, x, dim, "minimum")


@function()
def cummax(input: Tensor, dim: int) -> Any:
    """The largest of the elements up to each one along ``dim``, and where it is: ``(values, indices)``.

    Of equals it is the last. Raises IndexError for a dimension out of range.

    >>> import gradcu
    >>> values, indices = gradcu.cummax(gradcu.tensor([1.0, 3.0, 2.0]), 0)
    >>> values, indices
    (tensor([1., 3., 3.]), tensor([0, 1, 1]))
    """
    require_tensor("cummax", input)
    return return_types.cummax(running_max(input, dim))


@function()
def cummin(input: Tensor, dim: int) -> Any:
    """The smallest of the elements up to each one along ``dim``, and where it is: ``(values, indices)``.

    Of equals it is the last. Raises IndexError for a dimension out of range.

    >>> import gradcu
    >>> values, indices = gradcu.cummin(gradcu.tensor([2.0, 3.0, 1.0]), 0)
    >>> values, indices
    (tensor([2., 2., 1.]), tensor([0, 0, 2]))
    """
    require_tensor("cummin", input)
    return return_types.cummin(running_min(input, dim))
