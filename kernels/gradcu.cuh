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

#ifdef __CUDACC_RTC__
/* NVRTC comes without <math.h>, and has its functions all the same, but for these. */
#ifndef NAN
#define NAN __int_as_float(0x7fffffff)
#endif
#ifndef INFINITY
#define INFINITY __int_as_float(0x7f800000)
#endif
#else
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

/* Compilers make vector code of a choice between values that are there, and not of one that decides what is called. So
   both sides are computed first, where neither takes long; the one not taken may be nan or infinite. */

/* The larger or smaller operand, nan where either is. */
GRADCU_FUNCTION GRADCU_T gradcu_maximum(GRADCU_T a, GRADCU_T b) { return (a != a) | (a > b) ? a : b; }
GRADCU_FUNCTION GRADCU_T gradcu_minimum(GRADCU_T a, GRADCU_T b) { return (a != a) | (a < b) ? a : b; }

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
    const GRADCU_T sum = gradcu_maximum(a, b) + log1p(exp(-fabs(a - b)));
    return a == b ? a + T(0.69314718055994530942) : sum;
}

/* log(1 + exp(beta x)) / beta, or x where beta x is so large that it makes no difference. */
GRADCU_FUNCTION GRADCU_T gradcu_softplus(GRADCU_T x, GRADCU_T beta, GRADCU_T threshold) {
    const GRADCU_T soft = log1p(exp(x * beta)) / beta;
    return x * beta > threshold ? x : soft;
}

/* x less the nearest even number, exactly: an angle in half turns. */
GRADCU_FUNCTION GRADCU_T gradcu_turned(GRADCU_T x) { return x - T(2) * rint(x * T(0.5)); }

/* sin(pi turn) for a turn in [-1, 1]; what exceeds a quarter is taken from pi, where it is exact. */
GRADCU_FUNCTION GRADCU_T gradcu_sin_of_turn(GRADCU_T turn) {
    const GRADCU_T size = fabs(turn);
    return sin(copysign(size < T(0.5) ? size : T(1) - size, turn) * GRADCU_PI);
}

GRADCU_FUNCTION GRADCU_T gradcu_sinc(GRADCU_T x) {
    const GRADCU_T quotient = gradcu_sin_of_turn(gradcu_turned(x)) / (x * GRADCU_PI);
    return x == T(0) ? T(1) : quotient;
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

/* Around its roots 1 and 2 the library's loses its digits; there the series around 2, by the steps and
   coefficients of ops/_special_on_numpy.py. */
GRADCU_FUNCTION GRADCU_T gradcu_lgamma(GRADCU_T x) {
    const GRADCU_T around_2[] = {
        T(0.422784335098467139), T(0.322467033424113218), T(-0.0673523010531980951), T(0.0205808084277845479),
        T(-0.00738555102867398527), T(0.00289051033074152329), T(-0.00119275391170326098), T(5.09669524743042422e-4),
        T(-2.2315475845357938e-4), T(9.94575127818085337e-5), T(-4.49262367381331417e-5), T(2.05072127756706916e-5),
        T(-9.4394882752683959e-6), T(4.3748667899074878e-6), T(-2.03921575380136624e-6), T(9.55141213040741983e-7),
        T(-4.49246919876456604e-7), T(2.12071848055546659e-7), T(-1.00432248239680996e-7), T(4.76981016936398057e-8),
        T(-2.27110946089431649e-8), T(1.08386592148969541e-8), T(-5.18347504197004666e-9), T(2.48367454380247832e-9),
        T(-1.19214014058609121e-9), T(5.73136724167886201e-10), T(-2.75952288512423315e-10), T(1.33047643742444895e-10),
        T(-6.42296456383810002e-11)};
    const int terms = sizeof around_2 / sizeof *around_2, steps = x < T(0.5) ? 2 : x < T(1.5) ? 1 : 0;
    GRADCU_T series = T(0);
    if (!(x > T(0) && x < T(2.5))) return lgamma(x);
    const GRADCU_T z = x - T(2 - steps);
    for (int k = terms - 1; k >= 0; k--) series = (series + around_2[k]) * z;
    if (steps > 0) series -= log1p(z);
    return steps > 1 ? series - log(x) : series;
}

/* psi(x) for x in [1, 2]: the distance from its root, in two parts, times a polynomial in x - 3/2 that interpolates the
   quotient of the two at the 22 Chebyshev points, which leaves a seventh of a unit in the last place. */
GRADCU_FUNCTION GRADCU_T gradcu_digamma_around_root(GRADCU_T x) {
    const GRADCU_T coefficients[] = {
        T(0.951055876031832893), T(-0.423627421281460505), T(0.240542484240774219), T(-0.148404923053908857),
        T(0.0949887244549412133), T(-0.0619221332730645317), T(0.040760833812420736), T(-0.0269757967561382488),
        T(0.0179072524394511994), T(-0.0119082180015686448), T(0.00792694464640379604),
        T(-0.00527996487325740421), T(0.00351900640150227605), T(-0.00234526763254076904),
        T(0.00155663174744868393), T(-0.00103763740984186047), T(0.000723326627928755416),
        T(-0.000482199053056678888), T(0.000227233166098737588), T(-0.000151485868367733659),
        T(0.000259684821264307466), T(-0.000173122618027273933)};
    const GRADCU_T from_root = (x - T(1.4616321325302124)) - T(1.24381499389189095e-8), z = x - T(1.5);
    GRADCU_T quotient = T(0);
    for (int k = sizeof coefficients / sizeof *coefficients - 1; k >= 0; k--) quotient = quotient * z + coefficients[k];
    return from_root * quotient;
}

/* By psi(x + 1) = psi(x) + 1/x (5.5.2) to where a polynomial or the asymptotic series (5.11.2) is exact, in the direction
   in which little cancels; below 0 by reflection (5.5.4). */
GRADCU_FUNCTION GRADCU_T gradcu_digamma(GRADCU_T x) {
    GRADCU_T reflected = T(0), steps = T(0);
    if (x == T(0)) return T(-1) / x;
    if (x < T(0)) {
        const GRADCU_T turn = gradcu_turned(x);
        if (turn == T(0) || fabs(turn) == T(1)) return T(0) / (x - x);
        reflected = -GRADCU_PI * cos(turn * GRADCU_PI) / gradcu_sin_of_turn(turn);
        x = T(1) - x;
    }
    if (x < T(6)) {
        for (; x > T(2); steps += T(1) / x) x -= T(1);
        if (x < T(1)) {
            steps = T(-1) / x;
            x += T(1);
        }
        return reflected + (gradcu_digamma_around_root(x) + steps);
    }
    for (; x < T(10); x += T(1)) steps += T(1) / x;
    const GRADCU_T y = T(1) / (x * x);
    const GRADCU_T series =
        y * (T(1) / T(12) - y * (T(1) / T(120) - y * (T(1) / T(252) - y * (T(1) / T(240) - y * (T(1) / T(132)
        - y * (T(691) / T(32760) - y / T(12)))))));
    return reflected + ((log(x) - T(0.5) / x - series) - steps);
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
    if (x <= T(0) && x == floor(x)) return factorial / sum; /* a pole: sum is still 0 */
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
