"""How ops are called: by rules, by people and by Python's operators; and what people are told of a wrong operand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ._device import is_cupy_array
from ._op import Op
from ._record import NUMBERS, apply, raw
from ._tensor import Tensor

_CONSTANTS = (*NUMBERS, np.generic)
PUBLIC_NAMES = {"x": "input", "a": "input", "b": "other"}
"""What PyTorch calls the operands that have short names in rules."""


def rule_function(op: Op) -> Callable[..., Any]:
    """The op as rules call it: Tensors are recorded, raw arrays computed."""

    def function(*args: Any, **kwargs: Any) -> Any:
        values = op.bind(args, kwargs)
        return (apply if _has_tensor(op, values) else raw)(op, values)

    return function


def public_function(op: Op) -> Callable[..., Any]:
    """The op as people call it: raw arrays are refused, in PyTorch's words."""
    count = len(op.operands)

    def variadic(*args: Any, **kwargs: Any) -> Any:
        values = op.bind(args, kwargs)
        require_tensors(op.name, values[0])
        if not values[0] and op.prepare is not None:
            # It says what is wrong; nothing can be promoted.
            op.prepare(*values)
        return apply(op, values)

    def function(*args: Any, **kwargs: Any) -> Any:
        values = op.bind(args, kwargs)
        some = False
        for position, operand in enumerate(values[:count]):
            if isinstance(operand, Tensor):
                some = True
            elif not isinstance(operand, _CONSTANTS) and (operand is not None or op.elementwise):
                name = op.operands[position]
                raise argument_error(op.name, PUBLIC_NAMES.get(name, name), position, operand)
        if not some:
            raise argument_error(op.name, "input", 0, values[0])
        return apply(op, values)

    return variadic if op.variadic else function


def require_tensors(function: str, tensors: Any) -> None:
    """Raises TypeError where ``tensors`` is no tuple or list of Tensors, in PyTorch's words."""
    if not isinstance(tensors, tuple | list):
        raise TypeError(
            f"{function}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(tensors).__name__}"
        )
    for number, tensor in enumerate(tensors):
        if not isinstance(tensor, Tensor):
            raise TypeError(f"expected Tensor as element {number} in argument 0, but got {type(tensor).__name__}")


def operator_function(op: Op) -> Callable[..., Any]:
    """The op as Python's operators call it: an array is a constant, what is no operand is left to the other side."""

    def function(*operands: Any) -> Any:
        values: list[Any] = []
        for operand in operands:
            if isinstance(operand, np.ndarray) and operand.dtype.kind in "biufc":
                values.append(Tensor._wrap(operand))
            elif isinstance(operand, (Tensor, *NUMBERS, np.generic)):
                values.append(operand)
            elif is_cupy_array(operand):
                values.append(Tensor._wrap(operand))
            else:
                return NotImplemented
        return apply(op, values + op.defaults[len(values) :])

    return function


def argument_error(function: str, name: str, position: int, value: Any) -> TypeError:
    """The error for an operand that is no Tensor, in PyTorch's words."""
    kind = (
        type(value).__name__
        if type(value).__module__ in ("builtins", "gradcu")
        else (f"{type(value).__module__}.{type(value).__name__}")
    )
    hint = " (gradcu.as_tensor shares the array's memory)" if hasattr(value, "__array__") else ""
    return TypeError(f"{function}(): argument '{name}' (position {position + 1}) must be Tensor, not {kind}{hint}")


def _has_tensor(op: Op, values: list[Any]) -> bool:
    operands = values[0] if op.variadic else values[: len(op.operands)]
    return any(isinstance(operand, Tensor) for operand in operands)
