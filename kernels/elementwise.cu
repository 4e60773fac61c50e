/* Any number of elementwise ops on any number of arrays, and several results, in one launch.

   With CuPy's own functions every op is a launch that reads its operands from memory and writes its result there. The
   backward of silu, for one, is 6 launches that move 60 bytes an element in float32; here it is one launch and 12 bytes:
   the operand and the cotangent are read, the gradient is written.

   gradcu/fuse/cuda_source.py puts a program in place of the marks; it compiles with NVRTC and, behind a header that
   supplies blockIdx and threadIdx, with a C++ compiler for the host. */
@HELPERS@

typedef GRADCU_T T;
typedef @INDEX@ Index; /* int where it reaches all elements: divisions of long long are slow on a GPU */

enum {
    ARRAYS = @ARRAY_COUNT@, /* the inputs that are not passed by value */
    DIMENSIONS = @DIMENSIONS@, /* 0 where every input is one element or lies in memory as the outputs do */
    WIDTH = 16 / sizeof(T)     /* elements that a thread loads and stores with one instruction, of such inputs */
};

GRADCU_FUNCTION void program(@INPUTS@, @OUTPUTS@) {
@BODY@
}

#if @DIMENSIONS@

/* How to find the operands of an element: of each input, how many bytes a step along a dimension goes. */
struct Layout {
    Index shape[DIMENSIONS], strides[ARRAYS][DIMENSIONS];
};

GRADCU_FUNCTION void offsets_of(Index element, const Layout &layout, Index (&offsets)[ARRAYS]) {
    #pragma unroll
    for (int k = 0; k < ARRAYS; k++) offsets[k] = 0;
    #pragma unroll
    for (int d = DIMENSIONS - 1; d >= 0; d--) {
        const Index rest = element / layout.shape[d], along = element - rest * layout.shape[d];
        #pragma unroll
        for (int k = 0; k < ARRAYS; k++) offsets[k] += along * layout.strides[k][d];
        element = rest;
    }
}

extern "C" __global__ void __launch_bounds__(@BOUNDS@) gradcu_elementwise(
    const __grid_constant__ Layout layout, const Index count, @PARAMETERS@
) {
    for (Index i = (Index)blockIdx.x * blockDim.x + threadIdx.x; i < count; i += (Index)gridDim.x * blockDim.x) {
        Index offsets[ARRAYS];
        offsets_of(i, layout, offsets);
        @RESULTS@
        program(@STRIDED_LOADS@, @RESULT_NAMES@);
        @STORES@
    }
}

#else

/* As many elements as a thread takes at a time, in one instruction. */
template <typename V> struct alignas(sizeof(V) * WIDTH) Pack {
    V values[WIDTH];
};

template <typename V> GRADCU_FUNCTION bool is_aligned(const V *array) { return (size_t)array % sizeof(Pack<V>) == 0; }

extern "C" __global__ void __launch_bounds__(@BOUNDS@) gradcu_elementwise(
    const Index count, @PARAMETERS@
) {
    /* Arrays that begin amid a pack go element by element, and so does what is left behind the last whole pack. */
    const Index packs = @ALL_ALIGNED@ ? count / WIDTH : 0;
    const Index first = (Index)blockIdx.x * blockDim.x + threadIdx.x, stride = (Index)gridDim.x * blockDim.x;
    for (Index p = first; p < packs; p += stride) {
        @PACK_LOADS@
        @PACK_RESULTS@
        #pragma unroll
        for (int w = 0; w < WIDTH; w++) program(@PACK_ELEMENTS@, @PACK_RESULT_NAMES@);
        @PACK_STORES@
    }
    for (Index i = packs * WIDTH + first; i < count; i += stride) {
        @RESULTS@
        program(@LOADS@, @RESULT_NAMES@);
        @STORES@
    }
}

#endif
