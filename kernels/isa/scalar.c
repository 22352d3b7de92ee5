/* The specification of every kernel of ops.h, in the shortest readable form. Other ISAs are proved against it. Sums of floats run in
   double, so that the order in which an ISA adds shows as its own error. */
#include "../ops.h"
#include "../repack.h"
#include "../types.h"
#include <math.h>
#include <string.h>

static bool all_finite(const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(x[i]))
            return false;
    return true;
}

static float quant_f32i8(const float *x, int8_t *q, int32_t *sum, size_t n)
{
    float max = 0;
    for (size_t i = 0; i < n; i++)
        max = fabsf(x[i]) > max ? fabsf(x[i]) : max;
    *sum = 0;
    if (!all_finite(x, n) || max < 1e-30f) {
        memset(q, 0, n);
        return all_finite(x, n) ? 0 : NAN;
    }
    float inverse = 127 / max;
    for (size_t i = 0; i < n; i++)
        *sum += q[i] = (int8_t)rintf(x[i] * inverse);
    return max / 127;
}

static void quant_f32q8(const float *x, int8_t *q, float *d, size_t n)
{
    int32_t sum;
    for (size_t i = 0; i < n / 32; i++)
        d[i] = quant_f32i8(x + 32 * i, q + 32 * i, &sum, 32);
}

static void gemm_t2i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                      size_t ldy, size_t n)
{
    for (size_t t = 0; t < n; t++)
        for (size_t row = 0; row < groups * T2_ROWS; row++) {
            const uint8_t *chunk = w + (row / T2_ROWS * chunks * T2_ROWS + row % T2_ROWS) * T2_BYTES;
            int32_t sum = -sums[t]; /* codes are trit + 1 */
            for (size_t c = 0; c < chunks; c++, chunk += T2_ROWS * T2_BYTES)
                for (size_t k = 0; k < T2_CHUNK; k++)
                    sum += (chunk[k % T2_BYTES] >> 2 * (k / T2_BYTES) & 3) * q[t * ldx + c * T2_CHUNK + k];
            y[t * ldy + row] = sum;
        }
}

static void gemm_t5i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                      size_t ldy, size_t n)
{
    static const int powers[] = { 1, 3, 9, 27, 81 };
    for (size_t t = 0; t < n; t++)
        for (size_t row = 0; row < groups * T2_ROWS; row++) {
            const uint8_t *chunk = w + (row / T2_ROWS * chunks * T2_ROWS + row % T2_ROWS) * T2_BYTES;
            int32_t sum = -sums[t]; /* codes are trit + 1 */
            for (size_t c = 0; c < chunks; c++, chunk += T2_ROWS * T2_BYTES)
                for (size_t k = 0; k < T5_CHUNK; k++)
                    sum += (chunk[k % T2_BYTES] * powers[k / T2_BYTES] & 255) * 3 / 256 * q[t * ldx + c * T5_CHUNK + k];
            y[t * ldy + row] = sum;
        }
}

static float dot_f32f32(const float *w, const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)w[i] * (double)x[i];
    return (float)sum;
}

static float dot_f16f32(const uint16_t *w, const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)f16_to_f32(w[i]) * (double)x[i];
    return (float)sum;
}

static float dot_bf16f32(const uint16_t *w, const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)bf16_to_f32(w[i]) * (double)x[i];
    return (float)sum;
}

#define FLOAT_GEMM(name, type)                                                                                              \
    static void gemm_##name(const type *w, size_t rows, size_t k, const float *x, float *y, size_t ldy, size_t n)           \
    {                                                                                                                       \
        for (size_t t = 0; t < n; t++)                                                                                      \
            for (size_t r = 0; r < rows; r++)                                                                               \
                y[t * ldy + r] = dot_##name(w + r * k, x + t * k, k);                                                       \
    }
FLOAT_GEMM(f32f32, float)
FLOAT_GEMM(f16f32, uint16_t)
FLOAT_GEMM(bf16f32, uint16_t)

/* Block types: weights as floats, times the value that the int8 stands for. */
static void gemm_blocks(uint32_t type, const uint8_t *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n)
{
    const type_info *info = type_of(type);
    float weights[256];
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < rows; r++) {
            const uint8_t *block = w + r * (k / info->weights) * info->bytes;
            double sum = 0;
            for (size_t i = 0; i < k; i += info->weights, block += info->bytes) {
                decode_f32(type, block, 1, weights, info->weights);
                for (size_t j = i; j < i + info->weights; j++)
                    sum += (double)weights[j - i] * (double)((float)q[t * k + j] * d[(t * k + j) / 32]);
            }
            y[t * ldy + r] = (float)sum;
        }
}

static void gemm_q8_0q8(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n)
{
    gemm_blocks(TYPE_Q8_0, w, rows, k, q, d, y, ldy, n);
}

static void gemm_q4_0q8(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n)
{
    gemm_blocks(TYPE_Q4_0, w, rows, k, q, d, y, ldy, n);
}

static void gemm_q4_kq8(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n)
{
    gemm_blocks(TYPE_Q4_K, w, rows, k, q, d, y, ldy, n);
}

static void gemm_q6_kq8(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n)
{
    gemm_blocks(TYPE_Q6_K, w, rows, k, q, d, y, ldy, n);
}

/* The same with 16 rows side by side: repack.h. Code of row r, weight j of a block of nibbles. */
static int nibble(const uint8_t *block, size_t r, size_t j)
{
    return block[j % 16 / 4 * 64 + 4 * r + j % 4] >> j / 16 * 4 & 15;
}

static float half_at(const uint8_t *p)
{
    uint16_t h;
    memcpy(&h, p, sizeof h);
    return f16_to_f32(h);
}

static float weight_q8_0(const uint8_t *w, size_t r, size_t b, size_t j)
{
    const uint8_t *unit = w + b / 2 * 1088;
    return half_at(unit + 1024 + (b % 2 * 16 + r) * 2) * (float)(int8_t)unit[b % 2 * 512 + j / 4 * 64 + 4 * r + j % 4];
}

static float weight_q4_0(const uint8_t *w, size_t r, size_t b, size_t j)
{
    const uint8_t *unit = w + b / 2 * 576;
    return half_at(unit + 512 + (b % 2 * 16 + r) * 2) * (float)(nibble(unit + b % 2 * 256, r, j) - 8);
}

static float weight_q4_k(const uint8_t *w, size_t r, size_t b, size_t j)
{
    const uint8_t *unit = w + b / 8 * 2368, *scale = unit + 2048 + b % 8 * 32 + r, *d = unit + 2304 + 2 * r;
    return half_at(d) * (float)*scale * (float)nibble(unit + b % 8 * 256, r, j) - half_at(d + 32) * (float)scale[16];
}

static float weight_q6_k(const uint8_t *w, size_t r, size_t b, size_t j)
{
    const uint8_t *unit = w + b / 8 * 3392, *block = unit + b % 8 * 384;
    int bits = block[256 + j / 16 * 64 + 4 * r + j % 4] >> j / 4 % 4 * 2 & 3;
    float d;
    memcpy(&d, unit + 3328 + 4 * r, sizeof d);
    return d * (float)(int8_t)unit[3072 + (b % 8 * 2 + j / 16) * 16 + r] * (float)((nibble(block, r, j) | bits << 4) - 32);
}

#define LANE_GEMM(name, type)                                                                                               \
    static void gemm_##name##q8(const uint8_t *w, size_t groups, size_t k, const int8_t *q, const float *d, const int16_t *sums, float *y, \
                                size_t ldy, size_t n)                                                                       \
    {                                                                                                                       \
        size_t stride = lane_group_bytes(lane_layout_named(#name), k);                                                      \
        (void)sums;                                                                                                         \
        for (size_t t = 0; t < n; t++)                                                                                      \
            for (size_t r = 0; r < groups * LANE_ROWS; r++) {                                                               \
                double sum = 0;                                                                                             \
                for (size_t i = 0; i < k; i++)                                                                              \
                    sum += (double)weight_##type(w + r / LANE_ROWS * stride, r % LANE_ROWS, i / 32, i % 32) *                \
                           (double)((float)q[t * k + i] * d[(t * k + i) / 32]);                                             \
                y[t * ldy + r] = (float)sum;                                                                                \
            }                                                                                                               \
    }
LANE_GEMM(q8_0x16, q8_0)
LANE_GEMM(q4_0x16, q4_0)
LANE_GEMM(q4_kx16, q4_k)
LANE_GEMM(q6_kx16, q6_k)

/* Digits of T2 to T4 (digits.h), and the scale of a unit. */
static int digit_t2(const uint8_t *unit, size_t r, size_t b, size_t j)
{
    return nibble(unit + b * 256, r, j) - 4;
}

static int digit_t3(const uint8_t *unit, size_t r, size_t b, size_t j)
{
    const uint8_t *block = unit + b * 320;
    return (nibble(block, r, j) | (block[256 + 4 * r + j % 4] >> j / 4 & 1) << 4) - 13;
}

static int digit_t4(const uint8_t *unit, size_t r, size_t b, size_t j)
{
    return (int8_t)unit[b * 512 + j / 4 * 64 + 4 * r + j % 4];
}

#define DIGIT_GEMM(name, type, scales)                                                                                      \
    static void gemm_##name##q8(const uint8_t *w, size_t groups, size_t k, const int8_t *q, const float *d, const int16_t *sums, float *y, \
                                size_t ldy, size_t n)                                                                       \
    {                                                                                                                       \
        size_t stride = lane_group_bytes(lane_layout_named(#name), k);                                                      \
        (void)sums;                                                                                                         \
        for (size_t t = 0; t < n; t++)                                                                                      \
            for (size_t r = 0; r < groups * LANE_ROWS; r++) {                                                               \
                float sum = 0;                                                                                              \
                for (size_t b = 0; b < k / 32; b++) {                                                                       \
                    const uint8_t *unit = w + r / LANE_ROWS * stride + b / 8 * ((scales) + 32);                             \
                    int32_t products = 0;                                                                                   \
                    for (size_t j = 0; j < 32; j++)                                                                         \
                        products += digit_##type(unit, r % LANE_ROWS, b % 8, j) * q[t * k + b * 32 + j];                    \
                    sum = fmaf((float)products, half_at(unit + (scales) + r % LANE_ROWS * 2) * d[t * (k / 32) + b], sum);   \
                }                                                                                                           \
                y[t * ldy + r] = sum;                                                                                       \
            }                                                                                                               \
    }
DIGIT_GEMM(t2x16, t2, 2048)
DIGIT_GEMM(t3x16, t3, 2560)
DIGIT_GEMM(t4x16, t4, 4096)

static void rmsnorm_f32(float *out, const float *x, const float *w, float eps, size_t n)
{
    double squares = 0;
    for (size_t i = 0; i < n; i++)
        squares += (double)x[i] * (double)x[i];
    float scale = 1 / sqrtf((float)squares / (float)n + eps); /* squares beyond a float are infinite: all results 0 */
    for (size_t i = 0; i < n; i++)
        out[i] = x[i] * scale * (w ? w[i] : 1);
}

static void mix_f16f32(float *y, size_t ldy, const float *keep, const float *a, size_t lda, size_t rows, const uint16_t *x, size_t ldx,
                       size_t count, size_t n)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++) {
            double sum = keep ? (double)(y[r * ldy + j] * keep[r]) : 0;
            for (size_t i = 0; i < count; i++)
                sum += (double)a[r * lda + i] * (double)f16_to_f32(x[i * ldx + j]);
            y[r * ldy + j] = (float)sum;
        }
}

static void mix_q8f32(float *y, size_t ldy, const float *keep, const float *a, size_t lda, size_t rows, const int8_t *x, const uint16_t *d,
                      size_t deep, size_t ldx, size_t count, size_t n)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < n; j++) {
            double sum = keep ? (double)(y[r * ldy + j] * keep[r]) : 0;
            for (size_t i = 0; i < count; i++)
                sum += (double)a[r * lda + i] * (double)((float)x[i * ldx + j] * f16_to_f32(d[i / deep * (ldx * deep / 32) + j * deep / 32]));
            y[r * ldy + j] = (float)sum;
        }
}

static void f32_to_f16_row(const float *x, uint16_t *y, size_t n)
{
    for (size_t i = 0; i < n; i++)
        y[i] = f32_to_f16(x[i]);
}

static void softmax_f32(float *x, size_t ldx, size_t rows, size_t n, float *top, float *sum, float *factor)
{
    for (size_t r = 0; r < rows; r++, x += ldx) {
        float max = top[r];
        double added = 0;
        for (size_t i = 0; i < n; i++)
            max = x[i] > max ? x[i] : max;
        for (size_t i = 0; i < n; i++)
            added += (double)(x[i] = expf(x[i] - max));
        factor[r] = expf(top[r] - max);
        sum[r] = (float)((double)sum[r] * (double)factor[r] + added);
        top[r] = max;
    }
}

static void swiglu_f32(float *h, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

static void relu2_f32(float *h, const float *gate, const float *up, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        float positive = gate[i] < 0 ? 0 : gate[i]; /* NaN stays */
        h[i] = positive * positive * up[i];
    }
}

void isa_scalar(trit_ops *ops)
{
    *ops = (trit_ops){
        .quant_f32i8 = quant_f32i8,
        .gemm_t2i8 = gemm_t2i8,
        .gemm_t5i8 = gemm_t5i8,
        .dot_f32f32 = dot_f32f32,
        .dot_f16f32 = dot_f16f32,
        .dot_bf16f32 = dot_bf16f32,
        .gemm_f32f32 = gemm_f32f32,
        .gemm_f16f32 = gemm_f16f32,
        .gemm_bf16f32 = gemm_bf16f32,
        .quant_f32q8 = quant_f32q8,
        .gemm_q8_0q8 = gemm_q8_0q8,
        .gemm_q4_0q8 = gemm_q4_0q8,
        .gemm_q4_kq8 = gemm_q4_kq8,
        .gemm_q6_kq8 = gemm_q6_kq8,
        .gemm_q8_0x16q8 = gemm_q8_0x16q8,
        .gemm_q4_0x16q8 = gemm_q4_0x16q8,
        .gemm_q4_kx16q8 = gemm_q4_kx16q8,
        .gemm_q6_kx16q8 = gemm_q6_kx16q8,
        .gemm_t2x16q8 = gemm_t2x16q8,
        .gemm_t3x16q8 = gemm_t3x16q8,
        .gemm_t4x16q8 = gemm_t4x16q8,
        .rmsnorm_f32 = rmsnorm_f32,
        .mix_f16f32 = mix_f16f32,
        .mix_q8f32 = mix_q8f32,
        .f32_to_f16 = f32_to_f16_row,
        .softmax_f32 = softmax_f32,
        .swiglu_f32 = swiglu_f32,
        .relu2_f32 = relu2_f32,
    };
}
