/* The float kernels of NEON, of 64 and 32 bits: the vector words of float_kernels.h. */
#include "neon_words.h"

typedef float32x4_t vf;
typedef int32x4_t vi;
enum { LANES = 4 };

INLINE vf v_load(const float *p, size_t left)
{
    float some[LANES] = { 0 };
    return vld1q_f32(left >= LANES ? p : memcpy(some, p, left * sizeof *p));
}

INLINE uint16x4_t load_shorts(const uint16_t *p, size_t left)
{
    uint16_t some[LANES] = { 0 };
    return vld1_u16(left >= LANES ? p : memcpy(some, p, left * sizeof *p));
}

INLINE vf v_load_f16(const uint16_t *p, size_t left)
{
    return from_halves(load_shorts(p, left));
}

INLINE vf v_load_bf16(const uint16_t *p, size_t left)
{
    return vreinterpretq_f32_u32(vshll_n_u16(load_shorts(p, left), 16));
}

INLINE void v_store(float *p, vf v, size_t left)
{
    float all[LANES];
    if (left >= LANES) {
        vst1q_f32(p, v);
    } else {
        vst1q_f32(all, v);
        memcpy(p, all, left * sizeof *p);
    }
}

INLINE void v_store_f16(uint16_t *p, vf v, size_t left)
{
    uint16_t all[LANES];
    vst1_u16(all, to_halves(v));
    memcpy(p, all, (left < LANES ? left : LANES) * sizeof *p);
}

INLINE void vi_store_i8(int8_t *q, vi v)
{
    int16x4_t shorts = vqmovn_s32(v);
    int32_t four = vget_lane_s32(vreinterpret_s32_s8(vqmovn_s16(vcombine_s16(shorts, shorts))), 0);
    memcpy(q, &four, sizeof four);
}

#define v_set(a) vdupq_n_f32(a)
#define v_add(a, b) vaddq_f32(a, b)
#define v_sub(a, b) vsubq_f32(a, b)
#define v_mul(a, b) vmulq_f32(a, b)
#define v_div(a, b) ((a) / (b))
#define v_fma(a, b, c) vfmaq_f32(c, a, b)
#define v_max(a, b) vmaxq_f32(a, b)
#define v_min(a, b) vminq_f32(a, b)
#define v_sum(a) vaddvq_f32(a)
#define v_greatest(a) vmaxvq_f32(a)
#define vi_zero() vdupq_n_s32(0)
#define vi_add(a, b) vaddq_s32(a, b)
#define vi_sub(a, b) vsubq_s32(a, b)
#define vi_max(a, b) vmaxq_s32(a, b)
#define vi_half(a) vshrq_n_s32(a, 1)
#define vi_sum(a) vaddvq_s32(a)
#define vi_greatest(a) vmaxvq_s32(a)
#define vi_abs_bits(v) vreinterpretq_s32_f32(vabsq_f32(v))
#define vi_round(v) vcvtnq_s32_f32(v)
#define vi_float(i) vcvtq_f32_s32(i)
#define vi_power(i) vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(i, vdupq_n_s32(127)), 23))
#ifdef __aarch64__ /* 32 registers; else 16 */
#define DOT_TOKENS 4
#define MIX_TILES { MANY_ROWS = 6, MANY_WIDE = 4, FEW_ROWS = 4, FEW_WIDE = 4, ONE_WIDE = 8 }
#endif
#include "float_kernels.h"

INLINE vf v_load_i8(const int8_t *p, size_t left)
{
    int32_t some = 0;
    memcpy(&some, p, left < LANES ? left : LANES);
    int8x8_t bytes = vreinterpret_s8_s32(vdup_n_s32(some));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(bytes))));
}
#define v_half(p) from_halves(vdup_n_u16(*(p)))
#include "mix_q8_kernels.h"
