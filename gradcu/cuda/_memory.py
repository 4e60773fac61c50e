"""The memory of CUDA devices, as CuPy's pool gives it out. Sizes are in bytes."""

from __future__ import annotations

from typing import Any

from .._device import CPU
from ._devices import on_cuda, on_cuda_or_cpu


def memory_allocated(device: Any = None) -> int:
    """How much memory arrays use on ``device``, by default the current one; all of CuPy's count.

    >>> import gradcu
    >>> gradcu.cuda.memory_allocated() if gradcu.cuda.is_available() else 0
    0
    """
    return _of_pool(device, "used_bytes")


def memory_reserved(device: Any = None) -> int:
    """How much memory CuPy's pool holds on ``device``, in use or kept for reuse."""
    return _of_pool(device, "total_bytes")


def max_memory_allocated(device: Any = None) -> int:
    """The highest value of `memory_allocated` since the first call of this function or of `reset_peak_memory_stats`.

    From then on every allocation is looked at, which CuPy does not do by itself.
    """
    place = on_cuda_or_cpu(device)
    if place is CPU:
        return 0
    _watch(place.xp)
    return max(_peaks.get(place.index or 0, 0), memory_allocated(place))


def reset_peak_memory_stats(device: Any = None) -> None:
    """Lets `max_memory_allocated` begin anew."""
    place = on_cuda_or_cpu(device)
    if place is not CPU:
        _watch(place.xp)
        _peaks.pop(place.index or 0, None)


def empty_cache() -> None:
    """Gives back to the devices what CuPy's pools keep for reuse, pinned memory too."""
    place = on_cuda_or_cpu(None)
    if place is not CPU:
        place.xp.get_default_memory_pool().free_all_blocks()
        place.xp.get_default_pinned_memory_pool().free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """How much memory of ``device`` is free, and how much it has. Raises RuntimeError where CUDA cannot be had."""
    place = on_cuda(device)
    with place.context:
        return place.xp.cuda.runtime.memGetInfo()


def _of_pool(device: Any, count: str) -> int:
    place = on_cuda_or_cpu(device)
    if place is CPU:
        return 0
    with place.context:
        return getattr(place.xp.get_default_memory_pool(), count)()


_peaks: dict[int, int] = {}
_watched: list[Any] = []


def _watch(cupy: Any) -> None:
    """Has every allocation of CuPy's noted in ``_peaks``; another allocator that is set later ends it."""
    if cupy.cuda.get_allocator() in _watched:
        return
    allocate = cupy.cuda.get_allocator()
    pool = cupy.get_default_memory_pool()

    def noted(size: int) -> Any:
        memory = allocate(size)
        index = cupy.cuda.runtime.getDevice()
        _peaks[index] = max(_peaks.get(index, 0), pool.used_bytes())
        return memory

    _watched.append(noted)
    cupy.cuda.set_allocator(noted)
