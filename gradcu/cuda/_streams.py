"""Streams and events of CUDA devices: CuPy's, under PyTorch's names.

What runs on a stream runs its backward there too. Code that uses CuPy's own streams needs none of this: gradcu works
on whichever stream is current.
"""

from __future__ import annotations

import contextlib
from typing import Any

from .._device import device as device_type
from ._devices import on_cuda, set_device


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

    @property
    def priority(self) -> int:
        """The smaller, the sooner its work is begun beside that of other streams."""
        return self.of_cupy.priority

    def __cuda_stream__(self) -> tuple[int, int]:
        """The version of CUDA's stream protocol, and the handle: so other libraries take this stream as theirs."""
        return 0, self.cuda_stream

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
        """Lets work that this stream is given from here on wait for ``event``, on whichever device it is recorded."""
        if event.of_cupy is not None:
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


class ExternalStream(Stream):
    """A stream that another library made on ``device``, by default the current one; ``stream_ptr`` is its handle.

    It must be kept alive by whoever made it. Raises RuntimeError where CUDA cannot be had.
    """

    __slots__ = ()

    def __init__(self, stream_ptr: int, device: Any = None) -> None:
        self.device = on_cuda(device)
        self.of_cupy = self.device.xp.cuda.Stream.from_external(_Handle(stream_ptr))


class _Handle:
    """The handle of a stream, as CuPy takes it."""

    def __init__(self, pointer: int) -> None:
        self._pointer = pointer

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self._pointer


class Event:
    """A mark in a stream's work, which others can wait for; with ``enable_timing`` it has a time.

    It belongs to the device on whose stream it is first recorded; before that nobody waits for it. With ``blocking``
    the thread that waits in `synchronize` sleeps. Raises RuntimeError where CUDA cannot be had.
    """

    __slots__ = ("_blocking", "_timing", "device", "of_cupy")

    device: device_type | None
    of_cupy: Any

    def __init__(self, enable_timing: bool = False, blocking: bool = False) -> None:
        on_cuda(None)
        self._timing, self._blocking = enable_timing, blocking
        self.device = self.of_cupy = None

    def record(self, stream: Stream | None = None) -> None:
        """Puts the mark after the work that ``stream``, by default the current one, was given so far.

        Raises RuntimeError where the event was recorded on another device before.
        """
        stream = current_stream() if stream is None else stream
        with stream.device.context:
            if self.of_cupy is None:
                cupy = stream.device.xp
                self.of_cupy = cupy.cuda.Event(block=self._blocking, disable_timing=not self._timing)
                self.device = stream.device
            elif self.device is not stream.device:
                raise RuntimeError(
                    f"Event device {self.device} does not match recording stream's device {stream.device}."
                )
            self.of_cupy.record(stream.of_cupy)

    def wait(self, stream: Stream | None = None) -> None:
        """Lets later work of ``stream``, by default the current one, wait for this event."""
        (current_stream() if stream is None else stream).wait_event(self)

    def synchronize(self) -> None:
        """Waits until the event has happened."""
        if self.of_cupy is not None:
            self.of_cupy.synchronize()

    def query(self) -> bool:
        """Whether the event has happened: all work before it is done, or it was never recorded."""
        return self.of_cupy is None or self.of_cupy.done

    def elapsed_time(self, end_event: Event) -> float:
        """The milliseconds from this event to ``end_event``.

        Raises ValueError where one of them was made without ``enable_timing``, was not recorded or has not happened.
        """
        if not (self._timing and end_event._timing):
            raise ValueError("Both events must be created with argument 'enable_timing=True'.")
        if self.device is None or end_event.device is None:
            raise ValueError("Both events must be recorded before calculating elapsed time.")
        if not (self.query() and end_event.query()):
            raise ValueError("Both events must be completed before calculating elapsed time.")
        return self.device.xp.cuda.get_elapsed_time(self.of_cupy, end_event.of_cupy)


class StreamContext:
    """A block whose work goes to ``stream``, on its device; None changes nothing."""

    def __init__(self, stream: Stream | None) -> None:
        self.stream = stream
        self._inside: list[contextlib.ExitStack] = []

    def __enter__(self) -> None:
        with contextlib.ExitStack() as entered:
            if self.stream is not None:
                entered.enter_context(self.stream.device.context)
                entered.enter_context(self.stream.of_cupy)
            self._inside.append(entered.pop_all())

    def __exit__(self, *error: object) -> None:
        self._inside.pop().close()


def stream(stream: Stream | None) -> StreamContext:
    """A block whose work goes to ``stream``, on its device; None changes nothing."""
    return StreamContext(stream)


def set_stream(stream: Stream | None) -> None:
    """Lets work on the stream's device go to ``stream`` from here on, in this thread, and makes the device current.

    None changes nothing.
    """
    if stream is not None:
        set_device(stream.device)
        stream.of_cupy.use()


def current_stream(device: Any = None) -> Stream:
    """The stream that work on ``device``, by default the current one, goes to."""
    place = on_cuda(device)
    return _wrapped(place, place.xp.cuda.get_current_stream(place.index))


def default_stream(device: Any = None) -> Stream:
    """The stream that work on ``device`` goes to where no other was chosen."""
    place = on_cuda(device)
    return _wrapped(place, place.xp.cuda.Stream.null)


def get_stream_from_external(data_ptr: int, device: Any = None) -> Stream:
    """`ExternalStream`, by the name of PyTorch's function."""
    return ExternalStream(data_ptr, device)


def _wrapped(place: device_type, of_cupy: Any) -> Stream:
    made = object.__new__(Stream)
    made.device, made.of_cupy = place, of_cupy
    return made
