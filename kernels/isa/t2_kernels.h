/* gemm_t2i8 for several tokens, written once. A file that includes this defines before:
     t2_one(w, chunks, q, sum, y)                        one group of rows, one token; y is written
     t2_spread(w, chunks, codes)                         a group's codes, one a byte: [chunks*256/STEP][4][STEP]
     t2_tile(codes, steps, q, ldx, y, ldy, tokens)       adds to y[t*ldy + 0..3]; always inlined, `tokens` a constant of at most TILE
     TILE, STEP, BLOCK                                   tokens a tile, bytes a step, chunks spread at a time */

static void t2_many(const uint8_t *w, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y, size_t ldy, size_t n)
{
    _Alignas(64) uint8_t codes[BLOCK * T2_ROWS * T2_CHUNK];
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < T2_ROWS; r++)
            y[t * ldy + r] = -sums[t];
    for (size_t c = 0; c < chunks; c += BLOCK) {
        size_t count = chunks - c < BLOCK ? chunks - c : BLOCK, steps = count * (T2_CHUNK / STEP);
        const int8_t *x = q + c * T2_CHUNK;
        size_t t = 0;
        t2_spread(w + c * T2_ROWS * T2_BYTES, count, codes);
        for (; t + TILE <= n; t += TILE)
            t2_tile(codes, steps, x + t * ldx, ldx, y + t * ldy, ldy, TILE);
        for (; t < n; t++)
            t2_tile(codes, steps, x + t * ldx, ldx, y + t * ldy, ldy, 1);
    }
}

enum { MANY = 48 }; /* tokens whose activations stay in the second-level cache while weights pass */

static void gemm_t2i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                      size_t ldy, size_t n)
{
    size_t stride = chunks * T2_ROWS * T2_BYTES;
    for (size_t t = 0; t < n; t += MANY)
        for (size_t g = 0; g < groups; g++)
            if (n == 1)
                t2_one(w + g * stride, chunks, q, sums[0], y + g * T2_ROWS);
            else
                t2_many(w + g * stride, chunks, q + t * ldx, ldx, sums + t, y + t * ldy + g * T2_ROWS, ldy, n - t < MANY ? n - t : MANY);
}
