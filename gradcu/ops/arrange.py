"""The elements in another order: transposed, permuted, flipped, rolled, repeated."""

from __future__ import annotations

import operator
from typing import Any

from .._define import function, publish, structured
from .._op import FUNCTIONS
from .._tensor import Tensor
from ._arguments import distinct_dims, require_tensor, sizes
from .convert import laid_out_as
from .dims import one_dim
from .shape import reshape, sum_to


def _transpose_vjp(g: Any, dim0: int, dim1: int) -> Any:
    return transpose(g, dim0, dim1)


@structured(
    statics=2,
    view=True,
    prepare=lambda x, dim0, dim1: (one_dim(x.ndim, dim0, "transpose"), one_dim(x.ndim, dim1, "transpose")),
    dx=_transpose_vjp,
)
def transpose(xp: Any, x: Any, dim0: int, dim1: int) -> Any:
    """``input`` as a view with dimensions ``dim0`` and ``dim1`` exchanged. Raises IndexError where one is not there.

    >>> import gradcu
    >>> gradcu.ones(2, 3, 4).transpose(0, 2).shape
    gradcu.Size([4, 3, 2])
    """
    return x.swapaxes(dim0, dim1) if x.ndim else x.reshape(())


for _name in ("swapaxes", "swapdims"):
    publish(_name, FUNCTIONS["transpose"])


def _t_vjp(g: Any) -> Any:
    return t(g)


@structured(view=True, dx=_t_vjp)
def t(xp: Any, x: Any) -> Any:
    """A matrix transposed, as a view; with fewer dimensions, the same. Raises RuntimeError for more than 2 dimensions.

    >>> import gradcu
    >>> gradcu.tensor([[1, 2]]).t()
    tensor([[1],
            [2]])
    """
    if x.ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {x.ndim}D")
    return x.transpose()


def _permutation(x: Any, dims: Any) -> tuple[int, ...]:
    given = sizes("permute", (dims,), "dims")
    if len(given) != x.ndim:
        raise RuntimeError(
            "permute(): number of dimensions in the tensor input does not match the length of the desired ordering of "
            f"dimensions i.e. input.dim() = {x.ndim} is not equal to len(dims) = {len(given)}"
        )
    found = tuple(one_dim(x.ndim, dim, "permute") for dim in given)
    if len(set(found)) < len(found):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return found


def _permute_vjp(g: Any, dims: tuple[int, ...]) -> Any:
    return permute(g, tuple(map(dims.index, range(len(dims)))))


@structured(
    statics=1,
    view=True,
    varargs="dims",
    prepare=lambda x, dims: (_permutation(x, dims),),
    dx=_permute_vjp,
)
def permute(xp: Any, x: Any, dims: Any) -> Any:
    """``input`` as a view with its dimensions in the order ``dims``.

    Raises RuntimeError where ``dims`` does not name each dimension once, IndexError where one is not there.

    >>> import gradcu
    >>> gradcu.ones(2, 3, 4).permute(2, 0, 1).shape
    gradcu.Size([4, 2, 3])
    """
    return x.transpose(dims)


@function(aliases=("moveaxis",))
def movedim(input: Tensor, source: Any, destination: Any) -> Tensor:
    """``input`` as a view with dimension ``source`` moved to place ``destination``, or several to several places.

    Raises RuntimeError where a dimension is repeated or the two differ in length.

    >>> import gradcu
    >>> gradcu.ones(2, 3, 4).movedim(0, -1).shape
    gradcu.Size([3, 4, 2])
    """
    require_tensor("movedim", input)
    ndim = input._array.ndim
    given = [list(dims) if isinstance(dims, tuple | list) else [dims] for dims in (source, destination)]
    if len(given[0]) != len(given[1]):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({given[0]} dims) should contain the same number of "
            f"dims as destination ({given[1]} dims)"
        )
    places = [[one_dim(ndim, dim, "movedim") for dim in dims] for dims in given]
    for name, dims, found in zip(("source", "destination"), given, places, strict=True):
        if len(set(found)) < len(found):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({dims})")
    moved = dict(zip(places[1], places[0], strict=True))
    rest = iter(dim for dim in range(ndim) if dim not in places[0])
    return permute(input, tuple(moved[place] if place in moved else next(rest) for place in range(ndim)))


def _flip_vjp(g: Any, dims: tuple[int, ...]) -> Any:
    return flip(g, dims)


@structured(
    statics=1,
    varargs="dims",
    keeps_layout=True,
    prepare=lambda x, dims: (distinct_dims(x.ndim, dims, "flip"),),
    dx=_flip_vjp,
)
def flip(xp: Any, x: Any, dims: Any) -> Any:
    """A copy of ``input`` with the order of the elements reversed along ``dims``.

    Raises IndexError for a dimension that is not there, RuntimeError for one that is named twice.

    >>> import gradcu
    >>> gradcu.tensor([[1, 2], [3, 4]]).flip(0)
    tensor([[3, 4],
            [1, 2]])
    """
    if not x.ndim:
        return x.copy()
    out = laid_out_as(x, lambda shape: xp.empty(shape, x.dtype))
    out[...] = xp.flip(x, dims)
    return out


def _shifts(x: Any, shifts: Any, dims: Any) -> tuple[Any, Any]:
    by = tuple(shifts) if isinstance(shifts, tuple | list) else (shifts,)
    along = () if dims is None else tuple(dims) if isinstance(dims, tuple | list) else (dims,)
    by = tuple(map(operator.index, by))
    if not by:
        raise RuntimeError("`shifts` required")
    if len(by) != len(along) and (along or len(by) != 1):
        raise RuntimeError(f"shifts and dimensions must align. shifts: {len(by)}, dims:{len(along)}")
    if along and not x.ndim:
        raise IndexError(f"Dimension specified as {along[0]} but tensor has no dimensions")
    return by, tuple(one_dim(x.ndim, dim, "roll") for dim in along) or None


def _roll_vjp(g: Any, shifts: tuple[int, ...], dims: Any) -> Any:
    return roll(g, tuple(-shift for shift in shifts), dims)


@structured(
    statics=2,
    prepare=_shifts,
    dx=_roll_vjp,
)
def roll(xp: Any, x: Any, shifts: Any, dims: Any = None) -> Any:
    """A copy of ``input`` with the elements moved by ``shifts`` places along ``dims``, around the end.

    Without ``dims`` the elements are moved in row-major order. Raises RuntimeError where there are not as many shifts
    as dimensions.

    >>> import gradcu
    >>> gradcu.arange(5).roll(2)
    tensor([3, 4, 0, 1, 2])
    """
    return xp.roll(x, shifts[0] if dims is None else shifts, dims)


def _repeats(x: Any, repeats: Any) -> tuple[int, ...]:
    found = sizes("repeat", (repeats,), "repeats")
    lead = len(found) - x.ndim
    if lead < 0:
        raise RuntimeError("Number of dimensions of repeat dims can not be smaller than number of dimensions of tensor")
    shape = [n * length for n, length in zip(found, (1,) * lead + x.shape, strict=True)]
    for times, length in zip(found, shape, strict=True):
        if times < 0:
            raise RuntimeError(f"Trying to create tensor with negative dimension {length}: {shape}")
    return found


def _sum_of_repeats(g: Any, shape: tuple[int, ...], repeats: tuple[int, ...]) -> Any:
    """The sum of the copies of an array of ``shape`` that stand in ``g``."""
    lengths = (1,) * (len(repeats) - len(shape)) + shape
    apart = tuple(n for pair in zip(repeats, lengths, strict=True) for n in pair)
    together = tuple(n for length in lengths for n in (1, length))
    return reshape(sum_to(reshape(g, apart), together), shape)


@structured(
    statics=1,
    varargs="repeats",
    prepare=lambda x, repeats: (_repeats(x, repeats),),
    dx=lambda g, x_shape, repeats: _sum_of_repeats(g, x_shape, repeats),
)
def repeat(xp: Any, x: Any, repeats: Any) -> Any:
    """``input`` copied side by side, ``repeats[i]`` times along dimension i; missing dimensions are added in front.

    Raises RuntimeError where there are fewer repeats than dimensions, or where one is negative.

    >>> import gradcu
    >>> gradcu.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    return xp.tile(x, repeats)


@function()
def tile(input: Tensor, *times: Any, dims: Any = None) -> Tensor:
    """``input`` copied side by side, as by `repeat`; where ``dims`` has too few numbers, 1 is put in front.

    >>> import gradcu
    >>> gradcu.ones(2, 3).tile(2).shape
    gradcu.Size([2, 6])
    """
    require_tensor("tile", input)
    found = sizes("tile", times if dims is None else (dims,), "dims")
    return repeat(input, (1,) * (input._array.ndim - len(found)) + found)
