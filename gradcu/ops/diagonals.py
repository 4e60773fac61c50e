"""Diagonals and triangles of matrices: diagonal, diag, diag_embed, tril, triu."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._define import function, structured
from .._tensor import Tensor
from ._arguments import require_tensor
from .dims import one_dim


def _pair_of_dims(ndim: int, dim1: Any, dim2: Any, name: str) -> tuple[int, int]:
    first, second = one_dim(ndim, dim1, name), one_dim(ndim, dim2, name)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second


def _diagonal_of(xp: Any, x: Any, offset: int, dim1: int, dim2: int) -> Any:
    out = xp.diagonal(x, offset, dim1, dim2)
    if isinstance(out, np.ndarray):
        # NumPy gives a read-only view, lest code that expects a copy changes the matrix.
        out.flags.writeable = x.flags.writeable
    return out


def _diagonal_vjp(g: Any, x_shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    return diagonal_placed(g, x_shape, offset, dim1, dim2)


@structured(
    statics=3,
    view=True,
    prepare=lambda x, offset, dim1, dim2: (int(offset), *_pair_of_dims(x.ndim, dim1, dim2, "diagonal")),
    dx=_diagonal_vjp,
)
def diagonal(xp: Any, x: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    """The diagonal of the matrices in dimensions ``dim1`` and ``dim2``, as a view with the diagonal as last dimension.

    ``offset`` chooses one above (positive) or below (negative) the main diagonal. Raises RuntimeError where the two
    dimensions are the same, IndexError where one is not there.

    >>> import gradcu
    >>> gradcu.tensor([[1, 2], [3, 4]]).diagonal()
    tensor([1, 4])
    """
    return _diagonal_of(xp, x, offset, dim1, dim2)


@structured(
    public=False,
    statics=4,
    node="DiagEmbedBackward0",
    dx=lambda g, offset, dim1, dim2: diagonal(g, offset, dim1, dim2),
)
def diagonal_placed(xp: Any, x: Any, shape: tuple[int, ...], offset: int, dim1: int, dim2: int) -> Any:
    """Zeros of ``shape`` with ``x`` on a diagonal: the adjoint of diagonal."""
    out = xp.zeros(shape, x.dtype)
    _diagonal_of(xp, out, offset, dim1, dim2)[...] = x
    return out


@structured(
    public=False,
    statics=1,
    node="DiagonalBackward0_copy",
    dx=lambda g, x_shape, offset: diagonal_placed(g, x_shape, offset, 0, 1),
)
def _diagonal_copy(xp: Any, x: Any, offset: int) -> Any:
    """A copy of a matrix's diagonal."""
    return _diagonal_of(xp, x, offset, 0, 1).copy()


@function()
def diag_embed(input: Tensor, offset: int = 0, dim1: int = -2, dim2: int = -1) -> Tensor:
    """Square matrices, in dimensions ``dim1`` and ``dim2``, with the last dimension of ``input`` on a diagonal.

    ``offset`` chooses one above (positive) or below (negative) the main diagonal; all else is 0. Raises RuntimeError
    where the two dimensions are the same.

    >>> import gradcu
    >>> gradcu.diag_embed(gradcu.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    require_tensor("diag_embed", input)
    shape = input._array.shape
    first, second = _pair_of_dims(len(shape) + 1, dim1, dim2, "diag_embed")
    side = (shape[-1] if shape else 1) + abs(offset)
    rest = iter(shape[:-1])
    out = tuple(side if d in (first, second) else next(rest) for d in range(max(len(shape), 1) + 1))
    return diagonal_placed(input, out, offset, first, second)


@function()
def diag(input: Tensor, diagonal: int = 0) -> Tensor:
    """The diagonal of a matrix, as a copy, or, of a vector, the matrix that has it on its diagonal.

    ``diagonal`` chooses one above (positive) or below (negative) the main one. Raises RuntimeError for other numbers
    of dimensions.

    >>> import gradcu
    >>> gradcu.diag(gradcu.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    require_tensor("diag", input)
    ndim = input._array.ndim
    if ndim == 1:
        return diag_embed(input, diagonal)
    if ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return _diagonal_copy(input, diagonal)


def _require_matrices(x: Any, name: str) -> None:
    if x.ndim < 2:
        raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")


def _check_tril(x: Any, diagonal: int) -> tuple[int]:
    _require_matrices(x, "tril")
    return (int(diagonal),)


def _check_triu(x: Any, diagonal: int) -> tuple[int]:
    _require_matrices(x, "triu")
    return (int(diagonal),)


def _tril_vjp(g: Any, diagonal: int) -> Any:
    return tril(g, diagonal)


@structured(statics=1, prepare=_check_tril, dx=_tril_vjp)
def tril(xp: Any, x: Any, diagonal: int = 0) -> Any:
    """A copy of matrices with 0 above a diagonal: the main one, or ``diagonal`` above (positive) or below it.

    Raises RuntimeError where ``input`` has less than 2 dimensions.

    >>> import gradcu
    >>> gradcu.ones(2, 2).tril()
    tensor([[1., 0.],
            [1., 1.]])
    """
    return xp.tril(x, diagonal)


def _triu_vjp(g: Any, diagonal: int) -> Any:
    return triu(g, diagonal)


@structured(statics=1, prepare=_check_triu, dx=_triu_vjp)
def triu(xp: Any, x: Any, diagonal: int = 0) -> Any:
    """A copy of matrices with 0 below a diagonal: the main one, or ``diagonal`` above (positive) or below it.

    Raises RuntimeError where ``input`` has less than 2 dimensions.

    >>> import gradcu
    >>> gradcu.ones(2, 2).triu()
    tensor([[1., 1.],
            [0., 1.]])
    """
    return xp.triu(x, diagonal)
