"""How sums and products are taken: in which dtype, in which they come back, and by what."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np

from .._device import is_cupy_array
from .._dtype import as_dtype
from .dims import all_dims, kept_shape

FLOAT16, FLOAT32, _INT64 = np.dtype("float16"), np.dtype("float32"), np.dtype("int64")

_ROW_KERNEL_DTYPES = (FLOAT32, np.dtype("float64"))
_ROW_KERNEL_DIMENSIONS = 8


def total_dtype(found: np.dtype[Any], wanted: Any) -> np.dtype[Any] | None:
    """The dtype in which to add or multiply, and of the result; None for the operand's own.

    Integers and booleans give int64, as in PyTorch.
    """
    if wanted is not None:
        return as_dtype(wanted)
    return None if found.kind in "fc" else _INT64


def accumulated(method: Any, x: Any, dim: Any, dtype: np.dtype[Any] | None, **options: Any) -> Any:
    """``method`` (``add.reduce``, ``multiply.accumulate``, ...) along ``dim`` in ``dtype``; float16 in float32."""
    if dtype is not None and not np.can_cast(x.dtype, dtype, "same_kind"):
        x = x.astype(dtype)
    wide = FLOAT32 if (dtype or x.dtype) == FLOAT16 else dtype
    result = method(x, axis=dim, dtype=wide, **options)
    return result if wide is dtype else result.astype(FLOAT16)


def row_kernels(x: Any) -> Any:
    """The kernels of our own that reduce ``x``; None where the functions of its array module do it, or rules do."""
    if type(x) is np.ndarray or not is_cupy_array(x):
        return None
    has_kernels = x.dtype in _ROW_KERNEL_DTYPES and x.ndim <= _ROW_KERNEL_DIMENSIONS
    return import_module("._row_kernels", __package__) if has_kernels else None


def added(
    xp: Any, x: Any, dim: tuple[int, ...] | None, dtype: np.dtype[Any] | None, *, keepdims: bool, divisor: float = 1
) -> Any:
    """The sum along ``dim`` in ``dtype``, over ``divisor``."""
    kernels = row_kernels(x) if dtype is None or dtype == x.dtype else None
    if kernels is not None:
        along = all_dims(x.shape) if dim is None else dim
        return kernels.total(x, along, reduced_shape(x.shape, along, keepdims), divisor)
    result = accumulated(xp.add.reduce, x, dim, dtype, keepdims=keepdims)
    return result if divisor == 1 else result / divisor


def reduced_shape(shape: tuple[int, ...], along: tuple[int, ...], keepdims: bool) -> tuple[int, ...]:
    """The shape after a reduction."""
    return kept_shape(shape, along) if keepdims else tuple(n for d, n in enumerate(shape) if d not in along)


def widened(x: Any) -> Any:
    """``x``, but float32 for float16, which is too narrow for sums of exponentials, squares and powers."""
    return x.astype(FLOAT32) if x.dtype == FLOAT16 else x
