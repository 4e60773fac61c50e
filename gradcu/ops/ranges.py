"""Tensors of evenly spaced numbers: arange, linspace, logspace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._define import function
from .._device import CPU, DEFAULT
from .._dtype import as_dtype, c_name, default_complex_dtype, get_default_dtype
from .._silence import silenced
from .._tensor import Tensor
from ._arguments import type_name
from .creation import built, held, made

_INT64, _FLOAT32, _FLOAT64 = np.dtype("int64"), np.dtype("float32"), np.dtype("float64")
_SHORT = 1 << 13
_default_device = DEFAULT.get
_PLAIN = (float, int)


def _ends(name: str, start: Any, end: Any) -> tuple[Any, Any]:
    """The numbers that ``start`` and ``end`` are. Raises RuntimeError for Tensors of more than 0 dimensions."""
    wrong = [
        f"{argument} with {value.ndim} dimension(s)"
        for argument, value in (("start", start), ("end", end))
        if isinstance(value, Tensor) and value.ndim
    ]
    if wrong:
        raise RuntimeError(f"{name} only supports 0-dimensional start and end tensors, but got {' and '.join(wrong)}.")
    return _number(name, "start", start), _number(name, "end", end)


def _number(name: str, argument: str, value: Any) -> Any:
    """The Python number that an end or a step, maybe a 0-dim Tensor or a NumPy scalar, is."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, Tensor):
        return value._array.item()
    if isinstance(value, np.generic):
        value = value.item()
    if not isinstance(value, int | float | complex):
        raise TypeError(f"{name}(): argument '{argument}' must be Number, not {type_name(value)}")
    return value


@function(method=False)
def arange(
    *args: Any,
    start: Any = 0,
    end: Any = None,
    step: Any = 1,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """The numbers start, start + step, ... below ``end``, or above it where the step is negative.

    Called as ``arange(end)``, ``arange(start, end)`` or ``arange(start, end, step)``. Of int64 where all are ints, else
    of the default dtype, unless ``dtype`` is given. Their count is ceil((end - start) / step), in float64. Raises
    RuntimeError where the step is 0, leads away from ``end``, or the range is not finite.

    >>> import gradcu
    >>> gradcu.arange(1, 10, 3)
    tensor([1, 4, 7])
    >>> gradcu.arange(0, 1, 0.25)
    tensor([0.0000, 0.2500, 0.5000, 0.7500])
    """
    if len(args) == 1 and end is None:
        end = args[0]
    elif len(args) == 1:
        start = args[0]
    elif len(args) == 2:
        start, end = args
    elif len(args) == 3:
        start, end, step = args
    elif args:
        raise TypeError(f"arange() takes from 1 to 3 positional arguments but {len(args)} were given")
    if end is None:
        raise TypeError('arange() missing 1 required positional arguments: "end"')
    first, last, by = (
        _number("arange", name, value) for name, value in (("start", start), ("end", end), ("step", step))
    )
    if any(isinstance(value, complex) for value in (first, last, by)):
        raise RuntimeError("value cannot be converted to type double without overflow")
    whole = all(isinstance(value, int) for value in (first, last, by))
    kind = (_INT64 if whole else get_default_dtype()) if dtype is None else as_dtype(dtype)
    if kind.kind in "bc":
        raise NotImplementedError(f"arange() is not implemented for {kind}: give an integer or floating-point dtype")
    if kind == _INT64 and by and all(map(math.isfinite, (first, last, by))):
        # PyTorch cuts them off before it counts, for this dtype alone.
        first, last, by, whole = int(first), int(last), int(by) or by, True
    count = _count(first, last, by, whole)
    if kind.kind in "iu":
        first, by = int(first), int(by)
        if not by:
            raise ValueError("step must be nonzero")
        wide = kind if kind == np.uint64 else _INT64
        return built("arange", lambda xp: _stepped(xp, first, by, count, wide, kind), device, requires_grad, pin_memory)
    return built("arange", lambda xp: _stepped(xp, first, by, count, _FLOAT64, kind), device, requires_grad, pin_memory)


@silenced
def _stepped(xp: Any, first: Any, by: Any, count: int, computed_in: np.dtype[Any], kind: np.dtype[Any]) -> Any:
    return (first + by * xp.arange(count, dtype=computed_in)).astype(kind)


def _count(first: Any, last: Any, by: Any, whole: bool) -> int:
    """How many numbers `arange` gives."""
    if not by:
        raise RuntimeError("step must be nonzero")
    if not (math.isfinite(first) and math.isfinite(last)):
        raise RuntimeError(f"unsupported range: {first} -> {last}")
    if (last - first) * (1 if by > 0 else -1) < 0:
        raise RuntimeError("upper bound and lower bound inconsistent with step sign")
    return -((first - last) // by) if whole else math.ceil((last - first) / by)


@function(method=False)
def linspace(
    start: Any,
    end: Any,
    steps: int,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """``steps`` evenly spaced numbers from ``start`` to ``end``, both included; for one step, ``start`` alone.

    Each is within one unit in the last place of its true value, however many there are, and the ends are exact.
    Integer dtypes cut the numbers off towards zero. Raises RuntimeError where ``steps`` is negative or an end is not
    in the dtype's range, TypeError where ``steps`` is no int.

    >>> import gradcu
    >>> gradcu.linspace(0, 1, 5)
    tensor([0.0000, 0.2500, 0.5000, 0.7500, 1.0000])
    """
    if type(start) not in _PLAIN or type(end) not in _PLAIN:
        start, end = _ends("linspace", start, end)
    if type(steps) is not int:
        steps = _as_steps("linspace", steps)
    if steps < 0:
        raise RuntimeError("number of steps must be non-negative")
    found = type(start) is complex or type(end) is complex
    if dtype is None:
        kind = default_complex_dtype() if found else get_default_dtype()
    else:
        kind = as_dtype(dtype)
        if found and kind.kind != "c":
            raise RuntimeError(f"value cannot be converted to type {c_name(kind)} without overflow")
    if device is None and not pin_memory and _default_device() is CPU:
        return made(_points(start, end, steps, kind), requires_grad)
    return built("linspace", lambda xp: _points_of(xp, start, end, steps, kind), device, requires_grad, pin_memory)


def _as_steps(name: str, steps: Any) -> int:
    if isinstance(steps, bool) or not hasattr(steps, "__index__"):
        raise TypeError(f"{name}(): argument 'steps' (position 3) must be int, not {type_name(steps)}")
    return steps.__index__()


def _points(start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """The points of linspace, on the CPU."""
    if kind is _FLOAT32 and steps <= _SHORT and -1e38 < start < 1e38 and -1e38 < end < 1e38:
        return _short(float(start), float(end), steps)
    if kind.kind == "b":
        raise NotImplementedError("linspace() is not implemented for bool: give another dtype")
    if kind.kind == "c":
        half = np.dtype("float32" if kind == np.complex64 else "float64")
        out = np.empty(steps, kind)
        out.real, out.imag = (
            _points(a, b, steps, half)
            for a, b in ((complex(start).real, complex(end).real), (complex(start).imag, complex(end).imag))
        )
        return out
    first, last = held(start, kind), held(end, kind)
    if kind.kind in "iu":
        return _whole_points(int(first), int(last), steps, kind)
    if not (math.isfinite(start) and math.isfinite(end)):
        return _unbounded(start, end, steps, kind)
    from .._linspace import linspace_block

    return linspace_block(float(start), float(end), steps, 0, steps, kind)


def _points_of(xp: Any, start: Any, end: Any, steps: int, kind: np.dtype[Any]) -> Any:
    """The same points, made by the array module ``xp``; only where they are few, or special, copies of NumPy's."""
    if xp is np or kind.kind != "f" or not (math.isfinite(start) and math.isfinite(end)):
        return xp.asarray(_points(start, end, steps, kind))
    from .._linspace import SEGMENT, linspace_pieces

    for limit in (start, end):
        held(limit, kind)
    pieces = linspace_pieces(float(start), float(end), steps, 0, steps)
    if pieces is None:
        return xp.asarray(_points(start, end, steps, kind))
    high, low = (xp.asarray(part[:SEGMENT]) for part in pieces.table)
    base, base_low = xp.asarray(pieces.bases.T)[..., None]
    points = base + high
    if kind == np.float64:
        # TwoSum gives what the addition lost: see `gradcu._linspace`.
        part = points - base
        points += (base - (points - part)) + (high - part) + (low + base_low)
    points = points.reshape(-1)[:steps].astype(kind, copy=False)
    points[xp.asarray(pieces.exact_at)] = xp.asarray(pieces.exact, kind)
    return points


def _short(start: float, end: float, steps: int) -> np.ndarray[Any, Any]:
    """Not too many points in float32. Computed in float64, they are exact enough unless they nearly cancel.

    Rounding errs by 2**-52 of the larger end, so what is larger than 2**-22 of that keeps 30 bits. At most one of so
    few points is smaller, the one next to a change of sign; it is computed in integers.
    """
    if steps < 2:
        return np.full(steps, start, _FLOAT32)
    last = steps - 1
    step = (end - start) / last
    points = _RAMP[:steps] * step
    points += start
    near = round(-start / step) if start < 0 < end or end < 0 < start else 0
    if abs(points.item(near)) < max(abs(start), abs(end)) * 2**-22:
        top, bottom = start.as_integer_ratio()
        end_top, end_bottom = end.as_integer_ratio()
        points[near] = (top * end_bottom * (last - near) + end_top * bottom * near) / (bottom * end_bottom * last)
    points[last] = end
    return points.astype(_FLOAT32)


_RAMP = np.arange(_SHORT, dtype=np.float64)


def _whole_points(start: int, end: int, steps: int, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Points in integers, cut off towards zero; exact, where their products with the index fit into int64."""
    if steps < 2:
        return np.full(steps, start, kind)
    last = steps - 1
    index = np.arange(steps, dtype=np.int64)
    if max(abs(start), abs(end)) * last >= 2**62:
        index = index.astype(object)
    tops = start * (last - index) + end * index
    return (np.sign(tops) * (abs(tops) // last)).astype(kind)


def _unbounded(start: float, end: float, steps: int, kind: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Points between ends of which one is infinite or NaN."""
    with np.errstate(all="ignore"):
        index = np.arange(steps, dtype=np.float64)
        points = start + index * ((end - start) / max(steps - 1, 1))
    points[:1] = start
    if steps > 1:
        points[-1] = end
    return points.astype(kind)


@function(method=False)
def logspace(
    start: Any,
    end: Any,
    steps: int,
    base: float = 10.0,
    *,
    dtype: Any = None,
    device: Any = None,
    pin_memory: bool = False,
    requires_grad: bool = False,
) -> Tensor:
    """``base`` to the power of ``steps`` evenly spaced numbers from ``start`` to ``end``, both included.

    Raises RuntimeError where ``steps`` is negative, TypeError where it is no int.

    >>> import gradcu
    >>> gradcu.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    first, last = _ends("logspace", start, end)
    count = _as_steps("logspace", steps)
    if count < 0:
        raise RuntimeError("number of steps must be non-negative")
    found = any(isinstance(value, complex) for value in (first, last, base))
    if dtype is None:
        kind = default_complex_dtype() if found else get_default_dtype()
    else:
        kind = as_dtype(dtype)
        if found and kind.kind != "c":
            raise RuntimeError(f"value cannot be converted to type {c_name(kind)} without overflow")
    if kind.kind in "iu":
        # PyTorch takes integer ends, and only then floats between them.
        first, last = int(held(first, kind)), int(held(last, kind))

    def powers(xp: Any) -> Any:
        exponents = _points_of(xp, first, last, count, np.dtype("complex128" if found else "float64"))
        with np.errstate(all="ignore"):
            return xp.power(base, exponents).astype(kind)

    return built("logspace", powers, device, requires_grad, pin_memory)
