"""The graph, for those who look into it: see https://docs.pytorch.org/docs/stable/autograd.html#autograd-graph."""

from .._graph import Node as Node
from .._graph import RemovableHandle as RemovableHandle

__all__ = ["Node", "RemovableHandle"]
