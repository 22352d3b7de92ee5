/* AVX2 with FMA and F16C: everything. */
#include "words256.h"

/* Products of 16-bit pairs: codes are at most 2, |q| at most 127, so a pair gives at most 508 and 64 of them fit in 16 bits: T2_BLOCK
   chunks of 8 pairs or T5_BLOCK of 10 are gathered before they are widened. */
enum { T2_BLOCK = 8, T5_BLOCK = 6 };

INLINE __m256i widen(__m256i pairs)
{
    return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

INLINE __m256i t2_digit(__m256i v, int d, const int8_t *q)
{
    return _mm256_maddubs_epi16(_mm256_and_si256(_mm256_srli_epi16(v, 2 * d), _mm256_set1_epi8(3)), load(q + d * T2_BYTES));
}

static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    __m256i total[T2_ROWS];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        total[r] = _mm256_setzero_si256();
    while (chunks) {
        __m256i pairs[T2_ROWS];
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            pairs[r] = _mm256_setzero_si256();
        size_t count = chunks < T2_BLOCK ? chunks : T2_BLOCK;
        chunks -= count;
        for (; count; count--, w += T2_ROWS * T2_BYTES, q += T2_CHUNK)
            UNROLL
            for (int r = 0; r < T2_ROWS; r++) {
                __m256i a = load(w + r * T2_BYTES), b = load(w + r * T2_BYTES + 32);
                prefetch(w + r * T2_BYTES);
                a = _mm256_add_epi16(_mm256_add_epi16(t2_digit(a, 0, q), t2_digit(a, 1, q)),
                                     _mm256_add_epi16(t2_digit(a, 2, q), t2_digit(a, 3, q)));
                b = _mm256_add_epi16(_mm256_add_epi16(t2_digit(b, 0, q + 32), t2_digit(b, 1, q + 32)),
                                     _mm256_add_epi16(t2_digit(b, 2, q + 32), t2_digit(b, 3, q + 32)));
                pairs[r] = _mm256_add_epi16(pairs[r], _mm256_add_epi16(a, b));
            }
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            total[r] = _mm256_add_epi32(total[r], widen(pairs[r]));
    }
    _mm_storeu_si128((__m128i *)y, _mm_sub_epi32(sum4(total[0], total[1], total[2], total[3]), _mm_set1_epi32(sum)));
}

static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    __m256i total[T2_ROWS];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        total[r] = _mm256_setzero_si256();
    while (chunks) {
        __m256i pairs[T2_ROWS];
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            pairs[r] = _mm256_setzero_si256();
        size_t count = chunks < T5_BLOCK ? chunks : T5_BLOCK;
        chunks -= count;
        for (; count; count--, w += T2_ROWS * T2_BYTES, q += T5_CHUNK)
            UNROLL
            for (int r = 0; r < T2_ROWS; r++) {
                __m256i a = t5_begin(load(w + r * T2_BYTES)), b = t5_begin(load(w + r * T2_BYTES + 32));
                prefetch(w + r * T2_BYTES);
                UNROLL
                for (int d = 0; d < 5; d++) {
                    pairs[r] = _mm256_add_epi16(pairs[r], _mm256_maddubs_epi16(t5_codes(a), load(q + d * T2_BYTES)));
                    pairs[r] = _mm256_add_epi16(pairs[r], _mm256_maddubs_epi16(t5_codes(b), load(q + d * T2_BYTES + 32)));
                    a = t5_next(a);
                    b = t5_next(b);
                }
            }
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            total[r] = _mm256_add_epi32(total[r], widen(pairs[r]));
    }
    _mm_storeu_si128((__m128i *)y, _mm_sub_epi32(sum4(total[0], total[1], total[2], total[3]), _mm_set1_epi32(sum)));
}

/* Several tokens: four bytes give two pairs, so the same 64 are 64 lines of a panel. */
enum { TOKENS = 4, RUN = 64, T2_FEW = 2, T5_FEW = 1 };
typedef vec acc;
#define acc_zero() _mm256_setzero_si256()
#define dot(a, codes, q) _mm256_add_epi16(a, _mm256_maddubs_epi16(codes, q))
#include "panel_dot.h"

/* The vector words of float_kernels.h. */
typedef __m256 vf;
typedef __m256i vi;
enum { LANES = 8 };

/* Through memory where fewer are left: masked loads and stores are slow on some CPUs, and reach too far under emulation. */
INLINE vf v_load(const float *p, size_t left)
{
    float some[LANES] = { 0 };
    return _mm256_loadu_ps(left >= LANES ? p : memcpy(some, p, left * sizeof *p));
}

INLINE __m128i load_shorts(const uint16_t *p, size_t left)
{
    uint16_t some[LANES] = { 0 };
    if (left < LANES)
        p = memcpy(some, p, left * sizeof *p);
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

INLINE vf v_load_f16(const uint16_t *p, size_t left)
{
    return _mm256_cvtph_ps(load_shorts(p, left));
}

INLINE vf v_load_bf16(const uint16_t *p, size_t left)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(load_shorts(p, left)), 16));
}

INLINE void v_store(float *p, vf v, size_t left)
{
    float all[LANES];
    if (left >= LANES) {
        _mm256_storeu_ps(p, v);
    } else {
        _mm256_storeu_ps(all, v);
        memcpy(p, all, left * sizeof *p);
    }
}

INLINE void v_store_f16(uint16_t *p, vf v, size_t left)
{
    uint16_t all[LANES];
    __m128i halves = _mm256_cvtps_ph(v, _MM_FROUND_TO_NEAREST_INT);
    if (left >= LANES) {
        _mm_storeu_si128((__m128i *)(void *)p, halves);
    } else {
        _mm_storeu_si128((__m128i *)(void *)all, halves);
        memcpy(p, all, left * sizeof *p);
    }
}

INLINE float v_sum(vf v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

INLINE float v_greatest(vf v)
{
    __m128 s = _mm_max_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_max_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_max_ss(s, _mm_movehdup_ps(s)));
}

INLINE int32_t vi_sum(vi v)
{
    return _mm_cvtsi128_si32(sum4(v, _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()));
}

INLINE int32_t vi_greatest(vi v)
{
    __m128i s = _mm_max_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_max_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_max_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

INLINE void vi_store_i8(int8_t *q, vi v)
{
    __m128i shorts = _mm_packs_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    _mm_storel_epi64((__m128i *)(void *)q, _mm_packs_epi16(shorts, shorts));
}

#define v_set(a) _mm256_set1_ps(a)
#define v_add(a, b) _mm256_add_ps(a, b)
#define v_sub(a, b) _mm256_sub_ps(a, b)
#define v_mul(a, b) _mm256_mul_ps(a, b)
#define v_div(a, b) _mm256_div_ps(a, b)
#define v_fma(a, b, c) _mm256_fmadd_ps(a, b, c)
#define v_max(a, b) _mm256_max_ps(a, b)
#define v_min(a, b) _mm256_min_ps(a, b)
#define vi_zero() _mm256_setzero_si256()
#define vi_add(a, b) _mm256_add_epi32(a, b)
#define vi_sub(a, b) _mm256_sub_epi32(a, b)
#define vi_max(a, b) _mm256_max_epi32(a, b)
#define vi_half(a) _mm256_srai_epi32(a, 1)
#define vi_abs_bits(v) _mm256_and_si256(_mm256_castps_si256(v), _mm256_set1_epi32(0x7fffffff))
#define vi_round(v) _mm256_cvtps_epi32(v)
#define vi_float(i) _mm256_cvtepi32_ps(i)
#define vi_power(i) _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(i, _mm256_set1_epi32(127)), 23))
#define MIX_TILES { MANY_ROWS = 6, MANY_WIDE = 2, FEW_ROWS = 4, FEW_WIDE = 2, ONE_WIDE = 8 }
#include "float_kernels.h"

INLINE vf v_load_i8(const int8_t *p, size_t left)
{
    int64_t some = 0;
    memcpy(&some, p, left < LANES ? left : LANES);
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_cvtsi64_si128(some)));
}
#define v_half(p) _mm256_set1_ps(_cvtsh_ss(*(p)))
#include "mix_q8_kernels.h"

/* Block types. A step is 32 weights as small integers; weight = scale * (code - bias) - minimum. */
#include "block_kernels.h"
typedef struct { __m256i codes; __m256 scale, minimum; } step;
typedef __m256 sums;
#define sums_zero() _mm256_setzero_ps()
#define sums_total(s) v_sum(s)

INLINE float half_at(const void *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return _cvtsh_ss(h);
}

INLINE step step_q4_0(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 18 * i;
    __m128i q = _mm_loadu_si128((const __m128i *)(const void *)(block + 2));
    (void)both;
    return (step){ .codes = _mm256_and_si256(_mm256_set_m128i(_mm_srli_epi16(q, 4), q), _mm256_set1_epi8(15)),
                   .scale = _mm256_set1_ps(half_at(block)) };
}

INLINE step step_q8_0(const uint8_t *row, size_t i, bool both)
{
    (void)both;
    return (step){ .codes = load(row + 34 * i + 2), .scale = _mm256_set1_ps(half_at(row + 34 * i)) };
}

INLINE step step_q6_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 210 * (i / 8);
    size_t half = i / 4 % 2, quarter = i % 4;
    __m128i low_shift = _mm_cvtsi32_si128((int)(quarter / 2 * 4)), high_shift = _mm_cvtsi32_si128((int)(quarter * 2));
    __m256i low = _mm256_srl_epi16(load(block + 64 * half + 32 * (quarter & 1)), low_shift);
    __m256i high = _mm256_srl_epi16(load(block + 128 + 32 * half), high_shift);
    low = _mm256_and_si256(low, _mm256_set1_epi8(15));
    high = _mm256_slli_epi16(_mm256_and_si256(high, _mm256_set1_epi8(3)), 4);
    const int8_t *scales = (const int8_t *)block + 192 + 8 * half + 2 * quarter;
    float d = half_at(block + 208);
    (void)both;
    return (step){ .codes = _mm256_or_si256(low, high),
                   .scale = _mm256_set_m128(_mm_set1_ps(d * (float)scales[1]), _mm_set1_ps(d * (float)scales[0])) };
}

INLINE step step_q4_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 144 * (i / 8);
    __m256i q = _mm256_srl_epi16(load(block + 16 + 32 * (i % 8 / 2)), _mm_cvtsi32_si128((int)(i % 2 * 4)));
    (void)both;
    return (step){ .codes = _mm256_and_si256(q, _mm256_set1_epi8(15)),
                   .scale = _mm256_set1_ps(half_at(block) * (float)q4_k_scale(block + 4, i % 8)),
                   .minimum = _mm256_set1_ps(half_at(block + 2) * (float)q4_k_minimum(block + 4, i % 8)) };
}

typedef struct { __m256i x, start; __m256 scale, whole; } token; /* start: what the bias adds; whole: value of the sum of x */

/* kind: the bias; -1: minima; 0: the codes are signed. */
INLINE token token_at(const int8_t *q, const float *d, bool both, int kind)
{
    token t = { .x = load(q), .start = _mm256_setzero_si256(), .scale = _mm256_set1_ps(*d) };
    (void)both;
    if (kind) {
        __m256i sum = widen(_mm256_maddubs_epi16(_mm256_set1_epi8((char)(kind < 0 ? 1 : kind)), t.x));
        if (kind < 0)
            t.whole = _mm256_mul_ps(_mm256_cvtepi32_ps(sum), t.scale);
        else
            t.start = sum;
    }
    return t;
}

INLINE sums multiply(sums s, step w, token t, int kind)
{
    /* The signs of signed codes move to the activations, for maddubs wants unsigned ones. */
    __m256i codes = kind ? w.codes : _mm256_abs_epi8(w.codes), x = kind ? t.x : _mm256_sign_epi8(t.x, w.codes);
    __m256i pairs = _mm256_maddubs_epi16(codes, x);
    __m256 product = _mm256_cvtepi32_ps(_mm256_sub_epi32(widen(pairs), t.start));
    s = _mm256_fmadd_ps(product, _mm256_mul_ps(w.scale, t.scale), s);
    return kind < 0 ? _mm256_fnmadd_ps(w.minimum, t.whole, s) : s;
}

enum { WEIGHTS = 32, TILE_ROWS = 2, TILE_TOKENS = 4 };
BLOCK_KERNEL(q4_0, 144, 8)
BLOCK_KERNEL(q8_0, 272, 0)
BLOCK_KERNEL(q6_k, 210, 32)
BLOCK_KERNEL(q4_k, 144, -1)

#include "lanes_avx2.h"
#include "lane_kernels.h"

void isa_avx2(trit_ops *ops)
{
    overlay_float_kernels(ops);
    overlay_lane_kernels(ops);
    OVERLAY_BLOCK_KERNELS(ops);
    ops->gemm_t2i8 = gemm_t2i8;
    ops->gemm_t5i8 = gemm_t5i8;
    ops->mix_q8f32 = mix_q8f32;
}
