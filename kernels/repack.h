/* The block types with 16 rows side by side: no sum across a vector is left to do, and one vector of scales serves 16 results.
   The same bytes for 16-, 32- and 64-byte vectors, and the lines of a matrix unit's tile.

   Rows are padded to groups of 16 (pad: 0), a row to whole units; [rows/16][units][bytes of a unit]. Layouts, for blocks b of 32 weights:
     line j of a block, 0 <= j < 8: byte 4*r + i belongs to row r, weight 4*j + i
     nibbles of a block: [4][64] bytes; the low half of byte v*64 + x is byte x of line v, the high half that of line v + 4
     q4_0x16  unit of 64:  nibbles [2][256], scales f16 [2][16]                                       weight = scale * (code - 8)
     q8_0x16  unit of 64:  lines (int8) [2][512], scales f16 [2][16]                                  weight = scale * code
     q4_kx16  unit of 256: nibbles [8][256], {scales u8 [16], minima u8 [16]} [8], d f16 [16], dmin f16 [16]
                                                                                 weight = d * scale * code - dmin * minimum
     q6_kx16  unit of 256: {nibbles [256], high bits [2][64]} [8], scales int8 [8][2][16], d f32 [16]
              bits 2*j of byte h*64 + x are the upper two of byte x of line 4*h + j; a scale for each 16 weights of a row
                                                                                 weight = d * scale * (code - 32)
     t2x16    unit of 256: nibbles [8][256], scales f16 [16]                                 weight = scale * (code - 4)
     t3x16    unit of 256: {nibbles [256], fifth bits [64]} [8], scales f16 [16]             weight = scale * (code - 13)
              bit j of byte x of the fifth bits belongs to byte x of line j
     t4x16    unit of 256: lines (int8) [8][512], scales f16 [16]                            weight = scale * code
   The formulas are those of the types they come from, and the sizes too, but for 3 % more in q4_k (scales in whole bytes) and 1 % in q6_k. The digits
   of T2 to T4 (digits.h) are unfolded to 4, 5 and 8 bits, so that a weight is one product whatever its trits. */
#ifndef TRIT_REPACK_H
#define TRIT_REPACK_H
#include "types.h"

enum { LANE_ROWS = 16 };

typedef struct lane_layout {
    const char *name;   /* "q4_0x16" */
    uint32_t type;      /* what it is made from */
    size_t weights, bytes; /* of a row in a unit; of a unit of LANE_ROWS rows */
    /* One unit: block(s) of `count` <= 16 rows, `stride` bytes apart, -> out[bytes]; rows beyond come out 0. `weights` may be half a unit
       of the types with blocks of 32. */
    void (*pack)(const uint8_t *rows, size_t stride, size_t count, size_t weights, uint8_t *out);
} lane_layout;

/* NULL where a type has none. */
const lane_layout *lane_layout_for(uint32_t type);
const lane_layout *lane_layout_named(const char *name);
/* Bytes of a group of LANE_ROWS rows of k weights. */
size_t lane_group_bytes(const lane_layout *l, size_t k);
/* `count` rows of k weights as in the file -> out[lane_group_bytes]; count < LANE_ROWS in the last group of a matrix. */
void lane_pack_group(const lane_layout *l, const uint8_t *rows, size_t count, size_t k, uint8_t *out);
#endif
