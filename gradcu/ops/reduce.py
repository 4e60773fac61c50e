"""Sums, means and products, and whether all or any elements are true."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from .._define import structured
from .._dtype import as_dtype, scalar_name
from ._accumulation import FLOAT16, FLOAT32, accumulated, added, total_dtype
from .arrange import flip
from .dims import flag, kept_shape, one_dim, reduced_count, some_dims
from .scan import cumprod, factors_of, shifted
from .shape import reshape


def restored(value: Any, shape: tuple[int, ...], dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    """A reduction's result, or its cotangent, such that it broadcasts against the operand of this shape."""
    return value if keepdim or dim is None else reshape(value, kept_shape(shape, dim))


def _total_statics(function: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, keepdim: Any, dtype: Any) -> tuple[Any, ...]:
        dims = None if dim is None else some_dims(x.ndim, dim, function)
        return dims, flag(keepdim, function, "keepdim"), total_dtype(x.dtype, dtype)

    return prepare


def _mean_statics(x: Any, dim: Any, keepdim: Any, dtype: Any) -> tuple[Any, ...]:
    kind, wanted = ("Input", x.dtype) if dtype is None else ("Optional", as_dtype(dtype))
    if wanted.kind not in "fc":
        raise RuntimeError(
            f"mean(): could not infer output dtype. {kind} dtype must be either a floating point or complex dtype. "
            f"Got: {scalar_name(wanted)}"
        )
    return _total_statics("mean")(x, dim, keepdim, dtype)


def _product_statics(x: Any, dim: Any, keepdim: Any, dtype: Any) -> tuple[Any, ...]:
    one = None if dim is None else one_dim(x.ndim, dim, "prod")
    return one, flag(keepdim, "prod", "keepdim"), total_dtype(x.dtype, dtype)


@structured(
    statics=3,
    node=lambda dim, keepdim: "SumBackward1" if keepdim or dim is not None else "SumBackward0",
    prepare=_total_statics("sum"),
    native=partial(np.add.reduce, axis=None),
    dx=lambda g, x_shape, dim, keepdim: restored(g, x_shape, dim, keepdim),
)
def sum(xp: Any, x: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
    """The sum of all elements of ``input``, or along ``dim``, an integer or a tuple of them.

    With ``keepdim`` the dimensions summed stay, with length 1. Integers and booleans give int64, unless ``dtype`` says
    otherwise; ``input`` is converted to it first. The sum of no elements is 0.

    Raises IndexError for a dimension out of range and RuntimeError for one named twice.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> x.sum(), x.sum(0), x.sum(1, keepdim=True)
    (tensor(10.), tensor([4., 6.]), tensor([[3.],
            [7.]]))
    """
    return added(xp, x, dim, dtype, keepdims=keepdim)


@structured(
    statics=3,
    node=lambda dim, keepdim: "MeanBackward1" if keepdim or dim is not None else "MeanBackward0",
    prepare=_mean_statics,
    dx=lambda g, x_shape, dim, keepdim: restored(g, x_shape, dim, keepdim) / reduced_count(x_shape, dim),
)
def mean(xp: Any, x: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
    """The mean of all elements of ``input``, or along ``dim``, an integer or a tuple of them.

    With ``keepdim`` the dimensions averaged stay, with length 1. ``input`` is converted to ``dtype`` first. The mean of
    no elements is NaN.

    Raises RuntimeError for integers and booleans without a floating-point ``dtype``, and for a dimension named twice;
    IndexError for a dimension out of range.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 2.0], [3.0, 5.0]])
    >>> x.mean(), x.mean(dim=1)
    (tensor(2.7500), tensor([1.5000, 4.0000]))
    """
    result = x.dtype if dtype is None else dtype
    # The sum of many float16 may be too large for float16, though their mean is not.
    wide = FLOAT32 if result == FLOAT16 else dtype
    mean = added(xp, x, dim, wide, keepdims=keepdim, divisor=reduced_count(x.shape, dim))
    return mean.astype(result, copy=False)


def _product_vjp(g: Any, x: Any, x_shape: tuple[int, ...], dim: int | None, keepdim: bool) -> Any:
    """The cotangent times the product of all other elements: of those before and those after.

    No division, so that zeros, any number of them, need no special case at any order.
    """
    if not x_shape:
        return g
    x = factors_of(x, g)
    if dim is None:
        others = _products_of_others(reshape(x, (-1,)), 0)
        return g * reshape(others, x_shape)
    return restored(g, x_shape, (dim,), keepdim) * _products_of_others(x, dim)


def _products_of_others(x: Any, dim: int) -> Any:
    before = shifted(cumprod(x, dim), dim, 1, 1)
    after = shifted(flip(cumprod(flip(x, (dim,)), dim), (dim,)), dim, -1, 1)
    return before * after


@structured(
    statics=3,
    node=lambda dim, keepdim: "ProdBackward1" if keepdim or dim is not None else "ProdBackward0",
    prepare=_product_statics,
    dx=_product_vjp,
)
def prod(xp: Any, x: Any, dim: Any = None, keepdim: Any = False, dtype: Any = None) -> Any:
    """The product of all elements of ``input``, or along the dimension ``dim``.

    With ``keepdim`` that dimension stays, with length 1. Integers and booleans give int64, unless ``dtype`` says
    otherwise; ``input`` is converted to it first. The product of no elements is 1. Gradients of every order are exact
    where elements are 0.

    Raises IndexError for a dimension out of range and TypeError for a tuple of dimensions.

    >>> import gradcu
    >>> x = gradcu.tensor([0.0, 2.0, 3.0], requires_grad=True)
    >>> x.prod().backward()
    >>> x.grad
    tensor([6., 0., 0.])
    """
    dims = None if dim is None else (dim,) if x.ndim else ()
    return accumulated(xp.multiply.reduce, x, dims, dtype, keepdims=keepdim)


def _truth_statics(function: str) -> Callable[..., tuple[Any, ...]]:
    def prepare(x: Any, dim: Any, keepdim: Any) -> tuple[Any, ...]:
        # Unlike a sum, PyTorch's all and any over no dimensions are those of each element alone.
        alone = isinstance(dim, (tuple, list)) and not dim
        return () if alone else some_dims(x.ndim, dim, function), flag(keepdim, function, "keepdim")

    return prepare


@structured(statics=2, prepare=_truth_statics("all"))
def all(xp: Any, x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    """Whether all elements of ``input``, or all along ``dim`` (an integer or a tuple of them), are other than 0.

    A bool Tensor, but of uint8 for uint8, as in PyTorch. NaN is other than 0; all of no elements is True.

    Raises IndexError for a dimension out of range and RuntimeError for one named twice.

    >>> import gradcu
    >>> x = gradcu.tensor([[1.0, 0.0], [2.0, 3.0]])
    >>> x.all(), x.all(dim=1)
    (tensor(False), tensor([False,  True]))
    """
    return _truth(xp.all(x, axis=dim, keepdims=keepdim), x)


@structured(statics=2, prepare=_truth_statics("any"))
def any(xp: Any, x: Any, dim: Any = None, keepdim: Any = False) -> Any:
    """Whether any element of ``input``, or any along ``dim`` (an integer or a tuple of them), is other than 0.

    A bool Tensor, but of uint8 for uint8, as in PyTorch. NaN is other than 0; any of no elements is False.

    Raises IndexError for a dimension out of range and RuntimeError for one named twice.

    >>> import gradcu
    >>> x = gradcu.tensor([[0.0, 0.0], [2.0, 0.0]])
    >>> x.any(), x.any(dim=1)
    (tensor(True), tensor([False,  True]))
    """
    return _truth(xp.any(x, axis=dim, keepdims=keepdim), x)


def _truth(result: Any, x: Any) -> Any:
    return result.astype(x.dtype) if x.dtype == np.uint8 else result
