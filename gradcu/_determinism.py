"""Whether operations may give results that differ in the last digits from run to run."""

from __future__ import annotations

_enabled = True


def use_deterministic_algorithms(mode: bool) -> None:
    """Says whether operations must give the same bits whenever they are repeated, as they do from the start.

    With False, gradients at repeated indices are summed on CUDA devices by atomic operations, in whatever order threads
    come: without a sort of the indices and without memory for it, and with last digits that differ from run to run. And
    of values that are assigned at a repeated index any may stay, not the last one. It holds for all threads.

    Matrix products on CUDA are cuBLAS's, which gives the same bits as long as one stream at a time asks for them; for
    several at a time it wants CUBLAS_WORKSPACE_CONFIG=:4096:8 in the environment
    (https://docs.nvidia.com/cuda/cublas/#results-reproducibility). Raises TypeError where ``mode`` is no bool.

    >>> import gradcu
    >>> gradcu.use_deterministic_algorithms(True)
    """
    global _enabled
    if not isinstance(mode, bool):
        raise TypeError(f"use_deterministic_algorithms(): mode must be True or False, not {mode!r}")
    _enabled = mode


def are_deterministic_algorithms_enabled() -> bool:
    """Whether operations must give the same bits whenever they are repeated; True unless it was said otherwise.

    >>> import gradcu
    >>> gradcu.are_deterministic_algorithms_enabled()
    True
    """
    return _enabled
