"""The memory of CUDA devices, as CuPy's pool gives it out. Sizes are in bytes.

Where no CUDA device can be used, none of its memory is: what counts that gives 0, as in PyTorch.
"""

from __future__ import annotations

from typing import Any

from .. import _cuda_memory
from .._device import CPU
from .._device import device as device_type
from ._devices import is_available, on_cuda, on_cuda_or_cpu


def memory_allocated(device: Any = None) -> int:
    """How much memory arrays use on ``device``, by default the current one; all of CuPy's count.

    >>> import gradcu
    >>> gradcu.cuda.memory_allocated() if gradcu.cuda.is_available() else 0
    0
    """
    return _now(_place(device)).get("allocated_bytes.all.current", 0)


def memory_reserved(device: Any = None) -> int:
    """How much memory CuPy's pool holds on ``device``, in use or kept for reuse."""
    return _now(_place(device)).get("reserved_bytes.all.current", 0)


def max_memory_allocated(device: Any = None) -> int:
    """The highest value of `memory_allocated` since the first call of a function that tells it, or of a reset.

    Those are this one, `max_memory_reserved`, `memory_stats`, `memory_summary` and `reset_peak_memory_stats`. From then
    on every allocation is looked at, which CuPy does not do by itself.
    """
    return memory_stats(device).get("allocated_bytes.all.peak", 0)


def max_memory_reserved(device: Any = None) -> int:
    """The highest value of `memory_reserved`, since when `max_memory_allocated` says."""
    return memory_stats(device).get("reserved_bytes.all.peak", 0)


def memory_stats(device: Any = None) -> dict[str, int]:
    """What `memory_allocated`, `memory_reserved` and their peaks give, by PyTorch's names; empty without CUDA.

    >>> import gradcu
    >>> stats = gradcu.cuda.memory_stats()
    >>> stats.get("allocated_bytes.all.current", 0) <= stats.get("allocated_bytes.all.peak", 0)
    True
    """
    place = _place(device)
    if place is CPU:
        return {}
    _watch(place.xp)
    now = _now(place)
    highest = _peaks.get(place.index or 0, {})
    return now | {name.replace("current", "peak"): max(count, highest.get(name, 0)) for name, count in now.items()}


def memory_summary(device: Any = None) -> str:
    """`memory_stats` as a table to print. Raises RuntimeError where CUDA cannot be had."""
    place = on_cuda(device)
    stats = memory_stats(place)
    lines = [f"{place}: memory in bytes", f"{'':12}{'now':>20}{'at most':>20}"]
    for title in ("allocated", "reserved"):
        now, most = (stats[f"{title}_bytes.all.{when}"] for when in ("current", "peak"))
        lines.append(f"{title:12}{now:>20,}{most:>20,}")
    return "\n".join(lines)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Lets `max_memory_allocated` and `max_memory_reserved` begin anew."""
    place = _place(device)
    if place is not CPU:
        _watch(place.xp)
        _peaks.pop(place.index or 0, None)


def empty_cache() -> None:
    """Gives back to the devices what CuPy's pools keep for reuse, pinned memory too."""
    place = _place(None)
    if place is not CPU:
        _cuda_memory.release()
        place.xp.get_default_memory_pool().free_all_blocks()
        place.xp.get_default_pinned_memory_pool().free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """How much memory of ``device`` is free, and how much it has. Raises RuntimeError where CUDA cannot be had."""
    place = on_cuda(device)
    with place.context:
        return place.xp.cuda.runtime.memGetInfo()


def set_per_process_memory_fraction(fraction: float, device: Any = None) -> None:
    """Lets CuPy's pool hold no more than this part, 0 to 1, of the memory that ``device`` has.

    Raises TypeError and ValueError for another ``fraction``, RuntimeError where CUDA cannot be had.
    """
    if not isinstance(fraction, float):
        raise TypeError(f"Invalid type for fraction argument, must be `float`, not {type(fraction).__name__}")
    if not 0 <= fraction <= 1:
        raise ValueError(f"Invalid fraction value: {fraction}. Allowed range: 0~1")
    place = on_cuda(device)
    _, total = mem_get_info(place)
    with place.context:
        # To CuPy 0 is no limit; of 1 byte nothing can be made.
        place.xp.get_default_memory_pool().set_limit(size=max(int(fraction * total), 1) if fraction < 1 else 0)


def get_per_process_memory_fraction(device: Any = None) -> float:
    """The part of the memory of ``device`` that CuPy's pool may hold. Raises RuntimeError where CUDA cannot be had."""
    place = on_cuda(device)
    _, total = mem_get_info(place)
    with place.context:
        limit = place.xp.get_default_memory_pool().get_limit()
    return limit / total if limit else 1.0


def _place(device: Any) -> device_type:
    """The CUDA device of which something is asked; the CPU where none can be used."""
    return on_cuda_or_cpu(device) if is_available() else CPU


def _now(place: device_type) -> dict[str, int]:
    """What is in use now, and what the pool holds, by the names of `memory_stats`; empty for the CPU."""
    if place is CPU:
        return {}
    pool = place.xp.get_default_memory_pool()
    with place.context:
        return {"allocated_bytes.all.current": pool.used_bytes(), "reserved_bytes.all.current": pool.total_bytes()}


_peaks: dict[int, dict[str, int]] = {}
"""The highest values of what `_now` gives, by a device's index."""

_watched: list[Any] = []


def _watch(cupy: Any) -> None:
    """Has every allocation of CuPy's noted in ``_peaks``; another allocator that is set later ends it."""
    if cupy.cuda.get_allocator() in _watched:
        return
    allocate = cupy.cuda.get_allocator()

    def noted(size: int) -> Any:
        memory = allocate(size)
        place = device_type("cuda", cupy.cuda.runtime.getDevice())
        peaks = _peaks.setdefault(place.index or 0, {})
        for name, count in _now(place).items():
            peaks[name] = max(peaks.get(name, 0), count)
        return memory

    _watched.append(noted)
    cupy.cuda.set_allocator(noted)
