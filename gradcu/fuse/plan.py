"""Plans: the kernels, and the sums between them, that compute expressions from arrays.

The expressions of one shape at a time are one kernel. What is needed in a larger shape than its own is computed on its
own first, since in the larger shape it would be computed again and again; so is what is summed. Such values reach the
expressions that need them as arguments; a `Library` knows where each argument comes from.
"""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from .._device import CPU, device, frames_inside
from .._op import OPS
from .blocks import Blocks
from .cache import CacheError
from .compiler import CompilerError, NoCompilerError
from .cuda_elementwise import CudaElementwise, OpByOp
from .elementwise import Evaluator, elementwise_kernel
from .expr import Expr, Table
from .lower import lowered
from .memory import result_array
from .program import NotInCError, Program, program_of
from .threads import in_parts

WORTH_FUSING = 1 << 14
"""With fewer elements it takes longer to record an operation than to run it."""
WORTH_COMPILING = 1 << 12
"""Fewer elements take NumPy less time than a thousandth of what compiling takes."""

Shape = tuple[int, ...]
Target = tuple[Expr, Shape]
"""An expression, and the shape that it is wanted in."""


class Source(NamedTuple):
    """Where an argument comes from.

    ``kind`` is "given" for an array that the plan is run with; "value" for ``of``, an expression, computed in the
    argument's own shape; "sum" for ``of`` in shape ``summed``, summed to the argument's shape.
    """

    kind: str
    of: Any
    shape: Shape
    summed: Shape = ()


class Library:
    """The expressions of one function's calls, in which equal ones are one object, and the plans made of them."""

    _MOST = 50_000
    """Expressions kept: a function may make other ones, with other numbers in them, at every call."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.least = WORTH_FUSING if engine == "auto" else 1
        """The elements that an operation on arrays has to have to be fused."""
        self.clear()

    def clear(self) -> None:
        """Forgets everything."""
        self.table = Table()
        self.sources: dict[Expr, Source] = {}
        self._arguments: dict[Any, Expr] = {}
        self._named: dict[Any, Expr] = {}
        self._plans: dict[Any, Plan] = {}
        self._numbers: dict[str, set[Any]] = {}
        self.templates: dict[Any, Any] = {}
        self.warned = False

    @property
    def is_full(self) -> bool:
        """Whether it is time for `clear`."""
        return len(self.table) + len(self._arguments) > self._MOST

    def argument(self, source: Source, dtype: np.dtype[Any]) -> Expr:
        """The argument that comes from there."""
        key = source, dtype
        found = self._arguments.get(key)
        if found is None:
            found = self._arguments[key] = self.table.argument(f"a{len(self._arguments)}", dtype)
            self.sources[found] = source
        return found

    def named(self, number: int, dtype: np.dtype[Any]) -> Expr:
        """The argument of that number of any program."""
        key = number, dtype
        found = self._named.get(key)
        if found is None:
            found = self._named[key] = self.table.argument(f"x{number}", dtype)
        return found

    def shape_of(self, expr: Expr) -> Shape:
        """The shape that the arguments of an expression broadcast to."""
        return np.broadcast_shapes(*(self.sources[argument].shape for argument in arguments([expr], {})))

    def has_other_numbers(self, key: str, numbers: Sequence[np.generic]) -> bool:
        """Whether a program was compiled before that differs in numbers alone; they then become inputs of both.

        A number that is another one at each call would otherwise be compiled for each time.
        """
        seen = self._numbers.setdefault(key, set())
        seen.add(tuple((number.dtype, number.tobytes()) for number in numbers))
        return len(seen) > 1

    def plan(self, targets: Sequence[Target], known: Mapping[Expr, Expr]) -> Plan:
        """The plan that computes the targets; ``known`` has the arguments that some expressions can be read from."""
        key = tuple(targets), tuple(known.items())
        found = self._plans.get(key)
        if found is None:
            found = self._plans[key] = Plan(self, targets, known)
        return found


class Kernel:
    """Expressions of one shape, computed in one loop over the elements."""

    def __init__(self, library: Library, targets: Sequence[Target], known: Mapping[Expr, Expr]) -> None:
        exprs, self.shape = [expr for expr, _ in targets], targets[0][1]
        self.targets = tuple(targets)
        self.inputs = tuple(dict.fromkeys(arguments(exprs, known)))
        # Programs that differ in nothing but their arguments' names are one.
        named = [library.named(number, expr.dtype) for number, expr in enumerate(self.inputs)]
        given = dict(zip(self.inputs, named, strict=True))
        given |= {expr: given[argument] for expr, argument in known.items() if argument in given}
        self.program = program_of(lowered(library.table, exprs, given), named)
        self.library = library
        self._blocks: Blocks | None = None
        self._compiled: Evaluator | None = None
        self._cuda: CudaElementwise | OpByOp | None = None
        self.reason = ""

    @property
    def size(self) -> int:
        """How many elements it computes."""
        return math.prod(self.shape)

    def evaluator(self, place: device) -> Evaluator | CudaElementwise | OpByOp:
        """What runs it on a device: compiled code where it is worth it and can be had, else NumPy or CuPy."""
        if place is not CPU:
            if self._cuda is None:
                self._cuda = self._for_cuda()
            return self._cuda
        engine = self.library.engine
        if engine == "cc" or (engine == "auto" and self.size >= WORTH_COMPILING and not self.reason):
            if self._compiled is None:
                self._compiled = self._compile()
            if self._compiled is not None:
                return self._compiled
        if self._blocks is None:
            self._blocks = Blocks(self.program)
        return self._blocks

    def _compile(self) -> Evaluator | None:
        try:
            return elementwise_kernel(self._to_compile[0])
        except (NotInCError, CompilerError, CacheError) as error:
            if self.library.engine == "cc":
                raise
            self.reason = str(error).partition("\n")[0]
            if not isinstance(error, NotInCError | NoCompilerError) and not self.library.warned:
                self.library.warned = True
                warnings.warn(
                    f"what gradcu.compile fuses runs on NumPy, since it can't be compiled: {error}",
                    UserWarning,
                    stacklevel=1 + frames_inside(),
                )
            return None

    def _for_cuda(self) -> CudaElementwise | OpByOp:
        program, _ = self._to_compile
        try:
            return CudaElementwise(program, list(program.inputs)[len(self.inputs) :])
        except NotInCError as error:
            self.reason = str(error).partition("\n")[0]
            return OpByOp(self.program)

    @functools.cached_property
    def _to_compile(self) -> tuple[Program, list[np.generic]]:
        """The program, with its numbers as further inputs where it was compiled before with other ones."""
        parametrised, numbers = self.program.parametrised()
        if self.library.has_other_numbers(parametrised.key, numbers):
            return parametrised, numbers
        return self.program, []

    def run(self, inputs: Sequence[Any], place: device) -> list[Any]:
        """New arrays of the outputs."""
        evaluator = self.evaluator(place)
        if isinstance(evaluator, OpByOp):
            return evaluator.run(place.xp, inputs, self.shape)
        if isinstance(evaluator, CudaElementwise):
            return evaluator.run(place.xp, [*inputs, *self._to_compile[1]], self.shape)
        return self._run_on_cpu(evaluator, inputs)

    def _run_on_cpu(self, evaluator: Evaluator, inputs: Sequence[np.ndarray]) -> list[np.ndarray]:
        program, shape = self.program, self.shape
        outputs = [result_array(self.size, program.dtype_of(output)) for output in program.outputs]
        if evaluator is self._compiled:
            inputs = [*inputs, *map(np.asarray, self._to_compile[1])]

        def work(first: int, count: int) -> None:
            evaluator.evaluate(inputs, shape, first, count, [row[first : first + count] for row in outputs])

        in_parts(work, self.size)
        return [output.reshape(shape) for output in outputs]


class _Step(NamedTuple):
    """A kernel, if there is anything to compute, and the arguments that are made of its results or of others."""

    kernel: Kernel | None
    makes: list[tuple[Expr, Target]]


class Plan:
    """How targets are computed: kernels, one after another, each with the sums that need what it computes."""

    def __init__(self, library: Library, targets: Sequence[Target], known: Mapping[Expr, Expr]) -> None:
        self._library, self._known = library, known
        self._targets = [(known.get(expr, expr), shape) for expr, shape in targets]
        self.given: list[Expr] = []
        """The arguments that it has to be run with."""
        # Which targets have to be there before another, and the arguments that are made of one.
        self._before: dict[Target, list[Target]] = {}
        self._made: dict[Target, list[Expr]] = {}
        stack = list(reversed(self._targets))
        while stack:
            target = stack.pop()
            if target not in self._before:
                self._before[target] = self._needs(target)
                stack.extend(reversed(self._before[target]))

    def _needs(self, target: Target) -> list[Target]:
        needed = []
        for argument in arguments([target[0]], self._known):
            source = self._library.sources[argument]
            if source.kind == "given":
                if argument not in self.given:
                    self.given.append(argument)
                continue
            before = (self._known.get(source.of, source.of), source.summed or source.shape)
            made = self._made.setdefault(before, [])
            if argument not in made:
                made.append(argument)
            needed.append(before)
        return needed

    @functools.cached_property
    def _steps(self) -> list[_Step]:
        """Of what can be computed, always all of one shape; small ones first, since large ones may wait for them."""
        # Made when the plan first runs: some only tell what they would be run with.
        steps = []
        waiting = dict(self._before)
        while waiting:
            ready = [target for target, before in waiting.items() if not any(other in waiting for other in before)]
            shape = min((target[1] for target in ready), key=math.prod)
            group = [target for target in ready if target[1] == shape]
            steps.append(self._step(group))
            for target in group:
                del waiting[target]
        return steps

    @property
    def kernels(self) -> list[Kernel]:
        """The kernels that it runs."""
        return [step.kernel for step in self._steps if step.kernel is not None]

    def _step(self, group: list[Target]) -> _Step:
        computed = [target for target in group if target[0].op is not None]
        kernel = Kernel(self._library, computed, self._known) if computed else None
        return _Step(kernel, [(argument, target) for target in group for argument in self._made.get(target, [])])

    def run(self, given: Mapping[Expr, Any], place: device) -> list[Any]:
        """New arrays of the targets, from the arrays of the arguments ``given``, which are on the current device."""
        xp = place.xp
        arrays = dict(given)
        values: dict[Target, Any] = {}
        for kernel, makes in self._steps:
            if kernel is not None:
                found = kernel.run([arrays[argument] for argument in kernel.inputs], place)
                values |= zip(kernel.targets, found, strict=True)
            for argument, target in makes:
                source = self._library.sources[argument]
                value = values[target] if target in values else _broadcast(xp, target, arrays)
                arrays[argument] = _summed(xp, value, source.shape) if source.kind == "sum" else value
        results: list[Any] = []
        # Contiguous as what a kernel computes is, since `contiguous` is a copy.
        used: set[int] = set()
        for target in self._targets:
            value = values[target] if target in values else xp.array(_broadcast(xp, target, arrays), order="C")
            # Results are changed in place: no two may share their memory.
            results.append(value.copy() if id(value) in used else value)
            used.add(id(value))
        return results


def _summed(xp: Any, array: Any, shape: Shape) -> Any:
    with np.errstate(all="ignore"):
        return xp.asarray(OPS["sum_to"].forward(xp, array, shape))


def _broadcast(xp: Any, target: Target, arrays: Mapping[Expr, Any]) -> Any:
    """An argument or a constant in the shape of the target."""
    expr, shape = target
    array = arrays[expr] if expr.value is None else xp.full((), expr.value.item(), expr.value.dtype)
    return xp.broadcast_to(array, shape)


def arguments(exprs: Sequence[Expr], known: Mapping[Expr, Expr]) -> Iterator[Expr]:
    """The arguments that expressions are made of, in the order in which they are met; what is known is one."""
    seen: set[Expr] = set()
    stack = list(reversed(exprs))
    while stack:
        expr = stack.pop()
        expr = known.get(expr, expr)
        if expr in seen:
            continue
        seen.add(expr)
        if expr.name is not None:
            yield expr
        stack.extend(reversed(expr.operands))
