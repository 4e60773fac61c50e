"""The scale of a picture: linear where most values are, logarithmic beyond, where a few would make all else flat."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

LARGEST = 1e150
"""Matplotlib multiplies the ends of an axis, which must not overflow."""


def ordinary_size(values: np.ndarray) -> float | None:
    """What 90 % of the values do not exceed, where others, as at a pole, are so great that all else would be flat."""
    sizes = np.abs(values[np.isfinite(values)])
    if not sizes.size:
        return None
    ordinary = float(np.quantile(sizes, 0.9))
    return ordinary if 1 / LARGEST < 1000 * ordinary < sizes.max() else None


def ticks(threshold: float, least: float, greatest: float) -> list[float]:
    """Places to label from one number to another: 0, and a few powers of ten beyond the threshold on either side."""
    decades = _decades(threshold, max(-least, greatest))
    return [*(-tick for tick in decades if tick <= -least), 0, *(tick for tick in decades if tick <= greatest)]


def halves(threshold: float, largest: float) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    """A function for colours, odd, from 0 to 1 at the largest number, and its inverse.

    Half of the colours are for numbers up to the threshold, which would be left with few of them on a scale such as
    that of a line's panel.
    """
    span = math.log(largest / threshold)

    def share(value: Any) -> Any:
        size = np.abs(value) / threshold
        return np.sign(value) * np.where(size <= 1, size, 1 + np.log(np.maximum(size, 1)) / span) / 2

    def value(share: Any) -> Any:
        size = 2 * np.abs(share)
        return np.sign(share) * threshold * np.where(size <= 1, size, np.exp((np.maximum(size, 1) - 1) * span))

    return share, value


def note(threshold: float) -> str:
    """What a picture says where it is partly logarithmic."""
    return f"logarithmic beyond ±{threshold:.2g}"


def _decades(above: float, greatest: float) -> list[float]:
    """Three or four powers of ten, evenly apart, well above one number and up to another."""
    least, last = math.ceil(math.log10(above) + 0.5), math.floor(math.log10(greatest))
    return [10.0**exponent for exponent in range(last, least - 1, -math.ceil((last - least + 1) / 3))]
