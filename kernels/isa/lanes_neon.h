/* The words of lane_kernels.h for the 16-byte vectors of NEON: a line is four vectors of 4 rows. */
#include "inline.h"
#include <arm_neon.h>
#include <string.h>

typedef int32x4_t li;
typedef float32x4_t lf;
typedef int8x16_t lc;
enum { L_STREAMS = 1, L_ROWS = 4, L_TOKENS = 8, L_SOME = 4, BIAS_q4_0 = 8, BIAS_q8_0 = 0, BIAS_q4_k = 0, BIAS_q6_k = 32 };

INLINE lc l_low(const uint8_t *p)
{
    return vreinterpretq_s8_u8(vandq_u8(vld1q_u8(p), vdupq_n_u8(15)));
}

INLINE lc l_high(const uint8_t *p)
{
    return vreinterpretq_s8_u8(vshrq_n_u8(vld1q_u8(p), 4));
}

#define l_bytes(p) vreinterpretq_s8_u8(vld1q_u8(p))

INLINE lc l_bits(lc c, const uint8_t *p, const int j)
{
    uint8x16_t bits = vandq_u8(vshlq_u8(vld1q_u8(p), vdupq_n_s8((int8_t)(4 - 2 * j))), vdupq_n_u8(0x30));
    return vorrq_s8(c, vreinterpretq_s8_u8(bits));
}

INLINE lc l_fifth(lc c, const uint8_t *p, const int j)
{
    uint8x16_t bits = vandq_u8(vshlq_u8(vld1q_u8(p), vdupq_n_s8((int8_t)(4 - j))), vdupq_n_u8(0x10));
    return vorrq_s8(c, vreinterpretq_s8_u8(bits));
}

/* Without SDOT products gather in 16 bits as long as they fit: 8 lines of codes of at most 31, 4 of 63, 2 of 128. */
#ifdef __ARM_FEATURE_DOTPROD
typedef int32x4_t lg;
enum { MOST_q4_0 = 8, MOST_q8_0 = 8, MOST_q4_k = 8, MOST_q6_k = 4, MOST_t2 = 8, MOST_t3 = 8, MOST_t4 = 8 };
#define l_gather(i) (i)
#define l_gathered(i, g) (g)
INLINE lg l_dot(lg g, lc c, const int8_t *q, const int j)
{
    int8x16_t x = vld1q_s8(q + j / 4 * 16); /* of four lines */
    switch (j % 4) {
    case 0:
        return vdotq_laneq_s32(g, c, x, 0);
    case 1:
        return vdotq_laneq_s32(g, c, x, 1);
    case 2:
        return vdotq_laneq_s32(g, c, x, 2);
    default:
        return vdotq_laneq_s32(g, c, x, 3);
    }
}
#else
typedef int16x8x2_t lg; /* of rows 0 and 1, of rows 2 and 3 */
enum { MOST_q4_0 = 8, MOST_q8_0 = 2, MOST_q4_k = 8, MOST_q6_k = 4, MOST_t2 = 8, MOST_t3 = 8, MOST_t4 = 4 /* digits of at most 40 */ };
#define l_gather(i) ((lg){ { vdupq_n_s16(0), vdupq_n_s16(0) } })
#define l_gathered(i, g) vaddq_s32(i, vpaddq_s32(vpaddlq_s16((g).val[0]), vpaddlq_s16((g).val[1])))
INLINE lg l_dot(lg g, lc c, const int8_t *q, const int j)
{
    int32_t four;
    memcpy(&four, q + 4 * j, sizeof four);
    int8x16_t x = vreinterpretq_s8_s32(vdupq_n_s32(four));
    return (lg){ { vmlal_s8(g.val[0], vget_low_s8(c), vget_low_s8(x)), vmlal_high_s8(g.val[1], c, x) } };
}
#endif
#define l_dot_q4_0 l_dot
#define l_dot_q8_0 l_dot
#define l_dot_q4_k l_dot
#define l_dot_q6_k l_dot

#define l_sums(s, a, b) vdupq_n_s32((a) * (s)[0] + (b) * (s)[1])

INLINE lf l_halves(const uint8_t *p)
{
    return from_halves(vreinterpret_u16_u8(vld1_u8(p)));
}

INLINE lf l_unsigned(const uint8_t *p)
{
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vcvtq_f32_u32(vmovl_u16(vget_low_u16(vmovl_u8(vcreate_u8(four)))));
}

INLINE lf l_signed(const uint8_t *p)
{
    uint32_t four;
    memcpy(&four, p, sizeof four);
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(vmovl_s8(vcreate_s8(four)))));
}

#define l_floats(p) vreinterpretq_f32_u8(vld1q_u8(p))
#define l_store(p, v) vst1q_f32(p, v)
#define l_zero() vdupq_n_f32(0)
#define l_set(a) vdupq_n_f32(a)
#define l_mul(a, b) vmulq_f32(a, b)
#define l_fma(a, b, c) vfmaq_f32(c, a, b)
#define l_fnma(a, b, c) vfmsq_f32(c, a, b)
#define l_float(i) vcvtq_f32_s32(i)
#define l_prefetch(p) __builtin_prefetch((const char *)(p) + 1024)
