/* Sums, and largest or smallest elements with where they are, along any dimensions of an array with any strides.

   CuPy's sum reads as much, in one launch or CUB's two. But both add up many elements in turn, so that the error grows
   with their number, and where the axes don't suit CUB one block takes each sum, so that a long one uses one
   multiprocessor. Here a sum of any length is as good as rounded once, and few long ones are spread over the device, by a
   second launch. A mean is one launch, where CuPy's sum and division are two. Largest elements with their places are one
   launch that reads 4 bytes an element in float32, where CuPy's max and argmax are two and 8. The gradient of these is one
   launch that writes 4 bytes, where CuPy's comparison and choice are 3 and 6; that of equal ones, which share it, is one
   that reads 4 and writes 4, where CuPy's are 5 and 30.

   gradcu/ops/_row_kernels.py launches it. */
@HELPERS@

/* The sum of each row, over `divisor`. With partial results (parts > 1) `out` gets each part's sum, and `out_low` what
   was rounded away; a second launch takes these as the elements of its rows, `x` and `x_low`. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_sum(
    const __grid_constant__ Layout layout, const T *const x, const T *const x_low, T *const out, T *const out_low,
    const T divisor
) {
    __shared__ Sum shared[THREADS];
    const Task task = task_of(layout);
    const Row<const T> row(layout, 0, x, task), lows(layout, 0, x_low, task);
    Sum sum = {T(0), T(0)};
    for_each(
        layout, task, [&](Index at) { return Sum{row[at], x_low ? lows[at] : T(0)}; },
        [&](const Sum &next, Index) { sum.merge(next); }
    );
    sum = merged(layout, task, sum, shared);
    if (!task.is_real || task.lane) return;
    const Index place = place_of(layout, task);
    if (out_low) out_low[place] = sum.low;
    out[place] = out_low ? sum.high : sum.result() / divisor;
}

/* The first of the largest elements, or the first NaN; `at` is negative where there is none yet. */
struct Extreme {
    T value;
    long long at;

    GRADCU_MEMBER bool is_less(const Extreme &other) const {
        if (at < 0 || other.at < 0) return at < 0;
        if (value != value || other.value != other.value) return value == value;
        return value < other.value;
    }
    GRADCU_MEMBER void merge(const Extreme &other) {
        if (is_less(other) || (!other.is_less(*this) && other.at < at)) *this = other;
    }
};

/* The largest element of each row and its place in the row, or the smallest where `sign` is -1. With partial results a
   second launch takes these as the elements of its rows, with the places in `x_at`. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_extreme(
    const __grid_constant__ Layout layout, const T *const x, const long long *const x_at, T *const out,
    long long *const out_at, const T sign
) {
    __shared__ Extreme shared[THREADS];
    const Task task = task_of(layout);
    const Row<const T> row(layout, 0, x, task);
    const Row<const long long> places(layout, 1, x_at, task);
    Extreme extreme = {T(0), -1};
    for_each(
        layout, task, [&](Index at) { return Extreme{sign * row[at], x_at ? places[at] : at}; },
        [&](const Extreme &next, Index) {
            if (extreme.is_less(next)) extreme = next;
        }
    );
    extreme = merged(layout, task, extreme, shared);
    if (!task.is_real || task.lane) return;
    const Index place = place_of(layout, task);
    out[place] = sign * extreme.value;
    out_at[place] = extreme.at;
}

/* The gradient of the largest elements: the row's cotangent at its place, 0 elsewhere. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_extreme_vjp(
    const __grid_constant__ Layout layout, const T *const g, const long long *const at, T *const gradient
) {
    const Task task = task_of(layout);
    if (task.begin >= task.end) return;
    const T cotangent = Row<const T>(layout, 0, g, task)[0];
    const long long place = Row<const long long>(layout, 1, at, task)[0];
    const Row<T> gradients(layout, 2, gradient, task);
    for_each(
        layout, task, [](Index at) { return at; },
        [&](Index number, Index) { gradients[number] = number == place ? cotangent : T(0); }
    );
}

/* The row's cotangent, shared evenly by the elements that are its largest; `nans` are equal to each other. With partial
   results a first launch, without `gradient`, leaves the numbers of such elements in `counts`, and a second reads them. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_shared_vjp(
    const __grid_constant__ Layout layout, const T *const x, const T *const largest, const T *const g,
    T *const gradient, const int nans, T *const counts
) {
    __shared__ Sum shared[THREADS];
    const Task task = task_of(layout);
    const Row<const T> row(layout, 0, x, task), extremes(layout, 1, largest, task), cotangents(layout, 2, g, task);
    const Row<T> gradients(layout, 3, gradient, task);
    const bool has_elements = task.begin < task.end;
    const T extreme = has_elements ? extremes[0] : T(0), cotangent = has_elements ? cotangents[0] : T(0);
    const auto tie = [&](Index at) {
        const T value = row[at];
        return T(value == extreme || (nans && value != value && extreme != extreme));
    };
    Sum sum = {T(0), T(0)};
    if (gradient && counts)
        for_each(
            layout, over_parts(layout, task), [&](Index at) { return counts[task.row * layout.parts + at]; },
            [&](T count, Index) { sum.take(count); }
        );
    else
        for_each(layout, task, tie, [&](T one, Index) { sum.take(one); });
    const T count = merged(layout, task, sum, shared).result();
    if (gradient)
        for_each(layout, task, tie, [&](T one, Index at) { gradients[at] = cotangent * one / count; });
    else if (task.is_real && !task.lane)
        counts[place_of(layout, task)] = count;
}
