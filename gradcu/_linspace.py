"""Evenly spaced points, each within one unit in the last place of its true value, however many there are.

Point i of num is the rational number start + i*(stop - start)/(num - 1). Adding a step again and again, or multiplying
a rounded one, loses it: a float32 counter repeats itself from 2**24 on, and near a zero crossing even float64 keeps few
digits. Here the points stand in segments of fixed length, and as many segments in a span. The first point of a span is
computed in integers; the offsets of segments in a span, and of points in a segment, come from one table. All are sums
of two float64 (double-double), added with Knuth's exact TwoSum (The Art of Computer Programming, volume 2, 4.2.2,
theorem B). That leaves a relative error below 2**-80 everywhere but at the points next to a zero crossing, which are
computed in integers too. Spans begin at multiples of their length, so a point depends on start, stop, num and its
index, never on the block in which it was asked for; and kernels/line.cuh does the same additions on a GPU.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

SEGMENT = 8192
"""How many points share a base, and how many segments a span has."""

SPAN = SEGMENT * SEGMENT
"""How many points share an origin."""

BEYOND = 512
"""For how many points the table of offsets goes on beyond a segment, unused, for those who read it in such steps."""

MOST_EXACT = 4
"""How many points are no sums: the ends, and those next to a zero crossing."""

_SCAN = 1 << 16

_TOGETHER = 8
"""Segments of float64 that are filled at a time: few enough for what the additions lose to stay in the cache."""


def linspace_block(start: float, stop: float, num: int, first: int, count: int, dtype: Any) -> np.ndarray:
    """Points first, ..., first + count - 1 of ``linspace(start, stop, num)``, in float16, float32 or float64.

    Each is within one unit in the last place of its true value; the end points are start and stop, rounded to dtype.

    >>> linspace_block(0.0, 1.0, 2**40 + 1, 2**39, 2, np.dtype("float64")) - 0.5
    array([0.00000000e+00, 9.09494702e-13])
    """
    out = np.empty(count, dtype)
    if count == 0:
        return out
    last = num - 1
    with np.errstate(all="ignore"):
        if num > 2:
            _line(start, stop, num).fill(out, first)
        if first == 0:
            out[0] = start
        if last > 0 and first + count > last:
            out[last - first] = stop
    return out


class Pieces:
    """What a block of a linspace is the sum of, for those who add it up themselves as `linspace_block` does.

    The block's first point is number ``first`` of its segment. Segment k of the block has the base ``bases[k]``, in two
    parts, of which float32 needs the first; point j of a segment stands ``high[j] + low[j]`` from its base, where these
    two are the ``table``, and also the sums of j times each part of ``step``. The points number ``exact_at`` of the
    block are ``exact``, not sums.
    """

    __slots__ = ("_line", "bases", "exact", "exact_at", "first")

    def __init__(self, line: _Line, first: int, bases: np.ndarray, exact_at: list[int], exact: list[float]) -> None:
        self._line, self.first, self.bases, self.exact_at, self.exact = line, first, bases, exact_at, exact

    @property
    def step(self) -> tuple[float, float, float]:
        """The distance of neighbouring points, in three parts."""
        return self._line.step

    @property
    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """The offsets of a segment's points, which take longer to make than a few points do."""
        return self._line.table


def linspace_pieces(start: float, stop: float, num: int, first: int, count: int) -> Pieces | None:
    """The pieces of what ``linspace_block`` gives for the same arguments; None where it does more than adding up."""
    if num <= 2:
        return None
    line = _line(start, stop, num)
    return None if line.shift else line.pieces(start, stop, first, count)


class Spans:
    """What a kernel makes the points of a block of, `linspace_block`'s to the last bit: see `_Line.bases`.

    Span k of the block, the first being the one that the block's first point stands in, begins at ``origins[k]``, in
    two parts. Point j of a segment stands j times ``step`` from its base: three parts, of which the products of the
    first two with such a j are exact. The points number ``exact_at`` of the linspace are ``exact``, not sums.
    """

    __slots__ = ("exact", "exact_at", "origins", "step")

    def __init__(
        self, origins: np.ndarray, step: tuple[float, float, float], exact_at: list[int], exact: list[float]
    ) -> None:
        self.origins, self.step, self.exact_at, self.exact = origins, step, exact_at, exact


def linspace_spans(start: float, stop: float, num: int, first: int, count: int) -> Spans | None:
    """What points first, ..., first + count - 1 are made of; None where `linspace_block` does more than adding up."""
    if num <= 2:
        # Nothing but ends.
        return Spans(np.zeros((1, 2)), (0.0, 0.0, 0.0), list(range(num)), [start, stop][:num])
    line = _line(start, stop, num)
    if line.shift:
        return None
    spans = range(first // SPAN, (first + max(count, 1) - 1) // SPAN + 1)
    return Spans(np.array([line.point(span * SPAN) for span in spans]), line.step, *line.exact(start, stop))


def equal_neighbours(start: float, stop: float, num: int, dtype: Any) -> bool:
    """Whether rounding to dtype makes any two neighbouring points of ``linspace(start, stop, num)`` equal."""
    if num < 2:
        return False
    if start == stop:
        return True
    step = abs(stop / (num - 1) - start / (num - 1))
    limits = np.finfo(dtype)
    # Numbers stand nowhere wider apart than at the outer end, and points are within that distance of their true value.
    if step >= 4 * float(limits.eps) * (max(abs(start), abs(stop)) + float(limits.smallest_normal)):
        return False
    return any(_repeats_from_end(start, stop, num, dtype, at_start) for at_start in (True, False))


def _repeats_from_end(start: float, stop: float, num: int, dtype: Any, at_start: bool) -> bool:
    """Looks for equal neighbours from one end on, as far as floating-point numbers stand wider apart than the step."""
    length = abs(stop - start)
    done = 0
    while done < num - 1:
        count = min(_SCAN, num - done)
        points = linspace_block(start, stop, num, done if at_start else num - done - count, count, dtype)
        outer = np.abs(points[0 if at_start else -1])
        apart = float(outer) - float(np.nextafter(outer, np.zeros_like(outer)))
        if apart * (num - 1) <= length:
            return False
        if bool((points[1:] == points[:-1]).any()):
            return True
        done += count - 1
    return False


class _Line:
    """What all blocks of one linspace share; values are scaled by a power of two where float64's range would not do."""

    def __init__(self, start: float, stop: float, num: int) -> None:
        start_top, start_bottom = start.as_integer_ratio()
        stop_top, stop_bottom = stop.as_integer_ratio()
        bottom = max(start_bottom, stop_bottom)
        # Point i is (origin + i*rise) / divisor, in integers.
        self.origin = start_top * (bottom // start_bottom) * (num - 1)
        self.rise = stop_top * (bottom // stop_bottom) - start_top * (bottom // start_bottom)
        self.divisor = bottom * (num - 1)
        exponent = math.frexp(max(abs(start), abs(stop)))[1]
        self.shift = 0 if -900 < exponent < 1000 else -exponent
        if self.shift > 0:
            self.origin, self.rise = self.origin << self.shift, self.rise << self.shift
        else:
            self.divisor <<= -self.shift
        self.start, self.num = start, num
        self.step = self._step()
        # Next to a zero crossing the two parts of the sum cancel; these are the one or two points affected, ends apart.
        crossing = -self.origin // self.rise if self.rise and min(start, stop) <= 0 <= max(start, stop) else -1
        self.crossing = range(max(crossing, 1), min(crossing + 2, num - 1))

    def _step(self) -> tuple[float, float, float]:
        """Two pieces of 40 bits, which multiply every j below 2**13 exactly, and what is left of the step."""
        pieces: list[float] = []
        top = self.rise
        bottom = self.divisor
        for _ in range(2):
            fraction, exponent = math.frexp(top / bottom)
            piece = math.ldexp(math.trunc(math.ldexp(fraction, 40)), exponent - 40)
            piece_top, piece_bottom = piece.as_integer_ratio()
            top, bottom = top * piece_bottom - piece_top * bottom, bottom * piece_bottom
            pieces.append(piece)
        return pieces[0], pieces[1], top / bottom

    @functools.cached_property
    def table(self) -> tuple[np.ndarray, np.ndarray]:
        """The offsets of the points of a segment, in two parts."""
        j = np.arange(min(self.num, SEGMENT) + BEYOND, dtype=np.float64)
        large, small = j * self.step[0], j * self.step[1]
        high = large + small
        low = (large - high) + small
        low += j * self.step[2]
        return high, low

    def value(self, index: int) -> float:
        """The exact value, correctly rounded."""
        return (self.origin + index * self.rise) / self.divisor

    def point(self, index: int) -> tuple[float, float]:
        """The exact value as a sum of two float64, the first being the value correctly rounded."""
        if index == 0 and not self.shift:
            return self.start, 0.0
        top = self.origin + index * self.rise
        high = top / self.divisor
        high_top, high_bottom = high.as_integer_ratio()
        return high, (top * high_bottom - high_top * self.divisor) / (self.divisor * high_bottom)

    def pieces(self, start: float, stop: float, first: int, count: int) -> Pieces:
        segment, offset = divmod(first, SEGMENT)
        segments = -(-(offset + count) // SEGMENT)
        exact_at, exact = self.exact(start, stop)
        if count < self.num:
            inside = [k for k, index in enumerate(exact_at) if first <= index < first + count]
            exact_at, exact = [exact_at[k] - first for k in inside], [exact[k] for k in inside]
        return Pieces(self, offset, self.bases(segment, segments), exact_at, exact)

    def exact(self, start: float, stop: float) -> tuple[list[int], list[float]]:
        """The indices of the points that are no sums, and these."""
        return [0, self.num - 1, *self.crossing], [start, stop, *map(self.value, self.crossing)]

    def bases(self, segment: int, count: int) -> np.ndarray:
        """The first points of that many segments, each in two parts, the first being the whole rounded."""
        if segment == 0 and count == 1:
            # What follows, for an offset of nothing.
            origin, rest = self.point(0)
            base = origin + rest
            return np.array([[base, rest - (base - origin)]])
        bases = np.empty((count, 2))
        table_high, table_low = self.table
        done = 0
        while done < count:
            span, first = divmod(segment + done, SEGMENT)
            size = min(count - done, SEGMENT - first)
            origin, rest = self.point(span * SPAN)
            # A power of two times the offsets of points: exact.
            high, low = SEGMENT * table_high[first : first + size], SEGMENT * table_low[first : first + size]
            total = high + origin
            part = total - origin
            lost = (origin - (total - part)) + (high - part) + (low + rest)
            base = total + lost
            bases[done : done + size, 0], bases[done : done + size, 1] = base, lost - (base - total)
            done += size
        return bases

    def fill(self, out: np.ndarray, first: int) -> None:
        end = first + out.size
        at = first
        while at < end:
            segment, offset = divmod(at, SEGMENT)
            segments = 1 if offset else max((end - at) // SEGMENT, 1)
            until = min(segment * SEGMENT + segments * SEGMENT, end)
            self._fill_segments(out[at - first : until - first], segment, segments, offset)
            at = until
        for index in self.crossing:
            if first <= index < end:
                out[index - first] = math.ldexp(self.value(index), -self.shift)

    def _fill_segments(self, out: np.ndarray, segment: int, segments: int, offset: int) -> None:
        """Fills whole segments, or, where there is one alone, a part of it that begins at offset."""
        bases = self.bases(segment, segments)
        offsets = slice(offset, offset + out.size // segments)
        high, low = (part[offsets] for part in self.table)
        target = out.reshape(segments, -1)
        if out.dtype != np.float64:
            # An error below 2**-38 of the value is none to speak of in float32.
            if self.shift:
                target[...] = np.ldexp(bases[:, :1] + high, -self.shift)
            else:
                np.add(bases[:, :1], high, out=target, casting="same_kind")
            return
        for done in range(0, segments, _TOGETHER):
            base_high, base_low = (bases[done : done + _TOGETHER, k : k + 1] for k in (0, 1))
            total = target[done : done + _TOGETHER]
            lost, part = np.empty(total.shape), np.empty(total.shape)
            np.add(high, base_high, out=total)
            # TwoSum: what the addition lost, exactly.
            np.subtract(total, base_high, out=part)
            np.subtract(total, part, out=lost)
            np.subtract(base_high, lost, out=lost)
            np.subtract(high, part, out=part)
            lost += part
            np.add(low, base_low, out=part)
            lost += part
            total += lost
        if self.shift:
            np.ldexp(target, -self.shift, out=target)


@functools.lru_cache(maxsize=8)
def _line(start: float, stop: float, num: int) -> _Line:
    return _Line(start, stop, num)
