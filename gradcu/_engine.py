"""THE walker: takes gradients from the outputs back to the leaves. ``backward`` and ``grad`` share it.

It goes by the nodes' sequence numbers, largest first, so that a node runs once all its users have; no recursion and no
counting of dependencies. Gradients are raw arrays, and the rules' text runs on them directly, unless the walk itself is
to be differentiated (``create_graph``): then they are Tensors and the same text records.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heappop, heappush
from typing import Any

import numpy as np

from ._anomaly import Anomaly
from ._graph import GRAD_ENABLED, LEAF_HOOKS, Node
from ._hooking import as_tensor, run_hooks, run_node_hooks, run_node_prehooks, users_of_hooked_leaves
from ._journey import Journey
from ._node_gradients import all_gradients, by_kernel, fitted, values_of, watched_gradients
from ._pending import FUSING, TRACES
from ._record import cuda_kernels
from ._silence import QUIET, silenced
from ._tensor import Tensor
from .ops.convert import clone, overwritten


class Walk:
    """One pass from the outputs to the leaves, or to the ``targets`` (edges) where only these are wanted.

    ``arrived`` maps a leaf, or a target edge, to its gradient: a Tensor under ``create_graph``, else a raw array.
    ``fresh`` holds the leaves whose gradient's memory nobody else can know. With ``store``, which adds a gradient to a
    leaf, a leaf that has hooks gets its gradient as soon as that is whole, and is not among ``arrived``.
    """

    __slots__ = (
        "_notes", "arrived", "create_graph", "fresh", "journey", "keep_graph", "leads", "pending", "queue", "roots",
        "store", "targets", "users",
    )  # fmt: skip

    def __init__(
        self,
        targets: Sequence[Any] | None,
        *,
        keep_graph: bool,
        create_graph: bool,
        store: Callable[[Tensor, Any, bool, bool], None] | None = None,
    ) -> None:
        self.keep_graph, self.create_graph, self.store = keep_graph, create_graph, store
        self.targets = None if targets is None else frozenset(targets)
        self.arrived: dict[Any, Any] = {}
        self.fresh: set[Tensor] = set()
        self.pending: dict[Node, Any] = {}
        self.queue: list[tuple[int, Node]] = []
        self.leads: dict[Any, bool] | None = None
        self.journey: Journey | None = None
        # How many edges still lead to each leaf that has hooks, where there are any.
        self.users: dict[Tensor, int] | None = None
        # What the walk and hooks remember of each other, and of leaves whose hooks have run.
        self._notes: dict[Any, Any] | None = None

    def run(self, roots: Sequence[tuple[Any, Any]]) -> dict[Any, Any]:
        """Carries each root's gradient, given as (edge, gradient), backwards; returns ``arrived``."""
        self.roots = roots
        if self.targets is not None:
            self.leads = _leading_to(self.targets, [edge for edge, _ in roots])
        if LEAF_HOOKS:
            self.users = users_of_hooked_leaves([edge for edge, _ in roots], self.leads)
        token = GRAD_ENABLED.set(self.create_graph)
        try:
            self._run(roots)
        finally:
            GRAD_ENABLED.reset(token)
        return self.arrived

    @property
    def notes(self) -> dict[Any, Any]:
        """What hooks want to be remembered as long as the walk goes on."""
        if self._notes is None:
            self._notes = {}
        return self._notes

    def reaches(self, edge: Any) -> bool:
        """Whether the walk comes by where an edge leads to."""
        reached: Any = self.leads
        if reached is None:
            reached = self.notes.get("reached")
        if reached is None:
            reached = self.notes["reached"] = _reachable([root for root, _ in self.roots])
        return owner(edge) in reached

    @silenced
    def _run(self, roots: Sequence[tuple[Any, Any]]) -> None:
        for edge, gradient in roots:
            if self.leads is None or owner(edge) in self.leads:
                self.send(edge, gradient, None, False)
        if self.users:
            for edge, _ in roots:
                self._count_off(edge)
        try:
            self._walk()
        except MemoryError as error:
            if self.journey is not None:
                self.journey.explain(error)
            raise
        finally:
            if self.journey is not None:
                self.journey.end()
        if LEAF_HOOKS:
            for leaf in [edge for edge in self.arrived if isinstance(edge, Tensor)]:
                self._run_leaf_hooks(leaf)

    def _walk(self) -> None:
        pending, queue, leads = self.pending, self.queue, self.leads
        careful = bool(self.users) or Anomaly.enabled
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
                    if node.uncommon and self.store is not None:
                        self._run_uncommon(node, gradient)
                    continue
            plan = node.plan
            if node.place is not None:
                self.journey = self.journey or Journey(node)
                self.journey.go_to(node)
                if not careful and not node.uncommon and self._launch(node, gradient):
                    continue
            if careful or node.uncommon:
                self._run_uncommon(node, gradient)
                continue
            edges, steps = node.edges, plan.steps
            values: Any = values_of(node, create_graph) if plan.reads else None
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
        if self.create_graph or not node.plan.op.elementwise:
            return False
        leads, edges = self.leads, node.edges
        targets = tuple(step.target for step in node.plan.steps if leads is None or owner(edges[step.target]) in leads)
        # What no kernel takes is read by the rules, and need not be read here before.
        if not cuda_kernels().takes(gradient):
            return False
        found = by_kernel(node, targets, gradient, values_of(node, False))
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
        """A node with hooks of its own, one of a user's Function, or any while the walk is watched."""
        if node.prehooks is not None:
            gradient = run_node_prehooks(node, gradient, self.create_graph)
        values = (watched_gradients if Anomaly.enabled else all_gradients)(node, gradient, self.create_graph)
        if node.hooks is not None:
            values = run_node_hooks(node, values, gradient, self.create_graph)
        self._send_all(node, values)
        if not self.keep_graph:
            node.release()
        if self.users:
            for edge in node.edges:
                self._count_off(edge)

    def _count_off(self, edge: Any) -> None:
        """Notes that what leads along ``edge`` has run; a leaf that nothing else leads to is done."""
        assert self.users is not None
        if not isinstance(edge, Tensor) or edge not in self.users:
            return
        self.users[edge] -= 1
        # On a CUDA device the gradient may still come from another stream.
        if self.users[edge] or edge not in self.arrived or self.journey is not None:
            return
        self._run_leaf_hooks(edge)
        if self.store is not None:
            self.store(edge, self.arrived.pop(edge), self.create_graph, edge in self.fresh)

    def _run_leaf_hooks(self, leaf: Tensor) -> None:
        if leaf._hooks and ("done", leaf) not in self.notes:
            self.notes["done", leaf] = True
            self.fresh.discard(leaf)
            self.arrived[leaf] = run_hooks(leaf._hooks, self.arrived[leaf], self)

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
            slots[number] = run_hooks(hooks, slots[number], self)
        for number, reference in (node.retained or {}).items():
            tensor = reference()
            if tensor is not None and slots[number] is not None:
                value, before = as_tensor(slots[number]), tensor._grad
                tensor._grad = clone(value) if before is None else before + value
        return slots[0] if single else slots


def owner(edge: Any) -> Any:
    """The leaf or node that an edge leads to."""
    return edge[0] if type(edge) is tuple else edge


def _takes_number(node: Node, value: Any) -> bool:
    """Whether the rule of a node may be given one number for a gradient that is the same everywhere, as a sum's is.

    The rule of a pointwise op with one operand may: nothing is broadcast there, and all it does is pointwise.
    """
    return (
        type(value) is node.dtype.type
        and not node.uncommon
        and node.plan.of_one
        and node.tensor_hooks is node.retained is None
    )


def _reachable(roots: list[Any]) -> set[Any]:
    """The leaves and nodes that the roots depend on."""
    reachable: set[Any] = set()
    stack = [owner(root) for root in roots]
    while stack:
        node = stack.pop()
        if node not in reachable:
            reachable.add(node)
            if isinstance(node, Node):
                stack.extend(owner(edge) for edge in node.edges if edge is not None)
    return reachable


def _leading_to(targets: frozenset[Any], roots: list[Any]) -> dict[Any, bool]:
    """The leaves and nodes through which a target is reached, each with whether something lies behind it."""
    owners = {owner(target) for target in targets}
    reachable = _reachable(roots)
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
        leaf._grad = overwritten(Tensor._wrap(value._array), value) if old is None else old + value
    elif old is None:
        kept = isinstance(value, np.generic) or (fresh and is_writeable(value))
        leaf._grad = Tensor._wrap(value if kept else value.copy())
    else:
        QUIET.run(np.add, old._memory(), value, old._array)
        old._bump_version()
