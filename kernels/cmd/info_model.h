/* What `trit info -m` prints. */
#ifndef TRIT_INFO_MODEL_H
#define TRIT_INFO_MODEL_H
#include "../gguf.h"

/* Keys, types, tensors: one JSON document, or text. With `hash` each tensor has a hash of its decoded weights, which does not
   depend on the type that stores them: FNV-1a 64 over the floats as 32-bit words, zeros without sign. */
void info_model_json(const gguf *g, bool hash);
void info_model_text(const gguf *g, bool hash);
/* One row of a tensor, or all (row < 0), as JSON lines {"row","values"}: the weights as decoded. Returns the exit status. */
int info_rows(const gguf *g, const char *tensor, int64_t row);
#endif
