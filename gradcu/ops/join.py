"""Joining and taking apart: cat, stack, split, chunk, unbind, and broadcasting several Tensors."""

from __future__ import annotations

from typing import Any

from .._calls import require_tensors
from .._define import function, publish, structured
from .._op import FUNCTIONS
from .._tensor import Tensor
from ._arguments import require_tensor, type_name
from .dims import one_dim
from .index import getitem
from .shape import expand, reshape, unsqueeze, view


def _part(x: Any, dim: int, start: int, stop: int) -> Any:
    """The slices of ``x``, an array or a Tensor, from ``start`` to ``stop`` along ``dim``."""
    return getitem(x, (slice(None),) * dim + (slice(start, stop),))


def _parts(x: Any, dim: int, lengths: Any, wanted: tuple[int, ...]) -> list[Any]:
    """The ``wanted`` ones of consecutive parts of ``x``, None for the others."""
    found: list[Any] = []
    start = 0
    for number, length in enumerate(lengths):
        found.append(_part(x, dim, start, start + length) if number in wanted else None)
        start += length
    return found


@structured(public=False, statics=1)
def zeros_beside(xp: Any, x: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of ``shape`` beside ``x``: the gradient of a part that nobody used."""
    return xp.zeros(shape, x.dtype)


def _filled(parts: Any, shapes: list[tuple[int, ...]]) -> list[Any]:
    """The gradients of several outputs, with zeros for those that nobody used."""
    if len(shapes) == 1:
        return [parts]
    known = next(part for part in parts if part is not None)
    return [zeros_beside(known, shape) if part is None else part for part, shape in zip(parts, shapes, strict=True)]


def _is_skipped(shape: tuple[int, ...]) -> bool:
    """Whether cat passes over an array: an empty 1-dim one joins anything, as in PyTorch."""
    return shape == (0,)


def _cat_dim(arrays: Any, dim: Any) -> tuple[int]:
    if not arrays:
        raise ValueError("gradcu.cat(): expected a non-empty list of Tensors")
    for number, array in enumerate(arrays):
        if not array.ndim:
            raise RuntimeError(f"zero-dimensional tensor (at position {number}) cannot be concatenated")
    kept = [(number, array.shape) for number, array in enumerate(arrays) if not _is_skipped(array.shape)]
    if not kept:
        return (one_dim(1, dim, "cat"),)
    first = kept[0][1]
    at = one_dim(len(first), dim, "cat")
    for number, shape in kept:
        if len(shape) != len(first):
            raise RuntimeError(f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}")
        for d, (length, found) in enumerate(zip(first, shape, strict=True)):
            if length != found and d != at:
                raise RuntimeError(
                    f"Sizes of tensors must match except in dimension {at}. Expected size {length} but got size "
                    f"{found} for tensor number {number} in the list."
                )
    return (at,)


@structured(
    statics=1,
    variadic=True,
    promotion="same",
    method=False,
    prepare=_cat_dim,
    joint=lambda g, dim, shapes, wanted: _parts(
        g, dim, [0 if _is_skipped(shape) else shape[dim] for shape in shapes], wanted
    ),
)
def cat(xp: Any, tensors: Any, dim: int = 0) -> Any:
    """The Tensors of a sequence one after the other along ``dim``; their other dimensions must agree.

    Empty 1-dim Tensors are passed over. dtypes are promoted. Raises ValueError for an empty sequence, RuntimeError for
    shapes that do not fit.

    >>> import gradcu
    >>> gradcu.cat([gradcu.ones(2), gradcu.zeros(1)])
    tensor([1., 1., 0.])
    """
    kept = [tensor for tensor in tensors if not _is_skipped(tensor.shape)]
    return xp.concatenate(kept or tensors, axis=dim)


for _name in ("concat", "concatenate"):
    publish(_name, FUNCTIONS["cat"], method=False)


def _stack_dim(arrays: Any, dim: Any) -> tuple[int]:
    if not arrays:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = arrays[0].shape
    at = one_dim(len(first) + 1, dim, "stack")
    for number, array in enumerate(arrays):
        if array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
                f"{list(array.shape)} at entry {number}"
            )
    return (at,)


@structured(
    statics=1,
    variadic=True,
    promotion="same",
    method=False,
    prepare=_stack_dim,
    joint=lambda g, dim, shapes, wanted: [
        reshape(part, shape) if part is not None else None
        for part, shape in zip(_parts(g, dim, [1] * len(shapes), wanted), shapes, strict=True)
    ],
)
def stack(xp: Any, tensors: Any, dim: int = 0) -> Any:
    """The Tensors of a sequence, all of one shape, beside each other along a new dimension ``dim``.

    dtypes are promoted. Raises RuntimeError for an empty sequence and for shapes that differ.

    >>> import gradcu
    >>> gradcu.stack([gradcu.ones(2), gradcu.zeros(2)])
    tensor([[1., 1.],
            [0., 0.]])
    """
    return xp.stack(tensors, axis=dim)


def _with_dims(tensor: Tensor, ndim: int) -> Tensor:
    """``tensor`` with dimensions of length 1 in front, so that it has at least ``ndim``."""
    missing = ndim - tensor._array.ndim
    if missing <= 0:
        return tensor
    return unsqueeze(tensor, 0) if missing == 1 else view(tensor, (1,) * missing + tensor._array.shape)


@function(method=False)
def hstack(tensors: Any) -> Tensor:
    """The Tensors of a sequence side by side: along dimension 1, or 0 where they have no more.

    >>> import gradcu
    >>> gradcu.hstack([gradcu.tensor(1), gradcu.tensor([2, 3])])
    tensor([1, 2, 3])
    """
    require_tensors("hstack", tensors)
    if not tensors:
        raise RuntimeError("hstack expects a non-empty TensorList")
    rows = [_with_dims(tensor, 1) for tensor in tensors]
    return cat(rows, 0 if rows[0]._array.ndim == 1 else 1)


@function(method=False)
def vstack(tensors: Any) -> Tensor:
    """The Tensors of a sequence below each other: along dimension 0, what has less than 2 dimensions as a row.

    >>> import gradcu
    >>> gradcu.vstack([gradcu.tensor([1, 2]), gradcu.tensor([3, 4])])
    tensor([[1, 2],
            [3, 4]])
    """
    require_tensors("vstack", tensors)
    if not tensors:
        raise RuntimeError("vstack expects a non-empty TensorList")
    return cat([_with_dims(tensor, 2) for tensor in tensors], 0)


def _split(x: Any, size: Any, dim: Any) -> tuple[Any, int]:
    if not x.ndim:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    at = one_dim(x.ndim, dim, "split")
    length = x.shape[at]
    if isinstance(size, tuple | list):
        lengths = tuple(size)
        if any(part < 0 for part in lengths):
            raise RuntimeError(
                "split_with_sizes expects split_sizes have only non-negative entries, but got split_sizes="
                f"{list(lengths)}"
            )
        if sum(lengths) != length:
            raise RuntimeError(
                f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at dimension "
                f"{at}), but got split_sizes={list(lengths)}"
            )
        return lengths, at
    if isinstance(size, bool) or not hasattr(size, "__index__"):
        raise TypeError(
            f"split(): argument 'split_size_or_sections' must be int or tuple of ints, not {type_name(size)}"
        )
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and length:
        raise RuntimeError(f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}")
    return int(size), at


def _part_lengths(length: int, size: Any) -> tuple[int, ...]:
    """The lengths of the parts that `split` makes of ``length`` slices."""
    if isinstance(size, tuple):
        return size
    return tuple(min(size, length - start) for start in range(0, length, size)) if length else (0,)


def _joined(g: Any, shape: tuple[int, ...], size: Any, dim: int) -> Any:
    lengths = _part_lengths(shape[dim], size)
    return cat(_filled(g, [(*shape[:dim], length, *shape[dim + 1 :]) for length in lengths]), dim)


@structured(
    statics=2,
    view=True,
    prepare=_split,
    node=lambda split_size_or_sections: (
        "SplitWithSizesBackward0" if isinstance(split_size_or_sections, tuple) else "SplitBackward0"
    ),
    dx=lambda g, x_shape, split_size_or_sections, dim: _joined(g, x_shape, split_size_or_sections, dim),
)
def split(xp: Any, x: Any, split_size_or_sections: Any, dim: int = 0) -> Any:
    """``input`` cut along ``dim`` into views of the given length, the last one maybe shorter, or of several lengths.

    Raises RuntimeError where the lengths do not sum to the dimension's, or are negative.

    >>> import gradcu
    >>> gradcu.arange(5).split(2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    >>> gradcu.arange(5).split([4, 1])
    (tensor([0, 1, 2, 3]), tensor([4]))
    """
    lengths = _part_lengths(x.shape[dim], split_size_or_sections)
    return tuple(_parts(x, dim, lengths, tuple(range(len(lengths)))))


@function()
def chunk(input: Tensor, chunks: int, dim: int = 0) -> tuple[Tensor, ...]:
    """``input`` cut along ``dim`` into at most ``chunks`` views of equal length, the last one maybe shorter.

    Raises RuntimeError where ``chunks`` is not positive.

    >>> import gradcu
    >>> gradcu.arange(5).chunk(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    """
    require_tensor("chunk", input)
    shape = input._array.shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    at = one_dim(len(shape), dim, "chunk")
    if not shape[at]:
        return split(input, (0,) * chunks, at)
    return split(input, -(-shape[at] // chunks), at)


def _unbind_dim(x: Any, dim: Any) -> tuple[int]:
    if not x.ndim:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    return (one_dim(x.ndim, dim, "unbind"),)


@structured(
    statics=1,
    view=True,
    prepare=_unbind_dim,
    dx=lambda g, x_shape, dim: stack(_filled(g, [x_shape[:dim] + x_shape[dim + 1 :]] * x_shape[dim]), dim),
)
def unbind(xp: Any, x: Any, dim: int = 0) -> Any:
    """All slices of ``input`` along ``dim``, as views without that dimension.

    >>> import gradcu
    >>> gradcu.eye(2).unbind()
    (tensor([1., 0.]), tensor([0., 1.]))
    """
    before = (slice(None),) * dim
    return tuple(x[(*before, number, ...)] for number in range(x.shape[dim]))


@function(method=False)
def broadcast_tensors(*tensors: Tensor) -> tuple[Tensor, ...]:
    """The Tensors as views of the one shape to which they broadcast. Raises RuntimeError where there is none.

    >>> import gradcu
    >>> a, b = gradcu.broadcast_tensors(gradcu.ones(3), gradcu.ones(2, 1))
    >>> a.shape, b.shape
    (gradcu.Size([2, 3]), gradcu.Size([2, 3]))
    """
    require_tensors("broadcast_tensors", tensors)
    shape = broadcast_shape(*(tensor._array.shape for tensor in tensors))
    return tuple(tensor if tensor._array.shape == shape else expand(tensor, shape) for tensor in tensors)


def broadcast_shape(*shapes: tuple[int, ...]) -> tuple[int, ...]:
    """The shape to which all of them broadcast. Raises RuntimeError, in PyTorch's words, where there is none."""
    out: tuple[int, ...] = ()
    for shape in shapes:
        ndim = max(len(out), len(shape))
        a, b = ((1,) * (ndim - len(found)) + found for found in (out, shape))
        for dim, (left, right) in enumerate(zip(a, b, strict=True)):
            if left != right and 1 not in (left, right):
                raise RuntimeError(
                    f"The size of tensor a ({left}) must match the size of tensor b ({right}) at non-singleton "
                    f"dimension {dim}"
                )
        out = tuple(right if left == 1 else left for left, right in zip(a, b, strict=True))
    return out


@function(method=False)
def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Tensor, ...]:
    """Coordinates of a grid: for each 1-dim (or 0-dim) Tensor a view of it, repeated along the others' dimensions.

    ``indexing`` is "ij", where Tensor i varies along dimension i, or "xy", where the first two are exchanged. Raises
    RuntimeError for other values, for Tensors of more dimensions and for dtypes that differ.

    >>> import gradcu
    >>> x, y = gradcu.meshgrid(gradcu.arange(2), gradcu.arange(3), indexing="ij")
    >>> y
    tensor([[0, 1, 2],
            [0, 1, 2]])
    """
    given = tensors[0] if len(tensors) == 1 and isinstance(tensors[0], tuple | list) else tensors
    require_tensors("meshgrid", given)
    if not given:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    if indexing not in ("ij", "xy"):
        raise RuntimeError(f'gradcu.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}')
    for tensor in given:
        if tensor._array.ndim > 1:
            raise RuntimeError(
                f"gradcu.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {list(tensor._array.shape)}"
            )
        if tensor.dtype != given[0].dtype:
            raise RuntimeError("meshgrid expects all tensors to have the same dtype")
    places = list(range(len(given)))
    if indexing == "xy" and len(given) > 1:
        places[0], places[1] = 1, 0
    shape = [1] * len(given)
    for tensor, place in zip(given, places, strict=True):
        shape[place] = tensor._array.size
    return tuple(
        expand(view(tensor, tuple(-1 if i == place else 1 for i in range(len(given)))), tuple(shape))
        for tensor, place in zip(given, places, strict=True)
    )
