/* Reading the layouts with 16 rows side by side (repack.h), written once: the codes and scales of a block, and what becomes of its
   integers. The words it takes are those of lane_kernels.h. A result adds its blocks in their order, each as sum += (scale * d) * integer,
   whatever the ISA or the tile: batches and single tokens give the same bits, and so do the ISAs with fused multiplication. */
#include "../repack.h"

typedef struct { const uint8_t *codes; lf scale[2], minimum; } lane_block;

/* Block b of L_ROWS rows from row `r` of a group on. */
INLINE lane_block block_q4_0(const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 2 * 576;
    return (lane_block){ .codes = unit + b % 2 * 256 + 4 * r, .scale = { l_halves(unit + 512 + (b % 2 * LANE_ROWS + r) * 2) } };
}

INLINE lane_block block_q8_0(const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 2 * 1088;
    return (lane_block){ .codes = unit + b % 2 * 512 + 4 * r, .scale = { l_halves(unit + 1024 + (b % 2 * LANE_ROWS + r) * 2) } };
}

INLINE lane_block block_q4_k(const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 8 * 2368, *scales = unit + 2048 + b % 8 * 2 * LANE_ROWS + r, *d = unit + 2304 + 2 * r;
    return (lane_block){ .codes = unit + b % 8 * 256 + 4 * r, .scale = { l_mul(l_halves(d), l_unsigned(scales)) },
                         .minimum = l_mul(l_halves(d + 2 * LANE_ROWS), l_unsigned(scales + LANE_ROWS)) };
}

INLINE lane_block block_q6_k(const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 8 * 3392, *scales = unit + 3072 + b % 8 * 2 * LANE_ROWS + r;
    lf d = l_floats(unit + 3328 + 4 * r);
    return (lane_block){ .codes = unit + b % 8 * 384 + 4 * r,
                         .scale = { l_mul(d, l_signed(scales)), l_mul(d, l_signed(scales + LANE_ROWS)) } };
}

INLINE lane_block block_t2(const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 8 * 2080;
    return (lane_block){ .codes = unit + b % 8 * 256 + 4 * r, .scale = { l_halves(unit + 2048 + 2 * r) } };
}

INLINE lane_block block_t3(const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 8 * 2592;
    return (lane_block){ .codes = unit + b % 8 * 320 + 4 * r, .scale = { l_halves(unit + 2560 + 2 * r) } };
}

INLINE lane_block block_t4(const uint8_t *w, size_t b, size_t r)
{
    const uint8_t *unit = w + b / 8 * 4128;
    return (lane_block){ .codes = unit + b % 8 * 512 + 4 * r, .scale = { l_halves(unit + 4096 + 2 * r) } };
}

/* Line j of a block's codes. */
#define LINE_q4_0(codes, j) ((j) < 4 ? l_low((codes) + 64 * (j)) : l_high((codes) + 64 * ((j) - 4)))
#define LINE_q8_0(codes, j) l_bytes((codes) + 64 * (j))
#define LINE_q4_k LINE_q4_0
#define LINE_q6_k(codes, j) l_bits(LINE_q4_0(codes, j), (codes) + 256 + (j) / 4 * 64, (j) % 4)

#define LINE_t2 LINE_q4_0
#define LINE_t3(codes, j) l_fifth(LINE_q4_0(codes, j), (codes) + 256, j)
#define LINE_t4 LINE_q8_0

/* The end of a block's multiplication, from its integers: whole for most, of each half for q6_k. */
#define END_q4_0(s, x, d, sums, i) l_fma(l_float((i)[0]), l_mul((x)->scale[0], d), s)
#define END_q8_0 END_q4_0
#define END_q4_k(s, x, d, sums, i) l_fnma((x)->minimum, l_mul(l_float(l_sums(sums, 1, 1)), d), END_q4_0(s, x, d, sums, i))
#define END_q6_k(s, x, d, sums, i) l_fma(l_float((i)[1]), l_mul((x)->scale[1], d), END_q4_0(s, x, d, sums, i))
#define END_t2 END_q4_0
#define END_t3 END_q4_0
#define END_t4 END_q4_0

enum { BIAS_t2 = 4, BIAS_t3 = 13, BIAS_t4 = BIAS_q8_0 };
enum { LANE_UNIT_q4_0 = 2, LANE_UNIT_q8_0 = 2, LANE_UNIT_q4_k = 8, LANE_UNIT_q6_k = 8, LANE_UNIT_t2 = 8, LANE_UNIT_t3 = 8, LANE_UNIT_t4 = 8 }; /* blocks */
