/* Inputs of each kernel, how to call it, and how close it must be. A row of kernels.inc without functions here does not compile. */
#include "proof_private.h"
#include "repack.h"
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

/* A piece of a block of the cache, in rows of ldx, and the factors of some rows of results. */
static void draw_mix(input *in, random_source *r, int number, placer place)
{
    in->n = 1 + random_below(r, 140);
    in->rows = number % 4 ? 1 + random_below(r, 30) : 1;
    in->tokens = 1 + random_below(r, 140); /* summed over */
    in->ldx = in->n + random_below(r, 30);
    in->ldy = in->n + random_below(r, 5);
    in->x = draw_floats(r, NORMAL, in->rows * in->tokens, place);
    in->x2 = draw_floats(r, NORMAL, in->rows * in->ldy, place);
    in->h = draw_halves(r, in->flavour == HUGE_VALUES || in->flavour == NOT_FINITE ? EXTREME : in->flavour,
                        (in->tokens - 1) * in->ldx + in->n, place);
}

/* Scales over 32 rows of a column (odd cases), or over 32 columns of a row; in->d is not NULL for the first. */
static void draw_mix_q8f32(input *in, random_source *r, int number, placer place)
{
    in->rows = number % 4 ? 1 + random_below(r, 30) : 1;
    bool deep = number % 2;
    in->n = deep ? 1 + random_below(r, 140) : 32 * (1 + random_below(r, 4));
    in->tokens = 1 + random_below(r, 140);
    in->ldx = deep ? in->n + random_below(r, 30) : in->n + 32 * random_below(r, 2);
    in->ldy = in->n + random_below(r, 5);
    in->x = draw_floats(r, NORMAL, in->rows * in->tokens, place);
    in->x2 = draw_floats(r, NORMAL, in->rows * in->ldy, place);
    in->h = draw_halves(r, TINY, deep ? (in->tokens - 1) / 32 * in->ldx + in->n : (in->tokens - 1) * (in->ldx / 32) + in->n / 32, place);
    in->q = draw_int8(r, in->flavour, (in->tokens - 1) * in->ldx + in->n, place);
    in->d = deep ? in->x : NULL;
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

/* rows of n weights, and activations of tokens. */
static void draw_blocks(uint32_t type, input *in, random_source *r, placer place)
{
    const type_info *info = type_of(type);
    /* Offsets of the f16 scales in a block; everything else may be any byte. */
    bool behind = type == TYPE_Q6_K || type_trits(type);
    size_t row_bytes = (size_t)type_row_bytes(info, in->n), bytes = in->rows * row_bytes;
    uint8_t *w = place(bytes);
    for (size_t i = 0; i < bytes; i++)
        w[i] = (uint8_t)(in->flavour == EXTREME ? 0xff : random_bits(r) >> 40);
    for (size_t b = 0, end; b < bytes; b = end) { /* the last block of a row may be shorter */
        end = b % row_bytes + info->bytes < row_bytes ? b + info->bytes : b - b % row_bytes + row_bytes;
        for (int s = 0; s < 2; s++) {
            uint16_t d = f32_to_f16(in->flavour == ZERO ? 0 : in->flavour == TINY ? 3e-7f : draw_float(r, NORMAL));
            memcpy(w + (behind ? end - 2 : type == TYPE_Q4_K && s ? b + 2 : b), &d, sizeof d);
        }
    }
    in->w = w;
    in->q = draw_int8(r, in->flavour, in->tokens * in->n, place);
    in->d = draw_floats(r, in->flavour == HUGE_VALUES ? NORMAL : in->flavour, in->tokens * in->n / 32, place);
}

static void draw_gemm(uint32_t type, input *in, random_source *r, int number, placer place)
{
    const type_info *info = type_of(type);
    in->n = (number % 7 == 6 ? 2560 / info->weights : 1 + random_below(r, 7)) * info->weights;
    in->rows = 1 + random_below(r, 9);
    in->tokens = number % 3 ? 1 + random_below(r, 9) : 1;
    in->ldy = in->rows + random_below(r, 5);
    draw_blocks(type, in, r, place);
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


/* The same rows, packed. */
static void draw_lanes(uint32_t type, input *in, random_source *r, int number, placer place)
{
    const lane_layout *l = lane_layout_for(type);
    const type_info *info = type_of(type);
    bool many = number % 5 == 3; /* several tiles of matrix units */
    in->n = (number % 7 == 6 ? 2560 / info->weights : 1 + random_below(r, 7)) * info->weights;
    if (type_trits(type))
        in->n -= 32 * random_below(r, 8);
    in->rows = 1 + random_below(r, many ? 80 : 20);
    in->tokens = many ? 15 + random_below(r, 50) : number % 3 ? 1 + random_below(r, 23) : 1;
    draw_blocks(type, in, r, place);
    size_t group = lane_group_bytes(l, in->n), groups = (in->rows + LANE_ROWS - 1) / LANE_ROWS, row = (size_t)type_row_bytes(info, in->n);
    uint8_t *packed = place(groups * group);
    for (size_t g = 0; g < groups; g++)
        lane_pack_group(l, (const uint8_t *)in->w + g * LANE_ROWS * row, g + 1 < groups ? LANE_ROWS : in->rows - g * LANE_ROWS, in->n,
                        packed + g * group);
    in->packed = packed;
    in->ldy = groups * LANE_ROWS + random_below(r, 5);
    int16_t *parts = place(in->tokens * in->n / 16 * sizeof *parts);
    for (size_t i = 0; i < in->tokens * in->n / 16; i++) {
        parts[i] = 0;
        for (size_t j = 0; j < 16; j++)
            parts[i] = (int16_t)(parts[i] + in->q[16 * i + j]);
    }
    in->parts = parts;
}
#define LANE_CASE(name, TYPE)                                                                                                \
    static void draw_gemm_##name##q8(input *in, random_source *r, int number, placer place)                                  \
    {                                                                                                                        \
        draw_lanes(TYPE, in, r, number, place);                                                                              \
    }                                                                                                                        \
    static void run_gemm_##name##q8(const trit_ops *o, const input *in, output *out)                                         \
    {                                                                                                                        \
        size_t groups = (in->rows + LANE_ROWS - 1) / LANE_ROWS;                                                              \
        out->floats = (in->tokens - 1) * in->ldy + groups * LANE_ROWS;                                                       \
        memset(out->f, 0, out->floats * sizeof(float));                                                                      \
        o->gemm_##name##q8(in->packed, groups, in->n, in->q, in->d, in->parts, out->f, in->ldy, in->tokens);                 \
    }
LANE_CASE(q8_0x16, TYPE_Q8_0)
LANE_CASE(q4_0x16, TYPE_Q4_0)
LANE_CASE(q4_kx16, TYPE_Q4_K)
LANE_CASE(q6_kx16, TYPE_Q6_K)
LANE_CASE(t2x16, TYPE_T2)
LANE_CASE(t3x16, TYPE_T3)
LANE_CASE(t4x16, TYPE_T4)

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

/* Rows of weights, and the activations of a few tokens behind each other. */
static void draw_matrix(input *in, random_source *r, int number, placer place)
{
    in->n = draw_length(r, number);
    in->rows = 1 + random_below(r, 5);
    in->tokens = number % 3 ? 1 + random_below(r, 8) : 1;
    in->ldy = in->rows + random_below(r, 5);
    in->x = draw_floats(r, in->flavour, in->tokens * in->n, place);
    in->x2 = draw_floats(r, NORMAL, in->rows * in->n, place);
    in->h = draw_halves(r, in->flavour == HUGE_VALUES || in->flavour == NOT_FINITE ? EXTREME : in->flavour, in->rows * in->n, place);
}

/* The products, and how far each is from the ISA's own dot product: bits that differ, none. */
#define FLOAT_GEMM_CASE(name, weights, value)                                                                                \
    static void run_gemm_##name(const trit_ops *o, const input *in, output *out)                                             \
    {                                                                                                                        \
        out->floats = (in->tokens - 1) * in->ldy + in->rows;                                                                 \
        memset(out->f, 0, out->floats * sizeof(float));                                                                      \
        o->gemm_##name(in->weights, in->rows, in->n, in->x, out->f, in->ldy, in->tokens);                                    \
        out->integers = in->tokens * in->rows;                                                                               \
        out->width = 1;                                                                                                      \
        for (size_t i = 0; i < out->integers; i++) {                                                                         \
            float y = o->dot_##name(in->weights + i % in->rows * in->n, in->x + i / in->rows * in->n, in->n);                \
            ((uint8_t *)out->i)[i] = memcmp(&y, out->f + i / in->rows * in->ldy + i % in->rows, sizeof y) && !isnan(y);      \
        }                                                                                                                    \
    }                                                                                                                        \
    static double sum_gemm_##name(const input *in, size_t i)                                                                 \
    {                                                                                                                        \
        double sum = 0;                                                                                                      \
        size_t t = i / in->ldy, r = i % in->ldy;                                                                             \
        for (size_t j = 0; r < in->rows && j < in->n; j++)                                                                   \
            sum += fabs((double)value(in->weights[r * in->n + j]) * (double)in->x[t * in->n + j]);                           \
        return sum;                                                                                                          \
    }
FLOAT_GEMM_CASE(f32f32, x2, )
FLOAT_GEMM_CASE(f16f32, h, f16_to_f32)
FLOAT_GEMM_CASE(bf16f32, h, bf16_to_f32)

static void run_rmsnorm_f32(const trit_ops *o, const input *in, output *out)
{
    out->floats = 3 * in->n; /* with weights, without, in place */
    o->rmsnorm_f32(out->f, in->x, in->x2, 1e-6f, in->n);
    o->rmsnorm_f32(out->f + in->n, in->x, NULL, 1e-6f, in->n);
    memcpy(out->f + 2 * in->n, in->x, in->n * sizeof(float));
    o->rmsnorm_f32(out->f + 2 * in->n, out->f + 2 * in->n, in->x2, 1e-6f, in->n);
}

static void begin_mix(const input *in, output *out)
{
    out->floats = (in->rows - 1) * in->ldy + in->n;
    memcpy(out->f, in->x2, out->floats * sizeof(float));
}

/* Factors of what is there already, in some cases none. */
static const float *kept(const input *in)
{
    return in->rows % 3 ? in->x : NULL;
}

static void run_mix_f16f32(const trit_ops *o, const input *in, output *out)
{
    begin_mix(in, out);
    o->mix_f16f32(out->f, in->ldy, kept(in), in->x, in->tokens, in->rows, in->h, in->ldx, in->tokens, in->n);
}

static void run_mix_q8f32(const trit_ops *o, const input *in, output *out)
{
    begin_mix(in, out);
    o->mix_q8f32(out->f, in->ldy, kept(in), in->x, in->tokens, in->rows, in->q, in->h, in->d ? 32 : 1, in->ldx, in->tokens, in->n);
}

static double mix_value(const input *in, size_t i, size_t j)
{
    size_t deep = in->d ? 32 : 1;
    if (!in->q)
        return (double)f16_to_f32(in->h[i * in->ldx + j]);
    return (double)in->q[i * in->ldx + j] * (double)f16_to_f32(in->h[i / deep * (in->ldx * deep / 32) + j * deep / 32]);
}

static double sum_mix(const input *in, size_t at)
{
    size_t row = at / in->ldy, j = at % in->ldy;
    double sum = fabs((double)in->x2[at]) * (j < in->n ? 1 + fabs((double)in->x[row]) : 1);
    for (size_t i = 0; i < in->tokens && j < in->n; i++)
        sum += fabs((double)in->x[row * in->tokens + i] * mix_value(in, i, j));
    return sum;
}

static void run_f32_to_f16(const trit_ops *o, const input *in, output *out)
{
    out->integers = in->n;
    out->width = 2;
    o->f32_to_f16(in->x, out->i, in->n);
}

/* A row with a NaN in it is broken as a whole. */
static void softmax_piece(const trit_ops *o, float *x, size_t ldx, size_t rows, size_t n, float *top, float *sum, float *factor)
{
    o->softmax_f32(x, ldx, rows, n, top, sum, factor);
    for (size_t r = 0; r < rows; r++) {
        if (!isnan(sum[r]))
            continue;
        top[r] = factor[r] = NAN;
        for (size_t i = 0; i < n; i++)
            x[r * ldx + i] = NAN;
    }
}

/* One row in three pieces, then rows of a piece; results, then what is left of each. */
static void run_softmax_f32(const trit_ops *o, const input *in, output *out)
{
    enum { ROWS = 7 };
    size_t pieces[] = { 0, in->n / 3, in->n - in->n / 5, in->n }, piece = in->n / ROWS;
    float *x = out->f, *left = out->f + 2 * in->n, top[ROWS], sum[ROWS];
    out->floats = 2 * in->n + 3 * (3 + ROWS);
    memset(left, 0, 3 * (3 + ROWS) * sizeof *left);
    memcpy(x, in->x, in->n * sizeof(float));
    memcpy(x + in->n, in->x, in->n * sizeof(float));
    for (int i = 0; i < ROWS; i++) {
        top[i] = -INFINITY;
        sum[i] = 0;
    }
    for (int i = 0; i < 3; i++, left += 3) {
        if (pieces[i + 1] > pieces[i])
            softmax_piece(o, x + pieces[i], in->n, 1, pieces[i + 1] - pieces[i], top, sum, left);
        left[1] = top[0];
        left[2] = sum[0];
    }
    if (!piece)
        return;
    for (int i = 0; i < ROWS; i++) {
        top[i] = i % 2 ? -INFINITY : 0.5f;
        sum[i] = (float)(i % 2);
    }
    softmax_piece(o, x + in->n, piece, ROWS, piece, top, sum, left);
    memcpy(left + ROWS, top, sizeof top);
    memcpy(left + 2 * ROWS, sum, sizeof sum);
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
    CASE(gemm_f32f32, draw_matrix, 80, 1e-5f, sum_gemm_f32f32),
    CASE(gemm_f16f32, draw_matrix, 80, 1e-5f, sum_gemm_f16f32),
    CASE(gemm_bf16f32, draw_matrix, 80, 1e-5f, sum_gemm_bf16f32),
    CASE(quant_f32q8, draw_blocks_of_32, 80, 0, NULL),
    CASE(gemm_q8_0q8, draw_gemm_q8_0q8, 80, 1e-5f, sum_gemm_q8_0q8),
    CASE(gemm_q4_0q8, draw_gemm_q4_0q8, 80, 1e-5f, sum_gemm_q4_0q8),
    CASE(gemm_q4_kq8, draw_gemm_q4_kq8, 80, 1e-5f, sum_gemm_q4_kq8),
    CASE(gemm_q6_kq8, draw_gemm_q6_kq8, 80, 1e-5f, sum_gemm_q6_kq8),
    CASE(gemm_q8_0x16q8, draw_gemm_q8_0x16q8, 80, 1e-5f, sum_gemm_q8_0q8),
    CASE(gemm_q4_0x16q8, draw_gemm_q4_0x16q8, 80, 1e-5f, sum_gemm_q4_0q8),
    CASE(gemm_q4_kx16q8, draw_gemm_q4_kx16q8, 80, 1e-5f, sum_gemm_q4_kq8),
    CASE(gemm_q6_kx16q8, draw_gemm_q6_kx16q8, 80, 1e-5f, sum_gemm_q6_kq8),
    CASE(gemm_t2x16q8, draw_gemm_t2x16q8, 80, 0, NULL),
    CASE(gemm_t3x16q8, draw_gemm_t3x16q8, 80, 0, NULL),
    CASE(gemm_t4x16q8, draw_gemm_t4x16q8, 80, 0, NULL),
    CASE(rmsnorm_f32, draw_vector, 80, 1e-5f, NULL),
    CASE(mix_f16f32, draw_mix, 120, 1e-5f, sum_mix),
    CASE(mix_q8f32, draw_mix_q8f32, 120, 1e-5f, sum_mix),
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
