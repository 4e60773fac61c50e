/* Elements at indices, and the sum of what belongs to equal indices: x[index] and its adjoint.

   With CuPy x[i, j] is 3 launches and gather along one of three dimensions 6, which work out where the elements are and
   write it to memory; here each is one. CuPy adds with atomic operations, in whatever order threads come, so that a sum of
   floats differs from run to run. Here the places are sorted by the element that they are added to: one launch, and
   Thrust's sort of 8 bytes a place. Then a thread adds up those of equal targets in a chunk of the sorted places, and a
   last launch what belongs to targets that go over several chunks. So a sum is that of its addends in their order,
   wherever the targets are, and one target that gets all of them takes no longer than many. It is 2 or 3 launches and a
   sort, where CuPy's is one for x[i], 3 for x[i, j] and 6 for that gather: the order costs a sort.

   gradcu/ops/_index_kernels.py launches it. */
@HELPERS@

typedef @INDEX@ Index; /* int where it reaches all elements: divisions of long long are slow on a GPU */

enum { MOST_DIMENSIONS = @MOST_DIMENSIONS@, CHUNK = @CHUNK@ };

/* Where an element with this number is, along dimensions of these lengths. */
GRADCU_FUNCTION Index offset_of(
    int dimensions, const Index (&shape)[MOST_DIMENSIONS], const Index (&strides)[MOST_DIMENSIONS], Index number
) {
    Index offset = 0;
    #pragma unroll 1
    for (int d = dimensions - 1; d > 0; d--) {
        const Index rest = number / shape[d];
        offset += (number - rest * shape[d]) * strides[d];
        number = rest;
    }
    return offset + number * strides[0];
}

/* Places, and for each the element that index arrays and its own number lead to: a step along the dimension that an array
   indexes, which has this length, goes `steps` far, and one along dimension d of the places `strides[d]`. */
struct Places {
    Index count;
    int dimensions, arrays;
    Index shape[MOST_DIMENSIONS], strides[MOST_DIMENSIONS];
    Index index_strides[MOST_DIMENSIONS][MOST_DIMENSIONS], lengths[MOST_DIMENSIONS], steps[MOST_DIMENSIONS];
};

/* Indices wrap around, as those of CuPy do. */
GRADCU_FUNCTION Index led_to(const Places &places, const long long *const (&indices)[MOST_DIMENSIONS], Index place) {
    Index found = offset_of(places.dimensions, places.shape, places.strides, place);
    #pragma unroll
    for (int k = 0; k < MOST_DIMENSIONS; k++) {
        if (k >= places.arrays) break;
        const Index at = offset_of(places.dimensions, places.shape, places.index_strides[k], place);
        const Index index = (Index)(*(const long long *)((const char *)indices[k] + at) % places.lengths[k]);
        found += (index < 0 ? index + places.lengths[k] : index) * places.steps[k];
    }
    return found;
}

template <typename E> GRADCU_FUNCTION void copy(void *out, Index place, const char *source) {
    ((E *)out)[place] = *(const E *)source;
}

struct Two {
    long long values[2];
};

/* out[place] = x[indices at place], of elements of 1, 2, 4, 8 or 16 bytes. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_gather(
    const __grid_constant__ Places places, const char *const x, char *const out, const int size, @INDEX_PARAMETERS@
) {
    const long long *const indices[] = {@INDEX_NAMES@};
    const Index stride = (Index)gridDim.x * THREADS;
    for (Index place = (Index)blockIdx.x * THREADS + threadIdx.x; place < places.count; place += stride) {
        const char *const source = x + led_to(places, indices, place);
        switch (size) {
        case 1: copy<char>(out, place, source); break;
        case 2: copy<short>(out, place, source); break;
        case 4: copy<int>(out, place, source); break;
        case 8: copy<long long>(out, place, source); break;
        default: copy<Two>(out, place, source);
        }
    }
}

/* What is sorted: the number of a place, below that of its target. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_targets(
    const __grid_constant__ Places places, const int shift, long long *const sorted, @INDEX_PARAMETERS@
) {
    const long long *const indices[] = {@INDEX_NAMES@};
    const Index stride = (Index)gridDim.x * THREADS;
    for (Index place = (Index)blockIdx.x * THREADS + threadIdx.x; place < places.count; place += stride)
        sorted[place] = (long long)led_to(places, indices, place) << shift | place;
}

/* Where the addends of a place are, and a target: both have `width` elements. Strides are in bytes. */
struct Addends {
    Index count, width;
    int place_dimensions, width_dimensions, target_dimensions, shift;
    Index place_shape[MOST_DIMENSIONS], place_strides[MOST_DIMENSIONS];
    Index width_shape[MOST_DIMENSIONS], addend_strides[MOST_DIMENSIONS], element_strides[MOST_DIMENSIONS];
    Index target_shape[MOST_DIMENSIONS], target_strides[MOST_DIMENSIONS];
};

GRADCU_FUNCTION long long target_of(const Addends &addends, const long long *sorted, Index at) {
    return sorted[at] >> addends.shift;
}

GRADCU_FUNCTION T addend(const Addends &addends, const T *values, long long item, Index column) {
    const Index place = (Index)(item & (((long long)1 << addends.shift) - 1));
    const Index along = offset_of(addends.place_dimensions, addends.place_shape, addends.place_strides, place);
    const Index within = offset_of(addends.width_dimensions, addends.width_shape, addends.addend_strides, column);
    return *(const T *)((const char *)values + along + within);
}

GRADCU_FUNCTION void add(const Addends &addends, T *out, long long target, Index column, Sum sum) {
    const Index along =
        offset_of(addends.target_dimensions, addends.target_shape, addends.target_strides, (Index)target);
    const Index within = offset_of(addends.width_dimensions, addends.width_shape, addends.element_strides, column);
    T &element = *(T *)((char *)out + along + within);
    sum.take(element);
    element = sum.result();
}

/* Sums of a chunk whose target has places in other chunks too: of what the chunk begins with, if an earlier one has the
   target, and of what it ends with, if it is the first that has it. */
struct Partial {
    T *high, *low;

    GRADCU_MEMBER Partial(const Addends &addends, T *partials, bool at_end, Index chunk, Index column) {
        const Index chunks = (addends.count + CHUNK - 1) / CHUNK, size = chunks * addends.width;
        high = partials + (at_end ? 2 * size : 0) + chunk * addends.width + column;
        low = high + size;
    }
    GRADCU_MEMBER void store(const Sum &sum) const {
        *high = sum.high;
        *low = sum.low;
    }
    GRADCU_MEMBER Sum load() const { return {*high, *low}; }
};

/* Adds to each target what belongs to it, for the targets with all their places in one chunk. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_add_chunks(
    const __grid_constant__ Addends addends, const long long *const sorted, const T *const values, T *const out,
    T *const partials
) {
    const Index task = (Index)blockIdx.x * THREADS + threadIdx.x, chunk = task / addends.width;
    const Index column = task - chunk * addends.width, begin = chunk * CHUNK;
    const Index end = addends.count - begin < CHUNK ? addends.count : begin + CHUNK;
    for (Index at = begin; at < end;) {
        const bool is_first = at == begin;
        const long long target = target_of(addends, sorted, at);
        Sum sum = {T(0), T(0)};
        do sum.take(addend(addends, values, sorted[at++], column));
        while (at < end && target_of(addends, sorted, at) == target);
        const bool began = is_first && begin > 0 && target_of(addends, sorted, begin - 1) == target;
        const bool goes_on = at == end && end < addends.count && target_of(addends, sorted, end) == target;
        if (began || goes_on) Partial(addends, partials, !began, chunk, column).store(sum);
        else add(addends, out, target, column, sum);
    }
}

/* Adds the partial results of each target with places in several chunks: the block of the first of these does. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_add_partials(
    const __grid_constant__ Addends addends, const long long *const sorted, T *const out, T *const partials,
    const int lanes
) {
    __shared__ Sum shared[THREADS];
    const Index chunk = blockIdx.x, begin = chunk * CHUNK, end = begin + CHUNK;
    if (end >= addends.count) return;
    const long long target = target_of(addends, sorted, end);
    if (target_of(addends, sorted, end - 1) != target) return;
    if (begin > 0 && target_of(addends, sorted, begin - 1) == target) return;
    Index least = end, most = addends.count;
    while (least < most) {
        const Index middle = least + (most - least) / 2;
        if (target_of(addends, sorted, middle) == target) least = middle + 1;
        else most = middle;
    }
    const Index last = (least - 1) / CHUNK;
    const int columns = THREADS / lanes, lane = threadIdx.x / columns;
    for (Index first = (Index)blockIdx.y * columns; first < addends.width; first += (Index)gridDim.y * columns) {
        const Index column = first + threadIdx.x % columns;
        Sum sum = {T(0), T(0)};
        if (column < addends.width)
            for (Index next = chunk + 1 + lane; next <= last; next += lanes)
                sum.merge(Partial(addends, partials, false, next, column).load());
        sum = merged(lanes, columns, lane, sum, shared);
        if (lane || column >= addends.width) continue;
        sum.merge(Partial(addends, partials, true, chunk, column).load());
        add(addends, out, target, column, sum);
    }
}
