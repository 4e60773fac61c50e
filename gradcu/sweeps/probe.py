"""Finding out, on a few points, whether a function is elementwise: a sweep gives it blocks, so it has to be.

A function is elementwise if its value at a point depends on that point alone. Two questions show it where it is not.
Does a gradient flow to other points? With cotangents at half of the points an elementwise function has zero gradients
at the others, exactly. And do values stay what they are when other points, or the length of the block, change?
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .._device import CPU, naming_memory
from .._graph import Node
from .._op import FUNCTIONS
from .._tensor import Tensor
from ..autograd import enable_grad
from ..autograd import grad as gradient
from .domain import Domain, listed

_POINTS = 61


def check_elementwise(f: Callable[..., Tensor], domain: Domain, device: Any) -> bool:
    """Raises TypeError where f returns no real Tensor, ValueError where f is not elementwise.

    f takes a Tensor for each of the domain's names. What it raises itself comes through, with a note. Says whether f
    gives the same values at a second call: one that does not, as it draws random numbers, is not asked the second
    question.
    """
    # Neither sorted nor evenly spaced, so that sorting, cumulating or differencing shows.
    points = domain.sample(_POINTS)

    def values(block: list[np.ndarray]) -> np.ndarray:
        return as_numpy(checked_value(f, leaves(block, domain, device), domain))

    with enable_grad():
        tensors = leaves(points, domain, device)
        y = checked_value(f, tensors, domain)
        _refuse_if(_gradient_leaks(y, tensors[: len(domain.variables)]), f, _mixes(y))
        first = as_numpy(y)
        if not np.array_equal(values(points), first, equal_nan=True):
            return False
        half = np.arange(_POINTS) % 2 == 0
        for kept in (half, ~half):
            # One value for all others, so that their extremes change as well as their places.
            others = [np.where(kept, column, column[kept][0]) for column in points]
            _refuse_if(not _close(values(others)[kept], first[kept]), f, _mixes(y))
        length = _POINTS // 2
        later = [column[length:] for column in points]
        _refuse_if(not _close(values(later), first[length:]), f, _POSITION + _uses(y))
    return True


def graph_is_lost(f: Callable[..., Tensor], domain: Domain, device: Any) -> bool:
    """Whether f's values vary from point to point, not only in steps, and no gradient flows back to the points."""
    count = len(domain.variables)
    points = [
        column if k < count else np.full_like(column, column[0]) for k, column in enumerate(domain.sample(_POINTS))
    ]
    with enable_grad():
        y = checked_value(f, leaves(points, domain, device), domain)
    return y.dtype.kind == "f" and not y.requires_grad and np.unique(as_numpy(y)).size > _POINTS // 2


_POSITION = "its value at a point depends on the point's position in the block, or on the number of points"


def checked_value(f: Callable[..., Tensor], tensors: Sequence[Tensor], domain: Domain) -> Tensor:
    """``f(*tensors)``. Raises TypeError where that is no real Tensor, ValueError where it has not their shape."""
    shape = tensors[0].shape
    try:
        y = f(*tensors)
    except Exception as error:
        error.add_note(f"(raised by {name_of(f)} on {shape[0]} points; gradcu.sweep calls it on blocks of any length)")
        raise
    if not isinstance(y, Tensor):
        number = isinstance(y, (int, float, np.number))
        hint = f"; for a constant return gradcu.full_like({domain.names[0]}, {y})" if number else ""
        raise TypeError(f"{name_of(f)} must return a Tensor, not {type(y).__name__}{hint}")
    if y.dtype.kind == "c":
        raise TypeError(f"{name_of(f)} must return a real Tensor, not one of {y.dtype}")
    if y.shape != shape:
        raise ValueError(
            f"{name_of(f)} is not elementwise: for {listed(domain.names)} of shape {tuple(shape)} it returned shape "
            f"{tuple(y.shape)}{_uses(y)}"
        )
    return y


def leaves(points: Sequence[np.ndarray], domain: Domain, device: Any) -> list[Tensor]:
    """The coordinates as Tensors; the operations on the variables are recorded."""
    tensors = [_on(device, column) for column in points]
    for tensor in tensors[: len(domain.variables)]:
        tensor._requires_grad = True
    return tensors


def _on(device: Any, column: np.ndarray) -> Tensor:
    if device is CPU:
        return Tensor._wrap(np.asarray(column))
    with device.context, naming_memory("the points of a sweep", device):
        return Tensor._wrap(device.xp.asarray(column))


def as_numpy(tensor: Tensor) -> np.ndarray:
    """The values as a NumPy array, from whichever device."""
    return on_host(tensor._memory())


def on_host(array: Any) -> np.ndarray:
    """A NumPy array as it is, and a copy of one of CuPy."""
    return array if isinstance(array, np.ndarray) else array.get()


def name_of(f: Any) -> str:
    """What to call a function in a message."""
    owner = getattr(f, "__self__", None)
    if isinstance(owner, type):
        # A class method, such as `apply` of a custom Function, by the class that it was taken from.
        return f"{owner.__qualname__}.{f.__name__}"
    return str(getattr(f, "__qualname__", None) or f)


def _refuse_if(found: bool, f: Any, reason: str) -> None:
    if found:
        raise ValueError(f"{name_of(f)} is not elementwise: {reason}")


def _gradient_leaks(y: Tensor, variables: Sequence[Tensor]) -> bool:
    if not y.requires_grad:
        return False
    for offset in (0, 1):
        cotangent = np.zeros(_POINTS, y.dtype)
        cotangent[offset::2] = 1
        for found in gradient(y, variables, _on(y.device, cotangent), retain_graph=True, allow_unused=True):
            others = np.zeros(0) if found is None else as_numpy(found)[1 - offset :: 2]
            # Zero times an infinite slope is NaN.
            if bool(((others != 0) & ~np.isnan(others)).any()):
                return True
    return False


def _close(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two arrays agree; NaN agrees with NaN. Vector units may round a point differently in other company."""
    if found.dtype.kind != "f":
        return bool((found == expected).all())
    tolerance = float(np.finfo(found.dtype).eps) ** 0.5
    with np.errstate(all="ignore"):
        return bool(np.isclose(found, expected, rtol=tolerance, atol=0.0, equal_nan=True).all())


def _mixes(y: Tensor) -> str:
    return f"its value at a point depends on other points{_uses(y)}"


def _uses(y: Tensor) -> str:
    """The operations in the graph of y that are not elementwise, in words."""
    names: dict[str, None] = {}
    seen: set[int] = set()
    pending: list[Any] = [y.grad_fn]
    while pending:
        node = pending.pop()
        node = node[0] if isinstance(node, tuple) else node
        if not isinstance(node, Node) or id(node) in seen:
            continue
        seen.add(id(node))
        op = None if node.plan is None else node.plan.op
        if op is not None and not op.elementwise:
            names[op.name if op.name in FUNCTIONS else node.name()] = None
        pending.extend(node.edges)
    return f"; it uses {', '.join(sorted(names))}" if names else ""
