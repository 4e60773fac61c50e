"""What elementwise ops refuse as PyTorch does: dtypes that an op is not for, and integers divided by 0."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .._dtype import scalar_name


def refusing(kinds: str, kernel: str, operands: int = 1, *, complex_words: str = "") -> Callable[..., tuple[Any, ...]]:
    """A ``prepare`` that refuses operands of these ``kinds`` of dtype (NumPy's letters), as PyTorch's ``kernel``.

    With ``complex_words`` complex ones are refused too, in these words.
    """

    def prepare(*values: Any) -> tuple[Any, ...]:
        for value in values[:operands]:
            dtype = getattr(value, "dtype", None)
            if dtype is None:
                continue
            if complex_words and dtype.kind == "c":
                raise NotImplementedError(complex_words)
            if dtype.kind in kinds:
                raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")
        return values[operands:]

    return prepare


def refusing_division(kernel: str) -> Callable[..., tuple[Any, ...]]:
    """A ``prepare`` for quotients: refuses bools, complex numbers, and 0 as the divisor of integers."""
    refuse = refusing("bc", kernel, 2)

    def prepare(a: Any, b: Any, *statics: Any) -> tuple[Any, ...]:
        refuse(a, b)
        if getattr(b, "dtype", None) is not None and b.dtype.kind in "iu" and not b.all():
            raise RuntimeError("ZeroDivisionError")
        return statics

    return prepare
