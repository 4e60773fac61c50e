"""Chunks of a sweep on their way from CUDA devices to the host.

Each comes in one copy from its device's memory to pinned memory, and from there to where it is wanted. What is given of
its points goes the other way before. A device has two chunks in work and two streams: one chunk is computed beside the
copy of the other, and while the host takes from that what was copied.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np

from .._device import device
from .chunk_length import ChunkLength
from .cuda_figures import Told
from .cuda_launches import Launches

IN_WORK = 2
"""Chunks of a device that are in work at a time."""

Part = TypeVar("Part")

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


class _Parts:
    """Where in the memory of a chunk of ``length`` points its parts are.

    ``results`` come to the host, ``given`` come from there, and both have pinned memory too; ``places`` stay.
    """

    def __init__(self, launches: Launches, length: int, rows: int, dtype: np.dtype[Any]) -> None:
        self.blocks = length // launches.run + 2
        told = self.blocks * launches.bytes_of_figures + launches.bytes_of_counts
        self.results = slice(0, _padded(told) + rows * _stride(length, dtype))
        self.given = slice(self.results.stop, self.results.stop + launches.points.bytes_given(length))
        self.places = slice(self.given.stop, self.given.stop + self.blocks * launches.bytes_of_places)
        self.size = _padded(self.places.stop)


class Chunk:
    """Memory of a device for points of some rows, and pinned memory for the same on the host."""

    def __init__(
        self, card: _Card, launches: Launches, memory: Any, parts: _Parts, dtype: np.dtype[Any], edges: Any
    ) -> None:
        self._card, self._launches, self._dtype, self._edges = card, launches, dtype, edges
        xp: Any = card.place.xp
        with card.place.context:
            pinned = importlib.import_module("cupyx").empty_pinned(parts.given.stop, np.uint8)
            self._there, self._given_there = memory[parts.results], memory[parts.given]
            self._here, self._given_here = pinned[parts.results], pinned[parts.given]
            self._places = memory[parts.places].reshape(parts.blocks, -1) if launches.signed else None
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
            used += _stride(count, self._dtype)
        given = launches.points.give(first, count, self._given_here)
        with card.place.context:
            events = [xp.cuda.Event() for _ in range(5)]
            try:
                # Neither a kernel nor a copy of another thread comes between the events.
                with card.lock:
                    events[0].record(card.compute)
                    if given:
                        self._given_there[:given].set(self._given_here[:given], card.compute)
                    events[1].record(card.compute)
                    with card.compute:
                        if self._edges is not None:
                            counts.data.memset_async(0, counts.nbytes)
                        x, *rows = targets
                        launches.launch(
                            first, count, self._given_there, x, rows, figures, self._places, self._edges, counts
                        )
                    events[2].record(card.compute)
                    card.copies.wait_event(events[2])
                    events[3].record(card.copies)
                    self._there[:used].get(stream=card.copies, out=self._here[:used], blocking=False)
                    events[4].record(card.copies)
                events[4].synchronize()
            except BaseException:
                # What still runs would write to memory that is somebody else's by then.
                card.compute.synchronize()
                card.copies.synchronize()
                raise
            to_device, compute, _, to_host = (xp.cuda.get_elapsed_time(*pair) for pair in itertools.pairwise(events))
            seconds.add(compute, to_host + (to_device if given else 0))
        for target, source in found:
            target[...] = source
        # The chunk's memory is used again, and this is kept.
        found_counts = None if self._edges is None else self._here[end:after].copy()
        return launches.told([(first, count)], self._here[:end], self._places, found_counts)


def _stride(count: int, dtype: np.dtype[Any]) -> int:
    """The bytes from one row to the next."""
    return _padded(count * dtype.itemsize) + _PACK


def _padded(size: int) -> int:
    return -(-size // _PACK) * _PACK


class Chunks:
    """The chunks that devices have in work, `IN_WORK` of each, which threads take in turn.

    They have as many points as ``length`` says, which is halved where a device has not the memory. ``edges`` are those
    of the histograms that the kernel makes.
    """

    def __init__(
        self, launches: Launches, places: Sequence[device], length: ChunkLength, rows: int, dtype: np.dtype[Any],
        edges: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        self._length = length
        self._launches, self._rows, self._dtype, self._edges = launches, rows, dtype, edges
        self._free: queue.SimpleQueue[tuple[_Card, Chunk | None]] = queue.SimpleQueue()
        for place in places:
            self._free.put((_Card(place), None))

    def each(self, count: int, compute: Callable[[Chunk, slice], Part]) -> list[Part]:
        """What ``compute`` gives for the parts, one after the other, in which chunks can take that many points.

        Raises OutOfMemoryError where memory is too short.
        """
        parts: list[Part] = []
        done = 0
        while done < count:
            with self._taken() as chunk:
                # It was made for no fewer.
                part = slice(done, min(done + self._length.points, count))
                parts.append(compute(chunk, part))
            done = part.stop
        return parts

    @contextlib.contextmanager
    def _taken(self) -> Iterator[Chunk]:
        """A chunk that is nobody else's meanwhile."""
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
        """All chunks of a device, in one piece of its memory, so that what is too large leaves no holes there."""
        xp: Any = card.place.xp
        while True:
            length = self._length.points
            parts = _Parts(self._launches, length, self._rows, self._dtype)
            try:
                with card.place.context:
                    memory = xp.empty((IN_WORK, parts.size), np.uint8)
                    edges = None if self._edges is None else xp.asarray(self._edges)
                return [Chunk(card, self._launches, part, parts, self._dtype, edges) for part in memory]
            except MemoryError as error:
                self._length.halve(length, card.place, error)
