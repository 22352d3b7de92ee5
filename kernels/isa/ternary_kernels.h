/* The gemm of a packed ternary layout for several tokens, written once. A file that includes this defines before:
     t2_one(w, chunks, q, sum, y), t5_one(...)           one group of rows, one token; y is written
     t2_spread(w, chunks, codes), t5_spread(...)         a group's codes, one a byte: [chunks*<chunk>/STEP][4][STEP]
     code_tile(codes, steps, q, ldx, y, ldy, tokens)     adds to y[t*ldy + 0..3]; always inlined, `tokens` a constant of at most TILE
     TILE, STEP                                          tokens a tile, bytes a step
   TERNARY_KERNEL(layout, chunk, block): weights of a chunk, chunks spread at a time. */

/* All tokens with one block of codes; apart, so that every layout shares the one good copy. */
APART void code_tiles(const uint8_t *codes, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, size_t n)
{
    for (; n >= TILE; n -= TILE, q += TILE * ldx, y += TILE * ldy)
        code_tile(codes, steps, q, ldx, y, ldy, TILE);
    for (; n; n--, q += ldx, y += ldy)
        code_tile(codes, steps, q, ldx, y, ldy, 1);
}

enum { MANY = 48 }; /* tokens whose activations stay in the second-level cache while weights pass */

#define TERNARY_KERNEL(layout, chunk, block)                                                                                           \
    static void layout##_many(const uint8_t *w, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,           \
                              size_t ldy, size_t n)                                                                                    \
    {                                                                                                                                  \
        _Alignas(64) uint8_t codes[(block) * T2_ROWS * (chunk)];                                                                       \
        for (size_t t = 0; t < n; t++)                                                                                                 \
            for (size_t r = 0; r < T2_ROWS; r++)                                                                                       \
                y[t * ldy + r] = -sums[t];                                                                                             \
        for (size_t c = 0; c < chunks; c += (block)) {                                                                                 \
            size_t count = chunks - c < (block) ? chunks - c : (block);                                                                \
            layout##_spread(w + c * T2_ROWS * T2_BYTES, count, codes);                                                                 \
            code_tiles(codes, count * ((chunk) / STEP), q + c * (chunk), ldx, y, ldy, n);                                              \
        }                                                                                                                              \
    }                                                                                                                                  \
    static void gemm_##layout##i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums,    \
                                  int32_t *y, size_t ldy, size_t n)                                                                    \
    {                                                                                                                                  \
        size_t stride = chunks * T2_ROWS * T2_BYTES;                                                                                   \
        for (size_t t = 0; t < n; t += MANY)                                                                                           \
            for (size_t g = 0; g < groups; g++)                                                                                        \
                if (n == 1)                                                                                                            \
                    layout##_one(w + g * stride, chunks, q, sums[0], y + g * T2_ROWS);                                                 \
                else                                                                                                                   \
                    layout##_many(w + g * stride, chunks, q + t * ldx, ldx, sums + t, y + t * ldy + g * T2_ROWS, ldy,                  \
                                  n - t < MANY ? n - t : MANY);                                                                        \
    }
