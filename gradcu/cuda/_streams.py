"""Streams and events of CUDA devices: CuPy's, under PyTorch's names.

What runs on a stream runs its backward there too. Code that uses CuPy's own streams needs none of this: gradcu works
on whichever stream is current.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from .._device import device as device_type
from ._devices import on_cuda


class Stream:
    """A queue of work on a CUDA device, which runs beside other streams; ``priority`` -1 goes before 0.

    Raises RuntimeError where CUDA cannot be had.
    """

    __slots__ = ("device", "of_cupy")

    device: device_type
    of_cupy: Any

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        self.device = on_cuda(device)
        with self.device.context:
            self.of_cupy = self.device.xp.cuda.Stream(non_blocking=True, priority=priority)

    @property
    def cuda_stream(self) -> int:
        """The stream's handle, as other libraries take it."""
        return self.of_cupy.ptr

    def synchronize(self) -> None:
        """Waits for all work of this stream."""
        self.of_cupy.synchronize()

    def query(self) -> bool:
        """Whether all work of this stream is done."""
        return self.of_cupy.done

    def record_event(self, event: Event | None = None) -> Event:
        """``event``, or a new one, which has happened once all work so far is done."""
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Lets work that this stream is given from here on wait for ``event``."""
        self.of_cupy.wait_event(event.of_cupy)

    def wait_stream(self, stream: Stream) -> None:
        """Lets work that this stream is given from here on wait for all that ``stream`` was given so far."""
        self.wait_event(stream.record_event())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and (self.device, self.of_cupy) == (other.device, other.of_cupy)

    def __hash__(self) -> int:
        return hash((self.device, self.cuda_stream))

    def __repr__(self) -> str:
        return f"<gradcu.cuda.Stream device={self.device} cuda_stream={self.cuda_stream:#x}>"


class Event:
    """A mark in a stream's work, which others can wait for; with ``enable_timing`` it has a time.

    Raises RuntimeError where CUDA cannot be had.
    """

    __slots__ = ("of_cupy",)

    of_cupy: Any

    def __init__(self, enable_timing: bool = False) -> None:
        self.of_cupy = on_cuda(None).xp.cuda.Event(disable_timing=not enable_timing)

    def record(self, stream: Stream | None = None) -> None:
        """Puts the mark after the work that ``stream``, by default the current one, was given so far."""
        self.of_cupy.record((current_stream() if stream is None else stream).of_cupy)

    def wait(self, stream: Stream | None = None) -> None:
        """Lets later work of ``stream``, by default the current one, wait for this event."""
        (current_stream() if stream is None else stream).wait_event(self)

    def synchronize(self) -> None:
        """Waits until the event has happened."""
        self.of_cupy.synchronize()

    def query(self) -> bool:
        """Whether the event has happened."""
        return self.of_cupy.done

    def elapsed_time(self, end_event: Event) -> float:
        """The milliseconds from this event to ``end_event``; both must have ``enable_timing``."""
        start, end = self.of_cupy, end_event.of_cupy
        return on_cuda(None).xp.cuda.get_elapsed_time(start, end)


@contextlib.contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """A block whose work goes to ``stream``, on its device; None changes nothing."""
    if stream is None:
        yield
        return
    with stream.device.context, stream.of_cupy:
        yield


def set_stream(stream: Stream) -> None:
    """Lets work on the stream's device go to ``stream`` from here on, in this thread, and makes the device current."""
    stream.device.xp.cuda.Device(stream.device.index).use()
    stream.of_cupy.use()


def current_stream(device: Any = None) -> Stream:
    """The stream that work on ``device``, by default the current one, goes to."""
    place = on_cuda(device)
    return _wrapped(place, place.xp.cuda.get_current_stream(place.index))


def default_stream(device: Any = None) -> Stream:
    """The stream that work on ``device`` goes to where no other was chosen."""
    place = on_cuda(device)
    return _wrapped(place, place.xp.cuda.Stream.null)


def _wrapped(place: device_type, of_cupy: Any) -> Stream:
    made = object.__new__(Stream)
    made.device, made.of_cupy = place, of_cupy
    return made
