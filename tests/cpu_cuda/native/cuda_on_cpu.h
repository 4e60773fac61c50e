// What CUDA C++ has and C++ has not, for a C++ compiler: included before every kernel that the bed compiles.
#pragma once
#include <algorithm>
#include <cassert>
#include <climits>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <math.h>  // the overloads for float without std::, as CUDA has them
#include <type_traits>
#include <utility>

#include "threads.h"

#define __CUDA_ARCH__ 900
#define __CUDACC__ 1
#define __CUDACC_RTC__ 1
#define __CUDACC_VER_MAJOR__ 12
#define __CUDACC_VER_MINOR__ 9

#define __global__
#define __device__
#define __host__
#define __constant__ static
#define __managed__ static
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __launch_bounds__(...)
#define __grid_constant__
#define __align__(n) __attribute__((aligned(n)))
#define __restrict__ __restrict

using std::ptrdiff_t;
using std::size_t;

// ---- Where a thread stands, and its block's memory. One block runs at a time, so static memory is shared memory; in a
// section of its own it can be filled with garbage before each block.
#define threadIdx (cpu_cuda::running->thread)
#define blockIdx (cpu_cuda::running->block)
#define blockDim (cpu_cuda::running->block_size)
#define gridDim (cpu_cuda::running->grid_size)
#define warpSize 32
#ifdef CPU_CUDA_SANITIZED
#define __shared__ static  // AddressSanitizer puts nothing between variables in a section of their own
#else
#define __shared__ static __attribute__((section("cpu_cuda_shared")))
#endif
#define CPU_CUDA_DYNAMIC_SHARED(type, name) type* name = reinterpret_cast<type*>(cpu_cuda::running->dynamic_shared)

// ---- Vectors
#define CPU_CUDA_VECTORS(type, name)                                                   \
  struct alignas(std::min<size_t>(2 * sizeof(type), 16)) name##2 { type x, y; };       \
  struct name##3 { type x, y, z; };                                                    \
  struct alignas(std::min<size_t>(4 * sizeof(type), 16)) name##4 { type x, y, z, w; }; \
  inline name##2 make_##name##2(type x, type y) { return {x, y}; }                     \
  inline name##3 make_##name##3(type x, type y, type z) { return {x, y, z}; }          \
  inline name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }
CPU_CUDA_VECTORS(float, float)
CPU_CUDA_VECTORS(double, double)
CPU_CUDA_VECTORS(int, int)
CPU_CUDA_VECTORS(long long, longlong)
struct alignas(8) uint2 {
  unsigned x, y;
};
struct alignas(16) uint4 {
  unsigned x, y, z, w;
};

// ---- Waiting for the block
#define __syncthreads() cpu_cuda::block_barrier(__COUNTER__, __LINE__)
#define __syncthreads_count(value) cpu_cuda::block_vote(__COUNTER__, __LINE__, cpu_cuda::COUNT, (value))
#define __syncthreads_or(value) cpu_cuda::block_vote(__COUNTER__, __LINE__, cpu_cuda::ANY, (value))
#define __syncthreads_and(value) cpu_cuda::block_vote(__COUNTER__, __LINE__, cpu_cuda::ALL, (value))
#define __trap() cpu_cuda::fail("__trap()", __LINE__)
inline void __threadfence() {}
inline void __threadfence_block() {}

// ---- Waiting for the warp. The default argument is the line of the call.
namespace cpu_cuda {
template <typename T>
T shuffled(unsigned mask, T value, Exchange exchange, int argument, int width, int line) {
  static_assert(sizeof(T) <= sizeof(uint64_t), "a shuffle of more than 8 bytes");
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof(T));
  bits = warp_exchange(mask, bits, exchange, argument, width, line);
  std::memcpy(&value, &bits, sizeof(T));
  return value;
}
}  // namespace cpu_cuda
template <typename T>
T __shfl_down_sync(unsigned mask, T value, unsigned by, int width = 32, int line = __builtin_LINE()) {
  return cpu_cuda::shuffled(mask, value, cpu_cuda::SHUFFLE_DOWN, int(by), width, line);
}
template <typename T>
T __shfl_up_sync(unsigned mask, T value, unsigned by, int width = 32, int line = __builtin_LINE()) {
  return cpu_cuda::shuffled(mask, value, cpu_cuda::SHUFFLE_UP, int(by), width, line);
}
template <typename T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = 32, int line = __builtin_LINE()) {
  return cpu_cuda::shuffled(mask, value, cpu_cuda::SHUFFLE_XOR, bits, width, line);
}
template <typename T>
T __shfl_sync(unsigned mask, T value, int from, int width = 32, int line = __builtin_LINE()) {
  return cpu_cuda::shuffled(mask, value, cpu_cuda::SHUFFLE_FROM, from, width, line);
}
inline unsigned __ballot_sync(unsigned mask, int value, int line = __builtin_LINE()) {
  return unsigned(cpu_cuda::warp_exchange(mask, value != 0, cpu_cuda::BALLOT, 0, 32, line));
}
inline int __any_sync(unsigned mask, int value, int line = __builtin_LINE()) {
  return __ballot_sync(mask, value, line) != 0;
}
inline int __all_sync(unsigned mask, int value, int line = __builtin_LINE()) {
  return __ballot_sync(mask, !value, line) == 0;
}
inline void __syncwarp(unsigned mask = ~0u, int line = __builtin_LINE()) {
  cpu_cuda::warp_exchange(mask, 0, cpu_cuda::WARP_BARRIER, 0, 32, line);
}

// ---- Atomic operations. Nothing else runs meanwhile; that they are atomic is for ThreadSanitizer.
namespace cpu_cuda {
template <typename T, typename F>
T replaced(T* at, F next) {
  T before, after;
  __atomic_load(at, &before, __ATOMIC_RELAXED);
  after = next(before);
  __atomic_store(at, &after, __ATOMIC_RELAXED);
  return before;
}
}  // namespace cpu_cuda
#define CPU_CUDA_ATOMIC(name, expression)                                                 \
  template <typename T, typename U>                                                       \
  T name(T* at, U operand) {                                                              \
    return cpu_cuda::replaced(at, [value = T(operand)](T old) { return T(expression); }); \
  }
CPU_CUDA_ATOMIC(atomicAdd, old + value)
CPU_CUDA_ATOMIC(atomicSub, old - value)
CPU_CUDA_ATOMIC(atomicMax, old < value ? value : old)
CPU_CUDA_ATOMIC(atomicMin, value < old ? value : old)
CPU_CUDA_ATOMIC(atomicAnd, old& value)
CPU_CUDA_ATOMIC(atomicOr, old | value)
CPU_CUDA_ATOMIC(atomicXor, old ^ value)
CPU_CUDA_ATOMIC(atomicExch, value)
template <typename T>
T atomicCAS(T* at, T expected, T value) {
  return cpu_cuda::replaced(at, [=](T old) { return std::memcmp(&old, &expected, sizeof(T)) ? old : value; });
}

// ---- Intrinsics
template <typename T>
T __ldg(const T* at) {
  return *at;
}
inline float __expf(float x) { return std::exp(x); }
inline float __logf(float x) { return std::log(x); }
inline float __sinf(float x) { return std::sin(x); }
inline float __cosf(float x) { return std::cos(x); }
inline float __powf(float x, float y) { return std::pow(x, y); }
inline float __fdividef(float a, float b) { return a / b; }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float __fadd_rn(float a, float b) { return a + b; }
inline float __fsub_rn(float a, float b) { return a - b; }
inline float __fmul_rn(float a, float b) { return a * b; }
inline float __fdiv_rn(float a, float b) { return a / b; }
inline double __dadd_rn(double a, double b) { return a + b; }
inline double __dsub_rn(double a, double b) { return a - b; }
inline double __dmul_rn(double a, double b) { return a * b; }
inline float rsqrtf(float x) { return 1.0f / std::sqrt(x); }
inline double rsqrt(double x) { return 1.0 / std::sqrt(x); }
inline double normcdf(double x) { return 0.5 * std::erfc(-x * M_SQRT1_2); }
inline float normcdff(float x) { return float(normcdf(x)); }
inline double sinpi(double x) { return std::sin(M_PI * std::fmod(x, 2.0)); }
inline double cospi(double x) { return std::cos(M_PI * std::fmod(x, 2.0)); }
inline float sinpif(float x) { return float(sinpi(x)); }
inline float cospif(float x) { return float(cospi(x)); }
inline int __popc(unsigned x) { return __builtin_popcount(x); }
inline int __popcll(unsigned long long x) { return __builtin_popcountll(x); }
inline int __ffs(int x) { return __builtin_ffs(x); }
inline int __ffsll(long long x) { return __builtin_ffsll(x); }
inline int __clz(int x) { return x ? __builtin_clz(unsigned(x)) : 32; }
inline int __clzll(long long x) { return x ? __builtin_clzll((unsigned long long)(x)) : 64; }
namespace cpu_cuda {
template <typename To, typename From>
To same_bits(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(To));
  return to;
}
}  // namespace cpu_cuda
inline int __float_as_int(float x) { return cpu_cuda::same_bits<int>(x); }
inline float __int_as_float(int x) { return cpu_cuda::same_bits<float>(x); }
inline unsigned __float_as_uint(float x) { return cpu_cuda::same_bits<unsigned>(x); }
inline float __uint_as_float(unsigned x) { return cpu_cuda::same_bits<float>(x); }
inline long long __double_as_longlong(double x) { return cpu_cuda::same_bits<long long>(x); }
inline double __longlong_as_double(long long x) { return cpu_cuda::same_bits<double>(x); }

using std::isfinite;
using std::isinf;
using std::isnan;
using std::max;
using std::min;
using std::signbit;
// Of two zeros CUDA's instructions take the one by its sign, and a number rather than a NaN: PTX ISA, max and min.
inline float max(float a, float b) { return a == b ? (std::signbit(a) ? b : a) : std::fmax(a, b); }
inline float min(float a, float b) { return a == b ? (std::signbit(a) ? a : b) : std::fmin(a, b); }
inline double max(double a, double b) { return a == b ? (std::signbit(a) ? b : a) : std::fmax(a, b); }
inline double min(double a, double b) { return a == b ? (std::signbit(a) ? a : b) : std::fmin(a, b); }
inline long long min(long long a, int b) { return a < b ? a : b; }
inline long long max(long long a, int b) { return a > b ? a : b; }

// ---- How a launch, which has addresses of the arguments, calls a kernel
namespace cpu_cuda {
template <auto function>
struct Entry;
template <typename... A, void (*function)(A...)>
struct Entry<function> {
  template <size_t... I>
  static void spread(void** values, std::index_sequence<I...>) {
    function(*static_cast<std::remove_reference_t<A>*>(values[I])...);
  }
  static void call(void** values) { spread(values, std::index_sequence_for<A...>{}); }
  static constexpr int sizes[] = {int(sizeof(A))..., 0};
  static constexpr bool pointers[] = {std::is_pointer_v<A>..., false};
  static constexpr Kernel kernel = {call, sizeof...(A), sizes, pointers};
};
}  // namespace cpu_cuda
#define CPU_CUDA_KERNEL(name, ...) \
  extern "C" const cpu_cuda::Kernel cpu_cuda_kernel_##name = cpu_cuda::Entry<&__VA_ARGS__>::kernel;
#define CPU_CUDA_MODULE(waits)                                                           \
  extern "C" __attribute__((weak, visibility("hidden"))) char __start_cpu_cuda_shared[]; \
  extern "C" __attribute__((weak, visibility("hidden"))) char __stop_cpu_cuda_shared[];  \
  extern "C" const cpu_cuda::Module cpu_cuda_module = {waits, __start_cpu_cuda_shared, __stop_cpu_cuda_shared};
