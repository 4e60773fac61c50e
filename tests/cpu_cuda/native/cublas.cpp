// The matrix products of cuBLAS, a closed library, in plain loops. Matrices are column-major; sums are in double.
#include <complex>
#include <cstddef>

namespace {

// By their numbers in cuBLAS and in cudaDataType.
enum { SUCCESS = 0, NOT_SUPPORTED = 15 };
enum { NOT_TRANSPOSED = 0, CONJUGATED = 2 };
enum { FLOAT32 = 0, FLOAT64 = 1, FLOAT16 = 2, COMPLEX64 = 4, COMPLEX128 = 5 };

struct Matrix {
  int operation;
  const void* data;
  int leading;
};

double conjugate(double x) { return x; }
std::complex<double> conjugate(std::complex<double> x) { return std::conj(x); }

template <typename Wide, typename T>
Wide element(const Matrix& matrix, int row, int column) {
  const T* data = static_cast<const T*>(matrix.data);
  if (matrix.operation == NOT_TRANSPOSED) return Wide(data[row + size_t(column) * matrix.leading]);
  Wide value(data[column + size_t(row) * matrix.leading]);
  return matrix.operation == CONJUGATED ? conjugate(value) : value;
}

// c = alpha * a @ b + beta * c, for m rows and n columns, where `a` has k columns.
template <typename Wide, typename T, typename Scalar>
int product(int m, int n, int k, const void* alpha, Matrix a, Matrix b, const void* beta, void* c, int leading) {
  Wide scale(*static_cast<const Scalar*>(alpha)), keep(*static_cast<const Scalar*>(beta));
  for (int column = 0; column < n; column++)
    for (int row = 0; row < m; row++) {
      Wide sum = 0;
      for (int i = 0; i < k; i++) sum += element<Wide, T>(a, row, i) * element<Wide, T>(b, i, column);
      T& out = static_cast<T*>(c)[row + size_t(column) * leading];
      // What is multiplied by 0 may be NaN, and must not be read.
      out = T(keep == Wide(0) ? scale * sum : scale * sum + keep * Wide(out));
    }
  return SUCCESS;
}

int product_of(int type, int m, int n, int k, const void* alpha, Matrix a, Matrix b, const void* beta, void* c,
               int leading) {
  using Complex = std::complex<double>;
  switch (type) {
    case FLOAT16: return product<double, _Float16, float>(m, n, k, alpha, a, b, beta, c, leading);
    case FLOAT32: return product<double, float, float>(m, n, k, alpha, a, b, beta, c, leading);
    case FLOAT64: return product<double, double, double>(m, n, k, alpha, a, b, beta, c, leading);
    case COMPLEX64:
      return product<Complex, std::complex<float>, std::complex<float>>(m, n, k, alpha, a, b, beta, c, leading);
    case COMPLEX128: return product<Complex, Complex, Complex>(m, n, k, alpha, a, b, beta, c, leading);
    default: return NOT_SUPPORTED;
  }
}

size_t bytes_of(int type) { return type == FLOAT16 ? 2 : type == FLOAT32 ? 4 : type == COMPLEX128 ? 16 : 8; }

unsigned long calls = 0;

}  // namespace

extern "C" {

unsigned long cpu_cuda_cublas_calls() { return calls; }
int cpu_cuda_not_supported() { return NOT_SUPPORTED; }

int cublasCreate_v2(void** handle) {
  *handle = &calls;
  return SUCCESS;
}
int cublasDestroy_v2(void*) { return SUCCESS; }
int cublasGetVersion_v2(void*, int* version) {
  *version = 120000;
  return SUCCESS;
}
int cublasSetStream_v2(void*, void*) { return SUCCESS; }
int cublasGetStream_v2(void*, void** stream) {
  *stream = nullptr;
  return SUCCESS;
}
int cublasSetWorkspace_v2(void*, void*, size_t) { return SUCCESS; }
int cublasSetMathMode(void*, int) { return SUCCESS; }
int cublasGetMathMode(void*, int* mode) {
  *mode = 0;
  return SUCCESS;
}
int cublasSetPointerMode_v2(void*, int) { return SUCCESS; }
int cublasGetPointerMode_v2(void*, int* mode) {
  *mode = 0;
  return SUCCESS;
}

int cublasGemmEx(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int type, int lda,
                 const void* b, int, int ldb, const void* beta, void* c, int, int ldc, int, int) {
  calls++;
  return product_of(type, m, n, k, alpha, {ta, a, lda}, {tb, b, ldb}, beta, c, ldc);
}
int cublasSgemmEx(void*, int ta, int tb, int m, int n, int k, const float* alpha, const void* a, int type, int lda,
                  const void* b, int, int ldb, const float* beta, void* c, int, int ldc) {
  calls++;
  return product_of(type, m, n, k, alpha, {ta, a, lda}, {tb, b, ldb}, beta, c, ldc);
}
int cublasGemmStridedBatchedEx(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int type,
                               int lda, long long step_a, const void* b, int, int ldb, long long step_b,
                               const void* beta, void* c, int, int ldc, long long step_c, int count, int, int) {
  calls++;
  auto moved = [type](const void* data, long long elements) {
    return static_cast<const char*>(data) + elements * bytes_of(type);
  };
  int status = SUCCESS;
  for (int i = 0; i < count && !status; i++)
    status = product_of(type, m, n, k, alpha, {ta, moved(a, i * step_a), lda}, {tb, moved(b, i * step_b), ldb}, beta,
                        static_cast<char*>(c) + i * step_c * bytes_of(type), ldc);
  return status;
}

// Each is given by its type: one product; one for every three of a list of matrices, which lies on the device.
#define GEMM(letter, number)                                                                                           \
  int cublas##letter##gemm_v2(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* a, int lda,   \
                              const void* b, int ldb, const void* beta, void* c, int ldc) {                            \
    calls++;                                                                                                           \
    return product_of(number, m, n, k, alpha, {ta, a, lda}, {tb, b, ldb}, beta, c, ldc);                               \
  }                                                                                                                    \
  int cublas##letter##gemmBatched(void*, int ta, int tb, int m, int n, int k, const void* alpha, const void* const* a, \
                                  int lda, const void* const* b, int ldb, const void* beta, void* const* c, int ldc,   \
                                  int count) {                                                                         \
    calls++;                                                                                                           \
    for (int i = 0; i < count; i++)                                                                                    \
      product_of(number, m, n, k, alpha, {ta, a[i], lda}, {tb, b[i], ldb}, beta, c[i], ldc);                           \
    return SUCCESS;                                                                                                    \
  }
GEMM(S, FLOAT32)
GEMM(D, FLOAT64)
GEMM(C, COMPLEX64)
GEMM(Z, COMPLEX128)

}  // extern "C"
