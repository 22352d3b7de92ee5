/* Conversion of one tensor; see quantize.h. */
#ifndef TRIT_QUANTIZE_TENSOR_H
#define TRIT_QUANTIZE_TENSOR_H
#include "quantize.h"

/* Writes t as type `to` into tensor `number` of a started file (o NULL: nowhere, only to learn the error), counts rounded scales and adds to
   the report's error. Errors: see quantize.h. */
bool quantize_tensor(gguf_out *o, size_t number, const gguf_tensor *t, const type_info *to, input_view inputs, pool *threads,
                     quantize_report *report, trit_error *e);

/* The trits a weight for each tensor of a file that quantize_write may choose for (eligible[i]), so that the mean stays within
   q->target_bits: trits[i] = 1 ... most. The sum of the tensors' errors, each relative to its squares, is made small by giving the next trit
   to whom it helps most for its size. Errors are learned from some rows of each. */
bool quantize_plan(const gguf *g, const quantize_options *q, const bool *eligible, int most, pool *threads, int *trits, trit_error *e);
#endif
