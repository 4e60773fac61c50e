/* exp, tanh, sine and cosine, in C11, of which compilers make vector code: nothing is decided by a branch.

   Every operation is written out, fused multiplications and additions too, which the processor must have: so a result
   follows from the argument alone, whatever the compiler and the place in a vector. All are within 2 units in the last
   place for every argument, and right at nan, infinities, zeros of both signs and denormal numbers. GRADCU_T is the
   type; its own header, vector_math_float.h or vector_math_double.h, and <tgmath.h> come before this one, and TILE.

   Arguments are reduced by multiples of a constant that is subtracted in parts: W. J. Cody and W. Waite, Software
   Manual for the Elementary Functions, 1980. A fused operation subtracts the first part exactly: J.-M. Muller and
   others, Handbook of Floating-Point Arithmetic, second edition, 11.3. The polynomials: benchmarks/minimax.py. */
#ifndef GRADCU_VECTOR_MATH_H
#define GRADCU_VECTOR_MATH_H

#define GRADCU_SIGN ((gradcu_bits)1 << (GRADCU_WIDTH - 1))
/* A quarter of a turn, in bits of which all make one turn. */
#define GRADCU_QUARTER ((gradcu_bits)1 << (GRADCU_WIDTH - 2))

static inline gradcu_bits gradcu_to_bits(GRADCU_T x) {
    gradcu_bits bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline GRADCU_T gradcu_from_bits(gradcu_bits bits) {
    GRADCU_T x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline GRADCU_T gradcu_with_sign_of(GRADCU_T size, GRADCU_T x) {
    return gradcu_from_bits((gradcu_to_bits(size) & ~GRADCU_SIGN) | (gradcu_to_bits(x) & GRADCU_SIGN));
}

/* x less `multiple` times log(2), the multiple being whole; and exp(r) - 1 for what is left, r. */
static inline GRADCU_T gradcu_less_ln2(GRADCU_T x, GRADCU_T multiple) {
    return GRADCU_FMA(multiple, -GRADCU_LN2_2, GRADCU_FMA(multiple, -GRADCU_LN2_1, x));
}

static inline GRADCU_T gradcu_small_expm1(GRADCU_T r) {
    return GRADCU_FMA(r * r, gradcu_exponential_polynomial(r), r);
}

/* 2^k exp(r). 2^k is made as the product of two numbers, since neither the least nor the largest of the numbers that it
   has to be is a normal one; with both exponents' biases, k stands in the last bits of the sum that rounds it. */
static inline GRADCU_T gradcu_exp(GRADCU_T x) {
    const GRADCU_T rounder = GRADCU_ROUNDER + 2 * GRADCU_BIAS, sum = GRADCU_FMA(x, GRADCU_INVERSE_LN2, rounder);
    const gradcu_bits both = gradcu_to_bits(sum), half = both >> 1;
    const GRADCU_T scale = gradcu_from_bits(half << GRADCU_FRACTION);
    const GRADCU_T rest = gradcu_from_bits((both - half) << GRADCU_FRACTION);
    const GRADCU_T small = gradcu_small_expm1(gradcu_less_ln2(x, sum - rounder));
    const GRADCU_T power = GRADCU_FMA(scale, small, scale) * rest;
    /* What was computed for arguments that are too large means nothing. */
    const GRADCU_T bounded = x > GRADCU_OVERFLOW ? (GRADCU_T)INFINITY : power;
    return x < GRADCU_UNDERFLOW ? 0 : bounded;
}

/* (1 - e) / (1 + e) for e = exp(-2|x|). Both sums are rounded once, and keep their digits where x is small. */
static inline GRADCU_T gradcu_tanh(GRADCU_T x) {
    const GRADCU_T size = gradcu_with_sign_of(x, 0), twice = -2 * size;
    const GRADCU_T rounder = GRADCU_ROUNDER + GRADCU_BIAS, sum = GRADCU_FMA(twice, GRADCU_INVERSE_LN2, rounder);
    const GRADCU_T scale = gradcu_from_bits(gradcu_to_bits(sum) << GRADCU_FRACTION);
    const GRADCU_T small = gradcu_small_expm1(gradcu_less_ln2(twice, sum - rounder));
    const GRADCU_T difference = GRADCU_FMA(scale, small, scale - 1), whole = GRADCU_FMA(scale, small, scale + 1);
    const GRADCU_T quotient = difference / whole;
    return gradcu_with_sign_of(size > GRADCU_FLAT ? 1 : quotient, x);
}

/* An angle of which whole quarters of a turn were taken away: what is left of it, and how many of the four quarters
   they go beyond whole turns, in the two uppermost bits. */
struct gradcu_angle { GRADCU_T rest; gradcu_bits turn; };

static inline struct gradcu_angle gradcu_reduced(GRADCU_T size) {
    const GRADCU_T sum = GRADCU_FMA(size, GRADCU_INVERSE_HALF_PI, GRADCU_ROUNDER), quarters = sum - GRADCU_ROUNDER;
    GRADCU_T rest = GRADCU_FMA(quarters, -GRADCU_HALF_PI_1, size);
    rest = GRADCU_FMA(quarters, -GRADCU_HALF_PI_2, rest);
    rest = GRADCU_FMA(quarters, -GRADCU_HALF_PI_3, rest);
    return (struct gradcu_angle){rest, gradcu_to_bits(sum) << (GRADCU_WIDTH - 2)};
}

static inline GRADCU_T gradcu_small_sin(GRADCU_T r) {
    const GRADCU_T z = r * r;
    return GRADCU_FMA(r * z, gradcu_sine_polynomial(z), r);
}

static inline GRADCU_T gradcu_small_cos(GRADCU_T r) {
    const GRADCU_T z = r * r;
    return GRADCU_FMA(z, gradcu_cosine_polynomial(z), 1);
}

/* The sine and the cosine of x, whose size is reduced to this angle. A compiler computes once what both have. */
static inline GRADCU_T gradcu_sin_of(struct gradcu_angle angle, GRADCU_T x) {
    const GRADCU_T sine = gradcu_small_sin(angle.rest), cosine = gradcu_small_cos(angle.rest);
    const GRADCU_T value = angle.turn & GRADCU_QUARTER ? cosine : sine;
    return gradcu_from_bits(gradcu_to_bits(value) ^ ((angle.turn ^ gradcu_to_bits(x)) & GRADCU_SIGN));
}

static inline GRADCU_T gradcu_cos_of(struct gradcu_angle angle) {
    const GRADCU_T sine = gradcu_small_sin(angle.rest), cosine = gradcu_small_cos(angle.rest);
    const GRADCU_T value = angle.turn & GRADCU_QUARTER ? sine : cosine;
    return gradcu_from_bits(gradcu_to_bits(value) ^ ((angle.turn + GRADCU_QUARTER) & GRADCU_SIGN));
}

/* Of a tile, those of angles that are too large for pi/2 in three parts: the C library's, one by one. */
static GRADCU_BRIEFLY void gradcu_far_angles(const GRADCU_T *angles, GRADCU_T *sines, GRADCU_T *cosines) {
    for (int i = 0; i < TILE; i++) {
        if (!(fabs(angles[i]) > GRADCU_FARTHEST)) continue;
        sines[i] = (GRADCU_T)(sin)(angles[i]);
        cosines[i] = (GRADCU_T)(cos)(angles[i]);
    }
}

/* The sines and cosines of a tile. */
static GRADCU_ALONE void gradcu_sines_and_cosines(
    const GRADCU_T *restrict angles, GRADCU_T *restrict sines, GRADCU_T *restrict cosines
) {
    gradcu_bits largest = 0;
    for (int i = 0; i < TILE; i++) {
        const GRADCU_T x = angles[i], size = gradcu_with_sign_of(x, 0);
        const struct gradcu_angle angle = gradcu_reduced(size);
        const gradcu_bits bits = gradcu_to_bits(size);
        largest = bits > largest ? bits : largest;
        sines[i] = gradcu_sin_of(angle, x);
        cosines[i] = gradcu_cos_of(angle);
    }
    /* Numbers that are not negative are in the order of their bits. */
    if (largest > gradcu_to_bits(GRADCU_FARTHEST)) gradcu_far_angles(angles, sines, cosines);
}

#undef exp
#define exp gradcu_exp
#undef tanh
#define tanh gradcu_tanh

#endif
