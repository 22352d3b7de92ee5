/* Tensor types: sizes, and decoding of one row to floats or to trits. The table is types.inc. */
#ifndef TRIT_TYPES_H
#define TRIT_TYPES_H
#include <stddef.h>
#include <stdint.h>
#include <stdbool.h>

enum tensor_type {
#define TYPE(id, NAME, name, weights, bytes) TYPE_##NAME = id,
#include "types.inc"
#undef TYPE
};

typedef struct {
    uint32_t id;
    const char *name;
    uint32_t weights; /* a block */
    uint32_t bytes;   /* a block */
} type_info;

/* NULL for a type this program does not read. */
const type_info *type_of(uint32_t id);
const type_info *type_named(const char *name);
/* True for the types whose weights are -1, 0, +1 times a scale. */
bool type_is_ternary(uint32_t id);
/* Trits a weight of T1 to T4: 1 to 4; 0 for all other types. */
int type_trits(uint32_t id);
/* Whether rows of k weights can have a type: whole blocks, but for T1 to T4. */
bool type_takes(const type_info *type, uint64_t k);
/* Bytes of such a row. */
uint64_t type_row_bytes(const type_info *type, uint64_t k);

/* IEEE half and bfloat16, in portable C. Round to nearest even. */
float f16_to_f32(uint16_t h);
uint16_t f32_to_f16(float f);
float bf16_to_f32(uint16_t h);

/* Decodes n weights that start at a block boundary: data -> out[n]. n is a multiple of the block, or reaches the end of a row.
   For I2_S, `scale` is the tensor's one scale; other types ignore it. */
void decode_f32(uint32_t type, const void *data, float scale, float *out, size_t n);

/* Decodes n ternary weights at a block boundary to trits -1/0/+1: data -> out[n], and for TQ1_0, TQ2_0 and T1 the scale of each
   256-weight block -> scales[n/256 rounded up] (NULL: not wanted). For I2_S scales are not written. Codes that encode no trit (I2_S/TQ2_0
   code 3) decode to +2, as the reference does; callers that pack must refuse them. */
void decode_trits(uint32_t type, const void *data, int8_t *out, float *scales, size_t n);
#endif
