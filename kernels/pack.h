/* Turns a GGUF matrix into what the kernels read, once, at load. Ternary types become t2 or t5 in anonymous (huge-page) memory and the
   file's pages are dropped, and so do the block types, with 16 rows side by side (repack.h). Float types keep their layout: copied to huge
   pages where memory is ample, else read in the mapping. */
#ifndef TRIT_PACK_H
#define TRIT_PACK_H
#include "gguf.h"
#include "ops.h"
#include "pool.h"

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

/* Packs on the pool's threads; ternary types into `layout` ("t2", "t5"), but into t2 where t5 cannot hold them: with a scale a block,
   and rows of more than T5_MOST_CHUNKS chunks. `extra_scale` multiplies (a `.scale` tensor; 1 without). Refuses codes that are no trits and scales
   that are no numbers. */
bool matrix_load(matrix *m, const gguf_tensor *t, const char *layout, float extra_scale, pool *p, trit_error *e);
/* Bytes that a ternary matrix takes in a layout. */
uint64_t packed_bytes(const char *layout, uint64_t rows, uint64_t k);
void matrix_free(matrix *m);

/* Activations in every form a matrix may want, quantised once for several matrices that share an input (q, k, v; gate, up). */
typedef struct activations activations;
activations *activations_new(size_t max_tokens, size_t max_k, trit_error *e);
void activations_free(activations *a);
/* Points at x[n][k] (row stride k); quantised forms are made when first asked for by matrix_mul. */
void activations_set(activations *a, const float *x, size_t n, size_t k);

/* The multiplication for a layout ("t2", "t5", "q4_0"); with_scales: a scale a block. NULL: there is none. */
const struct multiplication *multiplication_for(const char *layout, bool with_scales);

/* y[n][m->rows] = x[n][k] * m^T, on the pool. A result depends on its row and its token alone: not on n, nor on the threads; for
   ternary types neither on the ISA nor on the type; packed block types give the same bits on every ISA that has kernels for them. */
void matrix_mul(const matrix *m, activations *a, float *y, const trit_ops *ops, pool *p);
#endif
