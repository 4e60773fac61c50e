"""What a sweep's kernel tells of its rows, block by block, put together on the host."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np

from .statistics import CHANGES_LISTED, BlockStatistics, Entry, Figures, RowStatistics, SignChanges


class Told:
    """The figures of points that follow each other.

    ``records`` has a `figures_dtype` for each block of the kernel and each row; the places in those of block b are
    counted from point ``begins[b]``. ``lists`` gives the sign changes of a block that are listed with their places, a
    row for each of ``signed``, and is asked only where there are some. ``counts`` are those of histograms, a row each.
    """

    def __init__(
        self, records: np.ndarray, begins: np.ndarray, signed: range, lists: Callable[[int], np.ndarray],
        counts: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.counts = counts
        self._records, self._begins, self._signed, self._lists = records, begins, signed, lists
        self._known: dict[int, np.ndarray] = {}

    def statistics(self) -> BlockStatistics:
        """The figures of all rows, and the sign changes of f' where the kernel has looked for them."""
        rows = [self._row(k) for k in range(self._records.shape[1])]
        return BlockStatistics.of(rows, self.changes(1) if 1 in self._signed else None)

    def sums(self, number: int = 0) -> np.ndarray:
        """For each row the sum of its numbers, and that of their absolute values; of the kernel's sums that number.

        Blocks are added in pairs, as those of `gradcu.fuse.reduction`; what is missing at the end counts as zeros.
        """
        count = len(self._records)
        level = np.zeros((1 << (count - 1).bit_length(), self._records.shape[1], 2))
        found = self._records["sums"][:, :, number]
        level[:count, :, 0], level[:count, :, 1] = found["sum"], found["size"]
        with np.errstate(all="ignore"):
            while len(level) > 1:
                level = level[0::2] + level[1::2]
        return level[0]

    def changes(self, k: int) -> SignChanges:
        """The sign changes of the k-th row."""
        found = self._records[:, k]
        filled = np.flatnonzero(found["head_at"] >= 0)
        if not filled.size:
            return SignChanges.of(0, [], True, None, None)
        found, begins = found[filled], self._begins[filled]
        head, tail = found["head"], found["tail"]
        real = ~np.isnan(tail[:-1]) & ~np.isnan(head[1:])
        between = np.concatenate(([False], real & ((tail[:-1] < 0) != (head[1:] < 0))))
        places: list[tuple[Entry, Entry]] = []
        for b in np.flatnonzero(between | (found["changes"] > 0)).tolist():
            if len(places) >= CHANGES_LISTED:
                break
            if between[b]:
                places.append(
                    (
                        (int(begins[b - 1] + found["tail_at"][b - 1]), float(tail[b - 1])),
                        (int(begins[b] + found["head_at"][b]), float(head[b])),
                    )
                )
            if found["changes"][b]:
                places += self._listed(int(filled[b]), k)[: found["changes"][b]]
        count = int(found["changes"].sum(dtype=np.int64)) + int(between.sum())
        first, last = (
            None if math.isnan(value) else (int(begins[b] + found[f"{end}_at"][b]), float(value))
            for end, b, value in (("head", 0, head[0]), ("tail", -1, tail[-1]))
        )
        return SignChanges.of(count, places[:CHANGES_LISTED], False, first, last)

    def _listed(self, block: int, k: int) -> list[tuple[Entry, Entry]]:
        if block not in self._known:
            self._known[block] = self._lists(block)
        begin = int(self._begins[block])
        return [
            (
                (begin + int(place["before_at"]), float(place["before"])),
                (begin + int(place["after_at"]), float(place["after"])),
            )
            for place in self._known[block][k - self._signed.start]
        ]

    def _row(self, k: int) -> RowStatistics:
        found = self._records[:, k]
        known = np.flatnonzero(found["least_at"] >= 0)
        nan, infinite = (int(found[name].sum(dtype=np.int64)) for name in ("nan", "infinite"))
        if not known.size:
            first = int(self._begins[0])
            return RowStatistics.of(math.nan, first, math.nan, first, nan, infinite)
        low, high = known[found["least"][known].argmin()], known[found["largest"][known].argmax()]
        return RowStatistics.of(
            float(found["least"][low]), int(self._begins[low] + found["least_at"][low]),
            float(found["largest"][high]), int(self._begins[high] + found["largest_at"][high]), nan, infinite,
        )  # fmt: skip


def merged(parts: Iterable[Figures]) -> Figures:
    """The figures of parts that follow each other, of which there is one at least; the first one takes the others."""
    whole, *others = parts
    for part in others:
        whole.merge(part)
    return whole
