/* Inputs of each kernel, how to call it, and how close it must be. A row of kernels.inc without functions here does not compile. */
#include "proof_private.h"
#include "types.h"
#include <float.h>
#include <math.h>
#include <string.h>

typedef void *(*placer)(size_t bytes);

/* Lengths where vector loops begin, end and have tails; then anything. */
static size_t draw_length(random_source *r, int number)
{
    static const size_t lengths[] = { 1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 63, 64, 65, 100, 127, 128, 129, 255, 256, 257, 1000 };
    enum { COUNT = sizeof lengths / sizeof *lengths };
    return number < COUNT ? lengths[number] : 1 + random_below(r, 3000);
}

static float draw_float(random_source *r, flavour f)
{
    float u = (float)(int32_t)(random_bits(r) >> 32) * 0x1p-31f; /* -1 ... 1 */
    switch (f) {
    case ZERO:
        return 0;
    case EXTREME: /* quantised with scale 1: both ends, and ties of rounding */
        return random_below(r, 4) ? (float)random_below(r, 254) - 126.5f : random_below(r, 2) ? 127 : -127;
    case HUGE_VALUES:
        return random_below(r, 8) ? u : u * FLT_MAX;
    case TINY:
        return random_below(r, 4) ? u * 0x1p-130f : u * 1e-28f;
    case NOT_FINITE:
        return random_below(r, 50) ? u : random_below(r, 2) ? (float)INFINITY : (float)NAN;
    default:
        return u * u * u * 8; /* many small, some large */
    }
}

static const float *draw_floats(random_source *r, flavour f, size_t n, placer place)
{
    float *x = place(n * sizeof *x);
    for (size_t i = 0; i < n; i++)
        x[i] = draw_float(r, f);
    return x;
}

static const uint16_t *draw_halves(random_source *r, flavour f, size_t n, placer place)
{
    uint16_t *h = place(n * sizeof *h);
    for (size_t i = 0; i < n; i++) {
        h[i] = f32_to_f16(draw_float(r, f));
        if (f == TINY && i % 2)
            h[i] = (uint16_t)(random_bits(r) & 0x83ff); /* subnormal halves */
    }
    return h;
}

static const int8_t *draw_int8(random_source *r, flavour f, size_t n, placer place)
{
    int8_t *q = place(n);
    int same = random_below(r, 2) ? 127 : -127;
    for (size_t i = 0; i < n; i++)
        q[i] = (int8_t)(f == ZERO ? 0 : f == EXTREME ? same : (int)random_below(r, 255) - 127);
    return q;
}

static void draw_vector(input *in, random_source *r, int number, placer place)
{
    in->n = draw_length(r, number);
    in->x = draw_floats(r, in->flavour, in->n, place);
    in->x2 = draw_floats(r, NORMAL, in->n, place);
    in->h = draw_halves(r, in->flavour == HUGE_VALUES || in->flavour == NOT_FINITE ? EXTREME : in->flavour, in->n, place);
}

static void draw_rows(input *in, random_source *r, int number, placer place)
{
    in->n = draw_length(r, number);
    in->rows = 1 + random_below(r, 9);
    in->x = draw_floats(r, NORMAL, in->rows, place);
    in->x2 = draw_floats(r, NORMAL, in->n, place);
    in->h = draw_halves(r, in->flavour == HUGE_VALUES || in->flavour == NOT_FINITE ? EXTREME : in->flavour, in->rows * in->n, place);
}

static void draw_blocks_of_32(input *in, random_source *r, int number, placer place)
{
    in->n = 32 * (size_t)(1 + number % 11);
    in->x = draw_floats(r, in->flavour, in->n, place);
}

static void sum_rows(input *in, size_t k, placer place)
{
    int32_t *sums = place(in->tokens * sizeof *sums);
    for (size_t t = 0; t < in->tokens; t++) {
        sums[t] = 0;
        for (size_t i = 0; i < k; i++)
            sums[t] += in->q[t * in->ldx + i];
    }
    in->sums = sums;
}

static void draw_gemm_t2i8(input *in, random_source *r, int number, placer place)
{
    size_t chunks = number % 5 == 4 ? 27 : 1 + random_below(r, 9);
    in->n = chunks;
    in->rows = 1 + random_below(r, 3);
    in->tokens = number % 3 ? 1 + random_below(r, 14) : 1;
    if (number % 5 == 3) { /* several tiles of matrix units */
        in->rows = 1 + random_below(r, 19);
        in->tokens = 15 + random_below(r, 80);
    }
    in->ldx = chunks * T2_CHUNK + random_below(r, 40);
    in->ldy = in->rows * T2_ROWS + random_below(r, 5);
    uint8_t *w = place(in->rows * chunks * T2_ROWS * T2_BYTES);
    for (size_t i = 0; i < in->rows * chunks * T2_ROWS * T2_BYTES; i++) {
        w[i] = 0xaa; /* EXTREME: all codes 2 */
        for (int s = 0; s < 8 && in->flavour != EXTREME; s += 2)
            w[i] = (uint8_t)((w[i] & ~(3 << s)) | (int)random_below(r, 3) << s);
    }
    in->w = w;
    in->q = draw_int8(r, in->flavour, (in->tokens - 1) * in->ldx + chunks * T2_CHUNK, place);
    sum_rows(in, chunks * T2_CHUNK, place);
}

/* Any byte is five codes. EXTREME: all of them 2 or all 0, now and then in the longest rows there may be. */
static void draw_gemm_t5i8(input *in, random_source *r, int number, placer place)
{
    bool longest = in->flavour == EXTREME && number % 24 == 5;
    size_t chunks = longest ? T5_MOST_CHUNKS : number % 5 == 4 ? 22 : 1 + random_below(r, 9);
    in->n = chunks;
    in->rows = longest ? 1 : 1 + random_below(r, 3);
    in->tokens = longest ? 1 + random_below(r, 2) * 2 : number % 3 ? 1 + random_below(r, 14) : 1;
    if (number % 5 == 3 && !longest) { /* several tiles of matrix units */
        in->rows = 1 + random_below(r, 19);
        in->tokens = 15 + random_below(r, 80);
    }
    in->ldx = chunks * T5_CHUNK + random_below(r, 40);
    in->ldy = in->rows * T2_ROWS + random_below(r, 5);
    size_t bytes = in->rows * chunks * T2_ROWS * T2_BYTES;
    uint8_t *w = place(bytes);
    int same = random_below(r, 2) ? 255 : 0;
    for (size_t i = 0; i < bytes; i++)
        w[i] = (uint8_t)(in->flavour == EXTREME ? same : (int)random_below(r, 256));
    in->w = w;
    in->q = draw_int8(r, in->flavour, (in->tokens - 1) * in->ldx + chunks * T5_CHUNK, place);
    sum_rows(in, chunks * T5_CHUNK, place);
}

static void draw_gemm(uint32_t type, input *in, random_source *r, int number, placer place)
{
    const type_info *info = type_of(type);
    size_t blocks = number % 7 == 6 ? 2560 / info->weights : 1 + random_below(r, 7);
    in->n = blocks * info->weights;
    in->rows = 1 + random_below(r, 9);
    in->tokens = number % 3 ? 1 + random_below(r, 9) : 1;
    in->ldy = in->rows + random_below(r, 5);
    /* Offsets of the f16 scales in a block; everything else may be any byte. */
    size_t scales[2] = { type == TYPE_Q6_K ? 208 : 0, type == TYPE_Q4_K ? 2 : type == TYPE_Q6_K ? 208 : 0 };
    size_t bytes = in->rows * blocks * info->bytes;
    uint8_t *w = place(bytes);
    for (size_t i = 0; i < bytes; i++)
        w[i] = (uint8_t)(in->flavour == EXTREME ? 0xff : random_bits(r) >> 40);
    for (size_t b = 0; b < bytes; b += info->bytes)
        for (int s = 0; s < 2; s++) {
            uint16_t d = f32_to_f16(in->flavour == ZERO ? 0 : in->flavour == TINY ? 3e-7f : draw_float(r, NORMAL));
            memcpy(w + b + scales[s], &d, sizeof d);
        }
    in->w = w;
    in->q = draw_int8(r, in->flavour, in->tokens * in->n, place);
    in->d = draw_floats(r, in->flavour == HUGE_VALUES ? NORMAL : in->flavour, in->tokens * in->n / 32, place);
}

/* Sum of |weight * activation| behind result i; the two terms of a Q4_K weight count each by themselves. */
static double sum_blocks(uint32_t type, const input *in, size_t i)
{
    const type_info *info = type_of(type);
    size_t t = i / in->ldy, row = i % in->ldy;
    if (row >= in->rows)
        return 0;
    double sum = 0;
    for (size_t k = 0; k < in->n; k += info->weights) {
        uint8_t block[256];
        float all[256], part[256] = { 0 };
        memcpy(block, (const uint8_t *)in->w + (row * in->n + k) / info->weights * info->bytes, info->bytes);
        decode_f32(type, block, 1, all, info->weights);
        if (type == TYPE_Q4_K) {
            memset(block, 0, 2);
            decode_f32(type, block, 1, part, info->weights);
        }
        for (size_t j = 0; j < info->weights; j++) {
            size_t at = t * in->n + k + j;
            sum += (fabs((double)all[j] - (double)part[j]) + fabs((double)part[j])) * fabs((double)in->q[at] * (double)in->d[at / 32]);
        }
    }
    return sum;
}
#define GEMM_CASE(name, TYPE)                                                                                                \
    static void draw_gemm_##name##q8(input *in, random_source *r, int number, placer place)                                  \
    {                                                                                                                        \
        draw_gemm(TYPE, in, r, number, place);                                                                               \
    }                                                                                                                        \
    static void run_gemm_##name##q8(const trit_ops *o, const input *in, output *out)                                         \
    {                                                                                                                        \
        out->floats = (in->tokens - 1) * in->ldy + in->rows;                                                                 \
        memset(out->f, 0, out->floats * sizeof(float));                                                                      \
        o->gemm_##name##q8(in->w, in->rows, in->n, in->q, in->d, out->f, in->ldy, in->tokens);                               \
    }                                                                                                                        \
    static double sum_gemm_##name##q8(const input *in, size_t i)                                                             \
    {                                                                                                                        \
        return sum_blocks(TYPE, in, i);                                                                                      \
    }
GEMM_CASE(q8_0, TYPE_Q8_0)
GEMM_CASE(q4_0, TYPE_Q4_0)
GEMM_CASE(q4_k, TYPE_Q4_K)
GEMM_CASE(q6_k, TYPE_Q6_K)

static void run_quant_f32i8(const trit_ops *o, const input *in, output *out)
{
    int32_t sum;
    out->floats = 2;
    out->integers = in->n;
    out->width = 1;
    out->f[0] = o->quant_f32i8(in->x, out->i, &sum, in->n);
    out->f[1] = (float)sum;
}

static void run_quant_f32q8(const trit_ops *o, const input *in, output *out)
{
    out->floats = in->n / 32;
    out->integers = in->n;
    out->width = 1;
    o->quant_f32q8(in->x, out->i, out->f, in->n);
}

static void run_gemm_t2i8(const trit_ops *o, const input *in, output *out)
{
    out->integers = (in->tokens - 1) * in->ldy + in->rows * T2_ROWS;
    out->width = 4;
    o->gemm_t2i8(in->w, in->rows, in->n, in->q, in->ldx, in->sums, out->i, in->ldy, in->tokens);
}

static void run_gemm_t5i8(const trit_ops *o, const input *in, output *out)
{
    out->integers = (in->tokens - 1) * in->ldy + in->rows * T2_ROWS;
    out->width = 4;
    o->gemm_t5i8(in->w, in->rows, in->n, in->q, in->ldx, in->sums, out->i, in->ldy, in->tokens);
}

static void run_dot_f32f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = 1;
    out->f[0] = o->dot_f32f32(in->x2, in->x, in->n);
}

static void run_dot_f16f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = 1;
    out->f[0] = o->dot_f16f32(in->h, in->x, in->n);
}

static void run_dot_bf16f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = 1;
    out->f[0] = o->dot_bf16f32(in->h, in->x, in->n);
}

static double sum_dot_f32f32(const input *in, size_t unused)
{
    (void)unused;
    double sum = 0;
    for (size_t i = 0; i < in->n; i++)
        sum += fabs((double)in->x2[i] * (double)in->x[i]);
    return sum;
}

static double sum_dot_f16f32(const input *in, size_t unused)
{
    (void)unused;
    double sum = 0;
    for (size_t i = 0; i < in->n; i++)
        sum += fabs((double)f16_to_f32(in->h[i]) * (double)in->x[i]);
    return sum;
}

static double sum_dot_bf16f32(const input *in, size_t unused)
{
    (void)unused;
    double sum = 0;
    for (size_t i = 0; i < in->n; i++)
        sum += fabs((double)bf16_to_f32(in->h[i]) * (double)in->x[i]);
    return sum;
}

static void run_rmsnorm_f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = 3 * in->n; /* with weights, without, in place */
    o->rmsnorm_f32(out->f, in->x, in->x2, 1e-6f, in->n);
    o->rmsnorm_f32(out->f + in->n, in->x, NULL, 1e-6f, in->n);
    memcpy(out->f + 2 * in->n, in->x, in->n * sizeof(float));
    o->rmsnorm_f32(out->f + 2 * in->n, out->f + 2 * in->n, in->x2, 1e-6f, in->n);
}

static void run_mix_f16f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = in->n;
    memcpy(out->f, in->x2, in->n * sizeof(float));
    o->mix_f16f32(out->f, in->x, in->h, in->rows, in->n);
}

static double sum_mix_f16f32(const input *in, size_t i)
{
    double sum = fabs((double)in->x2[i]);
    for (size_t row = 0; row < in->rows; row++)
        sum += fabs((double)in->x[row] * (double)f16_to_f32(in->h[row * in->n + i]));
    return sum;
}

static void run_f32_to_f16(const trit_ops *o, const input *in, output *out)
{
    out->integers = in->n;
    out->width = 2;
    o->f32_to_f16(in->x, out->i, in->n);
}

static void run_softmax_f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = in->n;
    memcpy(out->f, in->x, in->n * sizeof(float));
    o->softmax_f32(out->f, in->n);
}

static void run_swiglu_f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = 2 * in->n; /* apart, and over the gate */
    o->swiglu_f32(out->f, in->x, in->x2, in->n);
    memcpy(out->f + in->n, in->x, in->n * sizeof(float));
    o->swiglu_f32(out->f + in->n, out->f + in->n, in->x2, in->n);
}

static void run_relu2_f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = 2 * in->n;
    o->relu2_f32(out->f, in->x, in->x2, in->n);
    memcpy(out->f + in->n, in->x, in->n * sizeof(float));
    o->relu2_f32(out->f + in->n, out->f + in->n, in->x2, in->n);
}

/* A place in the table for each row of kernels.inc, in its order. */
enum {
#define KERNEL(field, exact) AT_##field,
#include "kernels.inc"
#undef KERNEL
    KERNELS
};
static const bool exact_kernels[] = {
#define KERNEL(field, exact) exact,
#include "kernels.inc"
#undef KERNEL
};

/* How close a float must be to scalar's, relative to the size of the numbers that met: sums of a few thousand floats in another
   order and with fused multiplications differ by far less than 1e-5 of the sum of their sizes. */
#define CASE(field, draw, cases, bound, magnitude) [AT_##field] = { #field, bound, cases, draw, run_##field, magnitude }
const kernel_case kernel_cases[KERNELS] = {
    CASE(quant_f32i8, draw_vector, 120, 0, NULL),
    CASE(gemm_t2i8, draw_gemm_t2i8, 120, 0, NULL),
    CASE(gemm_t5i8, draw_gemm_t5i8, 120, 0, NULL),
    CASE(dot_f32f32, draw_vector, 80, 1e-5f, sum_dot_f32f32),
    CASE(dot_f16f32, draw_vector, 80, 1e-5f, sum_dot_f16f32),
    CASE(dot_bf16f32, draw_vector, 80, 1e-5f, sum_dot_bf16f32),
    CASE(quant_f32q8, draw_blocks_of_32, 80, 0, NULL),
    CASE(gemm_q8_0q8, draw_gemm_q8_0q8, 80, 1e-5f, sum_gemm_q8_0q8),
    CASE(gemm_q4_0q8, draw_gemm_q4_0q8, 80, 1e-5f, sum_gemm_q4_0q8),
    CASE(gemm_q4_kq8, draw_gemm_q4_kq8, 80, 1e-5f, sum_gemm_q4_kq8),
    CASE(gemm_q6_kq8, draw_gemm_q6_kq8, 80, 1e-5f, sum_gemm_q6_kq8),
    CASE(rmsnorm_f32, draw_vector, 80, 1e-5f, NULL),
    CASE(mix_f16f32, draw_rows, 80, 3e-6f, sum_mix_f16f32),
    CASE(f32_to_f16, draw_vector, 120, 0, NULL),
    CASE(softmax_f32, draw_vector, 80, 1e-5f, NULL),
    CASE(swiglu_f32, draw_vector, 80, 2e-6f, NULL),
    CASE(relu2_f32, draw_vector, 80, 1e-6f, NULL),
};
const size_t kernel_case_count = KERNELS;

bool kernel_is_exact(size_t i)
{
    return exact_kernels[i];
}
