/* The integer kernels of NEON. Compiled as it is by neon.c and neon32.c, and by dotprod.c with SDOT in place of multiplications that
   widen. */
#include "neon_ternary.h"

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
    return vgetq_lane_f32(from_halves(vdup_n_u16(h)), 0);
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
    s = vfmaq_f32(s, vcvtq_f32_s32(product), vdupq_n_f32(w.scale * t.scale));
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
    overlay_ternary_kernels(ops);
    overlay_lane_kernels(ops);
    OVERLAY_BLOCK_KERNELS(ops);
}
