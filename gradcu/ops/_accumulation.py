"""The dtype in which sums and products are taken, and in which they come back."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._dtype import as_dtype

FLOAT16, FLOAT32, _INT64 = np.dtype("float16"), np.dtype("float32"), np.dtype("int64")


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


def widened(x: Any) -> Any:
    """``x``, but float32 for float16, which is too narrow for sums of exponentials, squares and powers."""
    return x.astype(FLOAT32) if x.dtype == FLOAT16 else x
