/* How much each input of each matrix matters: the mean of its squares over a text. A weight's error counts times that. */
#ifndef TRIT_IMPORTANCE_H
#define TRIT_IMPORTANCE_H
#include "gguf.h"
#include "pool.h"

typedef struct importance importance;

/* Runs the model of an opened file over the tokens of a text, at most `tokens` of them. Errors: no vocabulary, a model that cannot be run,
   memory. The result does not need the file any more. */
importance *importance_of_text(const gguf *g, const char *text, size_t len, size_t tokens, pool *threads, trit_error *e);
void importance_free(importance *i);
/* Of the ne[0] inputs of a matrix, their mean 1; NULL where it is not known. i may be NULL. */
const float *importance_of(const importance *i, const gguf_tensor *t);
#endif
