"""What the payloads of pending Tensors have in common: Python's operators, which are ops."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._op import OPS
from .._pending import Pending

COPIES = frozenset(("to_dtype", "clone", "zeros_of"))
"""The ops that compute each element from that element alone, besides those that are `pointwise`."""


class PendingOperators(Pending):
    """A pending value as rules use it: ``computed`` says what becomes of an operator."""

    __slots__ = ()

    # NumPy's arrays and scalars leave operators to this class.
    __array_ufunc__ = None
    __hash__ = None  # type: ignore[assignment]
    # It shares its elements with nobody, and can't be changed.
    base = None

    def astype(self, dtype: np.dtype[Any], copy: bool = True) -> Any:
        """The same values in another dtype."""
        return self.computed(OPS["to_dtype"], (self,), (np.dtype(dtype),))

    def __neg__(self) -> Any:
        return self.computed(OPS["neg"], (self,), ())

    def __add__(self, other: Any) -> Any:
        return self.computed(OPS["add"], (self, other), ())

    def __radd__(self, other: Any) -> Any:
        return self.computed(OPS["add"], (other, self), ())

    def __sub__(self, other: Any) -> Any:
        return self.computed(OPS["sub"], (self, other), ())

    def __rsub__(self, other: Any) -> Any:
        return self.computed(OPS["sub"], (other, self), ())

    def __mul__(self, other: Any) -> Any:
        return self.computed(OPS["mul"], (self, other), ())

    def __rmul__(self, other: Any) -> Any:
        return self.computed(OPS["mul"], (other, self), ())

    def __truediv__(self, other: Any) -> Any:
        return self.computed(OPS["div"], (self, other), ())

    def __rtruediv__(self, other: Any) -> Any:
        return self.computed(OPS["div"], (other, self), ())
