"""The C source of a kernel: a program's statements in a loop that makes the points, writes rows, and finds extremes.

Points go through the loop in tiles of a fixed length. A tile that is not full is filled up with its last point,
computed in a buffer, and copied as far as it goes: so every point takes the same path through the same vector code, and
its bits depend on its value alone, whatever the chunk, the thread and its place in them. Functions of <math.h> come
from the platform's vector library where there is one. Numbers below the normal range are numbers as any other: nothing
is flushed to zero.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from .._linspace import BEYOND, MOST_EXACT, SEGMENT
from .._template import filled, kernel_file
from .compiler import Compiler
from .program import NotInCError

TILE = BEYOND
"""How many points go through the loop at a time: all rows of a tile stay in the first-level cache."""

_C_TYPES = {"float32": ("float", "int"), "float64": ("double", "long long")}

# Each is within 4 units in the last place in float32 and float64: tests/fuse/test_accuracy.py.
VECTOR_FUNCTIONS = {
    1: (
        "acos", "acosh", "asin", "asinh", "atan", "atanh", "cbrt", "cos", "cosh", "erf", "erfc", "exp", "exp2",
        "expm1", "log", "log10", "log1p", "log2", "sin", "sinh", "tan", "tanh",
    ),
    2: ("atan2", "hypot", "pow"),
}  # fmt: skip

_TILE_FUNCTION = """
typedef GRADCU_T T;
enum { TILE = @TILE@ };

/* A tile of points, all of it. */
static GRADCU_ALONE void gradcu_tile(@PARAMETERS@) {
    for (int i = 0; i < TILE; i++) {
@LOADS@
        T @OUTPUTS@;
@BODY@
@STORES@
    }
}
"""

_LOOP = """
typedef @INDEX@ gradcu_index;

/* The least and the largest number of a tile, and whether it has a NaN or an infinity, without which they are right. */
static GRADCU_ALONE int gradcu_extremes(const T *restrict row, T *least, T *largest) {
    T low[TILE / 2], high[TILE / 2];
    gradcu_index odd = 0;
    for (int i = 0; i < TILE; i++) odd |= row[i] - row[i] != T(0);
    for (int i = 0; i < TILE / 2; i++) {
        const T a = row[i], b = row[i + TILE / 2];
        low[i] = b < a ? b : a;
        high[i] = b > a ? b : a;
    }
#define GRADCU_HALVE(width) \\
    for (int i = 0; i < width; i++) { \\
        low[i] = low[i + width] < low[i] ? low[i + width] : low[i]; \\
        high[i] = high[i + width] > high[i] ? high[i + width] : high[i]; \\
    }
    GRADCU_HALVE(128) GRADCU_HALVE(64) GRADCU_HALVE(32) GRADCU_HALVE(16) GRADCU_HALVE(8) GRADCU_HALVE(4)
    GRADCU_HALVE(2) GRADCU_HALVE(1)
    *least = low[0];
    *largest = high[0];
    return odd != 0;
}

/* What a call says of a row: where its least and its largest number stand first; whether it has NaN or infinity, and
   the rest means nothing. */
struct figures { long long least_at, largest_at, odd; };

static long long gradcu_first(const T *row, long long from, T value) {
    while (row[from] != value) from++;
    return from;
}

/* The offsets of a tile's points in their segment, the first of which is number `first`: what gradcu/_linspace.py has
   in a table. */
static GRADCU_ALONE void gradcu_offsets(const double *step, long long first, double *high, double *low) {
    for (int i = 0; i < TILE; i++) {
        const double j = (double)(first + i), large = j * step[0], small = j * step[1];
        high[i] = large + small;
        low[i] = ((large - high[i]) + small) + j * step[2];
    }
}

/* A tile of points: the sums of a base, in two parts, and of offsets, in two parts, in the order of additions that
   gradcu/_linspace.py has. */
static GRADCU_ALONE void gradcu_points(
    double base, double rest, const double *restrict high, const double *restrict low, T *restrict points
) {
    for (int i = 0; i < TILE; i++) {
        double total = base + high[i];
        if (sizeof(T) == sizeof(double)) {
            const double part = total - base;
            const double lost = (base - (total - part)) + (high[i] - part);
            total += lost + (low[i] + rest);
        }
        points[i] = (T)total;
    }
}

#ifdef __SSE2__
enum { CAN_STREAM = 1 };
/* Writes a tile to memory past the caches. */
static GRADCU_ALONE void gradcu_stream(T *to, const T *from) {
    for (size_t i = 0; i < TILE * sizeof(T); i += sizeof(__m128i))
        _mm_stream_si128((__m128i *)((char *)to + i), _mm_load_si128((const __m128i *)((const char *)from + i)));
}
#define GRADCU_STREAMED() _mm_sfence()
#else
enum { CAN_STREAM = 0 };
static void gradcu_stream(T *to, const T *from) { memcpy(to, from, TILE * sizeof(T)); }
#define GRADCU_STREAMED()
#endif

/* What a call is told, which gradcu/fuse/kernel.py writes in this order: points first, ..., first + count - 1, counted
   from the beginning of a segment, whose base and those of the next ones stand at the end. Offsets are in the tables
   `high` and `low`, or where these are null follow from `step`. Points that are no sums stand in `exact`, by their
   number in this call. Where `given` is not null, it has the points. `stream` is whether the rows are too large to be
   found in a cache: a processor reads what it writes to into one, unless told otherwise. */
struct block {
    T *x;
    const T *given;
    const double *high, *low;
    long long first, count, exact_count, stream;
    double step[3];
    long long exact_at[@EXACT@];
    double exact[@EXACT@];
    T *rows[@ROWS@];
    double bases[];
};

GRADCU_EXPORT GRADCU_BRIEFLY void gradcu_sweep(const struct block *block, struct figures *figures) {
    const T *given = block->given;
    const double *bases = block->bases, *high = block->high, *low = block->low;
    const long long first = block->first, count = block->count;
    T *x = block->x, *const *rows = block->rows;
    _Alignas(64) T points[TILE], buffers[@ROWS@][TILE];
    double own_high[TILE], own_low[TILE];
    T least[@ROWS@], largest[@ROWS@];
    for (int r = 0; r < @ROWS@; r++) figures[r] = (struct figures){0, 0, 0};
    for (long long done = 0, size; done < count; done += size) {
        const long long segment = (first + done) / @SEGMENT@, offset = (first + done) % @SEGMENT@;
        size = count - done < TILE ? count - done : TILE;
        if (given) {
            memcpy(points, given + done, size * sizeof(T));
        } else {
            if (size > @SEGMENT@ - offset) size = @SEGMENT@ - offset;
            if (!high) gradcu_offsets(block->step, offset, own_high, own_low);
            const double *high_here = high ? high + offset : own_high, *low_here = high ? low + offset : own_low;
            gradcu_points(bases[2 * segment], bases[2 * segment + 1], high_here, low_here, points);
            for (long long k = 0; k < block->exact_count; k++) {
                const long long at = block->exact_at[k] - done;
                if (at >= 0 && at < size) points[at] = (T)block->exact[k];
            }
        }
        if (x) memcpy(x + done, points, size * sizeof(T));
        const int whole = size == TILE;
        for (long long i = size; i < TILE; i++) points[i] = points[size - 1];
        T *out[@ROWS@];
        int streamed[@ROWS@];
        for (int r = 0; r < @ROWS@; r++) {
            /* In whole lines of the cache. */
            streamed[r] = CAN_STREAM && block->stream && whole && (size_t)(rows[r] + done) % 64 == 0;
            out[r] = whole && !streamed[r] ? rows[r] + done : buffers[r];
        }
        gradcu_tile(points@ARGUMENTS@);
        for (int r = 0; r < @ROWS@; r++) {
            T lowest, highest;
            if (streamed[r]) gradcu_stream(rows[r] + done, buffers[r]);
            else if (!whole) memcpy(rows[r] + done, buffers[r], size * sizeof(T));
            if (figures[r].odd) continue;
            figures[r].odd = gradcu_extremes(out[r], &lowest, &highest);
            if (done == 0 || lowest < least[r]) least[r] = lowest, figures[r].least_at = done;
            if (done == 0 || highest > largest[r]) largest[r] = highest, figures[r].largest_at = done;
        }
    }
    GRADCU_STREAMED();
    for (int r = 0; r < @ROWS@; r++) {
        if (figures[r].odd) continue;
        /* So far these are where the tiles begin. */
        figures[r].least_at = gradcu_first(rows[r], figures[r].least_at, least[r]);
        figures[r].largest_at = gradcu_first(rows[r], figures[r].largest_at, largest[r]);
    }
}
"""


def kernel_source(body: Sequence[str], outputs: int, dtype: np.dtype, compiler: Compiler) -> str:
    """The translation unit of a sweep's kernel.

    ``body`` are the statements that `gradcu.fuse.program.c_body` gives: they read ``x`` and assign ``out0``, ``out1``,
    ... Raises `NotInCError` for a dtype that C does not have.
    """
    tile = tile_source(body, {"x": dtype}, [dtype] * outputs, dtype, compiler)
    fillings = {
        "INDEX": _C_TYPES[dtype.name][1],
        "SEGMENT": str(SEGMENT),
        "ROWS": str(outputs),
        "EXACT": str(MOST_EXACT),
        "ARGUMENTS": "".join(f", out[{k}]" for k in range(outputs)),
    }
    return tile + filled(_LOOP, fillings)


def tile_source(
    body: Sequence[str],
    inputs: Mapping[str, np.dtype],
    outputs: Sequence[np.dtype],
    dtype: np.dtype,
    compiler: Compiler,
) -> str:
    """What a kernel's translation unit begins with: the preamble, and ``gradcu_tile(inputs, ..., outputs, ...)``.

    That is the loop over one tile, of pointers to the inputs' elements and to where the outputs go, which are of
    ``dtype`` or of bool. Raises `NotInCError` for a dtype that C does not have.
    """
    if dtype.name not in _C_TYPES:
        raise NotInCError(f"kernels are made of {' or '.join(_C_TYPES)}, not of {dtype}")
    parameters = [f"const {_element(own)} *restrict in{k}" for k, own in enumerate(inputs.values())]
    parameters += [f"{_element(own)} *restrict row{k}" for k, own in enumerate(outputs)]
    loads = [
        f"const {'int' if own.kind == 'b' else 'T'} {name} = in{k}[i];" for k, (name, own) in enumerate(inputs.items())
    ]
    fillings = {
        "TILE": str(TILE),
        "PARAMETERS": ", ".join(parameters),
        "LOADS": _indented(loads),
        "OUTPUTS": ", ".join(f"out{k}" for k in range(len(outputs))),
        "BODY": _indented(body),
        "STORES": _indented(f"row{k}[i] = out{k};" for k in range(len(outputs))),
    }
    return "\n".join(
        (*_preamble(_C_TYPES[dtype.name][0], compiler), kernel_file("gradcu.cuh"), filled(_TILE_FUNCTION, fillings))
    )


def _element(dtype: np.dtype) -> str:
    """The C type of an element in memory."""
    return "unsigned char" if dtype.kind == "b" else "T"


def _indented(statements: Iterable[str]) -> str:
    return "\n".join(f"        {statement}" for statement in statements)


def _preamble(real: str, compiler: Compiler) -> list[str]:
    lines = [
        f"#define GRADCU_T {real}",
        "#include <string.h>",
        "#include <tgmath.h>",
        "#ifdef __SSE2__",
        "#include <emmintrin.h>",
        "#endif",
        "#ifdef _WIN32",
        "#define GRADCU_EXPORT __declspec(dllexport)",
        "#else",
        "#define GRADCU_EXPORT",
        "#endif",
        # Inlined, pointers would be taken to overlap, and the caller's loop would be in the vectoriser's way.
        # What a cold function alone calls would be cold too.
        "#define GRADCU_ALONE __attribute__((noinline, hot))",
        # A quarter of the compiler's time would go into what runs once a tile.
        "#define GRADCU_BRIEFLY __attribute__((cold))",
    ]
    # A bool is an int in C, and these take none.
    for test in ("isnan", "isinf", "isfinite"):
        lines += [f"#undef {test}", f"#define {test}(x) __builtin_{test}((GRADCU_T)(x))"]
    if compiler.vector_math and not compiler.is_clang:
        lines += _vector_declarations(real)
    return lines


def _vector_declarations(real: str) -> list[str]:
    """The vector functions under names of their own.

    Under the names of <math.h>, gcc takes them for its builtins, turns sin and cos of one operand into one scalar call,
    and leaves the loop as it is. That they are in the library only in a vector form for a whole register, without a
    mask, is what "notinbranch" says.
    """
    suffix = "f" if real == "float" else ""
    lines = ['#define GRADCU_VECTOR __attribute__((simd("notinbranch"), const))']
    for count, functions in VECTOR_FUNCTIONS.items():
        parameters = ", ".join([real] * count)
        for function in functions:
            lines += [
                f'GRADCU_VECTOR {real} gradcu_{function}_of_lanes({parameters}) __asm__("{function}{suffix}");',
                f"#undef {function}",
                f"#define {function} gradcu_{function}_of_lanes",
            ]
    return lines
