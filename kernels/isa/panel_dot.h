/* The gemm of panels with dot products of four bytes. A file that includes this defines, beside the words of panel.h:
     acc, acc_zero(), dot(a, codes, q)      adds products of codes with int8 of the same byte to an accumulator
     widen(a)                               int32 of each row; RUN: lines an accumulator can take before
     four(q)                                four activations to all lanes
     get(y, left) put(y, v, left)           int32 of a vector's rows, of which `left` are there
   TOKENS: tokens whose accumulators fit in registers; t2_one, t5_one: the gemm of one token; T2_FEW, T5_FEW: tokens
   up to which they are faster. */

/* y += codes times q, `tokens` tokens. */
INLINE void panel_tile(const uint8_t *codes, size_t lines, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, size_t rows, const int tokens)
{
    while (lines) {
        acc a[TOKENS][WIDE];
        size_t run = lines < RUN ? lines : RUN;
        UNROLL_TO(t, TOKENS, tokens)
            for (int v = 0; v < WIDE; v++)
                a[t][v] = acc_zero();
        for (lines -= run; run; run--, codes += LINE, q += 4) {
            vec c[WIDE];
            UNROLL
            for (int v = 0; v < WIDE; v++)
                c[v] = load(codes + v * VECTOR);
            UNROLL_TO(t, TOKENS, tokens) {
                vec x = four(q + (size_t)t * ldx);
                UNROLL
                for (int v = 0; v < WIDE; v++)
                    a[t][v] = dot(a[t][v], c[v], x);
            }
        }
        UNROLL_TO(t, TOKENS, tokens)
            for (size_t v = 0; v < WIDE; v++) {
                int32_t *out = y + (size_t)t * ldy + v * (VECTOR / 4);
                if (rows > v * (VECTOR / 4))
                    put(out, add32(get(out, rows - v * (VECTOR / 4)), widen(a[t][v])), rows - v * (VECTOR / 4));
            }
    }
}

APART void panel_tiles(const uint8_t *codes, size_t lines, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, size_t rows, size_t n)
{
    for (; n >= TOKENS; n -= TOKENS, q += TOKENS * ldx, y += TOKENS * ldy)
        panel_tile(codes, lines, q, ldx, y, ldy, rows, TOKENS);
    for (; n >= TOKENS / 3; n -= TOKENS / 3, q += TOKENS / 3 * ldx, y += TOKENS / 3 * ldy)
        panel_tile(codes, lines, q, ldx, y, ldy, rows, TOKENS / 3);
    for (; n; n--, q += ldx, y += ldy)
        panel_tile(codes, lines, q, ldx, y, ldy, rows, 1);
}

/* Weights of a panel unpacked at a time. */
enum { DEPTH = 1280 };

INLINE void panel_gemm(void lines_of(const panel *, size_t, uint8_t *), const size_t chunk, const uint8_t *w, size_t groups, size_t chunks,
                       const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y, size_t ldy, size_t n)
{
    _Alignas(64) uint8_t codes[DEPTH / 4 * LINE];
    size_t stride = chunks * T2_ROWS * T2_BYTES, most = DEPTH / chunk;
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < groups * T2_ROWS; r++)
            y[t * ldy + r] = -sums[t];
    for (size_t g = 0; g < groups; g += PANEL_GROUPS) {
        panel p = panel_at(w + g * stride, groups - g, stride);
        for (size_t c = 0; c < chunks; c += most) {
            size_t count = chunks - c < most ? chunks - c : most;
            for (size_t i = 0; i < count; i++)
                lines_of(&p, c + i, codes + i * chunk / 4 * LINE);
            panel_tiles(codes, count * chunk / 4, q + c * chunk, ldx, y + g * T2_ROWS, ldy, p.groups * T2_ROWS, n);
        }
    }
}

/* Few tokens: the packed bytes of a group stay in the first-level cache while each token meets them by itself. Each third of the groups has
   its turn: measured, the hardware fetches ahead in three streams what it does not in one. */
#define PANEL_KERNEL(layout, chunk, few)                                                                                      \
    static void gemm_##layout##i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx,               \
                                  const int32_t *sums, int32_t *y, size_t ldy, size_t n)                                     \
    {                                                                                                                        \
        if (n > (few))                                                                                                       \
            panel_gemm(layout##_lines, chunk, w, groups, chunks, q, ldx, sums, y, ldy, n);                                   \
        for (size_t i = 0, third = groups / 3; n <= (few) && i < groups; i++)                                                \
            for (size_t t = 0, g = i < 3 * third ? i % 3 * third + i / 3 : i; t < n; t++)                                    \
                layout##_one(w + g * chunks * T2_ROWS * T2_BYTES, chunks, q + t * ldx, sums[t], y + t * ldy + g * T2_ROWS);  \
    }
PANEL_KERNEL(t2, T2_CHUNK, T2_FEW)
PANEL_KERNEL(t5, T5_CHUNK, T5_FEW)
