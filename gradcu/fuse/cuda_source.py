"""The CUDA source of a kernel: a program put into kernels/sweep.cu or kernels/elementwise.cu.

Only text is made here, and what a launch needs to know; nothing imports CuPy. The statements are those that the C
compiler gets for the CPU, and neither rounds a * b + c once where it is written as two operations.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from .._linspace import SEGMENT, SPAN, linspace_spans
from .._template import filled, kernel_file
from .program import NotInCError, Program, c_body
from .reduction import TILE

THREADS = 256
"""The threads of a block."""

_BLOCKS = {"float32": 4, "float64": 3}
"""So many blocks share the 65536 registers of a multiprocessor. Left to choose, the compiler takes fewer than it needs
and spills some, to make room for more blocks than a kernel that waits for memory alone has use for."""

_C_TYPES = {"float32": "float", "float64": "double", "bool": "bool"}

_SWEEP_BLOCKS = {
    ("float32", False): (8, 2), ("float64", False): (4, 0), ("float32", True): (3, 0), ("float64", True): (2, 0)
}  # fmt: skip
"""A sweep has the figures of its rows in registers, those of sums too, and waits for nothing that it reads: so 2 blocks
share them for up to the first number of rows, 3 for up to the second, and more rows have one block alone."""

_MOST_SPANS, _MOST_EXACT = 17, 4

WARPS = THREADS // 32

STRETCH = SEGMENT // WARPS
"""The points that a warp of a sweep takes at a time."""

PLACES = 20
"""How many sign changes of a row a block of a sweep lists with their place."""

MOST_ROWS = 64
"""The rows of a sweep of which the figures fit a block's shared memory."""

_NEXT_LINE = "\n" + " " * 8

MOST_POINTS = (_MOST_SPANS - 1) * SPAN
"""How many points one launch of a sweep can compute."""

NARROW = 1 << 30
"""Below so many elements, and bytes from an array's first to its last, 32-bit indices do."""

LINE = np.dtype(
    [
        ("step", "f8", 3), ("origins", "f8", (_MOST_SPANS, 2)), ("exact_at", "i8", _MOST_EXACT),
        ("exact", "f8", _MOST_EXACT), ("quick_step", "f4", 2), ("offset_error", "f4"),
    ],
    align=True,
)  # fmt: skip
"""The struct Line of kernels/sweep.cu, which `line_of` fills."""


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
    program: Program, *, sums: bool = False, signed: range = range(0), histogram: bool = False
) -> CudaSource:
    """The kernel of a sweep of a program of one input.

    Its parameters, numbers being int64 unless said otherwise:

    - a `LINE`; the index of the first point; the number of points, up to `MOST_POINTS`; the index at which the first
      block begins, a multiple of what a block takes; how many `STRETCH` of points a warp takes, int32, a power of two;
    - a pointer to `figures_dtype`, for each block one a row; a pointer to `place_dtype`, `WARPS` times `PLACES` for
      each block and row in ``signed``, those of which sign changes are wanted;
    - with ``histogram``, the number of bins, and whether their counts are in dynamic shared memory, both int32; a
      pointer to the edges of each row, followed by the scale of `gradcu_bin`, float64; one to counts, uint64, which are
      added to;
    - a pointer to where the points go, or null, and such a pointer for each output.

    Sums are left out unless ``sums``. Raises NotInCError for a program that has no C, and for one of more outputs than
    `MOST_ROWS`.
    """
    rows = ["T"] * len(program.outputs)
    if len(rows) > MOST_ROWS:
        raise NotInCError(f"a kernel has at most {MOST_ROWS} rows, not {len(rows)}")
    text = filled(
        kernel_file("sweep.cu"),
        {
            "FIGURES": kernel_file("figures.cuh"),
            "BINS": kernel_file("bins.cuh"),
            "HISTOGRAM": str(int(histogram)),
            "ROWS": str(len(rows)),
            "SIGNED": str(signed.start),
            "SIGNED_END": str(signed.stop),
            "SUMS": str(int(sums)),
            "SEGMENT": str(SEGMENT),
            "MOST_SPANS": str(_MOST_SPANS),
            "MOST_EXACT": str(_MOST_EXACT),
            "WARPS": str(WARPS),
            "STRETCH": str(STRETCH),
            "TILE": str(TILE),
            "PLACES": str(PLACES),
            "BOUNDS": _sweep_bounds(program, sums),
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


def figures_dtype(real: np.dtype) -> np.dtype:
    """The struct Figures of kernels/figures.cuh, for rows of float32 or float64."""
    numbers = [(name, real) for name in ("least", "largest", "head", "tail")]
    places = [(name, "i4") for name in ("least_at", "largest_at", "head_at", "tail_at", "nan", "infinite", "changes")]
    return np.dtype([("sum", "f8"), ("size", "f8"), *numbers, *places], align=True)


def place_dtype(real: np.dtype) -> np.dtype:
    """The struct Place of kernels/figures.cuh, for rows of float32 or float64."""
    return np.dtype([("before", real), ("after", real), ("before_at", "i4"), ("after_at", "i4")], align=True)


def line_of(start: float, stop: float, num: int, first: int, count: int) -> np.ndarray | None:
    """The `LINE` for points first, ..., first + count - 1 of ``linspace(start, stop, num)``, an array of one.

    None where the kernel can't make the points: up to two of them, or numbers near the ends of float64's range. These
    come from `linspace_block`, and go through the elementwise kernel.

    >>> line_of(0.0, 1.0, 2**40 + 1, 2**39, 2)["origins"][0, 0].tolist()
    [0.5, 0.0]
    """
    spans = linspace_spans(start, stop, num, first, count)
    if spans is None:
        return None
    line = np.zeros(1, LINE)
    line["step"] = spans.step
    line["origins"][0, : len(spans.origins)] = spans.origins
    line["exact_at"] = -1
    line["exact_at"][0, : len(spans.exact_at)] = spans.exact_at
    line["exact"][0, : len(spans.exact)] = spans.exact
    with np.errstate(all="ignore"):
        high = np.float32(spans.step[0])
        line["quick_step"] = high, spans.step[0] - float(high) + spans.step[1]
        # Base and offset are off by less than 2**-44 of the larger of the two, mostly by the roundings of three terms
        # that are 2**-22 of it; and by what is flushed to zero, times an index.
        line["offset_error"] = abs(spans.step[0]) * SEGMENT * 2.0**-42 + 2.0**-104
    return line


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
    return f"{THREADS}, {_BLOCKS[_real(program)]}"


def _sweep_bounds(program: Program, sums: bool) -> str:
    most = _SWEEP_BLOCKS[_real(program), sums]
    return f"{THREADS}, {1 + sum(len(program.outputs) <= rows for rows in most)}"


def _real(program: Program) -> str:
    if program.dtype.name not in _BLOCKS:
        raise NotInCError(f"kernels are made of {' or '.join(_BLOCKS)}, not of {program.dtype}")
    return program.dtype.name


def _each(pattern: str, kinds: Sequence[str], between: str = ", ") -> str:
    """The pattern with each number and the C type that has it."""
    return between.join(pattern.format(k=k, kind=kind) for k, kind in enumerate(kinds))
