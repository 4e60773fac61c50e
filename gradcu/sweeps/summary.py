"""The summary of a sweep: figures to read as attributes, a table to print, a dict for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .domain import Domain, Place
from .grid import LinspaceAxis, counted
from .statistics import CHANGES_LISTED, BlockStatistics, Entry

if TYPE_CHECKING:
    from .result import Run


class Row:
    """The extremes of f or of a derivative over all points where it is not NaN, where they are, NaNs and infinities.

    A place is the value of x, or where there are several variables, or params, a dict of all their values. Of equal
    extremes the first counts. All NaN gives NaN, nowhere (None).
    """

    __slots__ = ("infinite", "maximum", "maximum_at", "minimum", "minimum_at", "name", "nan")

    def __init__(self, name: str, statistics: Any, domain: Domain) -> None:
        self.name = name
        self.minimum, self.maximum = statistics.minimum, statistics.maximum
        found = not math.isnan(self.minimum)
        self.minimum_at: Place | None = domain.place(statistics.minimum_at) if found else None
        self.maximum_at: Place | None = domain.place(statistics.maximum_at) if found else None
        self.nan, self.infinite = statistics.nan, statistics.infinite


class SignChange:
    """A place where f' changes its sign between neighbouring points, interpolated; ``rising`` from minus to plus."""

    __slots__ = ("rising", "x")

    def __init__(self, before: Entry, after: Entry, domain: Domain) -> None:
        def point(index: int) -> float:
            return float(domain.block(index, 1)[0][0])

        (left, a), (right, b) = before, after
        self.rising = a < 0
        if right - left > 1:
            # The points in between have f' = 0.
            self.x = (point(left + 1) + point(right - 1)) / 2
            return
        # A pole, where f' is infinite on one side, or a difference too large to tell: the middle is as good as any.
        share = a / (a - b) if math.isfinite(a - b) else 0.5
        low, high = point(left), point(right)
        self.x = low + share * (high - low)


class Summary:
    """What a sweep computed, how and how fast; ``print`` shows it as a table.

    ``axes`` has the figures of each variable and param: start, stop, num and step of evenly spaced points, num, minimum
    and maximum of others; ``start``, ``stop`` and ``step`` are None unless there is one variable, evenly spaced.
    ``rows`` has a Row for f and for each derivative. ``sign_change_count`` counts the sign changes of f' (None where f'
    is not among the rows, and where the points are not one row in ascending or descending order), and ``sign_changes``
    lists the first of them, at most 20. Zeros between two signs are passed over, NaN is not. ``compute_seconds`` and
    ``transfer_seconds`` are what CUDA devices took for the engine cuda's kernels, and for copies to the host beside
    these; else None.
    """

    def __init__(self, run: Run, statistics: BlockStatistics) -> None:
        domain = run.domain
        self.function, self.order = run.function, run.wanted.order
        self.num, self.shape, self.dtype = domain.num, domain.shape, domain.dtype
        self.axes = {name: _axis_figures(domain, name) for name in domain.names}
        line = domain.line
        self.start, self.stop, self.step = (None,) * 3 if line is None else (line.start, line.stop, line.step)
        self.device, self.device_reason = run.device, run.reason
        self.engine, self.engine_reason = run.engine, run.engine_reason
        self.threads, self.chunk, self.seconds = run.threads, run.chunk, run.seconds
        self.points_per_second = run.computed / run.seconds
        devices = run.on_devices
        self.compute_seconds = None if devices is None else devices.compute
        self.transfer_seconds = None if devices is None else devices.transfer
        self.rows = [Row(name, found, domain) for name, found in zip(run.wanted.names, statistics.rows, strict=True)]
        changes = statistics.changes if run.wanted.has_slope else None
        self.sign_change_count = None if changes is None else changes.count
        places = [] if changes is None else changes.places
        self.sign_changes = [SignChange(before, after, domain) for before, after in places]

    def as_dict(self) -> dict[str, Any]:
        """All figures as JSON has them; NaN and infinities, which it lacks, are the strings "nan", "inf" and "-inf"."""
        changes = None
        if self.sign_change_count is not None:
            changes = {
                "of": "d1",
                "count": self.sign_change_count,
                "listed": CHANGES_LISTED,
                "at": [{"x": change.x, "rising": change.rising} for change in self.sign_changes],
            }
        rows = {}
        for row in self.rows:
            figures = {name: getattr(row, name) for name in Row.__slots__ if name != "name"}
            rows[row.name] = {name: as_json(value) for name, value in figures.items()}
        if self.step is None:
            points = {"num": self.num, "shape": list(self.shape), "axes": as_json(self.axes)}
        else:
            points = {"start": self.start, "stop": self.stop, "num": self.num, "step": self.step}
        return {
            "function": self.function,
            **points,
            "dtype": str(self.dtype),
            "order": self.order,
            "device": self.device,
            "device_reason": self.device_reason,
            "engine": self.engine,
            "engine_reason": self.engine_reason,
            "threads": self.threads,
            "chunk": self.chunk,
            "seconds": self.seconds,
            "points_per_second": self.points_per_second,
            "compute_seconds": self.compute_seconds,
            "transfer_seconds": self.transfer_seconds,
            "rows": rows,
            "sign_changes": changes,
        }

    def heading(self) -> list[str]:
        """The lines that say what was computed, and how."""
        facts = [
            ("function", self.function),
            *self._points_described(),
            ("order", f"{self.order}"),
            ("device", f"{self.device} ({self.device_reason})"),
            (
                "engine",
                f"{self.engine} ({self.engine_reason}), {counted(self.threads, 'thread')}, "
                f"blocks of {counted(self.chunk, 'point')}",
            ),
            ("time", f"{self.seconds:.3g} s{self._on_devices()}"),
            ("rate", f"{thousands(self.points_per_second)} points/s" if self.points_per_second else "all was there"),
        ]
        width = max(10, *(len(name) + 2 for name, _ in facts))
        return [f"{name:<{width}}{value}" for name, value in facts]

    def _on_devices(self) -> str:
        if self.compute_seconds is None or self.transfer_seconds is None:
            return ""
        beside = f", and {self.transfer_seconds:.3g} s to the host beside it" if self.transfer_seconds else ""
        return f", of which {self.compute_seconds:.3g} s in kernels{beside}"

    @property
    def digits(self) -> int:
        """How many digits of a result are worth printing."""
        return 8 if self.dtype.itemsize <= 4 else 15

    def __str__(self) -> str:
        lines = [*self.heading(), "", *aligned(self._extremes())]
        if self.sign_change_count is not None:
            lines += ["", *self._sign_change_lines()]
        return "\n".join(lines)

    __repr__ = __str__

    def _points_described(self) -> list[tuple[str, str]]:
        if self.step is not None:
            line = f"{self.num:,} from {self.start:g} to {self.stop:g}, step {self.step:g}, {self.dtype}"
            return [("points", line)]
        sizes = " x ".join(f"{size:,}" for size in self.shape)
        described = []
        for name, axis in self.axes.items():
            if "step" in axis:
                values = f"from {axis['start']:g} to {axis['stop']:g}, step {axis['step']:g}"
            else:
                values = f"given, from {axis['minimum']:g} to {axis['maximum']:g}"
            described.append((name, f"{axis['num']:,} {values}"))
        return [("points", f"{sizes}, {self.dtype}"), *described]

    def titles(self) -> list[str]:
        """The titles of a place's columns, one a coordinate."""
        return [f"at {name}" for name in self.axes]

    def coordinates(self, place: Place | None) -> list[float | None]:
        """What goes under `titles`."""
        return list(place.values()) if isinstance(place, dict) else [place] * len(self.axes)

    def cells(self, figures: Iterable[float | None]) -> list[str]:
        """The figures of a table."""
        return ["-" if value is None else f"{value:.{self.digits}g}" for value in figures]

    def _extremes(self) -> list[list[str]]:
        table = [["", "minimum", *self.titles(), "maximum", *self.titles(), "NaN", "inf"]]
        for row in self.rows:
            least = [row.minimum, *self.coordinates(row.minimum_at)]
            greatest = [row.maximum, *self.coordinates(row.maximum_at)]
            cells = self.cells([*least, *greatest])
            table.append([shown_name(row.name), *cells, f"{row.nan:,}", f"{row.infinite:,}"])
        return table

    def _sign_change_lines(self) -> list[str]:
        digits = self.digits
        count, shown = self.sign_change_count, len(self.sign_changes)
        if not count:
            return ["f' does not change its sign"]
        times = {1: "once", 2: "twice"}.get(count, f"{count:,} times")
        head = f"f' changes its sign {times}" + (f", the first {shown} of them" if count > shown else "") + ":"
        changes = self.sign_changes
        return [head, *(f"  x = {c.x:<{digits + 6}.{digits}g} {'- to +' if c.rising else '+ to -'}" for c in changes)]


def aligned(table: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = []
    for name, *figures in table:
        right = (f"{cell:>{width}}" for cell, width in zip(figures, widths[1:], strict=True))
        lines.append("  ".join((f"{name:<{max(widths[0], 8)}}", *right)))
    return lines


def _axis_figures(domain: Domain, name: str) -> dict[str, float]:
    axis = domain.axes[domain.dimension(name)]
    if isinstance(axis, LinspaceAxis):
        return {"start": axis.start, "stop": axis.stop, "num": axis.num, "step": axis.step}
    values = domain.axis(name)
    known = values[~np.isnan(values)]
    least, greatest = (float(known.min()), float(known.max())) if known.size else (math.nan, math.nan)
    return {"num": axis.num, "minimum": least, "maximum": greatest}


def shown_name(name: str) -> str:
    """The name of a row for readers: f'' for d2; the names of partials are what they are in files."""
    return mark(int(name[1:])) if name[1:].isdigit() else name


def mark(k: int) -> str:
    """``f``, ``f'``, ``f''``, ``f'''``, ``f(4)``, ..."""
    return "f" + "'" * k if k < 4 else f"f({k})"


def as_json(value: Any) -> Any:
    """A value as JSON has it: NaN and infinities, which it lacks, are strings."""
    if isinstance(value, dict):
        return {name: as_json(part) for name, part in value.items()}
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def thousands(rate: float) -> str:
    """``123456789`` -> ``"123 million"``."""
    for unit, size in (("billion", 1e9), ("million", 1e6), ("thousand", 1e3)):
        if rate >= size:
            return f"{rate / size:.3g} {unit}"
    return f"{rate:.3g}"
