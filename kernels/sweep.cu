/* A derivative sweep: f and its derivatives at the points of a linspace, in one launch that reads no memory.

   With CuPy's own functions every op is a launch that reads its operands and writes its result. f and f' of
   exp(-x*x/8) * sin(3*x) + cos(x), after common subexpressions are shared, are 20 launches with the linspace, which move
   192 bytes a point in float32. Here they are one launch and 8 bytes: what the results take.

   gradcu/fuse/cuda_source.py puts a program in place of the marks; it compiles with NVRTC and, behind a header that
   supplies blockIdx and threadIdx, with a C++ compiler for the host. */
@HELPERS@

typedef GRADCU_T T;

enum {
    ROWS = @ROWS@,           /* f and its derivatives */
    SEGMENT = @SEGMENT@,     /* points that share a base; a block takes a segment at a time */
    SPAN_SEGMENTS = SEGMENT, /* segments that share an origin */
    MOST_SPANS = @MOST_SPANS@,
    MOST_EXACT = @MOST_EXACT@,
    WIDTH = 16 / sizeof(T) /* points that a thread stores with one instruction */
};

/* What the points are made of: Spans in gradcu/_linspace.py says what the first four members are. */
struct Line {
    double step[3];
    double origins[MOST_SPANS][2];
    long long exact_at[MOST_EXACT]; /* -1 where there is none */
    double exact[MOST_EXACT];
    float quick_step[2]; /* the step in two floats */
    float offset_error;  /* what is lost of a point's offset in pairs of floats is less */
};

struct Base {
    double high, low;
    float quick_high, quick_low;
    float tolerance; /* what is lost of a point in pairs of floats is less */
};

/* The first point of a segment, by the additions of _Line.bases in gradcu/_linspace.py. */
GRADCU_FUNCTION Base base_of(const Line &line, long long segment, long long first_span) {
    const double *origin = line.origins[segment / SPAN_SEGMENTS - first_span];
    const double number = (double)(segment % SPAN_SEGMENTS * SEGMENT);
    const double large = number * line.step[0], small = number * line.step[1];
    const double high = large + small;
    const double low = ((large - high) + small) + number * line.step[2];
    const double total = high + origin[0];
    const double part = total - origin[0];
    const double lost = ((origin[0] - (total - part)) + (high - part)) + (low + origin[1]);
    Base base;
    base.high = total + lost;
    base.low = lost - (base.high - total);
    base.quick_high = (float)base.high;
    base.quick_low = (float)(base.high - (double)base.quick_high);
    base.tolerance = fabs(base.quick_high) * 2.27e-13f + line.offset_error; /* 2^-42 */
    return base;
}

/* Point j of a segment, by the additions of _Line._fill_segments in gradcu/_linspace.py. */
GRADCU_FUNCTION double point_of(const Line &line, const Base &base, int j, double) {
    const double large = j * line.step[0], small = j * line.step[1];
    const double high = large + small;
    const double low = ((large - high) + small) + j * line.step[2];
    const double total = base.high + high;
    const double part = total - base.high;
    const double lost = ((base.high - (total - part)) + (high - part)) + (low + base.low);
    return total + lost;
}

/* The same in float, where the sum in double is rounded to float. Most GPUs have one unit for doubles to 64 for floats,
   so the sum is taken in pairs of floats, which have 48 bits. If its upper part stays what it is when the tolerance is
   added to the lower part, or taken from it, then the sum in double rounds to it too (Ziv's test, ACM Transactions on
   Mathematical Software 17, 1991). If not, which also holds for whatever is not finite, the sum in double is computed. */
GRADCU_FUNCTION float point_of(const Line &line, const Base &base, int j, float) {
    const float number = (float)j;
    const float offset = number * line.quick_step[0];
    const float rest = fmaf(number, line.quick_step[1], fmaf(number, line.quick_step[0], -offset));
    const float total = base.quick_high + offset;
    const float part = total - base.quick_high;
    const float lost = ((base.quick_high - (total - part)) + (offset - part)) + (rest + base.quick_low);
    const float high = total + lost, low = lost - (high - total);
    if (high + (low + base.tolerance) == high && high + (low - base.tolerance) == high) return high;
    return (float)(base.high + (j * line.step[0] + j * line.step[1]));
}

GRADCU_FUNCTION void program(const T x, @OUTPUTS@) {
@BODY@
}

struct alignas(16) Pack {
    T values[WIDTH];
};

/* Elements `at` ... `at + WIDTH - 1` of a row, as far as they are between `begin` and `end`. */
GRADCU_FUNCTION void store(T *row, long long at, long long begin, long long end, const Pack &pack) {
    if (at >= begin && at + WIDTH <= end && (size_t)(row + at) % sizeof(Pack) == 0) {
        *(Pack *)(row + at) = pack;
        return;
    }
    #pragma unroll
    for (int w = 0; w < WIDTH; w++)
        if (at + w >= begin && at + w < end) row[at + w] = pack.values[w];
}

/* Rows at points first, ..., first + count - 1, and the points themselves where `points` is not null. Where the chunk
   begins amid a segment, threads still store whole packs, aligned to the rows, but for the segment's ends. */
extern "C" __global__ void __launch_bounds__(@BOUNDS@) gradcu_sweep(
    const __grid_constant__ Line line, const long long first, const long long count, T *const points, @ROW_PARAMETERS@
) {
    T *const rows[ROWS] = {@ROW_NAMES@};
    const long long first_segment = first / SEGMENT, first_span = first_segment / SPAN_SEGMENTS;
    for (long long segment = first_segment + blockIdx.x; segment * SEGMENT < first + count; segment += gridDim.x) {
        const Base base = base_of(line, segment, first_span);
        /* Where the segment stands in the rows, of which the first may miss its beginning. */
        const long long place = segment * SEGMENT - first;
        const long long begin = place < 0 ? 0 : place;
        const long long end = place + SEGMENT < count ? place + SEGMENT : count;
        bool has_exact = false;
        for (int k = 0; k < MOST_EXACT; k++) has_exact |= line.exact_at[k] / SEGMENT == segment;
        for (long long at = begin / WIDTH * WIDTH + threadIdx.x * WIDTH; at < end; at += blockDim.x * WIDTH) {
            Pack x, results[ROWS];
            #pragma unroll
            for (int w = 0; w < WIDTH; w++) {
                const int j = (int)(at - place) + w;
                x.values[w] = point_of(line, base, j, T(0));
                if (has_exact)
                    for (int k = 0; k < MOST_EXACT; k++)
                        if (line.exact_at[k] == segment * SEGMENT + j) x.values[w] = (T)line.exact[k];
                program(x.values[w], @RESULTS@);
            }
            if (points) store(points, at, begin, end, x);
            #pragma unroll
            for (int r = 0; r < ROWS; r++) store(rows[r], at, begin, end, results[r]);
        }
    }
}
