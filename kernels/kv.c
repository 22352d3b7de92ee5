#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "kv.h"
#include "types.h"
#include <math.h>
#include <string.h>
#include <sys/mman.h>

enum { SCALED = 32 /* values under one scale */, MOST_DIM = 4096 /* model_config.c sees to it */, MOST_SPREAD = 256 /* of Q4_0 */ };

static const char *const names[] = { [KV_F16] = "f16", [KV_Q8_0] = "q8_0", [KV_Q4_0] = "q4_0" };

bool kv_named(const char *name, kv_type *type)
{
    if (!name || !*name)
        name = "f16";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i])) {
            *type = (kv_type)i;
            return true;
        }
    return false;
}

const char *kv_name(kv_type type)
{
    return names[type];
}

/* Bytes of the numbers of one head in a block. */
static size_t elements_bytes(const kv_cache *c)
{
    size_t count = c->dim * KV_BLOCK;
    return c->type == KV_F16 ? count * sizeof(uint16_t) : c->type == KV_Q8_0 ? count : count / 2;
}

bool kv_shape(kv_cache *c, kv_type type, size_t layers, size_t heads, size_t dim, size_t positions, trit_error *e)
{
    if (type != KV_F16 && dim % SCALED)
        return fail(e, "keys and values of %zu numbers a head cannot be kept as %s, which takes %d at a time; use --kv f16", dim, names[type],
                    SCALED);
    if (type == KV_Q4_0 && dim > MOST_SPREAD)
        return fail(e, "keys and values of %zu numbers a head cannot be kept as q4_0, which takes %d at most; use --kv q8_0", dim, MOST_SPREAD);
    size_t blocks = (positions + KV_BLOCK - 1) / KV_BLOCK;
    *c = (kv_cache){ .type = type, .layers = layers, .heads = heads, .dim = dim, .capacity = blocks * KV_BLOCK };
    c->half = elements_bytes(c);
    if (type != KV_F16)
        c->half += dim / SCALED * KV_BLOCK * sizeof(uint16_t);
    c->block = layers * heads * 2 * c->half;
    c->bytes = blocks * c->block;
    return true;
}

bool kv_map(kv_cache *c)
{
    void *p = mmap(NULL, c->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    c->memory = p == MAP_FAILED ? NULL : p;
    return c->memory != NULL;
}

void kv_unmap(kv_cache *c)
{
    if (c->memory)
        munmap(c->memory, c->bytes);
    c->memory = NULL;
}

bool kv_map_file(kv_cache *c, int file, size_t offset, size_t bytes)
{
    if (bytes > c->bytes)
        return false;
    if (mmap(c->memory, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file, (off_t)offset) == MAP_FAILED)
        return false;
    c->mapped = bytes;
    return true;
}

bool kv_forget_file(kv_cache *c)
{
    if (c->mapped && mmap(c->memory, c->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
        return false;
    c->mapped = 0;
    return true;
}

size_t kv_bytes(const kv_cache *c, size_t positions)
{
    return c->block / KV_BLOCK * positions;
}

/* One half of a block: elements and, but for F16, the scales behind them. */
typedef struct { void *elements; uint16_t *scales; } half;

static half half_at(const kv_cache *c, size_t layer, size_t head, size_t block, bool values)
{
    char *at = c->memory + block * c->block + ((layer * c->heads + head) * 2 + (values ? 1 : 0)) * c->half;
    return (half){ at, (uint16_t *)(void *)(at + elements_bytes(c)) };
}

/* x[dim] -> bytes[dim / 2], one every `stride`, and a scale for each SCALED: the number of greatest magnitude becomes -8. */
static void store_nibbles(const trit_ops *ops, const float *x, size_t dim, uint8_t *bytes, size_t stride, uint16_t *scales, size_t scale_stride)
{
    uint8_t codes[MOST_SPREAD];
    for (size_t i = 0; i < dim; i += SCALED) {
        float most = 0, d;
        uint16_t half;
        for (size_t j = i; j < i + SCALED; j++)
            most = fabsf(x[j]) > fabsf(most) ? x[j] : most;
        d = most / -8;
        ops->f32_to_f16(&d, &half, 1);
        d = f16_to_f32(half);
        float inverse = d == 0 ? 0 : 1 / d;
        scales[i / SCALED * scale_stride] = half;
        for (size_t j = i; j < i + SCALED; j++) {
            float code = x[j] * inverse + 8.5f;
            code = code > 0 ? code : 0; /* also what is no number */
            codes[j] = (uint8_t)(code < 15 ? code : 15);
        }
    }
    for (size_t i = 0; i < dim / 2; i++)
        bytes[i * stride] = (uint8_t)(codes[i] | codes[i + dim / 2] << 4);
}

/* bytes[rows][width] -> the low halves to low[rows], the high ones to high[rows], a row of each every `stride`. */
static void spread(const uint8_t *bytes, size_t rows, size_t width, int8_t *restrict low, int8_t *restrict high, size_t stride)
{
    for (size_t r = 0; r < rows; r++, bytes += width, low += stride, high += stride)
        for (size_t i = 0; i < width; i++) {
            low[i] = (int8_t)((bytes[i] & 15) - 8);
            high[i] = (int8_t)((bytes[i] >> 4) - 8);
        }
}

void kv_store(const kv_cache *c, const trit_ops *ops, size_t layer, size_t head, size_t position, const float *k, const float *v)
{
    half keys = half_at(c, layer, head, position / KV_BLOCK, false), values = half_at(c, layer, head, position / KV_BLOCK, true);
    size_t at = position % KV_BLOCK, dim = c->dim;
    if (c->type == KV_F16) {
        uint16_t row[MOST_DIM], *crosswise = (uint16_t *)keys.elements + at;
        ops->f32_to_f16(k, row, dim);
        for (size_t i = 0; i < dim; i++)
            crosswise[i * KV_BLOCK] = row[i];
        ops->f32_to_f16(v, (uint16_t *)values.elements + at * dim, dim);
        return;
    }
    if (c->type == KV_Q4_0) {
        store_nibbles(ops, k, dim, (uint8_t *)keys.elements + at, KV_BLOCK, keys.scales + at, KV_BLOCK);
        store_nibbles(ops, v, dim, (uint8_t *)values.elements + at * (dim / 2), 1, values.scales + at * (dim / SCALED), 1);
        return;
    }
    int8_t row[MOST_DIM], *crosswise = (int8_t *)keys.elements + at;
    float scales[MOST_DIM / SCALED];
    uint16_t halves[MOST_DIM / SCALED];
    ops->quant_f32q8(k, row, scales, dim);
    ops->f32_to_f16(scales, halves, dim / SCALED);
    for (size_t i = 0; i < dim; i++)
        crosswise[i * KV_BLOCK] = row[i];
    for (size_t i = 0; i < dim / SCALED; i++)
        keys.scales[i * KV_BLOCK + at] = halves[i];
    ops->quant_f32q8(v, (int8_t *)values.elements + at * dim, scales, dim);
    ops->f32_to_f16(scales, values.scales + at * (dim / SCALED), dim / SCALED);
}

void kv_scores(const kv_cache *c, const trit_ops *ops, size_t layer, size_t head, size_t block, const float *q, size_t rows,
               size_t n, float *scores)
{
    half keys = half_at(c, layer, head, block, false);
    int8_t wide[MOST_SPREAD * KV_BLOCK];
    if (c->type == KV_Q4_0) {
        spread(keys.elements, c->dim / 2, KV_BLOCK, wide, wide + c->dim / 2 * KV_BLOCK, KV_BLOCK);
        keys.elements = wide;
    }
    if (c->type == KV_F16)
        ops->mix_f16f32(scores, KV_BLOCK, NULL, q, c->dim, rows, keys.elements, KV_BLOCK, c->dim, n);
    else
        ops->mix_q8f32(scores, KV_BLOCK, NULL, q, c->dim, rows, keys.elements, keys.scales, SCALED, KV_BLOCK, c->dim, n);
}

void kv_mix(const kv_cache *c, const trit_ops *ops, size_t layer, size_t head, size_t block, const float *keep, const float *weights,
            size_t rows, size_t n, float *sums)
{
    half values = half_at(c, layer, head, block, true);
    int8_t wide[MOST_SPREAD * KV_BLOCK];
    if (c->type == KV_Q4_0) {
        spread(values.elements, n, c->dim / 2, wide, wide + c->dim / 2, c->dim);
        values.elements = wide;
    }
    if (c->type == KV_F16)
        ops->mix_f16f32(sums, c->dim, keep, weights, KV_BLOCK, rows, values.elements, c->dim, n, c->dim);
    else
        ops->mix_q8f32(sums, c->dim, keep, weights, KV_BLOCK, rows, values.elements, values.scales, 1, c->dim, n, c->dim);
}
