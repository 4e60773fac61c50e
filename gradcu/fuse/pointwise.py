"""The kernels of elementwise ops on CUDA: of an op's forward, and of all the gradients of its node at once.

A forward is the op's C expression. For gradients the rules are called as the walker calls them, with pending values in
place of arrays, and what they compute becomes a program. Either is found again by the op, its static arguments and the
operands' dtypes. Python numbers among the operands are passed by value, and so are floats among the static arguments:
one that is another at every call compiles nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._op import Op, Plan
from .._silence import QUIET
from .cuda_elementwise import CudaElementwise
from .expr import result_dtype
from .lower import lowered
from .plan import arguments
from .program import Line, NotInCError, Program, program_of
from .trace import Trace, UntraceableError

_FLOATS = {dtype.char: dtype for dtype in (np.dtype("float32"), np.dtype("float64"))}

_NUMBER, _ABSENT = "number", ""
"""The kinds of operands, beside the characters of the dtypes of arrays: any Python number, and what is not given."""

_MOST_KEPT = 4096
_MISSING: Any = object()
_forwards: dict[Any, _Call | None] = {}
_gradients: dict[Any, _Gradients | None] = {}


def forward(op: Op, xp: Any, operands: Sequence[Any], statics: tuple[Any, ...]) -> Any:
    """What an elementwise op makes of raw arrays of the current device, and numbers; None where it has no kernel.

    Raises ValueError where the operands can't be broadcast.
    """
    kinds = _kinds(xp, operands)
    if kinds is None:
        return None
    key = op, kinds, repr(statics) if statics else ""
    call = _forwards.get(key, _MISSING)
    if call is _MISSING:
        call = _kept(_forwards, key, _forward(op, kinds, statics))
    if call is None:
        return None
    shapes = {operand.shape for operand in operands if type(operand) is xp.ndarray}
    return call.run(xp, operands, shapes.pop() if len(shapes) == 1 else np.broadcast_shapes(*shapes))[0]


def takes(gradient: Any) -> bool:
    """Whether `gradients` may have a kernel for a cotangent: for one of float32 or float64."""
    return gradient.dtype.char in _FLOATS


def gradients(plan: Plan, targets: tuple[int, ...], xp: Any, gradient: Any, values: Sequence[Any]) -> Any:
    """The gradients of the operands in ``targets``, of the shape of ``gradient``; None where there is no kernel.

    ``values`` has what the rules of the ``plan`` may name. A gradient that is the cotangent itself is ``gradient``.
    """
    count = plan.operand_count + len(plan.op.outputs)
    operands, statics = [*values[:count], gradient], tuple(values[count : count + len(plan.op.statics)])
    kinds = _kinds(xp, operands)
    if kinds is None:
        return None
    key = plan, targets, kinds, repr(statics) if statics else ""
    found = _gradients.get(key, _MISSING)
    if found is _MISSING:
        found = _kept(_gradients, key, _derived(plan, targets, kinds, statics))
    return None if found is None else found.run(xp, operands)


def _kinds(xp: Any, operands: Sequence[Any]) -> tuple[str, ...] | None:
    """The operands' kinds; None where there is one that no kernel takes."""
    array_type = xp.ndarray
    kinds: list[str] = []
    for operand in operands:
        kind = type(operand)
        if kind is array_type:
            kinds.append(operand.dtype.char)
        elif kind is float or kind is int:
            kinds.append(_NUMBER)
        elif operand is None:
            kinds.append(_ABSENT)
        else:
            return None
    return tuple(kinds)


def _kept(calls: dict[Any, Any], key: Any, made: Any) -> Any:
    if len(calls) >= _MOST_KEPT:
        calls.clear()
    calls[key] = made
    return made


class _Call:
    """A program, and which operands of a call are its inputs: those named x0, x1, ... by their numbers."""

    __slots__ = ("_constants", "_dtype", "_elementwise", "_operands")

    def __init__(self, program: Program, kinds: Sequence[str], statics: tuple[Any, ...]) -> None:
        self._operands = [int(name[1:]) for name in program.inputs]
        numbers = [
            name for name, number in zip(program.inputs, self._operands, strict=True) if kinds[number] == _NUMBER
        ]
        self._constants: list[np.generic] = []
        if statics:
            # Without static arguments all other numbers are those of the op's own text.
            program, self._constants = program.parametrised()
            numbers += list(program.inputs)[len(self._operands) :]
        self._dtype, self._elementwise = program.dtype, CudaElementwise(program, numbers)

    def run(self, xp: Any, operands: Sequence[Any], shape: tuple[int, ...]) -> list[Any]:
        """The outputs."""
        given = [operands[number] for number in self._operands]
        inputs = [value if type(value) is xp.ndarray else QUIET.run(self._dtype.type, value) for value in given]
        return self._elementwise.run(xp, [*inputs, *self._constants], shape, contiguous=False)


class _Gradients:
    """The gradients of some operands: outputs of a call, or the cotangent, the last of the operands."""

    __slots__ = ("_call", "_passed")

    def __init__(self, call: _Call | None, passed: list[bool]) -> None:
        self._call, self._passed = call, passed

    def run(self, xp: Any, operands: Sequence[Any]) -> list[Any]:
        """An array for each."""
        gradient = operands[-1]
        computed = iter(() if self._call is None else self._call.run(xp, operands, gradient.shape))
        return [gradient if passed else next(computed) for passed in self._passed]


def _dtypes(kinds: Sequence[str]) -> list[np.dtype[Any] | None] | None:
    """The dtypes of operands, where a number has that of the first floats; None where there are none for kernels."""
    dtype = next((_FLOATS[kind] for kind in kinds if kind in _FLOATS), None)
    if dtype is None:
        return None
    return [dtype if kind == _NUMBER else np.dtype(kind) if kind else None for kind in kinds]


def _forward(op: Op, kinds: Sequence[str], statics: tuple[Any, ...]) -> _Call | None:
    dtypes = _dtypes(kinds)
    if dtypes is None or _ABSENT in kinds:
        return None
    inputs = {f"x{number}": dtype for number, dtype in enumerate(dtypes) if dtype is not None}
    line = Line(0, op, tuple(inputs), statics, result_dtype(op, list(inputs.values()), statics))
    try:
        return _Call(Program(inputs, [line], [0]), kinds, statics)
    except NotInCError:
        return None


def _derived(plan: Plan, targets: tuple[int, ...], kinds: Sequence[str], statics: tuple[Any, ...]) -> _Gradients | None:
    """What the rules of a plan compute; each is called as the walker calls it."""
    dtypes = _dtypes(kinds)
    if dtypes is None or plan.reads_shapes:
        return None
    trace = Trace.apart(1)
    exprs = {
        number: trace.table.argument(f"x{number}", dtype) for number, dtype in enumerate(dtypes) if dtype is not None
    }
    pending = [trace.pending(exprs[number]) if number in exprs else None for number in range(len(kinds))]
    values, gradient = [*pending[:-1], *statics], pending[-1]
    try:
        found = [
            trace.expr(step.rule(gradient, *[values[number] for number in step.needs]))
            for step in plan.steps
            if step.target in targets
        ]
        cotangent = exprs[len(kinds) - 1]
        passed = [expr is cotangent for expr in found]
        computed = lowered(trace.table, [expr for expr in found if expr is not cotangent])
        if not computed:
            return _Gradients(None, passed)
        # Gradients that are constants have no other inputs than the one that has their shape.
        inputs = list(dict.fromkeys(arguments(computed, {}))) or [cotangent]
        return _Gradients(_Call(program_of(computed, inputs), kinds, statics), passed)
    except (NotInCError, UntraceableError):
        return None
