"""Finite differences: what gradcheck compares derivatives with, without knowing of graphs.

Central differences, ``(f(x + eps) - f(x - eps)) / (2 eps)``, have an error of order eps**2 plus the rounding of f
divided by eps; see https://docs.pytorch.org/docs/stable/notes/gradcheck.html.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from .._device import copied
from .._tensor import Tensor


def jacobians(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, numbers: list[int], eps: float
) -> list[tuple[Any, ...]]:
    """The Jacobians of each output in ``numbers`` by one argument, of shape (elements of it, elements of the output).

    A real output has one, a complex one those of its imaginary and of its real part. Raises AssertionError where a
    moved argument gives outputs of another shape or dtype.
    """
    argument = arguments[position]
    outputs = [tensors_of(func(*arguments))[number] for number in numbers]
    rows: list[list[Any]] = [[] for _ in numbers]
    for element in range(argument._array.size):
        place = np.unravel_index(element, argument._array.shape)
        slopes = _differences(func, arguments, position, numbers, place, eps)
        turned = slopes
        if argument.dtype.kind == "c":
            turned = _differences(func, arguments, position, numbers, place, eps * 1j)
        for row, output, along_x, along_y in zip(rows, outputs, slopes, turned, strict=True):
            row.append(tuple(_by_parts(along_x, along_y, output, argument)))
    return [
        tuple(map(np.stack, zip(*row, strict=True)))
        if row
        else (np.zeros((0, output._array.size)),) * (2 if output.dtype.kind == "c" else 1)
        for row, output in zip(rows, outputs, strict=True)
    ]


def derivatives_along(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, numbers: list[int], eps: float, vector: Any
) -> list[Any]:
    """The derivative of each output in ``numbers`` along a vector of length 1 in the space of one argument, flat.

    Raises AssertionError where a moved argument gives outputs of another shape or dtype.
    """
    if not vector.size:
        outputs = tensors_of(func(*arguments))
        return [np.zeros(outputs[number]._array.size) for number in numbers]
    place = arguments[position].device
    with place.context:
        step = place.xp.asarray(eps * vector.reshape(arguments[position].shape))
    return _differences(func, arguments, position, numbers, ..., step)


def _by_parts(along_x: Any, along_y: Any, output: Tensor, argument: Tensor) -> Iterator[Any]:
    """The gradients of an output's parts by one element of an argument: d/dx, and d/dx + i d/dy of a complex one."""
    for part in (np.imag, np.real) if output.dtype.kind == "c" else (np.real,):
        yield part(along_x) + 1j * part(along_y) if argument.dtype.kind == "c" else part(along_x)


def _differences(
    func: Callable[..., Any], arguments: tuple[Any, ...], position: int, numbers: list[int], place: Any, step: Any
) -> list[Any]:
    """The central difference of each output in ``numbers`` for a ``step`` of one argument at ``place``, flattened.

    It is divided by the size of the step, or by its length where it is an array.
    """
    above = _moved(func, arguments, position, place, step)
    below = _moved(func, arguments, position, place, -step)
    length = abs(step) if isinstance(step, (float, complex)) else float((step * step).sum()) ** 0.5
    found = []
    for number in numbers:
        for what in ("shape", "dtype"):
            one, other = getattr(above[number], what), getattr(below[number], what)
            if one != other:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are perturbed by {length:g}, "
                    f"but got: {what}s {one} and {other}."
                )
        with np.errstate(all="ignore"):
            found.append((above[number] - below[number]).ravel() / (2 * length))
    return found


def _moved(func: Callable[..., Any], arguments: tuple[Any, ...], position: int, place: Any, step: Any) -> list[Any]:
    """The outputs, as NumPy arrays, after one argument was moved by ``step`` at ``place``."""
    # Each call gets its own copies, so that a function that changes its arguments doesn't spoil the next one.
    copies = [_copied(argument) for argument in arguments]
    memory = copies[position]._array
    with copies[position].device.context:
        memory[place] += step
    return [on_cpu(output) for output in tensors_of(func(*copies))]


def _copied(argument: Any) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    copy = Tensor._wrap(copied(argument._memory()))
    copy.requires_grad = argument.requires_grad
    return copy


def tensors_of(outputs: Any) -> tuple[Tensor, ...]:
    """The Tensors among what a function returned."""
    return tuple(output for output in as_tuple(outputs) if isinstance(output, Tensor))


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A tuple or list as a tuple, anything else as a tuple of it."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def on_cpu(tensor: Tensor) -> Any:
    """The Tensor's values as a NumPy array."""
    array = tensor._memory()
    return array if isinstance(array, np.ndarray) else array.get()
