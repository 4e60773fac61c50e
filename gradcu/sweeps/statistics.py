"""What the summary says of a row of results, gathered block by block and merged in order.

The merged figures depend on the rows alone: not on the blocks, nor on the threads that computed them.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, Protocol, Self, TypeVar

import numpy as np

CHANGES_LISTED = 20
"""How many sign changes are kept with their place; all are counted."""

_PAIR = np.array([[0], [1]])

_COPIED = 1 << 17
"""The bytes up to which a block is a small one."""

Extremes = tuple[int, int]
"""The indices of the least and of the largest value of a row."""


class RowStatistics:
    """Minimum and maximum over all that is not NaN, with the index of the first of each; counts of NaN and infinity.

    ``extremes`` are the indices in a row without NaN and infinities, where they are known.
    """

    __slots__ = ("infinite", "maximum", "maximum_at", "minimum", "minimum_at", "nan")

    def __init__(self, row: np.ndarray, first: int = 0, extremes: Extremes | None = None) -> None:
        self.nan = self.infinite = 0
        if extremes is not None:
            self._place(row, first, *extremes)
            return
        low, high = int(row.argmin()), int(row.argmax())
        # argmin and argmax stop at a NaN, so the usual row needs no other pass.
        if math.isnan(row[low]):
            kept = np.flatnonzero(~np.isnan(row))
            self.nan = row.size - kept.size
            if kept.size:
                low, high = int(kept[row[kept].argmin()]), int(kept[row[kept].argmax()])
        self._place(row, first, low, high)
        if math.isinf(self.minimum) or math.isinf(self.maximum):
            self.infinite = int(np.isinf(row).sum())

    def _place(self, row: np.ndarray, first: int, low: int, high: int) -> None:
        self.minimum, self.maximum = float(row[low]), float(row[high])
        self.minimum_at, self.maximum_at = first + low, first + high

    @property
    def bounds(self) -> tuple[float, float] | None:
        """The extremes, where they bound all of the row: a NaN hides between them."""
        return None if self.nan else (self.minimum, self.maximum)

    def merge(self, later: RowStatistics) -> None:
        """Adds what was found in a later part of the same row."""
        self.nan += later.nan
        self.infinite += later.infinite
        if later.minimum < self.minimum or math.isnan(self.minimum):
            self.minimum, self.minimum_at = later.minimum, later.minimum_at
        if later.maximum > self.maximum or math.isnan(self.maximum):
            self.maximum, self.maximum_at = later.maximum, later.maximum_at

    def as_json(self) -> list[Any]:
        """All of it, exactly, in what JSON has."""
        extremes = (self.minimum.hex(), self.minimum_at, self.maximum.hex(), self.maximum_at)
        return [*extremes, self.nan, self.infinite]

    @classmethod
    def of(cls, minimum: float, minimum_at: int, maximum: float, maximum_at: int, nan: int, infinite: int) -> Self:
        """Figures that are known."""
        made = cls.__new__(cls)
        made.minimum, made.minimum_at, made.maximum, made.maximum_at = minimum, minimum_at, maximum, maximum_at
        made.nan, made.infinite = nan, infinite
        return made

    @classmethod
    def from_json(cls, figures: Sequence[Any]) -> Self:
        """What `as_json` gave, as it was."""
        minimum, minimum_at, maximum, maximum_at, nan, infinite = figures
        return cls.of(float.fromhex(minimum), minimum_at, float.fromhex(maximum), maximum_at, nan, infinite)


Entry = tuple[int, float]
"""A place in a row and the value there."""


class SignChanges:
    """Where neighbouring values of a row have opposite signs. Zeros in between are passed over, NaN is not.

    ``places`` holds the first CHANGES_LISTED as pairs of entries, before and after; ``count`` counts all.
    """

    __slots__ = ("blank", "count", "head", "places", "tail")

    def __init__(self, row: np.ndarray, first: int = 0, bounds: tuple[float, float] | None = None) -> None:
        self.count = 0
        self.places: list[tuple[Entry, Entry]] = []
        begin = _first(row)
        self.blank = not row[begin]
        # The first and the last value that is not 0; None for a NaN, across which no sign change is counted.
        self.head = None if self.blank else _entry(row, begin, first)
        self.tail = None if self.blank else _entry(row, row.size - 1 - _first(row[::-1]), first)
        low, high = bounds or (-math.inf, math.inf)
        if low < 0 < high:
            self._find(row, first)

    def _find(self, row: np.ndarray, first: int) -> None:
        where: np.ndarray | None = None
        changes, beside = _changes(row)
        if not changes.size:
            return
        # Zeros stand between the values that count only where they stand beside a change, as +0.0 or -0.0.
        if np.count_nonzero(beside) < beside.size:
            where = np.flatnonzero(row)
            changes, beside = _changes(row[where])
        real = beside == beside
        if np.count_nonzero(real) < real.size:
            changes, beside = changes[real.all(axis=0)], beside[:, real.all(axis=0)]
        self.count = changes.size
        listed = changes[:CHANGES_LISTED] + _PAIR
        entries = zip(*(listed if where is None else where[listed]).tolist(), *beside.tolist(), strict=False)
        self.places = [((first + i, before), (first + j, after)) for i, j, before, after in entries]

    def merge(self, later: SignChanges) -> None:
        """Adds what was found in the part of the row that follows."""
        if later.blank:
            return
        if self.tail and later.head and (self.tail[1] < 0) != (later.head[1] < 0):
            self.count += 1
            self.places.append((self.tail, later.head))
        self.count += later.count
        self.places = (self.places + later.places)[:CHANGES_LISTED]
        self.tail = later.tail
        if self.blank:
            self.blank, self.head = False, later.head

    def as_json(self) -> list[Any]:
        """All of it, exactly, in what JSON has."""
        places = [[_entry_as_json(before), _entry_as_json(after)] for before, after in self.places]
        return [self.count, self.blank, _entry_as_json(self.head), _entry_as_json(self.tail), places]

    @classmethod
    def of(
        cls, count: int, places: list[tuple[Entry, Entry]], blank: bool, head: Entry | None, tail: Entry | None
    ) -> Self:
        """Figures that are known."""
        made = cls.__new__(cls)
        made.count, made.places, made.blank, made.head, made.tail = count, places, blank, head, tail
        return made

    @classmethod
    def from_json(cls, figures: Sequence[Any]) -> Self:
        """What `as_json` gave, as it was."""
        count, blank, head, tail, places = figures
        found = [(_entry_from_json(before), _entry_from_json(after)) for before, after in places]
        listed = [(before, after) for before, after in found if before and after]
        return cls.of(count, listed, blank, _entry_from_json(head), _entry_from_json(tail))


def _first(row: np.ndarray) -> int:
    """The index of the first value that is not 0; 0 where there is none."""
    return 0 if row[0] else int((row != 0).argmax())


def _changes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The indices of values whose signs differ from those of the next ones; and a row of these values, and of those."""
    negative = np.signbit(values)
    changes = (negative[1:] != negative[:-1]).nonzero()[0]
    return changes, values[changes + _PAIR]


def _entry_as_json(entry: Entry | None) -> list[Any] | None:
    return None if entry is None else [entry[0], entry[1].hex()]


def _entry_from_json(found: Sequence[Any] | None) -> Entry | None:
    return None if found is None else (found[0], float.fromhex(found[1]))


def _entry(row: np.ndarray, index: int, first: int) -> Entry | None:
    value = float(row[index])
    return None if math.isnan(value) else (first + index, value)


class BlockStatistics:
    """The figures of one block: a RowStatistics for f and for each derivative, and the sign changes of f'.

    With ``sign_changes`` False, where neighbours in a row are none on a line, there are none of these. The rows of a
    small block are copied, and looked through when somebody asks: that takes longer than to compute them.
    """

    __slots__ = ("_figures",)

    def __init__(
        self, rows: Sequence[np.ndarray], first: int, extremes: Sequence[Extremes | None] | None = None,
        sign_changes: bool = True,
    ) -> None:  # fmt: skip
        self._figures: _RowsAndChanges | Callable[[], _RowsAndChanges]
        if len(rows) * rows[0].nbytes <= _COPIED:
            copies = np.concatenate(rows).reshape(len(rows), -1)
            self._figures = functools.partial(_figures_of, copies, first, extremes, sign_changes)
        else:
            self._figures = _figures_of(rows, first, extremes, sign_changes)

    @property
    def rows(self) -> list[RowStatistics]:
        """Of f and of each derivative."""
        return self._known()[0]

    @property
    def changes(self) -> SignChanges | None:
        """Of f'."""
        return self._known()[1]

    def _known(self) -> _RowsAndChanges:
        figures = self._figures
        if not isinstance(figures, tuple):
            self._figures = figures = figures()
        return figures

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process wants the figures, not the rows.
        return BlockStatistics.of, self._known()

    def merge(self, later: BlockStatistics) -> None:
        """Adds the block that follows."""
        for row, other in zip(self.rows, later.rows, strict=True):
            row.merge(other)
        if self.changes is not None and later.changes is not None:
            self.changes.merge(later.changes)

    def as_json(self) -> dict[str, Any]:
        """All of it, exactly, in what JSON has."""
        changes = None if self.changes is None else self.changes.as_json()
        return {"rows": [row.as_json() for row in self.rows], "changes": changes}

    @classmethod
    def of(cls, rows: list[RowStatistics], changes: SignChanges | None) -> Self:
        """Figures that are known."""
        made = cls.__new__(cls)
        made._figures = rows, changes
        return made

    @classmethod
    def from_json(cls, figures: dict[str, Any]) -> Self:
        """What `as_json` gave, as it was."""
        changes = None if figures["changes"] is None else SignChanges.from_json(figures["changes"])
        return cls.of([RowStatistics.from_json(row) for row in figures["rows"]], changes)


_RowsAndChanges = tuple[list[RowStatistics], SignChanges | None]


def _figures_of(
    rows: Iterable[np.ndarray], first: int, extremes: Sequence[Extremes | None] | None, sign_changes: bool
) -> _RowsAndChanges:
    rows = list(rows)
    known = extremes or [None] * len(rows)
    found = [RowStatistics(row, first, at) for row, at in zip(rows, known, strict=True)]
    changes = SignChanges(rows[1], first, found[1].bounds) if sign_changes and len(rows) > 1 else None
    return found, changes


class _Mergeable(Protocol):
    def merge(self, later: Self, /) -> None: ...


Figures = TypeVar("Figures", bound=_Mergeable)


class Collector(Generic[Figures]):
    """Merges the blocks' figures in order, whatever the order in which threads hand them in."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: dict[int, Figures] = {}
        self._next = 0
        self.merged: Figures | None = None

    def add(self, number: int, block: Figures) -> None:
        """Takes the figures of block ``number``; blocks are numbered from 0 without a gap."""
        with self._lock:
            self._waiting[number] = block
            while (ready := self._waiting.pop(self._next, None)) is not None:
                self._next += 1
                if self.merged is None:
                    self.merged = ready
                else:
                    self.merged.merge(ready)

    @property
    def result(self) -> Figures:
        """The figures of all blocks, once every one was handed in."""
        assert self.merged is not None
        assert not self._waiting
        return self.merged
