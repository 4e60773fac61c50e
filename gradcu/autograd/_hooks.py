"""Tensor's methods that let a function see, or replace, gradients as they pass."""

from __future__ import annotations

from collections.abc import Callable

from .._define import publish
from .._graph import HookTable, RemovableHandle, leaf_hooks
from .._pending import Pending
from .._tensor import Tensor, current_edge, retain_gradient


def register_hook(self: Tensor, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
    """Calls ``hook(gradient)`` whenever this Tensor's gradient has been computed; a Tensor it returns replaces it.

    The handle's ``remove()`` ends that. Raises RuntimeError for a Tensor that does not require grad.

    >>> import gradcu
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> handle = x.register_hook(lambda gradient: 10 * gradient)
    >>> (2 * x).backward()
    >>> x.grad
    tensor(20.)
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if isinstance(self._array, Pending):
        self._array.settle(self)
    edge = current_edge(self)
    if edge is None:
        return leaf_hooks(self, "_hooks").register(hook)
    node, number = edge if type(edge) is tuple else (edge, 0)
    if node.tensor_hooks is None:
        node.tensor_hooks = {}
    return node.tensor_hooks.setdefault(number, HookTable()).register(hook)


def register_post_accumulate_grad_hook(self: Tensor, hook: Callable[[Tensor], None]) -> RemovableHandle:
    """Calls ``hook(tensor)`` whenever ``backward`` has added to this leaf's ``grad``.

    That is as soon as nothing more can be added in this walk, so the hook may use up ``grad`` and free it. The handle's
    ``remove()`` ends that. Raises RuntimeError for a Tensor that is no leaf or does not require grad, and in
    ``backward`` where the hook returns anything.

    >>> import gradcu
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> handle = x.register_post_accumulate_grad_hook(lambda leaf: print(leaf.grad))
    >>> (2 * x).backward()
    tensor(2.)
    """
    if not self.requires_grad:
        raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
    if not self.is_leaf:
        raise RuntimeError("post accumulate grad hooks cannot be registered on non-leaf tensors")
    return leaf_hooks(self, "_accumulated_hooks").register(hook)


def retain_grad(self: Tensor) -> None:
    """Makes ``backward`` keep this Tensor's gradient in ``grad``, as it does a leaf's; on a leaf it does nothing.

    Raises RuntimeError for a Tensor that does not require grad.

    >>> import gradcu
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> y = 2 * x
    >>> y.retain_grad()
    >>> gradcu.exp(y).backward()
    >>> y.grad
    tensor(403.4288)
    """
    if not self.requires_grad:
        raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
    if not self._retains_grad:
        if isinstance(self._array, Pending):
            self._array.settle(self)
        retain_gradient(self)


for method in (register_hook, register_post_accumulate_grad_hook, retain_grad):
    publish(method.__name__, method, method=True, namespace=False)
