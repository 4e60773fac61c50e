"""Indexing of CuPy arrays by index arrays, and its adjoint, by kernels/index.cu.

Sums at equal indices are deterministic: the places are sorted by what they add to. What the kernels don't take is made
an index of one dimension first: more than 8 dimensions, and more places than can be sorted at a time. Sums of integers,
which are the same in any order, are left to CuPy.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np

from .._kernel_text import C_TYPES, MOST_DIMENSIONS, THREADS, power_of_two, summing_text
from .._launch import Kernel, Parameter, Pointer, kernel
from ._index_arrays import places_along
from ._index_plans import (
    CHUNK,
    Adding,
    Gathering,
    Keys,
    Lie,
    Where,
    addends_dtype,
    adding,
    adding_along,
    gathering,
    gathering_along,
    most_places,
    places_dtype,
    weights_of,
)

_MOST_BLOCKS = 1 << 16
_MOST_ROWS_OF_BLOCKS = (1 << 16) - 1  # what the second dimension of a grid may have
_MOST_INT32 = 2**31 - 1
_COALESCED = 32  # neighbouring threads that read neighbouring elements

_FLOAT16, _FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


def gathered(x: Any, keys: Sequence[Any]) -> Any:
    """``x[keys]``, for int64 arrays and full slices."""
    plan = gathering(_lie(x), _lies(keys))
    return x[tuple(keys)] if plan is None else _gather(plan, x, _arrays(keys))


def gathered_along(x: Any, index: Any, dim: int) -> Any:
    """For dim 0, x[index[i, j], j]."""
    if x.ndim > MOST_DIMENSIONS:
        return x[places_along(_cupy(), index, dim)]
    return _gather(gathering_along(_lie(x), _lie(index), dim), x, [index])


def add_at(out: Any, keys: Sequence[Any], values: Any) -> None:
    """``out[keys] += values``, again for every index that is repeated, in the order in which they stand."""
    values = _cupy().asarray(values, dtype=out.dtype)
    if out.dtype.kind == "c":
        add_at(out.real, keys, values.real)
        add_at(out.imag, keys, values.imag)
        return
    if out.dtype == _FLOAT16:
        total = out.astype(_FLOAT32)
        add_at(total, keys, values.astype(_FLOAT32))
        out[...] = total
        return
    plan = adding(_lie(out), _lies(keys), _lie(values))
    if out.dtype.name not in C_TYPES:
        _cupy().add.at(out, tuple(keys), values)
    elif plan is None:
        _add_in_rows(out, keys, values)
    else:
        _add(plan, out, values, _arrays(keys))


def add_along(out: Any, index: Any, dim: int, values: Any) -> None:
    """For dim 0, ``out[index[i, j], j] += values[i, j]``, for floating-point numbers and a contiguous ``out``."""
    if out.dtype == _FLOAT16:
        total = out.astype(_FLOAT32)
        add_along(total, index, dim, values.astype(_FLOAT32))
        out[...] = total
        return
    plan = adding_along(out.shape, out.itemsize, _lie(index), dim, _lie(values))
    if plan is None:
        _add_in_rows(out, places_along(_cupy(), index, dim), values)
    else:
        _add(plan, out, values, [index])


def put_at(out: Any, keys: Sequence[Any], values: Any) -> None:
    """``out[keys] = values``; of those that have equal indices the last one stays, as on the CPU.

    CuPy leaves it to chance. So the last place of each target is found first, and all write its value.
    """
    cupy = _cupy()
    where, rows = _rows(out, keys)
    last = cupy.zeros(math.prod(where.lengths), np.int32 if len(rows) <= _MOST_INT32 else np.uint64)
    cupy.maximum.at(last, rows, cupy.arange(len(rows), dtype=last.dtype))
    chosen = _values_of_rows(where, values)[last[rows]]
    others = [out.shape[axis] for axis in where.others]
    out[tuple(keys)] = chosen.reshape(*where.shape, *others).transpose(where.order())


def _add_in_rows(out: Any, keys: Sequence[Any], values: Any) -> None:
    """`add_at` by one index of an array of two dimensions, as many places at a time as can be sorted."""
    where, rows = _rows(out, keys)
    values = _values_of_rows(where, values)
    indexed_first = out.transpose(*where.axes, *where.others)
    total = indexed_first.reshape(math.prod(where.lengths), values.shape[1])
    step = most_places(len(total))
    for first in range(0, len(rows), step):
        add_at(total, (rows[first : first + step],), values[first : first + step])
    indexed_first[...] = total.reshape(indexed_first.shape)


def _rows(out: Any, keys: Sequence[Any]) -> tuple[Where, Any]:
    """An index, and the number of the row of each of its places, where the indexed dimensions of ``out`` are one."""
    cupy = _cupy()
    where = Where(out.shape, _lies(keys))
    rows = cupy.zeros(where.shape, _INT64)
    for key, length, weight in zip(_arrays(keys), where.lengths, weights_of(where.lengths), strict=True):
        rows += key % length * weight
    return where, rows.reshape(-1)


def _values_of_rows(where: Where, values: Any) -> Any:
    """What belongs to each place of an index, in a row."""
    spread = _cupy().broadcast_to(values, where.result).transpose(np.argsort(where.order()).tolist())
    count = math.prod(where.shape)
    return spread.reshape(count, math.prod(spread.shape[len(where.shape) :]))


def _gather(plan: Gathering, x: Any, indices: list[Any]) -> Any:
    out = _cupy().empty(plan.shape, x.dtype)
    made = _kernel("gradcu_gather", x.dtype, plan.wide)
    made.launch(_blocks(out.size), THREADS, (plan.places, x, out, x.itemsize, *_pointers(indices)))
    return out


def _add(plan: Adding, out: Any, values: Any, indices: list[Any]) -> None:
    count, width, wide = plan.place_count, plan.width, plan.wide
    if not count * width:
        return
    ordered = _cupy().empty(count, _INT64)
    made = _kernel("gradcu_targets", out.dtype, wide)
    made.launch(_blocks(count), THREADS, (plan.places, plan.shift, ordered, *_pointers(indices)))
    ordered.sort()
    chunks = -(-count // CHUNK)
    partials = _cupy().empty((4, chunks, width), out.dtype) if chunks > 1 else None
    made = _kernel("gradcu_add_chunks", out.dtype, wide)
    made.launch(-(-chunks * width // THREADS), THREADS, (plan.addends, ordered, values, out, partials))
    if partials is not None:
        columns = min(power_of_two(width), _COALESCED)
        blocks = chunks, min(-(-width // columns), _MOST_ROWS_OF_BLOCKS)
        made = _kernel("gradcu_add_partials", out.dtype, wide)
        made.launch(blocks, THREADS, (plan.addends, ordered, out, partials, THREADS // columns))


def _blocks(count: int) -> int:
    return min(-(-count // THREADS), _MOST_BLOCKS)


def _lie(array: Any) -> Lie:
    return array.shape, array.strides


def _lies(keys: Sequence[Any]) -> Keys:
    return tuple(None if isinstance(key, slice) else (key.shape, key.strides) for key in keys)


def _arrays(keys: Sequence[Any]) -> list[Any]:
    return [key for key in keys if not isinstance(key, slice)]


def _pointers(indices: list[Any]) -> list[Any]:
    """As many as the kernels have parameters for."""
    return indices + [None] * (MOST_DIMENSIONS - len(indices))


@functools.cache
def _kernel(name: str, dtype: np.dtype[Any], wide: bool) -> Kernel:
    text, parameters = declared(dtype, wide)[name]
    return kernel(text, name, parameters)


@functools.cache
def declared(dtype: np.dtype[Any], wide: bool) -> dict[str, tuple[str, tuple[Parameter, ...]]]:
    """Each kernel's text and parameters, for elements of a dtype and with 32-bit or ``wide`` indices."""
    # Elements that are only copied have no type, so any will do.
    added = dtype.name if dtype.name in C_TYPES else "float32"
    names = [f"index{k}" for k in range(MOST_DIMENSIONS)]
    text = summing_text(
        "index.cu", (), added, wide=wide, MOST_DIMENSIONS=MOST_DIMENSIONS, CHUNK=CHUNK, INDEX_NAMES=", ".join(names),
        INDEX_PARAMETERS=", ".join(f"const long long *const {name}" for name in names),
    )  # fmt: skip
    places, addends, pointer, ordered = places_dtype(wide), addends_dtype(wide), Pointer(dtype), Pointer(_INT64)
    indices = (ordered,) * MOST_DIMENSIONS
    return {
        "gradcu_gather": (text, (places, pointer, pointer, _INT32, *indices)),
        "gradcu_targets": (text, (places, _INT32, ordered, *indices)),
        "gradcu_add_chunks": (text, (addends, ordered, pointer, pointer, pointer)),
        "gradcu_add_partials": (text, (addends, ordered, pointer, pointer, _INT32)),
    }


def _cupy() -> Any:
    return import_module("cupy")
