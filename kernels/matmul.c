/* Activations in the forms the kernels want, and the multiplication of a matrix with them on the pool. */
#include "pack.h"
#include "repack.h"
#include "slab.h"
#include <stdlib.h>
#include <string.h>

enum { TOKENS = 48, LANE_TOKENS = 128, ROWS = 64 }; /* tile of results: its activations and weights stay in the second-level cache */

struct activations {
    const float *x;
    size_t n, k, k_padded;   /* k_padded: enough for whole chunks of every ternary layout */
    size_t chunks;           /* of t2 */
    bool have_row, have_sums, have_block;
    /* One scale a token: q[n][k_padded], d[n], sums[n]; chunk_sums[n][chunks]. */
    int8_t *row_q;
    float *row_d;
    int32_t *row_sums, *chunk_sums;
    /* One scale a block of 32: q[n][width(k)], d[n][width(k)/32]; zero beyond k. */
    int8_t *block_q;
    float *block_d;
    int16_t *block_sums;     /* of 16: [n][width(k)/16] */
    const trit_ops *ops;     /* of the multiplication that is asking */
};

static void *aligned(size_t bytes)
{
    return bytes > SIZE_MAX - 64 ? NULL : aligned_alloc(64, (bytes + 63) / 64 * 64);
}

static size_t whole_chunks(size_t k, size_t chunk)
{
    return (k + chunk - 1) / chunk * chunk;
}

/* Rows of blocks: only those of T2 to T4 may end within one. */
static size_t width(size_t k)
{
    return whole_chunks(k, 32);
}

/* An odd number of cache lines, so that tokens do not share cache sets. */
static size_t padded(size_t k)
{
    size_t t2 = whole_chunks(k, T2_CHUNK), t5 = whole_chunks(k, T5_CHUNK);
    return (t2 > t5 ? t2 : t5) | 64;
}

activations *activations_new(size_t max_tokens, size_t max_k, trit_error *e)
{
    size_t chunks = (max_k + T2_CHUNK - 1) / T2_CHUNK, k = padded(max_k);
    activations *a = calloc(1, sizeof *a);
    if (a && max_tokens && chunks && k < SIZE_MAX / sizeof(float) / max_tokens) {
        a->row_q = slab_alloc(max_tokens * k);
        a->row_d = aligned(max_tokens * sizeof(float));
        a->row_sums = aligned(max_tokens * sizeof(int32_t));
        a->chunk_sums = aligned(max_tokens * chunks * sizeof(int32_t));
        a->block_q = aligned(max_tokens * k);
        a->block_d = aligned(max_tokens * (k / 32) * sizeof(float));
        a->block_sums = aligned(max_tokens * (k / 16) * sizeof(int16_t));
        if (a->row_q && a->row_d && a->row_sums && a->chunk_sums && a->block_q && a->block_d && a->block_sums)
            return a;
    }
    activations_free(a);
    fail(e, "there is no memory for the activations of %zu tokens of %zu values", max_tokens, max_k);
    return NULL;
}

void activations_free(activations *a)
{
    if (!a)
        return;
    slab_free(a->row_q);
    free(a->row_d);
    free(a->row_sums);
    free(a->chunk_sums);
    free(a->block_q);
    free(a->block_d);
    free(a->block_sums);
    free(a);
}

void activations_set(activations *a, const float *x, size_t n, size_t k)
{
    a->x = x;
    a->n = n;
    a->k = k;
    a->k_padded = padded(k);
    a->chunks = (k + T2_CHUNK - 1) / T2_CHUNK;
    a->have_row = a->have_sums = a->have_block = false;
}

const float *activations_get(const activations *a, size_t *n, size_t *k)
{
    *n = a->n;
    *k = a->k;
    return a->x;
}

static void quantise_rows(void *arg, size_t begin, size_t end, int thread)
{
    activations *a = arg;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        int8_t *q = a->row_q + t * a->k_padded;
        a->row_d[t] = a->ops->quant_f32i8(a->x + t * a->k, q, &a->row_sums[t], a->k);
        memset(q + a->k, 0, a->k_padded - a->k);
    }
}

static void sum_chunks(void *arg, size_t begin, size_t end, int thread)
{
    activations *a = arg;
    (void)thread;
    for (size_t t = begin; t < end; t++)
        for (size_t c = 0; c < a->chunks; c++) {
            int32_t sum = 0;
            for (size_t j = 0; j < T2_CHUNK; j++)
                sum += a->row_q[t * a->k_padded + c * T2_CHUNK + j];
            a->chunk_sums[t * a->chunks + c] = sum;
        }
}

static void quantise_blocks(void *arg, size_t begin, size_t end, int thread)
{
    activations *a = arg;
    (void)thread;
    size_t k = width(a->k), rest = a->k % 32;
    for (size_t t = begin; t < end; t++) {
        int8_t *q = a->block_q + t * k;
        float *d = a->block_d + t * (k / 32);
        a->ops->quant_f32q8(a->x + t * a->k, q, d, a->k - rest);
        if (rest) {
            float last[32] = { 0 };
            memcpy(last, a->x + (t + 1) * a->k - rest, rest * sizeof *last);
            a->ops->quant_f32q8(last, q + k - 32, d + k / 32 - 1, 32);
        }
        for (size_t i = 0; i < k / 16; i++) {
            int16_t sum = 0;
            for (size_t j = 0; j < 16; j++)
                sum = (int16_t)(sum + q[16 * i + j]);
            a->block_sums[t * (k / 16) + i] = sum;
        }
    }
}

static void want(activations *a, bool *have, pool_task task, pool *p)
{
    if (!*have)
        pool_run(p, a->n, 1, task, a);
    *have = true;
}

static void want_row(activations *a, pool *p)
{
    want(a, &a->have_row, quantise_rows, p);
}

static void want_chunks(activations *a, pool *p)
{
    want_row(a, p);
    want(a, &a->have_sums, sum_chunks, p);
}

static void want_block(activations *a, pool *p)
{
    want(a, &a->have_block, quantise_blocks, p);
}

static void want_nothing(activations *a, pool *p)
{
    (void)a, (void)p;
}

typedef struct {
    const matrix *m;
    const activations *a;
    float *y;
    const trit_ops *ops;
} product;

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Results of integer kernels for one tile, before scales. A matrix unit spends as long on unpacking a weight as on multiplying it with
   some 30 tokens, so many share it, but only as many as stay in the second-level cache while the rows of a slice pass. */
enum { T2_TILE_TOKENS = 256, T2_TILE_ROWS = 32, T2_TILE_BYTES = 1 << 20 };
typedef int32_t tile[T2_TILE_TOKENS][T2_TILE_ROWS];

static size_t tile_tokens(size_t k_padded)
{
    size_t most = T2_TILE_BYTES / k_padded / T2_TILE_ROWS * T2_TILE_ROWS;
    return most < T2_TILE_ROWS ? T2_TILE_ROWS : least(most, T2_TILE_TOKENS);
}

static inline void scale_sums(const int32_t *restrict sums, float scale, float *restrict y, size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        y[r] = (float)sums[r] * scale;
}

/* One token: many rows in one call, whose streams of weights lie the farther apart. */
static void multiply_one(const product *j, ternary_gemm gemm, size_t begin, size_t end)
{
    const matrix *m = j->m;
    const activations *a = j->a;
    enum { MOST = 256 };
    int32_t sums[MOST * T2_ROWS];
    for (size_t groups; begin < end; begin += groups) {
        groups = least(MOST, end - begin);
        size_t row = begin * T2_ROWS;
        gemm(m->data + begin * m->chunks * T2_ROWS * T2_BYTES, groups, m->chunks, a->row_q, a->k_padded, a->row_sums, sums, 0, 1);
        scale_sums(sums, a->row_d[0] * m->scale, j->y + row, least(groups * T2_ROWS, m->rows - row));
    }
}

/* y = sum * (activation scale * weight scale), for groups of T2_ROWS rows. */
static void multiply_groups(const product *j, ternary_gemm gemm, size_t begin, size_t end)
{
    const matrix *m = j->m;
    const activations *a = j->a;
    if (a->n == 1) {
        multiply_one(j, gemm, begin, end);
        return;
    }
    _Alignas(64) tile sums;
    for (size_t t0 = 0, most = tile_tokens(a->k_padded); t0 < a->n; t0 += most) {
        size_t tokens = least(most, a->n - t0), step = T2_TILE_ROWS / T2_ROWS;
        for (size_t g = begin; g < end; g += step) {
            size_t groups = least(step, end - g), row = g * T2_ROWS, rows = least(groups * T2_ROWS, m->rows - row);
            gemm(m->data + g * m->chunks * T2_ROWS * T2_BYTES, groups, m->chunks, a->row_q + t0 * a->k_padded, a->k_padded,
                 a->row_sums + t0, sums[0], T2_TILE_ROWS, tokens);
            for (size_t t = 0; t < tokens; t++) {
                float *y = j->y + (t0 + t) * m->rows + row, scale = a->row_d[t0 + t] * m->scale;
                if (rows == T2_TILE_ROWS) /* unrolled */
                    scale_sums(sums[t], scale, y, T2_TILE_ROWS);
                else
                    scale_sums(sums[t], scale, y, rows);
            }
        }
    }
}

static void t2_groups(void *arg, size_t begin, size_t end, int thread)
{
    const product *j = arg;
    (void)thread;
    multiply_groups(j, j->ops->gemm_t2i8, begin, end);
}

static void t5_groups(void *arg, size_t begin, size_t end, int thread)
{
    const product *j = arg;
    (void)thread;
    multiply_groups(j, j->ops->gemm_t5i8, begin, end);
}

/* The same with a scale for each chunk of each row: y = (sum over chunks of sum * weight scale) * activation scale. */
static void t2_scaled_groups(void *arg, size_t begin, size_t end, int thread)
{
    const product *j = arg;
    const matrix *m = j->m;
    const activations *a = j->a;
    (void)thread;
    for (size_t t = 0; t < a->n; t++)
        for (size_t g = begin; g < end; g++) {
            float y[T2_ROWS] = { 0 };
            for (size_t c = 0; c < m->chunks; c++) {
                int32_t sums[T2_ROWS];
                j->ops->gemm_t2i8(m->data + (g * m->chunks + c) * T2_ROWS * T2_BYTES, 1, 1, a->row_q + t * a->k_padded + c * T2_CHUNK,
                                  T2_CHUNK, a->chunk_sums + t * m->chunks + c, sums, T2_ROWS, 1);
                for (size_t r = 0; r < T2_ROWS; r++)
                    y[r] += (float)sums[r] * m->scales[(g * T2_ROWS + r) * m->chunks + c];
            }
            for (size_t r = 0; r < least(T2_ROWS, m->rows - g * T2_ROWS); r++)
                j->y[t * m->rows + g * T2_ROWS + r] = y[r] * a->row_d[t];
        }
}

static void scale_rows(const product *j, size_t begin, size_t end)
{
    if (j->m->scale == 1)
        return;
    for (size_t t = 0; t < j->a->n; t++)
        for (size_t r = begin; r < end; r++)
            j->y[t * j->m->rows + r] *= j->m->scale;
}

/* Float weights. */
#define FLOATS(name, type)                                                                                                   \
    static void name##_rows(void *arg, size_t begin, size_t end, int thread)                                                 \
    {                                                                                                                        \
        const product *j = arg;                                                                                              \
        const matrix *m = j->m;                                                                                              \
        (void)thread;                                                                                                        \
        for (size_t t = 0; t < j->a->n; t += TOKENS)                                                                         \
            j->ops->gemm_##name##f32((const type *)(const void *)m->data + begin * m->k, end - begin, m->k, j->a->x + t * m->k, \
                                     j->y + t * m->rows + begin, m->rows, least(TOKENS, j->a->n - t));                       \
        scale_rows(j, begin, end);                                                                                           \
    }
FLOATS(f32, float)
FLOATS(f16, uint16_t)
FLOATS(bf16, uint16_t)

/* Block types: tiles of rows and tokens. */
#define GEMM(name)                                                                                                           \
    static void name##_rows(void *arg, size_t begin, size_t end, int thread)                                                 \
    {                                                                                                                        \
        const product *j = arg;                                                                                              \
        const matrix *m = j->m;                                                                                              \
        size_t row_bytes = (size_t)type_row_bytes(m->source->info, m->k);                                                    \
        (void)thread;                                                                                                        \
        for (size_t t = 0; t < j->a->n; t += TOKENS)                                                                         \
            j->ops->gemm_##name##q8(m->data + begin * row_bytes, end - begin, m->k, j->a->block_q + t * m->k,                \
                                    j->a->block_d + t * (m->k / 32), j->y + t * m->rows + begin, m->rows, least(TOKENS, j->a->n - t)); \
        scale_rows(j, begin, end);                                                                                           \
    }
GEMM(q8_0)
GEMM(q4_0)
GEMM(q4_k)
GEMM(q6_k)

/* Groups of 16 rows side by side. Rows of a last group that is not full go through a tile. */
static void multiply_lanes(const product *j, lane_gemm gemm, size_t begin, size_t end)
{
    const matrix *m = j->m;
    const activations *a = j->a;
    size_t whole = least(end, m->rows / LANE_ROWS), k = width(m->k), blocks = k / 32, group = m->bytes / m->groups;
    for (size_t t = 0; t < a->n; t += LANE_TOKENS) {
        size_t tokens = least(LANE_TOKENS, a->n - t);
        const int8_t *q = a->block_q + t * k;
        const float *d = a->block_d + t * blocks;
        const int16_t *sums = a->block_sums + t * 2 * blocks;
        float *y = j->y + t * m->rows;
        if (whole > begin)
            gemm(m->data + begin * group, whole - begin, k, q, d, sums, y + begin * LANE_ROWS, m->rows, tokens);
        if (end > whole) {
            float last[LANE_TOKENS][LANE_ROWS];
            gemm(m->data + whole * group, 1, k, q, d, sums, last[0], LANE_ROWS, tokens);
            for (size_t i = 0; i < tokens; i++)
                memcpy(y + i * m->rows + whole * LANE_ROWS, last[i], m->rows % LANE_ROWS * sizeof(float));
        }
    }
    scale_rows(j, begin * LANE_ROWS, least(end * LANE_ROWS, m->rows));
}

#define LANES(name)                                                                                                          \
    static void name##_groups(void *arg, size_t begin, size_t end, int thread)                                               \
    {                                                                                                                        \
        const product *j = arg;                                                                                              \
        (void)thread;                                                                                                        \
        multiply_lanes(j, j->ops->gemm_##name##q8, begin, end);                                                              \
    }
LANES(q8_0x16)
LANES(q4_0x16)
LANES(q4_kx16)
LANES(q6_kx16)
LANES(t2x16)
LANES(t3x16)
LANES(t4x16)

/* Which form of the activations a layout wants, and the task that multiplies units of `rows` rows. */
struct multiplication {
    const char *layout;
    bool with_scales;
    size_t rows;
    void (*prepare)(activations *a, pool *p);
    pool_task task;
};

static const struct multiplication table[] = {
    { "t2", false, T2_ROWS, want_row, t2_groups },
    { "t2", true, T2_ROWS, want_chunks, t2_scaled_groups },
    { "t5", false, T2_ROWS, want_row, t5_groups },
    { "f32", false, 1, want_nothing, f32_rows },
    { "f16", false, 1, want_nothing, f16_rows },
    { "bf16", false, 1, want_nothing, bf16_rows },
    { "q8_0", false, 1, want_block, q8_0_rows },
    { "q4_0", false, 1, want_block, q4_0_rows },
    { "q4_k", false, 1, want_block, q4_k_rows },
    { "q6_k", false, 1, want_block, q6_k_rows },
    { "q8_0x16", false, LANE_ROWS, want_block, q8_0x16_groups },
    { "q4_0x16", false, LANE_ROWS, want_block, q4_0x16_groups },
    { "q4_kx16", false, LANE_ROWS, want_block, q4_kx16_groups },
    { "q6_kx16", false, LANE_ROWS, want_block, q6_kx16_groups },
    { "t2x16", false, LANE_ROWS, want_block, t2x16_groups },
    { "t3x16", false, LANE_ROWS, want_block, t3x16_groups },
    { "t4x16", false, LANE_ROWS, want_block, t4x16_groups },
};

const struct multiplication *multiplication_for(const char *layout, bool with_scales)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (!strcmp(table[i].layout, layout) && table[i].with_scales == with_scales)
            return &table[i];
    return NULL;
}

void matrix_prepare(const matrix *m, activations *a, const trit_ops *ops, pool *p)
{
    a->ops = ops;
    m->how->prepare(a, p);
}

void matrix_mul_here(const matrix *m, const activations *a, float *y)
{
    product job = { m, a, y, a->ops };
    m->how->task(&job, 0, (m->rows + m->how->rows - 1) / m->how->rows, 0);
}

void matrix_mul(const matrix *m, activations *a, float *y, const trit_ops *ops, pool *p)
{
    matrix_prepare(m, a, ops, p);
    product job = { m, a, y, ops };
    /* A few slices a thread, so that a slow core takes fewer; at most ROWS rows each; whole tiles. */
    size_t units = (m->rows + m->how->rows - 1) / m->how->rows, rows = m->rows / ((size_t)pool_threads(p) * 6);
    rows = rows > ROWS ? ROWS : rows < 4 ? 4 : rows / 4 * 4;
    if (a->n > 1 && rows > T2_TILE_ROWS)
        rows = rows / T2_TILE_ROWS * T2_TILE_ROWS;
    size_t grain = rows / m->how->rows;
    (a->n == 1 ? pool_stream : pool_run)(p, units, grain ? grain : 1, m->how->task, &job);
}
