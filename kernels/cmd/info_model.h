/* What `trit info -m` prints. */
#ifndef TRIT_INFO_MODEL_H
#define TRIT_INFO_MODEL_H
#include "../gguf.h"

/* Keys, types, tensors: one JSON document, or text. */
void info_model_json(const gguf *g);
void info_model_text(const gguf *g);
/* One row of a tensor, or all (row < 0), as JSON lines {"row","values"}: the weights as decoded. Returns the exit status. */
int info_rows(const gguf *g, const char *tensor, int64_t row);
#endif
