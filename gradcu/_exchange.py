"""A Tensor's memory as other libraries take it: NumPy's and CuPy's arrays, DLPack, the CUDA array interface."""

from __future__ import annotations

from typing import Any

import numpy as np

from ._define import publish
from ._device import CPU
from ._dtype import scalar_name
from ._graph import GRAD_ENABLED
from ._tensor import Tensor


def numpy(self: Tensor, *, force: bool = False) -> np.ndarray:
    """The elements as an array that shares this Tensor's memory.

    Raises RuntimeError where this Tensor requires grad, outside ``no_grad``, and TypeError on another device than the
    CPU: with ``force`` it is detached and copied to the CPU first.

    >>> import gradcu
    >>> gradcu.ones(2).numpy()
    array([1., 1.], dtype=float32)
    """
    if not force and GRAD_ENABLED.get() and self.requires_grad:
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")
    if self.device.type != "cpu":
        if not force:
            raise TypeError(
                f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy the tensor to host "
                "memory first."
            )
        return self._array.get()
    return self._memory()


def cupy(self: Tensor) -> Any:
    """The elements as a CuPy array that shares this Tensor's memory.

    Raises RuntimeError where this Tensor requires grad, and TypeError on the CPU.
    """
    if self.requires_grad:
        raise RuntimeError("Can't call cupy() on Tensor that requires grad. Use tensor.detach().cupy() instead.")
    if self.device is CPU:
        raise TypeError(
            "can't convert cpu device type tensor to cupy. Use Tensor.cuda() to copy the tensor to device memory first."
        )
    return self._memory()


def _is_cuda(self: Tensor) -> bool:
    """Whether the elements are on a CUDA device."""
    return self.device.type == "cuda"


def _is_cpu(self: Tensor) -> bool:
    """Whether the elements are in the host's memory."""
    return self.device is CPU


def _cuda_array_interface(self: Tensor) -> dict[str, Any]:
    """The memory on a CUDA device, as other libraries take it; they take a Tensor without one for something else."""
    if self.device is CPU:
        raise AttributeError(
            "Can't get __cuda_array_interface__ on non-CUDA tensor type: "
            f"gradcu.{scalar_name(self.dtype)}Tensor If CUDA data is required use tensor.cuda() to copy tensor to "
            "device memory."
        )
    if self.requires_grad:
        raise AttributeError(
            "Can't get __cuda_array_interface__ on Variable that requires grad. If gradients aren't required, use "
            "var.detach() to get Variable that doesn't require grad."
        )
    return self._memory().__cuda_array_interface__


def _dlpack(self: Tensor, **options: Any) -> Any:
    """The memory as a DLPack capsule: https://dmlc.github.io/dlpack. The options are those of NumPy's or CuPy's."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    return self._memory().__dlpack__(**options)


def _dlpack_device(self: Tensor) -> tuple[int, int]:
    """The kind of the device, in DLPack's numbers, and its index."""
    return self._memory().__dlpack_device__()


def to_numpy(self: Tensor) -> np.ndarray:
    """``numpy()``, under the name by which matplotlib and others ask for the array of what is not an array.

    Without it they would take a Tensor apart element by element, and draw one that requires grad with a warning.

    >>> import gradcu
    >>> gradcu.ones(2).to_numpy()
    array([1., 1.], dtype=float32)
    """
    return numpy(self)


for _function in (numpy, cupy, to_numpy):
    publish(_function.__name__, _function, namespace=False)

EXCHANGE = {
    "__dlpack__": _dlpack,
    "__dlpack_device__": _dlpack_device,
    "__cuda_array_interface__": property(_cuda_array_interface),
    "is_cpu": property(_is_cpu),
    "is_cuda": property(_is_cuda),
}
