/* AVX2 with the dot products of VNNI (VEX forms): the ternary kernels. The rest is AVX2's. */
#include "words256.h"

/* One token. */
static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    vec a[T2_ROWS][2]; /* two, for a product takes longer than the next one needs to come */
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r][0] = a[r][1] = _mm256_setzero_si256();
    for (; chunks; chunks--, w += T2_ROWS * T2_BYTES, q += T2_CHUNK)
        UNROLL
        for (int i = 0; i < T2_BYTES; i += 32)
            UNROLL
            for (int r = 0; r < T2_ROWS; r++) {
                vec v = load(w + r * T2_BYTES + i);
                if (!i)
                    prefetch(w + r * T2_BYTES);
                UNROLL
                for (int d = 0; d < 4; d++)
                    a[r][d & 1] = _mm256_dpbusd_avx_epi32(a[r][d & 1], t2_codes(v, d), load(q + d * T2_BYTES + i));
            }
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r][0] = add32(a[r][0], a[r][1]);
    _mm_storeu_si128((__m128i *)(void *)y, _mm_sub_epi32(sum4(a[0][0], a[1][0], a[2][0], a[3][0]), _mm_set1_epi32(sum)));
}

/* Without taking the trits apart: ops.h says why. */
static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    vec a[T2_ROWS], b[T2_ROWS]; /* sums of t(d)*q(d) and of t(d+1)*q(d) */
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = b[r] = _mm256_setzero_si256();
    for (; chunks; chunks--, w += T2_ROWS * T2_BYTES, q += T5_CHUNK)
        UNROLL
        for (int i = 0; i < T2_BYTES; i += 32)
            UNROLL
            for (int r = 0; r < T2_ROWS; r++) {
                vec t = load(w + r * T2_BYTES + i);
                if (!i)
                    prefetch(w + r * T2_BYTES);
                UNROLL
                for (int d = 0; d < 5; d++) {
                    vec x = load(q + d * T2_BYTES + i);
                    a[r] = _mm256_dpbusd_avx_epi32(a[r], t, x);
                    t = t5_next(t);
                    b[r] = _mm256_dpbusd_avx_epi32(b[r], t, x);
                }
            }
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = _mm256_sub_epi32(add32(a[r], add32(a[r], a[r])), b[r]);
    __m128i all = _mm_sub_epi32(sum4(a[0], a[1], a[2], a[3]), _mm_slli_epi32(_mm_set1_epi32(sum), 8));
    _mm_storeu_si128((__m128i *)(void *)y, _mm_srai_epi32(all, 8));
}

/* Several tokens. */
enum { TOKENS = 6, T2_FEW = 6, T5_FEW = 4 };
#define RUN SIZE_MAX
typedef vec acc;
#define acc_zero() _mm256_setzero_si256()
#define dot(a, codes, q) _mm256_dpbusd_avx_epi32(a, codes, q)
#define widen(a) (a)
#include "panel_dot.h"

void isa_avxvnni(trit_ops *ops)
{
    ops->gemm_t2i8 = gemm_t2i8;
    ops->gemm_t5i8 = gemm_t5i8;
}
