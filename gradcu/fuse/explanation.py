"""What `CompiledFunction.explain` says: the kernels of one call, and why there is more than one."""

from __future__ import annotations

import linecache
import os
import sys
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from .._device import CPU, device
from .cuda_elementwise import CudaElementwise
from .elementwise import ElementwiseKernel
from .fused_node import Template
from .plan import WORTH_FUSING, Kernel, Plan
from .program import Line, reference_text

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


class Pause(NamedTuple):
    """A place where something was computed before the end, and why."""

    reason: str
    file: str
    line: int

    def __str__(self) -> str:
        text = linecache.getline(self.file, self.line).strip()
        return f"{self.reason}: {self.file}:{self.line}" + (f": {text}" if text else "")


class KernelFacts(NamedTuple):
    """A kernel: the shape it computes, its inputs, its lines, each one operation, and what runs it.

    ``inputs`` and ``outputs`` are texts with dtype and shape. ``engine`` is "cc" or "numpy", on a CUDA device "cuda" or
    "cupy"; ``reason`` why the best one can't be had, ``source`` the C source; None where NumPy or CuPy runs the lines
    as they stand.
    """

    shape: tuple[int, ...]
    inputs: tuple[str, ...]
    lines: tuple[str, ...]
    outputs: tuple[str, ...]
    engine: str
    reason: str
    source: str | None

    def __str__(self) -> str:
        runs = f"{self.engine} ({self.reason})" if self.reason else self.engine
        head = f"{runs}: {', '.join(self.outputs)} from {', '.join(self.inputs)}"
        return "\n    ".join((head, *self.lines))


class Explanation:
    """What one call of a compiled function was made of; ``str`` tells all of it but the C source.

    ``result`` is what the call returned. ``kernels`` ran in it, ``backward`` will run for its gradients, if each output
    gets one; ``pauses`` are the places where values were needed on the way.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.result: Any = None
        self.kernels: list[KernelFacts] = []
        self.backward: list[KernelFacts] = []
        self.pauses: list[Pause] = []

    def __str__(self) -> str:
        parts = [f"{self.name}: {len(self.kernels)} kernels, {len(self.backward)} for the gradients"]
        parts += [f"forward {number}, {facts}" for number, facts in enumerate(self.kernels)]
        parts += [f"backward {number}, {facts}" for number, facts in enumerate(self.backward)]
        if not self.kernels:
            parts.append(f"nothing was fused: operations on less than {WORTH_FUSING} elements run as they are")
        parts += [f"computed on the way: {pause}" for pause in self.pauses]
        return "\n".join(parts)

    def add_pause(self, reason: str) -> None:
        """Notes that values are needed, at the line of the user's that runs."""
        frame: Any = sys._getframe(1)
        while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
            frame = frame.f_back
        self.pauses.append(Pause(reason, frame.f_code.co_filename, frame.f_lineno))

    def add_kernels(self, plans: Iterable[tuple[Plan, device]], templates: Iterable[tuple[Template, device]]) -> None:
        """Notes the kernels of plans that ran on devices, and those that templates have for gradients."""
        self.kernels += [_facts(kernel, place) for plan, place in plans for kernel in plan.kernels]
        gradients = [
            (template.derived((True,) * len(template.cotangents)).plan, place) for template, place in templates
        ]
        self.backward += [_facts(kernel, place) for plan, place in gradients for kernel in plan.kernels]


def _shown(line: Line) -> str:
    operands = [
        str(operand.item()) if isinstance(operand, np.generic) else reference_text(operand) for operand in line.operands
    ]
    return f"t{line.index}:{line.dtype} = {line.op.name}({', '.join([*operands, *map(repr, line.statics)])})"


def _facts(kernel: Kernel, place: device) -> KernelFacts:
    program, evaluator = kernel.program, kernel.evaluator(place)
    source = evaluator.source if isinstance(evaluator, ElementwiseKernel | CudaElementwise) else None
    in_python, compiled = ("numpy", "cc") if place is CPU else ("cupy", "cuda")
    shapes = [kernel.library.sources[argument].shape for argument in kernel.inputs]
    return KernelFacts(
        shape=kernel.shape,
        inputs=tuple(
            f"{name}:{dtype}{list(shape)}" for (name, dtype), shape in zip(program.inputs.items(), shapes, strict=True)
        ),
        lines=tuple(map(_shown, program.lines)),
        outputs=tuple(
            f"{reference_text(output)}:{program.dtype_of(output)}{list(kernel.shape)}" for output in program.outputs
        ),
        engine=in_python if source is None else compiled,
        reason=kernel.reason,
        source=source,
    )
