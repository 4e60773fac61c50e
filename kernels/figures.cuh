/* What a sweep tells of its rows, found by the warps of a block while results are in registers: extremes with their
   places, NaNs and infinities, sign changes, sums. None of it depends on how the points are shared out. A part of
   sweep.cu, which says what the names in capitals are. */

/* The sum of numbers, and of their absolute values. */
struct Total {
    double sum, size;
};

/* What is told of a row of results, or of a part of it. Places are counted from the first point of the block. */
struct Figures {
    Total sums[SUMS_KEPT];
    T least, largest;                              /* of all that is not NaN, the first of equal ones */
    T head, tail;                                  /* the first and the last that is not 0 */
    int least_at, largest_at, head_at, tail_at;    /* NOWHERE where there is none */
    int nan, infinite, changes;
};

/* Two neighbours, but for zeros in between, of opposite signs. */
struct Place {
    T before, after;
    int before_at, after_at;
};

GRADCU_FUNCTION bool changes_sign(T before, T after) {
    return before == before && after == after && (before < T(0)) != (after < T(0));
}

/* Takes what is less or larger; of equal numbers the first. */
template <typename Extremes>
GRADCU_FUNCTION void keep_extremes(Extremes &figures, T least, int least_at, T largest, int largest_at) {
    const bool is_new = figures.least_at == NOWHERE;
    if (least_at == NOWHERE) return;
    if (is_new || least < figures.least || (least == figures.least && least_at < figures.least_at))
        figures.least = least, figures.least_at = least_at;
    if (is_new || largest > figures.largest || (largest == figures.largest && largest_at < figures.largest_at))
        figures.largest = largest, figures.largest_at = largest_at;
}

/* The sign changes among the elements of a pack, the first of which is at `at`, and what was before them. The first
   `room` of them are listed. */
GRADCU_FUNCTION int changes_in(const Pack &pack, unsigned has, int at, T before, int before_at, Place *list, int room) {
    int found = 0;
    #pragma unroll
    for (int w = 0; w < WIDTH; w++) {
        const T value = pack.values[w];
        if (!(has >> w & 1) || value == T(0)) continue;
        if (before_at != NOWHERE && changes_sign(before, value)) {
            if (found < room) list[found] = Place{before, value, before_at, at + w};
            found++;
        }
        before = value, before_at = at + w;
    }
    return found;
}

/* What a lane knows of the packs of a row that it had so far. What changes seldom is in the Figures of the warp. */
struct Watch {
    T least, largest, tail;
    int least_at, largest_at, tail_at;
    int sign;                 /* of the warp's last number that is not 0; 0 where there is none, or NaN */
    Total waiting[SUMS_KEPT]; /* lane k has the sums of 2^k tiles that wait for their neighbours */
};

/* Elements of a pack among which is a new extreme, or what is not finite. */
GRADCU_FUNCTION void note_extremes(Watch &watch, Figures &warp, const Pack &pack, unsigned has, int at) {
    #pragma unroll
    for (int w = 0; w < WIDTH; w++) {
        const T value = pack.values[w];
        if (!(has >> w & 1)) continue;
        if (value != value) {
            atomicAdd(&warp.nan, 1);
            continue;
        }
        if (fabs(value) == T(INFINITY)) atomicAdd(&warp.infinite, 1);
        if (watch.least_at == NOWHERE || value < watch.least) watch.least = value, watch.least_at = at + w;
        if (watch.largest_at == NOWHERE || value > watch.largest) watch.largest = value, watch.largest_at = at + w;
    }
}

/* The warp's packs, of which some have a zero, a NaN, or another sign than what was before. */
GRADCU_FUNCTION void note_changes(
    Watch &watch, Figures &warp, const Pack &pack, unsigned has, int at, int lane, Place *list
) {
    /* The lane's own first and last. */
    T first = T(0), last = T(0);
    int first_at = NOWHERE, last_at = NOWHERE;
    #pragma unroll
    for (int w = 0; w < WIDTH; w++) {
        const T value = pack.values[w];
        if (!(has >> w & 1) || value == T(0)) continue;
        if (first_at == NOWHERE) first = value, first_at = at + w;
        last = value, last_at = at + w;
    }
    const unsigned filled = __ballot_sync(ALL, last_at != NOWHERE);
    if (!filled) return;
    /* What was before the lane's: in another lane of this turn, or in an earlier turn. */
    int before_at = watch.tail_at;
    #pragma unroll
    for (int by = 16; by; by /= 2) {
        const int other = __shfl_xor_sync(ALL, before_at, by);
        before_at = other > before_at ? other : before_at;
    }
    T before = __shfl_sync(ALL, watch.tail, __ffs(__ballot_sync(ALL, watch.tail_at == before_at)) - 1);
    const unsigned earlier = filled & ((1u << lane) - 1);
    const int neighbour = earlier ? 31 - __clz(earlier) : 0;
    const T beside = __shfl_sync(ALL, last, neighbour);
    const int beside_at = __shfl_sync(ALL, last_at, neighbour);
    if (earlier) before = beside, before_at = beside_at;
    const int found = changes_in(pack, has, at, before, before_at, nullptr, 0);
    int through = found; /* what this lane and those before it have found */
    #pragma unroll
    for (int by = 1; by < 32; by *= 2) {
        const int other = __shfl_up_sync(ALL, through, by);
        through += lane >= by ? other : 0;
    }
    const int listed = warp.changes + through - found;
    if (found && listed < PLACES) changes_in(pack, has, at, before, before_at, list + listed, PLACES - listed);
    const bool is_first = warp.head_at == NOWHERE;
    __syncwarp();
    if (lane == 31) warp.changes += through;
    if (is_first && lane == __ffs(filled) - 1) warp.head = first, warp.head_at = first_at;
    __syncwarp();
    const T newest = __shfl_sync(ALL, last, 31 - __clz(filled));
    watch.sign = newest < T(0) ? -1 : newest > T(0);
    if (last_at != NOWHERE) watch.tail = last, watch.tail_at = last_at;
}

/* A pack whose first element is at `at`, of which those count whose bits are in `has`. */
GRADCU_FUNCTION void note(
    Watch &watch, Figures &warp, const Pack &pack, unsigned has, int at, int lane, bool is_signed, Place *list
) {
    T low = pack.values[0], high = pack.values[0];
    bool odd = has != EVERY;
    #pragma unroll
    for (int w = 0; w < WIDTH; w++) {
        low = fmin(low, pack.values[w]), high = fmax(high, pack.values[w]);
        odd |= !(fabs(pack.values[w]) < T(INFINITY));
    }
    if (odd || low < watch.least || high > watch.largest) note_extremes(watch, warp, pack, has, at);
    if (!is_signed) return;
    const bool blank = !has || (!odd && low == T(0) && high == T(0));
    const bool alike = !odd && ((watch.sign > 0 && low > T(0)) || (watch.sign < 0 && high < T(0)));
    if (!__all_sync(ALL, blank || alike))
        note_changes(watch, warp, pack, has, at, lane, list);
    else if (alike)
        watch.tail = pack.values[WIDTH - 1], watch.tail_at = at + WIDTH - 1;
}

/* The sum over a tile, or that of absolute values: element i and i + TILE / 2 are added, of these i and i + TILE / 4,
   and so on, so that every lane gets the same bits. */
GRADCU_FUNCTION double halved(const Pack (&packs)[TURNS], int lane, bool of_sizes) {
    double sums[TURNS][WIDTH];
    #pragma unroll
    for (int t = 0; t < TURNS; t++)
        #pragma unroll
        for (int w = 0; w < WIDTH; w++) sums[t][w] = of_sizes ? fabs(packs[t].values[w]) : packs[t].values[w];
    #pragma unroll
    for (int half = TURNS / 2; half; half /= 2)
        #pragma unroll
        for (int t = 0; t < half; t++)
            #pragma unroll
            for (int w = 0; w < WIDTH; w++) sums[t][w] += sums[t + half][w];
    /* Two lanes that have the same elements of a pack to add share them out, as long as they have several. */
    #pragma unroll
    for (int by = 16, half = WIDTH / 2; by; by /= 2, half /= 2) {
        const bool is_upper = lane & by;
        #pragma unroll
        for (int w = 0; w < (half ? half : 1); w++) {
            const double other = half ? sums[0][w + half] : sums[0][w], own = sums[0][w];
            sums[0][w] = (is_upper ? other : own) + __shfl_xor_sync(ALL, is_upper ? own : other, by);
        }
    }
    #pragma unroll
    for (int by = 16, parts = WIDTH; parts > 1; by /= 2, parts /= 2) sums[0][0] += __shfl_xor_sync(ALL, sums[0][0], by);
    return sums[0][0];
}

/* The warp's next tile, of which a lane has these packs, with zeros for what is not there. */
GRADCU_FUNCTION void add(Total &waiting, const Pack (&packs)[TURNS], int tiles, int lane) {
    double sum = halved(packs, lane, false), size = halved(packs, lane, true);
    int level = 0;
    for (; tiles >> level & 1; level++) {
        sum += __shfl_sync(ALL, waiting.sum, level);
        size += __shfl_sync(ALL, waiting.size, level);
    }
    if (lane == level) waiting = Total{sum, size};
}

/* Puts together what the lanes of the warp have found, after so many tiles. */
GRADCU_FUNCTION void finish(Watch &watch, Figures &warp, int tiles, int lane) {
    #pragma unroll
    for (int by = 16; by; by /= 2) {
        const T least = __shfl_xor_sync(ALL, watch.least, by), largest = __shfl_xor_sync(ALL, watch.largest, by);
        const int least_at = __shfl_xor_sync(ALL, watch.least_at, by);
        const int largest_at = __shfl_xor_sync(ALL, watch.largest_at, by);
        const T tail = __shfl_xor_sync(ALL, watch.tail, by);
        const int tail_at = __shfl_xor_sync(ALL, watch.tail_at, by);
        keep_extremes(watch, least, least_at, largest, largest_at);
        if (tail_at > watch.tail_at) watch.tail = tail, watch.tail_at = tail_at;
    }
    #pragma unroll
    for (int k = 0; k < SUMS_KEPT; k++) {
        Total total = {0, 0};
        for (int level = 0; tiles >> level; level++)
            if (tiles >> level & 1) {
                total.sum += __shfl_sync(ALL, watch.waiting[k].sum, level);
                total.size += __shfl_sync(ALL, watch.waiting[k].size, level);
            }
        if (lane == 0) warp.sums[k] = total;
    }
    if (lane) return;
    warp.tail = watch.tail, warp.tail_at = watch.tail_at;
    warp.least = watch.least, warp.least_at = watch.least_at;
    warp.largest = watch.largest, warp.largest_at = watch.largest_at;
}

/* What the warps of a block have found of a row, of which each has a list of its own; the first list becomes that of
   the block. */
GRADCU_FUNCTION Figures merged(Figures (&found)[WARPS], Place *lists) {
    for (int half = 1; half < WARPS; half *= 2)
        for (int k = 0; k < WARPS; k += 2 * half)
            for (int s = 0; s < SUMS_KEPT; s++) {
                found[k].sums[s].sum += found[k + half].sums[s].sum;
                found[k].sums[s].size += found[k + half].sums[s].size;
            }
    Figures whole = found[0];
    for (int k = 1; k < WARPS; k++) {
        const Figures &later = found[k];
        keep_extremes(whole, later.least, later.least_at, later.largest, later.largest_at);
        whole.nan += later.nan;
        whole.infinite += later.infinite;
        /* A row of which sign changes are not wanted has none. */
        if (later.head_at == NOWHERE) continue;
        int listed = whole.changes;
        if (whole.head_at == NOWHERE) {
            whole.head = later.head, whole.head_at = later.head_at;
        } else if (changes_sign(whole.tail, later.head)) {
            if (listed < PLACES) lists[listed] = Place{whole.tail, later.head, whole.tail_at, later.head_at};
            listed++;
        }
        for (int p = 0; p < later.changes && p < PLACES && listed + p < PLACES; p++)
            lists[listed + p] = lists[k * PLACES + p];
        whole.changes = listed + later.changes;
        whole.tail = later.tail, whole.tail_at = later.tail_at;
    }
    return whole;
}
