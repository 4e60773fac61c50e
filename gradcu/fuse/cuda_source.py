"""The CUDA source of a kernel: a program put into kernels/sweep.cu or kernels/elementwise.cu.

Only text is made here, and what a launch needs to know; nothing imports CuPy. The statements are those that the C
compiler gets for the CPU, and neither rounds a * b + c once where it is written as two operations.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from .._kernel_text import BLOCKS, C_TYPES, MOST_BYTES, THREADS
from .._linspace import SEGMENT
from .._template import filled, kernel_file
from .cuda_points import LINE, Axes, axes_dtype, points_fillings
from .program import NotInCError, Program, c_body
from .reduction import TILE

_C_TYPES = {**C_TYPES, "bool": "bool"}

_SWEEP_BLOCKS = {
    ("float32", False): (8, 2), ("float64", False): (4, 0), ("float32", True): (3, 0), ("float64", True): (2, 0)
}  # fmt: skip
"""A sweep has the figures of its rows in registers, those of sums too, and waits for little that it reads: so 2 blocks
share them for up to the first number of rows, 3 for up to the second, and more rows have one block alone. What is known
of a linspace takes as much as a row's figures; the first one's was counted with them."""

WARPS = THREADS // 32

STRETCH = SEGMENT // WARPS
"""The points that a warp of a sweep takes at a time."""

PLACES = 20
"""How many sign changes of a row a block of a sweep lists with their place."""

MOST_ROWS = 64
"""The rows of a sweep of which the figures fit a block's shared memory."""

_NEXT_LINE = "\n" + " " * 8

Sums = tuple[Literal["plain", "weighted"], ...]
"""The sums of each row that a kernel finds: of its numbers as they are, then of those times their weights in the
trapezoidal rule."""


@dataclass(frozen=True)
class CudaSource:
    """A translation unit with one kernel, ``name``; a block of `THREADS` threads takes ``per_block`` elements."""

    text: str
    name: str
    per_block: int

    def blocks(self, count: int) -> int:
        """How many blocks give every thread work; the kernel's loops make do with fewer."""
        return -(-count // self.per_block)


def sweep_source(
    program: Program, axes: Axes | None = None, *, sums: Sums = (), signed: range = range(0), histogram: bool = False
) -> CudaSource:
    """The kernel of a sweep of a program over a product of axes, or over one linspace.

    Its parameters, numbers being int64 unless said otherwise:

    - a `LINE`, or an `axes_dtype`; with axes, a pointer for each input that is given, in their order;
    - the index of the first point; the number of points, up to `MOST_POINTS`; the index at which the first block
      begins, a multiple of what a block takes; how many `STRETCH` of points a warp takes, int32, a power of two;
    - a pointer to `figures_dtype`, for each block one a row; a pointer to `place_dtype`, `WARPS` times `PLACES` for
      each block and row in ``signed``, those of which sign changes are wanted;
    - with ``histogram``, the number of bins, and whether their counts are in dynamic shared memory, both int32; a
      pointer to the edges of each row, followed by the scale of `gradcu_bin`, float64; one to counts, uint64, which are
      added to;
    - a pointer to where the first input goes, or null, and such a pointer for each output.

    Raises NotInCError for a program that has no C, for one of more outputs than `MOST_ROWS`, and for more axes, inputs
    and outputs together than a kernel's parameters can tell of.
    """
    rows = ["T"] * len(program.outputs)
    if len(rows) > MOST_ROWS:
        raise NotInCError(f"a kernel has at most {MOST_ROWS} rows, not {len(rows)}")
    told = LINE.itemsize if axes is None else axes_dtype(axes).itemsize
    # No two numbers beside the points take more than two pointers do.
    if told + 8 * (len(program.inputs) + len(rows) + 10) > MOST_BYTES:
        raise NotInCError(f"the parameters of a kernel can't tell of {len(axes or ())} axes and {len(rows)} rows")
    text = filled(
        kernel_file("sweep.cu"),
        {
            **points_fillings(list(program.inputs), axes),
            "FIGURES": kernel_file("figures.cuh"),
            "BINS": kernel_file("bins.cuh"),
            "HISTOGRAM": str(int(histogram)),
            "ROWS": str(len(rows)),
            "SIGNED": str(signed.start),
            "SIGNED_END": str(signed.stop),
            "SUMS": str(len(sums)),
            "WEIGHTED": str(sums.index("weighted") if "weighted" in sums else -1),
            "SEGMENT": str(SEGMENT),
            "WARPS": str(WARPS),
            "STRETCH": str(STRETCH),
            "TILE": str(TILE),
            "PLACES": str(PLACES),
            "BOUNDS": _sweep_bounds(program, axes, bool(sums)),
            "OUTPUTS": _each("{kind} &out{k}", rows),
            "BODY": _body(program),
            "ROW_PARAMETERS": _each("{kind} *const row{k}", rows),
            "ROW_NAMES": _each("row{k}", rows),
            "RESULTS": _each("results[{k}].values[w]", rows),
        },
    )
    return CudaSource(_with_helpers(text, program), "gradcu_sweep", SEGMENT)


def slopes(program: Program) -> range:
    """The row of f', where there is one: that of which a summary has the sign changes."""
    return range(1, min(len(program.outputs), 2))


def figures_dtype(real: np.dtype, sums: Sums = ()) -> np.dtype:
    """The struct Figures of kernels/figures.cuh, for rows of float32 or float64."""
    totals = [("sums", [("sum", "f8"), ("size", "f8")], (max(len(sums), 1),))]
    numbers = [(name, real) for name in ("least", "largest", "head", "tail")]
    places = [(name, "i4") for name in ("least_at", "largest_at", "head_at", "tail_at", "nan", "infinite", "changes")]
    return np.dtype([*totals, *numbers, *places], align=True)


def place_dtype(real: np.dtype) -> np.dtype:
    """The struct Place of kernels/figures.cuh, for rows of float32 or float64."""
    return np.dtype([("before", real), ("after", real), ("before_at", "i4"), ("after_at", "i4")], align=True)


def elementwise_source(
    program: Program,
    *,
    dimensions: int = 0,
    single: Collection[str] = (),
    numbers: Collection[str] = (),
    wide: bool = False,
) -> CudaSource:
    """The kernel of a program on arrays.

    With ``dimensions=0`` every input lies in memory as the outputs do, but for those named in ``single``, which have
    one element. Else the operands of an element are found by the strides of ``dimensions`` dimensions, and the outputs
    lie in C order. The inputs named in ``numbers`` are no arrays. ``wide`` takes 64-bit indices, which `NARROW`
    elements or bytes and more need.

    Its parameters: with dimensions, a `layout_dtype` of the inputs that are arrays; the number of elements, int32, or
    int64 where wide; a pointer, or the number itself, for each input; a pointer for each output; all of the program's
    dtype or bool. Raises NotInCError for a program that has no C.
    """
    bounds = _bounds(program)
    inputs = [_c_type(dtype) for dtype in program.inputs.values()]
    outputs = [_c_type(program.dtype_of(output)) for output in program.outputs]
    arrays = [k for k, name in enumerate(program.inputs) if name not in numbers]
    whole = [k for k, name in enumerate(program.inputs) if k in arrays and name not in single]
    elements = [f"*in{k}" if k in arrays else f"in{k}" for k in range(len(inputs))]
    strided = {k: f"*(const {inputs[k]} *)((const char *)in{k} + offsets[{at}])" for at, k in enumerate(arrays)}
    parameters = [f"const {kind} {'*const ' if k in arrays else ''}in{k}" for k, kind in enumerate(inputs)]
    pointers = [f"in{k}" for k in whole] + [f"out{k}" for k in range(len(outputs))]
    text = filled(
        kernel_file("elementwise.cu"),
        {
            "INDEX": "long long" if wide else "int",
            "DIMENSIONS": str(dimensions),
            "ARRAY_COUNT": str(len(arrays)),
            "BOUNDS": bounds,
            "INPUTS": ", ".join(f"const {kind} {name}" for kind, name in zip(inputs, program.inputs, strict=True)),
            "OUTPUTS": _each("{kind} &out{k}", outputs),
            "BODY": _body(program),
            "PARAMETERS": f"{', '.join(parameters)}, {_each('{kind} *const out{k}', outputs)}",
            "STRIDED_LOADS": ", ".join(strided.get(k, element) for k, element in enumerate(elements)),
            "LOADS": ", ".join(f"in{k}[i]" if k in whole else element for k, element in enumerate(elements)),
            "RESULTS": _each("{kind} result{k};", outputs, " "),
            "RESULT_NAMES": _each("result{k}", outputs),
            "STORES": _each("out{k}[i] = result{k};", outputs, _NEXT_LINE),
            "ALL_ALIGNED": " && ".join(f"is_aligned({pointer})" for pointer in pointers),
            "PACK_LOADS": _NEXT_LINE.join(
                f"const Pack<{inputs[k]}> pack{k} = ((const Pack<{inputs[k]}> *)in{k})[p];" for k in whole
            ),
            "PACK_ELEMENTS": ", ".join(
                f"pack{k}.values[w]" if k in whole else element for k, element in enumerate(elements)
            ),
            "PACK_RESULTS": _each("Pack<{kind}> results{k};", outputs, " "),
            "PACK_RESULT_NAMES": _each("results{k}.values[w]", outputs),
            "PACK_STORES": _each("((Pack<{kind}> *)out{k})[p] = results{k};", outputs, _NEXT_LINE),
        },
    )
    width = 1 if dimensions else 16 // program.dtype.itemsize
    return CudaSource(_with_helpers(text, program), "gradcu_elementwise", THREADS * width)


def layout_dtype(dimensions: int, arrays: int, wide: bool) -> np.dtype:
    """The struct Layout of kernels/elementwise.cu: the shape, and each array's strides in bytes, 0 where broadcast."""
    index = "i8" if wide else "i4"
    return np.dtype([("shape", index, (dimensions,)), ("strides", index, (arrays, dimensions))])


def _body(program: Program) -> str:
    return "\n".join(f"    {statement}" for statement in c_body(program))


def _with_helpers(text: str, program: Program) -> str:
    helpers = kernel_file("gradcu.cuh")
    return filled(text, {"HELPERS": f"#define GRADCU_T {_c_type(program.dtype)}\n{helpers}"})


def _c_type(dtype: np.dtype) -> str:
    if dtype.name not in _C_TYPES:
        raise NotInCError(f"kernels read {', '.join(_C_TYPES)}, not {dtype}")
    return _C_TYPES[dtype.name]


def _bounds(program: Program) -> str:
    return f"{THREADS}, {BLOCKS[_real(program)]}"


def _sweep_bounds(program: Program, axes: Axes | None, sums: bool) -> str:
    kept = len(program.outputs) + max(sum(not axis.is_given for axis in axes or ()) - 1, 0)
    return f"{THREADS}, {1 + sum(kept <= most for most in _SWEEP_BLOCKS[_real(program), sums])}"


def _real(program: Program) -> str:
    if program.dtype.name not in BLOCKS:
        raise NotInCError(f"kernels are made of {' or '.join(BLOCKS)}, not of {program.dtype}")
    return program.dtype.name


def _each(pattern: str, kinds: Sequence[str], between: str = ", ") -> str:
    """The pattern with each number and the C type that has it."""
    return between.join(pattern.format(k=k, kind=kind) for k, kind in enumerate(kinds))
