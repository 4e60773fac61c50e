// CUDA's half-precision type as CuPy's kernels use it, on the compiler's own _Float16.
#pragma once

struct __half_raw {
  unsigned short x;
};

struct __half {
  _Float16 value;
  __half() = default;
  template <typename T, typename = std::enable_if_t<std::is_arithmetic_v<T>>>
  __half(T number) : value(_Float16(number)) {}
  __half(const __half_raw& raw) { std::memcpy(&value, &raw.x, sizeof value); }
  operator float() const { return float(value); }
  operator __half_raw() const {
    __half_raw raw;
    std::memcpy(&raw.x, &value, sizeof value);
    return raw;
  }
};

typedef __half half;

inline unsigned short __half_as_ushort(__half h) { return __half_raw(h).x; }
inline __half __ushort_as_half(unsigned short bits) { return __half(__half_raw{bits}); }
inline __half __float2half(float x) { return __half(x); }
inline __half __float2half_rn(float x) { return __half(x); }
inline float __half2float(__half h) { return float(h); }
