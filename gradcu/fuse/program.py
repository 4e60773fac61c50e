"""Programs: what a kernel computes for one element, line by line, each line one op (static single assignment).

A `Program` knows nothing of arrays, threads or compilers. `gradcu.fuse.blocks` runs one on NumPy, and `c_body` prints
one as C for whatever wraps it into a kernel.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from .._op import Op
from .._silence import QUIET
from .expr import Expr

Reference = int | str | np.generic
"""What a line reads: an earlier line by its index, an input by its name, or a constant of a dtype."""


class NamedNumber(float):
    """A static argument that the code reads from the variable `name`, whatever its value."""

    name: str

    def __new__(cls, value: float, name: str) -> NamedNumber:
        """The number of that value."""
        number = super().__new__(cls, value)
        number.name = name
        return number

    def __repr__(self) -> str:
        return self.name


class Line:
    """One op on what earlier lines, inputs and constants give."""

    __slots__ = ("dtype", "index", "op", "operands", "statics")

    def __init__(
        self, index: int, op: Op, operands: tuple[Reference, ...], statics: tuple[Any, ...], dtype: np.dtype[Any]
    ) -> None:
        self.index, self.op, self.operands, self.statics, self.dtype = index, op, operands, statics, dtype

    def __repr__(self) -> str:
        arguments = [*map(reference_text, self.operands), *map(repr, self.statics)]
        return f"t{self.index}:{self.dtype} = {self.op.name}({', '.join(arguments)})"

    @property
    def key(self) -> str:
        """What tells it from other lines: its text, and its C where that may depend on a number that has a name."""
        named = any(isinstance(static, NamedNumber) for static in self.statics)
        return f"{self!r}: {_template(self)}" if named else repr(self)


class Program:
    """Lines that compute outputs from inputs.

    ``inputs`` maps names to dtypes. Two programs with one ``key`` compute the same: it names ops, so it holds within
    one version of gradcu. ``dtype`` is the dtype of the first input that is no condition, of bool. ``graph_lost`` says
    that the derivatives among the outputs are zero only because the function that was traced cut all its values off
    from its arguments.
    """

    __slots__ = ("dtype", "graph_lost", "inputs", "key", "lines", "outputs")

    def __init__(self, inputs: dict[str, np.dtype[Any]], lines: Sequence[Line], outputs: Sequence[Reference]) -> None:
        self.inputs, self.lines, self.outputs = inputs, tuple(lines), tuple(outputs)
        dtypes = list(inputs.values())
        self.dtype = next((dtype for dtype in dtypes if dtype.kind != "b"), dtypes[0])
        self.graph_lost = False
        self.key = "\n".join(
            [
                *(f"{name}:{dtype}" for name, dtype in inputs.items()),
                *(line.key for line in self.lines),
                f"return {', '.join(map(reference_text, self.outputs))}",
            ]
        )

    def parametrised(self) -> tuple[Program, list[np.generic]]:
        """The same with further inputs, c0, c1, ..., in place of its numbers; and these.

        Static arguments that are floats are numbers too; ints, as of a power or an order, are few.
        """
        numbers: dict[Any, tuple[str, np.generic]] = {}

        def name_of(number: np.generic) -> str:
            key = number.dtype, number.tobytes()
            return numbers.setdefault(key, (f"c{len(numbers)}", number))[0]

        def named(reference: Reference) -> Reference:
            if not isinstance(reference, np.generic) or reference.dtype.kind == "b":
                return reference
            return name_of(reference)

        def static(value: Any) -> Any:
            if type(value) is not float:
                return value
            return NamedNumber(value, name_of(QUIET.run(self.dtype.type, value)))

        lines = [
            Line(line.index, line.op, tuple(map(named, line.operands)), tuple(map(static, line.statics)), line.dtype)
            for line in self.lines
        ]
        outputs = list(map(named, self.outputs))
        inputs = self.inputs | {name: number.dtype for name, number in numbers.values()}
        return Program(inputs, lines, outputs), [number for _, number in numbers.values()]

    def dtype_of(self, reference: Reference) -> np.dtype[Any]:
        """The dtype of what a line reads, or of an output."""
        if isinstance(reference, int):
            return self.lines[reference].dtype
        return self.inputs[reference] if isinstance(reference, str) else reference.dtype


def program_of(outputs: Sequence[Expr], inputs: Iterable[Expr]) -> Program:
    """The lines that ``outputs`` need, in an order in which each stands close to its first use."""
    names: dict[Expr, Reference] = {}
    for argument in inputs:
        assert argument.name is not None
        names[argument] = argument.name
    lines: list[Line] = []
    stack = [(output, False) for output in reversed(outputs)]
    while stack:
        expr, ready = stack.pop()
        if expr in names:
            continue
        if expr.op is None:
            assert expr.value is not None
            names[expr] = expr.value
        elif ready:
            lines.append(
                Line(len(lines), expr.op, tuple(names[operand] for operand in expr.operands), expr.statics, expr.dtype)
            )
            names[expr] = len(lines) - 1
        else:
            stack.append((expr, True))
            stack.extend((operand, False) for operand in reversed(expr.operands))
    arguments = {argument.name: argument.dtype for argument in names if argument.name is not None}
    return Program(arguments, lines, [names[output] for output in outputs])


class NotInCError(Exception):
    """A program that has no C: it mixes dtypes, or an op has static arguments that C has no literal for."""


def c_body(program: Program) -> list[str]:
    """The statements that compute ``out0``, ``out1``, ... from the inputs' names, which they read as variables.

    ``T`` is the type of the program's dtype, as in kernels/gradcu.cuh; inputs and outputs are of it, or of bool. Raises
    NotInCError for a program that has no C.

    >>> from gradcu.fuse import trace
    >>> import gradcu, numpy
    >>> c_body(trace.program(lambda x: gradcu.exp(x) * x, numpy.dtype("float32"), order=1))
    ['const T t0 = exp(x);', 'const T t1 = t0 * x;', 'const T t2 = t0 + t1;', 'out0 = t1;', 'out1 = t2;']
    """
    body = c_statements(program)
    for number, output in enumerate(program.outputs):
        body.append(f"out{number} = {c_operand(output)};")
    return body


def c_statements(program: Program) -> list[str]:
    """Those of its lines alone, a statement a line, where the outputs too are seen to have C.

    Line number k is the variable ``tk``. Raises NotInCError for a program that has no C.
    """
    for name, dtype in program.inputs.items():
        if dtype != program.dtype and dtype.kind != "b":
            raise NotInCError(f"input {name} is of {dtype}, not of {program.dtype}")
    statements = []
    for line in program.lines:
        if line.dtype != program.dtype and line.dtype.kind != "b":
            raise NotInCError(f"{line!r} is neither of {program.dtype} nor of bool")
        expression = _c_expression(line)
        if line.dtype.kind == "b":
            # A bool is an int in C, 0 or 1, of which ~ makes more than the other.
            statements.append(f"const int t{line.index} = (int)({expression}) & 1;")
        else:
            statements.append(f"const T t{line.index} = {expression};")
    for number, output in enumerate(program.outputs):
        dtype = program.dtype_of(output)
        if dtype != program.dtype and dtype.kind != "b":
            raise NotInCError(f"output {number} is of {dtype}, not of {program.dtype}")
    return statements


def _template(line: Line) -> str:
    """The C expression of a line's op, for its static arguments."""
    template = line.op.c
    return (template(*line.statics) if callable(template) else template) or ""


def _c_expression(line: Line) -> str:
    template = _template(line)
    if not template:
        raise NotInCError(f"{line.op.name} has no C expression")
    numbers = {
        name: _c_number(value)
        for name, value in zip(line.op.statics, line.statics, strict=True)
        if isinstance(value, int | float)
    }
    operands = dict(zip(line.op.operands, map(c_operand, line.operands), strict=True))
    try:
        return template.format(**operands, **numbers)
    except KeyError as missing:
        raise NotInCError(f"{line!r}: C has no literal for {missing}") from None


def c_operand(reference: Reference) -> str:
    """What a statement reads it as."""
    if isinstance(reference, int):
        return f"t{reference}"
    if isinstance(reference, str):
        return reference
    return str(int(reference)) if reference.dtype.kind == "b" else _c_number(reference.item())


def _c_number(value: float) -> str:
    if isinstance(value, NamedNumber):
        return value.name
    if math.isnan(value):
        return "T(NAN)"
    if math.isinf(value):
        return "T(INFINITY)" if value > 0 else "T(-INFINITY)"
    return f"T({float(value)!r})"


def reference_text(reference: Reference) -> str:
    """What a line shows of what it reads."""
    if isinstance(reference, int):
        return f"t{reference}"
    if isinstance(reference, str):
        return reference
    # The bytes tell zeros and NaNs apart.
    return f"{reference.dtype}:{reference!r}:{reference.tobytes().hex()}"
