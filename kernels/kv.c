#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "kv.h"
#include <string.h>
#include <sys/mman.h>

enum { SCALED = 32 /* values under one scale of Q8_0 */, MOST_DIM = 4096 /* model_config.c sees to it */ };

static const char *const names[] = { [KV_F16] = "f16", [KV_Q8_0] = "q8_0" };

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

bool kv_shape(kv_cache *c, kv_type type, size_t layers, size_t heads, size_t dim, size_t positions, trit_error *e)
{
    if (type == KV_Q8_0 && dim % SCALED)
        return fail(e, "keys and values of %zu numbers a head cannot be kept as Q8_0, which takes %d at a time; use --kv f16", dim,
                    SCALED);
    size_t blocks = (positions + KV_BLOCK - 1) / KV_BLOCK;
    *c = (kv_cache){ .type = type, .layers = layers, .heads = heads, .dim = dim, .capacity = blocks * KV_BLOCK };
    c->half = dim * KV_BLOCK * (type == KV_F16 ? sizeof(uint16_t) : 1);
    if (type == KV_Q8_0)
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

/* One half of a block: elements and, for Q8_0, the scales behind them. */
typedef struct { void *elements; uint16_t *scales; } half;

static half half_at(const kv_cache *c, size_t layer, size_t head, size_t block, bool values)
{
    char *at = c->memory + block * c->block + ((layer * c->heads + head) * 2 + (values ? 1 : 0)) * c->half;
    return (half){ at, (uint16_t *)(void *)(at + c->dim * KV_BLOCK) };
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
    if (c->type == KV_F16)
        ops->mix_f16f32(scores, KV_BLOCK, NULL, q, c->dim, rows, keys.elements, KV_BLOCK, c->dim, n);
    else
        ops->mix_q8f32(scores, KV_BLOCK, NULL, q, c->dim, rows, keys.elements, keys.scales, SCALED, KV_BLOCK, c->dim, n);
}

void kv_mix(const kv_cache *c, const trit_ops *ops, size_t layer, size_t head, size_t block, const float *keep, const float *weights,
            size_t rows, size_t n, float *sums)
{
    half values = half_at(c, layer, head, block, true);
    if (c->type == KV_F16)
        ops->mix_f16f32(sums, c->dim, keep, weights, KV_BLOCK, rows, values.elements, c->dim, n, c->dim);
    else
        ops->mix_q8f32(sums, c->dim, keep, weights, KV_BLOCK, rows, values.elements, values.scales, 1, c->dim, n, c->dim);
}
