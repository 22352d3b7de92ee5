/* AMX: products of ternary weights with many tokens, 16 x 16 results and 64 weights an instruction. The rest is AVX-512's. */
#include "../ops.h"
#include "inline.h"
#include <immintrin.h>

/* A panel is 32 rows of weights in two tiles; its digits are unpacked DEPTH chunks at a time and meet all tokens, 32 at a time. */
enum { SIDE = 16, TILE_BYTES = SIDE * 64, PANEL_GROUPS = 2 * SIDE / T2_ROWS, DEPTH = 4, STEPS = T2_CHUNK / 64 };
enum { FEWEST = 12 }; /* tokens; below, VNNI is faster (measured) */

void isa_avx512vnni(trit_ops *ops);
static void (*few_tokens)(const uint8_t *, size_t, size_t, const int8_t *, size_t, const int32_t *, int32_t *, size_t, size_t);

/* gcc 12 does not know that tile instructions read memory. */
#define SETTLE() __asm__ volatile("" ::: "memory")

/* Results are tiles 0 to 3: tokens of 4 and 5, rows of 6 and 7. */
typedef struct {
    uint8_t palette, start, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

INLINE size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

static void shape(tile_shapes *s, int tile, size_t rows, size_t row_bytes)
{
    bool used = rows && row_bytes;
    s->rows[tile] = (uint8_t)(used ? rows : 0);
    s->row_bytes[tile] = (uint16_t)(used ? row_bytes : 0);
}

/* Shapes for up to 32 tokens and 32 rows: no tile reads or writes beyond them. */
static void shape_tiles(size_t tokens, size_t rows)
{
    tile_shapes s = { .palette = 1 };
    size_t t[2] = { least(tokens, SIDE), tokens - least(tokens, SIDE) }, r[2] = { least(rows, SIDE), rows - least(rows, SIDE) };
    for (int i = 0; i < 2; i++) {
        shape(&s, 4 + i, t[i], 64);
        shape(&s, 6 + i, SIDE, 4 * r[i]);
        for (int j = 0; j < 2; j++)
            shape(&s, 2 * i + j, t[i], 4 * r[j]);
    }
    SETTLE();
    _tile_loadconfig(&s);
}

INLINE void transpose_lanes(__m512i *out, __m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = _mm512_shuffle_i32x4(a, b, 0x44), AB = _mm512_shuffle_i32x4(a, b, 0xee);
    __m512i cd = _mm512_shuffle_i32x4(c, d, 0x44), CD = _mm512_shuffle_i32x4(c, d, 0xee);
    out[0] = _mm512_shuffle_i32x4(ab, cd, 0x88);
    out[4] = _mm512_shuffle_i32x4(ab, cd, 0xdd);
    out[8] = _mm512_shuffle_i32x4(AB, CD, 0x88);
    out[12] = _mm512_shuffle_i32x4(AB, CD, 0xdd);
}

/* The trits of 16 rows, one chunk, as STEPS tiles; tiles of the panel's other half lie between them. A tile's line k holds weights
   4k .. 4k+3 of each row. Four weights of a row stay together, so one transposition of the packed bytes serves the four digits in them.
   Rows beyond `groups` come out as -1; no tile reads their columns. */
static void unpack(const uint8_t *w, size_t stride, size_t groups, int8_t *out)
{
    __m512i lines[4][4], columns[SIDE], three = _mm512_set1_epi8(3), one = _mm512_set1_epi8(1);
    UNROLL
    for (int g = 0; g < 4; g++) {
        const uint8_t *p = w + (size_t)g * stride;
        __m512i zero = _mm512_setzero_si512();
        bool there = (size_t)g < groups;
        __m512i a = there ? _mm512_loadu_si512(p) : zero, b = there ? _mm512_loadu_si512(p + 64) : zero;
        __m512i c = there ? _mm512_loadu_si512(p + 128) : zero, d = there ? _mm512_loadu_si512(p + 192) : zero;
        __m512i ab = _mm512_unpacklo_epi32(a, b), AB = _mm512_unpackhi_epi32(a, b);
        __m512i cd = _mm512_unpacklo_epi32(c, d), CD = _mm512_unpackhi_epi32(c, d);
        lines[g][0] = _mm512_unpacklo_epi64(ab, cd);
        lines[g][1] = _mm512_unpackhi_epi64(ab, cd);
        lines[g][2] = _mm512_unpacklo_epi64(AB, CD);
        lines[g][3] = _mm512_unpackhi_epi64(AB, CD);
    }
    UNROLL
    for (int j = 0; j < 4; j++)
        transpose_lanes(columns + j, lines[0][j], lines[1][j], lines[2][j], lines[3][j]);
    UNROLL
    for (int k = 0; k < SIDE; k++) {
        __m512i v = columns[k];
        int8_t *line = out + k * 64;
        _mm512_store_si512(line, _mm512_sub_epi8(_mm512_and_si512(v, three), one));
        _mm512_store_si512(line + 2 * TILE_BYTES, _mm512_sub_epi8(_mm512_and_si512(_mm512_srli_epi16(v, 2), three), one));
        _mm512_store_si512(line + 4 * TILE_BYTES, _mm512_sub_epi8(_mm512_and_si512(_mm512_srli_epi16(v, 4), three), one));
        _mm512_store_si512(line + 6 * TILE_BYTES, _mm512_sub_epi8(_mm512_and_si512(_mm512_srli_epi16(v, 6), three), one));
    }
}

/* y[t*ldy + r] (+)= digits times q; `more_tokens` and `more_rows`: beyond 16. */
INLINE void multiply(const int8_t *digits, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, bool add,
                     const bool more_tokens, const bool more_rows)
{
    const int8_t *q1 = q + SIDE * ldx;
    int32_t *y1 = y + SIDE * ldy;
    size_t line = ldy * sizeof *y;
    if (add) {
        _tile_loadd(0, y, line);
        if (more_rows)
            _tile_loadd(1, y + SIDE, line);
        if (more_tokens)
            _tile_loadd(2, y1, line);
        if (more_tokens && more_rows)
            _tile_loadd(3, y1 + SIDE, line);
    } else {
        _tile_zero(0);
        if (more_rows)
            _tile_zero(1);
        if (more_tokens)
            _tile_zero(2);
        if (more_tokens && more_rows)
            _tile_zero(3);
    }
    for (size_t s = 0; s < steps; s++, digits += 2 * TILE_BYTES, q += 64, q1 += 64) {
        _tile_loadd(6, digits, 64);
        _tile_loadd(4, q, ldx);
        _tile_dpbssd(0, 4, 6);
        if (more_rows) {
            _tile_loadd(7, digits + TILE_BYTES, 64);
            _tile_dpbssd(1, 4, 7);
        }
        if (more_tokens) {
            _tile_loadd(5, q1, ldx);
            _tile_dpbssd(2, 5, 6);
        }
        if (more_tokens && more_rows)
            _tile_dpbssd(3, 5, 7);
    }
    _tile_stored(0, y, line);
    if (more_rows)
        _tile_stored(1, y + SIDE, line);
    if (more_tokens)
        _tile_stored(2, y1, line);
    if (more_tokens && more_rows)
        _tile_stored(3, y1 + SIDE, line);
}

static void multiply_any(const int8_t *digits, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, bool add,
                         size_t tokens, size_t rows)
{
    if (tokens > SIDE && rows > SIDE)
        multiply(digits, steps, q, ldx, y, ldy, add, true, true);
    else if (tokens > SIDE)
        multiply(digits, steps, q, ldx, y, ldy, add, true, false);
    else if (rows > SIDE)
        multiply(digits, steps, q, ldx, y, ldy, add, false, true);
    else
        multiply(digits, steps, q, ldx, y, ldy, add, false, false);
}

static void gemm_t2i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                      size_t ldy, size_t n)
{
    _Alignas(64) int8_t digits[DEPTH * STEPS * 2 * TILE_BYTES];
    size_t stride = chunks * T2_ROWS * T2_BYTES, whole = n / (2 * SIDE) * (2 * SIDE);
    if (n < FEWEST) {
        few_tokens(w, groups, chunks, q, ldx, sums, y, ldy, n);
        return;
    }
    for (size_t g = 0; g < groups; g += PANEL_GROUPS, w += PANEL_GROUPS * stride, y += 2 * SIDE) {
        size_t panel = least(PANEL_GROUPS, groups - g), rows = panel * T2_ROWS, lower = least(panel, 4);
        for (size_t c = 0; c < chunks; c += DEPTH) {
            size_t depth = least(DEPTH, chunks - c);
            const int8_t *x = q + c * T2_CHUNK;
            for (size_t i = 0; i < depth; i++) {
                const uint8_t *from = w + (c + i) * T2_ROWS * T2_BYTES;
                int8_t *to = digits + i * STEPS * 2 * TILE_BYTES;
                unpack(from, stride, lower, to);
                if (panel > lower)
                    unpack(from + 4 * stride, stride, panel - lower, to + TILE_BYTES);
            }
            SETTLE();
            if (whole)
                shape_tiles(2 * SIDE, rows);
            for (size_t t = 0; t < whole; t += 2 * SIDE)
                multiply_any(digits, depth * STEPS, x + t * ldx, ldx, y + t * ldy, ldy, c > 0, 2 * SIDE, rows);
            if (whole < n) {
                shape_tiles(n - whole, rows);
                multiply_any(digits, depth * STEPS, x + whole * ldx, ldx, y + whole * ldy, ldy, c > 0, n - whole, rows);
            }
        }
    }
    _tile_release();
    SETTLE();
}

#include "lanes_amx.h"

void isa_amx(trit_ops *ops)
{
    trit_ops below = { 0 };
    isa_avx512vnni(&below);
    few_tokens = below.gemm_t2i8;
    ops->gemm_t2i8 = gemm_t2i8;
    overlay_amx_lane_kernels(ops, &below);
}
