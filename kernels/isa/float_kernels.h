/* The float kernels and the quantisation of activations, written once over the vector words of an ISA. A file that includes this
   defines before:
     vf, vi                  vectors of LANES floats, of LANES int32
     v_load(p, left)         LANES floats; where left < LANES only `left` are read, the rest is 0
     v_load_f16, v_load_bf16 the same from 16-bit floats
     v_store(p, v, left), v_store_f16(p, v, left)
     v_set(a) v_add v_sub v_mul v_div v_fma(a, b, c) = a * b + c
     v_max(a, b), v_min(a, b): if b is NaN the result is NaN
     v_sum(v), v_greatest(v) over the lanes
     vi_abs_bits(v)          |v| as integer bits; vi_max(a, b); vi_greatest(v)
     vi_round(v)             to nearest even; vi_zero(); vi_add(a, b); vi_sub(a, b); vi_half(v); vi_sum(v); vi_float(i)
     vi_power(i)             2^i as floats, -126 <= i <= 127; or instead v_scale(v, i) = v * 2^i, rounded once
     vi_store_i8(q, i)       LANES small integers as bytes
     prefetch(p)             software prefetch some kB ahead
     DOT_TOKENS              tokens whose four sums each fit into registers (3) */
#include <math.h>
#include <string.h>

/* A few tokens share the weights of a row; each result keeps its own four sums, for as many tokens as registers hold. */
#ifndef DOT_TOKENS
#define DOT_TOKENS 3
#endif
#define DOT_KERNEL(name, type, load)                                                                                        \
    INLINE void tile_##name(const type *w, const float *x, size_t n, float *y, size_t ldy, const int tokens)                \
    {                                                                                                                       \
        vf a[DOT_TOKENS][4];                                                                                                \
        UNROLL_TO(t, DOT_TOKENS, tokens)                                                                                    \
            UNROLL for (int u = 0; u < 4; u++)                                                                              \
                a[t][u] = v_set(0);                                                                                         \
        size_t i = 0;                                                                                                       \
        for (; i + 4 * LANES <= n; i += 4 * LANES) {                                                                        \
            for (size_t line = 0; line < 4 * LANES * sizeof *w; line += 64)                                                 \
                prefetch((const char *)(w + i) + line);                                                                     \
            UNROLL for (int u = 0; u < 4; u++) {                                                                            \
                vf weights = load(w + i + (size_t)u * LANES, LANES);                                                        \
                UNROLL_TO(t, DOT_TOKENS, tokens)                                                                            \
                    a[t][u] = v_fma(weights, v_load(x + (size_t)t * n + i + (size_t)u * LANES, LANES), a[t][u]);            \
            }                                                                                                               \
        }                                                                                                                   \
        for (; i < n; i += LANES)                                                                                           \
            UNROLL_TO(t, DOT_TOKENS, tokens)                                                                                \
                a[t][0] = v_fma(load(w + i, n - i), v_load(x + (size_t)t * n + i, n - i), a[t][0]);                         \
        UNROLL_TO(t, DOT_TOKENS, tokens)                                                                                    \
            y[(size_t)t * ldy] = v_sum(v_add(v_add(a[t][0], a[t][1]), v_add(a[t][2], a[t][3])));                            \
    }                                                                                                                       \
    static float dot_##name(const type *w, const float *x, size_t n)                                                        \
    {                                                                                                                       \
        float y;                                                                                                            \
        tile_##name(w, x, n, &y, 1, 1);                                                                                     \
        return y;                                                                                                           \
    }                                                                                                                       \
    static void gemm_##name(const type *w, size_t rows, size_t k, const float *x, float *y, size_t ldy, size_t n)           \
    {                                                                                                                       \
        size_t t = 0; /* the activations of a tile stay near while rows pass */                                             \
        for (; t + DOT_TOKENS <= n; t += DOT_TOKENS)                                                                        \
            for (size_t r = 0; r < rows; r++)                                                                               \
                tile_##name(w + r * k, x + t * k, k, y + t * ldy + r, ldy, DOT_TOKENS);                                     \
        for (; t < n; t++)                                                                                                  \
            for (size_t r = 0; r < rows; r++)                                                                               \
                tile_##name(w + r * k, x + t * k, k, y + t * ldy + r, ldy, 1);                                              \
    }
DOT_KERNEL(f32f32, float, v_load)
DOT_KERNEL(f16f32, uint16_t, v_load_f16)
DOT_KERNEL(bf16f32, uint16_t, v_load_bf16)

#include "mix_kernels.h"

/* e^x within 2 ulp: x = i ln 2 + r, |r| <= ln 2 / 2, e^r by its Taylor series to r^7, then times 2^i in two steps, so that the
   ends of the range come out as infinity, subnormal or 0 by themselves. NaN stays NaN. */
static inline vf v_exp(vf x)
{
    x = v_min(v_set(89), v_max(v_set(-104), x));
    vi i = vi_round(v_mul(x, v_set(1.44269504f)));
    vf r = v_fma(vi_float(i), v_set(-0x1.62e4p-1f), x);      /* ln 2 in two parts, the first exact in the product */
    r = v_fma(vi_float(i), v_set(-1.42860682e-6f), r);
    vf p = v_set(1.0f / 5040);
    p = v_fma(p, r, v_set(1.0f / 720));
    p = v_fma(p, r, v_set(1.0f / 120));
    p = v_fma(p, r, v_set(1.0f / 24));
    p = v_fma(p, r, v_set(1.0f / 6));
    p = v_fma(p, r, v_set(0.5f));
    p = v_fma(p, r, v_set(1));
    p = v_fma(p, r, v_set(1));
#ifdef v_scale
    return v_scale(p, i);
#else
    vi half = vi_half(i);
    return v_mul(v_mul(p, vi_power(half)), vi_power(vi_sub(i, half)));
#endif
}

#define SOFTMAX_ROWS 4

/* Several rows at once, so that none waits for its own maximum. A sum has the lanes first, then the values behind the last
   vector. */
INLINE void softmax_rows(float *x, size_t ldx, size_t n, const float *top, float *max, float *added, const int rows)
{
    vf greatest[SOFTMAX_ROWS], total[SOFTMAX_ROWS];
    size_t whole = n / LANES * LANES;
    UNROLL_TO(r, SOFTMAX_ROWS, rows) {
        greatest[r] = v_set(top[r]);
        total[r] = v_set(0);
    }
    for (size_t i = 0; i < whole; i += LANES)
        UNROLL_TO(r, SOFTMAX_ROWS, rows)
            greatest[r] = v_max(v_load(x + (size_t)r * ldx + i, LANES), greatest[r]);
    for (int r = 0; r < rows; r++) {
        max[r] = v_greatest(greatest[r]);
        for (size_t i = whole; i < n; i++)
            max[r] = x[(size_t)r * ldx + i] > max[r] ? x[(size_t)r * ldx + i] : max[r];
    }
    for (size_t i = 0; i < whole; i += LANES)
        UNROLL_TO(r, SOFTMAX_ROWS, rows) {
            vf e = v_exp(v_sub(v_load(x + (size_t)r * ldx + i, LANES), v_set(max[r])));
            total[r] = v_add(total[r], e);
            v_store(x + (size_t)r * ldx + i, e, LANES);
        }
    for (int r = 0; r < rows; r++) {
        added[r] = v_sum(total[r]);
        float *last = x + (size_t)r * ldx + whole;
        if (whole < n)
            v_store(last, v_exp(v_sub(v_load(last, n - whole), v_set(max[r]))), n - whole);
        for (size_t i = 0; i < n - whole; i++)
            added[r] += last[i];
    }
}

static void softmax_f32(float *x, size_t ldx, size_t rows, size_t n, float *top, float *sum, float *factor)
{
    for (size_t r = 0; r < rows;) {
        float max[SOFTMAX_ROWS], added[SOFTMAX_ROWS], old[LANES < SOFTMAX_ROWS ? SOFTMAX_ROWS : LANES] = { 0 };
        size_t count = rows - r < SOFTMAX_ROWS ? 1 : SOFTMAX_ROWS;
        if (count == SOFTMAX_ROWS)
            softmax_rows(x + r * ldx, ldx, n, top + r, max, added, SOFTMAX_ROWS);
        else
            softmax_rows(x + r * ldx, ldx, n, top + r, max, added, 1);
        for (size_t i = 0; i < count; i++)
            old[i] = top[r + i] - max[i];
        for (size_t i = 0; i < count; i += LANES)
            v_store(old + i, v_exp(v_load(old + i, LANES)), LANES);
        for (size_t i = 0; i < count; i++, r++) {
            factor[r] = old[i];
            sum[r] = sum[r] * old[i] + added[i];
            top[r] = max[i];
        }
    }
}

#ifndef STREAMS_ONLY
static float quant_f32i8(const float *x, int8_t *q, int32_t *sum, size_t n)
{
    /* Bits of |x| order like the numbers, with infinity and NaN on top: one pass finds the greatest and what is not finite. */
    vi greatest = vi_zero(), total = vi_zero();
    for (size_t i = 0; i < n; i += LANES)
        greatest = vi_max(greatest, vi_abs_bits(v_load(x + i, n - i)));
    int32_t bits = vi_greatest(greatest);
    float max;
    memcpy(&max, &bits, sizeof max);
    if (!(max >= 1e-30f) || bits >= 0x7f800000) {
        memset(q, 0, n);
        *sum = 0;
        return bits >= 0x7f800000 ? NAN : 0;
    }
    vf inverse = v_set(127 / max);
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vi r = vi_round(v_mul(v_load(x + i, LANES), inverse));
        total = vi_add(total, r);
        vi_store_i8(q + i, r);
    }
    if (i < n) {
        int8_t last[LANES];
        vi r = vi_round(v_mul(v_load(x + i, n - i), inverse));
        total = vi_add(total, r);
        vi_store_i8(last, r);
        memcpy(q + i, last, n - i);
    }
    *sum = vi_sum(total);
    return max / 127;
}

static void quant_f32q8(const float *x, int8_t *q, float *d, size_t n)
{
    int32_t sum;
    for (size_t i = 0; i < n / 32; i++)
        d[i] = quant_f32i8(x + 32 * i, q + 32 * i, &sum, 32);
}

static void rmsnorm_f32(float *out, const float *x, const float *w, float eps, size_t n)
{
    vf squares = v_set(0), more = squares;
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES) {
        vf a = v_load(x + i, LANES), b = v_load(x + i + LANES, LANES);
        squares = v_fma(a, a, squares);
        more = v_fma(b, b, more);
    }
    for (; i < n; i += LANES) {
        vf a = v_load(x + i, n - i);
        squares = v_fma(a, a, squares);
    }
    vf scale = v_set(1 / sqrtf(v_sum(v_add(squares, more)) / (float)n + eps));
    for (i = 0; i < n; i += LANES) {
        vf v = v_mul(v_load(x + i, n - i), scale);
        v_store(out + i, w ? v_mul(v, v_load(w + i, n - i)) : v, n - i);
    }
}

static void f32_to_f16_row(const float *x, uint16_t *y, size_t n)
{
    for (size_t i = 0; i < n; i += LANES)
        v_store_f16(y + i, v_load(x + i, n - i), n - i);
}

static void swiglu_f32(float *h, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        vf g = v_load(gate + i, n - i), e = v_exp(v_sub(v_set(0), g));
        v_store(h + i, v_mul(v_div(g, v_add(v_set(1), e)), v_load(up + i, n - i)), n - i);
    }
}

static void relu2_f32(float *h, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i += LANES) {
        vf g = v_max(v_set(0), v_load(gate + i, n - i));
        v_store(h + i, v_mul(v_mul(g, g), v_load(up + i, n - i)), n - i);
    }
}
#endif

static void overlay_float_kernels(trit_ops *ops)
{
    ops->dot_f32f32 = dot_f32f32;
    ops->dot_f16f32 = dot_f16f32;
    ops->dot_bf16f32 = dot_bf16f32;
    ops->gemm_f32f32 = gemm_f32f32;
    ops->gemm_f16f32 = gemm_f16f32;
    ops->gemm_bf16f32 = gemm_bf16f32;
    ops->mix_f16f32 = mix_f16f32;
    ops->softmax_f32 = softmax_f32;
#ifndef STREAMS_ONLY
    ops->quant_f32i8 = quant_f32i8;
    ops->quant_f32q8 = quant_f32q8;
    ops->rmsnorm_f32 = rmsnorm_f32;
    ops->f32_to_f16 = f32_to_f16_row;
    ops->swiglu_f32 = swiglu_f32;
    ops->relu2_f32 = relu2_f32;
#endif
}
