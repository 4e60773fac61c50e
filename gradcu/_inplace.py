"""In-place operations: each is its op's functional form, recorded as ever, whose result is written into the operand.

The rules are PyTorch's (https://docs.pytorch.org/docs/stable/notes/autograd.html#in-place-operations-with-autograd):
the shared version counts every write, so that a stale saved value is found; a leaf that requires grad can't be written
to while recording; a write into a view is also a change of its base, recorded there as CopySlices.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable
from typing import Any

from ._device import copied
from ._dtype import can_cast, scalar_name
from ._graph import GRAD_ENABLED, INFERENCE, UNVERSIONED, Node
from ._op import OPS
from ._pending import FUSING, TRACES
from ._record import record
from ._saved import SAVED_HOOKS, Packed
from ._tensor import Tensor, current_edge, replace_edge
from .ops.convert import to_dtype

WRITES: contextvars.ContextVar[Any] = contextvars.ContextVar("WRITES", default=None)
"""What is to be told of each Tensor that is about to be changed in this context, by its ``before_write``."""


def in_place(functional: Callable[..., Any], name: str) -> Callable[..., Tensor]:
    """The in-place method ``name`` that writes the result of ``functional`` into its first operand."""

    def method(self: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        refuse_leaf(self)
        # What hooks are given to keep must not be what is changed.
        result = functional(_snapshot(self) if TRACES and SAVED_HOOKS.get() else self, *args, **kwargs)
        return result if result is NotImplemented else write(self, result)

    method.__name__ = method.__qualname__ = name
    method.__module__ = "gradcu"
    method.__doc__ = f"The in-place form of ``{name.removesuffix('_')}``: changes this Tensor and returns it."
    return method


def _snapshot(tensor: Tensor) -> Tensor:
    """A Tensor in the same place of the graph, with memory of its own."""
    copy = Tensor._wrap(copied(tensor._memory()))
    copy._edge, copy._requires_grad = current_edge(tensor), tensor._requires_grad
    return copy


def refuse_leaf(tensor: Tensor) -> None:
    """Raises where an in-place operation would change a leaf that requires grad, or a view of one.

    Outside inference mode an inference tensor is refused too: nobody would find out that it has changed.
    """
    if tensor.is_inference() and not INFERENCE.get():
        raise RuntimeError(
            "Inplace update to inference tensor outside InferenceMode is not allowed. You can make a clone to get a "
            "normal tensor before doing inplace update."
        )
    if not GRAD_ENABLED.get():
        return
    view, base = tensor._view, tensor._base
    if view is not None and view.base._requires_grad:
        view.refuse_write(tensor)
    if base is not None and base._requires_grad and current_edge(base) is None:
        raise RuntimeError("a view of a leaf Variable that requires grad is being used in an in-place operation.")
    if tensor._requires_grad and current_edge(tensor) is None:
        raise RuntimeError("a leaf Variable that requires grad is being used in an in-place operation.")


def write(tensor: Tensor, result: Tensor) -> Tensor:
    """Writes ``result``, which an op computed from ``tensor``, into ``tensor``'s memory and graph."""
    memory = tensor._memory()
    if memory.size > 1 and any(
        not step and length > 1 for step, length in zip(memory.strides, memory.shape, strict=True)
    ):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a single memory "
            "location. Please clone() the tensor before performing the operation."
        )
    if result._array.shape != memory.shape:
        raise RuntimeError(
            f"output with shape {list(memory.shape)} doesn't match the broadcast shape {list(result._array.shape)}"
        )
    if result._array.dtype != memory.dtype:
        if not can_cast(result._array.dtype, memory.dtype):
            raise RuntimeError(
                f"result type {scalar_name(result._array.dtype)} can't be cast to the desired output type "
                f"{scalar_name(memory.dtype)}"
            )
        if memory.dtype.kind == "c" and result._array.dtype.kind == "f":
            # No other elementwise function makes real numbers of complex ones in place.
            raise RuntimeError("In-place abs is not supported for complex tensors.")
        result = to_dtype(result, memory.dtype)
    if TRACES:
        if FUSING.trace is not None:
            FUSING.trace.before_write(tensor, result)
        watcher = WRITES.get()
        if watcher is not None:
            watcher.before_write(tensor)
    node = result.grad_fn
    if node is not None:
        if tensor._view is not None:
            tensor._view.refuse_write(tensor)
        _keep_old_value(node, tensor._version_counter)
    memory[...] = result._array
    tensor._bump_version()
    if node is not None:
        tensor._version_counter[1:] = [node.name()]
        _share_saved_output(node, tensor)
        relink(tensor, result)
    return tensor


def _keep_old_value(node: Node, counter: list[int]) -> None:
    """Copies the old value of the operand that is about to change, if the node saved it.

    A node without a plan has fused several ops, and any of them may have read it.
    """
    if not node.saved:
        return
    changing = [entry is not None and entry[1] is counter for entry in node.saved]
    if node.plan is not None:
        changing[1:] = [False] * (len(changing) - 1)
    node.saved = tuple(
        (copied(entry[0]), UNVERSIONED, 0) if changes else entry
        for entry, changes in zip(node.saved, changing, strict=True)
    )


def _share_saved_output(node: Node, tensor: Tensor) -> None:
    """Makes a saved output the tensor's own memory, so that a later change of it is found out."""
    if node.saved and node.plan is not None:
        first = node.plan.operand_count
        counter = tensor._version_counter
        node.saved = tuple(
            (tensor._array, counter, counter[0])
            if entry is not None and position >= first and type(entry[0]) is not Packed
            else entry
            for position, entry in enumerate(node.saved)
        )


def relink(tensor: Tensor, result: Tensor) -> None:
    """Makes the graph lead through the change: at the tensor, or at the base of the view that it is."""
    view = tensor._view
    if view is None:
        replace_edge(tensor, result._edge)
        return
    view.refuse_write(tensor)
    base = view.base
    changed = Tensor._wrap(base._memory(), base._version_counter)
    record(OPS["view_replaced"], (base, result), (base._array, result._array), (view.replay,), (changed,))
    replace_edge(base, changed._edge)
