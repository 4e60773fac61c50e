"""The graph: nodes, the versions of what they saved, and the modes that say whether to record.

An edge leads from a node to where one of its gradients goes: a leaf Tensor, the node that made the operand, or
``(node, number)`` for output ``number`` of a node with several outputs. A graph holds no reference cycle, so it dies
with the last Tensor that names it, without the garbage collector.
"""

from __future__ import annotations

import contextvars
import itertools
import weakref
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple

from ._dtype import scalar_name

if TYPE_CHECKING:
    from ._device import Place

next_sequence = itertools.count().__next__
"""Numbers the nodes in the order of recording; an operand's node always has a smaller number than its user's."""

GRAD_ENABLED: contextvars.ContextVar[bool] = contextvars.ContextVar("GRAD_ENABLED", default=True)
"""Whether operations are recorded, in this context (thread, task)."""

INFERENCE: contextvars.ContextVar[bool] = contextvars.ContextVar("INFERENCE", default=False)
"""Whether new Tensors are inference tensors, in this context. While it is so anywhere, ``gradcu._pending.TRACES`` is
not empty, so that every op takes the generic path."""

FREED_MESSAGE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after they have already "
    "been freed). Saved intermediate values of the graph are freed when you call .backward() or autograd.grad(). "
    "Specify retain_graph=True if you need to backward through the graph a second time or if you need to access "
    "saved tensors after calling backward."
)

UNVERSIONED = [0]
"""The version counter of what can't change: Python numbers. A counter is a list of the number of in-place writes and,
after a recorded one, the name of the node that made the last."""


class InferenceCounter(list[Any]):
    """The version counter of a Tensor that was made in inference mode, and of its views: it counts nothing.

    Whoever reads a version in order to save it with a value is refused.
    """

    def __init__(self) -> None:
        super().__init__([0])

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return super().__getitem__(index)
        raise RuntimeError(
            "Inference tensors cannot be saved for backward. Please do not use Tensors created in inference mode in "
            "computation tracked by autograd. To work around this, you can make a clone to get a normal tensor and use "
            "it in autograd, or use `gradcu.no_grad()` instead of `gradcu.inference_mode()`."
        )


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
    # Whether the walker can't just run the plan: there are hooks of the node itself, or there is no plan.
    uncommon = False
    hooks: HookTable | None = None
    prehooks: HookTable | None = None
    tensor_hooks: dict[int, HookTable] | None = None
    retained: dict[int, weakref.ref[Any]] | None = None
    operand_shapes: tuple[tuple[int, ...], ...] = ()
    place: Place | None = None
    # Whether it is the node of a deferred value, in whose place a fused node may come.
    fused = False
    # Whether nobody else knows of the arrays that `backward` returns.
    gives_new_arrays = False

    def name(self) -> str:
        """The node's name, such as ``AddBackward0``."""
        return type(self).__name__

    @property
    def next_functions(self) -> tuple[tuple[Node | None, int], ...]:
        """Where each operand's gradient goes: a node, and which of its outputs the operand is.

        A leaf has an ``AccumulateGrad``, an operand whose gradient nobody wants ``(None, 0)``.

        >>> import gradcu
        >>> x = gradcu.ones(2, requires_grad=True)
        >>> ((accumulator, number),) = gradcu.exp(x).grad_fn.next_functions
        >>> accumulator.variable is x, number
        (True, 0)
        """
        return tuple(_next_function(edge) for edge in self.edges)

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dict for whatever the user wants to remember of this node."""
        return self.__dict__.setdefault("_metadata", {})

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls ``fn(grad_inputs, grad_outputs)`` whenever this node has run; a tuple it returns replaces the first.

        >>> import gradcu
        >>> x = gradcu.tensor(3.0, requires_grad=True)
        >>> y = gradcu.exp(x)
        >>> handle = y.grad_fn.register_hook(lambda grad_inputs, grad_outputs: (gradcu.tensor(7.0),))
        >>> y.backward()
        >>> x.grad
        tensor(7.)
        """
        if self.hooks is None:
            self.hooks, self.uncommon = HookTable(), True
        return self.hooks.register(fn)

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls ``fn(grad_outputs)`` before this node runs; a tuple it returns replaces the gradients of its outputs.

        >>> import gradcu
        >>> x = gradcu.tensor(3.0, requires_grad=True)
        >>> y = 2 * x
        >>> handle = y.grad_fn.register_prehook(lambda grad_outputs: (10 * grad_outputs[0],))
        >>> y.backward()
        >>> x.grad
        tensor(20.)
        """
        if self.prehooks is None:
            self.prehooks, self.uncommon = HookTable(), True
        return self.prehooks.register(fn)

    def __call__(self, *grad_outputs: Any) -> Any:
        """The gradients of the operands for those of the outputs: one Tensor, or a tuple. Hooks are not called.

        Raises TypeError for another number of gradients than there are outputs.

        >>> import gradcu
        >>> x = gradcu.tensor(3.0, requires_grad=True)
        >>> (x * x).grad_fn(gradcu.tensor(1.0))
        (tensor(3., grad_fn=<MulBackward0>), tensor(3., grad_fn=<MulBackward0>))
        """
        # The walker stands above this module, and is loaded with the first walk.
        return import_module("._node_gradients", __package__).gradients_of(self, grad_outputs)

    def release(self) -> None:
        """Lets go of what was saved for backward."""
        if self.saved:
            self.saved = None

    def backward(self, gradient: Any, create_graph: bool) -> Sequence[Any]:
        """The gradients of the operands, for a node without a plan."""
        raise NotImplementedError(f"{self.name()} has no backward")


class AccumulateGrad(Node):
    """Where a leaf's gradients end: what ``next_functions`` shows for ``variable``."""

    __slots__ = ("variable",)
    __module__ = "builtins"

    def __init__(self, variable: Any) -> None:
        self.variable = variable
        self.edges, self.saved = (), ()
        self.hooks, self.prehooks = variable._node_hooks, variable._node_prehooks

    def name(self) -> str:
        """The name that PyTorch gives it."""
        return "gradcu::autograd::AccumulateGrad"

    def register_hook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls ``fn((), grad_outputs)`` whenever ``backward`` has added to the ``grad`` of ``variable``.

        The leaf keeps the hook, not this node, which edges of the graph do not hold.

        >>> import gradcu
        >>> x = gradcu.tensor(3.0, requires_grad=True)
        >>> ((accumulator, _),) = gradcu.exp(x).grad_fn.next_functions
        >>> handle = accumulator.register_hook(lambda grad_inputs, grad_outputs: print(grad_outputs))
        >>> (2 * x).backward()
        (tensor(2.),)
        """
        self.hooks = leaf_hooks(self.variable, "_node_hooks")
        return self.hooks.register(fn)

    def register_prehook(self, fn: Callable[..., Any]) -> RemovableHandle:
        """Calls ``fn(grad_outputs)`` before ``backward`` adds to ``variable.grad``; a tuple replaces them."""
        self.prehooks = leaf_hooks(self.variable, "_node_prehooks")
        return self.prehooks.register(fn)


class GradientEdge(NamedTuple):
    """Where a gradient goes: a node, and which of its outputs the gradient is of.

    ``backward`` and ``grad`` take one for a Tensor, among outputs and inputs alike: see ``get_gradient_edge``.
    """

    node: Node
    output_nr: int

    @property
    def inner(self) -> Any:
        """The edge as nodes hold it."""
        node = self.node
        if isinstance(node, AccumulateGrad):
            return node.variable
        return node if node.output_count == 1 else (node, self.output_nr)


class HookTable(dict[int, Callable[..., Any]]):
    """Hooks by the number of their handle, in the order of registration; a dict that can be referred to weakly."""

    __slots__ = ("__weakref__",)

    def register(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Adds ``hook``; the handle takes it away again."""
        handle = RemovableHandle(self)
        self[handle.id] = hook
        return handle


LEAF_HOOKS: dict[int, weakref.ref[HookTable]] = {}
"""The tables of hooks of leaves that are alive, by identity: without any, no walk needs to know when a leaf is done."""


def leaf_hooks(leaf: Any, kind: str) -> HookTable:
    """A leaf's table of hooks of one kind, the attribute of that name."""
    table = getattr(leaf, kind)
    if table is None:
        table = HookTable()
        setattr(leaf, kind, table)
        key = id(table)
        LEAF_HOOKS[key] = weakref.ref(table, lambda _: LEAF_HOOKS.pop(key, None))
    return table


class RemovableHandle:
    """Takes a hook away again: by ``remove()``, or at the end of a ``with`` block.

    >>> import gradcu
    >>> x = gradcu.tensor(1.0, requires_grad=True)
    >>> with x.register_hook(lambda gradient: 10 * gradient):
    ...     (2 * x).backward()
    >>> (2 * x).backward()
    >>> x.grad
    tensor(22.)
    """

    __slots__ = ("__weakref__", "_hooks", "id")

    _ids = itertools.count()

    def __init__(self, hooks: HookTable) -> None:
        # Weak, since a hook that removes itself holds its handle: the hooks must die with their tensor or node.
        self._hooks = weakref.ref(hooks)
        self.id = next(self._ids)

    def remove(self) -> None:
        """Takes the hook away; a second call does nothing."""
        hooks = self._hooks()
        if hooks is not None:
            hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()


def accumulator(leaf: Any) -> AccumulateGrad:
    """The leaf's AccumulateGrad: always the same object as long as somebody holds it."""
    known = leaf.__dict__.get("_accumulator")
    found = None if known is None else known()
    if found is None:
        found = AccumulateGrad(leaf)
        leaf.__dict__["_accumulator"] = weakref.ref(found)
    return found


def _next_function(edge: Any) -> tuple[Node | None, int]:
    if type(edge) is tuple:
        return edge
    if edge is None or isinstance(edge, Node):
        return edge, 0
    return accumulator(edge), 0


def operation_name(node_name: str) -> str:
    """What a node's operation is called in errors: ``Add`` for AddBackward0."""
    return node_name.rstrip("0123456789").removesuffix("Backward")


def version_error(value: Any, edge: Any, counter: list[Any], expected: int) -> RuntimeError:
    """The error for a saved value that was changed in place since, in PyTorch's words; ``edge`` leads to it."""
    source, number = edge if type(edge) is tuple else (edge, 0)
    name = counter[1] if len(counter) > 1 else source.name() if isinstance(source, Node) else ""
    maker = f", which is output {number} of {operation_name(name)}," if name else ""
    return RuntimeError(
        "one of the variables needed for gradient computation has been modified by an inplace operation: "
        f"[gradcu.{scalar_name(value.dtype)}Tensor {list(value.shape)}]{maker} is at version {counter[0]}; expected "
        f"version {expected} instead."
    )
