"""The points of a sweep's kernel: what kernels/sweep.cu is told of a linspace, or of a product of axes.

Only text is made here, and what a launch needs to know; nothing imports CuPy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .._linspace import SEGMENT, SPAN, linspace_spans
from .._template import kernel_file

MOST_POINTS = 16 * SPAN
"""How many points one launch of a sweep can compute."""

# Those of a launch begin amid a span; and where they go on at the beginning of an axis, the axis ends amid another.
_MOST_SPANS, _MOST_EXACT = MOST_POINTS // SPAN + 2, 4

_STATEMENT = "\n" + " " * 12

LINE = np.dtype(
    [
        ("step", "f8", 3), ("origins", "f8", (_MOST_SPANS, 2)), ("exact_at", "i8", _MOST_EXACT),
        ("exact", "f8", _MOST_EXACT), ("quick_step", "f4", 2), ("offset_error", "f4"),
    ],
    align=True,
)  # fmt: skip
"""The struct Line of kernels/line.cuh, which `line_of` fills."""


class KernelAxis(NamedTuple):
    """An axis: the inputs of a program that have their values along it, given ones, or those of a linspace."""

    inputs: tuple[str, ...]
    is_given: bool


Axes = tuple[KernelAxis, ...]
"""What the points of a kernel are the product of, counted in C order."""


def axes_dtype(axes: Axes) -> np.dtype:
    """The struct Points of kernels/axes.cuh."""
    lines = max(sum(not axis.is_given for axis in axes), 1)
    numbers = [("lengths", "i8", (len(axes),)), ("begins", "i8", (len(axes),))]
    return np.dtype([*numbers, ("lines", LINE, (lines,))], align=True)


def line_of(start: float, stop: float, num: int, first: int, count: int) -> np.ndarray | None:
    """The `LINE` for points first, ..., first + count - 1 of ``linspace(start, stop, num)``, an array of one.

    Behind the last point stands the first again. None where the kernel can't make the points: numbers near the ends of
    float64's range.

    >>> line_of(0.0, 1.0, 2**40 + 1, 2**39, 2)["origins"][0, 0].tolist()
    [0.5, 0.0]
    """
    spans = linspace_spans(start, stop, num, first, min(count, num - first))
    if spans is None:
        return None
    origins = spans.origins
    if first + count > num:
        again = linspace_spans(start, stop, num, 0, first + count - num)
        assert again is not None
        origins = np.concatenate((origins, again.origins))
    line = np.zeros(1, LINE)
    line["step"] = spans.step
    line["origins"][0, : len(origins)] = origins
    line["exact_at"] = -1
    line["exact_at"][0, : len(spans.exact_at)] = spans.exact_at
    line["exact"][0, : len(spans.exact)] = spans.exact
    with np.errstate(all="ignore"):
        high = np.float32(spans.step[0])
        line["quick_step"] = high, spans.step[0] - float(high) + spans.step[1]
        # Base and offset are off by less than 2**-44 of the larger of the two, mostly by the roundings of three terms
        # that are 2**-22 of it; and by what is flushed to zero, times an index.
        line["offset_error"] = abs(spans.step[0]) * SEGMENT * 2.0**-42 + 2.0**-104
    return line


def window(shape: Sequence[int], number: int, first: int, count: int) -> tuple[int, int]:
    """Which points of an axis those numbered first, ..., first + count - 1 of a product have: the first, how many.

    Behind the last point of the axis stands the first again.

    >>> window((4, 5), 1, 3, 3), window((4, 5), 0, 3, 3), window((4, 5), 1, 3, 9)
    ((3, 3), (0, 2), (0, 5))
    """
    inner, length = math.prod(shape[number + 1 :]), shape[number]
    begin, end = first // inner, (first + count - 1) // inner + 1
    return (0, length) if end - begin >= length else (begin % length, end - begin)


def line_window(length: int, begin: int, count: int) -> tuple[int, int]:
    """The window of a linspace for which `line_of` is asked: all of it, where it has no more spans than fit."""
    return (0, length) if length <= _MOST_SPANS * SPAN else (begin, count)


def points_fillings(inputs: Sequence[str], axes: Axes | None) -> dict[str, str]:
    """What stands for the marks of kernels/sweep.cu that are about its points; None are those of one linspace."""
    found = {
        "LINE": kernel_file("line.cuh"),
        "POINTS": kernel_file("one_line.cuh" if axes is None else "axes.cuh"),
        "MOST_SPANS": str(_MOST_SPANS),
        "MOST_EXACT": str(_MOST_EXACT),
        "INPUT_COUNT": str(len(inputs)),
        "INPUTS": ", ".join(f"const T {name}" for name in inputs),
        "INPUT_VALUES": ", ".join(f"inputs[{k}].values[w]" for k in range(len(inputs))),
    }
    axes = axes or ()
    given = [name for axis in axes if axis.is_given for name in axis.inputs]
    return found | {
        "AXES": str(len(axes)),
        "LINES": str(sum(not axis.is_given for axis in axes)),
        "GIVEN_COUNT": str(len(given)),
        "GIVEN_PARAMETERS": "".join(f"const T *const given{k}, " for k in range(len(given))),
        "GIVEN_NAMES": ", ".join(f"given{k}" for k in range(len(given))),
        "COORDINATES": _STATEMENT.join(_coordinates(inputs, axes, given)),
    }


def _coordinates(inputs: Sequence[str], axes: Axes, given: Sequence[str]) -> list[str]:
    """A statement for each input, which finds its value at the indices of a point along the axes."""
    statements: list[str] = []
    line = 0
    for d, axis in enumerate(axes):
        place = f"index[{d}], points.begins[{d}], points.lengths[{d}]"
        for name in axis.inputs:
            value = f"given[{given.index(name)}][behind({place})]" if axis.is_given else (
                f"value_of(points.lines[{line}], walk.reached[{line}], {place})"
            )  # fmt: skip
            statements.append(f"inputs[{inputs.index(name)}].values[w] = {value};")
        line += not axis.is_given
    return statements
