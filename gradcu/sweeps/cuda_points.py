"""A domain's points as a sweep's kernel has them: evenly spaced ones are made there, given ones come to the device."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._launch import Parameter, Pointer
from .._linspace import SEGMENT
from ..fuse.cuda_points import LINE, Axes, KernelAxis, axes_dtype, line_of, line_window, window
from .domain import Domain, around
from .engine import UnsuitableError
from .grid import LinspaceAxis

if TYPE_CHECKING:
    from ..fuse.program import Program

_ALIGNED = 16
"""Each input's given values begin at a multiple of so many bytes."""

_MOST_GIVEN = 64 << 20
"""The bytes of given values that are on their way to a device at a time: enough that starting a copy takes no time."""


class KernelPoints:
    """What a kernel of a program needs to know for points of a domain.

    ``axes`` is for `gradcu.fuse.cuda_source.sweep_source`, and ``parameters`` are the kernel's first ones. Raises
    UnsuitableError where the kernel can't make the points.
    """

    def __init__(self, domain: Domain, program: Program) -> None:
        self.domain = domain
        lines = [axis for axis in domain.axes if isinstance(axis, LinspaceAxis)]
        if any(line_of(line.start, line.stop, line.num, 0, 1) is None for line in lines):
            raise UnsuitableError("the kernel makes no points near the ends of float64")
        self._given = [number for number, axis in enumerate(domain.axes) if not isinstance(axis, LinspaceAxis)]
        self.axes: Axes | None = None
        self.parameters: tuple[Parameter, ...] = (LINE,)
        if domain.line is None:
            inputs = dict(zip(domain.names, program.inputs, strict=True))
            self.axes = tuple(
                KernelAxis(tuple(inputs[name] for name in axis.names), number in self._given)
                for number, axis in enumerate(domain.axes)
            )
            pointers = sum(len(axis.inputs) for axis in self.axes if axis.is_given)
            self.parameters = (axes_dtype(self.axes), *[Pointer(domain.dtype)] * pointers)

    @property
    def gives(self) -> bool:
        """Whether any values come to the device."""
        return bool(self._given)

    def bytes_given(self, count: int) -> int:
        """The bytes of the given values that any so many points, one after the other, have at most."""
        lengths = [min(self._longest(number, count), self.domain.axes[number].num) for number in self._given]
        names = [len(self.domain.axes[number].names) for number in self._given]
        return sum(each * self._stride(length) for each, length in zip(names, lengths, strict=True))

    def fitting(self, count: int) -> int:
        """So many points or, where their given values are more than the host should have a second time, fewer."""
        while count > SEGMENT and self.bytes_given(count) > _MOST_GIVEN:
            count = -(-count // 2)
        return count

    def give(self, first: int, count: int, memory: np.ndarray) -> int:
        """Writes the given values of points first, ..., first + count - 1 to an array of bytes; how many it were."""
        used = 0
        for axis, begin, length in self._windows(first, count):
            for values in around(self.domain.axes[axis], begin, length):
                memory[used : used + length * self.domain.dtype.itemsize].view(self.domain.dtype)[...] = values
                used += self._stride(length)
        return used

    def arguments(self, first: int, count: int, memory: Any) -> list[Any]:
        """The arguments for the parameters; ``memory`` is on the device, and holds what `give` wrote."""
        if self.axes is None:
            line = self.domain.line
            assert line is not None
            return [line_of(line.start, line.stop, line.num, first, count)]
        told = np.zeros(1, axes_dtype(self.axes))
        told["lengths"] = self.domain.shape
        lines = itertools.count()
        for number, axis in enumerate(self.domain.axes):
            begin, length = window(self.domain.shape, number, first, count)
            if isinstance(axis, LinspaceAxis):
                begin, length = line_window(axis.num, begin, length)
                told["lines"][0, next(lines)] = line_of(axis.start, axis.stop, axis.num, begin, length)
            told["begins"][0, number] = begin
        arguments, used = [told], 0
        for axis, _, length in self._windows(first, count):
            for _ in self.domain.axes[axis].names:
                part = memory[used : used + length * self.domain.dtype.itemsize]
                arguments.append(part.view(self.domain.dtype))
                used += self._stride(length)
        return arguments

    def _windows(self, first: int, count: int) -> Iterator[tuple[int, int, int]]:
        """The axes that are given, each with the window of its points that these points have."""
        for number in self._given:
            yield number, *window(self.domain.shape, number, first, count)

    def _longest(self, number: int, count: int) -> int:
        """How long such a window may be, wherever the points begin."""
        inner = math.prod(self.domain.shape[number + 1 :])
        return (count + inner - 2) // inner + 1

    def _stride(self, length: int) -> int:
        """The bytes from one input's values to the next one's."""
        return -(-length * self.domain.dtype.itemsize // _ALIGNED) * _ALIGNED
