"""CuPy on CPU finds what it is there to find: each test plants a bug."""

from typing import Any

import numpy as np
import pytest

from tests.cpu_cuda.bed import Bed

SOURCE = r"""
extern "C" __global__ void reversed(float* x) {
  __shared__ float block[64];
  extern __shared__ float shift[];
  block[threadIdx.x] = x[threadIdx.x];
  shift[threadIdx.x] = 1;
  __syncthreads();
  x[threadIdx.x] = block[63 - threadIdx.x] + shift[63 - threadIdx.x];
}
extern "C" __global__ void too_early(float* x) {
  __shared__ float block[64];
  block[threadIdx.x] = x[threadIdx.x];
  x[threadIdx.x] = block[63 - threadIdx.x];
  __syncthreads();
}
extern "C" __global__ void diverging(float* x) {
  if (threadIdx.x < 32) __syncthreads();
  else __syncthreads();
}
extern "C" __global__ void waiting_for_ever(float* x) {
  if (threadIdx.x % 32 < 31) x[threadIdx.x] = __shfl_down_sync(0x7fffffff, x[threadIdx.x], 1);
  else __syncthreads();
  if (threadIdx.x == 0) __syncwarp(3);
  else __syncthreads();
}
extern "C" __global__ void sums(float* x) {
  float sum = x[threadIdx.x];
  for (int by = 16; by; by /= 2) sum += __shfl_xor_sync(~0u, sum, by);
  int larger = __syncthreads_count(x[threadIdx.x] > 31.5f);
  x[threadIdx.x] = sum + larger + __popc(__ballot_sync(~0u, threadIdx.x & 1));
}
template <typename T> __global__ void filled(T* x, int n, T value) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) x[i] = value;
}
"""


@pytest.fixture(scope="module")
def kernels(request: pytest.FixtureRequest) -> Any:
    from tests.cpu_cuda import bed

    running = bed.running()
    if running is None:
        pytest.skip("only for CuPy on CPU: python -m tests.cpu_cuda")
    return running.cupy.RawModule(code=SOURCE, options=("--std=c++17",), name_expressions=("filled<double>",))


def run(bed: Bed, kernels: Any, name: str) -> np.ndarray:
    x = bed.cupy.arange(64, dtype=np.float32)
    kernels.get_function(name)((1,), (64,), (x,), shared_mem=256)
    return x.get()


def test_right_kernels_are_right(bed: Bed, kernels: Any):
    np.testing.assert_array_equal(run(bed, kernels, "reversed"), np.arange(64)[::-1] + 1)
    halves = np.repeat([np.arange(32).sum(), np.arange(32, 64).sum()], 32)
    np.testing.assert_array_equal(run(bed, kernels, "sums"), halves + 32 + 16)
    x = bed.cupy.zeros(1000)
    kernels.get_function("filled<double>")((3,), (128,), (x, np.int32(999), np.float64(2.5)))
    np.testing.assert_array_equal(x.get(), [2.5] * 999 + [0])


def test_reading_shared_memory_too_early_gives_nan(bed: Bed, kernels: Any):
    assert np.isnan(run(bed, kernels, "too_early")[:32]).all()


@pytest.mark.parametrize(
    ("name", "message"), [("diverging", "wait at different barriers"), ("waiting_for_ever", "for ever")]
)
def test_threads_that_wait_wrongly_are_an_error(name: str, message: str, bed: Bed, kernels: Any):
    with pytest.raises(Exception, match=f"CUDA_ERROR_LAUNCH_FAILED: {name}: .*{message}"):
        run(bed, kernels, name)


def test_memory_of_the_host_or_of_another_device_is_an_error(bed: Bed, kernels: Any):
    function = kernels.get_function("reversed")
    with pytest.raises(Exception, match="CUDA_ERROR_ILLEGAL_ADDRESS: reversed: argument 0 is no memory of a device"):
        function((1,), (64,), (np.uint64(4096),), shared_mem=256)
    with bed.cupy.cuda.Device(1):
        elsewhere = bed.cupy.zeros(64, np.float32)
    with pytest.raises(Exception, match="argument 0 is memory of another device"):
        function((1,), (64,), (elsewhere,), shared_mem=256)
    # A kernel of CuPy's connects the devices, for as long as a process lives: of that no test must know another's.
    with pytest.warns(Warning, match="Peer access has been activated"):
        _ = elsewhere + 1
    function((1,), (64,), (elsewhere,), shared_mem=256)
    bed.disconnect()
    with pytest.raises(Exception, match="argument 0 is memory of another device"):
        function((1,), (64,), (elsewhere,), shared_mem=256)


def test_a_kernel_that_does_not_compile_is_cupys_error(bed: Bed):
    module = bed.cupy.RawModule(code='extern "C" __global__ void broken(float* x) { x[0] = missing; }')
    with pytest.raises(bed.cupy.cuda.compiler.CompileException, match="missing"):
        module.get_function("broken")


def test_a_copy_beyond_the_end_is_an_error(bed: Bed):
    source, target = np.zeros(4096, np.float32), bed.cupy.zeros(2, np.float32)
    with pytest.raises(bed.cupy.cuda.runtime.CUDARuntimeError, match="cudaErrorInvalidValue"):
        bed.cupy.cuda.runtime.memcpy(target.data.mem.ptr, source.ctypes.data, 4096 * 4 + (1 << 22), 1)


def test_new_memory_is_nan(bed: Bed):
    bed.cupy.get_default_memory_pool().free_all_blocks()
    assert np.isnan(bed.cupy.empty(1000, np.float32).get()).all()


def test_what_stands_in_for_closed_libraries_counts_its_calls(bed: Bed):
    before = bed.closed.used()
    x = bed.cupy.asarray([[3.0, 1.0], [2.0, np.nan]])
    np.testing.assert_array_equal(bed.cupy.sort(x, axis=0).get(), [[2.0, 1.0], [3.0, np.nan]])
    np.testing.assert_array_equal(bed.cupy.argsort(x).get(), [[1, 0], [0, 1]])
    y = bed.cupy.arange(4.0).reshape(2, 2)
    np.testing.assert_array_equal((y @ y.T).get(), [[1.0, 3.0], [3.0, 13.0]])
    after = bed.closed.used()
    assert after["thrust"] > before["thrust"]
    assert after["cublas"] == before["cublas"] + 1


def test_nothing_calls_it_a_gpu(bed: Bed):
    assert bed.name.endswith("on CPU")
    assert bed.cupy.cuda.runtime.getDeviceProperties(0)["name"] == b"CuPy on CPU"
