"""Where a Tensor's memory is pinned, and which streams work with it."""

from __future__ import annotations

from typing import Any

from .. import _cuda_memory
from .._define import function
from .._device import CPU, Place
from .._tensor import Tensor, type_of
from ._arguments import type_name
from .convert import to_device


@function(namespace=False)
def pin_memory(self: Tensor) -> Tensor:
    """This Tensor in pinned memory, which CUDA devices copy from by themselves; itself where it is there already.

    ``to("cuda", non_blocking=True)`` of it does not wait for the copy, nor for anything before it: the elements must
    not be changed before the stream has come so far. Gradients flow through. With GRADCU_DEVICE=cpu the memory is
    ordinary. Raises RuntimeError where this Tensor is on a CUDA device, and where there is none.
    """
    if self.device is not CPU:
        raise RuntimeError(f"cannot pin '{type_of(self)}' only dense CPU tensors can be pinned")
    return self if is_pinned(self) else to_device(self, CPU, pin=True)


@function(namespace=False)
def is_pinned(self: Tensor) -> bool:
    """Whether the elements are in pinned memory of the host.

    >>> import gradcu
    >>> gradcu.ones(2).is_pinned()
    False
    """
    return _cuda_memory.is_pinned(self._array)


@function(namespace=False)
def record_stream(self: Tensor, stream: Any) -> None:
    """Says that ``stream`` works with this Tensor's memory, which another one was current for when it was made.

    Once nobody has the memory any more, it is not given out again before ``stream`` has done what it was given by
    then; without that, what is made on the first stream could overwrite it. Views share what is said of them. Raises
    RuntimeError for a Tensor on the CPU, TypeError where ``stream`` is no ``gradcu.cuda.Stream``.
    """
    if self.device is CPU:
        raise RuntimeError("record_stream() is for tensors on CUDA devices, and this one is on the CPU")
    if not hasattr(stream, "of_cupy"):
        raise TypeError(f"record_stream(): argument 'stream' must be gradcu.cuda.Stream, not {type_name(stream)}")
    _cuda_memory.keep_when_dropped(self._memory(), Place(stream.device, stream.of_cupy))
