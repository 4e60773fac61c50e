/* The points of a linspace as gradcu/_linspace.py makes them, to the last bit. A part of sweep.cu, which says what the
   names in capitals are. */

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
GRADCU_FUNCTION Base base_of(const Line &line, const double (&origin)[2], long long segment) {
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

/* Points j, j + 1, ... of a segment, so many, by the additions of _Line._fill_segments in gradcu/_linspace.py. */
template <int COUNT>
GRADCU_FUNCTION void make_points(const Line &line, const Base &base, int j, double (&x)[COUNT]) {
    #pragma unroll
    for (int w = 0; w < COUNT; w++) {
        const double number = (double)(j + w), large = number * line.step[0], small = number * line.step[1];
        const double high = large + small;
        const double low = ((large - high) + small) + number * line.step[2];
        const double total = base.high + high;
        const double part = total - base.high;
        const double lost = ((base.high - (total - part)) + (high - part)) + (low + base.low);
        x[w] = total + lost;
    }
}

/* The same in float, where the sum in double is rounded to float. Most GPUs have one unit for doubles to 64 for floats,
   so the sum is taken in pairs of floats, which have 48 bits. If its upper part stays what it is when the tolerance is
   added to the lower part, or taken from it, then the sum in double rounds to it too (Ziv's test, ACM Transactions on
   Mathematical Software 17, 1991). If not, which also holds for whatever is not finite, the sum in double is computed:
   of all of these points, since one test for them costs less than one for each. */
template <int COUNT>
GRADCU_FUNCTION void make_points(const Line &line, const Base &base, int j, float (&x)[COUNT]) {
    bool is_sure = true;
    #pragma unroll
    for (int w = 0; w < COUNT; w++) {
        const float number = (float)(j + w);
        const float offset = number * line.quick_step[0];
        const float rest = fmaf(number, line.quick_step[1], fmaf(number, line.quick_step[0], -offset));
        const float total = base.quick_high + offset;
        const float part = total - base.quick_high;
        const float lost = ((base.quick_high - (total - part)) + (offset - part)) + (rest + base.quick_low);
        const float high = total + lost, low = lost - (high - total);
        is_sure &= high + (low + base.tolerance) == high && high + (low - base.tolerance) == high;
        x[w] = high;
    }
    if (is_sure) return;
    #pragma unroll
    for (int w = 0; w < COUNT; w++) x[w] = (float)(base.high + ((j + w) * line.step[0] + (j + w) * line.step[1]));
}
