"""Which CUDA devices there are, what they are, and which is the current one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._device import CPU, count_devices, resolve
from .._device import device as device_type
from .._finding_cuda import was_tried
from .._tensor import Tensor


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


def init() -> None:
    """Tries a first computation on the current device, as its first use would. Raises RuntimeError where it fails."""
    on_cuda(None)


def is_initialized() -> bool:
    """Whether this process has used a CUDA device already, or tried to.

    >>> import gradcu
    >>> isinstance(gradcu.cuda.is_initialized(), bool)
    True
    """
    return was_tried()


def current_device() -> int:
    """The index of the device that "cuda" stands for in this thread. Raises RuntimeError where CUDA cannot be had."""
    return on_cuda(None).index or 0


def set_device(device: Any) -> None:
    """Makes ``device`` the one that "cuda" stands for in this thread; a negative index changes nothing.

    Nor does anything with GRADCU_DEVICE=cpu. Raises RuntimeError where the device cannot be used.
    """
    place = CPU if _is_negative(device) else on_cuda_or_cpu(device)
    if place is not CPU:
        place.xp.cuda.Device(place.index).use()


def synchronize(device: Any = None) -> None:
    """Waits for all work on ``device``, by default the current one; there is nothing to wait for on the CPU."""
    place = on_cuda_or_cpu(device)
    if place is not CPU:
        with place.context:
            place.xp.cuda.runtime.deviceSynchronize()


@dataclass(frozen=True)
class DeviceProperties:
    """What a CUDA device is, under PyTorch's names. Memory is counted in bytes."""

    name: str
    major: int
    minor: int
    total_memory: int
    multi_processor_count: int
    warp_size: int
    max_threads_per_block: int
    max_threads_per_multi_processor: int
    regs_per_multiprocessor: int
    shared_memory_per_block: int
    shared_memory_per_block_optin: int
    shared_memory_per_multiprocessor: int
    L2_cache_size: int
    is_integrated: bool
    is_multi_gpu_board: bool
    pci_domain_id: int
    pci_bus_id: int
    pci_device_id: int


def get_device_properties(device: Any = None) -> DeviceProperties:
    """What ``device``, by default the current one, is. Raises RuntimeError where it cannot be used."""
    place = on_cuda(device)
    found = place.xp.cuda.runtime.getDeviceProperties(place.index)
    return DeviceProperties(
        name=found["name"].decode(),
        major=found["major"],
        minor=found["minor"],
        total_memory=found["totalGlobalMem"],
        multi_processor_count=found["multiProcessorCount"],
        warp_size=found["warpSize"],
        max_threads_per_block=found["maxThreadsPerBlock"],
        max_threads_per_multi_processor=found["maxThreadsPerMultiProcessor"],
        regs_per_multiprocessor=found["regsPerMultiprocessor"],
        shared_memory_per_block=found["sharedMemPerBlock"],
        shared_memory_per_block_optin=found["sharedMemPerBlockOptin"],
        shared_memory_per_multiprocessor=found["sharedMemPerMultiprocessor"],
        L2_cache_size=found["l2CacheSize"],
        is_integrated=bool(found["integrated"]),
        is_multi_gpu_board=bool(found["isMultiGpuBoard"]),
        pci_domain_id=found["pciDomainID"],
        pci_bus_id=found["pciBusID"],
        pci_device_id=found["pciDeviceID"],
    )


def get_device_name(device: Any = None) -> str:
    """What the manufacturer calls ``device``, by default the current one. Raises RuntimeError where it is not there."""
    return get_device_properties(device).name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """The compute capability of ``device``, by default the current one, as (major, minor).

    Raises RuntimeError where it is not there.
    """
    found = get_device_properties(device)
    return found.major, found.minor


def can_device_access_peer(device: Any, peer_device: Any) -> bool:
    """Whether ``device`` can read the memory of ``peer_device`` without the host between them.

    Raises RuntimeError where one of them cannot be used.
    """
    place, peer = on_cuda(device), on_cuda(peer_device)
    return bool(place.xp.cuda.runtime.deviceCanAccessPeer(place.index, peer.index))


class device:  # noqa: N801
    """A block in which "cuda" stands for this device; None and a negative index change nothing.

    Nor does anything with GRADCU_DEVICE=cpu. Raises RuntimeError where the device cannot be used.
    """

    def __init__(self, device: Any) -> None:
        place = CPU if device is None or _is_negative(device) else on_cuda_or_cpu(device)
        self.idx = -1 if place is CPU else place.index or 0
        self._before: list[int] = []

    def __enter__(self) -> None:
        self._before.append(current_device() if self.idx >= 0 else -1)
        set_device(self.idx)

    def __exit__(self, *error: object) -> None:
        set_device(self._before.pop())


class device_of(device):  # noqa: N801
    """A block in which "cuda" stands for the device where the Tensor ``obj`` is; one on the CPU changes nothing."""

    def __init__(self, obj: Tensor) -> None:
        super().__init__(obj.get_device())


def _is_negative(device: Any) -> bool:
    return isinstance(device, int) and device < 0


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
