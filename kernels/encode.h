/* Encoding of floats and trits into the tensor types: the other direction of types.h. Results are the same on every machine:
   where a product is added to something, the product is exact, so fused and separate operations agree. */
#ifndef TRIT_ENCODE_H
#define TRIT_ENCODE_H
#include "types.h"

uint16_t f32_to_bf16(float f);

/* The value of general.file_type for a file whose matrices have this type. */
uint32_t file_type_of(uint32_t type);

/* x[n] -> out, for every type but the ternary ones and T2 to T4 (digits.h). n is a multiple of the block, values are finite and at most 65504 in size. */
void encode_f32(uint32_t type, const float *x, void *out, size_t n);

/* trits[n] in -1/0/+1 -> out for TQ1_0, TQ2_0, T1 (scale into each block, rounded to half precision) and I2_S (scale not written:
   it stands behind the whole tensor). n is a multiple of the block, or reaches the end of a row. */
void encode_trits(uint32_t type, const int8_t *trits, float scale, void *out, size_t n);
#endif
