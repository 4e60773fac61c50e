/* What the C expressions of gradcu's elementwise ops need: in CUDA C++ (NVRTC too), in C++, and in C11.

   The type of the operands is GRADCU_T, float by default; an expression writes a constant of it as T(2). Functions of
   <math.h> stand without suffix: <tgmath.h> chooses by the type in C, overloads do in C++. Define GRADCU_T before the
   inclusion; one translation unit has one type. Formulas: NIST Digital Library of Mathematical Functions, dlmf.nist.gov.
   */
#ifndef GRADCU_CUH
#define GRADCU_CUH

#ifndef GRADCU_T
#define GRADCU_T float
#endif

#ifndef __CUDACC_RTC__
#ifdef __cplusplus
#include <math.h>
#else
#include <tgmath.h>
#endif
#endif

#ifdef __CUDACC__
#define GRADCU_FUNCTION static __device__ __forceinline__
#else
#define GRADCU_FUNCTION static inline
#endif

#define T(value) ((GRADCU_T)(value))
#define GRADCU_PI T(3.14159265358979323846)

/* The larger or smaller operand, nan where either is. */
GRADCU_FUNCTION GRADCU_T gradcu_maximum(GRADCU_T a, GRADCU_T b) { return a != a || a > b ? a : b; }
GRADCU_FUNCTION GRADCU_T gradcu_minimum(GRADCU_T a, GRADCU_T b) { return a != a || a < b ? a : b; }

/* What floor division leaves: exact, of the divisor's sign. */
GRADCU_FUNCTION GRADCU_T gradcu_remainder(GRADCU_T a, GRADCU_T b) {
    const GRADCU_T rest = fmod(a, b);
    if (rest == T(0)) return copysign(rest, b);
    return (rest < T(0)) != (b < T(0)) ? rest + b : rest;
}

/* The quotient rounded down. a less the remainder is a multiple of b up to rounding, so the quotient of these two is
   next to a whole number; floor(a / b) would be one too high where a / b rounds up to one. */
GRADCU_FUNCTION GRADCU_T gradcu_floor_divide(GRADCU_T a, GRADCU_T b) {
    if (b == T(0)) return a / b;
    const GRADCU_T rest = fmod(a, b);
    const GRADCU_T below = rest != T(0) && (rest < T(0)) != (b < T(0)) ? T(1) : T(0);
    const GRADCU_T quotient = (a - rest) / b - below;
    return quotient == T(0) ? copysign(T(0), a / b) : rint(quotient);
}

/* log(exp(a) + exp(b)). Equal infinities have no difference. */
GRADCU_FUNCTION GRADCU_T gradcu_logaddexp(GRADCU_T a, GRADCU_T b) {
    if (a == b) return a + T(0.69314718055994530942);
    return gradcu_maximum(a, b) + log1p(exp(-fabs(a - b)));
}

/* x less the nearest even number, exactly: an angle in half turns. */
GRADCU_FUNCTION GRADCU_T gradcu_turned(GRADCU_T x) { return x - T(2) * rint(x * T(0.5)); }

/* sin(pi turn) for a turn in [-1, 1]; what exceeds a quarter is taken from pi, where it is exact. */
GRADCU_FUNCTION GRADCU_T gradcu_sin_of_turn(GRADCU_T turn) {
    const GRADCU_T size = fabs(turn);
    return sin(copysign(size < T(0.5) ? size : T(1) - size, turn) * GRADCU_PI);
}

GRADCU_FUNCTION GRADCU_T gradcu_sinc(GRADCU_T x) {
    return x == T(0) ? T(1) : gradcu_sin_of_turn(gradcu_turned(x)) / (x * GRADCU_PI);
}

/* The derivative of sinc of this order, 1 or more: see sinc_derivative in ops/special.py. */
GRADCU_FUNCTION GRADCU_T gradcu_sinc_derivative(int order, GRADCU_T x) {
    const GRADCU_T u = x * GRADCU_PI;
    GRADCU_T derivative, scale = T(1);
    for (int n = 0; n < order; n++) scale *= GRADCU_PI;
    if (fabs(u) < T(order + 1)) {
        /* The term of u^m is the last one's times -u^2 / (m (m - 1)), but for the factor 1 / (m + order + 1). */
        const int odd = order % 2;
        GRADCU_T power = odd ? u : T(1), sign = (order + odd) / 2 % 2 ? T(-1) : T(1);
        derivative = T(0);
        for (int m = odd; m < 3 * order + 24; m += 2) {
            derivative += sign * power / T(m + order + 1);
            sign = -sign;
            power *= u * u / T((m + 1) * (m + 2));
        }
        return derivative * scale;
    }
    const GRADCU_T turn = gradcu_turned(x);
    const GRADCU_T sine = gradcu_sin_of_turn(turn), cosine = cos(turn * GRADCU_PI);
    derivative = sine / u;
    for (int n = 1; n <= order; n++) {
        const GRADCU_T wave = n % 2 ? cosine : sine;
        derivative = ((n / 2 % 2 ? -wave : wave) - T(n) * derivative) / u;
    }
    return derivative * scale;
}

/* Upwards by psi(x) = psi(x + 1) - 1/x to where the asymptotic series (5.11.2) is exact; below 0 by reflection (5.5.4). */
GRADCU_FUNCTION GRADCU_T gradcu_digamma(GRADCU_T x) {
    GRADCU_T result = T(0);
    if (x == T(0)) return T(-1) / x;
    if (x < T(0)) {
        const GRADCU_T turn = gradcu_turned(x);
        if (turn == T(0) || fabs(turn) == T(1)) return T(0) / (x - x);
        result = -GRADCU_PI * cos(turn * GRADCU_PI) / gradcu_sin_of_turn(turn);
        x = T(1) - x;
    }
    for (; x < T(10); x += T(1)) result -= T(1) / x;
    const GRADCU_T y = T(1) / (x * x);
    const GRADCU_T series =
        y * (T(1) / T(12) - y * (T(1) / T(120) - y * (T(1) / T(252) - y * (T(1) / T(240) - y * (T(1) / T(132)
        - y * (T(691) / T(32760) - y / T(12)))))));
    return result + (log(x) - T(0.5) / x - series);
}

/* (-1)^(n+1) n! zeta(n + 1, x) for n >= 1 (5.15.1), by the first terms of the sum and Euler-Maclaurin (25.11.5). */
GRADCU_FUNCTION GRADCU_T gradcu_polygamma(int n, GRADCU_T x) {
    const GRADCU_T s = T(n + 1);
    const GRADCU_T bernoulli[] = {T(1) / T(6), T(-1) / T(30), T(1) / T(42), T(-1) / T(30), T(5) / T(66),
                                  T(-691) / T(2730), T(7) / T(6), T(-3617) / T(510)};
    GRADCU_T factorial = T(1), sum = T(0);
    if (n == 0) return gradcu_digamma(x);
    for (int k = 2; k <= n; k++) factorial *= T(k);
    if (n % 2 == 0) factorial = -factorial;
    if (x <= T(0) && x == floor(x)) return factorial / T(0);
    if (x - x != T(0)) return factorial / x;
    for (; x < T(n + 10); x += T(1)) sum += pow(x, -s);
    const GRADCU_T last = pow(x, -s);
    GRADCU_T term = s * last / x / T(2);
    sum += pow(x, T(1) - s) / (s - T(1)) + T(0.5) * last;
    for (int j = 0; j < 8; j++) {
        sum += bernoulli[j] * term;
        term *= (s + T(2 * j + 1)) * (s + T(2 * j + 2)) / (x * x * T((2 * j + 3) * (2 * j + 4)));
    }
    return factorial * sum;
}

#endif
