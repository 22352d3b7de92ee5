/* AVX-512 with VNNI: the kernels that stream weights. The rest is AVX2's. */
#include "words512.h"
#include <string.h>

enum { AHEAD = 2048 }; /* bytes of software prefetch, measured: decode waits for memory, not for arithmetic */

enum { STREAMS = 3 }; /* as many as registers hold the sums of; measured: 1.2 to 1.3 times the rate of one */

INLINE void prefetch(const void *p)
{
    _mm_prefetch((const char *)p + AHEAD, _MM_HINT_T0);
}

/* Sums of the lanes of four vectors. */
INLINE __m128i sum4(__m512i a, __m512i b, __m512i c, __m512i d)
{
    __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
    __m256i half = _mm256_add_epi32(_mm512_castsi512_si256(all), _mm512_extracti64x4_epi64(all, 1));
    return _mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* One token, a few groups at once, `apart` bytes from each other: the hardware fetches ahead in each of these streams, and one alone does
   not keep the memory busy. */
INLINE void t2_streams(const uint8_t *w, size_t apart, size_t chunks, const int8_t *q, int32_t sum, int32_t *y, size_t y_apart,
                       const int streams)
{
    __m512i a[STREAMS][T2_ROWS], mask = _mm512_set1_epi8(3);
    UNROLL
    for (int s = 0; s < streams; s++)
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            a[s][r] = _mm512_setzero_si512();
    for (size_t c = 0; c < chunks; c++, w += T2_ROWS * T2_BYTES, q += T2_CHUNK) {
        __m512i x[4];
        UNROLL
        for (int d = 0; d < 4; d++)
            x[d] = load(q + d * T2_BYTES);
        UNROLL
        for (int s = 0; s < streams; s++)
            UNROLL
            for (int r = 0; r < T2_ROWS; r++) {
                const uint8_t *at = w + (size_t)s * apart + r * T2_BYTES;
                __m512i v = load(at);
                prefetch(at);
                UNROLL
                for (int d = 0; d < 4; d++)
                    a[s][r] = _mm512_dpbusd_epi32(a[s][r], _mm512_and_si512(_mm512_srli_epi16(v, (unsigned)(2 * d)), mask), x[d]);
            }
    }
    UNROLL
    for (int s = 0; s < streams; s++) {
        __m128i all = sum4(a[s][0], a[s][1], a[s][2], a[s][3]);
        _mm_storeu_si128((__m128i *)(y + (size_t)s * y_apart), _mm_sub_epi32(all, _mm_set1_epi32(sum)));
    }
}

static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    t2_streams(w, 0, chunks, q, sum, y, 0, 1);
}

/* The same for five trits a byte, without taking them apart: ops.h says why. */
INLINE void t5_streams(const uint8_t *w, size_t apart, size_t chunks, const int8_t *q, int32_t sum, int32_t *y, size_t y_apart,
                       const int streams)
{
    __m512i a[STREAMS][T2_ROWS], b[STREAMS][T2_ROWS]; /* sums of t(d)*q(d) and of t(d+1)*q(d) */
    UNROLL
    for (int s = 0; s < streams; s++)
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            a[s][r] = b[s][r] = _mm512_setzero_si512();
    for (size_t c = 0; c < chunks; c++, w += T2_ROWS * T2_BYTES, q += T5_CHUNK) {
        __m512i x[5];
        UNROLL
        for (int d = 0; d < 5; d++)
            x[d] = load(q + d * T2_BYTES);
        UNROLL
        for (int s = 0; s < streams; s++)
            UNROLL
            for (int r = 0; r < T2_ROWS; r++) {
                const uint8_t *at = w + (size_t)s * apart + r * T2_BYTES;
                __m512i t = load(at);
                prefetch(at);
                UNROLL
                for (int d = 0; d < 5; d++) {
                    a[s][r] = _mm512_dpbusd_epi32(a[s][r], t, x[d]);
                    t = t5_next(t);
                    b[s][r] = _mm512_dpbusd_epi32(b[s][r], t, x[d]);
                }
            }
    }
    UNROLL
    for (int s = 0; s < streams; s++) {
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            a[s][r] = _mm512_sub_epi32(_mm512_add_epi32(a[s][r], _mm512_add_epi32(a[s][r], a[s][r])), b[s][r]);
        __m128i all = _mm_sub_epi32(sum4(a[s][0], a[s][1], a[s][2], a[s][3]), _mm_slli_epi32(_mm_set1_epi32(sum), 8));
        _mm_storeu_si128((__m128i *)(y + (size_t)s * y_apart), _mm_srai_epi32(all, 8));
    }
}

static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    t5_streams(w, 0, chunks, q, sum, y, 0, 1);
}

/* Several tokens. */
enum { TOKENS = 12, T2_FEW = 6, T5_FEW = 3 };
#define RUN SIZE_MAX
typedef vec acc;
#define acc_zero() _mm512_setzero_si512()
#define dot(a, codes, q) _mm512_dpbusd_epi32(a, codes, q)
#define widen(a) (a)
#define add32(a, b) _mm512_add_epi32(a, b)

INLINE vec four(const int8_t *q)
{
    int32_t x;
    memcpy(&x, q, sizeof x);
    return _mm512_set1_epi32(x);
}

INLINE __mmask16 first(size_t left)
{
    return (__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff);
}

#define get(y, left) _mm512_maskz_loadu_epi32(first(left), y)
#define put(y, v, left) _mm512_mask_storeu_epi32(y, first(left), v)
#include "panel_dot.h"

/* One token takes a third of the groups in each stream. */
#define STREAM_KERNEL(layout)                                                                                                \
    static void stream_##layout##i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx,            \
                                    const int32_t *sums, int32_t *y, size_t ldy, size_t n)                                  \
    {                                                                                                                        \
        size_t part = n == 1 ? groups / STREAMS : 0, stride = chunks * T2_ROWS * T2_BYTES, done = STREAMS * part;           \
        for (size_t g = 0; g < part; g++)                                                                                    \
            layout##_streams(w + g * stride, part * stride, chunks, q, sums[0], y + g * T2_ROWS, part * T2_ROWS, STREAMS);  \
        gemm_##layout##i8(w + done * stride, groups - done, chunks, q, ldx, sums, y + done * T2_ROWS, ldy, n);              \
    }
STREAM_KERNEL(t2)
STREAM_KERNEL(t5)

/* Float weights, 16 at a time. */
typedef __m512 vf;
typedef __m512i vi;
enum { LANES = 16 };

INLINE vf v_load(const float *p, size_t left)
{
    return _mm512_maskz_loadu_ps(first(left), p);
}

INLINE vf v_load_f16(const uint16_t *p, size_t left)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(first(left), p));
}

INLINE vf v_load_bf16(const uint16_t *p, size_t left)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(first(left), p)), 16));
}

INLINE void v_store(float *p, vf v, size_t left)
{
    _mm512_mask_storeu_ps(p, first(left), v);
}

#define v_set(a) _mm512_set1_ps(a)
#define v_add(a, b) _mm512_add_ps(a, b)
#define v_fma(a, b, c) _mm512_fmadd_ps(a, b, c)
#define v_sum(a) _mm512_reduce_add_ps(a)
#define v_sub(a, b) _mm512_sub_ps(a, b)
#define v_mul(a, b) _mm512_mul_ps(a, b)
#define v_max(a, b) _mm512_max_ps(a, b)
#define v_min(a, b) _mm512_min_ps(a, b)
#define v_greatest(a) _mm512_reduce_max_ps(a)
#define vi_round(v) _mm512_cvtps_epi32(v)
#define vi_float(i) _mm512_cvtepi32_ps(i)
#define v_scale(v, i) _mm512_scalef_ps(v, _mm512_cvtepi32_ps(i))
#define MIX_TILES { MANY_ROWS = 12, MANY_WIDE = 2, FEW_ROWS = 4, FEW_WIDE = 4, ONE_WIDE = 8 }
#define STREAMS_ONLY
#define DOT_TOKENS 4
#include "float_kernels.h"

INLINE vf v_load_i8(const int8_t *p, size_t left)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(first(left), p)));
}
#define v_half(p) _mm512_set1_ps(_cvtsh_ss(*(p)))
#include "mix_q8_kernels.h"

#include "block_kernels.h"

/* Block types. A step is 64 weights of a row as unsigned codes, with the scale (and for Q4_K the minimum) of each lane of four:
   weight = scale * (code - bias) - minimum. */
typedef struct { __m512i codes; __m512 scale, minimum; } step;

INLINE float half_at(const void *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return _cvtsh_ss(h);
}

/* Low half a, high half b. */
INLINE __m512 halves(float a, float b)
{
    return _mm512_insertf32x8(_mm512_set1_ps(a), _mm256_set1_ps(b), 1);
}

INLINE __m256i load16(const uint8_t *a, const uint8_t *b)
{
    return _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)a)), _mm_loadu_si128((const __m128i *)b), 1);
}

/* `both` is false in the last step of a row with an odd number of 32-blocks: its second half is zero. */
INLINE step step_q4_0(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *a = row + 36 * i, *b = both ? a + 18 : a;
    __m512i twice = _mm512_permutexvar_epi64(_mm512_setr_epi64(0, 1, 0, 1, 2, 3, 2, 3), _mm512_castsi256_si512(load16(a + 2, b + 2)));
    __m512i shifts = _mm512_setr_epi64(0, 0, 4, 4, 0, 0, 4, 4);
    return (step){ .codes = _mm512_and_si512(_mm512_srlv_epi64(twice, shifts), _mm512_set1_epi8(15)),
                   .scale = halves(half_at(a), both ? half_at(b) : 0) };
}

INLINE step step_q8_0(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *a = row + 68 * i, *b = both ? a + 34 : a;
    __m512i q = _mm512_inserti64x4(_mm512_castsi256_si512(_mm256_loadu_si256((const __m256i *)(a + 2))),
                                   _mm256_loadu_si256((const __m256i *)(b + 2)), 1);
    return (step){ .codes = _mm512_xor_si512(q, _mm512_set1_epi8((char)128)), .scale = halves(half_at(a), both ? half_at(b) : 0) };
}

INLINE step step_q6_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 210 * (i / 4);
    size_t half = i / 2 % 2, upper = i % 2; /* 128 weights; its second 64, in the upper nibbles */
    __m512i low = _mm512_srlv_epi64(load(block + 64 * half), _mm512_set1_epi64((long long)(4 * upper)));
    __m512i high = _mm512_broadcast_i64x4(_mm256_loadu_si256((const __m256i *)(block + 128 + 32 * half)));
    long long s = (long long)(4 * upper);
    high = _mm512_srlv_epi64(high, _mm512_setr_epi64(s, s, s, s, s + 2, s + 2, s + 2, s + 2));
    high = _mm512_slli_epi64(_mm512_and_si512(high, _mm512_set1_epi8(3)), 4);
    __m512i scales = _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(block + 192)));
    int k = (int)(i % 4) * 4;
    __m512i lanes = _mm512_add_epi32(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3), _mm512_set1_epi32(k));
    (void)both;
    return (step){ .codes = _mm512_or_si512(_mm512_and_si512(low, _mm512_set1_epi8(15)), high),
                   .scale = _mm512_mul_ps(_mm512_cvtepi32_ps(_mm512_permutexvar_epi32(lanes, scales)), _mm512_set1_ps(half_at(block + 208))) };
}

INLINE step step_q4_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 144 * (i / 4);
    size_t k = i % 4;
    __m256i q = _mm256_loadu_si256((const __m256i *)(block + 16 + 32 * k));
    __m512i codes = _mm512_inserti64x4(_mm512_castsi256_si512(q), _mm256_srli_epi16(q, 4), 1);
    float d = half_at(block), dmin = half_at(block + 2);
    (void)both;
    return (step){ .codes = _mm512_and_si512(codes, _mm512_set1_epi8(15)), .scale = halves(d * (float)q4_k_scale(block + 4, 2 * k), d * (float)q4_k_scale(block + 4, 2 * k + 1)),
                   .minimum = halves(dmin * (float)q4_k_minimum(block + 4, 2 * k), dmin * (float)q4_k_minimum(block + 4, 2 * k + 1)) };
}

typedef __m512 sums;
#define sums_zero() _mm512_setzero_ps()
#define sums_total(s) _mm512_reduce_add_ps(s)

typedef struct {
    __m512i x, start; /* start: what the bias adds, negated */
    __m512 scale, whole; /* whole: value of the sum of x, for minima */
} token;

/* kind: the bias, or -1 for minima. */
INLINE token token_at(const int8_t *q, const float *d, bool both, int kind)
{
    __m512i pair = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1), zero = _mm512_setzero_si512();
    token t = { .x = _mm512_maskz_loadu_epi8(both ? ~(__mmask64)0 : 0xffffffffu, q), .start = zero };
    t.scale = _mm512_permutexvar_ps(pair, _mm512_maskz_loadu_ps(both ? 3 : 1, d));
    __m512i sum = _mm512_dpbusd_epi32(zero, _mm512_set1_epi8((char)(kind < 0 ? 1 : kind)), t.x);
    if (kind < 0)
        t.whole = _mm512_mul_ps(_mm512_cvtepi32_ps(sum), t.scale);
    else
        t.start = _mm512_sub_epi32(zero, sum);
    return t;
}

INLINE sums multiply(sums s, step w, token t, int kind)
{
    __m512 product = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(t.start, w.codes, t.x));
    s = _mm512_fmadd_ps(product, _mm512_mul_ps(w.scale, t.scale), s);
    return kind < 0 ? _mm512_fnmadd_ps(w.minimum, t.whole, s) : s;
}

enum { WEIGHTS = 64, TILE_ROWS = 4, TILE_TOKENS = 4 };
BLOCK_KERNEL(q4_0, 144, 8)
BLOCK_KERNEL(q8_0, 272, 128)
BLOCK_KERNEL(q6_k, 210, 32)
BLOCK_KERNEL(q4_k, 144, -1)

#include "lanes_avx512.h"
#include "lane_kernels.h"

void isa_avx512vnni(trit_ops *ops)
{
    overlay_float_kernels(ops);
    overlay_lane_kernels(ops);
    OVERLAY_BLOCK_KERNELS(ops);
    ops->gemm_t2i8 = stream_t2i8;
    ops->gemm_t5i8 = stream_t5i8;
    ops->prefers_t5 = true;
    ops->mix_q8f32 = mix_q8f32;
}
