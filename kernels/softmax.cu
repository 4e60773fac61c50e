/* Logarithms of sums of exponentials, softmax and its logarithm, and what their gradients are, without overflow.

   With CuPy's own functions softmax is 5 launches that move 32 bytes an element in float32 and its backward 4 and 36,
   log_softmax 6 and 32, logsumexp 8 and 24. Here each is one launch, where rows are few and long two; it reads its
   operands (as often as it passes over a row, of which the caches serve all but one) and writes its result: 8 bytes, 12
   backward, and of logsumexp 4.

   gradcu/ops/_row_kernels.py launches it. */
@HELPERS@

/* The largest of some elements, or NaN. */
struct Top {
    T value;

    GRADCU_MEMBER void merge(const Top &other) { value = gradcu_maximum(value, other.value); }
};

/* The largest element x of a row, and the sum of exp(x - largest). */
struct Powers {
    T top, total;
};

struct Shared {
    Top tops[THREADS];
    Sum sums[THREADS];
};

/* Passes over the elements twice, since a sum that were scaled whenever a larger element is found would be rounded as
   often. `x` and `weights` are functions of an element's number. */
template <typename X, typename W>
GRADCU_FUNCTION Powers powers_of(
    const Layout &layout, const Task &task, const X &x, const W &weights, Shared &shared
) {
    Top top = {-INFINITY};
    for_each(layout, task, x, [&](T value, Index) { top.value = gradcu_maximum(top.value, value); });
    top = merged(layout, task, top, shared.tops);
    /* Infinite elements must not be subtracted from each other; NaN comes back in the sum. */
    const T shift = is_finite(top.value) ? top.value : T(0);
    Sum sum = {T(0), T(0)};
    for_each(layout, task, x, [&](T value, Index at) { sum.take(exp(value - shift) * weights(at)); });
    return {top.value, merged(layout, task, sum, shared.sums).result()};
}

/* log(sum(exp(x))) of each row. With partial results `out` gets each part's largest element and `totals` its sum; a
   second launch takes these as the elements of its rows, `x` and `weights`. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_logsumexp(
    const __grid_constant__ Layout layout, const T *const x, const T *const weights, T *const out, T *const totals
) {
    __shared__ Shared shared;
    const Task task = task_of(layout);
    const Row<const T> row(layout, 0, x, task), row_weights(layout, 0, weights, task);
    const Powers powers = powers_of(
        layout, task, [&](Index at) { return row[at]; },
        [&](Index at) { return weights ? row_weights[at] : T(1); }, shared
    );
    if (!task.is_real || task.lane) return;
    const Index place = place_of(layout, task);
    if (totals) totals[place] = powers.total;
    out[place] = totals ? powers.top : log(powers.total) + powers.top;
}

/* exp(x) / sum(exp(x)) along each row, or its logarithm. Where blocks share a row, `tops` and `totals` are what
   gradcu_logsumexp left of its parts. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_softmax(
    const __grid_constant__ Layout layout, const T *const x, T *const out, const int logarithm, const T *const tops,
    const T *const totals
) {
    __shared__ Shared shared;
    const Task task = task_of(layout);
    const Row<const T> row(layout, 0, x, task);
    const Row<T> results(layout, 1, out, task);
    const auto element = [&](Index at) { return row[at]; };
    Powers powers;
    if (tops) {
        const Index first = task.row * layout.parts;
        powers = powers_of(
            layout, over_parts(layout, task), [&](Index at) { return tops[first + at]; },
            [&](Index at) { return totals[first + at]; }, shared
        );
    } else {
        powers = powers_of(layout, task, element, [&](Index) { return T(1); }, shared);
    }
    /* The difference of infinities, NaN, is what all elements get beside an infinite one. */
    const T log_total = log(powers.total);
    for_each(layout, task, element, [&](T value, Index at) {
        const T below = value - powers.top;
        results[at] = !is_finite(powers.top) ? NAN : logarithm ? below - log_total : exp(below) / powers.total;
    });
}

/* An element's cotangent, and what the forward gave for it. */
struct Pair {
    T cotangent, result;
};

/* The gradient of softmax, (g - sum(g out)) out, or of its logarithm, g - exp(out) sum(g). With partial results a first
   launch, without `gradient`, leaves the sums over the parts in `sums`, and a second reads them. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_softmax_vjp(
    const __grid_constant__ Layout layout, const T *const g, const T *const out, T *const gradient,
    const int logarithm, T *const sums
) {
    __shared__ Sum shared[THREADS];
    const Task task = task_of(layout);
    const Row<const T> cotangents(layout, 0, g, task), results(layout, 1, out, task);
    const Row<T> gradients(layout, 2, gradient, task);
    const auto pair = [&](Index at) { return Pair{cotangents[at], results[at]}; };
    Sum sum = {T(0), T(0)};
    if (gradient && sums)
        for_each(
            layout, over_parts(layout, task), [&](Index at) { return sums[task.row * layout.parts + at]; },
            [&](T value, Index) { sum.take(value); }
        );
    else
        for_each(layout, task, pair, [&](const Pair &of, Index) {
            sum.take(logarithm ? of.cotangent : of.cotangent * of.result);
        });
    const T total = merged(layout, task, sum, shared).result();
    if (gradient)
        for_each(layout, task, pair, [&](const Pair &of, Index at) {
            gradients[at] = logarithm ? of.cotangent - exp(of.result) * total : (of.cotangent - total) * of.result;
        });
    else if (task.is_real && !task.lane)
        sums[place_of(layout, task)] = total;
}

/* The gradient of logsumexp, g exp(x - out), of which g and out are the same along a row. */
extern "C" __global__ void __launch_bounds__(THREADS, BLOCKS) gradcu_logsumexp_vjp(
    const __grid_constant__ Layout layout, const T *const g, const T *const x, const T *const out, T *const gradient
) {
    const Task task = task_of(layout);
    const Row<const T> cotangents(layout, 0, g, task), row(layout, 1, x, task), results(layout, 2, out, task);
    const Row<T> gradients(layout, 3, gradient, task);
    if (task.begin >= task.end) return;
    const T cotangent = cotangents[0], result = results[0];
    for_each(
        layout, task, [&](Index at) { return row[at]; },
        [&](T value, Index at) { gradients[at] = cotangent * exp(value - result); }
    );
}
