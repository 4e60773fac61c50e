"""Indexing of CuPy arrays by index arrays, and its adjoint, by kernels/index.cu.

Sums at equal indices are deterministic: the places are sorted by what they add to. What the kernels don't take is left
to CuPy: more than 8 dimensions, and sums of integers, which are the same in any order.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np

from .._dimensions import Dimensions, merged, reach
from .._kernel_text import C_TYPES, MOST_DIMENSIONS, NARROW, THREADS, power_of_two, summing_text
from .._launch import Kernel, Parameter, Pointer, kernel

CHUNK = 32
"""Sorted places that a thread adds up."""

_MOST_BLOCKS = 1 << 16
_MOST_ROWS_OF_BLOCKS = (1 << 16) - 1  # what the second dimension of a grid may have
_COALESCED = 32  # neighbouring threads that read neighbouring elements
_KEY_BITS = 63

_FLOAT16, _FLOAT32 = np.dtype(np.float16), np.dtype(np.float32)
_INT32, _INT64 = np.dtype(np.int32), np.dtype(np.int64)


class _Where:
    """An index of an array, made of index arrays and full slices, by NumPy's rules."""

    def __init__(self, shape: tuple[int, ...], keys: Sequence[Any]) -> None:
        full = (*keys, *(slice(None),) * (len(shape) - len(keys)))
        self.axes = [d for d, key in enumerate(full) if not isinstance(key, slice)]
        self.others = [d for d, key in enumerate(full) if isinstance(key, slice)]
        indices: list[Any] = [full[d] for d in self.axes]
        try:
            self.shape = np.broadcast_shapes(*(index.shape for index in indices))
        except ValueError:
            raise IndexError("shape mismatch") from None
        if math.prod(self.shape):
            for d in self.axes:
                if not shape[d]:
                    raise IndexError(f"index is out of bounds for axis {d} with size 0")
        self.indices = [_cupy().broadcast_to(index, self.shape) for index in indices]
        self.lengths = [shape[d] for d in self.axes]
        # The dimensions of index arrays that adjoin stay where these are, those of others come first.
        adjoin = self.axes[-1] - self.axes[0] == len(self.axes) - 1
        self._first = self.axes[0] if adjoin else 0
        self.result = self.laid(self.shape, [shape[d] for d in self.others])

    def laid(self, of_indices: Sequence[int], of_others: Sequence[int]) -> tuple[int, ...]:
        """Numbers of the index arrays' dimensions and of the others, as these follow each other in the result."""
        return (*of_others[: self._first], *of_indices, *of_others[self._first :])

    def split(self, along: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """The numbers of `laid`, taken apart again."""
        end = self._first + len(self.shape)
        return along[self._first : end], along[: self._first] + along[end:]


def gathered(x: Any, keys: Sequence[Any]) -> Any:
    """``x[keys]``, for int64 arrays and full slices."""
    where = _Where(x.shape, keys)
    if max(x.ndim, len(where.result)) > MOST_DIMENSIONS:
        return x[tuple(keys)]
    strides = [where.laid([0] * len(where.shape), [x.strides[d] for d in where.others])]
    strides += [where.laid(index.strides, [0] * len(where.others)) for index in where.indices]
    return _gather(x, where.result, strides, where.indices, where.axes)


def gathered_along(x: Any, index: Any, dim: int) -> Any:
    """For dim 0, out[i, j] = x[index[i, j], j]."""
    return _gather(x, index.shape, [_without(x.strides, dim), index.strides], [index], [dim])


def add_at(out: Any, keys: Sequence[Any], values: Any) -> None:
    """``out[keys] += values``, again for every index that is repeated, in the order in which they stand."""
    where = _Where(out.shape, keys)
    values = _cupy().broadcast_to(_cupy().asarray(values, dtype=out.dtype), where.result)
    if out.dtype.kind == "c":
        add_at(out.real, keys, values.real)
        add_at(out.imag, keys, values.imag)
    elif out.dtype == _FLOAT16:
        total = out.astype(_FLOAT32)
        add_at(total, keys, values.astype(_FLOAT32))
        out[...] = total
    elif _takes(out, where.result, math.prod(where.shape), math.prod(where.lengths)):
        dims = range(len(where.shape))
        others = [out.shape[d] for d in where.others]
        of_places, of_others = where.split(values.strides)
        strides = [(0,) * len(where.shape), *(index.strides for index in where.indices)]
        led = _Led(merged(dims, where.shape, strides), where.indices, where.lengths, _weights(where.lengths))
        targets = [(out.shape[d], (out.strides[d],)) for d in where.axes]
        width = merged(range(len(others)), others, [of_others, [out.strides[d] for d in where.others]])
        _add(out, values, led, merged(dims, where.shape, [of_places]), width, targets)
    else:
        _cupy().add.at(out, tuple(keys), values)


def add_along(out: Any, index: Any, dim: int, values: Any) -> None:
    """For dim 0, ``out[index[i, j], j] += values[i, j]``, where ``out`` is contiguous."""
    if out.dtype == _FLOAT16:
        total = out.astype(_FLOAT32)
        add_along(total, index, dim, values.astype(_FLOAT32))
        out[...] = total
        return
    weights = _weights(out.shape)
    led = _Led(
        merged(range(out.ndim), index.shape, [_without(weights, dim), index.strides]), [index], [out.shape[dim]],
        [weights[dim]],
    )  # fmt: skip
    _add(
        out, values, led, merged(range(out.ndim), index.shape, [values.strides]), [(1, (0, 0))],
        [(out.size, (out.itemsize,))],
    )  # fmt: skip


class _Led(NamedTuple):
    """Where places lead: the struct Places of kernels/index.cu.

    ``dims`` are those of the places, with the strides of what is indexed and then of each index array.
    """

    dims: Dimensions
    indices: list[Any]
    lengths: Sequence[int]
    steps: Sequence[int]

    def extent(self) -> int:
        """What 32-bit numbers must reach for it."""
        indexed = [(length, (step,)) for length, step in zip(self.lengths, self.steps, strict=True)]
        of_indices = (reach(self.dims, 1 + k) for k in range(len(self.indices)))
        return max(self.places, reach(self.dims, 0) + reach(indexed, 0), *of_indices)

    @property
    def places(self) -> int:
        """How many places there are."""
        return math.prod(length for length, _ in self.dims)

    def pointers(self) -> list[Any]:
        """The index arrays, as many as the kernels have parameters for."""
        return self.indices + [None] * (MOST_DIMENSIONS - len(self.indices))

    def struct(self, wide: bool) -> np.ndarray:
        """The struct."""
        made = np.zeros((), _places_dtype(wide))
        made["count"], made["dimensions"], made["arrays"] = self.places, len(self.dims), len(self.indices)
        _fill(made, "shape", "strides", self.dims)
        for k in range(len(self.indices)):
            made["index_strides"][k, : len(self.dims)] = [steps[1 + k] for _, steps in self.dims]
        made["lengths"][: len(self.lengths)] = self.lengths
        made["steps"][: len(self.steps)] = self.steps
        return made


def _gather(x: Any, shape: tuple[int, ...], strides: list[tuple[int, ...]], indices: list[Any], axes: list[int]) -> Any:
    """The elements to which index arrays of the axes lead; strides are those of x and of these arrays."""
    out = _cupy().empty(shape, x.dtype)
    led = _Led(
        merged(range(len(shape)), shape, strides), indices, [x.shape[d] for d in axes], [x.strides[d] for d in axes]
    )
    wide = led.extent() >= NARROW
    blocks = min(-(-out.size // THREADS), _MOST_BLOCKS)
    _kernel("gradcu_gather", x.dtype, wide).launch(
        blocks, THREADS, (led.struct(wide), x, out, x.itemsize, *led.pointers())
    )
    return out


def _add(
    out: Any, values: Any, led: _Led, place_dims: Dimensions, width_dims: Dimensions, target_dims: Dimensions
) -> None:
    count, width = (math.prod(length for length, _ in dims) for dims in (place_dims, width_dims))
    if not count * width:
        return
    extents = reach(place_dims, 0) + reach(width_dims, 0), reach(target_dims, 0) + reach(width_dims, 1)
    wide = max(count * width, *extents, led.extent()) >= NARROW
    shift = (count - 1).bit_length()
    ordered = _cupy().empty(count, _INT64)
    blocks = min(-(-count // THREADS), _MOST_BLOCKS)
    _kernel("gradcu_targets", out.dtype, wide).launch(
        blocks, THREADS, (led.struct(wide), shift, ordered, *led.pointers())
    )
    ordered.sort()
    addends = np.zeros((), _addends_dtype(wide))
    for name, value in {
        "count": count, "width": width, "place_dimensions": len(place_dims), "width_dimensions": len(width_dims),
        "target_dimensions": len(target_dims), "shift": shift,
    }.items():  # fmt: skip
        addends[name] = value
    _fill(addends, "place_shape", "place_strides", place_dims)
    _fill(addends, "width_shape", "addend_strides", width_dims)
    _fill(addends, "width_shape", "element_strides", width_dims, 1)
    _fill(addends, "target_shape", "target_strides", target_dims)
    chunks = -(-count // CHUNK)
    partials = _cupy().empty((4, chunks, width), out.dtype) if chunks > 1 else None
    blocks = -(-chunks * width // THREADS)
    _kernel("gradcu_add_chunks", out.dtype, wide).launch(blocks, THREADS, (addends, ordered, values, out, partials))
    if partials is not None:
        columns = min(power_of_two(width), _COALESCED)
        blocks = chunks, min(-(-width // columns), _MOST_ROWS_OF_BLOCKS)
        made = _kernel("gradcu_add_partials", out.dtype, wide)
        made.launch(blocks, THREADS, (addends, ordered, out, partials, THREADS // columns))


def _takes(out: Any, shape: tuple[int, ...], count: int, targets: int) -> bool:
    """Whether the kernels add up arrays like ``out``, at so many places of so many targets."""
    return (
        out.dtype.name in C_TYPES
        and max(out.ndim, len(shape)) <= MOST_DIMENSIONS
        and count.bit_length() + targets.bit_length() <= _KEY_BITS
    )


def _weights(shape: Sequence[int]) -> tuple[int, ...]:
    """How many elements a step along each dimension goes, in C order."""
    return tuple(math.prod(shape[d + 1 :]) for d in range(len(shape)))


def _without(strides: tuple[int, ...], dim: int) -> tuple[int, ...]:
    return tuple(0 if d == dim else step for d, step in enumerate(strides))


def _fill(struct: np.ndarray, shape: str, strides: str, dims: Dimensions, array: int = 0) -> None:
    struct[shape][: len(dims)] = [length for length, _ in dims]
    struct[strides][: len(dims)] = [steps[array] for _, steps in dims]


@functools.cache
def _places_dtype(wide: bool) -> np.dtype:
    index, most = _INT64 if wide else _INT32, MOST_DIMENSIONS
    return np.dtype(
        [
            ("count", index), ("dimensions", "i4"), ("arrays", "i4"), ("shape", index, most), ("strides", index, most),
            ("index_strides", index, (most, most)), ("lengths", index, most),
            ("steps", index, most),
        ],
        align=True,
    )  # fmt: skip


@functools.cache
def _addends_dtype(wide: bool) -> np.dtype:
    index, most = _INT64 if wide else _INT32, MOST_DIMENSIONS
    return np.dtype(
        [
            ("count", index), ("width", index), ("place_dimensions", "i4"), ("width_dimensions", "i4"),
            ("target_dimensions", "i4"), ("shift", "i4"),
            *((name, index, most) for name in (
                "place_shape", "place_strides", "width_shape", "addend_strides", "element_strides", "target_shape",
                "target_strides",
            )),
        ],
        align=True,
    )  # fmt: skip


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
    places, addends, pointer, ordered = _places_dtype(wide), _addends_dtype(wide), Pointer(dtype), Pointer(_INT64)
    indices = (ordered,) * MOST_DIMENSIONS
    return {
        "gradcu_gather": (text, (places, pointer, pointer, _INT32, *indices)),
        "gradcu_targets": (text, (places, _INT32, ordered, *indices)),
        "gradcu_add_chunks": (text, (addends, ordered, pointer, pointer, pointer)),
        "gradcu_add_partials": (text, (addends, ordered, pointer, pointer, _INT32)),
    }


def _cupy() -> Any:
    return import_module("cupy")
