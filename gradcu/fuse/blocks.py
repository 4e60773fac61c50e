"""Programs run by NumPy: line by line on blocks of points that stay in the cache, into buffers that are used again.

NumPy's loops may round an element that stands in a remainder, behind the last whole vector, otherwise than one that
stands before it, and one of a strided array otherwise than one of a contiguous. So the lines only ever see contiguous
arrays whose length is a multiple of every vector's; what is left over is filled up. A point's results then depend on
the point alone.
"""

from __future__ import annotations

import functools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .layout import Layout, boxes
from .program import Line, Program, Reference

_VECTORS = 64
"""All vectors' lengths divide it, times the number of vectors that a loop's body takes at once."""

_LONGEST, _SHORTEST = 1 << 18, 1 << 12
"""Points of a block. Every line gives Python's lock back while it computes, and a thread that has to wait for the lock
sleeps for longer than an addition of 1e5 points takes. So they are as many as the caches allow."""
_MOST_BYTES = 6 << 20
"""What the arrays of one block may take."""


_MOST_PLANNED = 256
"""So many programs' steps are kept: to plan them takes longer than to run them on a thousand points."""


class _Step:
    """A line: places of its operands among the arrays of a block, and of the memory its result goes to.

    ``memory`` is None where the function makes an array of its own. The others have one operand or two, which stand in
    ``first`` and ``second``, because a call that unpacks a list holds Python's lock for twice as long.
    """

    __slots__ = ("done_with", "first", "function", "memory", "operands", "second", "statics")

    def __init__(
        self, function: Callable[..., Any], operands: Sequence[int], statics: tuple[Any, ...], memory: int | None
    ) -> None:
        self.function, self.operands, self.statics, self.memory = function, operands, statics, memory
        self.first, self.second = operands[0], operands[1] if len(operands) == 2 else None
        self.done_with: tuple[int, ...] = ()
        """The places of arrays that functions made and nobody needs after this line."""


class _Workspaces(list[list[np.ndarray]]):
    """Buffers that nobody uses; a list that can be referred to weakly."""

    __slots__ = ("__weakref__",)


_shared: weakref.WeakValueDictionary[tuple[np.dtype[Any], ...], _Workspaces] = weakref.WeakValueDictionary()
"""The workspaces of the programs that live, by their buffers' dtypes: there may be thousands of programs."""


class Blocks:
    """A program ready to run; any number of threads may call `evaluate`.

    >>> import gradcu, numpy
    >>> from gradcu.fuse.trace import program
    >>> blocks = Blocks(program(gradcu.square, numpy.dtype("float64"), order=1))
    >>> results = numpy.empty((2, 3))
    >>> blocks.evaluate([numpy.array([1.0, 2.0, 3.0])], (3,), 0, 3, list(results))
    >>> results
    array([[1., 4., 9.],
           [2., 4., 6.]])
    """

    def __init__(self, program: Program) -> None:
        self._steps, self._results, self._constants, self._dtypes = _planned(program)
        self._rows = [program.dtype_of(output) for output in program.outputs]
        taken = [*self._dtypes, *program.inputs.values(), *self._rows]
        fitting = 1 << (_MOST_BYTES // sum(dtype.itemsize for dtype in taken)).bit_length() - 1
        self.length = min(max(fitting, _SHORTEST), _LONGEST)
        """How many points a block has."""
        # Each call takes one and puts it back, in whatever thread: a list's methods are atomic.
        self._workspaces = _shared.setdefault(tuple(self._dtypes), _Workspaces())

    def evaluate(
        self,
        inputs: Sequence[np.ndarray],
        shape: tuple[int, ...],
        first: int,
        count: int,
        outputs: Sequence[np.ndarray],
    ) -> None:
        """Writes the outputs at elements first, ..., first + count - 1 of the shape: see `elementwise.Evaluator`."""
        layout = Layout(inputs, shape)
        views = [layout.view(array, number) for number, array in enumerate(inputs)]
        try:
            buffers = self._workspaces.pop()
        except IndexError:
            buffers = []
        with np.errstate(all="ignore"):
            for done in range(0, count, self.length):
                size = min(count - done, self.length)
                points = [_gathered(view, first + done, size) for view in views]
                self._evaluate_block(points, [row[done : done + size] for row in outputs], buffers)
        self._workspaces.append(buffers)

    def _evaluate_block(self, points: list[np.ndarray], rows: list[np.ndarray], buffers: list[np.ndarray]) -> None:
        padded = points[0].size
        if not buffers or buffers[0].size < padded:
            buffers[:] = [np.empty(padded, dtype) for dtype in self._dtypes]
        memory = [buffer[:padded] for buffer in buffers]
        memory += [
            row if row.size == padded and row.dtype == dtype and row.flags.c_contiguous else np.empty(padded, dtype)
            for row, dtype in zip(rows, self._rows, strict=True)
        ]
        arrays: list[Any] = [None] * len(self._steps)
        arrays += points
        arrays += self._constants
        for index, step in enumerate(self._steps):
            if step.memory is None:
                arrays[index] = step.function(*[arrays[place] for place in step.operands], *step.statics)
            elif step.second is None:
                arrays[index] = step.function(arrays[step.first], out=memory[step.memory])
            else:
                arrays[index] = step.function(arrays[step.first], arrays[step.second], out=memory[step.memory])
            for place in step.done_with:
                arrays[place] = None
        for row, place in zip(rows, self._results, strict=True):
            if arrays[place] is not row:
                row[...] = arrays[place][: row.size] if np.ndim(arrays[place]) else arrays[place]


def _gathered(view: np.ndarray, first: int, size: int) -> np.ndarray:
    """Elements first, ..., first + size - 1 in one piece, filled up with the last one."""
    padded = -(-size // _VECTORS) * _VECTORS
    if view.ndim == 1 and size == padded and view.strides[0] == view.itemsize:
        return view[first : first + size]
    points = np.empty(padded, view.dtype)
    at = 0
    for count, box in boxes(view.shape, first, size):
        part = view[box]
        points[at : at + count].reshape(part.shape)[...] = part
        at += count
    points[size:] = points[size - 1]
    return points


@functools.lru_cache(_MOST_PLANNED)
def _planned(program: Program) -> tuple[list[_Step], list[int], list[Any], list[np.dtype[Any]]]:
    """The steps; the places of the outputs among the arrays; the constants; the dtypes of the buffers.

    The arrays are the lines' values, the inputs and the constants. The memory is the buffers, and then the outputs'
    rows, which are counted from the end: a line whose value is an output writes it there. Other values share buffers.
    One is free again once its last reader has it, who may write into it, since a ufunc reads an element before it
    writes that of the same place.
    """
    last = {index: line.index for line in program.lines for index in line.operands if isinstance(index, int)}
    rows: dict[int, int] = {}
    for number, output in enumerate(program.outputs):
        if isinstance(output, int):
            rows.setdefault(output, number - len(program.outputs))
            last[output] = len(program.lines)
    inputs = {name: len(program.lines) + number for number, name in enumerate(program.inputs)}
    constants: list[Any] = []

    def place(reference: Reference, line: Line | None = None) -> int:
        if isinstance(reference, int):
            return reference
        if isinstance(reference, str):
            return inputs[reference]
        constants.append(_constant(program, line, reference))
        return len(program.lines) + len(inputs) + len(constants) - 1

    dtypes: list[np.dtype[Any]] = []
    free: list[int] = []
    held_by: dict[int, int] = {}
    steps: list[_Step] = []
    for line in program.lines:
        ended = {index for index in line.operands if isinstance(index, int) and last[index] == line.index}
        free += [held_by.pop(index) for index in ended if index in held_by]
        ufunc = None if line.op.ufunc is None or line.statics else getattr(np, line.op.ufunc)
        memory = rows.get(line.index) if ufunc is not None or line.op.fills else None
        if ufunc is not None and memory is None:
            memory = next((number for number in free if dtypes[number] == line.dtype), len(dtypes))
            if memory == len(dtypes):
                dtypes.append(line.dtype)
            else:
                free.remove(memory)
            held_by[line.index] = memory
        operands = [place(operand, line) for operand in line.operands]
        step = _Step(ufunc or line.op.numpy, operands, line.statics, memory)
        step.done_with = tuple(index for index in ended if steps[index].memory is None)
        steps.append(step)
    return steps, [place(output) for output in program.outputs], constants, dtypes


def _constant(program: Program, line: Line | None, value: np.generic) -> Any:
    """A constant as the function of a line takes it best, or as an output."""
    if line is not None and line.op.name == "where":
        # A choice against the number 0 is quick, and takes the dtype of the array that is chosen else.
        arrays = {program.dtype_of(operand) for operand in line.operands if not isinstance(operand, np.generic)}
        return value.item() if value.dtype in arrays else value
    # A ufunc makes an array of a number at every call.
    return value if line is not None and line.op.ufunc is None else np.asarray(value)
