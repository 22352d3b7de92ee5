/* Conversion of one tensor; see quantize.h. */
#ifndef TRIT_QUANTIZE_TENSOR_H
#define TRIT_QUANTIZE_TENSOR_H
#include "quantize.h"

/* Writes t as type `to` into tensor `number` of a started file, and counts rounded scales. Errors: see quantize.h. */
bool quantize_tensor(gguf_out *o, size_t number, const gguf_tensor *t, const type_info *to, pool *threads,
                     quantize_report *report, trit_error *e);
#endif
