"""The devices that a sweep runs on, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .._device import CPU, auto_device, resolve
from .._device import device as device_type

_ELSEWHERE = "GRADCU_DEVICE=cpu"


def place_of(device: Any) -> tuple[device_type, str]:
    """The device that the argument of a sweep stands for in this process, and why it is that one."""
    if device == "auto":
        place, reason = auto_device()
        return place, reason.partition(": ")[2]
    place = resolve(device)
    asked = device is None or device_type(device).type == place.type
    return place, "asked for" if asked else _ELSEWHERE


def places_of(device: Any, engine: str) -> tuple[tuple[device_type, ...], str, str]:
    """The devices that a sweep shares its points out to, why these, and the engine on them.

    "auto" is CUDA where the engine is; and where GRADCU_DEVICE=cpu makes CUDA the CPU, the engine is "auto".
    Raises RuntimeError for a device that cannot be used, ValueError for several that are not CUDA devices, or not
    different ones.
    """
    if not isinstance(device, list | tuple):
        place, reason = place_of("cuda" if device == "auto" and engine == "cuda" else device)
        return (place,), reason, "auto" if engine == "cuda" and reason == _ELSEWHERE else engine
    found: Sequence[tuple[device_type, str]] = [place_of(each) for each in device]
    places = tuple(place for place, _ in found)
    if places and all(reason == _ELSEWHERE for _, reason in found):
        return (CPU,), _ELSEWHERE, "auto" if engine == "cuda" else engine
    if not places or CPU in places or len(set(places)) != len(places):
        raise ValueError(f"device must be one device, or a list of different CUDA devices, not {device!r}")
    return places, "asked for", engine
