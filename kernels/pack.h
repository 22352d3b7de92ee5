/* Turns a GGUF matrix into what the kernels read. Ternary types become t2 or t5, block types come with 16 rows side by side (repack.h):
   mapped from a cache where there is one, else packed into anonymous (huge-page) memory. Float types keep their layout, in the mapping or
   copied to huge pages. */
#ifndef TRIT_PACK_H
#define TRIT_PACK_H
#include "cache.h"
#include "gguf.h"
#include "ops.h"
#include "pool.h"

struct lane_layout;    /* repack.h */
struct multiplication; /* matmul.c: how a layout is multiplied */

typedef struct {
    const gguf_tensor *source;
    const struct multiplication *how;
    const char *layout;      /* "t2", "t5", "q4_0x16", or the type's own name for those that are read as in the file */
    size_t rows, k;          /* true shape: [rows][k] */
    size_t groups, chunks;   /* padded shape of packed ones: groups of 4 or 16 rows; ternary: chunks of a row */
    uint8_t *data;           /* ternary: [groups][chunks][4][64]; block types: repack.h; else rows as in the file */
    size_t bytes;            /* read for one multiplication */
    float scale;             /* ternary with one scale for all (times an optional .scale tensor) */
    float *scales;           /* t2 with a scale a 256-block: [groups*4][chunks], else NULL */
    bool owned;
} matrix;

/* LOAD_MMAP: read where the file is mapped; LOAD_COPY: in anonymous memory, of huge pages where the system has them; LOAD_AUTO: caches
   are mapped, and large dense matrices copied where memory is ample. */
typedef enum { LOAD_AUTO, LOAD_MMAP, LOAD_COPY } load_mode;

typedef struct {
    const char *layout;  /* of ternary types: "t2" or "t5"; t2 where t5 cannot hold them: with a scale a block, and rows of more than
                            T5_MOST_CHUNKS chunks */
    float scale;         /* multiplies (a `.scale` tensor; 1 without) */
    load_mode load;
    const cache *cache;  /* must outlive the matrix; NULL: none */
} matrix_options;

/* Packs and copies on the pool's threads. Refuses codes that are no trits and scales that are no numbers. */
bool matrix_load(matrix *m, const gguf_tensor *t, const matrix_options *o, pool *p, trit_error *e);
/* Bytes a tensor takes in a packed cache; 0: it stays as it is in the model's file. */
uint64_t kept_bytes(const gguf_tensor *t, const char *layout);
/* Whether matrix_load would take the tensor from this cache. */
bool matrix_is_kept(const cache *c, const gguf_tensor *t, const char *layout);
/* Packs a tensor that is kept into a cache as matrix_load would, in pieces of a few MB. */
bool matrix_pack(cache_out *o, const gguf_tensor *t, const char *layout, pool *p, trit_error *e);
/* A matrix of the shape of t over packed bytes that are there already: packed_bytes of them; data may be NULL to learn the size. */
matrix matrix_of_packed(const gguf_tensor *t, const char *layout, const uint8_t *data);
/* The packed layouts, in order; NULL behind the last. */
const char *packed_layout(size_t i);
/* Bytes that a ternary matrix takes in a layout. */
uint64_t packed_bytes(const char *layout, uint64_t rows, uint64_t k);
/* A dense matrix whose data stay where they are: never copied to huge pages. */
bool matrix_map(matrix *m, const gguf_tensor *t, float extra_scale, trit_error *e);
/* Points a matrix at rows packed side by side before (repack.h), which it does not own. */
void matrix_use_lanes(matrix *m, const struct lane_layout *l, uint8_t *groups);
/* The layout of a block type with 16 rows side by side, where this CPU has kernels for it, and of T2 to T4 anywhere; else NULL, and it is read
   as it stands in the file, by kernels that add in another order. */
const struct lane_layout *lanes_for(uint32_t type);
void matrix_free(matrix *m);

/* Activations in every form a matrix may want, quantised once for several matrices that share an input (q, k, v; gate, up). */
typedef struct activations activations;
activations *activations_new(size_t max_tokens, size_t max_k, trit_error *e);
void activations_free(activations *a);
/* Points at x[n][k] (row stride k); quantised forms are made when first asked for by matrix_mul. */
void activations_set(activations *a, const float *x, size_t n, size_t k);
const float *activations_get(const activations *a, size_t *n, size_t *k);

/* The multiplication for a layout ("t2", "t5", "q4_0"); with_scales: a scale a block. NULL: there is none. */
const struct multiplication *multiplication_for(const char *layout, bool with_scales);

/* y[n][m->rows] = x[n][k] * m^T, on the pool. A result depends on its row and its token alone: not on n, nor on the threads; for
   ternary types neither on the ISA nor on the type; packed block types give the same bits on every ISA that has kernels for them. */
void matrix_mul(const matrix *m, activations *a, float *y, const trit_ops *ops, pool *p);
/* The same in two steps, for tasks on a pool that multiply rows of their own: quantises what m wants ... */
void matrix_prepare(const matrix *m, activations *a, const trit_ops *ops, pool *p);
/* ... and multiplies on the calling thread, any part of that matrix. */
void matrix_mul_here(const matrix *m, const activations *a, float *y);
#endif
