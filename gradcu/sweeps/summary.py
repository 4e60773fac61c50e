"""The summary of a sweep: figures to read as attributes, a table to print, a dict for JSON."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .grid import Grid, counted
from .statistics import CHANGES_LISTED, BlockStatistics, Entry
from .store import row_names

if TYPE_CHECKING:
    from .result import Run


class Row:
    """The extremes of f or of a derivative over all points where it is not NaN, where they are, NaNs and infinities.

    Of equal extremes the first counts. All NaN gives NaN, nowhere (None).
    """

    __slots__ = ("infinite", "maximum", "maximum_at", "minimum", "minimum_at", "name", "nan")

    def __init__(self, name: str, statistics: Any, grid: Grid) -> None:
        self.name = name
        self.minimum, self.maximum = statistics.minimum, statistics.maximum
        found = not math.isnan(self.minimum)
        self.minimum_at = grid.point(statistics.minimum_at) if found else None
        self.maximum_at = grid.point(statistics.maximum_at) if found else None
        self.nan, self.infinite = statistics.nan, statistics.infinite


class SignChange:
    """A place where f' changes its sign between neighbouring points, interpolated; ``rising`` from minus to plus."""

    __slots__ = ("rising", "x")

    def __init__(self, before: Entry, after: Entry, grid: Grid) -> None:
        (left, a), (right, b) = before, after
        self.rising = a < 0
        if right - left > 1:
            # The points in between have f' = 0.
            self.x = (grid.point(left + 1) + grid.point(right - 1)) / 2
            return
        # A pole, where f' is infinite on one side, or a difference too large to tell: the middle is as good as any.
        share = a / (a - b) if math.isfinite(a - b) else 0.5
        low, high = grid.point(left), grid.point(right)
        self.x = low + share * (high - low)


class Summary:
    """What a sweep computed, how and how fast; ``print`` shows it as a table.

    ``rows`` has a Row for f and for each derivative. ``sign_change_count`` counts the sign changes of f' (None at
    order 0), and ``sign_changes`` lists the first of them, at most 20. Zeros between two signs are passed over, NaN is
    not.
    """

    def __init__(self, run: Run, statistics: BlockStatistics) -> None:
        grid = run.grid
        self.function, self.order = run.function, run.order
        self.start, self.stop, self.num, self.step, self.dtype = grid.start, grid.stop, grid.num, grid.step, grid.dtype
        self.device, self.device_reason = run.device, run.reason
        self.engine, self.engine_reason = run.engine, run.engine_reason
        self.threads, self.chunk, self.seconds = run.threads, run.chunk, run.seconds
        self.points_per_second = run.computed / run.seconds
        names = row_names(run.order)[1:]
        self.rows = [Row(name, found, grid) for name, found in zip(names, statistics.rows, strict=True)]
        changes = statistics.changes
        self.sign_change_count = None if changes is None else changes.count
        places = [] if changes is None else changes.places
        self.sign_changes = [SignChange(before, after, grid) for before, after in places]

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
        return {
            "function": self.function,
            "start": self.start,
            "stop": self.stop,
            "num": self.num,
            "step": self.step,
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
            "rows": rows,
            "sign_changes": changes,
        }

    def heading(self) -> list[str]:
        """The lines that say what was computed, and how."""
        facts = [
            ("function", self.function),
            ("points", f"{self.num:,} from {self.start:g} to {self.stop:g}, step {self.step:g}, {self.dtype}"),
            ("order", f"{self.order}"),
            ("device", f"{self.device} ({self.device_reason})"),
            (
                "engine",
                f"{self.engine} ({self.engine_reason}), {counted(self.threads, 'thread')}, "
                f"blocks of {counted(self.chunk, 'point')}",
            ),
            ("time", f"{self.seconds:.3g} s"),
            ("rate", f"{thousands(self.points_per_second)} points/s" if self.points_per_second else "all was there"),
        ]
        return [f"{name:<10}{value}" for name, value in facts]

    @property
    def digits(self) -> int:
        """How many digits of a result are worth printing."""
        return 8 if self.dtype.itemsize <= 4 else 15

    def __str__(self) -> str:
        digits = self.digits
        lines = self.heading()
        table = [["", "minimum", "at x", "maximum", "at x", "NaN", "inf"]]
        for k, row in enumerate(self.rows):
            places = [row.minimum, row.minimum_at, row.maximum, row.maximum_at]
            shown = ["-" if value is None else f"{value:.{digits}g}" for value in places]
            table.append([mark(k), *shown, f"{row.nan:,}", f"{row.infinite:,}"])
        lines += ["", *aligned(table)]
        if self.sign_change_count is not None:
            lines += ["", *self._sign_change_lines(digits)]
        return "\n".join(lines)

    __repr__ = __str__

    def _sign_change_lines(self, digits: int) -> list[str]:
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


def mark(k: int) -> str:
    """``f``, ``f'``, ``f''``, ``f'''``, ``f(4)``, ..."""
    return "f" + "'" * k if k < 4 else f"f({k})"


def as_json(value: Any) -> Any:
    """A value as JSON has it: NaN and infinities, which it lacks, are strings."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def thousands(rate: float) -> str:
    """``123456789`` -> ``"123 million"``."""
    for unit, size in (("billion", 1e9), ("million", 1e6), ("thousand", 1e3)):
        if rate >= size:
            return f"{rate / size:.3g} {unit}"
    return f"{rate:.3g}"
