"""Checks of arguments that many ops share: Tensors, dimensions and sizes, refused in PyTorch's words."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

from .._calls import argument_error
from .._dtype import scalar_name
from .._tensor import Tensor
from .dims import one_dim


def require_tensor(function: str, value: Any, name: str = "input", position: int = 0) -> None:
    """Raises TypeError where ``value`` is no Tensor."""
    if not isinstance(value, Tensor):
        raise argument_error(function, name, position, value)


def type_name(value: object) -> str:
    """The name of a value's type, as PyTorch's errors give it."""
    kind = value.__class__
    return kind.__name__ if kind.__module__ in ("builtins", Tensor.__module__) else f"{kind.__module__}.{kind.__name__}"


def distinct_dims(ndim: int, dims: Any, function: str) -> tuple[int, ...]:
    """The dimensions that ``dims``, an int or a sequence of them, names; an empty sequence names none.

    Raises IndexError for a dimension that is not there, RuntimeError for one that is named twice.
    """
    found = tuple(one_dim(ndim, dim, function) for dim in (dims if isinstance(dims, tuple | list) else (dims,)))
    for dim in found:
        if found.count(dim) > 1:
            raise RuntimeError(f"dim {dim} appears multiple times in the list of dims")
    return found


def sizes(function: str, args: Any, name: str = "size", position: int = 1) -> tuple[int, ...]:
    """The ints that were given as one tuple or list, or one by one."""
    if len(args) == 1 and isinstance(args[0], tuple | list):
        args = args[0]
    elif len(args) == 1 and not _is_int(args[0]):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be tuple of ints, not {type_name(args[0])}"
        )
    for number, size in enumerate(args):
        if type(size) is not int and not _is_int(size):
            raise TypeError(
                f"{function}(): argument '{name}' failed to unpack the object at pos {number + 1} with error "
                f'"type must be tuple of ints,but got {type_name(size)}"'
            )
    return tuple(map(operator.index, args))


def _is_int(value: Any) -> bool:
    if isinstance(value, bool):
        return False
    return hasattr(value, "__index__") and (not isinstance(value, Tensor) or value._array.size == 1)


def resolved_shape(shape: Sequence[int], count: int) -> tuple[int, ...]:
    """``shape`` with the length that a -1 in it stands for, given the ``count`` of elements."""
    shape = tuple(shape)
    known = math.prod(shape)
    if known == count and min(shape, default=0) >= 0:
        return shape
    for number, length in enumerate(shape):
        if length < -1:
            raise RuntimeError(f"invalid shape dimension {length} at index {number} of shape {list(shape)}")
    unknown = shape.count(-1)
    if unknown > 1:
        raise RuntimeError("only one dimension can be inferred")
    if unknown and known and count % known == 0:
        return tuple(count // -known if length == -1 else length for length in shape)
    if unknown and not known and not count:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the unspecified dimension size -1 "
            "can be any value and is ambiguous"
        )
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {count}")


def expanded_shape(x: Any, wanted: tuple[int, ...]) -> tuple[int, ...]:
    """The shape that ``x`` has when it is expanded to ``wanted``, in which -1 keeps a length.

    Raises RuntimeError where a dimension that is not 1 long would change.
    """
    found = x.shape
    lead = len(wanted) - len(found)
    if lead < 0:
        raise RuntimeError(
            f"expand(gradcu.{scalar_name(x.dtype)}Tensor{{{list(found)}}}, size={list(wanted)}): the number of sizes "
            f"provided ({len(wanted)}) must be greater or equal to the number of dimensions in the tensor "
            f"({len(found)})"
        )
    for number, length in enumerate(wanted[:lead]):
        if length < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({length}) isn't allowed in a leading, non-existing dimension "
                f"{number}"
            )
    out = list(wanted)
    for number, length in enumerate(found, lead):
        if out[number] == -1:
            out[number] = length
        elif length not in (1, out[number]) or out[number] < 0:
            raise RuntimeError(
                f"The expanded size of the tensor ({out[number]}) must match the existing size ({length}) at "
                f"non-singleton dimension {number}.  Target sizes: {list(wanted)}.  Tensor sizes: {list(found)}"
            )
    return tuple(out)


def without_leading_ones(value: Any, ndim: int) -> Any:
    """``value`` without those dimensions of length 1 in front that an assignment to ``ndim`` dimensions ignores."""
    extra = 0
    while value.ndim - extra > ndim and value.shape[extra] == 1:
        extra += 1
    return value.reshape(value.shape[extra:])
