/* Sums that are as good as rounded once, and how the threads of a block put together what each of them has. */
#define GRADCU_MEMBER __device__ __forceinline__

typedef GRADCU_T T;

enum { THREADS = @THREADS@, BLOCKS = @BLOCKS@ /* that share a multiprocessor's registers */ };

GRADCU_FUNCTION bool is_finite(T value) { return value - value == T(0); }

/* A sum, and what its additions have rounded away: the error of an addition is a number, which six operations give
   (Knuth, The Art of Computer Programming 2, 4.2.2, theorem B). Where h additions follow each other, the sum S of x is
   within u |S| + 2 (h u)^2 sum |x| of the true one, u being half a unit in the last place (Ogita, Rump and Oishi, SIAM
   Journal on Scientific Computing 26, 2005). */
struct Sum {
    T high, low;

    GRADCU_MEMBER void take(T value) {
        const T sum = high + value, part = sum - high;
        low += (high - (sum - part)) + (value - part);
        high = sum;
    }
    GRADCU_MEMBER void merge(const Sum &other) {
        take(other.high);
        low += other.low;
    }
    /* The error of a sum that is infinite is NaN. */
    GRADCU_MEMBER T result() const { return is_finite(high + low) ? high + low : high; }
};

/* What so many lanes have, which are `stride` threads apart, merged as a binary tree. All threads of the block must call
   it, and all lanes get the result. */
template <typename A> GRADCU_FUNCTION A merged(int lanes, int stride, int lane, A mine, A *shared) {
    if (lanes == 1) return mine;
    const int thread = threadIdx.x;
    shared[thread] = mine;
    for (int half = lanes / 2; half; half /= 2) {
        __syncthreads();
        if (lane < half) shared[thread].merge(shared[thread + half * stride]);
    }
    __syncthreads();
    const A all = shared[thread - lane * stride];
    __syncthreads();
    return all;
}
