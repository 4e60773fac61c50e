"""Chunks of a sweep on their way from CUDA devices to the host.

Each comes in one copy from its device's memory to pinned memory, and from there to where it is wanted. A device has two
chunks in work and two streams: one chunk is computed beside the copy of the other, and while the host takes from that
what was copied.
"""

from __future__ import annotations

import contextlib
import importlib
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from .._device import device, out_of_memory
from .cuda_figures import Told
from .cuda_launches import Launches

IN_WORK = 2
"""Chunks of a device that are in work at a time."""

_PACK = 16
"""The bytes that a thread stores at once, to addresses that are a multiple of it."""


class DeviceSeconds:
    """How long devices have computed, and copied to the host, each by itself: one goes on beside the other."""

    def __init__(self) -> None:
        self.compute = self.transfer = 0.0
        self._lock = threading.Lock()

    def add(self, compute: float, transfer: float = 0.0) -> None:
        """Adds what CUDA's events say, in milliseconds."""
        with self._lock:
            self.compute += compute / 1000
            self.transfer += transfer / 1000


class _Card:
    """A device with its two streams: kernels follow each other on one, copies on the other."""

    def __init__(self, place: device) -> None:
        self.place = place
        self.lock = threading.Lock()
        with place.context:
            self.compute, self.copies = (place.xp.cuda.Stream(non_blocking=True) for _ in range(2))


class Chunk:
    """Memory for ``length`` points of some rows on a device, and pinned memory for the same on the host."""

    def __init__(
        self, card: _Card, launches: Launches, length: int, rows: int, dtype: np.dtype[Any], edges: np.ndarray | None
    ) -> None:
        self.length = length
        self._card, self._launches, self._rows, self._dtype = card, launches, rows, dtype
        blocks = length // launches.run + 2
        told = blocks * launches.bytes_of_figures + launches.bytes_of_counts
        size = _padded(told) + rows * self._stride(length)
        xp: Any = card.place.xp
        with card.place.context:
            self._there = xp.empty(size, np.uint8)
            self._here = importlib.import_module("cupyx").empty_pinned(size, np.uint8)
            self._places = xp.empty((blocks, launches.bytes_of_places), np.uint8) if launches.signed else None
            self._edges = None if edges is None else xp.asarray(edges)
            # Work of the current stream may still use what this memory was before.
            card.compute.wait_event(xp.cuda.get_current_stream().record())

    def compute(self, first: int, count: int, wanted: Sequence[np.ndarray | None], seconds: DeviceSeconds) -> Told:
        """Writes points first, first + 1, ... and the rows at them to the arrays of ``wanted``, but for what is None.

        The first of them is for the points. What is told of the rows has to be asked before the chunk is used again.
        """
        card, launches = self._card, self._launches
        xp: Any = card.place.xp
        end = launches.blocks(first, count) * launches.bytes_of_figures
        after = end + launches.bytes_of_counts
        figures, counts, used = self._there[:end], self._there[end:after], _padded(after)
        targets: list[Any] = []
        found: list[tuple[np.ndarray, np.ndarray]] = []
        for target in wanted:
            if target is None:
                targets.append(None)
                continue
            # Points of one pack have neighbouring places in memory that begin at a multiple of its size.
            begin = used + first * self._dtype.itemsize % _PACK
            part = slice(begin, begin + count * self._dtype.itemsize)
            targets.append(self._there[part].view(self._dtype))
            found.append((target, self._here[part].view(self._dtype)))
            used += self._stride(count)
        with card.place.context:
            events = [xp.cuda.Event() for _ in range(4)]
            try:
                # Neither a kernel nor a copy of another thread comes between the events.
                with card.lock:
                    events[0].record(card.compute)
                    with card.compute:
                        if self._edges is not None:
                            counts.data.memset_async(0, counts.nbytes)
                        x, *rows = targets
                        launches.launch(first, count, x, rows, figures, self._places, self._edges, counts)
                    events[1].record(card.compute)
                    card.copies.wait_event(events[1])
                    events[2].record(card.copies)
                    self._there[:used].get(stream=card.copies, out=self._here[:used], blocking=False)
                    events[3].record(card.copies)
                events[3].synchronize()
            except BaseException:
                # What still runs would write to memory that is somebody else's by then.
                card.compute.synchronize()
                card.copies.synchronize()
                raise
            seconds.add(*(xp.cuda.get_elapsed_time(*pair) for pair in (events[:2], events[2:])))
        for target, source in found:
            target[...] = source
        # The chunk's memory is used again, and this is kept.
        found_counts = None if self._edges is None else self._here[end:after].copy()
        return launches.told([(first, count)], self._here[:end], self._places, found_counts)

    def _stride(self, count: int) -> int:
        """The bytes from one row to the next."""
        return _padded(count * self._dtype.itemsize) + _PACK


def _padded(size: int) -> int:
    return -(-size // _PACK) * _PACK


class Chunks:
    """The chunks that devices have in work, `IN_WORK` of each, which threads take in turn.

    They have ``length`` points; where a device has not the memory, half of that, and so on down to ``least``.
    ``edges`` are those of the histograms that the kernel makes.
    """

    def __init__(
        self, launches: Launches, places: Sequence[device], length: int, least: int, rows: int, dtype: np.dtype[Any],
        edges: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self.length, self.is_short, self._least = length, False, least
        self._launches, self._rows, self._dtype, self._edges = launches, rows, dtype, edges
        self._free: queue.SimpleQueue[tuple[_Card, Chunk | None]] = queue.SimpleQueue()
        for place in places:
            self._free.put((_Card(place), None))

    @contextlib.contextmanager
    def taken(self) -> Iterator[Chunk]:
        """A chunk that is nobody else's meanwhile. Raises OutOfMemoryError where memory is too short."""
        card, chunk = self._free.get()
        try:
            if chunk is None:
                chunk, *others = self._made(card)
                for other in others:
                    self._free.put((card, other))
            yield chunk
        finally:
            self._free.put((card, chunk))

    def _made(self, card: _Card) -> list[Chunk]:
        """All chunks of a device."""
        while True:
            length = self.length
            try:
                arguments = card, self._launches, length, self._rows, self._dtype, self._edges
                return [Chunk(*arguments) for _ in range(IN_WORK)]
            except MemoryError as error:
                if length <= self._least:
                    raise out_of_memory(f"a sweep's chunk of {length:,} points", card.place, error) from error
            self.length, self.is_short = max(length // 2, self._least), True
