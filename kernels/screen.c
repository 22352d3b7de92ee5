#include "screen.h"
#include "repack.h"
#include "slab.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 32, BLOCK_BYTES = 18, ALIGN = 64, LEAST_HEAD = 32 << 20 };
static const double DEVIATIONS = 8, LEAST_GAIN = 1.4; /* z; bytes of a head for one of its screen */

static size_t rows_bytes(const gguf_tensor *head)
{
    size_t groups = ((size_t)head->rows + LANE_ROWS - 1) / LANE_ROWS;
    return (groups * lane_group_bytes(lane_layout_for(TYPE_Q4_0), (size_t)head->ne[0]) + ALIGN - 1) / ALIGN * ALIGN;
}

size_t screen_blob_bytes(const gguf_tensor *head)
{
    return rows_bytes(head) + 2 * (size_t)head->rows * sizeof(float);
}

bool screen_possible(const gguf_tensor *head)
{
    return !type_is_ternary(head->type) && !type_trits(head->type) && head->ne[0] % BLOCK == 0;
}

bool screen_pays(const gguf_tensor *head)
{
    return screen_possible(head) && head->bytes >= LEAST_HEAD && (double)head->bytes >= LEAST_GAIN * (double)screen_blob_bytes(head);
}

/* What one row adds up while its blocks are made: squares of E(b), and of the mean squares of the weights. */
typedef struct { double residual, magnitude; } row_sums;

static float greater(float a, float b)
{
    return a > b ? a : b;
}

static uint16_t half_of(float d)
{
    return f32_to_f16(d > 65504 ? 65504 : d < -65504 ? -65504 : d);
}

static float total(const float *lanes)
{
    return ((lanes[0] + lanes[1]) + (lanes[2] + lanes[3])) + ((lanes[4] + lanes[5]) + (lanes[6] + lanes[7]));
}

/* x[32] -> block. The codes are those of the scale that makes no weight's rounding error larger than need be: -8 ... 7 reach 8.5 steps
   on one side and 7.5 on the other, and the longer side is turned to where more is needed. Then the scale becomes the best for these
   codes by least squares, so that the error has nothing of the weights' own direction. (Weights of a few levels, as those of a head that
   was quantised before, would all be off to the same side.) */
static void fill_block(const float *x, uint8_t *block, row_sums *sums)
{
    enum { LANES = 8 };
    float high[LANES] = { 0 }, low[LANES] = { 0 };
    for (int i = 0; i < BLOCK; i += LANES)
        for (int j = 0; j < LANES; j++) {
            high[j] = greater(x[i + j], high[j]);
            low[j] = greater(-x[i + j], low[j]);
        }
    for (int j = 1; j < LANES; j++) {
        high[0] = greater(high[0], high[j]);
        low[0] = greater(low[0], low[j]);
    }
    float up = greater(high[0] / 7.5f, low[0] / 8.5f), down = greater(high[0] / 8.5f, low[0] / 7.5f);
    float d = f16_to_f32(half_of(up <= down ? up : -down)), inverse = d == 0 ? 0 : 1 / d, code[BLOCK];
    float products[LANES] = { 0 }, squares[LANES] = { 0 }, weights[LANES] = { 0 };
    for (int i = 0; i < BLOCK; i += LANES)
        for (int j = 0; j < LANES; j++) {
            float q = x[i + j] * inverse + 0x1.8p23f - 0x1.8p23f; /* rounded to nearest */
            q = q > 7 ? 7 : q;
            code[i + j] = q = q > -8 ? q : -8;
            products[j] += x[i + j] * q;
            squares[j] += q * q;
            weights[j] += x[i + j] * x[i + j];
        }
    float square = total(squares);
    uint16_t half = half_of(square > 0 ? total(products) / square : 0);
    d = f16_to_f32(half);
    float most[LANES] = { 0 }, errors[LANES] = { 0 };
    for (int i = 0; i < BLOCK; i += LANES)
        for (int j = 0; j < LANES; j++) {
            float e = x[i + j] - d * code[i + j];
            e *= e;
            most[j] = greater(e, most[j]);
            errors[j] += e;
        }
    memcpy(block, &half, sizeof half);
    for (int i = 0; i < BLOCK / 2; i++)
        block[2 + i] = (uint8_t)((int)code[i] + 8 + ((int)code[i + BLOCK / 2] + 8) * 16);
    for (int j = 1; j < LANES; j++)
        most[0] = greater(most[0], most[j]);
    double error = (double)greater(total(errors) / BLOCK, most[0] / 3), weight = (double)total(weights) / BLOCK;
    sums->residual += error * error;
    sums->magnitude += weight * weight;
}

typedef struct {
    const gguf_tensor *head;
    const trit_ops *ops;
    uint8_t *blob;
    float *residual, *magnitude;
    uint8_t *scratch;          /* [threads] of a row as floats, a row as stored, a group of Q4_0 rows */
    size_t scratch_bytes;
    atomic_size_t bad;         /* 1 + a row that holds what no screen can; 0: none */
} filling;

static void fill_groups(void *arg, size_t begin, size_t end, int thread)
{
    filling *f = arg;
    size_t rows = (size_t)f->head->rows, k = (size_t)f->head->ne[0], stored = k / f->head->info->weights * f->head->info->bytes;
    float *x = (float *)(void *)(f->scratch + (size_t)thread * f->scratch_bytes);
    uint8_t *row = (uint8_t *)(x + k), *group = row + stored;
    const lane_layout *lanes = lane_layout_for(TYPE_Q4_0);
    for (; begin < end; begin++) {
        size_t first = begin * LANE_ROWS, count = rows - first < LANE_ROWS ? rows - first : LANE_ROWS;
        for (size_t r = first; r < first + count; r++) {
            tensor_read(f->head, r * stored, row, stored);
            if (f->head->type == TYPE_F16) { /* 1 * w is w, and vectors do it */
                f->ops->mix_f16f32(x, k, NULL, &(float){ 1 }, 1, 1, (const uint16_t *)(const void *)row, k, 1, k);
            } else {
                decode_f32(f->head->type, row, 1, x, k);
            }
            row_sums sums = { 0, 0 };
            for (size_t i = 0; i < k; i += BLOCK)
                fill_block(x + i, group + ((r - first) * k + i) / BLOCK * BLOCK_BYTES, &sums);
            f->residual[r] = (float)sqrt(sqrt(sums.residual));
            f->magnitude[r] = (float)sqrt(sqrt(sums.magnitude));
            if (!isfinite(f->residual[r]) || !isfinite(f->magnitude[r]))
                atomic_store(&f->bad, r + 1);
        }
        lane_pack_group(lanes, group, count, k, f->blob + begin * lane_group_bytes(lanes, k));
    }
}

bool screen_fill(const gguf_tensor *head, uint8_t *blob, const trit_ops *ops, pool *p, trit_error *e)
{
    size_t k = (size_t)head->ne[0], groups = ((size_t)head->rows + LANE_ROWS - 1) / LANE_ROWS, rows = rows_bytes(head);
    size_t used = groups * lane_group_bytes(lane_layout_for(TYPE_Q4_0), k);
    filling f = { .head = head, .ops = ops, .blob = blob, .residual = (float *)(void *)(blob + rows) };
    f.magnitude = f.residual + head->rows;
    f.scratch_bytes = k * sizeof(float) + k / head->info->weights * head->info->bytes + LANE_ROWS * k / BLOCK * BLOCK_BYTES;
    f.scratch_bytes = (f.scratch_bytes + ALIGN - 1) / ALIGN * ALIGN;
    f.scratch = aligned_alloc(ALIGN, (size_t)pool_threads(p) * f.scratch_bytes);
    if (!f.scratch)
        return fail(e, "there is no memory for rows of the output head");
    memset(blob + used, 0, rows - used);
    pool_run(p, groups, 1, fill_groups, &f);
    free(f.scratch);
    size_t bad = atomic_load(&f.bad);
    return bad ? fail(e, "row %zu of the output head holds weights that are not finite or far too large for a screen; use --head full", bad - 1)
               : true;
}

bool screen_adopt(screen *s, const gguf_tensor *head, float scale, uint8_t *blob, bool owned, trit_error *e)
{
    size_t rows = (size_t)head->rows;
    *s = (screen){ .tensor = *head, .bytes = screen_blob_bytes(head), .blob = owned ? blob : NULL };
    s->tensor.type = TYPE_Q4_0;
    s->tensor.info = type_of(TYPE_Q4_0);
    s->tensor.mapped = false;
    s->residual = (const float *)(const void *)(blob + rows_bytes(head));
    s->magnitude = s->residual + rows;
    bool finite = true;
    for (size_t i = 0; i < 2 * rows; i++)
        finite &= s->residual[i] >= 0 && s->residual[i] <= 3e38f;
    if (!finite) {
        screen_free(s);
        return fail(e, "the screen of the output head is damaged: an error bound is no number");
    }
    s->matrix = (matrix){ .source = &s->tensor, .rows = rows, .k = (size_t)head->ne[0], .scale = scale };
    matrix_use_lanes(&s->matrix, lane_layout_for(TYPE_Q4_0), blob);
    return true;
}

bool screen_make(screen *s, const gguf_tensor *head, float scale, const trit_ops *ops, pool *p, trit_error *e)
{
    uint8_t *blob = slab_alloc(screen_blob_bytes(head));
    if (!blob)
        return fail(e, "the screen of the output head does not fit into memory: it takes %zu bytes", screen_blob_bytes(head));
    if (screen_fill(head, blob, ops, p, e))
        return screen_adopt(s, head, scale, blob, true, e);
    slab_free(blob);
    return false;
}

void screen_free(screen *s)
{
    matrix_free(&s->matrix);
    slab_free(s->blob);
    *s = (screen){ 0 };
}

/* |x^2| over blocks, and the same for the error that 8 bits leave: uniform within a step of max / 127. */
screen_error screen_error_for(const screen *s, const float *x)
{
    size_t k = s->matrix.k;
    double squares = 0, blocks = 0, steps = 0;
    for (size_t i = 0; i < k; i += BLOCK) {
        double sum = 0, most = 0;
        for (size_t j = i; j < i + BLOCK; j++) {
            sum += (double)x[j] * (double)x[j];
            most = fmax(most, fabs((double)x[j]));
        }
        double step = most / 127, error = BLOCK * step * step / 12;
        squares += sum;
        blocks += sum * sum;
        steps += error * error;
    }
    /* Sums of floats: a part in 2^14 of |w| |x| is far more than k roundings leave, and |w| <= (32 sqrt(k/32))^(1/2) magnitude. */
    double rounding = 0x1p-14 * sqrt(squares * BLOCK * sqrt((double)k / BLOCK)), scale = fabs((double)s->matrix.scale);
    return (screen_error){ (float)(scale * DEVIATIONS * sqrt(sqrt(blocks))),
                           (float)(scale * (DEVIATIONS * sqrt(sqrt(steps)) + rounding)) };
}
