"""Progress of a sweep on standard error: a tqdm bar where tqdm is installed, a plain percentage elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

from .summary import thousands

# What is over sooner needs no bar.
_DELAY = 0.5
_INTERVAL = 0.1


class Progress:
    """A context that counts points. With ``wanted`` None it shows itself on a terminal alone."""

    def __init__(self, total: int, wanted: bool | None) -> None:
        if wanted is not None and not isinstance(wanted, bool):
            raise TypeError(f"progress must be True, False or None, not {wanted!r} ({type(wanted).__name__})")
        self._bar: Any = None
        if sys.stderr is None or not (sys.stderr.isatty() if wanted is None else wanted):
            return
        delay = _DELAY if wanted is None else 0.0
        try:
            from tqdm import tqdm
        except ImportError:
            self._bar = _Percentage(total, delay)
        else:
            self._bar = tqdm(total=total, delay=delay, unit=" points", unit_scale=True, leave=False, file=sys.stderr)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def skip(self, points: int) -> None:
        """Counts points that were done before, which say nothing of the rate."""
        if self._bar is not None:
            self._bar.initial += points
            self._bar.n += points

    def update(self, points: int) -> None:
        """Counts points that are done."""
        if self._bar is not None:
            self._bar.update(points)


class _Percentage:
    """``sweep 42 %, 120 million points/s, 35 s left`` on one line, which is gone at the end."""

    def __init__(self, total: int, delay: float) -> None:
        self._total, self.n, self.initial = total, 0, 0
        self._begun = time.monotonic()
        self._next = self._begun + delay
        self._shown = ""

    def update(self, points: int) -> None:
        self.n += points
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _INTERVAL
            rate = (self.n - self.initial) / max(now - self._begun, 1e-9)
            left = (self._total - self.n) / rate
            text = f"sweep {100 * self.n // self._total} %, {thousands(rate)} points/s, {duration(left)} left"
            print(f"\r{text:<{len(self._shown)}}", end="", file=sys.stderr, flush=True)
            self._shown = text

    def close(self) -> None:
        if self._shown:
            print("\r" + " " * len(self._shown) + "\r", end="", file=sys.stderr, flush=True)


def duration(seconds: float) -> str:
    """``3725`` -> ``"1 h 2 min"``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
