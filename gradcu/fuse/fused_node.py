"""Fused nodes: one node in place of all those that led from some Tensors to what they were computed from.

What such a node computes follows from the graph it replaces alone, so it is derived once for each graph: a `Template`
is that graph with placeholders where it begins, and the walker that runs everywhere else runs there too, on deferred
values that stand for arrays. That gives expressions, and so kernels, for the gradients; under ``create_graph`` it gives
another graph, of which there is a template again. What the kernels read are the arguments of the values that the graph
saved: what a few operations make of them is computed again rather than stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from .._device import CPU, Place, device
from .._engine import Walk
from .._graph import FREED_MESSAGE, Node, next_sequence, version_error
from .._pending import Pending
from .._tensor import Tensor, current_edge
from ..ops.convert import clone
from .deferred import Abstract, Deferred, as_array, as_payload
from .expr import Expr
from .plan import Library, Plan, Source
from .recording import Entry, Recording

_new = object.__new__


class FusedNode(Node):
    """The node of Tensors that one plan has computed.

    ``saved`` has what the gradients are computed from, in the order of the template's ``reads``.
    """

    __slots__ = ()

    uncommon = True
    gives_new_arrays = True
    saved: tuple[Entry, ...] | None
    template: Template

    def __init__(self, template: Template, edges: Sequence[Any], sequence: int) -> None:
        self.plan, self.statics, self.sequence = None, (), sequence
        self.template, self.edges, self.saved = template, tuple(edges), None
        self.output_count = len(template.shapes)
        single = self.output_count == 1
        self.shape = template.shapes[0] if single else template.shapes
        self.dtype = template.dtypes[0] if single else template.dtypes

    def release(self) -> None:
        """Lets go of what was saved for backward."""
        if self.template.saves:
            self.saved = None

    def backward(self, gradient: Any, create_graph: bool) -> Sequence[Any]:
        """The gradients of everything that the Tensors were computed from."""
        if self.saved is None:
            raise RuntimeError(FREED_MESSAGE)
        for value, counter, version in self.saved:
            if counter[0] != version:
                raise version_error(value, None, counter, version)
        given = [gradient] if self.output_count == 1 else list(gradient)
        if create_graph:
            return self._recorded(given)
        derived = self.template.derived(tuple(value is not None for value in given))
        arrays = {expr: entry[0] for expr, entry in zip(self.template.reads, self.saved, strict=True)}
        arrays |= zip(self.template.cotangents, given, strict=True)
        return derived.by_edge(derived.run(arrays, self._device))

    @property
    def _device(self) -> device:
        return CPU if self.place is None else self.place.device

    def _recorded(self, given: Sequence[Tensor | None]) -> Sequence[Tensor | None]:
        """The gradients as Tensors with nodes of their own."""
        assert self.saved is not None
        template = self.template
        wanted = tuple(value is not None and value.requires_grad for value in given)
        derived = template.derived(tuple(value is not None for value in given), wanted)
        entries = dict(zip(template.reads, self.saved, strict=True))
        edges = {id(leaf): edge for leaf, edge in zip(template.placeholders, self.edges, strict=True)}
        for cotangent, leaf, value in zip(template.cotangents, derived.leaves, given, strict=True):
            if value is not None:
                entries[cotangent] = value._memory(), value._version_counter, value._version
                edges[id(leaf)] = edge_of(value)
        found = derived.run({expr: entry[0] for expr, entry in entries.items()}, self._device)
        tensors = [Tensor._wrap(as_payload(array)) for array in found]
        for region in derived.regions:
            region.attach(tensors, [edges[id(edge)] for edge in region.edges], entries)
        return derived.by_edge(tensors)


def _become(node: Node, template: Template, edges: Sequence[Any]) -> FusedNode:
    """Makes a node the fused one itself.

    What was recorded before leads through it, and has to meet the hooks and gradients that are asked of it from now on.
    """
    node.__dict__.clear()
    node.__class__ = FusedNode
    assert isinstance(node, FusedNode)
    node.__init__(template, edges, node.sequence)
    return node


FusedNode.__name__ = "CompiledFunctionBackward"
FusedNode.__module__ = "builtins"


class Region(NamedTuple):
    """Tensors that get one fused node, by their numbers among others, and the edges where its gradients go."""

    members: tuple[int, ...]
    template: Template
    edges: tuple[Any, ...]
    freed: bool

    def attach(self, tensors: Sequence[Tensor], edges: Sequence[Any], entries: dict[Expr, Entry]) -> None:
        """Gives the members among ``tensors`` their node; ``entries`` has what the template reads."""
        template = self.template
        made_by = tensors[self.members[0]]._edge
        if len(template.shapes) == 1 and isinstance(made_by, Node):
            node = _become(made_by, template, edges)
        else:
            node = FusedNode(template, edges, next_sequence())
        for member, number in zip(self.members, template.numbers, strict=True):
            tensors[member]._edge = node if node.output_count == 1 else (node, number)
            tensors[member]._requires_grad = True
        place = tensors[self.members[0]].device
        if place is not CPU:
            node.place = Place(place)
        if self.freed:
            return
        entries = dict(entries)
        for member, output in zip(self.members, template.outputs, strict=True):
            tensor = tensors[member]
            # Not the deferred value, which knows everything else that its call was given.
            array = tensor._array.materialised() if isinstance(tensor._array, Pending) else tensor._array
            entries[output] = array, tensor._version_counter, tensor._version
        node.saved = tuple(entries[expr] for expr in template.reads)


class Derived:
    """The gradients that a template gives, where some of its outputs have cotangents."""

    def __init__(self, plan: Plan, leaves: list[Tensor], positions: list[int | None], regions: list[Region]) -> None:
        self.plan, self.leaves, self.regions = plan, leaves, regions
        self._positions = positions

    def run(self, arrays: dict[Expr, Any], place: device) -> list[Any]:
        """New arrays of the gradients that there are."""
        return self.plan.run({expr: as_array(arrays[expr]) for expr in self.plan.given}, place)

    def by_edge(self, found: Sequence[Any]) -> list[Any]:
        """What was found, one for each edge; None where there is no gradient."""
        return [None if position is None else found[position] for position in self._positions]


class Template:
    """A graph of deferred values, from the Tensors it leads to (its outputs) to placeholders for where it begins."""

    def __init__(self, library: Library, level: int, tensors: Sequence[Tensor], graph: _Graph, known: _Known) -> None:
        self._library, self._level = library, level
        self._derived: dict[Any, Derived] = {}
        self._abstract = Abstract(library)
        nodes = list(dict.fromkeys(tensor._edge for tensor in tensors))
        self.numbers = [nodes.index(tensor._edge) for tensor in tensors]
        self.shapes = tuple(node.shape for node in nodes)
        self.dtypes = tuple(node.dtype for node in nodes)
        self.saves = any(node.plan.saves for node in graph.nodes)
        self.cotangents = [
            library.argument(Source("given", ("cotangent", level, number), node.shape), node.dtype)
            for number, node in enumerate(nodes)
        ]
        saved = [
            (entry[0].expr, entry[0].shape)
            for node in graph.nodes
            for entry in node.saved or ()
            if entry is not None and isinstance(entry[0], Deferred)
        ]
        self.outputs = [
            library.argument(Source("given", ("output", level, number), tensor._array.shape), tensor._array.dtype)
            for number, tensor in enumerate(tensors)
        ]
        # An output that the graph has saved is read again, and not computed again. One that is larger than what it is
        # made of can't be: its expression may be needed in the smaller shape too.
        values = {target[0] for target in saved}
        known = known | {
            value.expr: output
            for value, output in zip((tensor._array for tensor in tensors), self.outputs, strict=True)
            if value.expr.op is not None and value.expr in values and library.shape_of(value.expr) == value.shape
        }
        self.reads = library.plan(list(dict.fromkeys(saved)), known).given
        # A derivative may meet a value that a lower order's node knows and this one does not read: it is computed.
        self._known = {expr: argument for expr, argument in known.items() if argument in self.reads}
        self.placeholders = [self._placeholder(edge) for edge in graph.outer]
        copies = self._copied(graph)
        self._roots = [copies[node] for node in nodes]

    def _placeholder(self, edge: Any) -> Tensor:
        shape, dtype = _described(edge)
        source = Source("given", ("placeholder", self._level), shape)
        leaf = Tensor._wrap(Deferred(self._abstract, self._library.argument(source, dtype), shape))
        leaf._requires_grad = True
        return leaf

    def _copied(self, graph: _Graph) -> dict[Node, Node]:
        """The nodes of the graph, with placeholders for where it begins, and without its call's values."""
        copies: dict[Node, Node] = {node: _new(type(node)) for node in graph.nodes}
        outer = {_identity(edge): leaf for edge, leaf in zip(graph.outer, self.placeholders, strict=True)}
        for node, copy in copies.items():
            copy.__dict__.update(node.__dict__)
            copy.plan, copy.sequence, copy.statics = node.plan, node.sequence, node.statics
            copy.shape, copy.dtype = node.shape, node.dtype
            copy.edges = tuple(
                None if edge is None else copies[edge] if edge in copies else outer[_identity(edge)]
                for edge in node.edges
            )
            copy.saved = tuple(map(self._without_values, node.saved or ()))
        return copies

    def _without_values(self, entry: Any) -> Any:
        """What a node has saved, where it is a deferred value as one that stands for whatever array there will be."""
        if entry is None or not isinstance(entry[0], Deferred):
            return entry
        value: Deferred = entry[0]
        # What is known is an argument for the rules too: folding would reach into its expression, for what is not read.
        return Deferred(self._abstract, self._known.get(value.expr, value.expr), value.shape), *entry[1:]

    def derived(self, present: tuple[bool, ...], wanted: tuple[bool, ...] | None = None) -> Derived:
        """The gradients for cotangents of the outputs that are ``present``.

        With ``wanted``, which says which cotangents require grad themselves, they can be differentiated again.
        """
        found = self._derived.get((present, wanted))
        if found is None:
            found = self._derived[present, wanted] = self._derive(present, wanted)
        return found

    def _derive(self, present: tuple[bool, ...], wanted: tuple[bool, ...] | None) -> Derived:
        leaves = [
            Tensor._wrap(Deferred(self._abstract, cotangent, shape))
            for cotangent, shape in zip(self.cotangents, self.shapes, strict=True)
        ]
        for leaf, wants in zip(leaves, wanted or (), strict=False):
            leaf._requires_grad = wants
        roots = [
            (root, leaf._array if wanted is None else leaf)
            for root, leaf, here in zip(self._roots, leaves, present, strict=True)
            if here
        ]
        walk = Walk(self.placeholders, keep_graph=True, create_graph=wanted is not None)
        arrived = walk.run(roots)
        values = [arrived.get(leaf) for leaf in self.placeholders]
        found = [value for value in values if value is not None]
        numbers = iter(range(len(found)))
        positions = [None if value is None else next(numbers) for value in values]
        regions: list[Region] = []
        if wanted is not None:
            # A cotangent that is passed on gets a node, as every gradient does.
            found = [clone(value) if value._requires_grad and value._edge is None else value for value in found]
            regions = regions_of(self._library, found, self._known, self._level + 1)
            found = [value._array for value in found]
        plan = self._library.plan([(value.expr, value.shape) for value in found], self._known)
        return Derived(plan, leaves, positions, regions)


_Known = dict[Expr, Expr]


class _Graph:
    """The fused nodes behind some Tensors, and the edges that lead out of them."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self.nodes: list[Node] = []
        self.outer: list[Any] = []
        numbers: dict[Any, int] = {}
        facts: list[Any] = []
        stack: list[Any] = [tensor._edge for tensor in reversed(tensors)]
        while stack:
            edge = stack.pop()
            if _identity(edge) in numbers:
                continue
            if isinstance(edge, Node) and edge.fused:
                numbers[_identity(edge)] = len(self.nodes)
                self.nodes.append(edge)
                stack.extend(operand for operand in reversed(edge.edges) if operand is not None)
            else:
                numbers[_identity(edge)] = -1 - len(self.outer)
                self.outer.append(edge)
        for node in self.nodes:
            edges = tuple(None if edge is None else numbers[_identity(edge)] for edge in node.edges)
            saved = None if node.saved is None else tuple(map(_saved_fact, node.saved))
            facts.append((node.plan, repr(node.statics), edges, saved, node.shape, node.dtype, node.operand_shapes))
        roots = tuple((numbers[id(tensor._edge)], tensor._array.expr, tensor._array.shape) for tensor in tensors)
        self.key = (tuple(facts), roots, tuple(map(_described, self.outer)))

    @property
    def is_freed(self) -> bool:
        """Whether some node has lost what it saved."""
        return any(node.saved is None for node in self.nodes)


def connect(recording: Recording, tensors: Sequence[Tensor]) -> None:
    """Gives Tensors of a recording, whose edges lead to nodes that are to be fused, fused nodes."""
    for region in regions_of(recording.library, tensors, {}, 0):
        recording.templates.append((region.template, tensors[region.members[0]].device))
        region.attach(tensors, region.edges, recording.entries)


def regions_of(library: Library, tensors: Sequence[Tensor], known: _Known, level: int) -> list[Region]:
    """The regions of Tensors that require grad; what shares no saved value could be freed on its own, and can be."""
    numbers = [number for number, tensor in enumerate(tensors) if tensor._requires_grad]
    regions = []
    for members in _components([(number, _Graph([tensors[number]])) for number in numbers]):
        own = [tensors[number] for number in members]
        graph = _Graph(own)
        key = level, graph.key, tuple(known.items())
        template = library.templates.get(key)
        if template is None:
            template = library.templates[key] = Template(library, level, own, graph, known)
        regions.append(Region(tuple(members), template, tuple(graph.outer), graph.is_freed))
    return regions


def _components(graphs: Sequence[tuple[int, _Graph]]) -> list[list[int]]:
    """The numbers of graphs, those together that share a node which has saved something."""
    components: list[tuple[set[Node], list[int]]] = []
    for number, graph in graphs:
        saving, members = {node for node in graph.nodes if node.plan.saves}, [number]
        apart = []
        for other in components:
            if saving.isdisjoint(other[0]):
                apart.append(other)
            else:
                saving, members = saving | other[0], other[1] + members
        components = [*apart, (saving, members)]
    return [sorted(members) for _, members in components]


def _saved_fact(entry: Any) -> Any:
    if entry is None:
        return None
    value = entry[0]
    return (value.expr, value.shape) if isinstance(value, Deferred) else repr(value)


def edge_of(tensor: Tensor) -> Any:
    """Where a gradient of ``tensor`` goes; None where none is wanted."""
    edge = current_edge(tensor)
    return edge if edge is not None else tensor if tensor._requires_grad else None


def _identity(edge: Any) -> Any:
    """What two edges that lead to the same place have in common."""
    return (id(edge[0]), edge[1]) if type(edge) is tuple else id(edge)


def _described(edge: Any) -> tuple[Any, Any]:
    """The shape and dtype of what an edge leads to."""
    if type(edge) is tuple:
        return edge[0].shape[edge[1]], edge[0].dtype[edge[1]]
    return (edge.shape, edge.dtype) if isinstance(edge, Node) else (edge._array.shape, edge._array.dtype)
