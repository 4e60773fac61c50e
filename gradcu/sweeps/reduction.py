"""What a sweep that keeps no rows gives: the figures that were asked for, of f and of each derivative."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from .domain import Domain, Place
from .grid import Axis, LinspaceAxis
from .reducing import Histogram, ReducingStore
from .result import Run, computed_partial, derivative_of, described
from .statistics import BlockStatistics
from .summary import SignChange, Summary, aligned, as_json, shown_name

_UNIT = 2.0**-53
"""The largest relative error of one addition in float64."""

_SMALLEST = 2.0**-1074
"""The distance of subnormal float64 numbers, to which quotients and products are rounded whatever their size."""

_EDGE, _WIDTH = 6, 40
"""Digits of a histogram's edges, and the length of its longest bar, in print."""


class ReducedRow:
    """The figures of f or of a derivative; it has those attributes that were asked for.

    ``min`` and ``max`` are the extremes of all that is not NaN; ``argmin`` and ``argmax`` the indices of the first of
    each, counted in C order, and ``argmin_x`` and ``argmax_x`` the points there, dicts where there are several
    variables. ``mean`` is the sum of all values by their number. ``integral`` is that of the trapezoidal rule, h * (sum
    of all - half the first - half the last) with the points' distance h: DLMF 3.5.2, https://dlmf.nist.gov/3.5; over a
    grid it is applied along each axis. A NaN makes both NaN. They are computed in float64, by pairwise
    summation, and ``mean_error`` and ``integral_error`` bound what rounding makes of them; the errors of the values
    themselves, and of the rule, are not in it. ``sign_changes`` counts the sign changes between neighbouring values,
    over zeros, and ``sign_changes_at`` has the first of them, at most 20, each with ``x`` and ``rising``.
    ``histogram`` has ``edges``, ``counts``, ``below``, ``above`` and ``nan``.
    """

    min: float
    max: float
    argmin: int | None
    argmin_x: Place | None
    argmax: int | None
    argmax_x: Place | None
    mean: float
    mean_error: float
    integral: float
    integral_error: float
    sign_changes: int
    sign_changes_at: list[SignChange]
    histogram: Histogram

    def __init__(self, name: str, names: tuple[str, ...]) -> None:
        self.name, self.reductions = name, names

    def __getattr__(self, name: str) -> Any:
        asked = ", ".join(self.__dict__.get("reductions", ()))
        raise AttributeError(f"{name} is not among what the sweep was asked for: {asked}", name=name, obj=self)

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON has them."""
        found = {name: value for name, value in self.__dict__.items() if name not in ("name", "reductions")}
        if "histogram" in found:
            histogram = self.histogram
            found["histogram"] = {
                "edges": histogram.edges.tolist(),
                "counts": histogram.counts.tolist(),
                "below": histogram.below,
                "above": histogram.above,
                "nan": histogram.nan,
            }
        if "sign_changes_at" in found:
            found["sign_changes_at"] = [{"x": change.x, "rising": change.rising} for change in self.sign_changes_at]
        return {name: as_json(value) for name, value in found.items()}


def _row(domain: Domain, statistics: BlockStatistics, store: ReducingStore, k: int) -> ReducedRow:
    """The figures of the k-th row."""
    names, extremes = store.reductions.names, statistics.rows[k]
    row = ReducedRow(store.names[k], names)
    found = not math.isnan(extremes.minimum)
    if "min" in names:
        row.min = extremes.minimum
    if "max" in names:
        row.max = extremes.maximum
    if "argmin" in names:
        row.argmin = extremes.minimum_at if found else None
        row.argmin_x = domain.place(extremes.minimum_at) if found else None
    if "argmax" in names:
        row.argmax = extremes.maximum_at if found else None
        row.argmax_x = domain.place(extremes.maximum_at) if found else None
    additions = (domain.num - 1).bit_length()
    if "mean" in names:
        total, size = store.sums.total[k].tolist()
        row.mean = total / domain.num
        # One more rounding is the division's.
        row.mean_error = _bound(additions + 1) * size / domain.num + (_SMALLEST if size else 0.0)
    if "integral" in names:
        total, size = _weighted(store, domain, k)
        cell = math.prod(_spacing(axis) for axis in domain.axes)
        row.integral = cell * total
        # Four roundings more an axis, each of what is no larger than twice the sum of sizes.
        row.integral_error = _bound(additions + 8 * len(domain.axes)) * size * abs(cell)
        row.integral_error += _SMALLEST if size * cell else 0.0
    if "sign_changes" in names:
        changes = store.changes(k, statistics)
        row.sign_changes = changes.count
        row.sign_changes_at = [SignChange(before, after, domain) for before, after in changes.places]
    if "histogram" in names:
        row.histogram = store.histograms[k]
    return row


def _weighted(store: ReducingStore, domain: Domain, k: int) -> tuple[float, float]:
    """The sum of the k-th row with the trapezoidal rule's weights, and that of the sizes of all that was added."""
    if domain.line is None:
        total, size = store.weighted.total[k].tolist()
        return total, size
    total, size = store.sums.total[k].tolist()
    return total - sum(store.ends[:, k].tolist()) / 2, size


def _spacing(axis: Axis) -> float:
    """The distance of neighbouring points; 0 for a single one, over which the integral is 0."""
    assert isinstance(axis, LinspaceAxis)
    return 0.0 if axis.num == 1 else float((Fraction(axis.stop) - Fraction(axis.start)) / (axis.num - 1))


def _bound(roundings: int) -> float:
    """What so many roundings, one after the other, make of a sum at most, by the sum of its terms' sizes."""
    return roundings * _UNIT / (1 - roundings * _UNIT)


class SweepReduction:
    """What f and its derivatives were reduced to.

    >>> import gradcu
    >>> found = gradcu.sweep(gradcu.exp, 0, 1, 100001, dtype="float64", reduce=("argmax", "integral"))
    >>> round(found.y.integral, 6), found.derivative(1).argmax
    (1.718282, 100000)
    """

    def __init__(self, run: Run, statistics: BlockStatistics, store: ReducingStore) -> None:
        self._run, self._statistics = run, statistics
        self.reductions = store.reductions.names
        self.rows = [_row(run.domain, statistics, store, k) for k in range(len(store.names))]

    @property
    def y(self) -> ReducedRow:
        """The figures of f."""
        return self.rows[0]

    def derivative(self, k: int) -> ReducedRow:
        """The figures of the k-th derivative; the 0-th is f. Raises ValueError as `SweepResult.derivative` does."""
        return self.partial(*derivative_of(self._run, k))

    def partial(self, *variables: str) -> ReducedRow:
        """The figures of a partial derivative. Raises ValueError as `SweepResult.partial` does."""
        return self.rows[self._run.wanted.numbers[computed_partial(self._run, variables)]]

    def summary(self) -> ReductionSummary:
        """What was computed, how, how fast, and all figures: tables when printed, ``as_dict`` for JSON.

        >>> import gradcu
        >>> found = gradcu.sweep(lambda x: x * x, -1, 2, 301, reduce="min")
        >>> found.summary().as_dict()["rows"]["f"]
        {'min': 0.0}
        """
        return ReductionSummary(self._run, self._statistics, self)

    def __repr__(self) -> str:
        run = self._run
        points = f"{described(run.domain)}, order {run.wanted.order}, {run.domain.dtype}"
        return f"<{', '.join(self.reductions)} of a sweep of {run.function}: {points}>"


class ReductionSummary(Summary):
    """What a sweep was reduced to, how and how fast; ``print`` shows it as tables."""

    def __init__(self, run: Run, statistics: BlockStatistics, reduction: SweepReduction) -> None:
        super().__init__(run, statistics)
        self.reductions, self.reduced = reduction.reductions, reduction.rows

    def as_dict(self) -> dict[str, Any]:
        """All figures as JSON has them; NaN and infinities, which it lacks, are the strings "nan", "inf" and "-inf"."""
        facts = super().as_dict()
        del facts["sign_changes"]
        return facts | {"reduce": list(self.reductions), "rows": {row.name: row.as_dict() for row in self.reduced}}

    def __str__(self) -> str:
        lines = [*self.heading(), *self._table()]
        for row in self.reduced:
            if "sign_changes" in self.reductions and row.sign_changes_at:
                shown = len(row.sign_changes_at)
                lines += [
                    "",
                    f"{shown_name(row.name)} changes its sign at" + (", first:" if row.sign_changes > shown else ":"),
                ]
                lines += [
                    f"  x = {change.x:<{self.digits + 6}.{self.digits}g} {'- to +' if change.rising else '+ to -'}"
                    for change in row.sign_changes_at
                ]
        for row in self.reduced:
            if "histogram" in self.reductions:
                lines += ["", f"histogram of {shown_name(row.name)}:", *self._bars(row.histogram)]
        return "\n".join(lines)

    def _table(self) -> list[str]:
        places = self.titles()
        columns = {
            "min": (["minimum"], lambda row: self.cells([row.min])),
            "argmin": (places, lambda row: self.cells(self.coordinates(row.argmin_x))),
            "max": (["maximum"], lambda row: self.cells([row.max])),
            "argmax": (places, lambda row: self.cells(self.coordinates(row.argmax_x))),
            "mean": (["mean"], lambda row: [f"{row.mean:.15g} +- {row.mean_error:.1g}"]),
            "integral": (["integral"], lambda row: [f"{row.integral:.15g} +- {row.integral_error:.1g}"]),
            "sign_changes": (["sign changes"], lambda row: [f"{row.sign_changes:,}"]),
        }
        asked = [
            columns[name]
            for name in ("min", "argmin", "max", "argmax", "mean", "integral", "sign_changes")
            if name in self.reductions
        ]
        if not asked:
            return []
        table = [["", *(title for titles, _ in asked for title in titles)]]
        table += [
            [shown_name(row.name), *(cell for _, shown in asked for cell in shown(row))]
            for k, row in enumerate(self.reduced)
        ]
        return ["", *aligned(table)]

    def _bars(self, histogram: Histogram) -> list[str]:
        most = max(int(histogram.counts.max()), 1)
        table = [
            [
                f"  {low:.{_EDGE}g}",
                f"to {high:.{_EDGE}g}",
                f"{count:,}",
                f"{'#' * round(_WIDTH * count / most):<{_WIDTH}}",
            ]
            for low, high, count in zip(
                histogram.edges[:-1].tolist(), histogram.edges[1:].tolist(), histogram.counts.tolist(), strict=True
            )
        ]
        outside = [("below", histogram.below), ("above", histogram.above), ("NaN", histogram.nan)]
        rest = [f"  {count:,} {name}" for name, count in outside if count]
        return [line.rstrip() for line in aligned(table)] + rest
