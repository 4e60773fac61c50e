"""Devices: which array module holds a tensor's data, and what to say where CUDA cannot be had.

CuPy is imported when a CUDA device is first used, here and in `_finding_cuda` alone.
"""

from __future__ import annotations

import contextlib
import importlib
import operator
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, SupportsIndex

import numpy as np

from ._pending import Pending

if TYPE_CHECKING:
    from types import ModuleType

_PACKAGE = os.path.dirname(os.path.abspath(__file__)) + os.sep

_HINT = (
    'CUDA needs an NVIDIA driver and CuPy: `pip install "gradcu[cuda12]"` or `pip install "gradcu[cuda13]"`, whichever '
    "the driver supports. GRADCU_DEVICE=cpu in the environment runs the same program on the CPU."
)

_interned: dict[tuple[str, int | None], device] = {}


class device:  # noqa: N801
    """Where a tensor's data is: "cpu", "cuda" or "cuda:1".

    The index may stand apart, as in `device("cuda", 1)`; alone, as in `device(1)`, it is a CUDA device's. "auto" is the
    current CUDA device where CUDA works, and the CPU elsewhere. Devices are immutable, and equal ones are one object.
    Making one (but for "auto") does not ask whether the device exists; using it does. In a ``with`` block new Tensors
    are made on the device unless another is given.

    Raises RuntimeError for a string or an index that names no device, TypeError for other types.

    >>> import gradcu
    >>> gradcu.device("cuda:1")
    device(type='cuda', index=1)
    >>> str(gradcu.device("cuda", 0)), gradcu.device("cpu").index
    ('cuda:0', None)
    """

    __slots__ = ("index", "type")

    type: str
    index: int | None

    def __new__(cls, type: device | str | SupportsIndex, index: SupportsIndex | None = None) -> device:
        if isinstance(type, device):
            if index is not None:
                raise TypeError("device(): an index was passed beside a device, which has its own")
            return type
        if isinstance(type, str):
            if type == "auto" and index is None:
                return auto_device()[0]
            kind, parsed = _parse(type)
            if index is not None and parsed is not None:
                raise RuntimeError(
                    f"type (string) must not include an index because index was passed explicitly: {type}"
                )
            return _intern(kind, parsed if index is None else _as_index(index))
        if index is not None:
            raise TypeError(f"device(): argument 'type' must be str, not {_type_name(type)}")
        return _intern("cuda", _as_index(type))

    @property
    def xp(self) -> ModuleType:
        """The array module: numpy for the CPU, cupy for CUDA. Raises RuntimeError where CuPy cannot be imported."""
        if self.type == "cpu":
            return np
        from ._finding_cuda import import_cupy

        cupy, problem = import_cupy()
        if cupy is None:
            _refuse(self, problem)
        return cupy

    @property
    def context(self) -> contextlib.AbstractContextManager[Any]:
        """A block in which the array module computes and allocates on this device."""
        return contextlib.nullcontext() if self.type == "cpu" else self.xp.cuda.Device(self.index)

    def __enter__(self) -> device:
        before = DEFAULT.get()
        DEFAULT.set(resolve(self))
        _OUTSIDE.set((*_OUTSIDE.get(), before))
        return self

    def __exit__(self, *error: object) -> None:
        *rest, before = _OUTSIDE.get()
        DEFAULT.set(before)
        _OUTSIDE.set(tuple(rest))

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"attribute {name!r} of 'gradcu.device' objects is not writable")

    def __reduce__(self) -> tuple[Any, ...]:
        return device, (self.type, self.index)

    def __str__(self) -> str:
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __repr__(self) -> str:
        index = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{index})"


FOR_CUDA: list[Callable[[], object]] = []
"""What is called, once, when the first CUDA device is named."""


def _intern(kind: str, index: int | None) -> device:
    found = _interned.get((kind, index))
    if found is None:
        while kind == "cuda" and FOR_CUDA:
            FOR_CUDA.pop()()
        made = object.__new__(device)
        object.__setattr__(made, "type", kind)
        object.__setattr__(made, "index", index)
        found = _interned.setdefault((kind, index), made)
    return found


def _parse(text: str) -> tuple[str, int | None]:
    if not text:
        raise RuntimeError("Device string must not be empty")
    kind, colon, digits = text.partition(":")
    if kind == "auto":
        raise RuntimeError(f"device 'auto' takes no index: '{text}'")
    if kind not in ("cpu", "cuda"):
        raise RuntimeError(f"Expected one of cpu, cuda, auto device type at start of device string: {text}")
    if not colon:
        return kind, None
    canonical = digits.isascii() and digits.isdigit() and (digits == "0" or digits[0] != "0")
    if not canonical:
        raise RuntimeError(f"Invalid device string: '{text}'")
    return kind, int(digits)


def _as_index(value: SupportsIndex) -> int:
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            "device must be a string such as 'cpu', 'cuda' or 'cuda:1', a gradcu.device or a CUDA device's index, "
            f"not {value!r} ({_type_name(value)})"
        )
    index = operator.index(value)
    if index < 0:
        raise RuntimeError(f"Device index must not be negative, got {index}")
    return index


def _type_name(value: object) -> str:
    return value.__class__.__name__


CPU = _intern("cpu", None)

DEFAULT: ContextVar[device] = ContextVar("DEFAULT", default=CPU)
"""Where new Tensors are made, in this context (thread, task)."""

_OUTSIDE: ContextVar[tuple[device, ...]] = ContextVar("_OUTSIDE", default=())
"""What the default was outside each of the ``with`` blocks of devices."""


def set_default_device(device: device | str | SupportsIndex | None) -> None:
    """Makes new Tensors on ``device`` from here on, unless another is given; None stands for the CPU.

    It holds in this thread or task. Raises RuntimeError where the device cannot be used.

    >>> import gradcu
    >>> gradcu.set_default_device("cpu")
    """
    DEFAULT.set(CPU if device is None else resolve(device))


def get_default_device() -> device:
    """Where new Tensors are made when no device is given.

    >>> import gradcu
    >>> gradcu.get_default_device()
    device(type='cpu')
    """
    return DEFAULT.get()


def resolve(argument: device | str | SupportsIndex | None) -> device:
    """The device that a `device=` argument stands for, known to work.

    None is the default device, "cuda" the current CUDA device. With GRADCU_DEVICE=cpu in the environment it is always
    the CPU, and the first CUDA device so replaced is told in a UserWarning. Raises RuntimeError where CUDA is asked for
    and cannot be had, saying what was found.
    """
    if argument is None:
        return DEFAULT.get()
    if argument is CPU:
        return CPU
    wanted = device(argument)
    if wanted.type == "cpu":
        return CPU
    if _setting() == "cpu":
        _notice()
        return CPU
    return _working_cuda(wanted)


def auto_device() -> tuple[device, str]:
    """The device that "auto" stands for, and why, as in ``"cpu: CuPy is not installed"``.

    GRADCU_DEVICE=cpu makes it the CPU, with the notice that `resolve` gives; GRADCU_DEVICE=cuda makes it CUDA, with a
    RuntimeError where CUDA cannot be had.
    """
    setting = _setting()
    if setting == "cpu":
        _notice()
        return CPU, "cpu: GRADCU_DEVICE=cpu"
    if setting == "cuda":
        chosen = _working_cuda(_intern("cuda", None))
        return chosen, f"{chosen}: GRADCU_DEVICE=cuda"
    chosen, problem = _find_cuda(None)
    if chosen is None:
        return CPU, f"cpu: {problem}"
    return chosen, f"{chosen}: CuPy works on it"


def count_devices() -> int:
    """How many CUDA devices can be used; none with GRADCU_DEVICE=cpu."""
    if _setting() == "cpu" or _find_cuda(None)[0] is None:
        return 0
    return importlib.import_module("cupy").cuda.runtime.getDeviceCount()


def device_of(array: Any) -> device:
    """The device that holds `array`, a NumPy or CuPy array or a NumPy scalar. Raises TypeError for anything else."""
    if isinstance(array, (np.ndarray, np.generic)):
        return CPU
    if is_cupy_array(array):
        return _intern("cuda", array.device.id)
    if isinstance(array, Pending):
        return array.device
    raise TypeError(f"expected a NumPy or CuPy array, not {type(array).__name__}")


def is_cupy_array(value: Any) -> bool:
    """Whether ``value`` is an array of CuPy, which need not be imported to tell."""
    return type(value).__module__.partition(".")[0] == "cupy" and hasattr(value, "device")


def xp_of(array: Any) -> ModuleType:
    """The array module of `array`: numpy or cupy. Raises TypeError for anything that is not an array of theirs."""
    return device_of(array).xp


class OutOfMemoryError(RuntimeError, MemoryError):
    """A CUDA device has not the memory that an operation needs; the message names both, and how much it was."""


def out_of_memory(operation: str, place: device, error: MemoryError) -> OutOfMemoryError:
    """The error for an operation to which CuPy could give no memory."""
    return OutOfMemoryError(f"CUDA out of memory. {operation} on {place}: {error}")


@contextlib.contextmanager
def naming_memory(operation: str, place: device) -> Iterator[None]:
    """A block in which an operation computes on a CUDA device; where memory runs out, the error says for what."""
    try:
        yield
    except MemoryError as error:
        if isinstance(error, OutOfMemoryError):
            raise
        raise out_of_memory(operation, place, error) from error


class Place:
    """A CUDA device and a stream on it: of a node the one that was current, where its backward runs too."""

    __slots__ = ("device", "stream")

    def __init__(self, of: device, stream: Any = None) -> None:
        self.device, self.stream = of, of.xp.cuda.get_current_stream(of.index) if stream is None else stream

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """A block that computes on the device, and on the stream."""
        with self.device.context, self.stream:
            yield

    def is_at(self, other: Place) -> bool:
        """Whether the device and the stream are those of another place."""
        return self.device is other.device and self.stream == other.stream

    def wait_for(self, other: Place) -> None:
        """Lets the work that this stream is given from here on begin after all that the other was given so far."""
        if not self.is_at(other):
            self.stream.wait_event(other.mark())

    def mark(self) -> Any:
        """An event, which has happened once all that the stream was given so far is done."""
        with self.device.context:
            return self.stream.record()


def copied(array: Any) -> Any:
    """A copy of ``array`` on its own device, where CuPy would make it on the current one."""
    with device_of(array).context:
        return array.copy()


def moved(array: Any, place: device, *, non_blocking: bool = False) -> Any:
    """A copy of ``array`` on ``place``; ``non_blocking`` as of ``Tensor.to``."""
    if device_of(array) is place:
        return copied(array)
    if place is CPU:
        return _to_host(array, non_blocking)
    source = device_of(array)
    if source is not CPU:
        return _between_devices(array, Place(source), Place(place))
    with place.context, naming_memory("to", place):
        return place.xp.array(array, blocking=not non_blocking)


def _between_devices(array: Any, source: Place, target: Place) -> Any:
    """A copy that begins after the work on its source's stream, which goes on after it: CuPy would not wait.

    CuPy copies between devices what is in one piece.
    """
    with source.device.context, naming_memory("to", source.device):
        array = array if array.flags.forc else source.device.xp.ascontiguousarray(array)
    with target.device.context, naming_memory("to", target.device):
        target.wait_for(source)
        copy = target.device.xp.array(array)
        source.wait_for(target)
    return copy


def _to_host(array: Any, non_blocking: bool) -> Any:
    place = device_of(array)
    with place.context, naming_memory("to", place):
        if not non_blocking:
            return array.get()
        from ._cuda_memory import to_pinned

        return to_pinned(array, Place(place))


def pinned(array: Any, refusal: str) -> Any:
    """A copy of a NumPy array in pinned memory; in ordinary memory with GRADCU_DEVICE=cpu, where no device copies it.

    Raises RuntimeError where there is no CUDA device, in words that begin with ``refusal``.
    """
    try:
        place = resolve("cuda")
    except RuntimeError as error:
        raise RuntimeError(f"{refusal}: {error}") from None
    if place is CPU:
        return copied(np.asarray(array))
    from ._cuda_memory import in_pinned_memory

    return in_pinned_memory(array)


def _setting() -> str:
    value = os.environ.get("GRADCU_DEVICE", "")
    if value not in ("", "cpu", "cuda", "auto"):
        raise RuntimeError(f"GRADCU_DEVICE must be cpu, cuda or auto, not {value!r}")
    return value


_noticed = False


def _notice() -> None:
    global _noticed
    if not _noticed:
        _noticed = True
        warnings.warn(
            "GRADCU_DEVICE=cpu: whatever is asked for on 'cuda' or 'auto' runs on the CPU in this process",
            UserWarning,
            stacklevel=1 + frames_inside(),
        )


def frames_inside() -> int:
    """How many of the caller's frames are this package's own, so that a warning points at the user's line."""
    frame = sys._getframe(1)
    count = 0
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame = frame.f_back
        count += 1
    return count


def _find_cuda(index: int | None) -> tuple[device | None, str]:
    """The CUDA device with that number, or the current one for None; or None and why it can't be used."""
    # The CPU does without.
    from ._finding_cuda import find_cuda

    found, problem = find_cuda(index)
    return None if found is None else _intern("cuda", found), problem


def _working_cuda(wanted: device) -> device:
    found, problem = _find_cuda(wanted.index)
    if found is None:
        _refuse(wanted, problem)
    return found


def _refuse(wanted: device, problem: str) -> NoReturn:
    # Where another device works, nothing is to be installed.
    hint = "" if _find_cuda(None)[0] else f". {_HINT}"
    raise RuntimeError(f"device '{wanted}' cannot be used: {problem}{hint}")
