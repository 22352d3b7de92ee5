/* The kernels of the layouts with 16 rows side by side (repack.h), written once. A file that includes this defines before:
     li, lf, lc            vectors of L_ROWS int32, L_ROWS floats, and 4*L_ROWS codes: a line of L_ROWS rows
     l_low(p), l_high(p), l_bytes(p)    codes of a line: nibbles of the bytes at p, signed bytes
     l_bits(c, p, j)       codes c with bits 2j, 2j+1 of the bytes at p as their bits 4, 5
     l_dot_<type>(i, c, lines, q)       i + products of `lines` lines with 4*lines activations q
     l_sums(s, a, b)       a*s[0] + b*s[1] in each lane, for sums s of 16 activations
     l_zero() l_set(f) l_mul(a, b) l_fma(a, b, c) = a*b + c, l_fnma(a, b, c) = c - a*b, l_float(li), l_store(p, v)
     l_halves(p), l_unsigned(p), l_signed(p), l_floats(p)   L_ROWS floats from f16, u8, int8, f32
     l_prefetch(p)         software prefetch some kB ahead
     BIAS_<type>           what codes are too large by
     L_ROWS                 lanes of a vector
     L_TOKENS, L_SOME             tokens that share decoded weights, as many as registers hold and fewer
   A result adds its blocks in their order, each as sum += (scale * d) * integer, whatever the ISA or the tile: batches and single tokens
   give the same bits, and so do the ISAs with fused multiplication. */
#include "../repack.h"

typedef struct { lc line[8]; lf scale[2], minimum; } lane_block;

INLINE void load_nibbles(lane_block *x, const uint8_t *p)
{
    UNROLL
    for (int v = 0; v < 4; v++) {
        x->line[v] = l_low(p + 64 * v);
        x->line[4 + v] = l_high(p + 64 * v);
    }
}

/* Block b of L_ROWS rows from row `r` on. w: the group. */
INLINE void block_q4_0(lane_block *x, const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 2 * 576;
    load_nibbles(x, unit + b % 2 * 256 + 4 * r);
    x->scale[0] = l_halves(unit + 512 + (b % 2 * LANE_ROWS + r) * 2);
}

INLINE void block_q8_0(lane_block *x, const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 2 * 1088;
    UNROLL
    for (int j = 0; j < 8; j++)
        x->line[j] = l_bytes(unit + (b % 2 * 8 + (size_t)j) * 64 + 4 * r);
    x->scale[0] = l_halves(unit + 1024 + (b % 2 * LANE_ROWS + r) * 2);
}

INLINE void block_q4_k(lane_block *x, const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 8 * 2368, *scales = unit + 2048 + b % 8 * 2 * LANE_ROWS + r, *d = unit + 2304 + 2 * r;
    load_nibbles(x, unit + b % 8 * 256 + 4 * r);
    x->scale[0] = l_mul(l_halves(d), l_unsigned(scales));
    x->minimum = l_mul(l_halves(d + 2 * LANE_ROWS), l_unsigned(scales + LANE_ROWS));
}

INLINE void block_q6_k(lane_block *x, const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 8 * 3392, *block = unit + b % 8 * 384 + 4 * r, *scales = unit + 3072 + b % 8 * 2 * LANE_ROWS + r;
    lf d = l_floats(unit + 3328 + 4 * r);
    load_nibbles(x, block);
    UNROLL
    for (int j = 0; j < 8; j++)
        x->line[j] = l_bits(x->line[j], block + 256 + j / 4 * 64, j % 4);
    x->scale[0] = l_mul(d, l_signed(scales));
    x->scale[1] = l_mul(d, l_signed(scales + LANE_ROWS));
}

/* The end of a block's multiplication, from its integers: whole for most, of each half for q6_k. */
#define END_q4_0(s, x, d, sums, i) l_fma(l_float((i)[0]), l_mul((x)->scale[0], d), s)
#define END_q8_0 END_q4_0
#define END_q4_k(s, x, d, sums, i) l_fnma((x)->minimum, l_mul(l_float(l_sums(sums, 1, 1)), d), END_q4_0(s, x, d, sums, i))
#define END_q6_k(s, x, d, sums, i) l_fma(l_float((i)[1]), l_mul((x)->scale[1], d), END_q4_0(s, x, d, sums, i))

#define MULTIPLY_WHOLE(name, i, x, q, sums) (i)[0] = l_dot_##name(l_sums(sums, -BIAS_##name, -BIAS_##name), (x)->line, 8, q)
#define MULTIPLY_q4_0(i, x, q, sums) MULTIPLY_WHOLE(q4_0, i, x, q, sums)
#define MULTIPLY_q8_0(i, x, q, sums) MULTIPLY_WHOLE(q8_0, i, x, q, sums)
#define MULTIPLY_q4_k(i, x, q, sums) MULTIPLY_WHOLE(q4_k, i, x, q, sums)
#define MULTIPLY_q6_k(i, x, q, sums)                                                                                                   \
    (i)[0] = l_dot_q6_k(l_sums(sums, -BIAS_q6_k, 0), (x)->line, 4, q);                                                                 \
    (i)[1] = l_dot_q6_k(l_sums(sums, 0, -BIAS_q6_k), (x)->line + 4, 4, (q) + 16)

/* bytes: of a block of a group. All 16 rows pass together with a single token, so that memory is read in its order; with more, the
   registers hold L_ROWS rows. */
#define LANE_KERNEL(name, type, bytes)                                                                                                 \
    INLINE void lanes_##name(const uint8_t *w, size_t k, const int8_t *q, const float *d, const int16_t *sums, float *y, size_t ldy,   \
                             const int tokens)                                                                                         \
    {                                                                                                                                  \
        const int parts = tokens == 1 ? LANE_ROWS / L_ROWS : 1;                                                                         \
        for (size_t first = 0; first < LANE_ROWS; first += (size_t)parts * L_ROWS) {                                                    \
            lf s[LANE_ROWS / L_ROWS][L_TOKENS];                                                                                      \
            UNROLL for (int p = 0; p < parts; p++)                                                                                     \
                UNROLL for (int t = 0; t < tokens; t++)                                                                                \
                    s[p][t] = l_zero();                                                                                                \
            for (size_t b = 0; b < k / 32; b++) {                                                                                      \
                for (size_t line = 0; line < (bytes); line += 64)                                                                      \
                    l_prefetch(w + b * (bytes) + line);                                                                                \
                UNROLL for (int p = 0; p < parts; p++) {                                                                               \
                    lane_block x;                                                                                                      \
                    block_##type(&x, w, b, first + (size_t)(p * L_ROWS));                                                               \
                    UNROLL for (int t = 0; t < tokens; t++) {                                                                          \
                        size_t at = (size_t)t * (k / 32) + b;                                                                          \
                        li i[2];                                                                                                       \
                        MULTIPLY_##type(i, &x, q + at * 32, sums + at * 2);                                                            \
                        s[p][t] = END_##type(s[p][t], &x, l_set(d[at]), sums + at * 2, i);                                             \
                    }                                                                                                                  \
                }                                                                                                                      \
            }                                                                                                                          \
            UNROLL for (int p = 0; p < parts; p++)                                                                                     \
                UNROLL for (int t = 0; t < tokens; t++)                                                                                \
                    l_store(y + (size_t)t * ldy + first + (size_t)(p * L_ROWS), s[p][t]);                                           \
        }                                                                                                                              \
    }                                                                                                                                  \
    static void gemm_##name##q8(const uint8_t *w, size_t groups, size_t k, const int8_t *q, const float *d, const int16_t *sums,       \
                                float *y, size_t ldy, size_t n)                                                                        \
    {                                                                                                                                  \
        size_t stride = (k / 32 + LANE_UNIT_##type - 1) / LANE_UNIT_##type * LANE_UNIT_##type * (bytes);                               \
        for (; groups; groups--, w += stride, y += LANE_ROWS) {                                                                        \
            size_t t = 0;                                                                                                              \
            for (; t + L_TOKENS <= n; t += L_TOKENS)                                                                             \
                lanes_##name(w, k, q + t * k, d + t * (k / 32), sums + t * (k / 16), y + t * ldy, ldy, L_TOKENS);                   \
            for (; t + L_SOME <= n; t += L_SOME)                                                                                 \
                lanes_##name(w, k, q + t * k, d + t * (k / 32), sums + t * (k / 16), y + t * ldy, ldy, L_SOME);                     \
            for (; t < n; t++)                                                                                                         \
                lanes_##name(w, k, q + t * k, d + t * (k / 32), sums + t * (k / 16), y + t * ldy, ldy, 1);                             \
        }                                                                                                                              \
    }
enum { LANE_UNIT_q4_0 = 2, LANE_UNIT_q8_0 = 2, LANE_UNIT_q4_k = 8, LANE_UNIT_q6_k = 8 }; /* blocks */
LANE_KERNEL(q4_0x16, q4_0, 288)
LANE_KERNEL(q8_0x16, q8_0, 544)
LANE_KERNEL(q4_kx16, q4_k, 296)
LANE_KERNEL(q6_kx16, q6_k, 424)

static void overlay_lane_kernels(trit_ops *ops)
{
    ops->gemm_q4_0x16q8 = gemm_q4_0x16q8;
    ops->gemm_q8_0x16q8 = gemm_q8_0x16q8;
    ops->gemm_q4_kx16q8 = gemm_q4_kx16q8;
    ops->gemm_q6_kx16q8 = gemm_q6_kx16q8;
}
