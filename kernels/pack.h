/* Turns a GGUF matrix into what the kernels read, once, at load. Ternary types become t2 in anonymous (huge-page) memory and the
   file's pages are dropped; dense types stay in the mapping and are read in place. */
#ifndef TRIT_PACK_H
#define TRIT_PACK_H
#include "gguf.h"
#include "ops.h"
#include "pool.h"

typedef struct {
    const gguf_tensor *source;
    const char *layout;      /* "t2", or the type's own name for dense ones */
    size_t rows, k;          /* true shape: [rows][k] */
    size_t groups, chunks;   /* t2: padded shape */
    uint8_t *data;           /* t2: [groups][chunks][4][64]; dense: source->data */
    size_t bytes;            /* read for one multiplication */
    float scale;             /* t2 with one scale for all (times an optional .scale tensor) */
    float *scales;           /* t2 with a scale a 256-block: [rows][chunks], else NULL */
    bool owned;
} matrix;

/* Packs on the pool's threads. `extra_scale` multiplies (a `.scale` tensor; 1 without). Refuses codes that are no trits. */
bool matrix_load(matrix *m, const gguf_tensor *t, float extra_scale, pool *p, trit_error *e);
void matrix_free(matrix *m);

/* Activations in every form a matrix may want, quantised once for several matrices that share an input (q, k, v; gate, up). */
typedef struct activations activations;
activations *activations_new(size_t max_tokens, size_t max_k, trit_error *e);
void activations_free(activations *a);
/* Points at x[n][k] (row stride k); quantised forms are made when first asked for by matrix_mul. */
void activations_set(activations *a, const float *x, size_t n, size_t k);

/* y[n][m->rows] = x[n][k] * m^T, on the pool. */
void matrix_mul(const matrix *m, activations *a, float *y, const trit_ops *ops, pool *p);
#endif
