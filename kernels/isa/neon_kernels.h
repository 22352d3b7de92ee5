/* The kernels of arm64. Compiled as it is by neon.c, and by dotprod.c with SDOT in place of multiplications that widen. */
#include "../ops.h"
#include "inline.h"
#include <arm_neon.h>
#include <string.h>

INLINE void prefetch(const void *p)
{
    __builtin_prefetch((const char *)p + 1024); /* small cores have small caches */
}

INLINE int32x4_t sum4(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d)
{
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}

/* `gather` adds products of codes 0..2 with activations; widen() makes int32 of it.
   Without SDOT it has 16 bits: 128 products of at most 254 fit, which are T2_BLOCK or T5_BLOCK chunks of a row (2 a step of 16 codes). */
#ifdef __ARM_FEATURE_DOTPROD
typedef int32x4_t gather;
enum { T2_BLOCK = 16, T5_BLOCK = 12 };
#define gather_zero() vdupq_n_s32(0)
#define gather_add(g, codes, q) vdotq_s32(g, codes, q)
#define widen(g) (g)
#else
typedef int16x8_t gather;
enum { T2_BLOCK = 4, T5_BLOCK = 3 };
#define gather_zero() vdupq_n_s16(0)
#define gather_add(g, codes, q) vmlal_high_s8(vmlal_s8(g, vget_low_s8(codes), vget_low_s8(q)), codes, q)
#define widen(g) vpaddlq_s16(g)
#endif
enum { TILE = 4, STEP = 16 };

static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    uint8x16_t mask = vdupq_n_u8(3);
    int32x4_t total[T2_ROWS];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        total[r] = vdupq_n_s32(0);
    while (chunks) {
        gather g[T2_ROWS];
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            g[r] = gather_zero();
        size_t count = chunks < T2_BLOCK ? chunks : T2_BLOCK;
        chunks -= count;
        for (; count; count--, w += T2_ROWS * T2_BYTES, q += T2_CHUNK) {
            UNROLL
            for (int r = 0; r < T2_ROWS; r++)
                prefetch(w + r * T2_BYTES);
            UNROLL
            for (int j = 0; j < T2_BYTES; j += STEP) {
                int8x16_t q0 = vld1q_s8(q + j), q1 = vld1q_s8(q + j + 64), q2 = vld1q_s8(q + j + 128), q3 = vld1q_s8(q + j + 192);
                UNROLL
                for (int r = 0; r < T2_ROWS; r++) {
                    uint8x16_t v = vld1q_u8(w + r * T2_BYTES + j);
                    g[r] = gather_add(g[r], vreinterpretq_s8_u8(vandq_u8(v, mask)), q0);
                    g[r] = gather_add(g[r], vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(v, 2), mask)), q1);
                    g[r] = gather_add(g[r], vreinterpretq_s8_u8(vandq_u8(vshrq_n_u8(v, 4), mask)), q2);
                    g[r] = gather_add(g[r], vreinterpretq_s8_u8(vshrq_n_u8(v, 6)), q3);
                }
            }
        }
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            total[r] = vaddq_s32(total[r], widen(g[r]));
    }
    vst1q_s32(y, vsubq_s32(sum4(total[0], total[1], total[2], total[3]), vdupq_n_s32(sum)));
}

static void t2_spread(const uint8_t *w, size_t chunks, uint8_t *out)
{
    uint8x16_t mask = vdupq_n_u8(3);
    for (size_t c = 0; c < chunks; c++, out += T2_ROWS * T2_CHUNK)
        UNROLL
        for (int r = 0; r < T2_ROWS; r++, w += T2_BYTES)
            for (int j = 0; j < 4; j++) {
                uint8x16_t v = vld1q_u8(w + j * STEP);
                vst1q_u8(out + (j * T2_ROWS + r) * STEP, vandq_u8(v, mask));
                vst1q_u8(out + ((4 + j) * T2_ROWS + r) * STEP, vandq_u8(vshrq_n_u8(v, 2), mask));
                vst1q_u8(out + ((8 + j) * T2_ROWS + r) * STEP, vandq_u8(vshrq_n_u8(v, 4), mask));
                vst1q_u8(out + ((12 + j) * T2_ROWS + r) * STEP, vshrq_n_u8(v, 6));
            }
}

INLINE void code_tile(const uint8_t *codes, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, const int tokens)
{
    gather g[TILE][T2_ROWS];
    UNROLL
    for (int t = 0; t < tokens; t++)
        for (int r = 0; r < T2_ROWS; r++)
            g[t][r] = gather_zero();
    for (size_t s = 0; s < steps; s++, codes += T2_ROWS * STEP, q += STEP) {
        int8x16_t w0 = vreinterpretq_s8_u8(vld1q_u8(codes)), w1 = vreinterpretq_s8_u8(vld1q_u8(codes + STEP));
        int8x16_t w2 = vreinterpretq_s8_u8(vld1q_u8(codes + 2 * STEP)), w3 = vreinterpretq_s8_u8(vld1q_u8(codes + 3 * STEP));
        UNROLL
        for (int t = 0; t < tokens; t++) {
            int8x16_t x = vld1q_s8(q + (size_t)t * ldx);
            g[t][0] = gather_add(g[t][0], w0, x);
            g[t][1] = gather_add(g[t][1], w1, x);
            g[t][2] = gather_add(g[t][2], w2, x);
            g[t][3] = gather_add(g[t][3], w3, x);
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) {
        int32_t *out = y + (size_t)t * ldy;
        vst1q_s32(out, vaddq_s32(vld1q_s32(out), sum4(widen(g[t][0]), widen(g[t][1]), widen(g[t][2]), widen(g[t][3]))));
    }
}

INLINE uint8x16_t t5_next(uint8x16_t t)
{
    return vaddq_u8(t, vaddq_u8(t, t));
}

/* Codes of bytes of five trits: 1 from 86 on, 2 from 171 on, which is where t * 3/4, rounded down twice, reaches 64 and 128. */
INLINE uint8x16_t t5_codes(uint8x16_t t)
{
    return vshrq_n_u8(vhaddq_u8(t, vshrq_n_u8(t, 1)), 6);
}

#ifdef __ARM_FEATURE_DOTPROD
/* Without taking the trits apart: ops.h says why. */
static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    uint8x16_t middle = vdupq_n_u8(128);
    int32x4_t a[T2_ROWS], b[T2_ROWS]; /* sums of s(d)*q(d) and of s(d+1)*q(d) */
    (void)sum;
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = b[r] = vdupq_n_s32(0);
    for (; chunks; chunks--, w += T2_ROWS * T2_BYTES, q += T5_CHUNK) {
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            prefetch(w + r * T2_BYTES);
        UNROLL
        for (int j = 0; j < T2_BYTES; j += STEP) {
            int8x16_t x[5];
            UNROLL
            for (int d = 0; d < 5; d++)
                x[d] = vld1q_s8(q + d * T2_BYTES + j);
            UNROLL
            for (int r = 0; r < T2_ROWS; r++) {
                uint8x16_t s = veorq_u8(vld1q_u8(w + r * T2_BYTES + j), middle);
                UNROLL
                for (int d = 0; d < 5; d++) {
                    a[r] = vdotq_s32(a[r], vreinterpretq_s8_u8(s), x[d]);
                    s = t5_next(s);
                    b[r] = vdotq_s32(b[r], vreinterpretq_s8_u8(s), x[d]);
                }
            }
        }
    }
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = vsubq_s32(vmulq_n_s32(a[r], 3), b[r]);
    vst1q_s32(y, vshrq_n_s32(sum4(a[0], a[1], a[2], a[3]), 8));
}
#else
static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    int32x4_t total[T2_ROWS];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        total[r] = vdupq_n_s32(0);
    while (chunks) {
        gather g[T2_ROWS];
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            g[r] = gather_zero();
        size_t count = chunks < T5_BLOCK ? chunks : T5_BLOCK;
        chunks -= count;
        for (; count; count--, w += T2_ROWS * T2_BYTES, q += T5_CHUNK) {
            UNROLL
            for (int r = 0; r < T2_ROWS; r++)
                prefetch(w + r * T2_BYTES);
            UNROLL
            for (int j = 0; j < T2_BYTES; j += STEP) {
                int8x16_t x[5];
                UNROLL
                for (int d = 0; d < 5; d++)
                    x[d] = vld1q_s8(q + d * T2_BYTES + j);
                UNROLL
                for (int r = 0; r < T2_ROWS; r++) {
                    uint8x16_t t = vld1q_u8(w + r * T2_BYTES + j);
                    UNROLL
                    for (int d = 0; d < 5; d++, t = t5_next(t))
                        g[r] = gather_add(g[r], vreinterpretq_s8_u8(t5_codes(t)), x[d]);
                }
            }
        }
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            total[r] = vaddq_s32(total[r], widen(g[r]));
    }
    vst1q_s32(y, vsubq_s32(sum4(total[0], total[1], total[2], total[3]), vdupq_n_s32(sum)));
}
#endif

APART void t5_spread(const uint8_t *w, size_t chunks, uint8_t *out)
{
    for (size_t c = 0; c < chunks; c++, out += T2_ROWS * T5_CHUNK)
        for (int r = 0; r < T2_ROWS; r++, w += T2_BYTES)
            UNROLL
            for (int j = 0; j < 4; j++) {
                uint8x16_t t = vld1q_u8(w + j * STEP);
                UNROLL
                for (int d = 0; d < 5; d++, t = t5_next(t))
                    vst1q_u8(out + ((4 * d + j) * T2_ROWS + r) * STEP, t5_codes(t));
            }
}

#include "ternary_kernels.h"
TERNARY_KERNEL(t2, T2_CHUNK, T2_BLOCK)
TERNARY_KERNEL(t5, T5_CHUNK, T5_BLOCK)

/* Block types. A step is 32 weights as signed codes in two halves; weight = scale * (part of its half) * code - minimum. */
#include "block_kernels.h"
typedef struct { int8x16_t a, b; int32_t part_a, part_b; float scale, minimum; } step;
typedef struct { int8x16_t a, b; float scale, whole; } token;
typedef float32x4_t sums;
#define sums_zero() vdupq_n_f32(0)
#define sums_total(s) vaddvq_f32(s)

INLINE float half_at(const void *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(h))), 0);
}

INLINE int8x16_t minus(uint8x16_t v, int bias)
{
    return vsubq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8((int8_t)bias));
}

INLINE step step_q4_0(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 18 * i;
    uint8x16_t q = vld1q_u8(block + 2);
    (void)both;
    return (step){ .a = minus(vandq_u8(q, vdupq_n_u8(15)), 8), .b = minus(vshrq_n_u8(q, 4), 8), .scale = half_at(block) };
}

INLINE step step_q8_0(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 34 * i;
    (void)both;
    return (step){ .a = minus(vld1q_u8(block + 2), 0), .b = minus(vld1q_u8(block + 18), 0), .scale = half_at(block) };
}

INLINE step step_q6_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 210 * (i / 8);
    size_t half = i / 4 % 2, quarter = i % 4;
    const uint8_t *low = block + 64 * half + 32 * (quarter & 1), *high = block + 128 + 32 * half;
    const int8_t *parts = (const int8_t *)block + 192 + 8 * half + 2 * quarter;
    int8x16_t low_shift = vdupq_n_s8((int8_t)(-4 * (int)(quarter / 2))), high_shift = vdupq_n_s8((int8_t)(-2 * (int)quarter));
    uint8x16_t a = vandq_u8(vshlq_u8(vld1q_u8(low), low_shift), vdupq_n_u8(15));
    uint8x16_t b = vandq_u8(vshlq_u8(vld1q_u8(low + 16), low_shift), vdupq_n_u8(15));
    a = vorrq_u8(a, vshlq_n_u8(vandq_u8(vshlq_u8(vld1q_u8(high), high_shift), vdupq_n_u8(3)), 4));
    b = vorrq_u8(b, vshlq_n_u8(vandq_u8(vshlq_u8(vld1q_u8(high + 16), high_shift), vdupq_n_u8(3)), 4));
    (void)both;
    return (step){ .a = minus(a, 32), .b = minus(b, 32), .part_a = parts[0], .part_b = parts[1], .scale = half_at(block + 208) };
}

INLINE step step_q4_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 144 * (i / 8), *q = block + 16 + 32 * (i % 8 / 2);
    int8x16_t shift = vdupq_n_s8((int8_t)(-4 * (int)(i % 2)));
    (void)both;
    return (step){ .a = minus(vandq_u8(vshlq_u8(vld1q_u8(q), shift), vdupq_n_u8(15)), 0),
                   .b = minus(vandq_u8(vshlq_u8(vld1q_u8(q + 16), shift), vdupq_n_u8(15)), 0),
                   .scale = half_at(block) * (float)q4_k_scale(block + 4, i % 8),
                   .minimum = half_at(block + 2) * (float)q4_k_minimum(block + 4, i % 8) };
}

/* Product sums of 16 signed bytes, at most 128 * 127 each: two of them fit in 16 bits. */
INLINE int32x4_t dot16(int32x4_t sum, int8x16_t a, int8x16_t b)
{
#ifdef __ARM_FEATURE_DOTPROD
    return vdotq_s32(sum, a, b);
#else
    return vpadalq_s16(sum, vmlal_high_s8(vmull_s8(vget_low_s8(a), vget_low_s8(b)), a, b));
#endif
}

/* kind -1: with minima; 1: a part for each half; 0: neither. */
INLINE token token_at(const int8_t *q, const float *d, bool both, int kind)
{
    token t = { .a = vld1q_s8(q), .b = vld1q_s8(q + 16), .scale = *d };
    (void)both;
    if (kind < 0)
        t.whole = t.scale * (float)(vaddlvq_s8(t.a) + vaddlvq_s8(t.b));
    return t;
}

INLINE sums multiply(sums s, step w, token t, int kind)
{
    int32x4_t zero = vdupq_n_s32(0), product;
    if (kind > 0)
        product = vmlaq_n_s32(vmulq_n_s32(dot16(zero, w.a, t.a), w.part_a), dot16(zero, w.b, t.b), w.part_b);
    else
        product = dot16(dot16(zero, w.a, t.a), w.b, t.b);
    s = vfmaq_n_f32(s, vcvtq_f32_s32(product), w.scale * t.scale);
    /* The minimum belongs to the result once, not to each lane. */
    return kind < 0 ? vsetq_lane_f32(vgetq_lane_f32(s, 0) - w.minimum * t.whole, s, 0) : s;
}

enum { WEIGHTS = 32, TILE_ROWS = 4, TILE_TOKENS = 4 };
BLOCK_KERNEL(q4_0, 144, 0)
BLOCK_KERNEL(q8_0, 272, 0)
BLOCK_KERNEL(q6_k, 210, 1)
BLOCK_KERNEL(q4_k, 144, -1)

#include "lanes_neon.h"
#include "lane_kernels.h"

static void overlay_integer_kernels(trit_ops *ops)
{
    overlay_lane_kernels(ops);
    ops->gemm_t2i8 = gemm_t2i8;
    ops->gemm_t5i8 = gemm_t5i8;
    ops->gemm_q8_0q8 = gemm_q8_0q8;
    ops->gemm_q4_0q8 = gemm_q4_0q8;
    ops->gemm_q4_kq8 = gemm_q4_kq8;
    ops->gemm_q6_kq8 = gemm_q6_kq8;
}
