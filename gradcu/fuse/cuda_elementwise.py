"""Programs on arrays of a CUDA device: one launch for all outputs, whatever the strides of the inputs."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from .._kernel_text import NARROW, THREADS
from .._launch import Kernel, Parameter, Pointer, kernel
from .cuda_source import elementwise_source, layout_dtype
from .layout import Layout
from .program import Program, c_body

_MOST_BLOCKS = 2**31 - 1
_MOST_BYTES = 4096
"""The bytes of a kernel's parameters: CUDA C++ Programming Guide, "Function Parameters"."""


class CudaElementwise:
    """A program as kernels, of which there is one for each way in which its inputs may lie in memory.

    The inputs named in ``numbers`` are NumPy's scalars and passed by value; all others are CuPy arrays. Raises
    NotInCError for a program that has no C.
    """

    def __init__(self, program: Program, numbers: Collection[str] = ()) -> None:
        # What has no C is to be known before the first launch.
        c_body(program)
        self._program, self._numbers = program, frozenset(numbers)
        self._arrays = [k for k, name in enumerate(program.inputs) if name not in numbers]
        self._outputs = [program.dtype_of(output) for output in program.outputs]
        self._made: dict[Any, _Made] = {}

    def run(self, xp: Any, inputs: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
        """New arrays of the outputs, on the current device; the inputs broadcast to the shape."""
        arrays = [inputs[k] for k in self._arrays]
        size = math.prod(shape)
        single = tuple(k for k, array in enumerate(arrays) if size != 1 and not _varies(array))
        whole = [array for k, array in enumerate(arrays) if k not in single] if single else arrays
        order, layout = "C", None
        if not all((array.shape == shape or size == 1) and array.flags.c_contiguous for array in whole):
            if all(array.shape == shape and array.flags.f_contiguous for array in whole):
                # The elements' order in memory is the same everywhere, so any order does.
                order = "F"
            else:
                single, layout = (), Layout(arrays, shape)
        outputs = [xp.empty(shape, dtype, order) for dtype in self._outputs]
        if size == 0:
            return outputs
        dimensions = 0 if layout is None else len(layout.lengths)
        wide = size >= NARROW or (layout is not None and _reach(layout) >= NARROW)
        made = self._made.get((single, dimensions, wide))
        if made is None:
            made = self._made[single, dimensions, wide] = _Made(self, single, dimensions, wide)
        made.launch(layout, size, (*inputs, *outputs))
        return outputs

    def source(self, single: tuple[int, ...], dimensions: int, wide: bool) -> Any:
        """The kernel's source, for inputs of which those in ``single``, counted among the arrays, are one element."""
        names = list(self._program.inputs)
        return elementwise_source(
            self._program, dimensions=dimensions, single=[names[self._arrays[k]] for k in single],
            numbers=self._numbers, wide=wide,
        )  # fmt: skip

    def parameters(self, dimensions: int, wide: bool) -> tuple[Parameter, ...]:
        """What the kernel is launched with."""
        layout = [layout_dtype(dimensions, len(self._arrays), wide)] if dimensions else []
        inputs = [dtype if name in self._numbers else Pointer(dtype) for name, dtype in self._program.inputs.items()]
        return (*layout, np.dtype("i8" if wide else "i4"), *inputs, *map(Pointer, self._outputs))


class _Made:
    """One of the kernels of a program."""

    __slots__ = ("_dtype", "_kernel", "_per_block")

    def __init__(self, program: CudaElementwise, single: tuple[int, ...], dimensions: int, wide: bool) -> None:
        source, parameters = program.source(single, dimensions, wide), program.parameters(dimensions, wide)
        self._kernel: Kernel = kernel(source.text, source.name, parameters)
        self._per_block = source.per_block
        self._dtype = parameters[0] if dimensions else None

    def launch(self, layout: Layout | None, size: int, arguments: tuple[Any, ...]) -> None:
        """Computes ``size`` elements; ``layout`` is that of the arrays, where the kernel has dimensions."""
        arguments = (size, *arguments)
        if layout is not None:
            strides = np.zeros((), self._dtype)
            strides["shape"], strides["strides"] = layout.lengths, layout.strides
            arguments = (strides, *arguments)
        self._kernel.launch(min(-(-size // self._per_block), _MOST_BLOCKS), THREADS, arguments)


def _varies(array: Any) -> bool:
    """Whether an array has more than one element in memory."""
    return array.size > 1 and any(array.strides)


def _reach(layout: Layout) -> int:
    """The bytes from an array's first element to its last, of that where they are most."""
    return max(
        sum((length - 1) * abs(stride) for length, stride in zip(layout.lengths, row, strict=True))
        for row in layout.strides
    )
