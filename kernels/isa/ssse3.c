/* x86-64 with SSSE3, which every one has since 2008: everything in 16 bytes, without fused multiplication and half floats. */
#include "../ops.h"
#include "../types.h"
#include "inline.h"
#include <string.h>
#include <tmmintrin.h>

INLINE void prefetch(const void *p)
{
    _mm_prefetch((const char *)p + 1024, _MM_HINT_T0);
}

INLINE __m128i load(const void *p)
{
    return _mm_loadu_si128((const __m128i *)p);
}

/* Sums of the lanes of four vectors. */
INLINE __m128i sum4(__m128i a, __m128i b, __m128i c, __m128i d)
{
    return _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d));
}

/* Products of 16-bit pairs, as in avx2.c: a lane of STEP codes takes 64 pairs, which are T2_BLOCK chunks of 16 or T5_BLOCK of 20. */
enum { TILE = 2, STEP = 16, T2_BLOCK = 4, T5_BLOCK = 3 };

INLINE __m128i widen(__m128i pairs)
{
    return _mm_madd_epi16(pairs, _mm_set1_epi16(1));
}

/* Bytes of `digits` weights each. Of five trits, 128 is taken off, so that signed comparisons serve: a code is 1 from 86 on, 2 from 171
   on. Multiplying by 3 modulo 256 keeps the difference. */
INLINE __m128i load_bytes(const uint8_t *w, const int digits)
{
    return digits == 5 ? _mm_xor_si128(load(w), _mm_set1_epi8((char)128)) : load(w);
}

INLINE __m128i digit(__m128i v, const int digits)
{
    if (digits == 4)
        return _mm_and_si128(v, _mm_set1_epi8(3));
    return _mm_abs_epi8(_mm_add_epi8(_mm_cmpgt_epi8(v, _mm_set1_epi8(85 - 128)), _mm_cmpgt_epi8(v, _mm_set1_epi8(170 - 128))));
}

INLINE __m128i next_digit(__m128i v, const int digits)
{
    v = digits == 5 ? _mm_add_epi8(v, _mm_add_epi8(v, v)) : _mm_srli_epi16(v, 2);
    OPAQUE(v);
    return v;
}

INLINE void one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y, const int digits, const size_t block)
{
    __m128i total[T2_ROWS];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        total[r] = _mm_setzero_si128();
    while (chunks) {
        __m128i pairs[T2_ROWS];
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            pairs[r] = _mm_setzero_si128();
        size_t count = chunks < block ? chunks : block;
        chunks -= count;
        for (; count; count--, w += T2_ROWS * T2_BYTES, q += digits * T2_BYTES)
            ROLLED
            for (int j = 0; j < T2_BYTES; j += STEP) {
                __m128i v[T2_ROWS];
                prefetch(w + T2_ROWS * j);
                UNROLL
                for (int r = 0; r < T2_ROWS; r++)
                    v[r] = load_bytes(w + r * T2_BYTES + j, digits);
                UNROLL
                for (int d = 0; d < digits; d++) {
                    __m128i x = load(q + d * T2_BYTES + j);
                    UNROLL
                    for (int r = 0; r < T2_ROWS; r++) {
                        pairs[r] = _mm_add_epi16(pairs[r], _mm_maddubs_epi16(digit(v[r], digits), x));
                        v[r] = next_digit(v[r], digits);
                    }
                }
            }
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            total[r] = _mm_add_epi32(total[r], widen(pairs[r]));
    }
    _mm_storeu_si128((__m128i *)(void *)y, _mm_sub_epi32(sum4(total[0], total[1], total[2], total[3]), _mm_set1_epi32(sum)));
}

static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    one(w, chunks, q, sum, y, 4, T2_BLOCK);
}

static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    one(w, chunks, q, sum, y, 5, T5_BLOCK);
}

INLINE void spread(const uint8_t *w, size_t chunks, uint8_t *out, const int digits)
{
    for (; chunks; chunks--, out += digits * T2_ROWS * T2_BYTES)
        for (int r = 0; r < T2_ROWS; r++, w += T2_BYTES)
            for (int j = 0; j < T2_BYTES / STEP; j++) {
                __m128i v = load_bytes(w + j * STEP, digits);
                UNROLL
                for (int d = 0; d < digits; d++, v = next_digit(v, digits))
                    _mm_store_si128((__m128i *)(void *)(out + ((4 * d + j) * T2_ROWS + r) * STEP), digit(v, digits));
            }
}

APART void t2_spread(const uint8_t *w, size_t chunks, uint8_t *out)
{
    spread(w, chunks, out, 4);
}

APART void t5_spread(const uint8_t *w, size_t chunks, uint8_t *out)
{
    spread(w, chunks, out, 5);
}

INLINE void code_tile(const uint8_t *codes, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, const int tokens)
{
    __m128i pairs[TILE][T2_ROWS];
    UNROLL
    for (int t = 0; t < tokens; t++)
        for (int r = 0; r < T2_ROWS; r++)
            pairs[t][r] = _mm_setzero_si128();
    for (size_t s = 0; s < steps; s++, codes += T2_ROWS * STEP, q += STEP)
        UNROLL
        for (int t = 0; t < tokens; t++) {
            __m128i x = load(q + (size_t)t * ldx);
            UNROLL
            for (int r = 0; r < T2_ROWS; r++)
                pairs[t][r] = _mm_add_epi16(pairs[t][r], _mm_maddubs_epi16(load(codes + r * STEP), x));
        }
    UNROLL
    for (int t = 0; t < tokens; t++) {
        __m128i *out = (__m128i *)(void *)(y + (size_t)t * ldy);
        __m128i sum = sum4(widen(pairs[t][0]), widen(pairs[t][1]), widen(pairs[t][2]), widen(pairs[t][3]));
        _mm_storeu_si128(out, _mm_add_epi32(_mm_loadu_si128(out), sum));
    }
}

#include "ternary_kernels.h"
TERNARY_KERNEL(t2, T2_CHUNK, T2_BLOCK)
TERNARY_KERNEL(t5, T5_CHUNK, T5_BLOCK)

/* The vector words of float_kernels.h. */
typedef __m128 vf;
typedef __m128i vi;
enum { LANES = 4 };

INLINE vf v_load(const float *p, size_t left)
{
    float some[LANES] = { 0 };
    return _mm_loadu_ps(left >= LANES ? p : memcpy(some, p, left * sizeof *p));
}

INLINE __m128i load_shorts(const uint16_t *p, size_t left)
{
    uint16_t some[LANES] = { 0 };
    return _mm_loadl_epi64((const __m128i *)(const void *)(left >= LANES ? p : memcpy(some, p, left * sizeof *p)));
}

/* Exponent and mantissa at their place in a float are 2^-112 of the value; what was infinite or NaN gets all bits of the exponent. */
INLINE vf v_load_f16(const uint16_t *p, size_t left)
{
    __m128i h = _mm_unpacklo_epi16(_mm_setzero_si128(), load_shorts(p, left)); /* sign at bit 31 */
    __m128i size = _mm_srli_epi32(_mm_slli_epi32(h, 1), 4), sign = _mm_and_si128(h, _mm_set1_epi32((int)0x80000000u));
    __m128i beyond = _mm_and_si128(_mm_cmpgt_epi32(size, _mm_set1_epi32(0x0f7fffff)), _mm_set1_epi32(0x7f800000));
    __m128 value = _mm_mul_ps(_mm_castsi128_ps(size), _mm_set1_ps(0x1p112f));
    return _mm_or_ps(value, _mm_castsi128_ps(_mm_or_si128(sign, beyond)));
}

INLINE vf v_load_bf16(const uint16_t *p, size_t left)
{
    return _mm_castsi128_ps(_mm_unpacklo_epi16(_mm_setzero_si128(), load_shorts(p, left)));
}

INLINE void v_store(float *p, vf v, size_t left)
{
    float all[LANES];
    if (left >= LANES) {
        _mm_storeu_ps(p, v);
    } else {
        _mm_storeu_ps(all, v);
        memcpy(p, all, left * sizeof *p);
    }
}

INLINE void v_store_f16(uint16_t *p, vf v, size_t left)
{
    float all[LANES];
    _mm_storeu_ps(all, v);
    for (size_t i = 0; i < LANES && i < left; i++)
        p[i] = f32_to_f16(all[i]);
}

INLINE float v_sum(vf v)
{
    v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)));
}

INLINE float v_greatest(vf v)
{
    v = _mm_max_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_max_ss(v, _mm_movehdup_ps(v)));
}

INLINE vi vi_max(vi a, vi b)
{
    __m128i more = _mm_cmpgt_epi32(a, b);
    return _mm_or_si128(_mm_and_si128(more, a), _mm_andnot_si128(more, b));
}

INLINE int32_t vi_sum(vi v)
{
    v = _mm_hadd_epi32(v, v);
    return _mm_cvtsi128_si32(_mm_hadd_epi32(v, v));
}

INLINE int32_t vi_greatest(vi v)
{
    v = vi_max(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(vi_max(v, _mm_shuffle_epi32(v, 0xb1)));
}

INLINE void vi_store_i8(int8_t *q, vi v)
{
    __m128i shorts = _mm_packs_epi32(v, v);
    int32_t four = _mm_cvtsi128_si32(_mm_packs_epi16(shorts, shorts));
    memcpy(q, &four, sizeof four);
}

#define v_set(a) _mm_set1_ps(a)
#define v_add(a, b) _mm_add_ps(a, b)
#define v_sub(a, b) _mm_sub_ps(a, b)
#define v_mul(a, b) _mm_mul_ps(a, b)
#define v_div(a, b) _mm_div_ps(a, b)
#define v_fma(a, b, c) _mm_add_ps(_mm_mul_ps(a, b), c)
#define v_max(a, b) _mm_max_ps(a, b)
#define v_min(a, b) _mm_min_ps(a, b)
#define vi_zero() _mm_setzero_si128()
#define vi_add(a, b) _mm_add_epi32(a, b)
#define vi_sub(a, b) _mm_sub_epi32(a, b)
#define vi_half(a) _mm_srai_epi32(a, 1)
#define vi_abs_bits(v) _mm_and_si128(_mm_castps_si128(v), _mm_set1_epi32(0x7fffffff))
#define vi_round(v) _mm_cvtps_epi32(v)
#define vi_float(i) _mm_cvtepi32_ps(i)
#define vi_power(i) _mm_castsi128_ps(_mm_slli_epi32(_mm_add_epi32(i, _mm_set1_epi32(127)), 23))
#include "float_kernels.h"

/* Block types. A step is 32 weights as signed codes in two halves; weight = scale (of its half) * code - minimum. */
#include "block_kernels.h"
typedef struct { __m128i a, b; float scale_a, scale_b, minimum; } step;
typedef struct { __m128i a, b; float scale, whole; } token; /* whole: value of the sum, for minima */
typedef __m128 sums;
#define sums_zero() _mm_setzero_ps()
#define sums_total(s) v_sum(s)

INLINE float half_at(const void *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return f16_to_f32(h);
}

INLINE __m128i nibbles(__m128i v, bool upper, int bias)
{
    return _mm_sub_epi8(_mm_and_si128(upper ? _mm_srli_epi16(v, 4) : v, _mm_set1_epi8(15)), _mm_set1_epi8((char)bias));
}

INLINE step step_q4_0(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 18 * i;
    __m128i q = load(block + 2);
    float d = half_at(block);
    (void)both;
    return (step){ nibbles(q, false, 8), nibbles(q, true, 8), d, d, 0 };
}

INLINE step step_q8_0(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 34 * i;
    float d = half_at(block);
    (void)both;
    return (step){ load(block + 2), load(block + 18), d, d, 0 };
}

INLINE __m128i q6_codes(const uint8_t *low, const uint8_t *high, size_t quarter)
{
    __m128i two = _mm_and_si128(_mm_srl_epi16(load(high), _mm_cvtsi32_si128((int)quarter * 2)), _mm_set1_epi8(3));
    __m128i four = nibbles(load(low), quarter / 2, 0);
    return _mm_sub_epi8(_mm_or_si128(four, _mm_slli_epi16(two, 4)), _mm_set1_epi8(32));
}

INLINE step step_q6_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 210 * (i / 8);
    size_t half = i / 4 % 2, quarter = i % 4;
    const uint8_t *low = block + 64 * half + 32 * (quarter & 1), *high = block + 128 + 32 * half;
    const int8_t *scales = (const int8_t *)block + 192 + 8 * half + 2 * quarter;
    float d = half_at(block + 208);
    (void)both;
    return (step){ q6_codes(low, high, quarter), q6_codes(low + 16, high + 16, quarter), d * (float)scales[0], d * (float)scales[1], 0 };
}

INLINE step step_q4_k(const uint8_t *row, size_t i, bool both)
{
    const uint8_t *block = row + 144 * (i / 8), *q = block + 16 + 32 * (i % 8 / 2);
    float d = half_at(block) * (float)q4_k_scale(block + 4, i % 8);
    (void)both;
    return (step){ nibbles(load(q), i % 2, 0), nibbles(load(q + 16), i % 2, 0), d, d,
                   half_at(block + 2) * (float)q4_k_minimum(block + 4, i % 8) };
}

/* Sums of four products; the signs of the codes move to the activations, for maddubs wants unsigned codes. */
INLINE __m128i products(__m128i codes, __m128i x)
{
    return widen(_mm_maddubs_epi16(_mm_abs_epi8(codes), _mm_sign_epi8(x, codes)));
}

/* kind -1: with minima; 1: a scale for each half; 0: neither. */
INLINE token token_at(const int8_t *q, const float *d, bool both, int kind)
{
    token t = { .a = load(q), .b = load(q + 16), .scale = *d };
    (void)both;
    if (kind < 0) {
        __m128i ones = _mm_set1_epi8(1);
        t.whole = t.scale * (float)vi_sum(widen(_mm_add_epi16(_mm_maddubs_epi16(ones, t.a), _mm_maddubs_epi16(ones, t.b))));
    }
    return t;
}

INLINE sums multiply(sums s, step w, token t, int kind)
{
    __m128i a = products(w.a, t.a), b = products(w.b, t.b);
    if (kind > 0) {
        s = v_fma(_mm_cvtepi32_ps(a), v_set(w.scale_a * t.scale), s);
        return v_fma(_mm_cvtepi32_ps(b), v_set(w.scale_b * t.scale), s);
    }
    s = v_fma(_mm_cvtepi32_ps(_mm_add_epi32(a, b)), v_set(w.scale_a * t.scale), s);
    return kind < 0 ? _mm_sub_ss(s, _mm_set_ss(w.minimum * t.whole)) : s; /* once, not in each lane */
}

enum { WEIGHTS = 32, TILE_ROWS = 2, TILE_TOKENS = 2 };
BLOCK_KERNEL(q4_0, 144, 0)
BLOCK_KERNEL(q8_0, 272, 0)
BLOCK_KERNEL(q6_k, 210, 1)
BLOCK_KERNEL(q4_k, 144, -1)

void isa_ssse3(trit_ops *ops)
{
    overlay_float_kernels(ops);
    OVERLAY_BLOCK_KERNELS(ops);
    ops->gemm_t2i8 = gemm_t2i8;
    ops->gemm_t5i8 = gemm_t5i8;
}
