/* What the inputs of each matrix are over a text: a weight's error counts by how large its input is, and weights that are rounded later make
   up for the errors of earlier ones whose inputs go together with theirs. */
#ifndef TRIT_IMPORTANCE_H
#define TRIT_IMPORTANCE_H
#include "gguf.h"
#include "pool.h"

typedef struct importance importance;

/* Of one matrix. */
typedef struct {
    const float *means;    /* [ne[0]] of the squares, their mean 1; NULL: not known, all inputs alike */
    const float *feedback; /* [ne[0]/256 rounded up][256][256] for round_digits; NULL: none */
} input_view;

/* Runs the model of an opened file over the tokens of a text, at most `tokens` of them. Errors: no vocabulary, a model that cannot be run,
   memory. The result does not need the file any more. Where memory is short (256 kB for 256 inputs) there is no feedback. */
importance *importance_of_text(const gguf *g, const char *text, size_t len, size_t tokens, pool *threads, trit_error *e);
void importance_free(importance *i);
/* i may be NULL. */
input_view importance_of(const importance *i, const gguf_tensor *t);
#endif
