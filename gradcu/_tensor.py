"""Tensor: an array, whether it wants a gradient, and the edge of the graph that leads to it.

Only what a Tensor *is* stands here. What can be done with one (operators, maths, backward) is installed by
``gradcu._methods`` from the ops, which are defined on top of this module.
"""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ._device import device as device_type
from ._device import device_of
from ._dtype import get_default_dtype, scalar_name
from ._graph import GRAD_ENABLED, INFERENCE, HookTable, InferenceCounter, Node
from ._pending import TRACES, Pending

if TYPE_CHECKING:
    from ._tensor_methods import TensorMethods
else:
    TensorMethods = object

_new = object.__new__


class Size(tuple[int, ...]):
    """The shape of a Tensor: a tuple of ints that also counts its elements.

    >>> import gradcu
    >>> gradcu.zeros(2, 3).shape
    gradcu.Size([2, 3])
    """

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a Tensor of this shape."""
        count = 1
        for length in self:
            count *= length
        return count

    def __repr__(self) -> str:
        return f"gradcu.Size({list(self)})"


class View:
    """What a Tensor that shares another's memory knows of it.

    ``replay(base)`` makes the same view again, of Tensors, recorded, or of raw arrays. After an in-place change of the
    base or of any of its views, the edge of each view is stale; ``seen`` tells, by the version of the shared memory.
    """

    __slots__ = ("base", "replay", "seen")

    def __init__(self, base: Tensor, replay: Replay | None, seen: int) -> None:
        self.base, self.replay, self.seen = base, replay, seen

    def refresh(self, tensor: Tensor) -> None:
        """Gives ``tensor``, whose view this is, an edge that accounts for all in-place changes so far."""
        again = None
        if self.base.requires_grad:
            assert self.replay is not None
            token = GRAD_ENABLED.set(True)
            try:
                again = self.replay(self.base)
            finally:
                GRAD_ENABLED.reset(token)
        self.seen = tensor._version_counter[0]
        if again is not None:
            replace_edge(tensor, again._edge)

    def refuse_write(self, tensor: Tensor) -> None:
        """Raises where ``tensor``, whose view this is, must not be changed in place; any ordinary view may be."""


class Replay:
    """Makes a view again: by the steps that led to it, each ``call(start, *statics)`` or output ``number`` of that.

    The graph holds it after an in-place change, so it names what made the parent of the view, and neither the parent
    nor the base, which would make a cycle.
    """

    __slots__ = ("before", "call", "number", "statics")

    def __init__(
        self, before: Replay | None, call: Callable[..., Any], statics: tuple[Any, ...], number: int | None
    ) -> None:
        self.before, self.call, self.statics, self.number = before, call, statics, number

    def __call__(self, start: Any) -> Any:
        steps: list[Replay] = []
        before: Replay | None = self
        # No recursion: a view of a view may go on for longer than Python's stack.
        while before is not None:
            steps.append(before)
            before = before.before
        again = start
        for step in reversed(steps):
            again = step.call(again, *step.statics)
            if step.number is not None:
                again = again[step.number]
        return again


class Tensor(TensorMethods):
    """An n-dimensional array that can take part in a graph; made by ``gradcu.tensor`` and by operations.

    >>> import gradcu
    >>> x = gradcu.tensor([1.0, 2.0], requires_grad=True)
    >>> (x * x).sum().backward()
    >>> x.grad
    tensor([2., 4.])
    """

    # `_array` is a raw array, or a NumPy scalar where a 0-d CPU result was computed: scalar arithmetic is several
    # times cheaper, and `_memory` makes the array once somebody wants to share it. `_edge` is None for a leaf.
    __slots__ = ("__dict__", "__weakref__", "_array", "_edge", "_requires_grad", "_version_counter")

    _array: Any
    _edge: Any
    _requires_grad: bool
    _version_counter: list[Any]

    # What few Tensors have stands in __dict__; the class holds the absent value.
    _grad: Tensor | None = None
    _view: View | None = None
    _hooks: HookTable | None = None
    _accumulated_hooks: HookTable | None = None
    # Those of a leaf's AccumulateGrad.
    _node_hooks: HookTable | None = None
    _node_prehooks: HookTable | None = None
    _retains_grad = False

    def __new__(cls, *data: Any) -> Tensor:
        """A Tensor of the default dtype from a sequence or array, or, given ints, an uninitialised one of that size."""
        if len(data) == 1 and not isinstance(data[0], int):
            source = data[0]._array if isinstance(data[0], Tensor) else data[0]
            return cls._wrap(np.array(source, dtype=get_default_dtype()))
        return cls._wrap(np.empty(data if data else (0,), dtype=get_default_dtype()))

    @classmethod
    def _wrap(cls, array: Any, version_counter: list[int] | None = None) -> Tensor:
        """A Tensor around a raw array, without a graph."""
        self = _new(cls)
        self._array = array
        self._edge = None
        self._requires_grad = False
        if version_counter is None:
            version_counter = InferenceCounter() if TRACES and INFERENCE.get() else [0]
        self._version_counter = version_counter
        return self

    def _memory(self) -> Any:
        """The raw array, never a NumPy scalar: what can be shared and written to."""
        array = self._array
        if isinstance(array, np.generic):
            array = self._array = np.asarray(array)
        elif isinstance(array, Pending):
            array.settle(self)
            array = self._array = array.materialised()
        return array

    def _payload(self) -> Any:
        """What a Tensor that shares this one's memory has as its array."""
        return self._array if isinstance(self._array, Pending) else self._memory()

    def _bump_version(self) -> None:
        if not self.is_inference():
            self._version_counter[0] += 1

    def is_inference(self) -> bool:
        """Whether this Tensor was made in inference mode, or is a view of one that was.

        >>> import gradcu
        >>> with gradcu.inference_mode():
        ...     x = gradcu.ones(2)
        >>> x.is_inference(), x.clone().is_inference()
        (True, False)
        """
        return type(self._version_counter) is InferenceCounter

    @property
    def shape(self) -> Size:
        """The length of every dimension."""
        return Size(self._array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        """The type of the elements, a NumPy dtype."""
        return self._array.dtype

    @property
    def device(self) -> device_type:
        """Where the elements are."""
        return device_of(self._array)

    @property
    def ndim(self) -> int:
        """The number of dimensions."""
        return self._array.ndim

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this Tensor."""
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Node | None:
        """The node that made this Tensor; None for a leaf."""
        if isinstance(self._array, Pending):
            self._array.settle(self)
        edge = current_edge(self)
        if type(edge) is tuple:
            return edge[0]
        # Where an edge leads to a leaf, this Tensor stands in for that.
        return edge if isinstance(edge, Node) else None

    @property
    def output_nr(self) -> int:
        """Which of its node's outputs this Tensor is."""
        edge = current_edge(self)
        return edge[1] if type(edge) is tuple else 0

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this Tensor are recorded. Settable on leaves of floating-point and complex dtype."""
        view = self._view
        if view is None or view.seen == self._version_counter[0]:
            return self._requires_grad
        # What was written since, through the base or another view, may have made it part of a graph.
        return self._requires_grad or view.base.requires_grad

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        if self.grad_fn is not None:
            if value:
                return
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a computed variable "
                "in a subgraph that doesn't require differentiation use var_no_grad = var.detach()."
            )
        if value and self._array.dtype.kind not in "fc":
            raise RuntimeError("only Tensors of floating point and complex dtype can require gradients")
        self._requires_grad = bool(value)

    @property
    def grad(self) -> Tensor | None:
        """The gradient that ``backward`` accumulated; None before."""
        if self._grad is None and not self._retains_grad and self.grad_fn is not None:
            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad attribute "
                "won't be populated during autograd.backward(). If you indeed want the .grad field to be populated "
                "for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. If you access the non-leaf Tensor "
                "by mistake, make sure you access the leaf Tensor instead.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            if not isinstance(value, Tensor):
                raise TypeError(
                    f"assigned grad expected to be a Tensor or None but got grad of type {type(value).__name__}"
                )
            if value is self:
                raise RuntimeError("can't assign Variable as its own grad")
            if value.shape != self.shape:
                raise RuntimeError(
                    f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
                    f"'{list(self.shape)}'. Please ensure that the gradient and the tensor are the same size"
                )
            if value.dtype != self.dtype:
                raise RuntimeError(
                    f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor with dtype "
                    f"'{self.dtype}'. Please ensure that the gradient and the tensor have the same dtype"
                )
            if value.device != self.device:
                raise RuntimeError(
                    f"attempting to assign a gradient with device '{value.device}' to a tensor with device "
                    f"'{self.device}'. Please ensure that the gradient and the tensor are on the same device"
                )
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    @property
    def retains_grad(self) -> bool:
        """Whether this Tensor is not a leaf and its gradient is kept all the same."""
        return self._retains_grad

    @property
    def data(self) -> Tensor:
        """The same memory, outside the graph, with a version of its own: changes through it are not noticed."""
        return Tensor._wrap(self._payload())

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        if value.dtype.kind not in "fc" and self._requires_grad:
            raise RuntimeError("data set to a tensor that requires gradients must be floating point or complex dtype")
        self._array = value._memory()

    @data.deleter
    def data(self) -> None:
        raise RuntimeError("Deleting tensor data is not allowed. Delete tensor instead!")

    def _is_view(self) -> bool:
        return self._view is not None

    @property
    def _base(self) -> Tensor | None:
        return None if self._view is None else self._view.base

    @property
    def _version(self) -> int:
        if self.is_inference():
            raise RuntimeError("Inference tensors do not track version counter.")
        return self._version_counter[0]


def type_of(tensor: Tensor) -> str:
    """The name of a Tensor's type as PyTorch writes it: by its dtype, and where it is."""
    return f"gradcu.{'cuda.' if tensor.device.type == 'cuda' else ''}{scalar_name(tensor.dtype)}Tensor"


def current_edge(tensor: Tensor) -> Any:
    """The edge that leads to ``tensor``, after all in-place changes so far; None for a leaf."""
    view = tensor._view
    if view is not None and view.seen != tensor._version_counter[0]:
        view.refresh(tensor)
    return tensor._edge


def replace_edge(tensor: Tensor, edge: Any) -> None:
    """Makes ``edge`` lead to ``tensor``, whose value has changed; a retained gradient is that of the new value."""
    before = tensor._edge
    tensor._edge, tensor._requires_grad = edge, True
    if tensor._retains_grad:
        node, number = before if type(before) is tuple else (before, 0)
        node.retained.pop(number, None)
        retain_gradient(tensor)


def retain_gradient(tensor: Tensor) -> None:
    """Has the node that made ``tensor`` store its gradient in ``grad`` whenever a walk passes; a leaf needs nothing."""
    edge = current_edge(tensor)
    if edge is not None:
        node, number = edge if type(edge) is tuple else (edge, 0)
        node.retained = (node.retained or {}) | {number: weakref.ref(tensor)}
        tensor._retains_grad = True


def is_inference(input: Tensor) -> bool:
    """Whether ``input`` was made in inference mode, or is a view of a Tensor that was.

    >>> import gradcu
    >>> gradcu.is_inference(gradcu.ones(2))
    False
    """
    return input.is_inference()


def is_tensor(obj: object) -> bool:
    """Whether ``obj`` is a Tensor.

    >>> import gradcu
    >>> gradcu.is_tensor(gradcu.ones(2)), gradcu.is_tensor([1.0])
    (True, False)
    """
    return isinstance(obj, Tensor)
