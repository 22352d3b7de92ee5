/* The words of panel.h in AVX-512. */
#include "../ops.h"
#include "inline.h"
#include <immintrin.h>

typedef __m512i vec;
enum { GROUPS = 4, WIDE = 2 };
#define low32(a, b) _mm512_unpacklo_epi32(a, b)
#define high32(a, b) _mm512_unpackhi_epi32(a, b)
#define low64(a, b) _mm512_unpacklo_epi64(a, b)
#define high64(a, b) _mm512_unpackhi_epi64(a, b)
#define keep(p, v) _mm512_store_si512(p, v)

INLINE vec load(const void *p)
{
    return _mm512_loadu_si512(p);
}

INLINE vec lanes(const uint8_t *const *at, size_t offset)
{
#define PIECE(i) _mm_loadu_si128((const __m128i *)(const void *)(at[i] + offset))
    vec v = _mm512_castsi128_si512(PIECE(0));
    v = _mm512_inserti32x4(v, PIECE(1), 1);
    v = _mm512_inserti32x4(v, PIECE(2), 2);
    return _mm512_inserti32x4(v, PIECE(3), 3);
#undef PIECE
}

#ifndef BIAS
#define BIAS 0
#endif
INLINE vec less_bias(vec codes)
{
    return BIAS ? _mm512_sub_epi8(codes, _mm512_set1_epi8(BIAS)) : codes;
}

INLINE vec t2_codes(vec v, int d)
{
    return less_bias(_mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * d)), _mm512_set1_epi8(3)));
}

/* Codes of bytes of five trits: 1 from 86 on, 2 from 171 on. */
INLINE vec t5_codes(vec t)
{
    vec one = _mm512_set1_epi8(1);
    return less_bias(_mm512_add_epi8(_mm512_min_epu8(_mm512_subs_epu8(t, _mm512_set1_epi8(85)), one),
                                     _mm512_min_epu8(_mm512_subs_epu8(t, _mm512_set1_epi8((char)170)), one)));
}

#define t5_begin(v) (v)
INLINE vec t5_next(vec t)
{
    t = _mm512_add_epi8(t, _mm512_add_epi8(t, t));
    OPAQUE(t);
    return t;
}
#include "panel.h"
