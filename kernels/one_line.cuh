/* The points of a sweep of one variable over a linspace: packs of neighbours in one segment. A part of sweep.cu; what it
   has, axes.cuh has for all other sweeps. */

typedef Line Points;

/* What a thread knows of the stretch that it is at. */
struct Walk {
    Base base;
    int offset; /* of its first point from the segment's */
    bool has_exact;
};

/* Comes to the stretch that begins with a point, in a launch that begins with the first. */
GRADCU_FUNCTION void come_to(Walk &walk, const Points &line, long long stretch, long long first) {
    const long long segment = stretch / SEGMENT;
    walk.base = base_of(line, line.origins[segment / SPAN_SEGMENTS - first / SEGMENT / SPAN_SEGMENTS], segment);
    walk.offset = (int)(stretch % SEGMENT);
    walk.has_exact = false;
    for (int k = 0; k < MOST_EXACT; k++) walk.has_exact |= line.exact_at[k] / STRETCH == stretch / STRETCH;
}

/* The inputs at a pack's points, of which the first is that number `at` of the stretch. */
GRADCU_FUNCTION void make_inputs(
    Walk &walk, const Points &line, const T *const *, long long stretch, int at, unsigned, Pack (&inputs)[INPUTS], Pack &
) {
    make_points(line, walk.base, walk.offset + at, inputs[0].values);
    if (!walk.has_exact) return;
    for (int k = 0; k < MOST_EXACT; k++)
        for (int w = 0; w < WIDTH; w++)
            if (line.exact_at[k] == stretch + at + w) inputs[0].values[w] = (T)line.exact[k];
}
