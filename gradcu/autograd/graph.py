"""The graph, for those who look into it: see https://docs.pytorch.org/docs/stable/autograd.html#autograd-graph."""

from __future__ import annotations

from collections.abc import Iterable

from .._graph import GradientEdge as GradientEdge
from .._graph import Node as Node
from .._graph import RemovableHandle as RemovableHandle
from .._graph import accumulator
from .._tensor import Tensor
from ._multi_grad_hook import register_multi_grad_hook as register_multi_grad_hook
from ._saved_hooks import allow_mutation_on_saved_tensors as allow_mutation_on_saved_tensors
from ._saved_hooks import disable_saved_tensors_hooks as disable_saved_tensors_hooks
from ._saved_hooks import save_on_cpu as save_on_cpu
from ._saved_hooks import saved_tensors_hooks as saved_tensors_hooks


def get_gradient_edge(tensor: Tensor) -> GradientEdge:
    """Where the gradient of ``tensor`` goes, which can be kept in place of the Tensor and its memory.

    It stays what it is when ``tensor`` is changed in place. Raises RuntimeError where no gradient is wanted.

    >>> import gradcu
    >>> x = gradcu.tensor(3.0, requires_grad=True)
    >>> y = x * x
    >>> edge = gradcu.autograd.graph.get_gradient_edge(y)
    >>> y *= 10
    >>> gradcu.autograd.grad(y, edge)
    (tensor(10.),)
    """
    if not tensor.requires_grad:
        raise RuntimeError("It is not possible to get the gradient edge for a Tensor that does not require gradients")
    node = tensor.grad_fn
    return GradientEdge(accumulator(tensor), 0) if node is None else GradientEdge(node, tensor.output_nr)


def increment_version(tensor: Tensor | Iterable[Tensor]) -> None:
    """Counts an in-place change of ``tensor``, or of each of several, that was made behind autograd's back.

    A write to the array that ``numpy()`` gives is such a change: counted, it lets ``backward`` find out that a saved
    value is another now.

    >>> import gradcu
    >>> x = gradcu.ones(2)
    >>> gradcu.autograd.graph.increment_version(x)
    >>> x._version
    1
    """
    for one in (tensor,) if isinstance(tensor, Tensor) else tensor:
        one._bump_version()


__all__ = [
    "GradientEdge",
    "Node",
    "RemovableHandle",
    "allow_mutation_on_saved_tensors",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]
