/* Layouts with 16 rows side by side on a matrix unit: a block's lines are a tile as they stand, and its product with 16 tokens is scaled
   before the next block's. An amx.c that includes this has TILE_BYTES, SETTLE, tile_shapes and shape. */
#include "lanes_avx512.h"
#include "lane_blocks.h"

/* Of up to LANE_PANEL groups, LANE_DEPTH blocks at a time are decoded and meet all tokens, LANE_SIDE at once: decoded weights and the
   activations of a tile stay in the first-level cache. */
enum { LANE_PANEL = 4, LANE_DEPTH = 16, LANE_SIDE = 16 };

typedef struct {
    int8_t lines[LANE_DEPTH][8][64];
    float scales[LANE_DEPTH][3][LANE_ROWS]; /* of both halves, minima */
} lane_panel;

/* Tile 0: integers of 16 tokens and rows; 1: activations, 2: weights, of a block or half of it. */
static void shape_lanes(size_t halves)
{
    tile_shapes s = { .palette = 1 };
    shape(&s, 0, LANE_SIDE, 64);
    shape(&s, 1, LANE_SIDE, 32 / halves);
    shape(&s, 2, 8 / halves, 64);
    SETTLE();
    _tile_loadconfig(&s);
}

/* Integers of a block, or of both halves of it. */
INLINE void lane_product(const lane_panel *p, size_t b, const int8_t *q, size_t k, const int halves, int32_t (*out)[LANE_SIDE][LANE_ROWS])
{
    UNROLL
    for (int h = 0; h < halves; h++) {
        _tile_zero(0);
        _tile_loadd(1, q + b * 32 + (size_t)h * 16, k);
        _tile_loadd(2, p->lines[b][4 * h], 64);
        _tile_dpbssd(0, 1, 2);
        _tile_stored(0, out[h], 64);
    }
}

#define AMX_LANE_KERNEL(name, type, bytes, bias, halves, minima)                                                            \
    INLINE void tile_##name(const lane_panel *p, size_t depth, const int8_t *q, const float *d, const int16_t *sums, size_t k, float *y, \
                            size_t ldy, bool add)                                                                           \
    {                                                                                                                       \
        _Alignas(64) int32_t products[2][halves][LANE_SIDE][LANE_ROWS];                                                     \
        lf s[LANE_SIDE];                                                                                                    \
        UNROLL for (int t = 0; t < LANE_SIDE; t++)                                                                          \
            s[t] = add ? l_floats(y + (size_t)t * ldy) : l_zero();                                                          \
        lane_product(p, 0, q, k, halves, products[0]);                                                                      \
        for (size_t b = 0; b < depth; b++) {                                                                                \
            if (b + 1 < depth) /* the matrix unit works while this block is scaled */                                       \
                lane_product(p, b + 1, q, k, halves, products[(b + 1) % 2]);                                                \
            SETTLE();                                                                                                       \
            lane_block x;                                                                                                   \
            UNROLL for (int h = 0; h < halves; h++)                                                                         \
                x.scale[h] = l_floats(p->scales[b][h]);                                                                     \
            x.minimum = minima ? l_floats(p->scales[b][2]) : l_zero();                                                      \
            UNROLL for (int t = 0; t < LANE_SIDE; t++) {                                                                    \
                size_t at = (size_t)t * (k / 32) + b;                                                                       \
                li i[halves];                                                                                               \
                UNROLL for (int h = 0; h < halves; h++)                                                                     \
                    i[h] = _mm512_load_si512(products[b % 2][h][t]);                                                        \
                (void)sums;                                                                                                 \
                s[t] = END_##type(s[t], &x, l_set(d[at]), sums + at * 2, i);                                                \
            }                                                                                                               \
        }                                                                                                                   \
        UNROLL for (int t = 0; t < LANE_SIDE; t++)                                                                          \
            l_store(y + (size_t)t * ldy, s[t]);                                                                             \
    }                                                                                                                       \
    static lane_gemm few_##name;                                                                                            \
    static void gemm_##name##q8(const uint8_t *w, size_t groups, size_t k, const int8_t *q, const float *d, const int16_t *sums, \
                                float *y, size_t ldy, size_t n)                                                             \
    {                                                                                                                       \
        _Alignas(64) lane_panel panel[LANE_PANEL];                                                                          \
        size_t blocks = k / 32, unit = LANE_UNIT_##type, whole = n / LANE_SIDE * LANE_SIDE;                                 \
        size_t stride = (blocks + unit - 1) / unit * unit * (bytes);                                                        \
        if (whole)                                                                                                          \
            shape_lanes(halves);                                                                                            \
        for (size_t g = 0; whole && g < groups; g += LANE_PANEL) {                                                          \
            size_t count = least(LANE_PANEL, groups - g);                                                                   \
            for (size_t b = 0; b < blocks; b += LANE_DEPTH) {                                                               \
                size_t depth = least(LANE_DEPTH, blocks - b);                                                               \
                for (size_t i = 0; i < count; i++)                                                                          \
                    for (size_t j = 0; j < depth; j++) {                                                                    \
                        lane_block x = block_##type(w + (g + i) * stride, b + j, 0);                                        \
                        UNROLL for (int l = 0; l < 8; l++) /* as signed bytes */                                            \
                            _mm512_store_si512(panel[i].lines[j][l],                                                        \
                                               _mm512_sub_epi8(LINE_##type(x.codes, l), _mm512_set1_epi8((char)(bias))));   \
                        UNROLL for (int h = 0; h < halves; h++)                                                             \
                            l_store(panel[i].scales[j][h], x.scale[h]);                                                     \
                        if (minima)                                                                                         \
                            l_store(panel[i].scales[j][2], x.minimum);                                                      \
                    }                                                                                                       \
                SETTLE();                                                                                                   \
                for (size_t t = 0; t < whole; t += LANE_SIDE)                                                               \
                    for (size_t i = 0; i < count; i++)                                                                      \
                        tile_##name(&panel[i], depth, q + t * k + b * 32, d + t * blocks + b, sums + (t * blocks + b) * 2, k, \
                                    y + t * ldy + (g + i) * LANE_ROWS, ldy, b > 0);                                         \
            }                                                                                                               \
        }                                                                                                                   \
        if (whole)                                                                                                          \
            _tile_release();                                                                                                \
        SETTLE();                                                                                                           \
        if (whole < n)                                                                                                      \
            few_##name(w, groups, k, q + whole * k, d + whole * blocks, sums + whole * 2 * blocks, y + whole * ldy, ldy, n - whole); \
    }
AMX_LANE_KERNEL(q4_0x16, q4_0, 288, BIAS_q4_0, 1, false)
AMX_LANE_KERNEL(q8_0x16, q8_0, 544, BIAS_q8_0, 1, false)
AMX_LANE_KERNEL(q4_kx16, q4_k, 296, BIAS_q4_k, 1, true)
AMX_LANE_KERNEL(q6_kx16, q6_k, 424, BIAS_q6_k, 2, false)
AMX_LANE_KERNEL(t2x16, t2, 260, BIAS_t2, 1, false)
AMX_LANE_KERNEL(t3x16, t3, 324, BIAS_t3, 1, false)
AMX_LANE_KERNEL(t4x16, t4, 516, BIAS_t4, 1, false)

static void overlay_amx_lane_kernels(trit_ops *ops, const trit_ops *below)
{
    few_q4_0x16 = below->gemm_q4_0x16q8;
    few_q8_0x16 = below->gemm_q8_0x16q8;
    few_q4_kx16 = below->gemm_q4_kx16q8;
    few_q6_kx16 = below->gemm_q6_kx16q8;
    few_t2x16 = below->gemm_t2x16q8;
    few_t3x16 = below->gemm_t3x16q8;
    few_t4x16 = below->gemm_t4x16q8;
    ops->gemm_q4_0x16q8 = gemm_q4_0x16q8;
    ops->gemm_q8_0x16q8 = gemm_q8_0x16q8;
    ops->gemm_q4_kx16q8 = gemm_q4_kx16q8;
    ops->gemm_q6_kx16q8 = gemm_q6_kx16q8;
    ops->gemm_t2x16q8 = gemm_t2x16q8;
    ops->gemm_t3x16q8 = gemm_t3x16q8;
    ops->gemm_t4x16q8 = gemm_t4x16q8;
}
