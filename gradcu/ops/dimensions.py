"""More dimensions where there are too few, parts along one of them, and turns and mirror images."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from .._calls import require_tensors
from .._define import function, structured
from .._tensor import Tensor
from ._arguments import require_tensor
from .arrange import flip
from .dims import one_dim
from .index import getitem
from .join import cat
from .shape import reshape, unsqueeze


def _each(name: str, tensors: Any, with_dims: Callable[[Tensor], Tensor]) -> Any:
    """A Tensor with more dimensions, or a tuple of them."""
    if len(tensors) == 1 and isinstance(tensors[0], Tensor):
        return with_dims(tensors[0])
    given = tensors[0] if len(tensors) == 1 else tensors
    require_tensors(name, given)
    return tuple(map(with_dims, given))


def _with_one_dim(tensor: Tensor) -> Tensor:
    return tensor if tensor.ndim else reshape(tensor, (1,))


def _with_two_dims(tensor: Tensor) -> Tensor:
    if not tensor.ndim:
        return reshape(tensor, (1, 1))
    return unsqueeze(tensor, 0) if tensor.ndim == 1 else tensor


def _with_three_dims(tensor: Tensor) -> Tensor:
    if not tensor.ndim:
        return reshape(tensor, (1, 1, 1))
    if tensor.ndim > 2:
        return tensor
    return unsqueeze(_with_two_dims(tensor), -1)


@function(method=False)
def atleast_1d(*tensors: Any) -> Any:
    """A Tensor as a view with at least one dimension; of several, or of a sequence of them, a tuple.

    >>> import gradcu
    >>> gradcu.atleast_1d(gradcu.tensor(2.0))
    tensor([2.])
    """
    return _each("atleast_1d", tensors, _with_one_dim)


@function(method=False)
def atleast_2d(*tensors: Any) -> Any:
    """A Tensor as a view with at least two dimensions, a vector as a row; of several a tuple.

    >>> import gradcu
    >>> gradcu.atleast_2d(gradcu.ones(3)).shape
    gradcu.Size([1, 3])
    """
    return _each("atleast_2d", tensors, _with_two_dims)


@function(method=False)
def atleast_3d(*tensors: Any) -> Any:
    """A Tensor as a view with at least three dimensions, a vector along the middle one; of several a tuple.

    >>> import gradcu
    >>> gradcu.atleast_3d(gradcu.ones(3)).shape
    gradcu.Size([1, 3, 1])
    """
    return _each("atleast_3d", tensors, _with_three_dims)


@function(method=False)
def column_stack(tensors: Any) -> Tensor:
    """The Tensors of a sequence side by side, along dimension 1; what has no more than one dimension is a column.

    >>> import gradcu
    >>> gradcu.column_stack([gradcu.tensor([1, 2]), gradcu.tensor([3, 4])])
    tensor([[1, 3],
            [2, 4]])
    """
    require_tensors("column_stack", tensors)
    if not tensors:
        raise RuntimeError("column_stack expects a non-empty TensorList")
    return cat([reshape(t, (t._array.size, 1)) if t.ndim < 2 else t for t in tensors], 1)


@function(method=False)
def dstack(tensors: Any) -> Tensor:
    """The Tensors of a sequence behind each other, along dimension 2, after `atleast_3d`.

    >>> import gradcu
    >>> gradcu.dstack([gradcu.tensor([1, 2]), gradcu.tensor([3, 4])])
    tensor([[[1, 3],
             [2, 4]]])
    """
    require_tensors("dstack", tensors)
    if not tensors:
        raise RuntimeError("dstack expects a non-empty TensorList")
    return cat([_with_three_dims(tensor) for tensor in tensors], 2)


@function()
def fliplr(input: Tensor) -> Tensor:
    """A copy of ``input`` with the order of the columns, along dimension 1, reversed.

    Raises RuntimeError for fewer than 2 dimensions.

    >>> import gradcu
    >>> gradcu.fliplr(gradcu.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    require_tensor("fliplr", input)
    if input.ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip(input, (1,))


@function()
def flipud(input: Tensor) -> Tensor:
    """A copy of ``input`` with the order of the rows, along dimension 0, reversed.

    Raises RuntimeError for no dimension.

    >>> import gradcu
    >>> gradcu.flipud(gradcu.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    require_tensor("flipud", input)
    if not input.ndim:
        raise RuntimeError("Input must be >= 1-d.")
    return flip(input, (0,))


def _turn(x: Any, k: Any, dims: Any) -> tuple[int, tuple[int, int]]:
    dims = tuple(dims)
    if len(dims) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(dims)}")
    if x.ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {x.ndim}")
    first, second = (one_dim(x.ndim, dim, "rot90") for dim in dims)
    if first == second:
        raise RuntimeError(f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}")
    return k, (first, second)


def _turn_back(g: Any, k: int, dims: tuple[int, int]) -> Any:
    return rot90(g, -k, dims)


@structured(
    "rot90",
    statics=2,
    prepare=_turn,
    dx=_turn_back,
)
def rot90(xp: Any, x: Any, k: int = 1, dims: Any = (0, 1)) -> Any:
    """A copy of ``input`` turned ``k`` times by 90 degrees, from the first of two ``dims`` towards the second.

    Raises RuntimeError where ``dims`` are not two different ones that are there.

    >>> import gradcu
    >>> gradcu.rot90(gradcu.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    return xp.rot90(x, k, dims).copy()


@function()
def tensor_split(input: Tensor, indices_or_sections: Any, dim: int = 0) -> tuple[Tensor, ...]:
    """``input`` cut along ``dim`` into so many views of almost equal lengths, or before each of the given indices.

    Raises RuntimeError for a Tensor without dimensions and for a number of sections that is not positive, IndexError
    for a dimension that is not there.

    >>> import gradcu
    >>> gradcu.arange(5).tensor_split(2)
    (tensor([0, 1, 2]), tensor([3, 4]))
    >>> gradcu.arange(5).tensor_split([1, 3])
    (tensor([0]), tensor([1, 2]), tensor([3, 4]))
    """
    require_tensor("tensor_split", input)
    if not input.ndim:
        raise RuntimeError("tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims")
    at = one_dim(input.ndim, dim, "tensor_split")
    length = input._array.shape[at]
    given = _plain(indices_or_sections)
    if isinstance(given, int):
        if given <= 0:
            raise RuntimeError(f"number of sections must be larger than 0, got {given}")
        short, longer = divmod(length, given)
        ends = [short * part + min(part, longer) for part in range(1, given)]
    else:
        ends = list(given)
    edges = [None, *ends, None]
    before = (slice(None),) * at
    return tuple(getitem(input, (*before, _between(start, stop, length))) for start, stop in pairwise(edges))


def _between(start: int | None, stop: int | None, length: int) -> slice:
    """The slice between two places; empty where they are in the wrong order."""
    first, last, _ = slice(start, stop).indices(length)
    return slice(first, max(first, last))


def _plain(sections: Any) -> Any:
    """A number, or a sequence of them, that may be given as a Tensor."""
    if isinstance(sections, Tensor):
        if sections.dtype.name != "int64" or sections.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or one-dimensional tensor "
                f"of dtype long, but got a tensor with {sections.ndim} dims"
            )
        return sections.tolist()
    return sections


def _refuse_uneven(name: str, length: int, dim: int, sections: Any) -> None:
    if isinstance(sections, int) and (sections <= 0 or length % sections):
        raise RuntimeError(
            f"gradcu.{name} attempted to split along dimension {dim}, but the size of the dimension {length} is not "
            f"divisible by the split_size {sections}!"
        )


@function()
def hsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """``input`` cut along dimension 1, or 0 where it has no other: see `tensor_split`.

    Raises RuntimeError for no dimension, and where it has no so many equal parts.

    >>> import gradcu
    >>> gradcu.arange(4).hsplit(2)
    (tensor([0, 1]), tensor([2, 3]))
    """
    require_tensor("hsplit", input)
    if not input.ndim:
        raise RuntimeError(
            "gradcu.hsplit requires a tensor with at least 1 dimension, but got a tensor with 0 dimensions!"
        )
    at = 0 if input.ndim == 1 else 1
    _refuse_uneven("hsplit", input._array.shape[at], at, indices_or_sections)
    return tensor_split(input, indices_or_sections, at)


@function()
def vsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """``input`` cut along dimension 0: see `tensor_split`.

    Raises RuntimeError for fewer than 2 dimensions, and where it has no so many equal parts.

    >>> import gradcu
    >>> [part.shape for part in gradcu.ones(4, 2).vsplit(2)]
    [gradcu.Size([2, 2]), gradcu.Size([2, 2])]
    """
    require_tensor("vsplit", input)
    if input.ndim < 2:
        raise RuntimeError(
            f"gradcu.vsplit requires a tensor with at least 2 dimension, but got a tensor with {input.ndim} dimensions!"
        )
    _refuse_uneven("vsplit", input._array.shape[0], 0, indices_or_sections)
    return tensor_split(input, indices_or_sections, 0)


@function()
def dsplit(input: Tensor, indices_or_sections: Any) -> tuple[Tensor, ...]:
    """``input`` cut along dimension 2: see `tensor_split`.

    Raises RuntimeError for fewer than 3 dimensions, and where it has no so many equal parts.

    >>> import gradcu
    >>> [part.shape for part in gradcu.ones(1, 1, 4).dsplit([1])]
    [gradcu.Size([1, 1, 1]), gradcu.Size([1, 1, 3])]
    """
    require_tensor("dsplit", input)
    if input.ndim < 3:
        raise RuntimeError(
            f"gradcu.dsplit requires a tensor with at least 3 dimension, but got a tensor with {input.ndim} dimensions!"
        )
    _refuse_uneven("dsplit", input._array.shape[2], 2, indices_or_sections)
    return tensor_split(input, indices_or_sections, 2)
