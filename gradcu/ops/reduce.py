"""Reductions."""

from __future__ import annotations

from typing import Any

from .._define import structured
from .shape import expand, reshape


def normalized_dims(ndim: int, dim: Any) -> tuple[int, ...] | None:
    """The dimensions that ``dim`` names, counted from 0; None for all of them. Raises IndexError as PyTorch does."""
    if dim is None:
        return None
    dims = tuple(dim) if isinstance(dim, (tuple, list)) else (dim,)
    limit = max(ndim, 1)
    for d in dims:
        if not -limit <= d < limit:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {d})"
            )
    found = tuple(d % limit for d in dims)
    for d in found:
        if found.count(d) > 1:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return found if ndim else None


def kept_shape(shape: tuple[int, ...], dims: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape after a reduction over ``dims`` that keeps them with length 1."""
    return tuple(1 if dims is None or i in dims else length for i, length in enumerate(shape))


def spread(g: Any, shape: tuple[int, ...], dim: tuple[int, ...] | None, keepdim: bool) -> Any:
    """A cotangent of a reduction, at every element that was reduced."""
    if dim is not None and not keepdim:
        g = reshape(g, kept_shape(shape, dim))
    return expand(g, shape)


@structured(
    statics=2,
    node=lambda dim: "SumBackward0" if dim is None else "SumBackward1",
    prepare=lambda x, dim, keepdim: (normalized_dims(x.ndim, dim), bool(keepdim)),
    dx=lambda g, x_shape, dim, keepdim: spread(g, x_shape, dim, keepdim),
)
def sum(xp, x, dim=None, keepdim=False):
    """The sum of all elements, or over ``dim``."""
    return xp.add.reduce(x, axis=dim, keepdims=keepdim)
