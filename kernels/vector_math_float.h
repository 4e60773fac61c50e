/* What vector_math.h has to know of float: written by benchmarks/minimax.py. */
typedef unsigned int gradcu_bits;
#define GRADCU_FMA(a, b, c) __builtin_fmaf(a, b, c)

/* How many bits a number has, how many of them are its fraction, and what its exponent's bits have more than it. */
#define GRADCU_WIDTH 32
#define GRADCU_FRACTION 23
#define GRADCU_BIAS 127

/* A number less than a quarter of this one in size is rounded to a whole one where they are added. */
#define GRADCU_ROUNDER 0x1.8p+23f

/* Up to this size angles are reduced by pi/2 in three parts. */
#define GRADCU_FARTHEST 0x1p+17f
#define GRADCU_INVERSE_HALF_PI 0x1.45f306p-1f
#define GRADCU_HALF_PI_1 0x1.921fb6p+0f
#define GRADCU_HALF_PI_2 -0x1.777a5cp-25f
#define GRADCU_HALF_PI_3 -0x1.ee59dap-50f

#define GRADCU_INVERSE_LN2 0x1.715476p+0f
#define GRADCU_LN2_1 0x1.62e43p-1f
#define GRADCU_LN2_2 -0x1.05c61p-29f

/* From where on exp is infinite, and 0, and tanh is 1. */
#define GRADCU_OVERFLOW 0x1.64p+6f
#define GRADCU_UNDERFLOW -0x1.ap+6f
#define GRADCU_FLAT 0x1.4p+3f

/* (sin(r) / r - 1) / z for r in [-pi/4, pi/4] and z = r * r. */
static inline GRADCU_T gradcu_sine_polynomial(GRADCU_T z) {
    GRADCU_T sum = -0x1.990f14p-13f;
    sum = GRADCU_FMA(sum, z, 0x1.1106ap-7f);
    sum = GRADCU_FMA(sum, z, -0x1.555544p-3f);
    return sum;
}

/* (cos(r) - 1) / z for the same. */
static inline GRADCU_T gradcu_cosine_polynomial(GRADCU_T z) {
    GRADCU_T sum = 0x1.99bb54p-16f;
    sum = GRADCU_FMA(sum, z, -0x1.6c0b8cp-10f);
    sum = GRADCU_FMA(sum, z, 0x1.555548p-5f);
    sum = GRADCU_FMA(sum, z, -0x1p-1f);
    return sum;
}

/* (exp(r) - 1 - r) / (r * r) for r in [-log(2)/2, log(2)/2]. */
static inline GRADCU_T gradcu_exponential_polynomial(GRADCU_T r) {
    GRADCU_T sum = 0x1.6bebf4p-10f;
    sum = GRADCU_FMA(sum, r, 0x1.1227f4p-7f);
    sum = GRADCU_FMA(sum, r, 0x1.555674p-5f);
    sum = GRADCU_FMA(sum, r, 0x1.5554bp-3f);
    sum = GRADCU_FMA(sum, r, 0x1.fffffep-2f);
    return sum;
}
