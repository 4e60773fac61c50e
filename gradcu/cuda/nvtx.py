"""Marks in what NVIDIA's profilers show (Nsight Systems), as CuPy sets them: names of ``torch.cuda.nvtx``.

With GRADCU_DEVICE=cpu they do nothing. They raise RuntimeError where CUDA cannot be had.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .._device import CPU
from ._devices import on_cuda_or_cpu


def mark(msg: str) -> None:
    """A point in time, which is shown as ``msg``."""
    _call("Mark", msg)


def range_push(msg: str) -> None:
    """Begins a range of time, inside those that were begun before; it is shown as ``msg``."""
    _call("RangePush", msg)


def range_pop() -> None:
    """Ends the range that was begun last in this thread."""
    _call("RangePop")


@contextlib.contextmanager
def range(msg: str, *args: Any, **kwargs: Any) -> Iterator[None]:
    """A block, or a function that is decorated with it, as a range; it is shown as ``msg.format(*args, **kwargs)``."""
    range_push(msg.format(*args, **kwargs))
    try:
        yield
    finally:
        range_pop()


def _call(name: str, *arguments: str) -> None:
    place = on_cuda_or_cpu(None)
    if place is not CPU:
        getattr(place.xp.cuda.nvtx, name)(*arguments)
