"""Hooks on the walker's way: they see gradients as Tensors, and may replace them."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence
from typing import Any

from ._graph import HookTable, Node
from ._tensor import Tensor, type_of


class _Hooked(threading.local):
    """The walk of this thread whose hooks are running."""

    walk: Any = None


HOOKED = _Hooked()


def as_tensor(value: Any) -> Tensor:
    """A gradient as hooks and users see it."""
    return value if isinstance(value, Tensor) else Tensor._wrap(value)


def run_hooks(hooks: HookTable, value: Any, walk: Any) -> Any:
    """Passes a gradient through a Tensor's hooks; each may replace it. Of several outputs one may have None."""
    tensor = None if value is None else as_tensor(value)
    before, HOOKED.walk = HOOKED.walk, walk
    try:
        for hook in list(hooks.values()):
            result = hook(tensor)
            if result is not None:
                tensor = _replacement(hook, result, tensor)
    finally:
        HOOKED.walk = before
    return tensor if walk.create_graph or tensor is None else tensor._array


def users_of_hooked_leaves(roots: Sequence[Any], leads: dict[Any, bool] | None) -> dict[Tensor, int]:
    """How many edges of a walk from ``roots`` lead to each leaf that has hooks; ``leads`` as in the walker."""
    users: dict[Tensor, int] = {}
    seen: set[Node] = set()
    stack = list(roots)
    while stack:
        edge = stack.pop()
        target = edge[0] if type(edge) is tuple else edge
        if isinstance(target, Node):
            if target not in seen and (leads is None or leads.get(target)):
                seen.add(target)
                stack.extend(edge for edge in target.edges if edge is not None)
        elif target._hooks or target._accumulated_hooks or target._node_hooks or target._node_prehooks:
            users[target] = users.get(target, 0) + 1
    return users


def run_accumulated_hooks(leaf: Tensor) -> None:
    """Tells a leaf's hooks that its gradient has been added to."""
    for hook in list((leaf._accumulated_hooks or {}).values()):
        if hook(leaf) is not None:
            raise RuntimeError("Tensor post accumulate grad hooks should return None.")


def run_node_prehooks(node: Node, gradient: Any, create_graph: bool) -> Any:
    """Passes the gradients of a node's outputs through its prehooks."""
    single = node.output_count == 1
    current = _hook_arguments([gradient] if single else gradient)
    for hook in list((node.prehooks or {}).values()):
        result = hook(current)
        if result is not None:
            current = _replacements(hook, result, current)
    found = [g if create_graph or g is None else g._array for g in current]
    return found[0] if single else found


def run_node_hooks(node: Node, values: Iterable[Any], gradient: Any, create_graph: bool) -> list[Any]:
    """Passes the gradients of a node's operands through its hooks."""
    outputs = _hook_arguments([gradient] if node.output_count == 1 else gradient)
    current = _hook_arguments(values)
    for hook in list((node.hooks or {}).values()):
        result = hook(current, outputs)
        if result is not None:
            current = _replacements(hook, result, current)
    return [g if create_graph or g is None else g._array for g in current]


def _hook_arguments(values: Iterable[Any]) -> tuple[Tensor | None, ...]:
    return tuple(None if value is None else as_tensor(value) for value in values)


def _replacement(hook: Any, result: Any, before: Tensor | None) -> Any:
    """What a hook returned in place of ``before``, checked in PyTorch's words."""
    if result is None:
        return None
    if before is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if not isinstance(result, Tensor):
        raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
    if result.dtype != before.dtype or result.device.type != before.device.type:
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has changed the type of value (was {type_of(before)} got {type_of(result)})"
        )
    if result.device != before.device:
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has changed the device of value (was {before.device} got {result.device})"
        )
    if result.shape != before.shape:
        raise RuntimeError(f"hook '{_hook_name(hook)}' has changed the size of value")
    return result


def _replacements(hook: Any, results: Any, before: tuple[Tensor | None, ...]) -> tuple[Any, ...]:
    if not isinstance(results, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(results).__name__}'")
    if len(results) != len(before):
        raise RuntimeError(
            f"hook '{_hook_name(hook)}' has returned an incorrect number of values (got {len(results)}, but expected "
            f"{len(before)})"
        )
    return tuple(_replacement(hook, result, old) for result, old in zip(results, before, strict=True))


def _hook_name(hook: Any) -> str:
    return getattr(hook, "__name__", type(hook).__name__)
