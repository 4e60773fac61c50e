/* What vector_math.h has to know of double: written by benchmarks/minimax.py. */
typedef unsigned long long gradcu_bits;
#define GRADCU_FMA(a, b, c) __builtin_fma(a, b, c)

/* How many bits a number has, how many of them are its fraction, and what its exponent's bits have more than it. */
#define GRADCU_WIDTH 64
#define GRADCU_FRACTION 52
#define GRADCU_BIAS 1023

/* A number less than a quarter of this one in size is rounded to a whole one where they are added. */
#define GRADCU_ROUNDER 0x1.8p+52

/* Up to this size angles are reduced by pi/2 in three parts. */
#define GRADCU_FARTHEST 0x1p+30
#define GRADCU_INVERSE_HALF_PI 0x1.45f306dc9c883p-1
#define GRADCU_HALF_PI_1 0x1.921fb54442d18p+0
#define GRADCU_HALF_PI_2 0x1.1a62633145c07p-54
#define GRADCU_HALF_PI_3 -0x1.f1976b7ed8fbcp-110

#define GRADCU_INVERSE_LN2 0x1.71547652b82fep+0
#define GRADCU_LN2_1 0x1.62e42fefa39efp-1
#define GRADCU_LN2_2 0x1.abc9e3b39803fp-56

/* From where on exp is infinite, and 0, and tanh is 1. */
#define GRADCU_OVERFLOW 0x1.63p+9
#define GRADCU_UNDERFLOW -0x1.75p+9
#define GRADCU_FLAT 0x1.4p+4

/* (sin(r) / r - 1) / z for r in [-pi/4, pi/4] and z = r * r. */
static inline GRADCU_T gradcu_sine_polynomial(GRADCU_T z) {
    GRADCU_T sum = 0x1.5d74258a0fca8p-33;
    sum = GRADCU_FMA(sum, z, -0x1.ae5dfc79e1288p-26);
    sum = GRADCU_FMA(sum, z, 0x1.71de34f1abd7ep-19);
    sum = GRADCU_FMA(sum, z, -0x1.a01a019b78677p-13);
    sum = GRADCU_FMA(sum, z, 0x1.111111110f3bep-7);
    sum = GRADCU_FMA(sum, z, -0x1.5555555555546p-3);
    return sum;
}

/* (cos(r) - 1) / z for the same. */
static inline GRADCU_T gradcu_cosine_polynomial(GRADCU_T z) {
    GRADCU_T sum = -0x1.8f85d8b5af6f5p-37;
    sum = GRADCU_FMA(sum, z, 0x1.1ee99cc8f7bb4p-29);
    sum = GRADCU_FMA(sum, z, -0x1.27e4f794e2fccp-22);
    sum = GRADCU_FMA(sum, z, 0x1.a01a019c0eb1bp-16);
    sum = GRADCU_FMA(sum, z, -0x1.6c16c16c14aebp-10);
    sum = GRADCU_FMA(sum, z, 0x1.5555555555549p-5);
    sum = GRADCU_FMA(sum, z, -0x1p-1);
    return sum;
}

/* (exp(r) - 1 - r) / (r * r) for r in [-log(2)/2, log(2)/2]. */
static inline GRADCU_T gradcu_exponential_polynomial(GRADCU_T r) {
    GRADCU_T sum = 0x1.ae6b729efa24ep-26;
    sum = GRADCU_FMA(sum, r, 0x1.28a234d37e606p-22);
    sum = GRADCU_FMA(sum, r, 0x1.71de8872303e6p-19);
    sum = GRADCU_FMA(sum, r, 0x1.a019a71e8cad8p-16);
    sum = GRADCU_FMA(sum, r, 0x1.a01a0174c999dp-13);
    sum = GRADCU_FMA(sum, r, 0x1.6c16c17ef4bb3p-10);
    sum = GRADCU_FMA(sum, r, 0x1.11111111190cp-7);
    sum = GRADCU_FMA(sum, r, 0x1.555555555225ep-5);
    sum = GRADCU_FMA(sum, r, 0x1.5555555555539p-3);
    sum = GRADCU_FMA(sum, r, 0x1.0000000000005p-1);
    return sum;
}
