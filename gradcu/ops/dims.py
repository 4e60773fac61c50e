"""The dimensions that an op works along, and a reduction's options: what the caller wrote, checked."""

from __future__ import annotations

import operator
from typing import Any


def one_dim(ndim: int, dim: Any, function: str) -> int:
    """``dim`` counted from 0; a 0-d operand has the one dimension 0.

    Raises TypeError for what is no integer and IndexError for one out of range.
    """
    if type(dim) is not int:
        dim = _integer(dim, function, "int")
    limit = ndim or 1
    if not -limit <= dim < limit:
        raise IndexError(f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], but got {dim})")
    return dim % limit


def some_dims(ndim: int, dim: Any, function: str) -> tuple[int, ...] | None:
    """The dimensions that ``dim``, an integer or a sequence of them, names, counted from 0; None stays None.

    An empty sequence names all. Those of a 0-d operand are (). Raises TypeError for what is no integer, IndexError for
    one out of range and RuntimeError for one that occurs twice.
    """
    if dim is None:
        return None
    if isinstance(dim, tuple | list):
        found = tuple(one_dim(ndim, item, function) for item in dim) or tuple(range(ndim))
        for item in found:
            if found.count(item) > 1:
                raise RuntimeError(f"dim {item} appears multiple times in the list of dims")
    else:
        found = (one_dim(ndim, dim if type(dim) is int else _integer(dim, function, "tuple of ints"), function),)
    return found if ndim else ()


def all_dims(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The dimensions of an array, counted from 0."""
    return tuple(range(len(shape)))


def flag(value: Any, function: str, name: str) -> bool:
    """``value``, if it is a bool. Raises TypeError for anything else, such as a second dimension given by position."""
    if value is not True and value is not False:
        raise TypeError(f"{function}(): argument '{name}' must be bool, not {type(value).__name__}")
    return value


def kept_shape(shape: tuple[int, ...], dim: tuple[int, ...] | None) -> tuple[int, ...]:
    """The shape after a reduction over ``dim`` that keeps it with length 1."""
    return tuple(1 if dim is None or i in dim else length for i, length in enumerate(shape))


def reduced_count(shape: tuple[int, ...], dim: tuple[int, ...] | None) -> int:
    """How many elements a reduction over ``dim`` takes together."""
    count = 1
    for i, length in enumerate(shape):
        if dim is None or i in dim:
            count *= length
    return count


def _integer(value: Any, function: str, kind: str) -> int:
    if not isinstance(value, bool) and hasattr(value, "__index__"):
        return operator.index(value)
    raise TypeError(f"{function}(): argument 'dim' must be {kind}, not {type(value).__name__}")
