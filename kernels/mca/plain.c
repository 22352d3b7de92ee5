/* What the hot loops are compared with: the obvious product of a row of 2-bit codes with one token, a row at a time. 32 bytes hold 128
   weights, each byte four that stand 32 apart; every digit is shifted, masked, multiplied and added by itself. */
#include <stddef.h>
#include <stdint.h>

#if defined(__AVX2__)
#include <immintrin.h>

static __m256i digit(__m256i v, int shift, const int8_t *q, __m256i sum)
{
    __m256i codes = _mm256_and_si256(_mm256_srli_epi16(v, shift), _mm256_set1_epi8(3));
    __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)q);
#ifdef __AVX512VNNI__
    return _mm256_dpbusd_epi32(sum, codes, x);
#else
    return _mm256_add_epi16(sum, _mm256_maddubs_epi16(codes, x));
#endif
}

void plain(const uint8_t *w, size_t blocks, const int8_t *q, void *out)
{
    __m256i sum = _mm256_setzero_si256();
    for (; blocks; blocks--, w += 32, q += 128) {
        __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)w);
        sum = digit(v, 6, q, sum);
        sum = digit(v, 4, q + 32, sum);
        sum = digit(v, 2, q + 64, sum);
        sum = digit(v, 0, q + 96, sum);
    }
    _mm256_storeu_si256(out, sum);
}

#elif defined(__ARM_NEON)
#include <arm_neon.h>

#ifdef __ARM_FEATURE_DOTPROD
typedef int32x4_t sums;
#define ADD(s, codes, q) vdotq_s32(s, codes, q)
#else
typedef int16x8_t sums;
#define ADD(s, codes, q) vmlal_s8(vmlal_s8(s, vget_low_s8(codes), vget_low_s8(q)), vget_high_s8(codes), vget_high_s8(q))
#endif

static sums digit(uint8x16_t v, const int8_t *q, sums s)
{
    return ADD(s, vreinterpretq_s8_u8(vandq_u8(v, vdupq_n_u8(3))), vld1q_s8(q));
}

void plain(const uint8_t *w, size_t blocks, const int8_t *q, sums *out)
{
    sums s = { 0 };
    for (; blocks; blocks--, w += 32, q += 128)
        for (int half = 0; half < 32; half += 16) {
            uint8x16_t v = vld1q_u8(w + half);
            s = digit(vshrq_n_u8(v, 6), q + half, s);
            s = digit(vshrq_n_u8(v, 4), q + 32 + half, s);
            s = digit(vshrq_n_u8(v, 2), q + 64 + half, s);
            s = digit(v, q + 96 + half, s);
        }
    *out = s;
}
#else
#include <tmmintrin.h>

static __m128i digit(__m128i v, int shift, const int8_t *q, __m128i sum)
{
    __m128i codes = _mm_and_si128(_mm_srli_epi16(v, shift), _mm_set1_epi8(3));
    return _mm_add_epi16(sum, _mm_maddubs_epi16(codes, _mm_loadu_si128((const __m128i *)(const void *)q)));
}

void plain(const uint8_t *w, size_t blocks, const int8_t *q, void *out)
{
    __m128i sum = _mm_setzero_si128();
    for (; blocks; blocks--, w += 32, q += 128)
        for (int half = 0; half < 32; half += 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)(const void *)(w + half));
            sum = digit(v, 6, q + half, sum);
            sum = digit(v, 4, q + 32 + half, sum);
            sum = digit(v, 2, q + 64 + half, sum);
            sum = digit(v, 0, q + 96 + half, sum);
        }
    _mm_storeu_si128(out, sum);
}
#endif
