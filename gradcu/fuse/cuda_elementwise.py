"""Programs on arrays of a CUDA device: one launch for all outputs, whatever the strides of the inputs."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np

from .._kernel_text import MOST_BYTES, NARROW, THREADS
from .._launch import Parameter, Pointer, kernel
from .._record import forward
from .cuda_source import CudaSource, elementwise_source, layout_dtype
from .layout import Layout
from .program import NotInCError, Program, Reference, c_body

_MOST_BLOCKS = 2**31 - 1
_MOST_POINTERS = 256


class CudaElementwise:
    """A program as kernels, of which there is one for each way in which its inputs may lie in memory.

    The inputs named in ``numbers`` are NumPy's scalars and passed by value; all others are CuPy arrays. Raises
    NotInCError for a program that has no C.
    """

    def __init__(self, program: Program, numbers: Collection[str] = ()) -> None:
        # What has no C is to be known before the first launch.
        c_body(program)
        pointers = len(program.inputs) + len(program.outputs)
        if pointers > _MOST_POINTERS:
            raise NotInCError(f"it has {pointers} inputs and outputs, {_MOST_POINTERS} at most go into a kernel")
        self._program, self._numbers = program, frozenset(numbers)
        self._arrays = [k for k, name in enumerate(program.inputs) if name not in numbers]
        self._outputs = [program.dtype_of(output) for output in program.outputs]
        self._made: dict[Any, _Made] = {}

    @property
    def source(self) -> str:
        """The CUDA C++ for inputs that lie as the outputs do."""
        return self._source((), 0, False).text

    def run(self, xp: Any, inputs: Sequence[Any], shape: tuple[int, ...], *, contiguous: bool = True) -> list[Any]:
        """New arrays of the outputs, on the current device; the inputs broadcast to the shape.

        The outputs lie in C order, or where they need not be ``contiguous`` as all of the inputs do.
        """
        arrays = [inputs[k] for k in self._arrays]
        size = math.prod(shape)
        single: tuple[int, ...] = ()
        order, layout = "C", None
        for array in arrays:
            if array.shape != shape or not array.flags.c_contiguous:
                order, single, layout = self._arranged(arrays, shape, size, contiguous)
                break
        outputs = [xp.empty(shape, dtype, order) for dtype in self._outputs]
        if size == 0:
            return outputs
        if layout is not None and self._bytes(layout) > MOST_BYTES:
            copies = [xp.ascontiguousarray(xp.broadcast_to(array, shape)) for array in arrays]
            inputs, layout = self._replaced(inputs, copies), None
        self._launch(layout, single, size, inputs, outputs)
        return outputs

    def _arranged(
        self, arrays: Sequence[Any], shape: tuple[int, ...], size: int, contiguous: bool
    ) -> tuple[str, tuple[int, ...], Layout | None]:
        """The outputs' order, which arrays are one element, and the layout; None where the rest lies as the outputs."""
        single = tuple(k for k, array in enumerate(arrays) if size != 1 and not _varies(array))
        whole = [array for k, array in enumerate(arrays) if k not in single]
        if all((array.shape == shape or size == 1) and array.flags.c_contiguous for array in whole):
            return "C", single, None
        if not contiguous and all(array.shape == shape and array.flags.f_contiguous for array in whole):
            return "F", single, None
        return "C", (), Layout(arrays, shape)

    def _replaced(self, inputs: Sequence[Any], arrays: Sequence[Any]) -> list[Any]:
        """The inputs with other arrays in place of theirs."""
        replaced = list(inputs)
        for k, array in zip(self._arrays, arrays, strict=True):
            replaced[k] = array
        return replaced

    def _bytes(self, layout: Layout) -> int:
        """The most that a kernel's parameters take, with this layout."""
        indices = len(layout.lengths) * (len(self._arrays) + 1) + 1
        return 8 * (indices + len(self._program.inputs) + len(self._outputs))

    def _launch(
        self, layout: Layout | None, single: tuple[int, ...], size: int, inputs: Sequence[Any], outputs: Sequence[Any]
    ) -> None:
        dimensions = 0 if layout is None else len(layout.lengths)
        wide = size >= NARROW or (layout is not None and _reach(layout) >= NARROW)
        made = self._made.get((single, dimensions, wide))
        if made is None:
            source, parameters = self._source(single, dimensions, wide), self._parameters(dimensions, wide)
            made = self._made[single, dimensions, wide] = _Made(source, parameters, dimensions)
        made.launch(layout, size, (*inputs, *outputs))

    def _source(self, single: tuple[int, ...], dimensions: int, wide: bool) -> CudaSource:
        names = list(self._program.inputs)
        return elementwise_source(
            self._program, dimensions=dimensions, single=[names[self._arrays[k]] for k in single],
            numbers=self._numbers, wide=wide,
        )  # fmt: skip

    def _parameters(self, dimensions: int, wide: bool) -> tuple[Parameter, ...]:
        layout = [layout_dtype(dimensions, len(self._arrays), wide)] if dimensions else []
        inputs = [dtype if name in self._numbers else Pointer(dtype) for name, dtype in self._program.inputs.items()]
        return (*layout, np.dtype("i8" if wide else "i4"), *inputs, *map(Pointer, self._outputs))


class _Made:
    """One of the kernels of a program."""

    __slots__ = ("_kernel", "_layout", "_source")

    def __init__(self, source: CudaSource, parameters: tuple[Parameter, ...], dimensions: int) -> None:
        self._source, self._kernel = source, kernel(source.text, source.name, parameters)
        self._layout = parameters[0] if dimensions else None

    def launch(self, layout: Layout | None, size: int, arguments: tuple[Any, ...]) -> None:
        """Computes ``size`` elements; ``layout`` is that of the arrays, where the kernel has dimensions."""
        arguments = (size, *arguments)
        if layout is not None:
            strides = np.zeros((), self._layout)
            strides["shape"], strides["strides"] = layout.lengths, layout.strides
            arguments = (strides, *arguments)
        self._kernel.launch(min(self._source.blocks(size), _MOST_BLOCKS), THREADS, arguments)


def _varies(array: Any) -> bool:
    """Whether an array has more than one element in memory."""
    return array.size > 1 and any(array.strides)


def _reach(layout: Layout) -> int:
    """The bytes from an array's first element to its last, of that where they are most."""
    return max(
        sum((length - 1) * abs(stride) for length, stride in zip(layout.lengths, row, strict=True))
        for row in layout.strides
    )


class OpByOp:
    """A program that has no kernel: its lines run one after another, each as the op does on CuPy's arrays."""

    def __init__(self, program: Program) -> None:
        self._program = program

    def run(self, xp: Any, inputs: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
        """New arrays of the outputs, in C order, on the current device; the inputs broadcast to the shape."""
        named = dict(zip(self._program.inputs, inputs, strict=True))
        values: list[Any] = []

        def value(reference: Reference) -> Any:
            if isinstance(reference, int):
                return values[reference]
            return named[reference] if isinstance(reference, str) else reference

        with np.errstate(all="ignore"):
            for line in self._program.lines:
                values.append(forward(line.op, xp, [value(operand) for operand in line.operands], line.statics))
            return [self._output(xp, value(output), shape) for output in self._program.outputs]

    def _output(self, xp: Any, value: Any, shape: tuple[int, ...]) -> Any:
        output = xp.empty(shape, value.dtype)
        output[...] = value
        return output
