"""THE walker: takes gradients from the outputs back to the leaves. ``backward`` and ``grad`` share it.

It goes by the nodes' sequence numbers, largest first, so that a node runs once all its users have; no recursion and no
counting of dependencies. Gradients are raw arrays, and the rules' text runs on them directly, unless the walk itself is
to be differentiated (``create_graph``): then they are Tensors and the same text records.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ._graph import FREED_MESSAGE, GRAD_ENABLED, Node, version_error
from ._hooking import as_tensor, run_hooks, run_node_hooks, run_node_prehooks
from ._journey import Journey
from ._pending import FUSING, TRACES
from ._record import cuda_kernels
from ._silence import QUIET, silenced
from ._tensor import Tensor
from .ops.convert import clone, to_dtype
from .ops.shape import expand, sum_to


class Walk:
    """One pass from the outputs to the leaves, or to the ``targets`` (edges) where only these are wanted.

    ``arrived`` maps a leaf, or a target edge, to its gradient: a Tensor under ``create_graph``, else a raw array.
    ``fresh`` holds the leaves whose gradient's memory nobody else can know.
    """

    __slots__ = (
        "arrived", "create_graph", "fresh", "journey", "keep_graph", "leads", "pending", "queue", "targets",
    )  # fmt: skip

    def __init__(self, targets: Sequence[Any] | None, *, keep_graph: bool, create_graph: bool) -> None:
        self.keep_graph, self.create_graph = keep_graph, create_graph
        self.targets = None if targets is None else frozenset(targets)
        self.arrived: dict[Any, Any] = {}
        self.fresh: set[Tensor] = set()
        self.pending: dict[Node, Any] = {}
        self.queue: list[tuple[int, Node]] = []
        self.leads: dict[Any, bool] | None = None
        self.journey: Journey | None = None

    def run(self, roots: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
        """Carries each root's gradient, given as (edge, gradient), backwards; returns ``arrived``."""
        if self.targets is not None:
            self.leads = _leading_to(self.targets, [edge for edge, _ in roots])
        token = GRAD_ENABLED.set(self.create_graph)
        try:
            self._run(roots)
        finally:
            GRAD_ENABLED.reset(token)
        return self.arrived

    @silenced
    def _run(self, roots: Sequence[tuple[Any, Any]]) -> None:
        for edge, gradient in roots:
            if self.leads is None or owner(edge) in self.leads:
                self.send(edge, gradient, None, False)
        try:
            self._walk()
        except MemoryError as error:
            if self.journey is not None:
                self.journey.explain(error)
            raise
        finally:
            if self.journey is not None:
                self.journey.end()
        for leaf in [edge for edge in self.arrived if isinstance(edge, Tensor) and edge._hooks]:
            assert leaf._hooks is not None
            self.fresh.discard(leaf)
            self.arrived[leaf] = run_hooks(leaf._hooks, self.arrived[leaf], self.create_graph)

    def _walk(self) -> None:
        pending, queue, leads = self.pending, self.queue, self.leads
        keep_graph, create_graph = self.keep_graph, self.create_graph
        # In a chain no node waits in the queue: the one to go to next is at hand, with its gradient.
        following: Node | None = None
        carried: Any = None
        while queue or following is not None:
            if following is None:
                node = heappop(queue)[1]
                gradient = pending.pop(node)
            else:
                node, gradient, following = following, carried, None
            if node.tensor_hooks is not None or node.retained is not None:
                gradient = self._run_tensor_hooks(node, gradient)
            if leads is not None:
                self._capture(node, gradient)
                if not leads[node]:
                    continue
            plan = node.plan
            if node.place is not None:
                self.journey = self.journey or Journey(node)
                self.journey.go_to(node)
                if plan is not None and self._launch(node, gradient):
                    continue
            if plan is None or node.hooks is not None or node.prehooks is not None:
                self._run_uncommon(node, gradient)
                continue
            edges, steps = node.edges, plan.steps
            values: Any = _values(node, create_graph) if plan.reads else None
            for step in steps:
                if step.joint:
                    self._send_all(node, step.rule(gradient, *[values[i] for i in step.needs]))
                    continue
                edge = edges[step.target]
                if leads is not None and owner(edge) not in leads:
                    continue
                needs = step.needs
                if not needs:
                    value = step.rule(gradient)
                elif len(needs) == 1:
                    value = step.rule(gradient, values[needs[0]])
                else:
                    value = step.rule(gradient, *[values[i] for i in needs])
                # The hottest case, a plain node that gets its first gradient, stands here and not in `send`.
                if isinstance(edge, Node) and edge not in pending:
                    in_chain = not queue and step is steps[-1]
                    if value.shape != edge.shape or value.dtype is not edge.dtype:
                        if in_chain and leads is None and _takes_number(edge, value):
                            # NumPy computes with an array of one element faster than with a scalar of its own.
                            value = np.asarray(value)
                        else:
                            value = fitted(value, edge.shape, edge.dtype, node, step.target)
                    if in_chain:
                        following, carried = edge, value
                    else:
                        pending[edge] = value
                        heappush(queue, (-edge.sequence, edge))
                else:
                    self.send(edge, value, node, value is not gradient, step.target)
            if not keep_graph and plan.saves:
                node.saved = None

    def _launch(self, node: Node, gradient: Any) -> bool:
        """Runs a node on a CUDA device whose wanted gradients one kernel gives; says whether it did."""
        if self.create_graph or not node.plan.op.elementwise or node.hooks is not None or node.prehooks is not None:
            return False
        leads, edges = self.leads, node.edges
        targets = tuple(step.target for step in node.plan.steps if leads is None or owner(edges[step.target]) in leads)
        # What no kernel takes is read by the rules, and need not be read here before.
        if not cuda_kernels().takes(gradient):
            return False
        found = _by_kernel(node, targets, gradient, _values(node, False))
        if found is None:
            return False
        for target, value in zip(targets, found, strict=True):
            self.send(edges[target], value, node, value is not gradient, target)
        if not self.keep_graph:
            node.release()
        return True

    def send(self, edge: Any, value: Any, source: Node | None, fresh: bool, position: int = 0) -> None:
        """Adds ``value`` to what has come along ``edge`` so far."""
        if type(edge) is tuple:
            node, number = edge
            value = fitted(value, node.shape[number], node.dtype[number], source, position)
            slots = self.pending.get(node)
            if slots is None:
                slots = self.pending[node] = [None] * node.output_count
                heappush(self.queue, (-node.sequence, node))
            slots[number] = value if slots[number] is None else self._sum(slots[number], value)
        elif isinstance(edge, Node):
            value = fitted(value, edge.shape, edge.dtype, source, position)
            if edge in self.pending:
                self.pending[edge] = self._sum(self.pending[edge], value)
            else:
                self.pending[edge] = value
                heappush(self.queue, (-edge.sequence, edge))
        else:
            before = value
            value = fitted(value, edge._array.shape, edge._array.dtype, source, position)
            if edge in self.arrived:
                self.arrived[edge] = self._sum(self.arrived[edge], value)
                self.fresh.add(edge)
            else:
                self.arrived[edge] = value
                # What was summed or converted is an array that nobody knows, unless it is a view.
                if (fresh or value is not before) and not self.create_graph and value.base is None:
                    self.fresh.add(edge)

    def _sum(self, before: Any, value: Any) -> Any:
        return before + value if self.journey is None else self.journey.sum(before, value)

    def _send_all(self, node: Node, values: Iterable[Any]) -> None:
        """Sends the gradients of all operands at once; some may be one array, so none counts as fresh."""
        for position, (edge, value) in enumerate(zip(node.edges, values, strict=True)):
            if edge is not None and value is not None and (self.leads is None or owner(edge) in self.leads):
                self.send(edge, value, node, False, position)
                if node.gives_new_arrays and self.arrived.get(edge) is value:
                    self.fresh.add(edge)

    def _run_uncommon(self, node: Node, gradient: Any) -> None:
        """A node with hooks of its own, or one of a user's Function."""
        if node.prehooks is not None:
            gradient = run_node_prehooks(node, gradient, self.create_graph)
        if node.plan is None:
            values = node.backward(gradient, self.create_graph)
        else:
            values = _all_gradients(node, gradient, self.create_graph)
        if node.hooks is not None:
            values = run_node_hooks(node, values, gradient, self.create_graph)
        self._send_all(node, values)
        if not self.keep_graph:
            node.release()

    def _capture(self, node: Node, gradient: Any) -> None:
        assert self.targets is not None
        if node.output_count == 1:
            if node in self.targets:
                self.arrived[node] = gradient
        else:
            for number, value in enumerate(gradient):
                if value is not None and (node, number) in self.targets:
                    self.arrived[node, number] = value

    def _run_tensor_hooks(self, node: Node, gradient: Any) -> Any:
        single = node.output_count == 1
        slots = [gradient] if single else gradient
        for number, hooks in (node.tensor_hooks or {}).items():
            if slots[number] is not None:
                slots[number] = run_hooks(hooks, slots[number], self.create_graph)
        for number, reference in (node.retained or {}).items():
            tensor = reference()
            if tensor is not None and slots[number] is not None:
                value, before = as_tensor(slots[number]), tensor._grad
                tensor._grad = clone(value) if before is None else before + value
        return slots[0] if single else slots


def owner(edge: Any) -> Any:
    """The leaf or node that an edge leads to."""
    return edge[0] if type(edge) is tuple else edge


def fitted(value: Any, shape: tuple[int, ...], dtype: Any, source: Node | None, position: int) -> Any:
    """A gradient in the shape and dtype of what it is the gradient of."""
    if value.dtype is not dtype and value.dtype != dtype:
        if value.dtype.kind == "c" and dtype.kind != "c":
            value = value.real
        value = to_dtype(value, dtype)
    found = value.shape
    if found == shape:
        return value
    if not found or broadcasts(found, shape):
        return expand(value, shape)
    if broadcasts(shape, found):
        return sum_to(value, shape)
    name = "the caller" if source is None else f"Function {source.name()}"
    raise RuntimeError(
        f"{name} returned an invalid gradient at index {position} - got {list(found)} but expected shape "
        f"compatible with {list(shape)}"
    )


def _takes_number(node: Node, value: Any) -> bool:
    """Whether the rule of a node may be given one number for a gradient that is the same everywhere, as a sum's is.

    The rule of a pointwise op with one operand may: nothing is broadcast there, and all it does is pointwise.
    """
    return (
        type(value) is node.dtype.type
        and node.plan is not None
        and node.plan.of_one
        and node.tensor_hooks is node.retained is node.hooks is node.prehooks is None
    )


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether ``shape`` broadcasts to ``target``."""
    lead = len(target) - len(shape)
    return lead >= 0 and all(length in (1, wanted) for length, wanted in zip(shape, target[lead:], strict=True))


def _values(node: Node, create_graph: bool) -> list[Any]:
    """Everything that the node's rules may name, in the order of its plan's numbers."""
    saved = node.saved
    plan = node.plan
    if saved is None:
        raise RuntimeError(FREED_MESSAGE)
    values: list[Any] = []
    for position, entry in enumerate(saved):
        if entry is None:
            values.append(None)
            continue
        value, counter, expected = entry
        if counter[0] != expected:
            if position < plan.operand_count:
                raise version_error(value, node.edges[position], counter, expected)
            raise version_error(value, node, counter[:1], expected)
        values.append(_revived(node, position, value, counter) if create_graph else value)
    if not saved:
        values = [None] * (plan.operand_count + len(plan.op.outputs))
    values += node.statics
    if plan.reads_shapes:
        values += (plan.wanted, node.operand_shapes, *node.operand_shapes)
    return values


def _revived(node: Node, position: int, value: Any, counter: list[int]) -> Any:
    """A saved value as the Tensor it was, so that the walk records where it came from."""
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


def _all_gradients(node: Node, gradient: Any, create_graph: bool) -> list[Any]:
    """The gradients of all operands, aligned with the node's edges."""
    values = _values(node, create_graph)
    out: list[Any] = [None] * len(node.edges)
    if node.place is not None and node.plan.op.elementwise and not create_graph:
        targets = tuple(step.target for step in node.plan.steps)
        found = _by_kernel(node, targets, gradient, values)
        if found is not None:
            return [found[targets.index(position)] if position in targets else None for position in range(len(out))]
    for step in node.plan.steps:
        found = step.rule(gradient, *[values[i] for i in step.needs])
        if step.joint:
            return list(found)
        out[step.target] = found
    return out


def _by_kernel(node: Node, targets: tuple[int, ...], gradient: Any, values: Sequence[Any]) -> list[Any] | None:
    """The gradients of the operands in ``targets`` of a node on a CUDA device; None where there is no kernel."""
    assert node.place is not None
    return cuda_kernels().gradients(node.plan, targets, node.place.device.xp, gradient, values)


def _leading_to(targets: frozenset[Any], roots: list[Any]) -> dict[Any, bool]:
    """The leaves and nodes through which a target is reached, each with whether something lies behind it."""
    owners = {owner(target) for target in targets}
    reachable: set[Any] = set()
    stack = [owner(root) for root in roots]
    while stack:
        node = stack.pop()
        if node not in reachable:
            reachable.add(node)
            if isinstance(node, Node):
                stack.extend(owner(edge) for edge in node.edges if edge is not None)
    leads: dict[Any, bool] = {leaf: False for leaf in owners if isinstance(leaf, Tensor)}
    for node in sorted((n for n in reachable if isinstance(n, Node)), key=lambda n: n.sequence):
        behind = any(owner(edge) in leads for edge in node.edges if edge is not None)
        if behind or node in owners:
            leads[node] = behind
    return leads


def is_writeable(array: Any) -> bool:
    """Whether an array may be written to; all of CuPy's may."""
    return getattr(array.flags, "writeable", True)


def accumulate(leaf: Tensor, value: Any, create_graph: bool, *, fresh: bool) -> None:
    """Adds a gradient to ``leaf.grad``, which owns its memory: what others may know of is copied."""
    old = leaf._grad
    if TRACES and FUSING.trace is not None and not create_graph:
        # What is pending may read the old gradient.
        value = FUSING.trace.before_accumulation(old, value)
    if create_graph:
        leaf._grad = clone(value) if old is None else old + value
    elif old is None:
        kept = isinstance(value, np.generic) or (fresh and is_writeable(value))
        leaf._grad = Tensor._wrap(value if kept else value.copy())
    else:
        QUIET.run(np.add, old._memory(), value, old._array)
        old._bump_version()
