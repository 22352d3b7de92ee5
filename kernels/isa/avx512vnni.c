/* AVX-512 with VNNI: the kernels that stream weights. The rest is AVX2's. */
#include "../ops.h"
#include "inline.h"
#include <immintrin.h>
#include <string.h>

enum { AHEAD = 2048 }; /* bytes of software prefetch, measured: decode waits for memory, not for arithmetic */

INLINE __m512i load(const void *p)
{
    return _mm512_loadu_si512(p);
}

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

/* One token. The codes are masked, not shifted: those at bits 2d come out 4^d times too large, which their own accumulator takes back
   at the end, exactly. */
static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    __m512i m0 = _mm512_set1_epi8(3), m1 = _mm512_set1_epi8(12), m2 = _mm512_set1_epi8(48), m3 = _mm512_set1_epi8((char)192);
    __m512i a[T2_ROWS][4];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        for (int d = 0; d < 4; d++)
            a[r][d] = _mm512_setzero_si512();
    for (size_t c = 0; c < chunks; c++, w += T2_ROWS * T2_BYTES, q += T2_CHUNK) {
        __m512i q0 = load(q), q1 = load(q + 64), q2 = load(q + 128), q3 = load(q + 192);
        UNROLL
        for (int r = 0; r < T2_ROWS; r++) {
            __m512i v = load(w + r * T2_BYTES);
            prefetch(w + r * T2_BYTES);
            a[r][0] = _mm512_dpbusd_epi32(a[r][0], _mm512_and_si512(v, m0), q0);
            a[r][1] = _mm512_dpbusd_epi32(a[r][1], _mm512_and_si512(v, m1), q1);
            a[r][2] = _mm512_dpbusd_epi32(a[r][2], _mm512_and_si512(v, m2), q2);
            a[r][3] = _mm512_dpbusd_epi32(a[r][3], _mm512_and_si512(v, m3), q3);
        }
    }
    __m512i s[T2_ROWS];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        s[r] = _mm512_add_epi32(_mm512_add_epi32(a[r][0], _mm512_srai_epi32(a[r][1], 2)),
                                _mm512_add_epi32(_mm512_srai_epi32(a[r][2], 4), _mm512_srai_epi32(a[r][3], 6)));
    _mm_storeu_si128((__m128i *)y, _mm_sub_epi32(sum4(s[0], s[1], s[2], s[3]), _mm_set1_epi32(sum)));
}

/* Several tokens: the codes of a group are spread to bytes once, block by block, and meet tiles of TILE tokens. */
enum { TILE = 6, STEP = 64 };

static void t2_spread(const uint8_t *w, size_t chunks, uint8_t *out)
{
    __m512i mask = _mm512_set1_epi8(3);
    for (size_t c = 0; c < chunks; c++, out += T2_ROWS * T2_CHUNK)
        UNROLL
        for (int r = 0; r < T2_ROWS; r++, w += T2_BYTES) {
            __m512i v = load(w);
            _mm512_store_si512(out + r * STEP, _mm512_and_si512(v, mask));
            _mm512_store_si512(out + (T2_ROWS + r) * STEP, _mm512_and_si512(_mm512_srli_epi16(v, 2), mask));
            _mm512_store_si512(out + (2 * T2_ROWS + r) * STEP, _mm512_and_si512(_mm512_srli_epi16(v, 4), mask));
            _mm512_store_si512(out + (3 * T2_ROWS + r) * STEP, _mm512_and_si512(_mm512_srli_epi16(v, 6), mask));
        }
}

/* y[t*ldy + 0..3] += codes[steps][4][64] times q of `tokens` tokens. */
INLINE void code_tile(const uint8_t *codes, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, const int tokens)
{
    __m512i a[TILE][T2_ROWS];
    UNROLL
    for (int t = 0; t < tokens; t++)
        for (int r = 0; r < T2_ROWS; r++)
            a[t][r] = _mm512_setzero_si512();
    for (size_t s = 0; s < steps; s++, codes += T2_ROWS * STEP, q += STEP) {
        __m512i w0 = load(codes), w1 = load(codes + STEP), w2 = load(codes + 2 * STEP), w3 = load(codes + 3 * STEP);
        UNROLL
        for (int t = 0; t < tokens; t++) {
            __m512i x = load(q + (size_t)t * ldx);
            a[t][0] = _mm512_dpbusd_epi32(a[t][0], w0, x);
            a[t][1] = _mm512_dpbusd_epi32(a[t][1], w1, x);
            a[t][2] = _mm512_dpbusd_epi32(a[t][2], w2, x);
            a[t][3] = _mm512_dpbusd_epi32(a[t][3], w3, x);
        }
    }
    UNROLL
    for (int t = 0; t < tokens; t++) {
        __m128i *out = (__m128i *)(y + (size_t)t * ldy);
        _mm_storeu_si128(out, _mm_add_epi32(_mm_loadu_si128(out), sum4(a[t][0], a[t][1], a[t][2], a[t][3])));
    }
}

/* One token, five trits a byte, without taking them apart: ops.h says why. */
static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    __m512i a[T2_ROWS], b[T2_ROWS]; /* sums of t(d)*q(d) and of t(d+1)*q(d) */
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = b[r] = _mm512_setzero_si512();
    for (size_t c = 0; c < chunks; c++, w += T2_ROWS * T2_BYTES, q += T5_CHUNK) {
        __m512i x[5];
        UNROLL
        for (int d = 0; d < 5; d++)
            x[d] = load(q + d * STEP);
        UNROLL
        for (int r = 0; r < T2_ROWS; r++) {
            __m512i t = load(w + r * T2_BYTES);
            prefetch(w + r * T2_BYTES);
            UNROLL
            for (int d = 0; d < 5; d++) {
                a[r] = _mm512_dpbusd_epi32(a[r], t, x[d]);
                t = _mm512_add_epi8(t, _mm512_add_epi8(t, t));
                b[r] = _mm512_dpbusd_epi32(b[r], t, x[d]);
            }
        }
    }
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = _mm512_sub_epi32(_mm512_add_epi32(a[r], _mm512_add_epi32(a[r], a[r])), b[r]);
    __m128i all = _mm_sub_epi32(sum4(a[0], a[1], a[2], a[3]), _mm_slli_epi32(_mm_set1_epi32(sum), 8));
    _mm_storeu_si128((__m128i *)y, _mm_srai_epi32(all, 8));
}

/* Codes of bytes of five trits: 1 from 86 on, 2 from 171 on. */
INLINE __m512i t5_codes(__m512i t)
{
    __m512i one = _mm512_set1_epi8(1);
    return _mm512_add_epi8(_mm512_min_epu8(_mm512_subs_epu8(t, _mm512_set1_epi8(85)), one),
                           _mm512_min_epu8(_mm512_subs_epu8(t, _mm512_set1_epi8((char)170)), one));
}

APART void t5_spread(const uint8_t *w, size_t chunks, uint8_t *out)
{
    for (size_t c = 0; c < chunks; c++, out += T2_ROWS * T5_CHUNK)
        for (int r = 0; r < T2_ROWS; r++, w += T2_BYTES) {
            __m512i t = load(w);
            UNROLL
            for (int d = 0; d < 5; d++) {
                _mm512_store_si512(out + (d * T2_ROWS + r) * STEP, t5_codes(t));
                t = _mm512_add_epi8(t, _mm512_add_epi8(t, t));
            }
        }
}

#include "ternary_kernels.h"
TERNARY_KERNEL(t2, T2_CHUNK, 8) /* the spread block of 4 rows takes 8 KB */
TERNARY_KERNEL(t5, T5_CHUNK, 6)

/* Float weights, 16 at a time. */
typedef __m512 vf;
enum { LANES = 16 };

INLINE __mmask16 first(size_t left)
{
    return (__mmask16)(left < 16 ? (1u << left) - 1 : 0xffff);
}

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
#define STREAMS_ONLY
#define DOT_TOKENS 4
#include "float_kernels.h"

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
    overlay_lane_kernels(ops);
    ops->gemm_t2i8 = gemm_t2i8;
    ops->gemm_t5i8 = gemm_t5i8;
    ops->dot_f32f32 = dot_f32f32;
    ops->dot_f16f32 = dot_f16f32;
    ops->dot_bf16f32 = dot_bf16f32;
    ops->gemm_f32f32 = gemm_f32f32;
    ops->gemm_f16f32 = gemm_f16f32;
    ops->gemm_bf16f32 = gemm_bf16f32;
    ops->mix_f16f32 = mix_f16f32;
    ops->gemm_q8_0q8 = gemm_q8_0q8;
    ops->gemm_q4_0q8 = gemm_q4_0q8;
    ops->gemm_q6_kq8 = gemm_q6_kq8;
    ops->gemm_q4_kq8 = gemm_q4_kq8;
}
