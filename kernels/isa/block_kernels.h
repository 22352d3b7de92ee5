/* The kernels of the block types for tiles of rows and tokens, written once. A file that includes this defines before:
     sums                                 a vector that gathers one result; sums_zero(), sums_total(s)
     step, step_<type>(row, i, both)      WEIGHTS weights of a row, decoded; `both` is false in a last step of half as many
     token, token_at(q, d, both, kind)    the activations of a step
     multiply(s, step, token, kind)       s + step * token
                                          `kind` is a constant of the type that means what the ISA wants: a bias of its codes, minima ...
     WEIGHTS, TILE_ROWS, TILE_TOKENS
   Weights are decoded once for the tokens of a tile, activations prepared once for its rows. The sum of one result runs in the same
   order whatever the tile. */

#define BLOCK_KERNEL(name, bytes_of_256, kind)                                                                              \
    INLINE void tile_##name(const uint8_t *w, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, const int rows, \
                            const int tokens)                                                                               \
    {                                                                                                                       \
        size_t stride = k / 32 * (bytes_of_256) / 8, bytes = (bytes_of_256) * WEIGHTS / 256;                                \
        sums s[TILE_ROWS][TILE_TOKENS];                                                                                     \
        UNROLL_TO(r, TILE_ROWS, rows)                                                                                       \
            UNROLL_TO(t, TILE_TOKENS, tokens)                                                                               \
                s[r][t] = sums_zero();                                                                                      \
        for (size_t i = 0; i * WEIGHTS < k; i++) {                                                                          \
            bool both = (i + 1) * WEIGHTS <= k;                                                                             \
            step weights[TILE_ROWS];                                                                                        \
            UNROLL_TO(r, TILE_ROWS, rows) {                                                                                 \
                weights[r] = step_##name(w + (size_t)r * stride, i, both);                                                  \
                __builtin_prefetch(w + (size_t)(rows + r) * stride + i * bytes); /* the same place of the next tile */      \
            }                                                                                                               \
            UNROLL_TO(t, TILE_TOKENS, tokens) {                                                                             \
                size_t at = (size_t)t * k + i * WEIGHTS;                                                                    \
                token x = token_at(q + at, d + at / 32, both, kind);                                                        \
                UNROLL_TO(r, TILE_ROWS, rows)                                                                               \
                    s[r][t] = multiply(s[r][t], weights[r], x, kind);                                                       \
            }                                                                                                               \
        }                                                                                                                   \
        UNROLL_TO(r, TILE_ROWS, rows)                                                                                       \
            UNROLL_TO(t, TILE_TOKENS, tokens)                                                                               \
                y[(size_t)t * ldy + (size_t)r] = sums_total(s[r][t]);                                                       \
    }                                                                                                                       \
    static void gemm_##name##q8(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, \
                                size_t n)                                                                                   \
    {                                                                                                                       \
        size_t stride = k / 32 * (bytes_of_256) / 8, r = 0;                                                                 \
        for (; r + TILE_ROWS <= rows; r += TILE_ROWS) {                                                                     \
            const uint8_t *row = (const uint8_t *)w + r * stride;                                                           \
            size_t t = 0;                                                                                                   \
            for (; t + TILE_TOKENS <= n; t += TILE_TOKENS)                                                                  \
                tile_##name(row, k, q + t * k, d + t * (k / 32), y + t * ldy + r, ldy, TILE_ROWS, TILE_TOKENS);             \
            for (; t < n; t++)                                                                                              \
                tile_##name(row, k, q + t * k, d + t * (k / 32), y + t * ldy + r, ldy, TILE_ROWS, 1);                       \
        }                                                                                                                   \
        for (; r < rows; r++)                                                                                               \
            for (size_t t = 0; t < n; t++)                                                                                  \
                tile_##name((const uint8_t *)w + r * stride, k, q + t * k, d + t * (k / 32), y + t * ldy + r, ldy, 1, 1);   \
    }

/* Where the 6-bit scale and minimum of sub-block j of a Q4_K block stand in its 12 bytes. */
INLINE int q4_k_scale(const uint8_t *s, size_t j)
{
    return j < 4 ? s[j] & 63 : (s[j + 4] & 15) | (s[j - 4] >> 6) << 4;
}

INLINE int q4_k_minimum(const uint8_t *s, size_t j)
{
    return j < 4 ? s[j + 4] & 63 : s[j + 4] >> 4 | (s[j] >> 6) << 4;
}

#define OVERLAY_BLOCK_KERNELS(ops)          \
    do {                                    \
        (ops)->gemm_q8_0q8 = gemm_q8_0q8;   \
        (ops)->gemm_q4_0q8 = gemm_q4_0q8;   \
        (ops)->gemm_q4_kq8 = gemm_q4_kq8;   \
        (ops)->gemm_q6_kq8 = gemm_q6_kq8;   \
    } while (0)
