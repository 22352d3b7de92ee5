/* The key/value cache of a session. Positions come in blocks of KV_BLOCK, aligned to absolute positions; all layers and heads of a
   block stand together, so that the first positions are one piece of memory (and of a file: prompt_cache.h), whatever the context.
   Memory is [blocks][layers][heads][2: keys, values], each half one of
     F16   keys [dim][KV_BLOCK], values [KV_BLOCK][dim] in half precision;
     Q8_0  the same as int8, then their scales in half precision: keys [dim/32][KV_BLOCK], values [KV_BLOCK][dim/32].
     Q4_0  the same with two numbers a byte, -8 ... 7 as 0 ... 15: keys [dim/2][KV_BLOCK], values [KV_BLOCK][dim/2], number i of a head in
           the low bits, i + dim/2 in the high ones. A block is spread to int8 when it is read, by the kernels of Q8_0.
   Keys lie crosswise, so that the products of a query with many keys stand side by side in a vector. */
#ifndef TRIT_KV_H
#define TRIT_KV_H
#include "error.h"
#include "ops.h"

enum { KV_BLOCK = 64 };
typedef enum { KV_F16, KV_Q8_0, KV_Q4_0 } kv_type;

typedef struct {
    kv_type type;
    size_t layers, heads, dim;   /* heads: those of keys and values; dim: of one head */
    size_t half, block;          /* bytes of the keys of one head in a block; of a whole block */
    size_t capacity;             /* positions, whole blocks */
    char *memory;
    size_t bytes, mapped;        /* of the memory; of its start that shows a file */
} kv_cache;

/* "f16" (also NULL and ""), "q8_0", "q4_0". False: unknown. */
bool kv_named(const char *name, kv_type *type);
const char *kv_name(kv_type type);

/* Sizes for `positions`; no memory yet. Errors: Q8_0 and Q4_0 with heads that are not a multiple of 32, Q4_0 with heads of more than 256. */
bool kv_shape(kv_cache *c, kv_type type, size_t layers, size_t heads, size_t dim, size_t positions, trit_error *e);
/* Pages that come only when touched: a long context costs what is used of it. False: no memory. */
bool kv_map(kv_cache *c);
void kv_unmap(kv_cache *c);
/* Lets the first `bytes` show a file's content from `offset` on, copied page by page where it is written. False: cannot be. */
bool kv_map_file(kv_cache *c, int file, size_t offset, size_t bytes);
/* Undoes kv_map_file, so that what is written next needs no pages of the file. */
bool kv_forget_file(kv_cache *c);

/* Bytes that n positions take, and that are read where all of them are. */
size_t kv_bytes(const kv_cache *c, size_t positions);

/* Stores k[dim] and v[dim] of a position. Two positions of a block must not be stored at once. */
void kv_store(const kv_cache *c, const trit_ops *ops, size_t layer, size_t head, size_t position, const float *k, const float *v);
/* scores[r][KV_BLOCK] = q[r*dim ...] . key i of a block, for rows r and keys [0, n). */
void kv_scores(const kv_cache *c, const trit_ops *ops, size_t layer, size_t head, size_t block, const float *q, size_t rows,
               size_t n, float *scores);
/* sums[r*dim ...] = sums * keep[r] + sum over i in [0, n) of weights[r][KV_BLOCK][i] * value i of a block. */
void kv_mix(const kv_cache *c, const trit_ops *ops, size_t layer, size_t head, size_t block, const float *keep, const float *weights,
            size_t rows, size_t n, float *sums);
#endif
