"""Sweeps of two variables, or of one with many values of params, as maps: a panel for f and for each derivative.

All maps have the same colours: values of both signs go from blue over white, which is 0, to red, values of one sign
from dark to light; NaN is grey. Where points outnumber pixels, a pixel shows that of its values which is the farthest
from the middle of the scale, so that no peak is lost, and the picture says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from . import scale
from .domain import Domain, listed
from .grid import LinspaceAxis
from .positions import Positions
from .scale import LARGEST
from .wanted import Partial

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLOCK = 1 << 22
_DOTS = 20_000
_GREY, _PINK, _CYAN = "0.72", "#ff2fd0", "#00c8c8"


def draw_maps(figure: Figure, domain: Domain, rows: Mapping[Partial, np.ndarray], across: int, pixels: int) -> None:
    """A map for each row, ``across`` of them side by side, each at most ``pixels`` cells wide and high.

    The first of two variables is the horizontal axis; beside one variable the params are the vertical one.
    """
    axes = [_positions(domain, number) for number in range(2)]
    turned = len(domain.variables) == 2
    horizontal, vertical = axes if turned else axes[::-1]
    notes: dict[str, None] = {}
    panels = _panels(figure, rows, across, horizontal.name, vertical.name)
    for panel, row in zip(panels, rows.values(), strict=True):
        if not horizontal.count or not vertical.count:
            continue
        cells = Cells(row.reshape(domain.shape), axes, pixels)
        colours = _Colours(np.concatenate((cells.least, cells.greatest)))
        values = colours.farthest(cells.least, cells.greatest)
        edges = [axis.edges(firsts) for axis, firsts in zip(axes, cells.firsts, strict=True)]
        image = panel.pcolorfast(
            *(edges if turned else edges[::-1]), np.ma.masked_invalid(colours.shown(values.T if turned else values)),
            norm=colours.norm, cmap=colours.map,
        )  # fmt: skip
        _add_bar(figure, panel, image, colours)
        if cells.points > 1:
            of_many = f"of about {cells.points:,} points"
            notes[f"each pixel shows, {of_many}, the value farthest from the middle of the scale"] = None
        notes |= dict.fromkeys(colours.notes(values))
    _write(figure, notes)


def draw_scattered(
    figure: Figure, domain: Domain, rows: Mapping[Partial, np.ndarray], across: int, pixels: int
) -> None:
    """A panel of dots for each row, at points of two variables; of many in one pixel one is shown."""
    u, v = (column.astype(np.float64) for column in domain.block(0, domain.num))
    drawable = np.flatnonzero((np.abs(u) < LARGEST) & (np.abs(v) < LARGEST))
    u, v = u[drawable], v[drawable]
    notes: dict[str, None] = {}
    panels = _panels(figure, rows, across, *domain.variables)
    for panel, row in zip(panels, rows.values(), strict=True):
        values = row[drawable].astype(np.float64)
        colours = _Colours(values)
        kept = np.arange(values.size)
        if values.size > _DOTS:
            kept = _one_a_pixel(u, v, np.abs(values - colours.middle), pixels)
            notes["of the points in a pixel, the one farthest from the middle of the scale is shown"] = None
        # White dots are to be seen.
        panel.set_facecolor("0.9")
        size = float(np.clip(4e4 / max(kept.size, 1), 2, 30))
        image = panel.scatter(
            u[kept], v[kept], size, colours.shown(values[kept]), norm=colours.norm, cmap=colours.map, linewidths=0,
            plotnonfinite=True, rasterized=True,
        )  # fmt: skip
        _add_bar(figure, panel, image, colours)
        notes |= dict.fromkeys(colours.notes(values[kept]))
    _write(figure, notes)


class Cells:
    """The values over two axes in cells: of each, the least and the greatest, where they are not NaN.

    ``firsts`` has, for either axis, the number of the first point of each cell; ``points`` is how many points a cell
    has.
    """

    def __init__(self, values: np.ndarray, axes: Sequence[Positions], most: int) -> None:
        steps = [-(-axis.count // most) for axis in axes]
        self.firsts = [np.arange(0, axis.count, step) for axis, step in zip(axes, steps, strict=True)]
        self.points = steps[0] * steps[1]
        outer, inner = axes
        group = max(_BLOCK // (inner.count * steps[0]), 1) * steps[0]
        pieces = []
        for first in range(0, outer.count, group):
            part = slice(first, min(first + group, outer.count))
            block = values[part if outer.order is None else outer.order[part]]
            block = block if inner.order is None else block[:, inner.order]
            pieces.append(_extremes(block.astype(np.float64), steps[0], self.firsts[1]))
        self.least, self.greatest = (np.concatenate(found) for found in zip(*pieces, strict=True))


def _extremes(block: np.ndarray, step: int, firsts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if step == 1 and firsts.size == block.shape[1]:
        return block, block
    rows = np.arange(0, len(block), step)
    least, greatest = (
        reduction.reduceat(reduction.reduceat(block, firsts, axis=1), rows, axis=0) for reduction in (np.fmin, np.fmax)
    )
    return least, greatest


class _Colours:
    """The colours of one panel: ``norm`` and ``map`` as matplotlib has them."""

    def __init__(self, values: np.ndarray) -> None:
        from matplotlib import colormaps
        from matplotlib.colors import FuncNorm, Normalize

        finite = np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        alike = high - low < 1 / LARGEST
        both = low < 0 < high or alike
        if both:
            high = max(-low, high)
            high = high if high > 1 / LARGEST else 1.0
            low = -high
        self.low, self.high, self.middle = low, high, (low + high) / 2
        self.threshold = scale.ordinary_size(finite)
        if self.threshold is None:
            self.norm: Normalize = Normalize(low, high)
        else:
            self.norm = FuncNorm(scale.halves(self.threshold, max(-low, high)), low, high)
        colours = colormaps["RdBu_r" if both else "viridis"]
        self.map = colours.with_extremes(bad=_GREY, over=_PINK, under=_CYAN)
        above, below = bool(np.isposinf(values).any()), bool(np.isneginf(values).any())
        self.extend = "both" if above and below else "max" if above else "min" if below else "neither"

    def farthest(self, least: np.ndarray, greatest: np.ndarray) -> np.ndarray:
        """Of either value the one that is farther from the middle of the scale."""
        with np.errstate(invalid="ignore"):
            return np.where(greatest - self.middle >= self.middle - least, greatest, least)

    def shown(self, values: np.ndarray) -> np.ndarray:
        """The values as matplotlib takes them: infinities are numbers beyond the scale."""
        beyond = 2 * max(abs(self.low), abs(self.high))
        return np.clip(values, -beyond, beyond)

    def notes(self, values: np.ndarray) -> list[str]:
        """What is to be said of the colours."""
        found = ["NaN is grey"] if bool(np.isnan(values).any()) else []
        return [*found, "the colours of the arrows are infinite"] if self.extend != "neither" else found


def _positions(domain: Domain, number: int) -> Positions:
    axis = domain.axes[number]
    if len(axis.names) > 1:
        # Several params have no order but their own.
        axis = LinspaceAxis(0, axis.num - 1, axis.num, np.float64, f"number of {listed(axis.names)}")
    return Positions(axis)


def _panels(figure: Figure, rows: Iterable[Partial], across: int, horizontal: str, vertical: str) -> list[Any]:
    names = [_label(partial) for partial in rows]
    panels = figure.subplots(-(-len(names) // across), across, squeeze=False).ravel().tolist()
    for panel in panels[len(names) :]:
        panel.remove()
    for number, (panel, name) in enumerate(zip(panels, names, strict=False)):
        panel.set_title(name, loc="left", fontsize="medium", parse_math=False)
        if number % across == 0:
            panel.set_ylabel(vertical)
        if number + across >= len(names):
            panel.set_xlabel(horizontal)
    return panels[: len(names)]


def _label(partial: Partial) -> str:
    """``f``, ``∂f/∂u``, ``∂²f/∂u∂v``, ``∂²f/∂u²``."""
    if not partial:
        return "f"
    parts = (f"∂{name}{_superscript(len(list(group)))}" for name, group in groupby(partial))
    return f"∂{_superscript(len(partial))}f/{''.join(parts)}"


def _superscript(number: int) -> str:
    return "" if number == 1 else str(number).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _add_bar(figure: Figure, panel: Any, image: Any, colours: _Colours) -> None:
    bar = figure.colorbar(image, ax=panel, extend=colours.extend, aspect=30, pad=0.02)
    bar.ax.tick_params(labelsize="small")
    if colours.threshold is not None:
        ticks = _ticks(colours.threshold, colours.low, colours.high)
        bar.set_ticks(ticks, labels=[f"{tick:g}".replace("-", "\N{MINUS SIGN}") for tick in ticks])
        bar.ax.minorticks_off()
        panel.set_title(scale.note(colours.threshold), loc="right", fontsize="small", color="0.4")


def _ticks(threshold: float, low: float, high: float) -> list[float]:
    """Those of a logarithmic scale that leave room for a round number at the end of its linear part."""
    size = 10.0 ** math.floor(math.log10(threshold))
    within = threshold // size * size
    clear = threshold * (max(-low, high) / threshold) ** 0.2
    beyond = [tick for tick in scale.ticks(threshold, low, high) if tick == 0 or abs(tick) > clear]
    return [*(tick for tick in (-within, within) if low <= tick <= high), *beyond]


def _one_a_pixel(u: np.ndarray, v: np.ndarray, size: np.ndarray, pixels: int) -> np.ndarray:
    """The index of the point of the largest size in each pixel that has any; a NaN is shown where it is alone."""
    columns = [_pixel(coordinate, pixels) for coordinate in (u, v)]
    pixel = columns[0] * pixels + columns[1]
    order = np.lexsort((np.where(np.isnan(size), -1, size), pixel))
    last = np.flatnonzero(np.diff(pixel[order], append=-1))
    return order[last]


def _pixel(coordinate: np.ndarray, pixels: int) -> np.ndarray:
    low, high = coordinate.min(), coordinate.max()
    share = (coordinate - low) / (high - low) if high > low else np.zeros(coordinate.size)
    return np.minimum((share * pixels).astype(np.int64), pixels - 1)


def _write(figure: Figure, notes: dict[str, None]) -> None:
    if notes:
        figure.supxlabel("; ".join(notes), fontsize="small", color="0.4")
