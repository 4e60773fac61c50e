"""The C source of a kernel: a program's statements in a loop that makes the points, writes rows, and finds extremes.

Points go through the loop in tiles of a fixed length. A tile that is not full is filled up with its last point,
computed in a buffer, and copied as far as it goes: so every point takes the same path through the same vector code, and
its bits depend on its value alone, whatever the chunk, the thread and its place in them. Functions are those of
kernels/vector_math.h, and else the platform's vector library's where there is one. Numbers below the normal range are
numbers as any other: nothing is flushed to zero.
"""

from __future__ import annotations

import numpy as np

from .._linspace import BEYOND, MOST_EXACT, SEGMENT
from .._template import filled, kernel_file
from .compiler import Compiler
from .loops import tile_statements
from .program import NotInCError, Program

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
/* A tile of points, all of it. */
static GRADCU_ALONE void gradcu_tile(@PARAMETERS@) {
@STATEMENTS@
}
"""

_LOOP = """
typedef @INDEX@ gradcu_index;

/* The least and the largest number of a tile, and whether it has a NaN or an infinity, without which they are right.
   Their bits, with those of negative numbers but for the sign turned round, are in their order as integers, of which
   compilers find extremes in vectors; -0.0 comes before 0.0, and NaNs lie beyond the infinities. */
static GRADCU_ALONE int gradcu_extremes(const T *restrict row, T *least, T *largest) {
    const gradcu_index all = (gradcu_index)(~0ULL >> (65 - 8 * sizeof(T)));
    gradcu_index low = all, high = -all, infinite;
    const T infinity = T(INFINITY);
    memcpy(&infinite, &infinity, sizeof(T));
    for (int i = 0; i < TILE; i++) {
        gradcu_index bits;
        memcpy(&bits, &row[i], sizeof(T));
        bits ^= (bits >> (8 * sizeof(T) - 1)) & all;
        low = bits < low ? bits : low;
        high = bits > high ? bits : high;
    }
    const int odd = high >= infinite || low <= ~infinite;
    low ^= low < 0 ? all : 0;
    high ^= high < 0 ? all : 0;
    memcpy(least, &low, sizeof(T));
    memcpy(largest, &high, sizeof(T));
    return odd;
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


def kernel_source(program: Program, compiler: Compiler) -> str:
    """The translation unit of a sweep's kernel: of a program of one input, with outputs of its dtype.

    Raises `NotInCError` for a program that has no C.
    """
    tile, outputs = tile_source(program, compiler), len(program.outputs)
    fillings = {
        "INDEX": _C_TYPES[program.dtype.name][1],
        "SEGMENT": str(SEGMENT),
        "ROWS": str(outputs),
        "EXACT": str(MOST_EXACT),
        "ARGUMENTS": "".join(f", out[{k}]" for k in range(outputs)),
    }
    return tile + filled(_LOOP, fillings)


def tile_source(program: Program, compiler: Compiler) -> str:
    """What a kernel's translation unit begins with: the preamble, and ``gradcu_tile(inputs, ..., outputs, ...)``.

    That computes one tile, of pointers to the inputs' elements and to where the outputs go. Raises `NotInCError` for a
    program that has no C.
    """
    if program.dtype.name not in _C_TYPES:
        raise NotInCError(f"kernels are made of {' or '.join(_C_TYPES)}, not of {program.dtype}")
    parameters = [f"const {_element(own)} *restrict in{k}" for k, own in enumerate(program.inputs.values())]
    parameters += [f"{_element(program.dtype_of(output))} *restrict row{k}" for k, output in enumerate(program.outputs)]
    fillings = {
        "PARAMETERS": ", ".join(parameters),
        "STATEMENTS": "\n".join(f"    {line}" for line in tile_statements(program, compiler.has_fma)),
    }
    real = _C_TYPES[program.dtype.name][0]
    own = [f"vector_math_{real}.h", "vector_math.h"] if compiler.has_fma else []
    headers = map(kernel_file, (*own, "gradcu.cuh"))
    return "\n".join((*_preamble(real, compiler), *headers, filled(_TILE_FUNCTION, fillings)))


def _element(dtype: np.dtype) -> str:
    """The C type of an element in memory."""
    return "unsigned char" if dtype.kind == "b" else "T"


def _preamble(real: str, compiler: Compiler) -> list[str]:
    lines = [
        f"#define GRADCU_T {real}",
        "typedef GRADCU_T T;",
        f"enum {{ TILE = {TILE} }};",
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
