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

/* log2(exp2(a) + exp2(b)). */
GRADCU_FUNCTION GRADCU_T gradcu_logaddexp2(GRADCU_T a, GRADCU_T b) {
    const GRADCU_T apart = a == b ? T(0) : a - b;
    return gradcu_maximum(a, b) + log1p(exp2(-fabs(apart))) / T(0.69314718055994530942);
}

/* tanh(log(1 + exp(x))) as tanh's quotient by e = exp(-|x|), in which nothing overflows or cancels. */
GRADCU_FUNCTION GRADCU_T gradcu_soft_gate(GRADCU_T x) {
    const GRADCU_T e = exp(x > T(0) ? -x : x);
    const GRADCU_T above = (T(1) + T(2) * e) / (T(1) + T(2) * e + T(2) * e * e);
    const GRADCU_T below = e * (e + T(2)) / (e * (e + T(2)) + T(2));
    return x > T(0) ? above : below;
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

/* lgamma for positive numbers, by the steps and coefficients of ops/_special_on_numpy.py: (1 + u) from 0.64 to 3. */
GRADCU_FUNCTION GRADCU_T gradcu_lgamma_from_1(GRADCU_T u) {
    const GRADCU_T around_1[] = {
        T(0.822467033424113216), T(-0.400685634386531445), T(0.270580808427789878), T(-0.207385551028659191),
        T(0.169557176995092963), T(-0.144049896774255133), T(0.12550966991193552), T(-0.111334264873628787),
        T(0.100099425145196428), T(-0.0909541155871248741), T(0.0833553431745253029), T(-0.0769270075451725967),
        T(0.0713934027814039252), T(-0.0668482826010780747), T(0.0630447673292933191), T(-0.0554542781204651077),
        T(0.053199784301138098), T(-0.0861839587377154054), T(0.0253496673227846574), T(0.0862866726595016749),
        T(0.283583544531966174)};
    const GRADCU_T around_2[] = {
        T(0.322467033424113217), T(-0.0673523010531981178), T(0.0205808084277850897), T(-0.00738555102866982741),
        T(0.00289051033067315728), T(-0.00119275391183363925), T(0.000509669527982470058),
        T(-0.000223154761943305565), T(0.000099457450054910344), T(-0.0000449260292002317931),
        T(0.0000205074939807894112), T(-9.4422014953155197e-6), T(4.37951036348241231e-6), T(-2.03472496793362786e-6),
        T(9.21808711208793537e-7), T(-3.79684580878472709e-7), T(1.26212922740807096e-7), T(-2.84680361097608285e-8),
        T(3.13881646352400062e-9)};
    const GRADCU_T around_minimum[] = {
        T(0.48383612272381059), T(-0.14758772299453081), T(0.0646249402389047058), T(-0.0327885410884105067),
        T(0.017970675117543387), T(-0.0103142230506148), T(0.00610053576892813309), T(-0.00368456835845442457),
        T(0.00225977759973373585), T(-0.00140230975095635671), T(0.000877906698606510732),
        T(-0.000552728069626128399), T(0.000355797750864706961), T(-0.000243389731898602265),
        T(0.000130896914371348071)};
    const GRADCU_T z = u - T(1), from_minimum = (u - T(0.46163177490234375)) - T(3.7006601859126265954e-7);
    GRADCU_T value = T(0);
    if (u < T(0.2316)) {
        for (int k = sizeof around_1 / sizeof *around_1 - 1; k >= 0; k--) value = value * u + around_1[k];
        return u * (T(-0.5772151947021484375) + (u * value - T(4.7019938442310651209e-7)));
    }
    if (u < T(0.7316)) {
        for (int k = sizeof around_minimum / sizeof *around_minimum - 1; k >= 0; k--)
            value = value * from_minimum + around_minimum[k];
        return T(-0.12148571014404296875) + (T(-5.8039180663934551456e-7) + from_minimum * from_minimum * value);
    }
    for (int k = sizeof around_2 / sizeof *around_2 - 1; k >= 0; k--) value = value * z + around_2[k];
    return z * (T(0.42278385162353515625) + (z * value + T(4.8347493198314348791e-7)));
}

GRADCU_FUNCTION GRADCU_T gradcu_lgamma(GRADCU_T x) {
    if (!(x > T(0) && x < T(1e30))) return lgamma(x);
    if (x < T(0.65)) return gradcu_lgamma_from_1(x) - log(x);
    if (x < T(8)) {
        GRADCU_T product = T(1), y = x;
        for (; y >= T(3); product *= y) y -= T(1);
        return gradcu_lgamma_from_1(y - T(1)) + log(product);
    }
    int exponent;
    GRADCU_T fraction = frexp(x, &exponent);
    if (fraction < T(0.70710678118654752)) {
        fraction *= T(2);
        exponent -= 1;
    }
    const GRADCU_T whole = T(exponent) * T(0.693145751953125) - T(1);
    const GRADCU_T rest = log(fraction) + T(exponent) * T(1.42860682030941723212e-6);
    const GRADCU_T factor = whole + rest, lost = rest - (factor - whole), y = T(1) / (x * x);
    const GRADCU_T series =
        (T(1) / T(12) - y * (T(1) / T(360) - y * (T(1) / T(1260) - y * (T(1) / T(1680) - y * (T(1) / T(1188)
        - y * (T(691) / T(360360) - y * (T(1) / T(156) - y * (T(3617) / T(122400))))))))) / x;
    return (x - T(0.5)) * factor + ((x - T(0.5)) * lost + (T(0.418938533204672741780) + series));
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
