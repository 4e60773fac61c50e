"""Variable: the name that a Tensor with a graph had in PyTorch before 0.4, which many tutorials still use."""

from __future__ import annotations

from typing import Any

from .._tensor import Tensor


class _VariableType(type):
    def __instancecheck__(cls, instance: object) -> bool:
        return isinstance(instance, Tensor)


class Variable(metaclass=_VariableType):
    """``Variable(tensor, requires_grad)`` is a new leaf that shares the memory of ``tensor``; every Tensor is one.

    Raises TypeError for what is no Tensor.

    >>> import gradcu
    >>> x = gradcu.autograd.Variable(gradcu.ones(2), requires_grad=True)
    >>> x
    tensor([1., 1.], requires_grad=True)
    """

    def __new__(cls, data: Any, requires_grad: bool = False) -> Any:
        if not isinstance(data, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        leaf = Tensor._wrap(data._payload())
        leaf.requires_grad = requires_grad
        return leaf
