"""Programs run by NumPy: line by line on blocks of points that stay in the cache, into buffers that are used again.

NumPy's loops may round an element that stands in a remainder, behind the last whole vector, otherwise than one that
stands before it, and one of a strided array otherwise than one of a contiguous. So the lines only ever see contiguous
arrays whose length is a multiple of every vector's; what is left over is filled up. A point's results then depend on
the point alone.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .layout import Layout, boxes
from .program import Line, Program, Reference

_VECTORS = 64
"""All vectors' lengths divide it, times the number of vectors that a loop's body takes at once."""

_LONGEST, _SHORTEST = 1 << 16, 1 << 12
"""Points of a block: enough to hide what Python costs a line, few enough for a line's operands to stay in the cache."""
_MOST_BYTES = 1 << 21
"""What the buffers of one block may take, where they are many."""


class _Step:
    """A line with the buffer it writes to; -1 where its function makes an array of its own."""

    __slots__ = ("buffer", "done_with", "function", "index", "operands", "statics")

    def __init__(
        self, index: int, function: Callable[..., Any], operands: tuple[Any, ...], statics: tuple[Any, ...], buffer: int
    ) -> None:
        self.index, self.function, self.operands, self.statics, self.buffer = index, function, operands, statics, buffer
        self.done_with: tuple[int, ...] = ()
        """The lines whose values nobody needs after this one."""


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
        self._program = program
        self._steps, self._dtypes = _planned(program)
        taken = [*self._dtypes, *program.inputs.values(), *map(program.dtype_of, program.outputs)]
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
        for done in range(0, count, self.length):
            size = min(count - done, self.length)
            padded = -(-size // _VECTORS) * _VECTORS
            points = [_gathered(view, first + done, size, padded) for view in views]
            self._evaluate_block(points, padded, [row[done : done + size] for row in outputs], buffers)
        self._workspaces.append(buffers)

    def _evaluate_block(
        self, points: list[np.ndarray], padded: int, rows: list[np.ndarray], buffers: list[np.ndarray]
    ) -> None:
        if not buffers or buffers[0].size < padded:
            buffers[:] = [np.empty(padded, dtype) for dtype in self._dtypes]
        named = dict(zip(self._program.inputs, points, strict=True))
        with np.errstate(all="ignore"):
            values = self._run(named, [buffer[:padded] for buffer in buffers])
            for row, output in zip(rows, self._program.outputs, strict=True):
                if isinstance(output, int):
                    row[...] = values[output][: row.size]
                else:
                    row[...] = named[output][: row.size] if isinstance(output, str) else output

    def _run(self, points: dict[str, np.ndarray], buffers: list[np.ndarray]) -> list[Any]:
        """The values of all lines that are outputs."""
        values: list[Any] = [None] * len(self._steps)
        for step in self._steps:
            operands = [
                values[operand] if type(operand) is int else points[operand] if type(operand) is str else operand[0]
                for operand in step.operands
            ]
            if step.buffer < 0:
                values[step.index] = step.function(*operands, *step.statics)
            else:
                values[step.index] = step.function(*operands, out=buffers[step.buffer])
            for index in step.done_with:
                values[index] = None
        return values


def _gathered(view: np.ndarray, first: int, size: int, padded: int) -> np.ndarray:
    """Elements first, ..., first + size - 1 in one piece, filled up with the last one."""
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


def _planned(program: Program) -> tuple[list[_Step], list[np.dtype[Any]]]:
    """The steps, and the dtypes of the buffers they share: a value's is free again once its last reader has it.

    That reader may write into it, since a ufunc reads an element before it writes that of the same place.
    """
    last = {index: line.index for line in program.lines for index in line.operands if isinstance(index, int)}
    last |= {output: len(program.lines) for output in program.outputs if isinstance(output, int)}
    dtypes: list[np.dtype[Any]] = []
    free: list[int] = []
    held_by: dict[int, int] = {}
    steps = []
    for line in program.lines:
        ended = {index for index in line.operands if isinstance(index, int) and last[index] == line.index}
        free += [held_by.pop(index) for index in ended if index in held_by]
        ufunc = None if line.op.ufunc is None or line.statics else getattr(np, line.op.ufunc)
        buffer = -1
        if ufunc is not None:
            buffer = next((number for number in free if dtypes[number] == line.dtype), len(dtypes))
            if buffer == len(dtypes):
                dtypes.append(line.dtype)
            else:
                free.remove(buffer)
            held_by[line.index] = buffer
        step = _Step(line.index, ufunc or line.op.numpy, _arguments(program, line), line.statics, buffer)
        step.done_with = tuple(ended)
        steps.append(step)
    return steps, dtypes


def _arguments(program: Program, line: Line) -> tuple[Any, ...]:
    """A line's references, with constants in a tuple of one."""
    arrays = {program.dtype_of(operand) for operand in line.operands if not isinstance(operand, np.generic)}

    def argument(operand: Reference) -> Any:
        if not isinstance(operand, np.generic):
            return operand
        # A choice against the number 0 is quick, and takes the dtype of the array that is chosen else.
        return (operand.item() if line.op.name == "where" and operand.dtype in arrays else operand,)

    return tuple(map(argument, line.operands))
