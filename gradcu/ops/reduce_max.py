"""The largest and smallest elements, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import return_types
from .._calls import argument_error
from .._define import function, structured
from .._tensor import Tensor
from ._accumulation import reduced_shape, row_kernels
from ._refusals import refusing
from .compare import where
from .dims import all_dims, flag, one_dim, some_dims
from .extrema import maximum, minimum
from .reduce import restored, sum


def _refuse_empty(x: Any, dims: tuple[int, ...] | None, name: str, error: type[Exception], hint: str) -> None:
    """Raises PyTorch's errors for a choice among no elements."""
    if x.size:
        return
    if dims is None:
        raise error(f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{hint}")
    for dim in dims:
        if x.ndim and not x.shape[dim]:
            raise IndexError(f"{name}(): Expected reduction dim {dim} to have non-zero size.")


def _refuse_complex(x: Any, name: str) -> None:
    if x.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")


_HINT = " Specify the reduction dim with the 'dim' argument."


def _extreme_statics(name: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
        named = not (isinstance(dim, (tuple, list)) and not dim)
        dims = some_dims(x.ndim, dim, name) if named else None
        refusing("c", "max_values_cpu" if name == "amax" else "min_values_cpu")(x)
        _refuse_empty(x, dims, name, RuntimeError, _HINT)
        return dims, flag(keepdim, name, "keepdim")

    return prepare


def _along_statics(name: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
        _refuse_complex(x, name)
        one = one_dim(x.ndim, dim, name)
        _refuse_empty(x, (one,), name, RuntimeError, _HINT)
        return one, flag(keepdim, name, "keepdim")

    return prepare


def _all_statics(name: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any) -> tuple[Any, ...]:
        refusing("c", f"{name}_all")(x)
        _refuse_empty(x, None, name, RuntimeError, _HINT)
        return ()

    return prepare


@structured(statics=1, public=False)
def ties(xp: Any, x: Any, extreme: Any, nan: bool) -> Any:
    """1 where ``x`` equals ``extreme``, else 0, in the dtype of ``x``. With ``nan``, NaN equals NaN."""
    found = x == extreme
    if nan:
        found = found | ((x != x) & (extreme != extreme))
    return found.astype(x.dtype)


@structured(statics=2, public=False)
def chosen(xp: Any, indices: Any, dim: int, length: int) -> Any:
    """Where the number of a place along ``dim``, of ``length`` places, is the one in ``indices``; a bool array."""
    shape = [1] * indices.ndim
    shape[dim] = length
    return xp.arange(length).reshape(shape) == indices


def _shared_vjp(g: Any, x: Any, out: Any, x_shape: tuple[int, ...], dim: Any, keepdim: bool) -> Any:
    """Each of several equal extremes gets an equal share of the cotangent."""
    g, out = restored(g, x_shape, dim, keepdim), restored(out, x_shape, dim, keepdim)
    kernels = row_kernels(g)
    if kernels is not None:
        return kernels.shared_vjp(g, x, out, all_dims(x_shape) if dim is None else dim, nans=False)
    where_equal = ties(x, out, False)
    return g * where_equal / sum(where_equal, dim, keepdim or dim is not None)


def _shared_by_all_vjp(g: Any, x: Any, out: Any, x_shape: tuple[int, ...]) -> Any:
    kernels = row_kernels(g)
    if kernels is not None:
        return kernels.shared_vjp(g, x, out, all_dims(x_shape), nans=True)
    where_equal = ties(x, out, True)
    return g * where_equal / sum(where_equal)


def _first_vjp(g: Any, indices: Any, x_shape: tuple[int, ...], dim: int, keepdim: bool) -> Any:
    """The element that was chosen gets the whole cotangent."""
    if not x_shape:
        return g[0]
    index, cotangent = restored(indices, x_shape, (dim,), keepdim), restored(g[0], x_shape, (dim,), keepdim)
    kernels = row_kernels(cotangent)
    if kernels is not None:
        return kernels.extreme_vjp(cotangent, index, x_shape, (dim,))
    return where(chosen(index, dim, x_shape[dim]), cotangent, 0.0)


@structured(statics=2, prepare=_extreme_statics("amax"), dx=_shared_vjp)
def amax(xp: Any, x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    """The largest of all elements of ``input``, or along ``dim``, an integer or a tuple of them.

    With ``keepdim`` the dimensions reduced stay, with length 1. NaN counts as larger than any number. Equal largest
    elements share the gradient evenly.

    Raises IndexError for a dimension out of range or of length 0, RuntimeError for one named twice, and for no elements
    without ``dim``.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 4.0], [4.0, 2.0]], requires_grad=True)
    >>> x.amax(dim=(0, 1)).backward()
    >>> x.grad
    tensor([[0.0000, 0.5000],
            [0.5000, 0.0000]])
    """
    return x.max(axis=dim, keepdims=keepdim)


@structured(statics=2, prepare=_extreme_statics("amin"), dx=_shared_vjp)
def amin(xp: Any, x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    """The smallest of all elements of ``input``, or along ``dim``, an integer or a tuple of them.

    With ``keepdim`` the dimensions reduced stay, with length 1. NaN counts as smaller than any number. Equal smallest
    elements share the gradient evenly.

    Raises IndexError for a dimension out of range or of length 0, RuntimeError for one named twice, and for no elements
    without ``dim``.

    >>> import gradcu
    >>> gradcu.tensor([[1.0, 4.0], [3.0, 2.0]]).amin(dim=1)
    tensor([1., 2.])
    """
    return x.min(axis=dim, keepdims=keepdim)


@structured(public=False, node="MaxBackward1", prepare=_all_statics("max"), dx=_shared_by_all_vjp)
def max_of_all(xp: Any, x: Any) -> Any:
    """The largest element."""
    return x.max()


@structured(public=False, node="MinBackward1", prepare=_all_statics("min"), dx=_shared_by_all_vjp)
def min_of_all(xp: Any, x: Any) -> Any:
    """The smallest element."""
    return x.min()


@structured("max", statics=2, public=False, outputs=("values", "indices"), prepare=_along_statics("max"), dx=_first_vjp)
def max_along(xp: Any, x: Any, dim: Any, keepdim: Any = False) -> Any:
    """The largest elements along ``dim``, and where they are."""
    return _extreme_along(x, dim, keepdim, "max", 1)


@structured("min", statics=2, public=False, outputs=("values", "indices"), prepare=_along_statics("min"), dx=_first_vjp)
def min_along(xp: Any, x: Any, dim: Any, keepdim: Any = False) -> Any:
    """The smallest elements along ``dim``, and where they are."""
    return _extreme_along(x, dim, keepdim, "min", -1)


def _extreme_along(x: Any, dim: int, keepdim: bool, name: str, sign: int) -> tuple[Any, Any]:
    along = (dim,) if x.ndim else ()
    kernels = row_kernels(x)
    if kernels is not None:
        return kernels.extreme(x, along, reduced_shape(x.shape, along, keepdim), sign)
    axis = dim if x.ndim else None
    return getattr(x, name)(axis=axis, keepdims=keepdim), _int64(getattr(x, f"arg{name}")(axis=axis, keepdims=keepdim))


def _int64(indices: Any) -> Any:
    return indices.astype(np.int64, copy=False)


@function()
def max(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Any:
    """The largest element of ``input``; those along ``dim`` with where they are; or those of ``input`` and ``other``.

    - ``max(input)``: a 0-d Tensor; equal largest elements share the gradient evenly.
    - ``max(input, dim, keepdim=False)``: a pair ``(values, indices)``, also under these names. The indices, int64, are
      of the first of equals, and it gets the whole gradient.
    - ``max(input, other)``: `maximum`, elementwise.

    NaN counts as larger than any number. Raises IndexError for a dimension out of range or of length 0, RuntimeError
    for no elements without ``dim``.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 4.0], [3.0, 2.0]])
    >>> x.max()
    tensor(4.)
    >>> x.max(dim=0)
    gradcu.return_types.max(
    values=tensor([3., 4.]),
    indices=tensor([1, 0]))
    """
    ways = (max_of_all, max_along, maximum, return_types.max)
    return _choose("max", ways, input, dim if axis is None else axis, keepdim or keepdims, other)


@function()
def min(
    input: Tensor,
    dim: Any = None,
    keepdim: bool = False,
    *,
    other: Any = None,
    axis: Any = None,
    keepdims: bool = False,
) -> Any:
    """The smallest element of ``input``; those along ``dim`` with where they are; or those of ``input`` and ``other``.

    - ``min(input)``: a 0-d Tensor; equal smallest elements share the gradient evenly.
    - ``min(input, dim, keepdim=False)``: a pair ``(values, indices)``, also under these names. The indices, int64, are
      of the first of equals, and it gets the whole gradient.
    - ``min(input, other)``: `minimum`, elementwise.

    NaN counts as smaller than any number. Raises IndexError for a dimension out of range or of length 0, RuntimeError
    for no elements without ``dim``.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 4.0], [3.0, 2.0]])
    >>> values, indices = x.min(dim=1)
    >>> values, indices
    (tensor([1., 2.]), tensor([0, 1]))
    """
    ways = (min_of_all, min_along, minimum, return_types.min)
    return _choose("min", ways, input, dim if axis is None else axis, keepdim or keepdims, other)


def _choose(name: str, ways: tuple[Any, ...], input: Any, dim: Any, keepdim: Any, other: Any) -> Any:
    of_all, along, of_two, pair = ways
    if not isinstance(input, Tensor):
        raise argument_error(name, "input", 0, input)
    if isinstance(dim, Tensor):
        dim, other = None, dim
    if other is not None:
        return of_two(input, other)
    return of_all(input) if dim is None else pair(along(input, dim, keepdim))


def _index_statics(name: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
        if x.dtype == np.bool_:
            raise RuntimeError(f"{name}(): does not support bool input")
        _refuse_complex(x, name)
        one = None if dim is None else one_dim(x.ndim, dim, name)
        _refuse_empty(x, None if one is None else (one,), name, IndexError, "")
        return one, flag(keepdim, name, "keepdim")

    return prepare


@structured(statics=2, prepare=_index_statics("argmax"))
def argmax(xp: Any, x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    """Where the largest element along ``dim`` is, the first of equals; without ``dim``, in the flattened ``input``.

    An int64 Tensor. NaN counts as larger than any number. Raises IndexError for a dimension out of range or without
    elements, RuntimeError for booleans.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 4.0], [3.0, 2.0]])
    >>> x.argmax(), x.argmax(dim=1)
    (tensor(1), tensor([1, 0]))
    """
    return _int64(x.argmax(axis=dim if x.ndim else None, keepdims=keepdim))


@structured(statics=2, prepare=_index_statics("argmin"))
def argmin(xp: Any, x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    """Where the smallest element along ``dim`` is, the first of equals; without ``dim``, in the flattened ``input``.

    An int64 Tensor. NaN counts as smaller than any number. Raises IndexError for a dimension out of range or without
    elements, RuntimeError for booleans.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 4.0], [3.0, 2.0]])
    >>> x.argmin(), x.argmin(dim=1)
    (tensor(0), tensor([0, 1]))
    """
    return _int64(x.argmin(axis=dim if x.ndim else None, keepdims=keepdim))
