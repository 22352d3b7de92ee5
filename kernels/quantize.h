/* Conversion of a model file to other weight types, one tensor after the other, rows in parallel. */
#ifndef TRIT_QUANTIZE_H
#define TRIT_QUANTIZE_H
#include "gguf_write.h"
#include "pool.h"

typedef struct {
    size_t converted, copied; /* tensors */
    size_t kept;              /* matrices left in their type because their rows do not fit the blocks of the wanted one */
    size_t rounded_scales;    /* ternary tensors whose scale half precision cannot hold exactly (TQ types) */
    uint64_t bytes_in, bytes_out;
} quantize_report;

/* Describes and writes the converted file; the caller commits or discards. The two-dimensional weights of layers become `type`.
   The embedding and the output matrix become `head`, or with NULL stay as they are where `type` is ternary, else become `type`.
   Everything else (norms, scales, biases) is copied. Keys are kept, general.file_type is set.
   Ternary types: a tensor that is ternary already (a ternary type, or dense with only -s, 0, s) keeps its weights exactly; others
   are rounded to trits of one scale, the mean of |w| (BitNet b1.58).
   Errors name the tensor: weights that are not finite or too large, codes that are no trit, blocks of different scales for I2_S;
   memory, disk. */
bool quantize_write(gguf_out *o, const gguf *g, const type_info *type, const type_info *head, pool *threads,
                    quantize_report *report, trit_error *e);
#endif
