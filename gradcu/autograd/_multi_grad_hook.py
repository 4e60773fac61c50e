"""One hook for the gradients of several Tensors."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Literal

from .._graph import RemovableHandle
from .._hooking import HOOKED
from .._tensor import Tensor, current_edge


class MultiHandle:
    """Takes the hook away from all its Tensors: by ``remove()``, or at the end of a ``with`` block."""

    def __init__(self, handles: tuple[RemovableHandle, ...]) -> None:
        self._handles = handles

    def remove(self) -> None:
        """Takes the hook away; a second call does nothing."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> MultiHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


class _Gathering:
    """The gradients that have come in one walk, and how many will."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        assert HOOKED.walk is not None
        self.gradients: list[Tensor | None] = [None] * len(tensors)
        self.missing = sum(
            HOOKED.walk.reaches(tensor if edge is None else edge)
            for tensor, edge in ((tensor, current_edge(tensor)) for tensor in tensors)
        )


def register_multi_grad_hook(
    tensors: Sequence[Tensor], fn: Callable[[Any], None], *, mode: Literal["all", "any"] = "all"
) -> MultiHandle:
    """Calls ``fn`` once in every walk that computes the gradient of one of ``tensors``, whichever they are.

    With ``mode="all"`` that is when all gradients have come that this walk computes, and ``fn`` gets the sequence of
    them, with None for the others; with ``"any"`` when the first has come, which is what ``fn`` gets. The handle's
    ``remove()`` ends that.

    Raises ValueError for another mode and RuntimeError for a Tensor that does not require grad.

    >>> import gradcu
    >>> x, y, z = (gradcu.tensor(value, requires_grad=True) for value in (2.0, 3.0, 5.0))
    >>> handle = gradcu.autograd.graph.register_multi_grad_hook((x, y, z), print)
    >>> (x * y).backward()
    [tensor(3.), tensor(2.), None]
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    tensors = tuple(tensors)
    key, lock = object(), threading.Lock()

    def one_of_all(position: int, gradient: Tensor | None) -> None:
        assert HOOKED.walk is not None
        notes = HOOKED.walk.notes
        with lock:
            gathering = notes.get(key)
            if gathering is None:
                gathering = notes[key] = _Gathering(tensors)
            gathering.gradients[position] = gradient
            gathering.missing -= 1
            whole = not gathering.missing
        if whole:
            del notes[key]
            fn(gathering.gradients)

    def first_of_any(gradient: Tensor | None) -> None:
        assert HOOKED.walk is not None
        if key not in HOOKED.walk.notes:
            HOOKED.walk.notes[key] = True
            fn(gradient)

    return MultiHandle(
        tuple(
            tensor.register_hook(first_of_any if mode == "any" else partial(one_of_all, position))
            for position, tensor in enumerate(tensors)
        )
    )
