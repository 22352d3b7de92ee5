/* Random weights of one tensor: each a function of (seed, tensor name, position) in integers, so that any block can be made
   alone, on any thread and machine. */
#ifndef TRIT_SYNTH_WEIGHTS_H
#define TRIT_SYNTH_WEIGHTS_H
#include "types.h"

enum { WEIGHTS_BLOCK = 256 /* every type has whole blocks in it */ };
enum { BELL_MIDDLE = 510, BELL_VARIANCE = 21845 /* of a sum of four random bytes */ };

typedef struct {
    const type_info *info;
    uint64_t key;
    float scale;                        /* ternary: of the tensor */
    float unit;                         /* dense: weight = (sum of four bytes - 510) * unit, a power of two */
    uint16_t half[2 * BELL_MIDDLE + 1]; /* F16: the weights of all sums */
} weight_source;

/* Rows of k weights. A matrix turns inputs of variance 1 into outputs of variance about 1; a head gives logits of a standard
   deviation between 1.5 and 3. */
void weights_begin(weight_source *w, const type_info *info, uint64_t seed, const char *name, size_t k, bool head);
/* Weights [256 * block, 256 * block + 256) as the type stores them -> out; the scale behind I2_S is the caller's to write. */
void weights_block(const weight_source *w, size_t block, uint8_t *out);
/* A norm's weights, between 0.875 and 1.125 -> out[n]. */
void weights_norm(const weight_source *w, float *out, size_t n);
#endif
