/* The points of a sweep over a product of axes, in C order: evenly spaced ones are made, others are read. A part of
   sweep.cu; what it has, one_line.cuh has for the sweep of one variable over a linspace.

   An axis is gone through again and again, the last one at every point, so what a launch has of it, origins of spans or
   given values, may begin amid it, go on to its end, and begin again. */

struct Points {
    long long lengths[AXES];
    long long begins[AXES]; /* the first point of the axis whose value, or whose span's origin, is there */
    Line lines[LINES + !LINES];
};

/* What a thread knows of a linspace: its last point there, and that point's segment. */
struct Reached {
    Base base;
    long long segment, index;
    T value;
};

/* What a thread knows of the stretch that it is at. */
struct Walk {
    long long start[AXES]; /* where on each axis its first point is */
    Reached reached[LINES + !LINES];
};

/* Comes to the stretch that begins with a point. */
GRADCU_FUNCTION void come_to(Walk &walk, const Points &points, long long stretch, long long) {
    #pragma unroll
    for (int d = AXES - 1; d >= 0; d--) {
        walk.start[d] = stretch % points.lengths[d];
        stretch /= points.lengths[d];
    }
    #pragma unroll
    for (int k = 0; k < LINES; k++) walk.reached[k].segment = walk.reached[k].index = NOWHERE;
}

/* How many places behind `begin`, on an axis that begins again at its end, a place is. */
GRADCU_FUNCTION long long behind(long long place, long long begin, long long length) {
    return place < begin ? place - begin + length : place - begin;
}

GRADCU_FUNCTION T value_of(const Line &line, Reached &reached, long long index, long long begin, long long length) {
    if (index == reached.index) return reached.value;
    const long long segment = index / SEGMENT, last_span = (length - 1) / SEGMENT / SPAN_SEGMENTS;
    if (segment != reached.segment) {
        const long long span = behind(segment / SPAN_SEGMENTS, begin / SEGMENT / SPAN_SEGMENTS, last_span + 1);
        reached.base = base_of(line, line.origins[span], segment);
        reached.segment = segment;
    }
    T point[1];
    make_points(line, reached.base, (int)(index % SEGMENT), point);
    for (int k = 0; k < MOST_EXACT; k++)
        if (line.exact_at[k] == index) point[0] = (T)line.exact[k];
    reached.index = index;
    return reached.value = point[0];
}

/* The inputs at a pack's points, of which the first is that number `at` of the stretch, and the points' weights in a
   sum by the trapezoidal rule. Only where `has` has the bits, a point is of the launch. */
GRADCU_FUNCTION void make_inputs(
    Walk &walk, const Points &points, const T *const *given, long long, int at, unsigned has, Pack (&inputs)[INPUTS],
    Pack &weights
) {
    long long index[AXES], turns = at;
    #pragma unroll
    for (int d = AXES - 1; d >= 0; d--) {
        const long long length = points.lengths[d];
        index[d] = walk.start[d] + turns;
        /* On a long axis there is one turn at most, on a short one 32 bits do. */
        turns = index[d] < length ? 0 : length > STRETCH ? 1 : (unsigned)index[d] / (unsigned)length;
        index[d] -= turns * length;
    }
    #pragma unroll
    for (int w = 0; w < WIDTH; w++) {
        weights.values[w] = T(1);
        #pragma unroll
        for (int k = 0; k < INPUTS; k++) inputs[k].values[w] = T(0);
        if (has >> w & 1) {
            @COORDINATES@
            #pragma unroll
            for (int d = 0; d < AXES; d++)
                if (points.lengths[d] > 1 && (index[d] == 0 || index[d] == points.lengths[d] - 1))
                    weights.values[w] *= T(0.5);
        }
        index[AXES - 1]++;
        #pragma unroll
        for (int d = AXES - 1; d > 0; d--)
            if (index[d] == points.lengths[d]) index[d] = 0, index[d - 1]++;
    }
}
