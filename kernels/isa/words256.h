/* The words of panel.h and panel_dot.h in AVX2, and of kernels for one token. */
#include "../ops.h"
#include "inline.h"
#include <immintrin.h>
#include <string.h>

typedef __m256i vec;
enum { GROUPS = 2, WIDE = 2 };
#define low32(a, b) _mm256_unpacklo_epi32(a, b)
#define high32(a, b) _mm256_unpackhi_epi32(a, b)
#define low64(a, b) _mm256_unpacklo_epi64(a, b)
#define high64(a, b) _mm256_unpackhi_epi64(a, b)
#define keep(p, v) _mm256_store_si256((__m256i *)(void *)(p), v)
#define add32(a, b) _mm256_add_epi32(a, b)

INLINE vec load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

INLINE void prefetch(const void *p)
{
    _mm_prefetch((const char *)p + 2048, _MM_HINT_T0); /* measured: decode waits for memory, not for arithmetic */
}

INLINE vec lanes(const uint8_t *const *at, size_t offset)
{
    return _mm256_loadu2_m128i((const __m128i *)(const void *)(at[1] + offset), (const __m128i *)(const void *)(at[0] + offset));
}

/* Sums of the lanes of four vectors. */
INLINE __m128i sum4(vec a, vec b, vec c, vec d)
{
    vec all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    return _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1));
}

INLINE vec t2_codes(vec v, int d)
{
    return _mm256_and_si256(_mm256_srli_epi16(v, 2 * d), _mm256_set1_epi8(3));
}

/* Bytes of five trits with 128 taken off, so that signed comparisons serve: a code is 1 from t = 86 on, 2 from t = 171 on. Adding and
   multiplying by 3 modulo 256 keep the difference. */
INLINE vec t5_begin(vec v)
{
    return _mm256_xor_si256(v, _mm256_set1_epi8((char)128));
}

INLINE vec t5_codes(vec t)
{
    vec minus = _mm256_add_epi8(_mm256_cmpgt_epi8(t, _mm256_set1_epi8(85 - 128)), _mm256_cmpgt_epi8(t, _mm256_set1_epi8(170 - 128)));
    return _mm256_sub_epi8(_mm256_setzero_si256(), minus);
}

INLINE vec t5_next(vec t)
{
    t = _mm256_add_epi8(t, _mm256_add_epi8(t, t));
    OPAQUE(t);
    return t;
}

INLINE vec four(const int8_t *q)
{
    int32_t x;
    memcpy(&x, q, sizeof x);
    return _mm256_set1_epi32(x);
}

INLINE vec first(size_t left)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)left), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE vec get(const int32_t *y, size_t left)
{
    return left >= 8 ? load(y) : _mm256_maskload_epi32(y, first(left));
}

INLINE void put(int32_t *y, vec v, size_t left)
{
    if (left >= 8)
        _mm256_storeu_si256((__m256i *)(void *)y, v);
    else
        _mm256_maskstore_epi32(y, first(left), v);
}
#include "panel.h"
