/* A derivative sweep: f and its derivatives at the points of a linspace, of a grid, or at given ones, and what is told of
   them, in one launch that reads no memory but the coordinates that are given.

   With CuPy's own functions every op is a launch that reads its operands and writes its result. f and f' of
   exp(-x*x/8) * sin(3*x) + cos(x), after common subexpressions are shared, are 20 launches with the linspace, which move
   192 bytes a point in float32. Here they are one launch and 8 bytes: what the results take. To find the extremes of
   both, and to count NaNs and infinities, takes CuPy 12 launches more, which move 40 bytes; here they are found while
   the results are in registers. So are their sums, for which no result is written at all. Over a grid of two variables
   CuPy's way is also to write both coordinates of every point and to read them again, 16 bytes; here they are made.

   gradcu/fuse/cuda_source.py puts a program in place of the marks; it compiles with NVRTC and, behind a header that
   supplies blocks of threads, with a C++ compiler for the host. */
@HELPERS@

typedef GRADCU_T T;

enum {
    INPUTS = @INPUT_COUNT@, /* variables and params */
    AXES = @AXES@,
    LINES = @LINES@, /* axes that are linspaces */
    GIVEN = @GIVEN_COUNT@, /* inputs that are given */
    ROWS = @ROWS@, /* f and its derivatives */
    SUMS = @SUMS@, /* of each row */
    WEIGHTED = @WEIGHTED@, /* the number of the sum that has the weights of the trapezoidal rule, always the last */
    SUMS_KEPT = SUMS + !SUMS, /* an array has one element at least */
    /* The rows of which sign changes are wanted: from one on, up to another. */
    SIGNED = @SIGNED@,
    SIGNED_END = @SIGNED_END@,
    SEGMENT = @SEGMENT@,     /* points that share a base */
    SPAN_SEGMENTS = SEGMENT, /* segments that share an origin */
    MOST_SPANS = @MOST_SPANS@,
    MOST_EXACT = @MOST_EXACT@,
    WARPS = @WARPS@,       /* of a block */
    STRETCH = @STRETCH@,   /* points that a warp takes at a time, all of one segment */
    TILE = @TILE@,         /* points that are added up by halving: gradcu/fuse/reduction.py */
    PLACES = @PLACES@,     /* sign changes that are listed with their place */
    WIDTH = 16 / sizeof(T), /* points that a thread stores with one instruction */
    TURN = 32 * WIDTH,      /* points that a warp stores with one instruction */
    TURNS = TILE / TURN,
    EVERY = (1 << WIDTH) - 1, /* elements of a pack, a bit each */
    NOWHERE = -1
};
const unsigned ALL = 0xffffffffu; /* lanes of a warp */

struct alignas(16) Pack {
    T values[WIDTH];
};

@LINE@
@POINTS@
/* Where of a pack `has` the bits, its elements go to at, at + 1, ... of a row, if there is one. */
GRADCU_FUNCTION void store(T *row, long long at, unsigned has, bool is_aligned, const Pack &pack) {
    if (!row) return;
    if (is_aligned && has == EVERY) {
        *(Pack *)(row + at) = pack;
        return;
    }
    #pragma unroll
    for (int w = 0; w < WIDTH; w++)
        if (has >> w & 1) row[at + w] = pack.values[w];
}

@FIGURES@
#if @HISTOGRAM@
@BINS@
#endif

GRADCU_FUNCTION void program(@INPUTS@, @OUTPUTS@) {
@BODY@
}

/* Rows at points first, ..., first + count - 1, and the first input, where a pointer to them is not null. Each block has
   WARPS * stretches stretches of points, of which the first of the first block begins at `origin`: a warp has some that
   follow each other. What is told of a block's rows goes to `figures`, and to `places`, where a row of which sign changes
   are wanted has WARPS lists. Sums are right where `first` is `origin`. `edges` has, for each row, those of its histogram
   and then gradcu_bin's scale; `counts` are added to, by a block at a time where shared memory holds its own. */
extern "C" __global__ void __launch_bounds__(@BOUNDS@) gradcu_sweep(
    const __grid_constant__ Points made_of, @GIVEN_PARAMETERS@ const long long first, const long long count,
    const long long origin, const int stretches, Figures *const figures, Place *const places,
#if @HISTOGRAM@
    const int bins, const int in_shared, const double *const edges, unsigned long long *const counts,
#endif
    T *const points, @ROW_PARAMETERS@
) {
    __shared__ Figures found[ROWS][WARPS];
#if @HISTOGRAM@
    extern __shared__ unsigned counted[];
    if (in_shared)
        for (int k = threadIdx.x; k < ROWS * (bins + 3); k += blockDim.x) counted[k] = 0;
    __syncthreads();
#endif
    T *const rows[ROWS] = {@ROW_NAMES@};
    const T *const given[GIVEN + !GIVEN] = {@GIVEN_NAMES@};
    const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const long long block = origin + (long long)blockIdx.x * WARPS * stretches * STRETCH;
    Place *const lists = places + (long long)blockIdx.x * (SIGNED_END - SIGNED) * WARPS * PLACES;
    /* Packs begin at multiples of their length, counted from point 0. */
    bool is_aligned = !points || ((size_t)points - (size_t)first * sizeof(T)) % sizeof(Pack) == 0;
    Watch watches[ROWS];
    #pragma unroll
    for (int r = 0; r < ROWS; r++) {
        is_aligned &= !rows[r] || ((size_t)rows[r] - (size_t)first * sizeof(T)) % sizeof(Pack) == 0;
        watches[r] = Watch{T(INFINITY), T(-INFINITY), T(0), NOWHERE, NOWHERE, NOWHERE, 0, {}};
        Figures &of_warp = found[r][warp];
        if (lane == 0) of_warp.head_at = NOWHERE, of_warp.nan = of_warp.infinite = of_warp.changes = 0;
    }
    __syncwarp();
    int tiles = 0;
    for (int s = warp * stretches; s < (warp + 1) * stretches; s++) {
        const long long stretch = block + (long long)s * STRETCH;
        if (stretch + STRETCH <= first || stretch >= first + count) continue;
        const bool is_whole = stretch >= first && stretch + STRETCH <= first + count;
        Walk walk;
        come_to(walk, made_of, stretch, first);
        for (int tile = 0; tile < STRETCH; tile += TILE) {
#if @SUMS@
            /* In local memory, which the cache of the multiprocessor holds: a thread has not so many registers. */
            Pack kept[ROWS][TURNS], kept_weights[TURNS];
#endif
            #pragma unroll 1
            for (int t = 0; t < TURNS; t++) {
                const int at = tile + t * TURN + lane * WIDTH;
                const long long index = stretch + at;
                unsigned has = EVERY;
                Pack inputs[INPUTS], weights, results[ROWS];
                if (!is_whole) {
                    has = 0;
                    for (int w = 0; w < WIDTH; w++)
                        has |= (unsigned)(index + w >= first && index + w < first + count) << w;
                }
                make_inputs(walk, made_of, given, stretch, at, has, inputs, weights);
                #pragma unroll
                for (int w = 0; w < WIDTH; w++) program(@INPUT_VALUES@, @RESULTS@);
                store(points, index - first, has, is_aligned, inputs[0]);
                #pragma unroll
                for (int r = 0; r < ROWS; r++) {
                    store(rows[r], index - first, has, is_aligned, results[r]);
                    const bool is_signed = r >= SIGNED && r < SIGNED_END;
                    Place *const list = is_signed ? lists + ((r - SIGNED) * WARPS + warp) * PLACES : nullptr;
                    note(watches[r], found[r][warp], results[r], has, s * STRETCH + at, lane, is_signed, list);
#if @HISTOGRAM@
                    const double *const of_row = edges + r * (bins + 2);
                    for (int w = 0; w < WIDTH; w++) {
                        if (!(has >> w & 1)) continue;
                        const int bin = gradcu_bin(results[r].values[w], of_row, bins, of_row[bins + 1]);
                        if (in_shared)
                            atomicAdd(&counted[r * (bins + 3) + bin], 1u);
                        else
                            atomicAdd(&counts[r * (bins + 3) + bin], 1ull);
                    }
#endif
#if @SUMS@
                    #pragma unroll
                    for (int w = 0; w < WIDTH; w++)
                        if (!(has >> w & 1)) results[r].values[w] = T(0);
                    kept[r][t] = results[r];
#endif
                }
#if @SUMS@
                if (WEIGHTED != NOWHERE) kept_weights[t] = weights;
#endif
            }
#if @SUMS@
            #pragma unroll
            for (int r = 0; r < ROWS; r++)
                #pragma unroll
                for (int k = 0; k < SUMS; k++) {
                    if (k == WEIGHTED)
                        for (int t = 0; t < TURNS; t++)
                            for (int w = 0; w < WIDTH; w++) kept[r][t].values[w] *= kept_weights[t].values[w];
                    add(watches[r].waiting[k], kept[r], tiles, lane);
                }
#endif
            tiles++;
        }
    }
    #pragma unroll
    for (int r = 0; r < ROWS; r++) finish(watches[r], found[r][warp], @SUMS@ ? tiles : 0, lane);
    __syncthreads();
#if @HISTOGRAM@
    if (in_shared)
        for (int k = threadIdx.x; k < ROWS * (bins + 3); k += blockDim.x)
            if (counted[k]) atomicAdd(&counts[k], (unsigned long long)counted[k]);
#endif
    for (int r = threadIdx.x; r < ROWS; r += blockDim.x) {
        Place *const list = r >= SIGNED && r < SIGNED_END ? lists + (r - SIGNED) * WARPS * PLACES : nullptr;
        figures[(long long)blockIdx.x * ROWS + r] = merged(found[r], list);
    }
}
