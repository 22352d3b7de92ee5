/* Weights of N balanced trits, the types T1 to T4: w = scale * (t0*3^(N-1) + ... + t(N-1)), trits t in -1, 0, +1. So the trits have the scales
   s, s/3, s/9 ..., and together they are one digit from -(3^N - 1)/2 to (3^N - 1)/2: 1, 4, 13 or 40 on either side, all of them used.

   A block of 256 weights of a row (the last of a row: what is left) holds its trits, those of a weight side by side, weight after weight,
   five a byte as in TQ1_0 (the byte is ceil(v*256/243), v in base 3 with the first trit most significant; unused places of the last byte are
   0), then the scale in half precision. N = 1 is a BitNet weight and gets its layouts and kernels (pack.h). */
#ifndef TRIT_DIGITS_H
#define TRIT_DIGITS_H
#include <stddef.h>
#include <stdint.h>

enum { DIGIT_BLOCK = 256, MOST_TRITS = 4 };

/* Greatest digit of N trits. */
int digit_limit(int trits);
/* Bytes of a block of n <= DIGIT_BLOCK weights. */
size_t digit_bytes(int trits, size_t n);

/* n weights from a block's begin on -> digits[n], and the scale of each block -> scales (NULL: not wanted). Any bytes are digits. */
void decode_digits(int trits, const uint8_t *data, int8_t *digits, float *scales, size_t n);
/* One block: digits[n] within the limit, n <= DIGIT_BLOCK -> out[digit_bytes]. The scale is an IEEE half. */
void encode_digits(int trits, const int8_t *digits, uint16_t scale, uint8_t *out, size_t n);

/* The digits of one block x[n] for a scale, nearest or, with feedback[n][DIGIT_BLOCK], one after the other: what x(i) is off by, times row i,
   is taken off those that follow (importance.h). */
void round_digits(int trits, const float *x, const float *feedback, size_t n, float scale, int8_t *digits);
/* The scale (as half) of one block x[n] with the least sum of importance * (x - w)^2 for nearest digits; importance NULL: all 1. Then
   round_digits. Values are finite. The same on every machine. */
void fit_digits(int trits, const float *x, const float *importance, const float *feedback, size_t n, int8_t *digits, uint16_t *scale);
#endif
