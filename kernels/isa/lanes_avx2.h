/* The words of lane_kernels.h for 32-byte vectors: a line is two vectors of 8 rows. */
#include "inline.h"
#include <immintrin.h>
#include <string.h>

typedef __m256i li, lc, lg;
typedef __m256 lf;
enum { L_STREAMS = 2, L_ROWS = 8, L_TOKENS = 4, L_SOME = 4, BIAS_q4_0 = 8, BIAS_q8_0 = 0, BIAS_q4_k = 0, BIAS_q6_k = 32 };

INLINE int32_t word_at(const void *p)
{
    int32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

INLINE __m256i l_load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

INLINE lc l_low(const uint8_t *p)
{
    return _mm256_and_si256(l_load(p), _mm256_set1_epi8(15));
}

INLINE lc l_high(const uint8_t *p)
{
    return _mm256_and_si256(_mm256_srli_epi16(l_load(p), 4), _mm256_set1_epi8(15));
}

#define l_bytes(p) l_load(p)

INLINE lc l_bits(lc c, const uint8_t *p, const int j)
{
    __m256i bits = l_load(p);
    bits = j < 2 ? _mm256_slli_epi16(bits, j < 2 ? 4 - 2 * j : 0) : _mm256_srli_epi16(bits, j < 2 ? 0 : 2 * j - 4);
    return _mm256_or_si256(c, _mm256_and_si256(bits, _mm256_set1_epi8(0x30)));
}

INLINE lc l_fifth(lc c, const uint8_t *p, const int j)
{
    __m256i bits = l_load(p);
    bits = j < 4 ? _mm256_slli_epi16(bits, j < 4 ? 4 - j : 0) : _mm256_srli_epi16(bits, j < 4 ? 0 : j - 4);
    return _mm256_or_si256(c, _mm256_and_si256(bits, _mm256_set1_epi8(0x10)));
}

/* Sums of pairs gather in 16 bits as long as they fit: 8 lines of codes of at most 15 (8 * 2 * 15 * 127), 4 of 31, 2 of 63, 1 of 128. */
enum { MOST_q4_0 = 8, MOST_q8_0 = 1, MOST_q4_k = 8, MOST_q6_k = 2, MOST_t2 = 8, MOST_t3 = 4, MOST_t4 = 2 /* digits of at most 40 */ };
#define l_gather(i) _mm256_setzero_si256()
#define l_gathered(i, g) _mm256_add_epi32(i, _mm256_madd_epi16(g, _mm256_set1_epi16(1)))

INLINE lg l_dot(lg g, lc c, const int8_t *q, const int j)
{
    return _mm256_add_epi16(g, _mm256_maddubs_epi16(c, _mm256_set1_epi32(word_at(q + 4 * j))));
}
#define l_dot_q4_0 l_dot
#define l_dot_q4_k l_dot
#define l_dot_q6_k l_dot

/* The signs of the codes move to the activations, for maddubs wants unsigned codes. */
INLINE lg l_dot_q8_0(lg g, lc c, const int8_t *q, const int j)
{
    __m256i x = _mm256_sign_epi8(_mm256_set1_epi32(word_at(q + 4 * j)), c);
    return _mm256_add_epi16(g, _mm256_maddubs_epi16(_mm256_abs_epi8(c), x));
}

INLINE li l_sums(const int16_t *s, const int a, const int b)
{
    int both = (int)((unsigned)b << 16 | (a & 0xffff));
    return both ? _mm256_madd_epi16(_mm256_set1_epi32(both), _mm256_set1_epi32(word_at(s))) : _mm256_setzero_si256();
}

INLINE lf l_halves(const uint8_t *p)
{
    return _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

INLINE lf l_unsigned(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}

INLINE lf l_signed(const uint8_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}

#define l_floats(p) _mm256_loadu_ps((const float *)(const void *)(p))
#define l_store(p, v) _mm256_storeu_ps(p, v)
#define l_zero() _mm256_setzero_ps()
#define l_set(a) _mm256_set1_ps(a)
#define l_mul(a, b) _mm256_mul_ps(a, b)
#define l_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define l_fnma(a, b, c) _mm256_fnmadd_ps(a, b, c)
#define l_float(i) _mm256_cvtepi32_ps(i)
#define l_prefetch(p) _mm_prefetch((const char *)(p) + 2048, _MM_HINT_T0)
