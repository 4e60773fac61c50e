"""Values that nodes have saved: as hooks have packed them, and as users look at them.

A node's entry for a packed value is ``(Packed, PACKED, 0)``: its version never fits, so that the walker needs no
question of its own to find it.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable, Sequence
from typing import Any

from ._graph import FREED_MESSAGE, GRAD_ENABLED, Node, version_error
from ._pending import Pending
from ._tensor import Tensor

Hooks = tuple[Callable[[Tensor], Any], Callable[[Any], Tensor]]

SAVED_HOOKS: contextvars.ContextVar[tuple[Hooks, ...]] = contextvars.ContextVar("SAVED_HOOKS", default=())
"""The pairs of hooks that are in force in this context, the innermost last. While there are any anywhere,
``gradcu._pending.TRACES`` is not empty, so that every op is recorded where it is asked for them."""

PACKED = [1]


class Packed:
    """A saved value in the hands of hooks: what the first of them made of it, and the second, which undoes that."""

    __slots__ = ("data", "unpack_hook")

    def __init__(self, hooks: Hooks, tensor: Tensor) -> None:
        version = tensor._version_counter[:1]
        token = GRAD_ENABLED.set(False)
        try:
            self.data = hooks[0](tensor)
        finally:
            GRAD_ENABLED.reset(token)
        if tensor._version_counter[:1] != version:
            raise RuntimeError(
                "A saved tensor pack hook is modifying its input in place. Tensors provided as input to pack hook "
                "cannot be modified by in-place operations as this can lead to unexpected side-effects."
            )
        self.unpack_hook = hooks[1]

    def array(self) -> Any:
        """The value again."""
        tensor = self.unpack_hook(self.data)
        if not isinstance(tensor, Tensor):
            raise TypeError(
                "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
                f"{type(tensor).__name__}"
            )
        return tensor._memory()


def pack(node: Node, operands: Sequence[Any], arrays: Sequence[Any], results: Sequence[Tensor]) -> None:
    """Gives what a new node has saved of its operands and results to the hooks in force."""
    hooks = SAVED_HOOKS.get()
    if not hooks or not node.saved:
        return
    saved = list(node.saved)
    for position, entry in enumerate(saved):
        # Python numbers are no Tensors, and a pending value has no elements yet.
        if entry is None or not hasattr(entry[0], "dtype") or isinstance(entry[0], Pending):
            continue
        if position >= len(operands):
            tensor = Tensor._wrap(entry[0], results[position - len(operands)]._version_counter)
        else:
            operand = operands[position]
            own = isinstance(operand, Tensor) and operand._array is arrays[position]
            tensor = operand if own else Tensor._wrap(arrays[position])
        saved[position] = Packed(hooks[-1], tensor), PACKED, 0
    node.saved = tuple(saved)


def revived(node: Node, position: int, value: Any, counter: list[Any]) -> Any:
    """A saved value as the Tensor it was, so that what is computed with it is recorded."""
    count = node.plan.operand_count
    if position >= count:
        edge: Any = node if node.output_count == 1 else (node, position - count)
    else:
        edge = node.edges[position]
        if edge is None and not hasattr(value, "dtype"):
            return value
        if isinstance(edge, Tensor) and edge._array is value:
            return edge
    tensor = Tensor._wrap(value, counter)
    if edge is not None and value.dtype.kind in "fc":
        # Behind a promotion the edge's dtype differs from the value's; the walker casts what goes along it.
        tensor._edge, tensor._requires_grad = edge, True
    return tensor


def saved_value(node: Node, position: int) -> Any:
    """What a node saved of the operand or output in ``position``: a Tensor, a Python number, or None."""
    entry = _entry(node, position)
    if entry is None:
        return None
    value, counter, expected = entry
    if type(value) is Packed:
        return revived(node, position, value.array(), [0])
    if counter[0] != expected:
        raise version_error(value, node if position >= node.plan.operand_count else None, counter, expected)
    return revived(node, position, value, counter)


def _entry(node: Node, position: int) -> Any:
    if node.saved is None:
        raise RuntimeError(FREED_MESSAGE)
    return node.saved[position] if node.saved else None


class SavedTensor:
    """One value that a node has saved, before anything is unpacked; nodes show it as ``_raw_saved_self`` and the like.

    >>> import gradcu
    >>> x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    >>> y = x * x
    >>> y.grad_fn._raw_saved_self.register_hooks(lambda tensor: tensor.numpy(force=True) * 10, gradcu.as_tensor)
    >>> y.sum().backward()
    >>> x.grad
    tensor([11., 22.])
    """

    __slots__ = ("_node", "_position")

    def __init__(self, node: Node, position: int) -> None:
        self._node, self._position = node, position

    @property
    def data(self) -> Any:
        """What is kept: a Tensor, or what the pack hook made of it."""
        entry = _entry(self._node, self._position)
        if entry is not None and type(entry[0]) is Packed:
            return entry[0].data
        return saved_value(self._node, self._position)

    @property
    def unpack_hook(self) -> Callable[[Any], Tensor] | None:
        """The hook that makes a Tensor of ``data``; None without hooks."""
        entry = _entry(self._node, self._position)
        return entry[0].unpack_hook if entry is not None and type(entry[0]) is Packed else None

    def register_hooks(self, pack_hook: Callable[[Tensor], Any], unpack_hook: Callable[[Any], Tensor]) -> None:
        """Keeps ``pack_hook(tensor)`` in place of the Tensor, of which ``unpack_hook`` must make it again for backward.

        Raises RuntimeError where there is nothing to keep, and where hooks have been registered before.
        """
        for hook in (pack_hook, unpack_hook):
            if not callable(hook):
                raise TypeError(f"register_hooks(): expected two callables, but got {type(hook).__name__}")
        node, position = self._node, self._position
        if node.saved is None:
            raise RuntimeError(f"Calling register_hooks on a saved tensor after it has been freed. {FREED_MESSAGE}")
        entry = _entry(node, position)
        if entry is None:
            raise RuntimeError("Calling register_hooks on a saved tensor with value None is forbidden")
        if type(entry[0]) is Packed:
            raise RuntimeError(
                "Calling register_hooks on a saved tensor whose hooks have already been set. Hint: only one pair of "
                "hooks is allowed at a time."
            )
        packed = Packed((pack_hook, unpack_hook), saved_value(node, position).detach())
        node.saved = (*node.saved[:position], (packed, PACKED, 0), *node.saved[position + 1 :])
