/* AVX-512 with VNNI: the kernels that stream weights. The rest is AVX2's. */
#include "../ops.h"
#include <immintrin.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
enum { AHEAD = 8192 }; /* bytes of software prefetch: decode waits for memory, not for arithmetic */

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
    for (int r = 0; r < T2_ROWS; r++)
        for (int d = 0; d < 4; d++)
            a[r][d] = _mm512_setzero_si512();
    for (size_t c = 0; c < chunks; c++, w += T2_ROWS * T2_BYTES, q += T2_CHUNK) {
        __m512i q0 = load(q), q1 = load(q + 64), q2 = load(q + 128), q3 = load(q + 192);
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
    for (int r = 0; r < T2_ROWS; r++)
        s[r] = _mm512_add_epi32(_mm512_add_epi32(a[r][0], _mm512_srai_epi32(a[r][1], 2)),
                                _mm512_add_epi32(_mm512_srai_epi32(a[r][2], 4), _mm512_srai_epi32(a[r][3], 6)));
    _mm_storeu_si128((__m128i *)y, _mm_sub_epi32(sum4(s[0], s[1], s[2], s[3]), _mm_set1_epi32(sum)));
}

/* Several tokens: the codes of a group are spread to bytes once, block by block, and meet tiles of TILE tokens. */
enum { TILE = 6, BLOCK = 8, STEP = 64 }; /* BLOCK: chunks; the spread block of 4 rows takes 8 KB */

static void t2_spread(const uint8_t *w, size_t chunks, uint8_t *out)
{
    __m512i mask = _mm512_set1_epi8(3);
    for (size_t c = 0; c < chunks; c++, out += T2_ROWS * T2_CHUNK)
        for (int r = 0; r < T2_ROWS; r++, w += T2_BYTES) {
            __m512i v = load(w);
            _mm512_store_si512(out + r * STEP, _mm512_and_si512(v, mask));
            _mm512_store_si512(out + (T2_ROWS + r) * STEP, _mm512_and_si512(_mm512_srli_epi16(v, 2), mask));
            _mm512_store_si512(out + (2 * T2_ROWS + r) * STEP, _mm512_and_si512(_mm512_srli_epi16(v, 4), mask));
            _mm512_store_si512(out + (3 * T2_ROWS + r) * STEP, _mm512_and_si512(_mm512_srli_epi16(v, 6), mask));
        }
}

/* y[t*ldy + 0..3] += codes[steps][4][64] times q of `tokens` tokens. */
INLINE void t2_tile(const uint8_t *codes, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, const int tokens)
{
    __m512i a[TILE][T2_ROWS];
    for (int t = 0; t < tokens; t++)
        for (int r = 0; r < T2_ROWS; r++)
            a[t][r] = _mm512_setzero_si512();
    for (size_t s = 0; s < steps; s++, codes += T2_ROWS * STEP, q += STEP) {
        __m512i w0 = load(codes), w1 = load(codes + STEP), w2 = load(codes + 2 * STEP), w3 = load(codes + 3 * STEP);
        for (int t = 0; t < tokens; t++) {
            __m512i x = load(q + (size_t)t * ldx);
            a[t][0] = _mm512_dpbusd_epi32(a[t][0], w0, x);
            a[t][1] = _mm512_dpbusd_epi32(a[t][1], w1, x);
            a[t][2] = _mm512_dpbusd_epi32(a[t][2], w2, x);
            a[t][3] = _mm512_dpbusd_epi32(a[t][3], w3, x);
        }
    }
    for (int t = 0; t < tokens; t++) {
        __m128i *out = (__m128i *)(y + (size_t)t * ldy);
        _mm_storeu_si128(out, _mm_add_epi32(_mm_loadu_si128(out), sum4(a[t][0], a[t][1], a[t][2], a[t][3])));
    }
}

static void t2_many(const uint8_t *w, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y, size_t ldy, size_t n)
{
    _Alignas(64) uint8_t codes[BLOCK * T2_ROWS * T2_CHUNK];
    for (size_t t = 0; t < n; t++)
        _mm_storeu_si128((__m128i *)(y + t * ldy), _mm_set1_epi32(-sums[t]));
    for (size_t c = 0; c < chunks; c += BLOCK) {
        size_t count = chunks - c < BLOCK ? chunks - c : BLOCK, steps = count * (T2_CHUNK / STEP);
        t2_spread(w + c * T2_ROWS * T2_BYTES, count, codes);
        const int8_t *x = q + c * T2_CHUNK;
        size_t t = 0;
        for (; t + TILE <= n; t += TILE)
            t2_tile(codes, steps, x + t * ldx, ldx, y + t * ldy, ldy, TILE);
        for (; t + 2 <= n; t += 2)
            t2_tile(codes, steps, x + t * ldx, ldx, y + t * ldy, ldy, 2);
        if (t < n)
            t2_tile(codes, steps, x + t * ldx, ldx, y + t * ldy, ldy, 1);
    }
}

static void gemm_t2i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                      size_t ldy, size_t n)
{
    for (size_t g = 0; g < groups; g++, w += chunks * T2_ROWS * T2_BYTES, y += T2_ROWS)
        if (n == 1)
            t2_one(w, chunks, q, sums[0], y);
        else
            t2_many(w, chunks, q, ldx, sums, y, ldy, n);
}

/* Float weights, 16 at a time: widen(p, mask) reads the weights whose mask bit is set. */
INLINE __m512 widen_f32(const void *p, __mmask16 mask)
{
    return _mm512_maskz_loadu_ps(mask, p);
}

INLINE __m512 widen_f16(const void *p, __mmask16 mask)
{
    return _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, p));
}

INLINE __m512 widen_bf16(const void *p, __mmask16 mask)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(mask, p)), 16));
}

#define DOT(name, type, widen)                                                                                              \
    static float name(const type *w, const float *x, size_t n)                                                              \
    {                                                                                                                       \
        __m512 a0 = _mm512_setzero_ps(), a1 = a0, a2 = a0, a3 = a0;                                                         \
        size_t i = 0;                                                                                                       \
        for (; i + 64 <= n; i += 64) {                                                                                      \
            for (size_t line = 0; line < 64 * sizeof *w; line += 64)                                                        \
                prefetch((const char *)(w + i) + line);                                                                     \
            a0 = _mm512_fmadd_ps(widen(w + i, 0xffff), _mm512_loadu_ps(x + i), a0);                                         \
            a1 = _mm512_fmadd_ps(widen(w + i + 16, 0xffff), _mm512_loadu_ps(x + i + 16), a1);                               \
            a2 = _mm512_fmadd_ps(widen(w + i + 32, 0xffff), _mm512_loadu_ps(x + i + 32), a2);                               \
            a3 = _mm512_fmadd_ps(widen(w + i + 48, 0xffff), _mm512_loadu_ps(x + i + 48), a3);                               \
        }                                                                                                                   \
        for (; i < n; i += 16) {                                                                                            \
            __mmask16 mask = (__mmask16)(n - i < 16 ? (1u << (n - i)) - 1 : 0xffff);                                        \
            a0 = _mm512_fmadd_ps(widen(w + i, mask), _mm512_maskz_loadu_ps(mask, x + i), a0);                               \
        }                                                                                                                   \
        return _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(a0, a1), _mm512_add_ps(a2, a3)));                           \
    }
DOT(dot_f32f32, float, widen_f32)
DOT(dot_f16f32, uint16_t, widen_f16)
DOT(dot_bf16f32, uint16_t, widen_bf16)

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
    float d = half_at(block), dmin = half_at(block + 2), scale[2], minimum[2];
    const uint8_t *s = block + 4;
    for (size_t j = 0; j < 2; j++) {
        size_t sub = 2 * k + j;
        scale[j] = d * (float)(sub < 4 ? s[sub] & 63 : (s[sub + 4] & 15) | (s[sub - 4] >> 6) << 4);
        minimum[j] = dmin * (float)(sub < 4 ? s[sub + 4] & 63 : s[sub + 4] >> 4 | (s[sub] >> 6) << 4);
    }
    (void)both;
    return (step){ .codes = _mm512_and_si512(codes, _mm512_set1_epi8(15)), .scale = halves(scale[0], scale[1]),
                   .minimum = halves(minimum[0], minimum[1]) };
}

/* rows x tokens results at once: weights are decoded once for the tokens, activations prepared once for the rows. The sum of one
   result runs in the same order whatever the tile. */
#define GEMM(name, row_bytes, bias, has_minimum)                                                                            \
    INLINE void tile_##name(const uint8_t *w, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, const int rows,       \
                            const int tokens)                                                                               \
    {                                                                                                                       \
        __m512 sum[4][4];                                                                                                   \
        size_t stride = k / 32 * (row_bytes) / 8, steps = (k + 63) / 64;                                                    \
        const __m512i offset = _mm512_set1_epi8((char)((has_minimum) ? 1 : (bias))), two = _mm512_setr_epi32(0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1); \
        for (int r = 0; r < rows; r++)                                                                                      \
            for (int t = 0; t < tokens; t++)                                                                                \
                sum[r][t] = _mm512_setzero_ps();                                                                            \
        for (size_t i = 0; i < steps; i++) {                                                                                \
            bool both = i * 64 + 64 <= k;                                                                                   \
            __mmask64 mask = both ? ~(__mmask64)0 : 0xffffffffu;                                                            \
            step s[4];                                                                                                      \
            for (int r = 0; r < rows; r++) {                                                                                \
                s[r] = step_##name(w + (size_t)r * stride, i, both);                                                        \
                prefetch(w + (size_t)r * stride + i * ((row_bytes) / 4));                                                   \
            }                                                                                                               \
            for (int t = 0; t < tokens; t++) {                                                                              \
                __m512i x = _mm512_maskz_loadu_epi8(mask, q + (size_t)t * k + i * 64);                                      \
                __m512 scale = _mm512_permutexvar_ps(two, _mm512_maskz_loadu_ps(both ? 3 : 1, d + ((size_t)t * k + i * 64) / 32)); \
                __m512i over = _mm512_dpbusd_epi32(_mm512_setzero_si512(), offset, x);                                      \
                __m512i start = (has_minimum) ? _mm512_setzero_si512() : _mm512_sub_epi32(_mm512_setzero_si512(), over);    \
                __m512 total = (has_minimum) ? _mm512_mul_ps(_mm512_cvtepi32_ps(over), scale) : _mm512_setzero_ps();        \
                for (int r = 0; r < rows; r++) {                                                                            \
                    __m512 product = _mm512_cvtepi32_ps(_mm512_dpbusd_epi32(start, s[r].codes, x));                         \
                    sum[r][t] = _mm512_fmadd_ps(product, _mm512_mul_ps(s[r].scale, scale), sum[r][t]);                      \
                    if (has_minimum)                                                                                        \
                        sum[r][t] = _mm512_fnmadd_ps(s[r].minimum, total, sum[r][t]);                                       \
                }                                                                                                           \
            }                                                                                                               \
        }                                                                                                                   \
        for (int r = 0; r < rows; r++)                                                                                      \
            for (int t = 0; t < tokens; t++)                                                                                \
                y[(size_t)t * ldy + (size_t)r] = _mm512_reduce_add_ps(sum[r][t]);                                           \
    }                                                                                                                       \
    static void gemm_##name##q8(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n) \
    {                                                                                                                       \
        size_t stride = k / 32 * (row_bytes) / 8;                                                                           \
        for (size_t r = 0; r < rows;) {                                                                                     \
            const uint8_t *row = (const uint8_t *)w + r * stride;                                                           \
            bool four = rows - r >= 4;                                                                                      \
            size_t t = 0;                                                                                                   \
            for (; four && t + 4 <= n; t += 4)                                                                              \
                tile_##name(row, k, q + t * k, d + t * (k / 32), y + t * ldy + r, ldy, 4, 4);                               \
            for (; t < n; t++)                                                                                              \
                if (four)                                                                                                   \
                    tile_##name(row, k, q + t * k, d + t * (k / 32), y + t * ldy + r, ldy, 4, 1);                           \
                else                                                                                                        \
                    tile_##name(row, k, q + t * k, d + t * (k / 32), y + t * ldy + r, ldy, 1, 1);                           \
            r += four ? 4 : 1;                                                                                              \
        }                                                                                                                   \
    }
/* name, bytes of 256 weights, bias of the codes, minimum */
GEMM(q4_0, 144, 8, false)
GEMM(q8_0, 272, 128, false)
GEMM(q6_k, 210, 32, false)
GEMM(q4_k, 144, 0, true)

void isa_avx512vnni(trit_ops *ops)
{
    ops->gemm_t2i8 = gemm_t2i8;
    ops->dot_f32f32 = dot_f32f32;
    ops->dot_f16f32 = dot_f16f32;
    ops->dot_bf16f32 = dot_bf16f32;
    ops->gemm_q8_0q8 = gemm_q8_0q8;
    ops->gemm_q4_0q8 = gemm_q4_0q8;
    ops->gemm_q6_kq8 = gemm_q6_kq8;
    ops->gemm_q4_kq8 = gemm_q4_kq8;
}
