/* The words that the NEON files share. 32-bit ARM does in several steps what arm64 has an instruction for; it gets the names of arm64. */
#ifndef TRIT_ISA_NEON_WORDS_H
#define TRIT_ISA_NEON_WORDS_H
#include "../ops.h"
#include "inline.h"
#include <arm_neon.h>
#include <string.h>

INLINE void prefetch(const void *p)
{
    __builtin_prefetch((const char *)p + 1024); /* small cores have small caches */
}

#ifdef __aarch64__
INLINE float32x4_t from_halves(uint16x4_t h)
{
    return vcvt_f32_f16(vreinterpret_f16_u16(h));
}

INLINE uint16x4_t to_halves(float32x4_t v)
{
    return vreinterpret_u16_f16(vcvt_f16_f32(v));
}
#else
#include "../types.h"

INLINE float32x4_t from_halves(uint16x4_t h)
{
    float32x4_t v; /* compilers disagree on how the type of a half may be spelt here */
    __asm__("vcvt.f32.f16 %q0, %P1" : "=w"(v) : "w"(h));
    return v;
}

INLINE uint16x4_t to_halves(float32x4_t v)
{
    float all[4]; /* the instruction would change NaNs */
    uint16_t halves[4];
    vst1q_f32(all, v);
    for (int i = 0; i < 4; i++)
        halves[i] = f32_to_f16(all[i]);
    return vld1_u16(halves);
}

INLINE int16x8_t vmlal_high_s8(int16x8_t sum, int8x16_t a, int8x16_t b)
{
    return vmlal_s8(sum, vget_high_s8(a), vget_high_s8(b));
}

INLINE int32x4_t vpaddq_s32(int32x4_t a, int32x4_t b)
{
    return vcombine_s32(vpadd_s32(vget_low_s32(a), vget_high_s32(a)), vpadd_s32(vget_low_s32(b), vget_high_s32(b)));
}

INLINE int32_t vaddvq_s32(int32x4_t v)
{
    int32x2_t pair = vadd_s32(vget_low_s32(v), vget_high_s32(v));
    return vget_lane_s32(vpadd_s32(pair, pair), 0);
}

INLINE int32_t vmaxvq_s32(int32x4_t v)
{
    int32x2_t pair = vmax_s32(vget_low_s32(v), vget_high_s32(v));
    return vget_lane_s32(vpmax_s32(pair, pair), 0);
}

INLINE int32_t vaddlvq_s8(int8x16_t v)
{
    return vaddvq_s32(vpaddlq_s16(vpaddlq_s8(v)));
}

INLINE float vaddvq_f32(float32x4_t v)
{
    float32x2_t pair = vadd_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(vpadd_f32(pair, pair), 0);
}

INLINE float vmaxvq_f32(float32x4_t v)
{
    float32x2_t pair = vmax_f32(vget_low_f32(v), vget_high_f32(v));
    return vget_lane_f32(vpmax_f32(pair, pair), 0);
}

/* To the nearest even integer, of |v| below 2^22: where the last bit of v + 1.5 * 2^23 is worth 1. */
INLINE int32x4_t vcvtnq_s32_f32(float32x4_t v)
{
    float32x4_t shift = vdupq_n_f32(0x1.8p23f);
    return vsubq_s32(vreinterpretq_s32_f32(vaddq_f32(v, shift)), vreinterpretq_s32_f32(shift));
}
#endif

INLINE int32x4_t sum4(int32x4_t a, int32x4_t b, int32x4_t c, int32x4_t d)
{
    return vpaddq_s32(vpaddq_s32(a, b), vpaddq_s32(c, d));
}
#endif
