"""Hooks on what is saved for backward: kept elsewhere, kept smaller, or kept from changes.

See https://docs.pytorch.org/docs/stable/notes/autograd.html#saved-tensors-hooks-doc. Inside ``gradcu.compile`` a fused
node saves what its function was given, and hooks do not see it.
"""

from __future__ import annotations

import contextvars
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .._device import copied
from .._inplace import WRITES
from .._pending import TRACES
from .._saved import SAVED_HOOKS
from .._tensor import Tensor

_DISABLED: contextvars.ContextVar[str | None] = contextvars.ContextVar("SAVED_HOOKS_DISABLED", default=None)


class saved_tensors_hooks:  # noqa: N801
    """Within the block, what a node saves is ``pack_hook(tensor)``; ``unpack_hook`` makes a Tensor of it for backward.

    Of nested blocks the innermost counts. ``pack_hook`` must not change its argument. Numbers are saved as they are.

    >>> import gradcu
    >>> seen = []
    >>> x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    >>> with gradcu.autograd.graph.saved_tensors_hooks(lambda t: seen.append(t.tolist()) or t, lambda t: t):
    ...     y = x**3
    >>> seen
    [[1.0, 2.0]]
    """

    def __init__(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        self.pack_hook, self.unpack_hook = pack_hook, unpack_hook

    def __enter__(self) -> Any:
        disabled = _DISABLED.get()
        if disabled is not None:
            raise RuntimeError(disabled)
        SAVED_HOOKS.set((*SAVED_HOOKS.get(), (self.pack_hook, self.unpack_hook)))
        TRACES.append(SAVED_HOOKS)
        return self

    def __exit__(self, *error: object) -> None:
        SAVED_HOOKS.set(SAVED_HOOKS.get()[:-1])
        TRACES.remove(SAVED_HOOKS)


class save_on_cpu(saved_tensors_hooks):  # noqa: N801
    """Within the block, what nodes on CUDA devices save is kept in the CPU's memory until backward needs it.

    >>> import gradcu
    >>> x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    >>> with gradcu.autograd.graph.save_on_cpu():
    ...     y = (x * x).sum()
    >>> y.backward()
    >>> x.grad
    tensor([2., 4.])
    """

    def __init__(self) -> None:
        super().__init__(lambda tensor: (tensor.device, tensor.cpu()), lambda kept: kept[1].to(kept[0]))


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """Within the block, ``saved_tensors_hooks`` raises RuntimeError with this message; within such a block, this does.

    >>> import gradcu
    >>> with gradcu.autograd.graph.disable_saved_tensors_hooks("no hooks here"):
    ...     with gradcu.autograd.graph.save_on_cpu():
    ...         pass
    Traceback (most recent call last):
    RuntimeError: no hooks here
    """
    if SAVED_HOOKS.get():
        raise RuntimeError(error_message)
    before = _DISABLED.get()
    _DISABLED.set(error_message)
    try:
        yield
    finally:
        _DISABLED.set(before)


class _Kept:
    """A saved Tensor that may be changed in place: its memory, which is a copy once that has happened."""

    __slots__ = ("__weakref__", "array", "keeper")

    def __init__(self, array: Any, keeper: _Keeper) -> None:
        self.array, self.keeper = array, keeper


class _Keeper(saved_tensors_hooks):
    """Copies what was saved before it is changed."""

    def __init__(self) -> None:
        super().__init__(self._keep, _given_back)
        # By the version counter, which views share. It is held, since another could get its identity.
        self._kept: dict[int, tuple[list[Any], weakref.WeakSet[_Kept]]] = {}

    def _keep(self, tensor: Tensor) -> _Kept:
        kept = _Kept(tensor._memory(), self)
        counter = tensor._version_counter
        self._kept.setdefault(id(counter), (counter, weakref.WeakSet()))[1].add(kept)
        return kept

    def before_write(self, tensor: Tensor) -> None:
        """Copies what was saved of this Tensor, or of what shares its memory, and is still needed."""
        _, known = self._kept.pop(id(tensor._version_counter), (None, ()))
        copies: dict[int, Any] = {}
        for kept in known:
            # Saved twice, it is copied once.
            key = id(kept.array)
            copies[key] = copies.get(key, kept.array) if key in copies else copied(kept.array)
            kept.array = copies[key]


def _given_back(kept: _Kept) -> Tensor:
    if WRITES.get() is not kept.keeper:
        raise AssertionError(
            "Trying to backward outside of the 'allow_mutation_on_saved_tensors' context in which the graph was "
            "originally recorded."
        )
    return Tensor._wrap(kept.array)


@contextmanager
def allow_mutation_on_saved_tensors() -> Iterator[None]:
    """Within the block, what was saved for backward may be changed in place: it is copied first, and backward runs.

    The graphs that are recorded in the block must be walked in it, too. Such blocks can't be nested.

    >>> import gradcu
    >>> x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    >>> with gradcu.autograd.graph.allow_mutation_on_saved_tensors():
    ...     y = x.clone()
    ...     z = (y * y).sum()
    ...     _ = y.zero_()
    ...     z.backward()
    >>> x.grad
    tensor([2., 4.])
    """
    if WRITES.get() is not None:
        raise RuntimeError("allow_mutation_on_saved_tensors contexts cannot be nested")
    keeper = _Keeper()
    with keeper:
        WRITES.set(keeper)
        try:
            yield
        finally:
            WRITES.set(None)
