/* The kernels of the layouts with 16 rows side by side (repack.h), written once. A file that includes this defines before:
     li, lf, lc            vectors of L_ROWS int32, L_ROWS floats, and 4*L_ROWS codes: a line of L_ROWS rows
     l_low(p), l_high(p), l_bytes(p)    codes of a line: nibbles of the bytes at p, signed bytes
     l_bits(c, p, j)       codes c with bits 2j, 2j+1 of the bytes at p as their bits 4, 5
     l_fifth(c, p, j)      codes c with bit j of the bytes at p as their bit 4
     lg                    gathers products, perhaps in 16 bits; l_gather(i): begins one on the sum i; l_gathered(i, g): its sum
     l_dot_<type>(g, c, q, j)           g + products of line j with activations 4j .. 4j+3
     MOST_<type>           lines that one gathers, 1, 2, 4 or 8 (of q6_k at most 4: half a block); l_dot and l_dot_q8_0 serve t2, t3 and t4, too
     l_sums(s, a, b)       a*s[0] + b*s[1] in each lane, for sums s of 16 activations
     l_zero() l_set(f) l_mul(a, b) l_fma(a, b, c) = a*b + c, l_fnma(a, b, c) = c - a*b, l_float(li), l_store(p, v)
     l_halves(p), l_unsigned(p), l_signed(p), l_floats(p)   L_ROWS floats from f16, u8, int8, f32
     l_prefetch(p)         software prefetch some kB ahead
     BIAS_<type>           what codes are too large by
     L_ROWS                 lanes of a vector
     L_TOKENS, L_SOME             tokens that share decoded weights, as many as registers hold and fewer
     L_STREAMS             groups that are read side by side for one token: 1 where that was not measured to be faster */
#include "lane_blocks.h"
enum { L_PARTS = LANE_ROWS / L_ROWS };

#define SUMS_q4_0(s, h) l_sums(s, -BIAS_q4_0, -BIAS_q4_0)
#define SUMS_q8_0(s, h) l_sums(s, -BIAS_q8_0, -BIAS_q8_0)
#define SUMS_q4_k(s, h) l_sums(s, 0, 0)
#define SUMS_q6_k(s, h) ((h) ? l_sums(s, 0, -BIAS_q6_k) : l_sums(s, -BIAS_q6_k, 0))
#define SUMS_t2(s, h) l_sums(s, -BIAS_t2, -BIAS_t2)
#define SUMS_t3(s, h) l_sums(s, -BIAS_t3, -BIAS_t3)
#define SUMS_t4(s, h) l_sums(s, -BIAS_t4, -BIAS_t4)
#define l_dot_t2 l_dot
#define l_dot_t3 l_dot
#define l_dot_t4 l_dot_q8_0
enum { HALVES_q4_0 = 1, HALVES_q8_0 = 1, HALVES_q4_k = 1, HALVES_q6_k = 2, HALVES_t2 = 1, HALVES_t3 = 1, HALVES_t4 = 1 };

/* bytes: of a block of a group. All 16 rows pass together with a single token, so that memory is read in its order, and those of some more
   groups, `apart` bytes from each other, so that it is read in `many` streams; with more tokens, the registers hold L_ROWS rows. */
#define LANE_KERNEL(name, type, bytes, many)                                                                                \
    INLINE void lanes_##name(const uint8_t *w, size_t apart, size_t k, const int8_t *q, const float *d, const int16_t *sums, \
                             float *y, size_t y_apart, size_t ldy, const int tokens, const int streams)                     \
    {                                                                                                                       \
        const int parts = tokens == 1 ? streams * L_PARTS : 1;                                                              \
        for (size_t first = 0; first < LANE_ROWS; first += (size_t)parts * L_ROWS) {                                        \
            lf s[(many) * L_PARTS][L_TOKENS];                                                                               \
            UNROLL for (int p = 0; p < parts; p++)                                                                          \
                UNROLL for (int t = 0; t < tokens; t++)                                                                     \
                    s[p][t] = l_zero();                                                                                     \
            for (size_t b = 0; b < k / 32; b++) {                                                                           \
                UNROLL for (int p = 0; p < streams; p++)                                                                    \
                    for (size_t line = 0; line < (bytes); line += 64)                                                       \
                        l_prefetch(w + (size_t)p * apart + b * (bytes) + line);                                             \
                UNROLL for (int p = 0; p < parts; p++) {                                                                    \
                    lane_block x = block_##type(w + (size_t)(p / L_PARTS) * apart, b, first + (size_t)(p % L_PARTS * L_ROWS)); \
                    li i[L_TOKENS][2];                                                                                      \
                    UNROLL for (int h = 0; h < HALVES_##type; h++) {                                                        \
                        UNROLL for (int t = 0; t < tokens; t++)                                                             \
                            i[t][h] = SUMS_##type(sums + ((size_t)t * (k / 32) + b) * 2, h);                                \
                        UNROLL for (int j = 8 / HALVES_##type * h; j < 8 / HALVES_##type * (h + 1); j += MOST_##type) {     \
                            lg g[L_TOKENS];                                                                                 \
                            UNROLL for (int t = 0; t < tokens; t++)                                                         \
                                g[t] = l_gather(i[t][h]);                                                                   \
                            UNROLL for (int m = j; m < j + MOST_##type; m++) {                                              \
                                lc line = LINE_##type(x.codes, m);                                                          \
                                UNROLL for (int t = 0; t < tokens; t++)                                                     \
                                    g[t] = l_dot_##type(g[t], line, q + (size_t)t * k + b * 32, m);                         \
                            }                                                                                               \
                            UNROLL for (int t = 0; t < tokens; t++)                                                         \
                                i[t][h] = l_gathered(i[t][h], g[t]);                                                        \
                        }                                                                                                   \
                    }                                                                                                       \
                    UNROLL for (int t = 0; t < tokens; t++) {                                                               \
                        size_t at = (size_t)t * (k / 32) + b;                                                               \
                        s[p][t] = END_##type(s[p][t], &x, l_set(d[at]), sums + at * 2, i[t]);                               \
                    }                                                                                                       \
                }                                                                                                           \
            }                                                                                                               \
            UNROLL for (int p = 0; p < parts; p++)                                                                          \
                UNROLL for (int t = 0; t < tokens; t++)                                                                     \
                    l_store(y + (size_t)(p / L_PARTS) * y_apart + (size_t)t * ldy + first + (size_t)(p % L_PARTS * L_ROWS), s[p][t]); \
        }                                                                                                                   \
    }                                                                                                                       \
    static void gemm_##name##q8(const uint8_t *w, size_t groups, size_t k, const int8_t *q, const float *d, const int16_t *sums, \
                                float *y, size_t ldy, size_t n)                                                             \
    {                                                                                                                       \
        size_t stride = (k / 32 + LANE_UNIT_##type - 1) / LANE_UNIT_##type * LANE_UNIT_##type * (bytes);                    \
        size_t part = n == 1 && (many) > 1 ? groups / (many) : 0;                                                           \
        for (size_t g = 0; g < part; g++)                                                                                   \
            lanes_##name(w + g * stride, part * stride, k, q, d, sums, y + g * LANE_ROWS, part * LANE_ROWS, ldy, 1, many);  \
        w += (many) * part * stride;                                                                                        \
        y += (many) * part * LANE_ROWS;                                                                                     \
        for (groups -= (many) * part; groups; groups--, w += stride, y += LANE_ROWS) {                                      \
            size_t t = 0;                                                                                                   \
            for (; t + L_TOKENS <= n; t += L_TOKENS)                                                                        \
                lanes_##name(w, 0, k, q + t * k, d + t * (k / 32), sums + t * (k / 16), y + t * ldy, 0, ldy, L_TOKENS, 1);  \
            for (; t + L_SOME <= n; t += L_SOME)                                                                            \
                lanes_##name(w, 0, k, q + t * k, d + t * (k / 32), sums + t * (k / 16), y + t * ldy, 0, ldy, L_SOME, 1);    \
            for (; t < n; t++)                                                                                              \
                lanes_##name(w, 0, k, q + t * k, d + t * (k / 32), sums + t * (k / 16), y + t * ldy, 0, ldy, 1, 1);         \
        }                                                                                                                   \
    }
LANE_KERNEL(q4_0x16, q4_0, 288, L_STREAMS)
LANE_KERNEL(q8_0x16, q8_0, 544, L_STREAMS)
LANE_KERNEL(q4_kx16, q4_k, 296, L_STREAMS)
LANE_KERNEL(q6_kx16, q6_k, 424, L_STREAMS)
LANE_KERNEL(t2x16, t2, 260, 1)
LANE_KERNEL(t3x16, t3, 324, 1)
LANE_KERNEL(t4x16, t4, 516, 1)

static void overlay_lane_kernels(trit_ops *ops)
{
    ops->gemm_q4_0x16q8 = gemm_q4_0x16q8;
    ops->gemm_q8_0x16q8 = gemm_q8_0x16q8;
    ops->gemm_q4_kx16q8 = gemm_q4_kx16q8;
    ops->gemm_q6_kx16q8 = gemm_q6_kx16q8;
    ops->gemm_t2x16q8 = gemm_t2x16q8;
    ops->gemm_t3x16q8 = gemm_t3x16q8;
    ops->gemm_t4x16q8 = gemm_t4x16q8;
}
