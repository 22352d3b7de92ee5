/* Panels: the weights of 32 rows, one a byte, as kernels for many tokens want them: line i holds weights 4i .. 4i+3 of each row,
   [weights/4][32 rows][4]. So the lanes of a vector are rows, a result needs no sum over lanes, and a tile's lines lie 128 bytes apart.
   Four weights of a row stay together from the packed byte on, so one transposition of packed bytes serves all digits in them. */
#ifndef TRIT_ISA_PANEL512_H
#define TRIT_ISA_PANEL512_H
#include "../ops.h"
#include "inline.h"
#include <immintrin.h>

enum { PANEL_ROWS = 32, PANEL_GROUPS = PANEL_ROWS / T2_ROWS, LINE = 4 * PANEL_ROWS, HALF = LINE / 2, COLUMNS = T2_BYTES / 4 };

INLINE void transpose_lanes(__m512i *out, __m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = _mm512_shuffle_i32x4(a, b, 0x44), AB = _mm512_shuffle_i32x4(a, b, 0xee);
    __m512i cd = _mm512_shuffle_i32x4(c, d, 0x44), CD = _mm512_shuffle_i32x4(c, d, 0xee);
    out[0] = _mm512_shuffle_i32x4(ab, cd, 0x88);
    out[4] = _mm512_shuffle_i32x4(ab, cd, 0xdd);
    out[8] = _mm512_shuffle_i32x4(AB, CD, 0x88);
    out[12] = _mm512_shuffle_i32x4(AB, CD, 0xdd);
}

/* The packed bytes of a chunk of 16 rows: column k holds bytes 4k .. 4k+3 of each. Rows beyond `groups` are zero. */
INLINE void transpose(const uint8_t *w, size_t stride, size_t groups, __m512i *columns)
{
    __m512i lines[4][4];
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
}

INLINE void put(uint8_t *out, int digit, int column, __m512i codes, const int bias)
{
    _mm512_store_si512(out + (digit * COLUMNS + column) * LINE, bias ? _mm512_sub_epi8(codes, _mm512_set1_epi8((char)bias)) : codes);
}

/* One chunk of 16 rows: codes, less `bias`. */
INLINE void t2_half(const uint8_t *w, size_t stride, size_t groups, uint8_t *out, const int bias)
{
    __m512i columns[COLUMNS], mask = _mm512_set1_epi8(3);
    transpose(w, stride, groups, columns);
    UNROLL
    for (int k = 0; k < COLUMNS; k++)
        for (int d = 0; d < 4; d++)
            put(out, d, k, _mm512_and_si512(_mm512_srli_epi16(columns[k], 2 * d), mask), bias);
}

/* Codes of bytes of five trits: 1 from 86 on, 2 from 171 on. */
INLINE __m512i t5_codes(__m512i t)
{
    __m512i one = _mm512_set1_epi8(1);
    return _mm512_add_epi8(_mm512_min_epu8(_mm512_subs_epu8(t, _mm512_set1_epi8(85)), one),
                           _mm512_min_epu8(_mm512_subs_epu8(t, _mm512_set1_epi8((char)170)), one));
}

INLINE __m512i t5_next(__m512i t)
{
    return _mm512_add_epi8(t, _mm512_add_epi8(t, t));
}

INLINE void t5_half(const uint8_t *w, size_t stride, size_t groups, uint8_t *out, const int bias)
{
    __m512i columns[COLUMNS];
    transpose(w, stride, groups, columns);
    UNROLL
    for (int k = 0; k < COLUMNS; k++) {
        __m512i t = columns[k];
        UNROLL
        for (int d = 0; d < 5; d++, t = t5_next(t))
            put(out, d, k, t5_codes(t), bias);
    }
}

/* One chunk of up to 32 rows of layout t2 or t5. */
#define PANEL_CHUNK(layout, bias)                                                                                            \
    static void layout##_chunk(const uint8_t *w, size_t stride, size_t groups, uint8_t *out)                                 \
    {                                                                                                                        \
        layout##_half(w, stride, groups, out, bias);                                                                         \
        if (groups > PANEL_GROUPS / 2)                                                                                       \
            layout##_half(w + PANEL_GROUPS / 2 * stride, stride, groups - PANEL_GROUPS / 2, out + HALF, bias);               \
    }
#endif
