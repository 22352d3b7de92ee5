/* Products of several rows with a block of the cache, over the vector words of float_kernels.h. A tile of rows and columns stays
   in registers while the block passes, so each value is converted once for all rows of a tile. Every sum adds in the same order,
   in whichever tile it stands. MIX_TILES are sizes that fit the registers: many rows, few rows (which wait for memory), one row. */
#ifndef MIX_TILES
#define MIX_TILES { MANY_ROWS = 4, MANY_WIDE = 2, FEW_ROWS = 2, FEW_WIDE = 4, ONE_WIDE = 8 }
#endif
enum MIX_TILES;
enum { MIX_MOST_ROWS = 12, MIX_MOST_WIDE = 8, SCALED = 32 /* values under one scale */ };

#define MIX_WITHIN(size, most) _Static_assert((int)(size) <= (int)(most), "a tile of products has at most " #most)
MIX_WITHIN(MANY_ROWS, MIX_MOST_ROWS);
MIX_WITHIN(FEW_ROWS, MIX_MOST_ROWS);
MIX_WITHIN(MANY_WIDE, MIX_MOST_WIDE);
MIX_WITHIN(FEW_WIDE, MIX_MOST_WIDE);
MIX_WITHIN(ONE_WIDE, MIX_MOST_WIDE);

/* `block` says where the values are; scales(b, i, j, v, wide) is called before each 32 rows of it, values(b, i, j, left, scale,
   v, wide) for each row: v[wide] vectors from column j on, of the last one only `left` values where wide is 1. */
#define MIX_KERNEL(name, block, scales, values, bytes)                                                                      \
    INLINE void name##_tile(float *y, size_t ldy, const float *keep, const float *a, size_t lda,                            \
                            const block *b, size_t count, size_t j, size_t left,                                            \
                            const int rows, const int wide)                                                                 \
    {                                                                                                                       \
        vf s[MIX_MOST_ROWS][MIX_MOST_WIDE], scale[MIX_MOST_WIDE], v[MIX_MOST_WIDE];                                         \
        const float *base[MIX_MOST_ROWS / 3 + 1]; /* of three rows each: few registers hold all addresses */                \
        size_t off[3] = { 0, lda, 2 * lda };                                                                                \
        UNROLL                                                                                                              \
        for (int r = 0; r < rows; r += 3)                                                                                   \
            base[r / 3] = a + (size_t)r * lda;                                                                              \
        UNROLL_TO(r, MIX_MOST_ROWS, rows)                                                                                   \
            UNROLL_TO(u, MIX_MOST_WIDE, wide)                                                                               \
                s[r][u] = keep ? v_mul(v_load(y + (size_t)r * ldy + j + (size_t)u * LANES, left), v_set(keep[r]))           \
                               : v_set(0);                                                                                  \
        for (size_t from = 0; from < count; from += SCALED) {                                                               \
            size_t to = count - from < SCALED ? count : from + SCALED;                                                      \
            scales(b, from, j, left, scale, wide);                                                                          \
            for (size_t i = from; i < to; i++, off[0]++, off[1]++, off[2]++) {                                              \
                values(b, i, j, left, scale, v, wide);                                                                      \
                if (rows < MANY_ROWS)                                                                                       \
                    for (size_t line = 0; line < (size_t)wide * LANES * (bytes); line += 64)                                \
                        prefetch((const char *)(b->x + i * b->ldx + j) + line);                                             \
                UNROLL_TO(r, MIX_MOST_ROWS, rows) {                                                                         \
                    vf factor = v_set(base[r / 3][off[r % 3]]);                                                             \
                    UNROLL_TO(u, MIX_MOST_WIDE, wide)                                                                       \
                        s[r][u] = v_fma(factor, v[u], s[r][u]);                                                             \
                }                                                                                                           \
            }                                                                                                               \
        }                                                                                                                   \
        UNROLL_TO(r, MIX_MOST_ROWS, rows)                                                                                   \
            UNROLL_TO(u, MIX_MOST_WIDE, wide)                                                                               \
                v_store(y + (size_t)r * ldy + j + (size_t)u * LANES, s[r][u], left);                                        \
    }                                                                                                                       \
    INLINE void name##_rows(float *y, size_t ldy, const float *keep, const float *a, size_t lda,                            \
                            const block *b, size_t count, size_t n, const int rows,                                         \
                            const int wide)                                                                                 \
    {                                                                                                                       \
        size_t j = 0;                                                                                                       \
        for (; j + (size_t)wide * LANES <= n; j += (size_t)wide * LANES)                                                    \
            name##_tile(y, ldy, keep, a, lda, b, count, j, LANES, rows, wide);                                              \
        for (; j < n; j += LANES)                                                                                           \
            name##_tile(y, ldy, keep, a, lda, b, count, j, n - j < LANES ? n - j : LANES, rows, 1);                         \
    }                                                                                                                       \
    static void name##_all(float *y, size_t ldy, const float *keep, const float *a, size_t lda,                             \
                            size_t rows, const block *b, size_t count, size_t n)                                            \
    {                                                                                                                       \
        size_t r = 0;                                                                                                       \
        for (; r + MANY_ROWS <= rows; r += MANY_ROWS)                                                                       \
            name##_rows(y + r * ldy, ldy, keep ? keep + r : NULL, a + r * lda, lda, b, count, n, MANY_ROWS,                 \
                        MANY_WIDE);                                                                                         \
        for (; r + FEW_ROWS <= rows; r += FEW_ROWS)                                                                         \
            name##_rows(y + r * ldy, ldy, keep ? keep + r : NULL, a + r * lda, lda, b, count, n, FEW_ROWS,                  \
                        FEW_WIDE);                                                                                          \
        for (; r < rows; r++)                                                                                               \
            name##_rows(y + r * ldy, ldy, keep ? keep + r : NULL, a + r * lda, lda, b, count, n, 1,                         \
                        ONE_WIDE);                                                                                          \
    }

typedef struct { const uint16_t *x; size_t ldx; } half_block;

INLINE void half_scales(const half_block *b, size_t i, size_t j, size_t left, vf *scale, const int wide)
{
    (void)b, (void)i, (void)j, (void)left, (void)scale, (void)wide;
}

INLINE void half_values(const half_block *b, size_t i, size_t j, size_t left, const vf *scale, vf *v, const int wide)
{
    (void)scale;
    UNROLL_TO(u, MIX_MOST_WIDE, wide)
        v[u] = v_load_f16(b->x + i * b->ldx + j + (size_t)u * LANES, left);
}

MIX_KERNEL(half, half_block, half_scales, half_values, 2)

static void mix_f16f32(float *y, size_t ldy, const float *keep, const float *a, size_t lda, size_t rows, const uint16_t *x, size_t ldx,
                       size_t count, size_t n)
{
    half_block b = { x, ldx };
    half_all(y, ldy, keep, a, lda, rows, &b, count, n);
}
