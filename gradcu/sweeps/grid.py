"""The points of a sweep: the arguments that describe them, checked, and any block of them."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from .._linspace import equal_neighbours, linspace_block


class Grid:
    """``num`` points from ``start`` to ``stop``, end points included.

    >>> Grid(-1, 1, 5, np.dtype("float32")).block(3, 2)
    array([0.5, 1. ], dtype=float32)
    """

    __slots__ = ("dtype", "num", "start", "stop")

    def __init__(self, start: Any, stop: Any, num: Any, dtype: Any) -> None:
        self.dtype = checked_dtype(dtype)
        self.start = _finite("start", start, self.dtype)
        self.stop = _finite("stop", stop, self.dtype)
        self.num = whole_number("num", num, least=1)

    def block(self, first: int, count: int) -> np.ndarray:
        """Points first, ..., first + count - 1."""
        return linspace_block(self.start, self.stop, self.num, first, count, self.dtype)

    def point(self, index: int) -> float:
        """One point, as the float that it is in the grid's dtype."""
        return float(self.block(index, 1)[0])

    @property
    def step(self) -> float:
        """The distance of neighbouring points before rounding; 0 for a single one."""
        return 0.0 if self.num == 1 else self.stop / (self.num - 1) - self.start / (self.num - 1)

    def repeats(self) -> bool:
        """Whether neighbouring points are equal in the grid's dtype."""
        return equal_neighbours(self.start, self.stop, self.num, self.dtype)


def whole_number(name: str, value: Any, least: int) -> int:
    """``value`` as an int: an integer, or a float without a fraction such as 1e7.

    Raises TypeError for what is no number, ValueError for a fraction or a number below ``least``.
    """
    wanted = f"{name} must be a whole number, at least {least}"
    if isinstance(value, (float, np.floating)) and value.is_integer():
        number = int(value)
    else:
        if isinstance(value, (float, np.floating)):
            raise ValueError(f"{wanted}, not {value!r}")
        if isinstance(value, bool) or not hasattr(value, "__index__"):
            raise TypeError(f"{wanted}, not {value!r} ({type(value).__name__})")
        number = operator.index(value)
    if number < least:
        raise ValueError(f"{wanted}, not {value!r}")
    return number


def counted(number: int, thing: str) -> str:
    """``1 point``, ``65,536 points``."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def checked_dtype(dtype: Any) -> np.dtype[Any]:
    """``dtype`` as a NumPy dtype. Raises TypeError where it is not float16, float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        found = None
    if found is None or found.kind != "f" or found.itemsize > 8:
        raise TypeError(f"dtype must be float32, float64 or float16, not {dtype}")
    return found


def _finite(name: str, value: Any, dtype: np.dtype[Any]) -> float:
    problem = f"{name} must be a number, not {value!r} ({type(value).__name__})"
    if isinstance(value, (str, bytes, bool)) or not hasattr(value, "__float__"):
        raise TypeError(problem)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    except (TypeError, ValueError, RuntimeError) as error:
        # An array or a Tensor of several numbers.
        raise TypeError(problem) from error
    if not math.isfinite(number):
        raise ValueError(f"{name} must be finite, not {value!r}")
    if abs(number) > float(np.finfo(dtype).max):
        raise ValueError(f"{name} = {value!r} is beyond the range of {dtype}")
    return number
