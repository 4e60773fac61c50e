"""Which CUDA devices there are, and which is the current one."""

from __future__ import annotations

from typing import Any

from .._device import CPU, count_devices, resolve
from .._device import device as device_type
from .._functions import manual_seed as _manual_seed


def is_available() -> bool:
    """Whether ``device="cuda"`` works here: CuPy is installed and computes on a device. False with GRADCU_DEVICE=cpu.

    >>> import gradcu
    >>> isinstance(gradcu.cuda.is_available(), bool)
    True
    """
    return device_count() > 0


def device_count() -> int:
    """The number of CUDA devices that can be used; 0 with GRADCU_DEVICE=cpu.

    >>> import gradcu
    >>> gradcu.cuda.device_count() >= 0
    True
    """
    return count_devices()


def current_device() -> int:
    """The index of the device that "cuda" stands for in this thread. Raises RuntimeError where CUDA cannot be had."""
    return on_cuda(None).index or 0


def set_device(device: Any) -> None:
    """Makes ``device`` the one that "cuda" stands for in this thread. Raises RuntimeError where it cannot be used."""
    place = on_cuda(device)
    place.xp.cuda.Device(place.index).use()


def synchronize(device: Any = None) -> None:
    """Waits for all work on ``device``, by default the current one; there is nothing to wait for on the CPU."""
    place = on_cuda_or_cpu(device)
    if place is not CPU:
        with place.context:
            place.xp.cuda.runtime.deviceSynchronize()


def manual_seed(seed: int) -> None:
    """``gradcu.manual_seed``: random numbers are the same on every device."""
    _manual_seed(seed)


manual_seed_all = manual_seed


def get_device_name(device: Any = None) -> str:
    """What the manufacturer calls ``device``, by default the current one."""
    place = on_cuda(device)
    return place.xp.cuda.runtime.getDeviceProperties(place.index)["name"].decode()


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of ``device``, by default the current one, as (major, minor)."""
    place = on_cuda(device)
    properties = place.xp.cuda.runtime.getDeviceProperties(place.index)
    return properties["major"], properties["minor"]


class device:  # noqa: N801
    """A block in which "cuda" stands for this device; ``None`` changes nothing.

    Raises RuntimeError where the device cannot be used.
    """

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None else on_cuda(device).index or 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        self._before.append(current_device() if self.idx >= 0 else -1)
        if self.idx >= 0:
            set_device(self.idx)

    def __exit__(self, *error: object) -> None:
        before = self._before.pop()
        if before >= 0:
            set_device(before)


def on_cuda_or_cpu(device: Any) -> device_type:
    """The CUDA device that an argument stands for, the current one by default; the CPU with GRADCU_DEVICE=cpu."""
    place = resolve("cuda" if device is None else device)
    if place is CPU and device is not None and device_type(device).type == "cpu":
        raise ValueError(f"Expected a cuda device, but got: {device}")
    return place


def on_cuda(device: Any) -> device_type:
    """The CUDA device that an argument stands for. Raises RuntimeError where it cannot be used."""
    place = on_cuda_or_cpu(device)
    if place is CPU:
        raise RuntimeError("there is no CUDA in this process: GRADCU_DEVICE=cpu is set")
    return place
