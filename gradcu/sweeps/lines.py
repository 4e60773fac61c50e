"""Sweeps of one variable as lines, and where points outnumber pixels the extremes of every column of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from . import scale
from .domain import Domain
from .positions import Positions
from .scale import LARGEST
from .summary import mark
from .wanted import Partial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLOCK = 1 << 18


def draw_lines(figure: Figure, domain: Domain, rows: Mapping[Partial, np.ndarray], columns: int) -> None:
    """A panel for f and for each derivative, with a line for each value of the params, over that many columns."""
    panels = np.atleast_1d(figure.subplots(len(rows), 1, sharex=True))
    points = Positions(domain.axes[-1])
    for panel, (partial, row) in zip(panels, rows.items(), strict=True):
        k = len(partial)
        drawn = []
        for number, line in enumerate(row.reshape(-1, domain.shape[-1])):
            index, values = envelope(line if points.order is None else line[points.order], columns)
            colour = number if domain.params else k
            marker = "." if points.count <= 100 else None
            panel.plot(points.at(index), values, color=f"C{colour % 10}", linewidth=1.2, marker=marker)
            drawn.append(values)
        panel.set_ylabel(label(k, points.name), parse_math=False)
        panel.axhline(0, color="0.7", linewidth=0.8, zorder=1.5)
        panel.grid(color="0.92", linewidth=0.6)
        panel.set_axisbelow(True)
        _compress(panel, np.concatenate(drawn))
    panels[-1].set_xlabel(points.name)
    panels[-1].set_xlim(*points.limits())
    if domain.params:
        names = [_values_of_params(domain, number) for number in range(domain.shape[0])]
        figure.legend(panels[0].lines[: len(names)], names, loc="outside right upper", fontsize="small")
    figure.align_ylabels()


def label(k: int, name: str) -> str:
    """``f'(x)``, ``f(4) (x)``."""
    return f"{mark(k)}({name})" if k < 4 else f"{mark(k)} ({name})"


def _values_of_params(domain: Domain, number: int) -> str:
    values = domain.axes[0].block(number, 1)[:, 0]
    return ", ".join(f"{name} = {value:.4g}" for name, value in zip(domain.params, values.tolist(), strict=True))


def _compress(panel: Any, values: np.ndarray) -> None:
    """Makes the panel's axis logarithmic where a few values would make all others flat, and says so."""
    threshold = scale.ordinary_size(values)
    if threshold is None:
        return
    panel.set_yscale("asinh", linear_width=threshold)
    least, greatest = float(np.nanmin(values)), float(np.nanmax(values))
    low, high = np.arcsinh(np.array([least, greatest]) / threshold)
    margin = 0.05 * (high - low)
    panel.set_ylim(*(threshold * np.sinh([low - margin, high + margin])))
    panel.set_yticks(scale.ticks(threshold, least, greatest))
    panel.minorticks_off()
    panel.annotate(
        scale.note(threshold),
        (1, 1.01),
        xycoords="axes fraction",
        ha="right",
        va="bottom",
        fontsize="small",
        color="0.4",
    )


def envelope(row: np.ndarray, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Indices and float64 values of a line that covers, in each of about ``columns`` columns, what the row covers.

    Of every column the minimum and the maximum are kept, in their order, and a NaN follows where the column has values
    that are not finite, so that the line breaks there. A row of at most two values a column is kept as it is.
    """
    if row.size <= 2 * columns:
        values = row.astype(np.float64)
        values[~np.isfinite(values)] = np.nan
        return np.arange(row.size), np.clip(values, -LARGEST, LARGEST)
    width = -(-row.size // columns)
    group = max(_BLOCK // width, 1) * width
    pieces = [_extremes(row[first : first + group], first, width) for first in range(0, row.size, group)]
    # The ends are not always extremes of their columns.
    ends = np.array([0, row.size - 1])
    values = row[ends].astype(np.float64)
    values[~np.isfinite(values)] = np.nan
    index = np.concatenate((ends[:1], *(piece[0] for piece in pieces), ends[1:]))
    values = np.concatenate((values[:1], *(piece[1] for piece in pieces), values[1:]))
    return index, np.clip(values, -LARGEST, LARGEST)


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
