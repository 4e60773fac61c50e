"""The picture of a sweep: a panel a derivative, and where points outnumber pixels the extremes of every column."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .store import ReplacedFile, checked_path
from .summary import mark

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .result import Run

SUFFIXES = (".png", ".svg", ".pdf")

_WIDTH, _DPI = 9.0, 150
# Two a pixel, so that a column's line spans all that its points do.
_COLUMNS = int(2 * _WIDTH * _DPI)
_BLOCK = 1 << 18
# Matplotlib multiplies the ends of an axis, which must not overflow.
_LARGEST = 1e150


def draw(run: Run, rows: Sequence[np.ndarray]) -> Figure:
    """The Figure of a sweep. Raises ImportError where matplotlib is not installed."""
    figure_class = _figure_class()
    count = len(rows)
    figure = figure_class(figsize=(_WIDTH, 1.2 + 2.0 * count), dpi=_DPI, layout="constrained")
    panels = np.atleast_1d(figure.subplots(count, 1, sharex=True))
    grid = run.grid
    for k, (panel, row) in enumerate(zip(panels, rows, strict=True)):
        index, values = envelope(row, _COLUMNS)
        x = np.where(index == grid.num - 1, grid.stop, grid.start + index * grid.step)
        panel.plot(x, values, color=f"C{k % 10}", linewidth=1.2, marker="." if grid.num <= 100 else None)
        panel.set_ylabel(f"{mark(k)}(x)" if k < 4 else f"{mark(k)} (x)", parse_math=False)
        panel.axhline(0, color="0.7", linewidth=0.8, zorder=1.5)
        panel.grid(color="0.92", linewidth=0.6)
        panel.set_axisbelow(True)
        threshold = _ordinary_size(values)
        if threshold is not None:
            _compress(panel, values, threshold)
    panels[-1].set_xlabel("x")
    panels[-1].set_xlim(*_limits(grid.start, grid.stop))
    title = run.function if len(run.function) <= 90 else run.function[:87] + "..."
    figure.suptitle(title, fontsize="medium", parse_math=False)
    figure.align_ylabels()
    return figure


def _compress(panel: Any, values: np.ndarray, threshold: float) -> None:
    """Gives the panel an axis that is linear up to the threshold and logarithmic beyond, and says so."""
    panel.set_yscale("asinh", linear_width=threshold)
    least, greatest = float(np.nanmin(values)), float(np.nanmax(values))
    low, high = np.arcsinh(np.array([least, greatest]) / threshold)
    margin = 0.05 * (high - low)
    panel.set_ylim(*(threshold * np.sinh([low - margin, high + margin])))
    ticks = _decades(threshold, max(-least, greatest))
    panel.set_yticks([*(-tick for tick in ticks if tick <= -least), 0, *(tick for tick in ticks if tick <= greatest)])
    panel.minorticks_off()
    panel.annotate(
        f"logarithmic beyond ±{threshold:.2g}", (1, 1.01), xycoords="axes fraction",
        ha="right", va="bottom", fontsize="small", color="0.4",
    )  # fmt: skip


def _decades(above: float, greatest: float) -> list[float]:
    """Three or four powers of ten, evenly apart, well above one number and up to another."""
    least, last = math.ceil(math.log10(above) + 0.5), math.floor(math.log10(greatest))
    return [10.0**exponent for exponent in range(last, least - 1, -math.ceil((last - least + 1) / 3))]


def _ordinary_size(values: np.ndarray) -> float | None:
    """What 90 % of the values do not exceed, where others, as at a pole, are so great that all else would be flat."""
    sizes = np.abs(values[np.isfinite(values)])
    if not sizes.size:
        return None
    ordinary = float(np.quantile(sizes, 0.9))
    return ordinary if 1 / _LARGEST < 1000 * ordinary < sizes.max() else None


def save_figure(figure: Figure, path: Any) -> None:
    """Writes the picture; the file appears once it is complete."""
    name = checked_path("path", path, SUFFIXES)
    target = ReplacedFile(name)
    try:
        figure.savefig(target.file, format=os.path.splitext(name)[1][1:].lower())
        target.commit()
    except BaseException:
        target.abandon()
        raise


def envelope(row: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and float64 values of a line that covers, in each of about ``columns`` columns, what the row covers.

    Of every column the minimum and the maximum are kept, in their order, and a NaN follows where the column has values
    that are not finite, so that the line breaks there. A row of at most two values a column is kept as it is.
    """
    if row.size <= 2 * columns:
        values = row.astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        return np.arange(row.size), np.clip(values, -_LARGEST, _LARGEST)
    width = -(-row.size // columns)
    group = max(_BLOCK // width, 1) * width
    pieces = [_extremes(row[first : first + group], first, width) for first in range(0, row.size, group)]
    # The ends are not always extremes of their columns.
    ends = np.array([0, row.size - 1])
    values = row[ends].astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    index = np.concatenate((ends[:1], *(piece[0] for piece in pieces), ends[1:]))
    values = np.concatenate((values[:1], *(piece[1] for piece in pieces), values[1:]))
    return index, np.clip(values, -_LARGEST, _LARGEST)


def _extremes(row: np.ndarray, first: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and values of the extremes of columns of ``width`` values; the last column may be shorter."""
    whole = row.size // width * width
    index, values = _of_columns(row[:whole].reshape(-1, width), first)
    if whole == row.size:
        return index, values
    rest_index, rest_values = _of_columns(row[whole:].reshape(1, -1), first + whole)
    return np.concatenate((index, rest_index)), np.concatenate((values, rest_values))


def _of_columns(block: np.ndarray, first: int) -> tuple[np.ndarray, np.ndarray]:
    finite = np.isfinite(block)
    clean = finite.all(axis=1)
    if clean.all():
        low, high = block.argmin(axis=1), block.argmax(axis=1)
    else:
        low = np.where(finite, block, np.inf).argmin(axis=1)
        high = np.where(finite, block, -np.inf).argmax(axis=1)
    column = np.arange(len(block))
    places = np.stack((np.minimum(low, high), np.maximum(low, high), np.full(len(block), block.shape[1] - 1)), axis=1)
    values = block[column[:, None], places].astype(np.float64)
    values[~finite.any(axis=1)] = np.nan
    values[:, 2] = np.nan
    kept = np.ones(places.shape, bool)
    kept[:, 2] = ~clean
    index = first + column[:, None] * block.shape[1] + places
    return index[kept], values[kept]


def _limits(start: float, stop: float) -> tuple[float, float]:
    return (start, stop) if start != stop else (start - 0.5, stop + 0.5)


def require_matplotlib() -> None:
    """Raises ImportError where matplotlib is not installed, naming the extra that has it."""
    _figure_class()


def _figure_class() -> type[Figure]:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(f'a plot needs matplotlib ({error}); install it with `pip install "gradcu[plot]"`') from error
    return Figure
