"""Shapes: the same elements under another shape, and broadcasting with its adjoint."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._define import function, structured
from .._op import FUNCTIONS
from .._tensor import Tensor
from ._accumulation import added, total_dtype
from ._arguments import distinct_dims, expanded_shape, require_tensor, resolved_shape, sizes
from .convert import in_rows
from .dims import one_dim


@structured("reshape", statics=1, view=True, node="ViewBackward0", public=False,
            dx=lambda g, x_shape: reshape(g, x_shape))  # fmt: skip
def _reshape(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """``x`` under another shape, for rules."""
    return x.reshape(shape)


def reshape(x: Any, shape: tuple[int, ...]) -> Any:
    """``x``, an array or a Tensor, under another shape of as many elements, for rules."""
    return x.reshape(shape) if type(x) is np.ndarray else _reshape(x, shape)


@structured(
    statics=1,
    view=True,
    varargs="shape",
    prepare=lambda x, shape: (resolved_shape(sizes("view", (shape,), "shape"), x.size),),
    dx=lambda g, x_shape: reshape(g, x_shape),
)
def view(xp: Any, x: Any, shape: Any) -> Any:
    """The same memory under another shape of as many elements; one length may be -1, which stands for what is left.

    Raises RuntimeError where the shape does not fit the number of elements, or where the elements lie in memory in
    such a way that only `reshape`, which then copies, can do it.

    >>> import gradcu
    >>> gradcu.arange(6).view(2, -1)
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    if not _is_viewable(x, shape):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return x.reshape(shape)


def _is_viewable(array: Any, shape: tuple[int, ...]) -> bool:
    """Whether ``array`` takes on ``shape``, of as many elements, without a copy.

    It does where every run of elements that are evenly spaced in memory is cut into whole dimensions.
    """
    if array.flags.c_contiguous or array.size == 0:
        return True
    runs: list[int] = []
    previous = None
    for length, step in zip(array.shape, array.strides, strict=True):
        if length != 1:
            if previous == length * step:
                runs[-1] *= length
            else:
                runs.append(length)
            previous = step
    wanted = [length for length in shape if length != 1]
    for run in runs:
        while run > 1 and run % wanted[0] == 0:
            run //= wanted.pop(0)
        if run > 1:
            return False
    return True


@structured(public=False, statics=1, dx=lambda g, x_shape: reshape(g, x_shape))
def unsafe_view(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """A copy under another shape."""
    return x.copy().reshape(shape)


@function(name="reshape")
def _reshape_or_copy(input: Tensor, *lengths: Any, shape: Any = None) -> Tensor:
    """``input`` under another shape of as many elements; one length may be -1, which stands for what is left.

    The shape is one tuple, or its lengths one by one. The result shares memory with ``input`` where that is possible,
    else it is a copy. Raises RuntimeError where the shape does not fit the number of elements.

    >>> import gradcu
    >>> gradcu.reshape(gradcu.arange(6), (3, -1))
    tensor([[0, 1],
            [2, 3],
            [4, 5]])
    """
    require_tensor("reshape", input)
    array = input._memory()
    wanted = resolved_shape(sizes("reshape", lengths if shape is None else (shape,), "shape"), array.size)
    return view(input, wanted) if _is_viewable(array, wanted) else unsafe_view(input, wanted)


@function()
def view_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` as a `view` with the shape of ``other``.

    >>> import gradcu
    >>> gradcu.arange(4).view_as(gradcu.ones(2, 2)).shape
    gradcu.Size([2, 2])
    """
    require_tensor("view_as", other, "other", 1)
    return view(input, other._array.shape)


@function()
def reshape_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` with the shape of ``other``, as by `reshape`.

    >>> import gradcu
    >>> gradcu.arange(4).reshape_as(gradcu.ones(2, 2)).shape
    gradcu.Size([2, 2])
    """
    require_tensor("reshape_as", other, "other", 1)
    return _reshape_or_copy(input, other._array.shape)


@function()
def flatten(input: Tensor, start_dim: int = 0, end_dim: int = -1) -> Tensor:
    """``input`` with its dimensions from ``start_dim`` to ``end_dim`` made into one; a 0-dim Tensor becomes 1-dim.

    Raises RuntimeError where ``start_dim`` comes after ``end_dim``.

    >>> import gradcu
    >>> gradcu.ones(2, 3, 4).flatten(1).shape
    gradcu.Size([2, 12])
    """
    require_tensor("flatten", input)
    shape = input._array.shape
    first, last = (one_dim(len(shape), dim, "flatten") for dim in (start_dim, end_dim))
    if first > last:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if shape and first == last:
        return input
    return _reshape_or_copy(input, (*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :]))


@function()
def ravel(input: Tensor) -> Tensor:
    """All elements of ``input`` in one dimension, as a view where that is possible.

    >>> import gradcu
    >>> gradcu.eye(2).ravel()
    tensor([1., 0., 0., 1.])
    """
    require_tensor("ravel", input)
    return view(contiguous(input), -1)


@function()
def unflatten(input: Tensor, dim: int, sizes: Any) -> Tensor:
    """``input`` with dimension ``dim`` cut into several of the given ``sizes``, one of which may be -1.

    Raises RuntimeError where the sizes do not multiply up to the dimension's length.

    >>> import gradcu
    >>> gradcu.arange(6).unflatten(0, (2, 3))
    tensor([[0, 1, 2],
            [3, 4, 5]])
    """
    require_tensor("unflatten", input)
    shape = input._array.shape
    at = one_dim(len(shape), dim, "unflatten")
    length = shape[at] if shape else 1
    try:
        parts = resolved_shape(sizes, length)
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {at} ({length}) in the "
            "input tensor"
        ) from None
    return view(input, (*shape[:at], *parts, *shape[at + 1 :]))


@function()
def contiguous(input: Tensor) -> Tensor:
    """``input`` itself where its elements lie in row-major order in memory, else a copy that does.

    >>> import gradcu
    >>> gradcu.ones(2, 3).t().contiguous().is_contiguous()
    True
    """
    require_tensor("contiguous", input)
    array = input._array
    return input if array.ndim == 0 or array.flags.c_contiguous else in_rows(input)


def _squeezed(ndim: int, dim: Any) -> Any:
    if dim is None:
        return None
    return (distinct_dims if isinstance(dim, tuple | list) else one_dim)(ndim, dim, "squeeze")


@structured(
    statics=1,
    view=True,
    node=lambda dim: "SqueezeBackward0" if dim is None else f"SqueezeBackward{1 + isinstance(dim, tuple)}",
    prepare=lambda x, dim: (_squeezed(x.ndim, dim),),
    dx=lambda g, x_shape: reshape(g, x_shape),
)
def squeeze(xp: Any, x: Any, dim: Any = None) -> Any:
    """``input`` without its dimensions of length 1, or only without those of them in ``dim``, an int or a tuple.

    Raises IndexError for a dimension that is not there.

    >>> import gradcu
    >>> gradcu.ones(1, 2, 1).squeeze().shape, gradcu.ones(1, 2, 1).squeeze(0).shape
    (gradcu.Size([2]), gradcu.Size([2, 1]))
    """
    gone = range(x.ndim) if dim is None else dim if isinstance(dim, tuple) else (dim,)
    return x.reshape(tuple(length for i, length in enumerate(x.shape) if length != 1 or i not in gone))


@structured(
    statics=1,
    view=True,
    prepare=lambda x, dim: (one_dim(x.ndim + 1, dim, "unsqueeze"),),
    dx=lambda g, x_shape: reshape(g, x_shape),
)
def unsqueeze(xp: Any, x: Any, dim: int) -> Any:
    """``input`` with a new dimension of length 1 at ``dim``. Raises IndexError where ``dim`` is out of range.

    >>> import gradcu
    >>> gradcu.ones(3).unsqueeze(0).shape, gradcu.ones(3).unsqueeze(-1).shape
    (gradcu.Size([1, 3]), gradcu.Size([3, 1]))
    """
    return xp.expand_dims(x, dim)


@structured(
    "expand",
    statics=1,
    view=True,
    varargs="size",
    prepare=lambda x, size: (expanded_shape(x, sizes("expand", (size,))),),
    dx=lambda g, x_shape: sum_to(g, x_shape),
)
def _expand(xp: Any, x: Any, size: Any) -> Any:
    """``input`` repeated along dimensions of length 1, and along new ones in front, without a copy; -1 keeps a length.

    Raises RuntimeError where a dimension that is not 1 long would change.

    >>> import gradcu
    >>> gradcu.tensor([[1], [2]]).expand(-1, 3)
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    return xp.broadcast_to(x, size)


def expand(x: Any, shape: tuple[int, ...]) -> Any:
    """``x``, an array or a Tensor, broadcast to ``shape``, for rules."""
    kind = type(x)
    if kind is np.ndarray or isinstance(x, np.generic):
        # NumPy's broadcast_to takes ten times as long as this read-only array, whose elements are all the one of x.
        if x.ndim == 0:
            scalar: Any = x
            return np.ndarray(shape, x.dtype, scalar[()], 0, (0,) * len(shape))
        return np.broadcast_to(x, shape)
    return _expand(x, shape)


@function()
def expand_as(input: Tensor, other: Tensor) -> Tensor:
    """``input`` broadcast to the shape of ``other``, as by `expand`.

    >>> import gradcu
    >>> gradcu.tensor(1.0).expand_as(gradcu.zeros(2))
    tensor([1., 1.])
    """
    require_tensor("expand_as", input)
    require_tensor("expand_as", other, "other", 1)
    return expand(input, other._array.shape)


@function()
def broadcast_to(input: Tensor, *lengths: Any, size: Any = None) -> Tensor:
    """``input`` broadcast to a shape, as by `expand`.

    >>> import gradcu
    >>> gradcu.broadcast_to(gradcu.tensor([1, 2]), (2, 2))
    tensor([[1, 2],
            [1, 2]])
    """
    require_tensor("broadcast_to", input)
    return expand(input, sizes("broadcast_to", lengths if size is None else (size,)))


@structured("sum_to", statics=1, node="SumBackward1", public=False, dx=lambda g, x_shape: expand(g, x_shape))
def sum_to(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """The adjoint of broadcasting: sums ``x`` over what was broadcast from ``shape``."""
    lead = x.ndim - len(shape)
    dims = tuple(range(lead)) + tuple(
        i + lead for i, length in enumerate(shape) if length == 1 and x.shape[i + lead] != 1
    )
    total = added(xp, x, dims, total_dtype(x.dtype, None), keepdims=True)
    # A view would have to be copied for whoever gets it as a gradient.
    return total if total.shape == shape else total.reshape(shape)


@function()
def sum_to_size(input: Tensor, *lengths: Any, size: Any = None) -> Tensor:
    """``input`` summed over what would be broadcast from ``size``, so that it has that shape.

    Raises RuntimeError where ``size`` does not broadcast to the shape of ``input``.

    >>> import gradcu
    >>> gradcu.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    require_tensor("sum_to_size", input)
    wanted = sizes("sum_to_size", lengths if size is None else (size,))
    shape = input._array.shape
    lead = len(shape) - len(wanted)
    fits = lead >= 0 and all(n in (1, length) for n, length in zip(wanted, shape[lead:], strict=True))
    if not fits:
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(shape)}}}.")
    if wanted == shape:
        # PyTorch adds up the one element that there is, which makes an integer an int64.
        return input if shape else FUNCTIONS["sum"](input)
    return sum_to(input, wanted)
