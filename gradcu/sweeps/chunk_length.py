"""How many points a sweep on CUDA devices computes at a time: fewer where a device has not the memory."""

from __future__ import annotations

import threading

from .._device import device, out_of_memory


class ChunkLength:
    """A number of points, ``points``, that is halved wherever they are too many, down to ``least``."""

    def __init__(self, points: int, least: int) -> None:
        self.points, self.is_short = points, False
        self._least, self._lock = least, threading.Lock()

    def halve(self, tried: int, place: device, error: MemoryError) -> None:
        """Takes note that a device has not the memory for so many points.

        Raises OutOfMemoryError, which names them, where they are the least already.
        """
        if tried <= self._least:
            raise out_of_memory(f"a sweep's chunk of {tried:,} points", place, error) from error
        with self._lock:
            # Another device may have come to fewer.
            self.points, self.is_short = min(self.points, max(tried // 2, self._least)), True

    def told(self, reason: str) -> str:
        """The reason for an engine, and whether memory was short."""
        return f"{reason}, in chunks of {self.points:,} points for want of memory" if self.is_short else reason
