/* Conversion of a model file to other weight types, one tensor after the other, rows in parallel. */
#ifndef TRIT_QUANTIZE_H
#define TRIT_QUANTIZE_H
#include "gguf_write.h"
#include "importance.h"
#include "pool.h"

/* How near results are to what they were made from. Sums over weights w and their results v. */
typedef struct {
    double weights;         /* that were rounded; exact ternary ones are not counted */
    double squares, error;  /* of w^2, of (w - v)^2 */
    double heard, missed;   /* the same times the importance of the input; without importance, equal to them */
} quantize_error;

typedef struct {
    const type_info *type;  /* of the matrices of layers; with target_bits the largest of t1 ... t4 that may be used */
    const type_info *head;  /* of the embedding and the output matrix; NULL: see quantize_write */
    double target_bits;     /* a weight, at most, in the mean over the matrices of layers; 0: all of `type` */
    const importance *inputs;   /* NULL: all inputs alike */
    /* Tells how far it is, from the calling thread; NULL: nobody listens. */
    void (*progress)(void *arg, const char *what, size_t done, size_t of);
    void *progress_arg;
} quantize_options;

typedef struct {
    size_t converted, copied; /* tensors */
    size_t kept;              /* matrices left in their type because their rows do not fit the blocks of the wanted one */
    size_t rounded_scales;    /* ternary tensors whose scale half precision cannot hold exactly (TQ types, T1) */
    size_t with_trits[5];     /* converted tensors by their trits a weight, for T1 to T4 */
    uint64_t matrix_weights, matrix_bytes; /* converted ones of layers */
    uint64_t bytes_in, bytes_out;
    quantize_error error;
} quantize_report;

/* Describes and writes the converted file; the caller commits or discards. The two-dimensional weights of layers become `type`.
   The embedding and the output matrix become `head`, or with NULL stay as they are where `type` is ternary or one of T1 to T4, else become
   `type`. Everything else (norms, scales, biases) is copied. Keys are kept, general.file_type is set.
   Ternary types: a tensor that is ternary already (a ternary type, or dense with only -s, 0, s) keeps its weights exactly; others
   are rounded to trits of one scale: the mean of |w| (BitNet b1.58), and for T1 the scale of least squares. T2 to T4: digits.h.
   Errors name the tensor: weights that are not finite or too large, codes that are no trit, blocks of different scales for I2_S;
   memory, disk; a target that even one trit a weight exceeds. */
bool quantize_write(gguf_out *o, const gguf *g, const quantize_options *q, pool *threads, quantize_report *report, trit_error *e);

/* A matrix of independent Gaussian numbers of variance 1, a function of the seed: what a type makes of it. */
bool quantize_gaussian(uint64_t rows, uint64_t k, uint64_t seed, const type_info *type, pool *threads, quantize_error *error, uint64_t *bytes,
                       trit_error *e);
#endif
