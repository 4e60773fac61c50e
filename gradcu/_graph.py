"""The graph: nodes, the versions of what they saved, and the modes that say whether to record.

An edge leads from a node to where one of its gradients goes: a leaf Tensor, the node that made the operand, or
``(node, number)`` for output ``number`` of a node with several outputs. A graph holds no reference cycle, so it dies
with the last Tensor that names it, without the garbage collector.
"""

from __future__ import annotations

import contextvars
import itertools
from collections.abc import Callable, Sequence
from typing import Any

next_sequence = itertools.count().__next__
"""Numbers the nodes in the order of recording; an operand's node always has a smaller number than its user's."""

GRAD_ENABLED: contextvars.ContextVar[bool] = contextvars.ContextVar("GRAD_ENABLED", default=True)
"""Whether operations are recorded, in this context (thread, task)."""

FREED_MESSAGE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)

UNVERSIONED = [0]
"""The version counter of what can't change: Python numbers."""


class Node:
    """One recorded operation.

    ``saved`` aligns with the plan's operands and outputs: for each that a rule names ``(value, version counter,
    version when saved)``, else None; it becomes None as a whole when the graph is freed. ``shape`` and ``dtype``
    describe the output (tuples of them where there are several), which is what an arriving gradient must look like.
    """

    __slots__ = ("__dict__", "__weakref__", "dtype", "edges", "plan", "saved", "sequence", "shape", "statics")

    plan: Any  # a Plan; None where a user's Function has its own backward
    sequence: int
    edges: tuple[Any, ...]
    saved: tuple[Any, ...] | None
    statics: tuple[Any, ...]
    shape: Any
    dtype: Any

    # What few nodes have stands in __dict__; the class holds the absent value.
    output_count = 1
    hooks: dict[int, Callable[..., Any]] | None = None
    prehooks: dict[int, Callable[..., Any]] | None = None
    tensor_hooks: dict[int, dict[int, Callable[..., Any]]] | None = None
    retained: dict[int, Any] | None = None
    operand_shapes: tuple[tuple[int, ...], ...] = ()

    def name(self) -> str:
        """The node's name, such as ``AddBackward0``."""
        return type(self).__name__

    def release(self) -> None:
        """Lets go of what was saved for backward."""
        if self.saved:
            self.saved = None

    def backward(self, gradient: Any, create_graph: bool) -> Sequence[Any]:
        """The gradients of the operands, for a node without a plan."""
        raise NotImplementedError(f"{self.name()} has no backward")


def version_error(value: Any, node: Node, counter: list[int], expected: int, position: int) -> RuntimeError:
    """The error for a saved value that was changed in place since, in PyTorch's words."""
    kind = f"{value.dtype} {list(value.shape)}"
    edge = node.edges[position] if position < len(node.edges) else node
    source = edge[0] if type(edge) is tuple else edge
    maker = f", which is output 0 of {source.name()}," if isinstance(source, Node) else ""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[gradcu.{kind}]{maker} is at version {counter[0]}; expected version {expected} instead."
    )
