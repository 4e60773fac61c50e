"""The engine eager on a CUDA device, which has only so much memory for the graphs of a chunk."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._device import device
from .chunk_length import ChunkLength
from .engine import EagerEngine, evaluated
from .identity import cuda_build
from .statistics import BlockStatistics

_LEAST = 1 << 8


class EagerOnCuda:
    """What `EagerEngine` is; where the device has not the memory for a chunk, half of it, and so on to 256 points."""

    name, seconds = "eager", None

    def __init__(self, engine: EagerEngine, place: device) -> None:
        self._engine, self._place = engine, place
        self.chunk, self.threads = engine.chunk, engine.threads
        self._length = ChunkLength(engine.chunk, _LEAST)

    @property
    def reason(self) -> str:
        """Why it is this engine, and whether memory was short."""
        return self._length.told(self._engine.reason)

    def evaluate(self, first: int, x: np.ndarray | None, rows: Sequence[np.ndarray]) -> BlockStatistics:
        """Writes f and its partials at points first, first + 1, ... into ``rows``, and the points into x if given.

        The rows may be on the device. Raises OutOfMemoryError where it has not the memory for the shortest of chunks.
        """
        while True:
            length = min(self._length.points, rows[0].size)
            try:
                return evaluated(self._engine, first, x, rows, length)
            except MemoryError as error:
                self._length.halve(length, self._place, error)

    def program(self) -> str:
        """A digest of the function's code."""
        return self._engine.program()

    def foundation(self) -> str:
        """CuPy, the compiler, and the device with what it can."""
        return cuda_build([self._place])
