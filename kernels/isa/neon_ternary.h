/* The ternary kernels of NEON: multiplications that widen to 16 bits, or SDOT, or for several tokens SMMLA, as the file that includes
   this is compiled. */
#include "neon_words.h"

/* Digit d of bytes of `digits` weights, which next_digit() went through d times. Of five trits a code is 1 from 86 on, 2 from 171 on,
   which is where v * 3/4, rounded down twice, reaches 64 and 128. */
INLINE int8x16_t digit(uint8x16_t v, int d, const int digits)
{
    if (digits == 5)
        v = vshrq_n_u8(vhaddq_u8(v, vshrq_n_u8(v, 1)), 6);
    else if (d < 3)
        v = vandq_u8(v, vdupq_n_u8(3));
    return vreinterpretq_s8_u8(v);
}

INLINE uint8x16_t next_digit(uint8x16_t v, const int digits)
{
    return digits == 5 ? vaddq_u8(v, vaddq_u8(v, v)) : vshrq_n_u8(v, 2);
}

enum { STEP = 16 };

INLINE void load_rows(uint8x16_t *v, const uint8_t *w)
{
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        v[r] = vld1q_u8(w + r * T2_BYTES);
}

#ifdef __ARM_FEATURE_DOTPROD
enum { T2_BLOCK = 16, T5_BLOCK = 12 };

/* The codes are masked where they stand: those of digits 1 and 2 come out 4 and 16 times too large, which their own sums take back at
   the end, exactly. */
static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    int32x4_t s[T2_ROWS][3]; /* of digits 0 and 3; 1; 2 */
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        s[r][0] = s[r][1] = s[r][2] = vdupq_n_s32(0);
    for (; chunks; chunks--, w += T2_ROWS * T2_BYTES, q += T2_CHUNK)
        ROLLED
        for (int j = 0; j < T2_BYTES; j += STEP) {
            uint8x16_t v[T2_ROWS];
            prefetch(w + T2_ROWS * j);
            load_rows(v, w + j);
            UNROLL
            for (int d = 0; d < 4; d++) {
                int8x16_t x = vld1q_s8(q + d * T2_BYTES + j);
                UNROLL
                for (int r = 0; r < T2_ROWS; r++) {
                    uint8x16_t code = d == 3 ? vshrq_n_u8(v[r], 6) : vandq_u8(v[r], vdupq_n_u8((uint8_t)(3 << 2 * d)));
                    s[r][d % 3] = vdotq_s32(s[r][d % 3], vreinterpretq_s8_u8(code), x);
                }
            }
        }
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        s[r][0] = vsraq_n_s32(vsraq_n_s32(s[r][0], s[r][1], 2), s[r][2], 4);
    vst1q_s32(y, vsubq_s32(sum4(s[0][0], s[1][0], s[2][0], s[3][0]), vdupq_n_s32(sum)));
}

/* Without taking the trits apart: ops.h says why. */
static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    uint8x16_t middle = vdupq_n_u8(128);
    int32x4_t a[T2_ROWS], b[T2_ROWS]; /* sums of s(d)*q(d) and of s(d+1)*q(d) */
    (void)sum;
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = b[r] = vdupq_n_s32(0);
    for (; chunks; chunks--, w += T2_ROWS * T2_BYTES, q += T5_CHUNK)
        ROLLED
        for (int j = 0; j < T2_BYTES; j += STEP) {
            uint8x16_t s[T2_ROWS];
            prefetch(w + T2_ROWS * j);
            load_rows(s, w + j);
            UNROLL
            for (int r = 0; r < T2_ROWS; r++)
                s[r] = veorq_u8(s[r], middle);
            UNROLL
            for (int d = 0; d < 5; d++) {
                int8x16_t x = vld1q_s8(q + d * T2_BYTES + j);
                UNROLL
                for (int r = 0; r < T2_ROWS; r++) {
                    a[r] = vdotq_s32(a[r], vreinterpretq_s8_u8(s[r]), x);
                    s[r] = next_digit(s[r], 5);
                    b[r] = vdotq_s32(b[r], vreinterpretq_s8_u8(s[r]), x);
                }
            }
        }
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        a[r] = vsubq_s32(vmulq_n_s32(a[r], 3), b[r]);
    vst1q_s32(y, vshrq_n_s32(sum4(a[0], a[1], a[2], a[3]), 8));
}

typedef int32x4_t gather;
#define gather_zero() vdupq_n_s32(0)
#define gather_add(g, codes, q) vdotq_s32(g, codes, q)
#define widen(g) (g)
#else
/* `gather` adds products of codes 0..2 with activations; widen() makes int32 of it. 128 products of at most 254 fit in its 16 bits,
   which are T2_BLOCK or T5_BLOCK chunks of a row (2 a step of 16 codes). */
typedef int16x8_t gather;
enum { T2_BLOCK = 4, T5_BLOCK = 3 };
#define gather_zero() vdupq_n_s16(0)
#define widen(g) vpaddlq_s16(g)

INLINE gather gather_add(gather g, int8x16_t codes, int8x16_t q)
{
    return vmlal_high_s8(vmlal_s8(g, vget_low_s8(codes), vget_low_s8(q)), codes, q);
}

INLINE void one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y, const int digits, const size_t block)
{
    int32x4_t total[T2_ROWS];
    UNROLL
    for (int r = 0; r < T2_ROWS; r++)
        total[r] = vdupq_n_s32(0);
    while (chunks) {
        gather g[T2_ROWS];
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            g[r] = gather_zero();
        size_t count = chunks < block ? chunks : block;
        chunks -= count;
        for (; count; count--, w += T2_ROWS * T2_BYTES, q += digits * T2_BYTES)
            UNROLL
            for (int j = 0; j < T2_BYTES; j += STEP) {
                uint8x16_t v[T2_ROWS];
                prefetch(w + T2_ROWS * j);
                load_rows(v, w + j);
                UNROLL
                for (int d = 0; d < digits; d++) {
                    int8x16_t x = vld1q_s8(q + d * T2_BYTES + j);
                    UNROLL
                    for (int r = 0; r < T2_ROWS; r++) {
                        g[r] = gather_add(g[r], digit(v[r], d, digits), x);
                        v[r] = next_digit(v[r], digits);
                    }
                }
            }
        UNROLL
        for (int r = 0; r < T2_ROWS; r++)
            total[r] = vaddq_s32(total[r], widen(g[r]));
    }
    vst1q_s32(y, vsubq_s32(sum4(total[0], total[1], total[2], total[3]), vdupq_n_s32(sum)));
}

static void t2_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    one(w, chunks, q, sum, y, 4, T2_BLOCK);
}

static void t5_one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y)
{
    one(w, chunks, q, sum, y, 5, T5_BLOCK);
}
#endif

/* Several tokens. */
#ifdef __ARM_FEATURE_MATMUL_INT8
enum { TILE = 8 };

/* SMMLA wants 8 codes of one row, then 8 of the next: a step holds the first halves of rows 0 and 1, their second halves, then rows 2
   and 3 likewise. */
INLINE void put_codes(uint8_t *step, int r, int8x16_t codes)
{
    vst1_s8((int8_t *)step + r / 2 * 32 + r % 2 * 8, vget_low_s8(codes));
    vst1_s8((int8_t *)step + r / 2 * 32 + 16 + r % 2 * 8, vget_high_s8(codes));
}

INLINE void code_tile(const uint8_t *codes, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, const int tokens)
{
    int32x4_t s[TILE / 2][2]; /* of two tokens and two rows: t0r0 t0r1 t1r0 t1r1 */
    UNROLL_TO(p, TILE / 2, (tokens + 1) / 2)
        s[p][0] = s[p][1] = vdupq_n_s32(0);
    for (size_t i = 0; i < steps; i++, codes += T2_ROWS * STEP, q += STEP) {
        int8x16_t w[4];
        UNROLL
        for (int j = 0; j < 4; j++)
            w[j] = vreinterpretq_s8_u8(vld1q_u8(codes + j * STEP));
        UNROLL_TO(p, TILE / 2, (tokens + 1) / 2) {
            const int8_t *x = q + 2 * (size_t)p * ldx;
            int64x2_t a = vreinterpretq_s64_s8(vld1q_s8(x)), b = 2 * p + 1 < tokens ? vreinterpretq_s64_s8(vld1q_s8(x + ldx)) : a;
            int8x16_t low = vreinterpretq_s8_s64(vtrn1q_s64(a, b)), high = vreinterpretq_s8_s64(vtrn2q_s64(a, b));
            UNROLL
            for (int pair = 0; pair < 2; pair++)
                s[p][pair] = vmmlaq_s32(vmmlaq_s32(s[p][pair], low, w[2 * pair]), high, w[2 * pair + 1]);
        }
    }
    UNROLL_TO(t, TILE, tokens) {
        int32x4_t a = s[t / 2][0], b = s[t / 2][1];
        int32x4_t sum = t % 2 ? vcombine_s32(vget_high_s32(a), vget_high_s32(b)) : vcombine_s32(vget_low_s32(a), vget_low_s32(b));
        vst1q_s32(y + (size_t)t * ldy, vaddq_s32(vld1q_s32(y + (size_t)t * ldy), sum));
    }
}
#else
#ifdef __aarch64__
enum { TILE = 4 };
#else
enum { TILE = 2 }; /* half as many registers */
#endif

INLINE void put_codes(uint8_t *step, int r, int8x16_t codes)
{
    vst1q_s8((int8_t *)step + r * STEP, codes);
}

INLINE void code_tile(const uint8_t *codes, size_t steps, const int8_t *q, size_t ldx, int32_t *y, size_t ldy, const int tokens)
{
    gather g[TILE][T2_ROWS];
    UNROLL_TO(t, TILE, tokens)
        for (int r = 0; r < T2_ROWS; r++)
            g[t][r] = gather_zero();
    for (size_t s = 0; s < steps; s++, codes += T2_ROWS * STEP, q += STEP) {
        int8x16_t w0 = vreinterpretq_s8_u8(vld1q_u8(codes)), w1 = vreinterpretq_s8_u8(vld1q_u8(codes + STEP));
        int8x16_t w2 = vreinterpretq_s8_u8(vld1q_u8(codes + 2 * STEP)), w3 = vreinterpretq_s8_u8(vld1q_u8(codes + 3 * STEP));
        UNROLL_TO(t, TILE, tokens) {
            int8x16_t x = vld1q_s8(q + (size_t)t * ldx);
            g[t][0] = gather_add(g[t][0], w0, x);
            g[t][1] = gather_add(g[t][1], w1, x);
            g[t][2] = gather_add(g[t][2], w2, x);
            g[t][3] = gather_add(g[t][3], w3, x);
        }
    }
    UNROLL_TO(t, TILE, tokens) {
        int32_t *out = y + (size_t)t * ldy;
        vst1q_s32(out, vaddq_s32(vld1q_s32(out), sum4(widen(g[t][0]), widen(g[t][1]), widen(g[t][2]), widen(g[t][3]))));
    }
}
#endif

INLINE void spread(const uint8_t *w, size_t chunks, uint8_t *out, const int digits)
{
    for (; chunks; chunks--, out += digits * T2_ROWS * T2_BYTES)
        for (int r = 0; r < T2_ROWS; r++, w += T2_BYTES)
            UNROLL
            for (int j = 0; j < 4; j++) {
                uint8x16_t v = vld1q_u8(w + j * STEP);
                UNROLL_TO(d, 5, digits) {
                    put_codes(out + (4 * d + j) * T2_ROWS * STEP, r, digit(v, d, digits));
                    v = next_digit(v, digits);
                }
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

#include "ternary_kernels.h"
TERNARY_KERNEL(t2, T2_CHUNK, T2_BLOCK)
TERNARY_KERNEL(t5, T5_CHUNK, T5_BLOCK)

static void overlay_ternary_kernels(trit_ops *ops)
{
    ops->gemm_t2i8 = gemm_t2i8;
    ops->gemm_t5i8 = gemm_t5i8;
}
