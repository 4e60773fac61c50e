"""The axes of a sweep: evenly spaced points, or given ones. The arguments that describe them are checked here."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from .._linspace import equal_neighbours, linspace_block
from .._tensor import Tensor


class Axis(Protocol):
    """Points in a row, each with a value for every one of the ``names``."""

    names: tuple[str, ...]
    num: int
    dtype: np.dtype[Any]
    sorted: bool
    """Whether each point is greater than the one before it, or each less."""

    def block(self, first: int, count: int) -> np.ndarray:
        """Points first, ..., first + count - 1: an array of shape (names, count)."""
        ...

    def sample(self, count: int) -> np.ndarray:
        """``count`` points from all over the axis, for trials: an array of shape (names, count)."""
        ...


class LinspaceAxis:
    """``num`` points from ``start`` to ``stop``, end points included. Messages put ``owner`` before these names.

    >>> LinspaceAxis(-1, 1, 5, np.dtype("float32")).points(3, 2)
    array([0.5, 1. ], dtype=float32)
    """

    __slots__ = ("dtype", "names", "num", "start", "stop")

    # Where rounding makes neighbours equal, they differ before it.
    sorted = True

    def __init__(self, start: Any, stop: Any, num: Any, dtype: Any, name: str = "x", owner: str = "") -> None:
        self.names = (name,)
        self.dtype = checked_dtype(dtype)
        self.start = _finite(f"{owner}start", start, self.dtype)
        self.stop = _finite(f"{owner}stop", stop, self.dtype)
        self.num = whole_number(f"{owner}num", num, least=1)

    def points(self, first: int, count: int) -> np.ndarray:
        """Points first, ..., first + count - 1."""
        return linspace_block(self.start, self.stop, self.num, first, count, self.dtype)

    def block(self, first: int, count: int) -> np.ndarray:
        """The same points, as those of every axis."""
        return self.points(first, count)[None]

    def sample(self, count: int) -> np.ndarray:
        """``count`` points from start to stop, however many the axis has."""
        return linspace_block(self.start, self.stop, count, 0, count, self.dtype)[None]

    @property
    def step(self) -> float:
        """The distance of neighbouring points before rounding; 0 for a single one."""
        return 0.0 if self.num == 1 else self.stop / (self.num - 1) - self.start / (self.num - 1)

    def repeats(self) -> bool:
        """Whether neighbouring points are equal in the axis's dtype."""
        return equal_neighbours(self.start, self.stop, self.num, self.dtype)


class GivenAxis:
    """Points that the user gives: equally long arrays, one a name, converted to the dtype of the sweep.

    Messages call each array what ``labels`` says.
    """

    __slots__ = ("dtype", "names", "num", "sorted", "values")

    def __init__(self, arrays: Mapping[str, Any], dtype: Any, labels: Mapping[str, str]) -> None:
        self.names = tuple(arrays)
        self.dtype = checked_dtype(dtype)
        rows = [_converted(labels[name], array, self.dtype) for name, array in arrays.items()]
        for name, row in zip(self.names, rows, strict=True):
            if row.size != rows[0].size:
                raise ValueError(
                    f"{labels[self.names[0]]} and {labels[name]} must be equally long: "
                    f"they have {rows[0].size:,} and {row.size:,} values"
                )
        self.values = np.stack(rows)
        self.num = rows[0].size
        later, earlier = self.values[:, 1:], self.values[:, :-1]
        self.sorted = len(self.names) == 1 and bool((later > earlier).all() or (later < earlier).all())

    def block(self, first: int, count: int) -> np.ndarray:
        """Points first, ..., first + count - 1."""
        block = self.values[:, first : first + count]
        # f may be given it. Another process has the values from a pickle, which forgets such a flag of theirs.
        block.setflags(write=False)
        return block

    def sample(self, count: int) -> np.ndarray:
        """``count`` of the points, finite ones where there are any, again and again where they are fewer."""
        finite = np.flatnonzero(np.isfinite(self.values).all(axis=0))
        chosen = finite if finite.size else np.arange(self.num)
        return self.values[:, chosen[np.arange(count) * chosen.size // count]]


def whole_number(name: str, value: Any, least: int) -> int:
    """``value`` as an int: an integer, or a float without a fraction such as 1e7.

    Raises TypeError for what is no number, ValueError for a fraction or a number below ``least``.
    """
    if type(value) is int and value >= least:
        return value
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
    if abs(number) > _largest(dtype):
        raise ValueError(f"{name} = {value!r} is beyond the range of {dtype}")
    return number


@functools.cache
def _largest(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).max)


def _converted(name: str, value: Any, dtype: np.dtype[Any]) -> np.ndarray:
    """The values as a new one-dimensional array. NaN and infinities are values like others."""
    try:
        array = value.numpy(force=True) if isinstance(value, Tensor) else np.asarray(value)
    except ValueError:
        # Lists of unequal length.
        array = np.asarray(value, object)
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of real numbers, not {_shown(value)} ({type(value).__name__})")
    if array.ndim != 1:
        raise ValueError(f"{name} must be one-dimensional, not of shape {array.shape}")
    if array.size == 0:
        raise ValueError(f"{name} must have at least one value; it is empty")
    with np.errstate(over="ignore"):
        converted = array.astype(dtype)
    lost = np.isinf(converted) & np.isfinite(array)
    if lost.any():
        raise ValueError(f"{name} has {array[lost][0]!s}, which is beyond the range of {dtype}")
    return converted


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= 60 else text[:57] + "..."
