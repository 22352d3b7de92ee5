/* The words of lane_kernels.h for 64-byte vectors with VNNI: a line is all 16 rows. */
#include "inline.h"
#include <immintrin.h>
#include <string.h>

typedef __m512i li, lc, lg;
typedef __m512 lf;
enum { MOST_q4_0 = 8, MOST_q8_0 = 8, MOST_q4_k = 8, MOST_q6_k = 4, MOST_t2 = 8, MOST_t3 = 8, MOST_t4 = 8 };
enum { L_STREAMS = 3, L_ROWS = 16, L_TOKENS = 12, L_SOME = 4, BIAS_q4_0 = 8, BIAS_q8_0 = 128, BIAS_q4_k = 0, BIAS_q6_k = 32 };

INLINE int32_t word_at(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE lc l_low(const uint8_t *p)
{
    return _mm512_and_si512(_mm512_loadu_si512(p), _mm512_set1_epi8(15));
}

INLINE lc l_high(const uint8_t *p)
{
    return _mm512_and_si512(_mm512_srli_epi16(_mm512_loadu_si512(p), 4), _mm512_set1_epi8(15));
}

INLINE lc l_bytes(const uint8_t *p)
{
    return _mm512_xor_si512(_mm512_loadu_si512(p), _mm512_set1_epi8((char)128)); /* VNNI wants one side unsigned */
}

INLINE lc l_bits(lc c, const uint8_t *p, const int j)
{
    __m512i bits = _mm512_loadu_si512(p);
    bits = j < 2 ? _mm512_slli_epi16(bits, (unsigned)(j < 2 ? 4 - 2 * j : 0)) : _mm512_srli_epi16(bits, (unsigned)(j < 2 ? 0 : 2 * j - 4));
    return _mm512_ternarylogic_epi64(c, bits, _mm512_set1_epi8(0x30), 0xf8); /* c | bits & mask */
}

INLINE lc l_fifth(lc c, const uint8_t *p, const int j)
{
    __m512i bits = _mm512_loadu_si512(p);
    bits = j < 4 ? _mm512_slli_epi16(bits, (unsigned)(j < 4 ? 4 - j : 0)) : _mm512_srli_epi16(bits, (unsigned)(j < 4 ? 0 : j - 4));
    return _mm512_ternarylogic_epi64(c, bits, _mm512_set1_epi8(0x10), 0xf8);
}

#define l_gather(i) (i)
#define l_gathered(i, g) (g)

INLINE lg l_dot(lg g, lc c, const int8_t *q, const int j)
{
    return _mm512_dpbusd_epi32(g, c, _mm512_set1_epi32(word_at(q + 4 * j)));
}
#define l_dot_q4_0 l_dot
#define l_dot_q8_0 l_dot
#define l_dot_q4_k l_dot
#define l_dot_q6_k l_dot

INLINE li l_sums(const int16_t *s, const int a, const int b)
{
    li zero = _mm512_setzero_si512();
    int both = (int)((unsigned)b << 16 | (a & 0xffff));
    return both ? _mm512_dpwssd_epi32(zero, _mm512_set1_epi32(both), _mm512_set1_epi32(word_at(s))) : zero;
}

INLINE lf l_halves(const uint8_t *p)
{
    return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

INLINE lf l_unsigned(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}

INLINE lf l_signed(const uint8_t *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p)));
}

#define l_floats(p) _mm512_loadu_ps(p)
#define l_store(p, v) _mm512_storeu_ps(p, v)
#define l_zero() _mm512_setzero_ps()
#define l_set(a) _mm512_set1_ps(a)
#define l_mul(a, b) _mm512_mul_ps(a, b)
#define l_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define l_fnma(a, b, c) _mm512_fnmadd_ps(a, b, c)
#define l_float(i) _mm512_cvtepi32_ps(i)
#define l_prefetch(p) _mm_prefetch((const char *)(p) + 2048, _MM_HINT_T0)
