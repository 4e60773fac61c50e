"""What a call of a user's Function leaves in the graph: its node, its context, and what it saved."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .._anomaly import note_origin
from .._device import CPU, Place
from .._graph import FREED_MESSAGE, Node, next_sequence, version_error
from .._node_gradients import broadcasts
from .._saved import SAVED_HOOKS, Packed
from .._tensor import Tensor, current_edge

if TYPE_CHECKING:
    from .function import Function

RETURNED_VIEW = (
    "This view was created inside a custom Function (or because an input was returned as-is) and the autograd logic to "
    "handle view+inplace would override the custom backward associated with the custom Function, leading to incorrect "
    "gradients. This behavior is forbidden. You can fix this by cloning the output of the custom Function."
)


class FunctionCtx:
    """What ``forward`` leaves for ``backward``, besides any attribute that the user sets on it.

    ``needs_input_grad`` tells of each argument whether it is a Tensor that requires grad.
    """

    needs_input_grad: tuple[bool, ...] = ()

    _to_save: tuple[Tensor | None, ...] = ()
    _dirty: tuple[Tensor, ...] = ()
    _non_differentiable: tuple[Tensor, ...] = ()
    _materialize = True
    _saved: tuple[Saved | None, ...] | None = ()
    # Weak, since the node holds this object.
    _node: Callable[[], Node | None] = staticmethod(lambda: None)

    def save_for_backward(self, *tensors: Tensor | None) -> None:
        """Keeps ``tensors`` (or None) for ``backward``, which finds them in ``saved_tensors``.

        Inputs and outputs should go this way and not as attributes: changes in place are then found out, memory is
        freed after backward, and no reference cycle arises.
        """
        self._to_save = tensors

    def mark_dirty(self, *args: Tensor) -> None:
        """Says which inputs ``forward`` changed in place; each must also be returned."""
        self._dirty = args

    def mark_non_differentiable(self, *args: Tensor) -> None:
        """Says which outputs have no gradient; ``backward`` still gets one for each, of zeros."""
        self._non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for an output that has no gradient."""
        self._materialize = bool(value)

    @property
    def saved_tensors(self) -> tuple[Tensor | None, ...]:
        """The tensors given to ``save_for_backward``.

        Raises RuntimeError if they were freed by an earlier backward, or if one was changed in place since.
        """
        if self._saved is None:
            raise RuntimeError(FREED_MESSAGE)
        return tuple(None if saved is None else saved.unpack(self._node()) for saved in self._saved)


class Saved:
    """A saved Tensor: its memory, its version, and the edge that leads to it (to an output: its number).

    The Tensor itself is held weakly: changed in place later, it could lead to the node that saved it, a cycle.
    """

    __slots__ = ("array", "counter", "edge", "packed", "tensor", "version")

    packed: Packed | None

    def __init__(self, tensor: Tensor, output: int | None) -> None:
        self.array, self.counter = tensor._array, tensor._version_counter
        self.version = self.counter[0]
        self.edge = edge_of(tensor) if output is None else output
        self.tensor = weakref.ref(tensor)
        self.packed = None
        hooks = SAVED_HOOKS.get()
        if hooks:
            # An output is known by its number, and held without its node.
            self.packed = Packed(hooks[-1], tensor if output is None else alias(tensor))
            self.array = None

    def unpack(self, node: Node | None) -> Tensor:
        """The Tensor that was saved, or one just like it."""
        edge, counter = self.edge, self.counter
        if type(edge) is int:
            edge = None if node is None else node if node.output_count == 1 else (node, edge)
            counter = counter[:1]
        if self.packed is not None:
            return _behind(edge, Tensor._wrap(self.packed.array()))
        if counter[0] != self.version:
            raise version_error(self.array, edge, counter, self.version)
        if isinstance(edge, Tensor):
            return edge
        original = self.tensor()
        if original is not None and original._edge is edge:
            return original
        return _behind(edge, Tensor._wrap(self.array, self.counter))


def _behind(edge: Any, tensor: Tensor) -> Tensor:
    """A new Tensor, with the edge that leads to it."""
    tensor._edge, tensor._requires_grad = edge, edge is not None
    return tensor


class FunctionNode(Node):
    """The node of one call of a user's Function; what it lacks as an attribute, its ``ctx`` may have."""

    __slots__ = ()

    uncommon = True
    function: type[Function]

    def __init__(
        self, ctx: FunctionCtx, arguments: tuple[Any, ...], edges: tuple[Any, ...], outputs: list[Any]
    ) -> None:
        self.plan, self.saved, self.statics = None, (), ()
        self.sequence = next_sequence()
        self.ctx = ctx
        ctx._node = weakref.ref(self)
        # For every argument, whether it is a Tensor: ``edges`` has entries for these only.
        self.takes = tuple(isinstance(argument, Tensor) for argument in arguments)
        self.edges = edges
        # What is no Tensor among the outputs has neither device nor shape nor dtype.
        tensors = [output if isinstance(output, Tensor) else None for output in outputs]
        self.devices = tuple(None if tensor is None else tensor.device for tensor in tensors)
        on_cuda = [device for device in self.devices if device is not None and device is not CPU]
        self.place = Place(on_cuda[0]) if on_cuda else None
        shapes = tuple(None if tensor is None else tensor._array.shape for tensor in tensors)
        dtypes = tuple(None if tensor is None else tensor._array.dtype for tensor in tensors)
        note_origin(self)
        self.output_count = len(outputs)
        self.shape, self.dtype = (shapes, dtypes) if len(outputs) > 1 else (shapes[0], dtypes[0])

    def __getattr__(self, name: str) -> Any:
        if not name.startswith("__") and "ctx" in self.__dict__:
            try:
                return getattr(self.ctx, name)
            except AttributeError:
                pass
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def release(self) -> None:
        """Lets go of the saved tensors."""
        self.ctx._saved = None

    def backward(self, gradient: Any, create_graph: bool) -> Sequence[Any]:
        """The gradients of the Tensors among the arguments, checked."""
        gradients_of_outputs = [gradient] if self.output_count == 1 else gradient
        cotangents = [self._cotangent(number, value) for number, value in enumerate(gradients_of_outputs)]
        found = self.function._user_backward()(self.ctx, *cotangents)
        given = found if isinstance(found, tuple) else (found,)
        count = len(self.takes)
        if len(given) > count and all(value is None for value in given[count:]):
            given = given[:count]
        if len(given) != count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected {count}, got {len(given)})"
            )
        gradients: list[Any] = []
        for position, (value, takes) in enumerate(zip(given, self.takes, strict=True)):
            if takes:
                gradients.append(self._checked(value, len(gradients), create_graph))
            elif value is not None:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position {position + 1}, but "
                    "the corresponding forward input was not a Variable"
                )
        return gradients

    def _cotangent(self, number: int, value: Any) -> Tensor | None:
        if value is not None:
            return value if isinstance(value, Tensor) else Tensor._wrap(value)
        place = self.devices[number]
        if place is None or not self.ctx._materialize:
            return None
        shape, dtype = (self.shape, self.dtype) if self.output_count == 1 else (self.shape[number], self.dtype[number])
        with place.context:
            return Tensor._wrap(place.xp.zeros(shape, dtype))

    def _checked(self, value: Any, index: int, create_graph: bool) -> Any:
        if value is None:
            return None
        if not isinstance(value, Tensor):
            raise RuntimeError(f"expected Variable or None (got {type(value).__name__})")
        edge = self.edges[index]
        if edge is not None:
            wanted = edge[0].shape[edge[1]] if type(edge) is tuple else tuple(edge.shape)
            # Ops' rules may leave broadcasting to the walker; from a user, a gradient that is too small is a mistake.
            if not broadcasts(wanted, value._array.shape):
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {index} - got "
                    f"{list(value._array.shape)} but expected shape compatible with {list(wanted)}"
                )
        return value if create_graph else value._array


def edge_of(tensor: Tensor) -> Any:
    """Where a gradient of ``tensor`` goes; None where none is wanted."""
    edge = current_edge(tensor)
    return edge if edge is not None else tensor if tensor._requires_grad else None


def alias(tensor: Tensor) -> Tensor:
    """Another Tensor of the same memory and version, without a graph."""
    return Tensor._wrap(tensor._memory(), tensor._version_counter)
