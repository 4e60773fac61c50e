"""Elements by number or by mask: gather, index_select, take_along_dim, masked_select, repeat_interleave, and so on."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define import function, structured
from .._device import CPU, is_cupy_array, moved
from .._dtype import scalar_name
from .._tensor import Tensor
from ._arguments import require_tensor, type_name
from ._index_arrays import add_at, adding_kernels, index_kernels, places_along
from .creation import held
from .dims import one_dim
from .index import Index, scattered
from .join import broadcast_shape
from .shape import contiguous, expand, reshape, unsqueeze


def _check_index(name: str, index: Any, dtypes: str = "int32/int64") -> None:
    if index.dtype.name not in ("int32", "int64"):
        raise RuntimeError(f"{name}(): Expected dtype {dtypes} for index")


def _gather_dim(x: Any, index: Any, dim: Any) -> tuple[int]:
    at = one_dim(x.ndim, dim, "gather")
    if not index.size:
        return (at,)
    _check_index("gather", index)
    if max(index.ndim, 1) != max(x.ndim, 1):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for d, (length, found) in enumerate(zip(x.shape, index.shape, strict=False)):
        if d != at and found > length:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be no larger than self "
                f"{list(x.shape)} apart from dimension {at}"
            )
    length = x.shape[at] if x.ndim else 1
    outside = (index < 0) | (index >= length)
    if outside.any():
        raise RuntimeError(f"index {int(index[outside][0])} is out of bounds for dimension {at} with size {length}")
    return (at,)


def _gather_vjp(g: Any, index: Any, x_shape: tuple[int, ...], dim: int) -> Any:
    return gathered_from(g, index, x_shape, dim)


@structured(
    "gather",
    statics=1,
    public=False,
    prepare=_gather_dim,
    dx=_gather_vjp,
)
def gathered(xp: Any, x: Any, index: Any, dim: int) -> Any:
    """The elements of ``x`` at the places that ``index`` names along ``dim``."""
    kernels = index_kernels(xp)
    shape = index.shape
    if not index.size:
        return xp.empty(shape, x.dtype)
    x, index = x.reshape(x.shape or (1,)), index.reshape(shape or (1,))
    if kernels is not None:
        return kernels.gathered_along(x, index, dim).reshape(shape)
    return x[places_along(xp, index, dim)].reshape(shape)


@structured(public=False, statics=2, node="ScatterAddBackward0", dg=lambda g, index, dim: gathered(g, index, dim))
def gathered_from(xp: Any, g: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Zeros of ``shape`` to which ``g`` was added where `gather` took from: the adjoint of gather."""
    kernels = adding_kernels(xp)
    out = xp.zeros(shape or (1,), g.dtype)
    if not index.size:
        return out.reshape(shape)
    g, index = g.reshape(g.shape or (1,)), index.reshape(index.shape or (1,))
    if kernels is not None and g.dtype.kind == "f":
        kernels.add_along(out, index, dim, g)
    else:
        add_at(xp, out, places_along(xp, index, dim), g)
    return out if shape else out.reshape(shape)


@function()
def gather(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """Elements of ``input`` by their numbers along ``dim``: for dim 0, out[i, j] = input[index[i, j], j].

    ``index``, of int64 or int32, has as many dimensions as ``input`` and gives the shape of the result; apart from
    ``dim`` it is nowhere longer than ``input``. Raises RuntimeError where it is, or is out of bounds.

    >>> import gradcu
    >>> x = gradcu.tensor([[1, 2], [3, 4]])
    >>> gradcu.gather(x, 1, gradcu.tensor([[0, 0], [1, 0]]))
    tensor([[1, 1],
            [4, 3]])
    """
    require_tensor("gather", input)
    require_tensor("gather", index, "index", 2)
    return gathered(input, index, dim)


@function()
def take_along_dim(input: Tensor, indices: Tensor, dim: int | None = None) -> Tensor:
    """Elements of ``input`` by their numbers along ``dim``, as `gather`, with all other dimensions broadcast.

    Without ``dim`` both are flattened. A negative number counts from the end. Useful with the indices of argmax and
    argsort. Raises RuntimeError where the number of dimensions differs or an index is out of bounds.

    >>> import gradcu
    >>> x = gradcu.tensor([[10, 30, 20]])
    >>> gradcu.take_along_dim(x, gradcu.tensor([[1]]), 1)
    tensor([[30]])
    """
    require_tensor("take_along_dim", input)
    require_tensor("take_along_dim", indices, "indices", 1)
    _check_index("take_along_dim", indices)
    if dim is None:
        return gathered(reshape(input, (-1,)), reshape(_from_start(indices, input._array.size), (-1,)), 0)
    shape, wanted = input._array.shape, indices._array.shape
    if len(shape) != len(wanted):
        raise RuntimeError(
            "gradcu.take_along_dim(): input and indices should have the same number of dimensions, but got "
            f"{len(shape)} dimensions for input, and {len(wanted)} dimensions for indices"
        )
    at = one_dim(len(shape), dim, "take_along_dim")
    if not shape:
        return gathered(input, indices, at)
    indices = _from_start(indices, shape[at])
    common = broadcast_shape((*shape[:at], 1, *shape[at + 1 :]), (*wanted[:at], 1, *wanted[at + 1 :]))
    return gathered(
        expand(input, (*common[:at], shape[at], *common[at + 1 :])),
        expand(indices, (*common[:at], wanted[at], *common[at + 1 :])),
        at,
    )


def _from_start(indices: Tensor, length: int) -> Tensor:
    """``indices`` with ``length`` added to those that count from the end."""
    array = indices._memory()
    return Tensor._wrap(array + length * ((array < 0) & (array >= -length)))


def _index_select_dim(x: Any, index: Any, dim: Any) -> tuple[int]:
    at = one_dim(x.ndim, dim, "index_select")
    _check_index("index_select", index, "int32 or int64")
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    if not x.ndim and index.size != 1:
        raise IndexError(f"index_select(): Index to scalar can have only 1 value, got {index.size} value(s)")
    if ((index < 0) | (index >= (x.shape[at] if x.ndim else 1))).any():
        raise IndexError("index out of range in self")
    return (at,)


def _index_select_vjp(g: Any, index: Any, x_shape: tuple[int, ...], dim: int) -> Any:
    return index_added(g, index, x_shape, dim)


@structured(
    "index_select",
    statics=1,
    public=False,
    prepare=_index_select_dim,
    dx=_index_select_vjp,
)
def selected(xp: Any, x: Any, index: Any, dim: int) -> Any:
    """The slices of ``x`` along ``dim`` that ``index`` names."""
    return xp.take(x, index.reshape(-1), axis=dim) if x.ndim else x.copy()


@structured(public=False, statics=2, node="IndexAddBackward0", dg=lambda g, index, dim: selected(g, index, dim))
def index_added(xp: Any, g: Any, index: Any, shape: tuple[int, ...], dim: int) -> Any:
    """Zeros of ``shape`` to whose slices along ``dim`` those of ``g`` were added: the adjoint of index_select."""
    if not shape:
        return g.copy()
    out = xp.zeros(shape, g.dtype)
    add_at(xp, out, (slice(None),) * dim + (index.reshape(-1),), g)
    return out


@function()
def index_select(input: Tensor, dim: int, index: Tensor) -> Tensor:
    """The slices of ``input`` along ``dim`` that ``index``, a vector of int64 or int32, names; a copy.

    Raises IndexError where ``index`` has more dimensions or is out of range.

    >>> import gradcu
    >>> gradcu.index_select(gradcu.eye(3), 0, gradcu.tensor([2, 0]))
    tensor([[0., 0., 1.],
            [1., 0., 0.]])
    """
    require_tensor("index_select", input)
    require_tensor("index_select", index, "index", 2)
    return selected(input, index, dim)


@structured(
    "masked_select",
    statics=2,
    public=False,
    dx=lambda g, shape, places: scattered(g, shape, Index((...,), places)),
)
def _masked_select(xp: Any, x: Any, shape: tuple[int, ...], places: tuple[Any, ...]) -> Any:
    """The elements of ``x``, broadcast to ``shape``, at ``places``."""
    return xp.broadcast_to(x, shape)[places]


@function()
def masked_select(input: Tensor, mask: Tensor) -> Tensor:
    """The elements of ``input`` where ``mask``, a bool Tensor that broadcasts with it, is true; 1-dim, a copy.

    Raises RuntimeError where the mask is not of bool or does not broadcast.

    >>> import gradcu
    >>> x = gradcu.tensor([1.0, -2.0, 3.0])
    >>> gradcu.masked_select(x, gradcu.tensor([True, False, True]))
    tensor([1., 3.])
    """
    require_tensor("masked_select", input)
    require_tensor("masked_select", mask, "mask", 1)
    if mask.dtype != bool:
        raise RuntimeError("masked_select: expected BoolTensor for mask")
    shape = broadcast_shape(mask._array.shape, input._array.shape)
    places = expand(mask, shape or (1,))._array.nonzero()
    return _masked_select(input, shape or (1,), places)


def _check_fill(x: Any, mask: Any, value: Any) -> tuple[()]:
    if mask.dtype != bool:
        raise RuntimeError(f"masked_fill_ only supports boolean masks, but got mask with dtype {mask.dtype}")
    if getattr(value, "ndim", 0):
        raise RuntimeError(
            f"masked_fill_ only supports a 0-dimensional value tensor, but got tensor with {value.ndim} dimension(s)."
        )
    broadcast_shape(mask.shape, x.shape)
    if not is_cupy_array(value):
        held(value.item() if hasattr(value, "dtype") else value, x.dtype)
    return ()


def _masked_vjp(g: Any, mask: Any) -> Any:
    return masked(g, mask)


def _unmasked_vjp(g: Any, mask: Any) -> Any:
    return masked_fill(g, mask, 0.0)


@structured(
    node=lambda tensors: f"MaskedFillBackward{int(tensors[2])}",
    prepare=_check_fill,
    dx=_unmasked_vjp,
    dvalue=_masked_vjp,
)
def masked_fill(xp: Any, x: Any, mask: Any, value: Any) -> Any:
    """``input`` with ``value``, a number or a 0-dim Tensor, in place of the elements where ``mask`` is true.

    ``mask`` is a bool Tensor that broadcasts with ``input``; the dtype stays. Raises RuntimeError for other masks and
    for a ``value`` with dimensions.

    >>> import gradcu
    >>> gradcu.masked_fill(gradcu.ones(2), gradcu.tensor([True, False]), 0.0)
    tensor([0., 1.])
    """
    return xp.where(mask, xp.asarray(value).astype(x.dtype), x)


@structured(public=False, node="WhereBackward0", dx=_masked_vjp)
def masked(xp: Any, x: Any, mask: Any) -> Any:
    """``x`` where ``mask`` is true, and 0 elsewhere, also where x is infinite or NaN."""
    return xp.where(mask, x, xp.zeros((), x.dtype))


@function()
def nonzero(input: Tensor, *, as_tuple: bool = False) -> Any:
    """Where ``input`` is not 0: the index of each such element as a row of a matrix, in row-major order.

    With ``as_tuple`` a tuple of one vector a dimension, with which ``input`` can be indexed.

    >>> import gradcu
    >>> x = gradcu.tensor([[0, 5], [6, 0]])
    >>> gradcu.nonzero(x)
    tensor([[0, 1],
            [1, 0]])
    >>> x[gradcu.nonzero(x, as_tuple=True)]
    tensor([5, 6])
    """
    require_tensor("nonzero", input)
    array = input._array
    places = array.reshape(array.shape or (1,)).nonzero()
    if as_tuple:
        return tuple(Tensor._wrap(along) for along in places)
    return Tensor._wrap(input.device.xp.stack(places, axis=1)[:, : array.ndim])


@function()
def argwhere(input: Tensor) -> Tensor:
    """Where ``input`` is not 0, one row an element: `nonzero` under NumPy's name.

    >>> import gradcu
    >>> gradcu.argwhere(gradcu.tensor([0, 5]))
    tensor([[1]])
    """
    require_tensor("argwhere", input)
    return nonzero(input)


@function()
def repeat_interleave(
    input: Tensor, repeats: int | Tensor | None = None, dim: int | None = None, *, output_size: int | None = None
) -> Tensor:
    """Every element of ``input``, or every slice along ``dim``, ``repeats`` times in a row; flattened without ``dim``.

    ``repeats`` is an int, or a Tensor of int64 or int32 with one for each slice. Without it, ``input`` is such a
    Tensor, and the result has the numbers of the slices, each as often. ``output_size`` is the length of the result
    along ``dim``, where it is known.

    Raises RuntimeError where ``repeats`` is negative or has another length, and for another ``output_size``; TypeError
    where ``repeats`` is neither, NotImplementedError where it is of another dtype.

    >>> import gradcu
    >>> gradcu.tensor([1, 2]).repeat_interleave(2)
    tensor([1, 1, 2, 2])
    >>> gradcu.repeat_interleave(gradcu.tensor([1, 2]), gradcu.tensor([3, 1]))
    tensor([1, 1, 1, 2])
    """
    if repeats is None:
        require_tensor("repeat_interleave", input, "repeats")
        if input._array.ndim != 1:
            raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
        return _interleaving(input, input._array.size, output_size)
    require_tensor("repeat_interleave", input)
    x = reshape(contiguous(input), (-1,)) if dim is None else input
    shape = x._array.shape
    at = one_dim(len(shape), 0 if dim is None else dim, "repeat_interleave")
    if not isinstance(repeats, Tensor):
        return _repeated_alike(x, repeats, at, output_size)
    times, length = repeats._memory(), shape[at] if shape else 1
    if times.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    if times.size == 1:
        times_of_each: Tensor = expand(reshape(repeats, (1,)), (length,))
    elif times.size == length:
        times_of_each = repeats
    else:
        raise RuntimeError(
            f"repeats must have the same size as input along dim, but got repeats.size(0) = {times.size} and "
            f"input.size({at}) = {length}"
        )
    return index_select(x, at, _interleaving(times_of_each, length, output_size))


def _interleaving(repeats: Tensor, length: int, output_size: int | None) -> Tensor:
    """The numbers below ``length``, each as often as ``repeats`` says."""
    if repeats.dtype.name not in ("int32", "int64"):
        raise NotImplementedError(f"\"repeat_interleave_cpu\" not implemented for '{scalar_name(repeats.dtype)}'")
    # The host has to know how many there will be.
    times = moved(repeats._memory(), CPU)
    if (times < 0).any():
        raise RuntimeError("repeats can not be negative")
    if output_size not in (None, times.sum()):
        raise RuntimeError("allocated size does not match required size")
    numbers = np.repeat(np.arange(length, dtype=times.dtype), times)
    return Tensor._wrap(moved(numbers, repeats.device))


def _repeated_alike(x: Tensor, repeats: Any, at: int, output_size: int | None) -> Tensor:
    if isinstance(repeats, bool) or not isinstance(repeats, int):
        raise TypeError(f"repeat_interleave(): argument 'repeats' (position 2) must be int, not {type_name(repeats)}")
    if repeats < 0:
        raise RuntimeError("Repeats must be non-negative")
    shape = x._array.shape or (1,)
    if output_size not in (None, shape[at] * repeats):
        raise RuntimeError(
            f"repeat_interleave: Invalid output_size, expected {shape[at] * repeats} but got {output_size}"
        )
    apart = expand(unsqueeze(x, at + 1), (*shape[: at + 1], repeats, *shape[at + 1 :]))
    return reshape(contiguous(apart), (*shape[:at], shape[at] * repeats, *shape[at + 1 :]))
