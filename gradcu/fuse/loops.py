"""A program as loops over a tile: one for each function, and as few as follow from that for what is between them.

A processor looks so far ahead that it works on several turns of a short loop at a time, and on little more than one of
a long loop. A function is a long chain of operations that wait for each other; in a loop of its own such chains
overlap, and the values between the loops stay in the first-level cache. Besides, a function that has no vector code
keeps nothing else from being vectorised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from .program import Program, Reference, c_operand, c_statements

# What C calls by a name and a processor does in an instruction or two.
_NO_FUNCTIONS = frozenset(
    (
        "T", "ceil", "fabs", "floor", "gradcu_maximum", "gradcu_minimum", "int", "isfinite", "isinf", "isnan", "rint",
        "sqrt", "trunc",
    )
)  # fmt: skip


def tile_statements(program: Program, own_functions: bool) -> list[str]:
    """What computes a tile: reads ``in0``, ``in1``, ..., the inputs' arrays, and writes ``row0``, ..., the outputs'.

    ``own_functions`` is whether kernels/vector_math.h is there. Raises `NotInCError` for a program that has no C.

    >>> from gradcu.fuse.trace import program
    >>> import gradcu, numpy
    >>> traced = program(lambda x: gradcu.exp(x) * x, numpy.dtype("float32"), order=0)
    >>> print(*tile_statements(traced, own_functions=True), sep=chr(10))
    _Alignas(64) T tile0[TILE];
    for (int i = 0; i < TILE; i++) {
        const T x = in0[i];
        const T t0 = exp(x);
        tile0[i] = t0;
    }
    for (int i = 0; i < TILE; i++) {
        const T x = in0[i];
        const T t0 = tile0[i];
        const T t1 = t0 * x;
        row0[i] = t1;
    }
    """
    return _Loops(program, own_functions).statements()


@dataclass
class _Loop:
    """The lines that a loop computes, and the outputs that it writes."""

    lines: list[int]
    outputs: list[int]


class _Loops:
    """The loops of a program, and the arrays where later ones find what they need of earlier ones."""

    def __init__(self, program: Program, own_functions: bool) -> None:
        self._program = program
        self._texts = c_statements(program)
        # A number equals a line's index, which is no reason to take one for the other.
        self._outputs = [output if isinstance(output, int) else None for output in program.outputs]
        self._of_angles = _sines_and_cosines(program) if own_functions else {}
        self._loops = self._ordered()
        self._arrays: dict[int, str] = {}
        self._free: list[str] = []
        self._count = 0

    def statements(self) -> list[str]:
        """All loops, after the arrays between them."""
        last = {index: number for number, loop in enumerate(self._loops) for index in self._read_by(loop)}
        made: list[str] = []
        for number, loop in enumerate(self._loops):
            is_call = bool(loop.lines) and loop.lines[0] in self._of_angles
            for index in loop.lines:
                row = self._row_of(index, loop)
                if row is not None:
                    self._arrays[index] = row
                elif is_call or last.get(index, number) > number:
                    self._arrays[index] = self._taken()
            made += self._call(loop.lines) if is_call else self._text(loop)
            self._free += [
                array for index, array in self._arrays.items() if last.get(index) == number and array.startswith("tile")
            ]
        arrays = ", ".join(f"tile{k}[TILE]" for k in range(self._count))
        return [f"_Alignas(64) T {arrays};", *made] if arrays else made

    def _ordered(self) -> list[_Loop]:
        """The loops in their order, each line as late as it can be."""
        lines, outputs = self._program.lines, self._outputs
        functions = [_is_function(text) for text in self._texts]
        depths: list[int] = []
        for line in lines:
            before = [depths[operand] for operand in _lines_of(line.operands)]
            depths.append(max(before, default=0) + functions[line.index])
        last = max(depths, default=0)
        # The functions of a stage come before its other lines, and after all lines of the stage before.
        stages = [last] * len(lines)
        for line in reversed(lines):
            for operand in _lines_of(line.operands):
                stages[operand] = min(stages[operand], stages[line.index] - functions[line.index])
        loops: list[_Loop] = []
        for stage in range(last + 1):
            # A sine and a cosine are due where the first of them is.
            here = [k for k in range(len(lines)) if min(stages[k] for k in self._of_angles.get(k, (k,))) == stage]
            together = dict.fromkeys(self._of_angles.get(index, (index,)) for index in here if functions[index])
            loops += [_Loop(list(indices), [outputs.index(k) for k in indices if k in outputs]) for indices in together]
            others = [index for index in here if not functions[index]]
            loops.append(_Loop(others, [k for k, output in enumerate(outputs) if output in others]))
        written = {number for loop in loops for number in loop.outputs}
        loops[-1].outputs += [number for number in range(len(outputs)) if number not in written]
        return loops

    def _read_by(self, loop: _Loop) -> list[int]:
        """The lines of earlier loops that a loop reads."""
        operands = [operand for index in loop.lines for operand in self._program.lines[index].operands]
        operands += [self._program.outputs[number] for number in loop.outputs]
        return sorted(set(_lines_of(operands)).difference(loop.lines))

    def _row_of(self, index: int, loop: _Loop) -> str | None:
        """The row that a loop writes a line to, from which later loops can read it."""
        if self._is_bool(index):
            return None
        return next((f"row{k}" for k in loop.outputs if self._outputs[k] == index), None)

    def _taken(self) -> str:
        """An array that holds nothing."""
        if not self._free:
            self._free.append(f"tile{self._count}")
            self._count += 1
        return self._free.pop()

    def _text(self, loop: _Loop) -> list[str]:
        """A loop over the tile; nothing where it would do nothing."""
        kept = {index: self._arrays[index] for index in loop.lines if index in self._arrays}
        stores = [f"{array}[i] = t{index};" for index, array in kept.items()]
        for number in loop.outputs:
            output = self._program.outputs[number]
            if not (isinstance(output, int) and kept.get(output) == f"row{number}"):
                stores.append(f"row{number}[i] = {c_operand(output)};")
        if not stores:
            return []
        texts = [*(self._texts[index] for index in loop.lines), *stores]
        words = set(re.findall(r"\w+", " ".join(texts)))
        loads = [
            f"const {'int' if dtype.kind == 'b' else 'T'} {name} = in{k}[i];"
            for k, (name, dtype) in enumerate(self._program.inputs.items())
            if name in words
        ]
        for index in self._read_by(loop):
            kind, test = ("int", " != T(0)") if self._is_bool(index) else ("T", "")
            loads.append(f"const {kind} t{index} = {self._arrays[index]}[i]{test};")
        return ["for (int i = 0; i < TILE; i++) {", *(f"    {line}" for line in (*loads, *texts)), "}"]

    def _call(self, indices: list[int]) -> list[str]:
        """The call that computes the sines and the cosines of a tile."""
        operand = self._program.lines[indices[0]].operands[0]
        names = list(self._program.inputs)
        angles = self._arrays[operand] if isinstance(operand, int) else f"in{names.index(str(operand))}"
        arrays = {self._program.lines[index].op.name: self._arrays[index] for index in indices}
        if len(arrays) == 1:
            # The other one is computed all the same, and lost.
            spare = self._taken()
            self._free.append(spare)
            arrays = {"sin": spare, "cos": spare} | arrays
        return [f"gradcu_sines_and_cosines({angles}, {arrays['sin']}, {arrays['cos']});"]

    def _is_bool(self, index: int) -> bool:
        return self._program.lines[index].dtype.kind == "b"


def _sines_and_cosines(program: Program) -> dict[int, tuple[int, ...]]:
    """The lines that are a sine or a cosine, each with the other one of the same operand, where there is one."""
    alone: dict[tuple[str, Reference], int] = {}
    pairs: dict[int, tuple[int, ...]] = {}
    for line in program.lines:
        if line.op.name in ("sin", "cos") and _is_array(line.operands[0], program):
            other = alone.pop(("cos" if line.op.name == "sin" else "sin", line.operands[0]), None)
            pair = (line.index,) if other is None else (other, line.index)
            if other is None:
                alone[line.op.name, line.operands[0]] = line.index
            pairs |= dict.fromkeys(pair, pair)
    return pairs


def _is_array(reference: Reference, program: Program) -> bool:
    """Whether it stands for an array of the program's dtype in C."""
    return isinstance(reference, int | str) and program.dtype_of(reference) == program.dtype


def _lines_of(references: Iterable[Reference]) -> list[int]:
    return [reference for reference in references if isinstance(reference, int)]


def _is_function(statement: str) -> bool:
    return not _NO_FUNCTIONS.issuperset(re.findall(r"(\w+)\(", statement))
