/* What a kernel without shared memory and synchronisation needs to be compiled by a C++ compiler and run on the CPU: its
   threads run one after the other. Included before the kernel's source. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include <type_traits>
#include <utility>

#define __global__
#define __grid_constant__
#define __launch_bounds__(threads, blocks)

struct Index3 {
    unsigned x;
};
static Index3 blockIdx, threadIdx, blockDim, gridDim;

template <typename... Parameters, size_t... Numbers>
static void launch(
    void (*kernel)(Parameters...), unsigned blocks, unsigned threads, void **arguments, std::index_sequence<Numbers...>
) {
    gridDim.x = blocks;
    blockDim.x = threads;
    for (blockIdx.x = 0; blockIdx.x < blocks; blockIdx.x++)
        for (threadIdx.x = 0; threadIdx.x < threads; threadIdx.x++)
            kernel(*static_cast<std::remove_cv_t<Parameters> *>(arguments[Numbers])...);
}

/* As cuLaunchKernel has it: a pointer to each argument. */
template <typename... Parameters>
static void launch(void (*kernel)(Parameters...), unsigned blocks, unsigned threads, void **arguments) {
    launch(kernel, blocks, threads, arguments, std::index_sequence_for<Parameters...>());
}
