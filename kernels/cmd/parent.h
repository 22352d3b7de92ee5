/* What a model is compared with, position by position: another model that runs beside it, or logits that one wrote to a file before. */
#ifndef TRIT_PARENT_H
#define TRIT_PARENT_H
#include "../model.h"
#include "options.h"

typedef struct parent parent;

/* path: a GGUF, opened with the options of the model itself, or a file of stored logits. context: of the model's session; batch: most
   positions asked for at once. NULL after a sentence: not readable, another vocabulary, memory. */
parent *parent_open(const char *path, const model_options *o, const model *m, size_t context, size_t batch);
void parent_free(parent *p);
/* Logits [n][vocab] after ids[at] ... ids[at + n - 1] of a document, which begins with at = 0. ids[at + n] is there, too.
   Errors: as of a model; stored logits that end, are no numbers or belong to another text. */
const float *parent_logits(parent *p, const int32_t *ids, size_t at, size_t n, trit_error *e);

/* The file: "tritlgts", uint32 version 1, uint32 vocab, then for each position the int32 id that follows and float32 logits[vocab]. */
typedef struct logits_out logits_out;
logits_out *logits_create(const char *path, size_t vocab, trit_error *e);
bool logits_put(logits_out *o, int32_t follows, const float *logits, trit_error *e);
/* Frees; the file takes its name only where `good` is true and it was brought to its end. */
bool logits_close(logits_out *o, bool good, trit_error *e);
#endif
