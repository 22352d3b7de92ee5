/* The kernels: one struct of function pointers, filled with scalar code first, then overlaid by each ISA that fits (isa.inc).
   Names: <op>_<weights><activations>. scalar (isa/scalar.c) is the specification; integer kernels equal it bit for bit. */
#ifndef TRIT_OPS_H
#define TRIT_OPS_H
#include <stdint.h>
#include <stddef.h>
#include <stdbool.h>

/* Packed layout "t2", 2 bits a weight, the same bytes for 16-, 32- and 64-byte vectors.
   A row is padded to chunks of 256 weights (pad: code 1 = trit 0); rows are padded to groups of 4.
   Stored as [rows/4][chunks][4][64] bytes: byte j of a chunk holds codes (trit + 1) of weights d*64 + j, d = 0..3, at bits 2d. */
enum { T2_ROWS = 4, T2_CHUNK = 256, T2_BYTES = 64 };

/* Packed layout "t5", 1.6 bits a weight, likewise for every width of vectors: chunks of 320 weights, rows padded to groups of 4, stored
   as [rows/4][chunks][4][64] bytes. Byte j of a chunk holds codes c0..c4 (trit + 1) of weights d*64 + j, d = 0..4, as x =
   ceil(v*256/243) with v = c0*81 + c1*27 + c2*9 + c3*3 + c4. With t0 = x and t(d+1) = 3*t(d) mod 256, c(d) = 3*t(d) / 256 rounded down.

   So 256*c(d) = 3*t(d) - t(d+1), for any byte x, and a row's product needs no digits:
     256 * sum c(d)*q(d) = 3 * sum t(d)*q(d) - sum t(d+1)*q(d)
   The trit is c - 1: take 256 * sum q off, and 256 * sum trit*q is left. Sums of 32 bits that wrap around give it modulo 2^32, so it is
   exact whatever overflowed on the way as long as it fits itself: 256 * 127 * weights < 2^31, which is 66,051 weights a row. Signed
   bytes s(d) = t(d) - 128 do the same without the sum of q: 3*s(d) - s(d+1) = 256*c(d) - 256, and 3*s(d) wraps around to s(d+1). */
enum { T5_CHUNK = 320, T5_MOST_CHUNKS = 66051 / T5_CHUNK };

/* y[t*ldy + r] = sum_k trit(r,k) * q[t*ldx + k] for r in [0, groups*4), t in [0, n). Exact integers.
   w: [groups][chunks][4][64]; q: n rows of ldx >= chunks*<chunk> int8 (zero in the pad), -127..127; sums[n] = sum of each q row. */
typedef void (*ternary_gemm)(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums,
                             int32_t *y, size_t ldy, size_t n);

/* w: groups of 16 rows of k weights; q, d: n rows as above; a result depends neither on groups nor on n. */
typedef void (*lane_gemm)(const uint8_t *w, size_t groups, size_t k, const int8_t *q, const float *d, const int16_t *sums, float *y,
                          size_t ldy, size_t n);

typedef struct trit_ops {
    /* int8 activations of one token: x[n] -> q[n] and *sum = sum of q; returns the scale d, x ~ q * d. With m = max|x|:
       d = m / 127, q = round-half-even(x * (127 / m)). m below 1e-30 counts as zero: q = 0, d = 0. Any x that is not finite: q = 0,
       d = NaN, so that broken numbers stay visible. n needs no alignment. */
    float (*quant_f32i8)(const float *x, int8_t *q, int32_t *sum, size_t n);

    ternary_gemm gemm_t2i8;
    ternary_gemm gemm_t5i8; /* at most T5_MOST_CHUNKS chunks */

    /* Dot product of one row of n F32, F16 or BF16 weights with floats x[n]. */
    float (*dot_f32f32)(const float *w, const float *x, size_t n);
    float (*dot_f16f32)(const uint16_t *w, const float *x, size_t n);
    float (*dot_bf16f32)(const uint16_t *w, const float *x, size_t n);

    /* y[t*ldy + r] = dot of row r of w[rows][k] with x[t*k ...], bit for bit, for t in [0, n). */
    void (*gemm_f32f32)(const float *w, size_t rows, size_t k, const float *x, float *y, size_t ldy, size_t n);
    void (*gemm_f16f32)(const uint16_t *w, size_t rows, size_t k, const float *x, float *y, size_t ldy, size_t n);
    void (*gemm_bf16f32)(const uint16_t *w, size_t rows, size_t k, const float *x, float *y, size_t ldy, size_t n);

    /* The block types take activations quantised in blocks of 32 by the rule of quant_f32i8: x[n] -> q[n], d[n/32]. */
    void (*quant_f32q8)(const float *x, int8_t *q, float *d, size_t n);
    /* y[t*ldy + r] = sum_k w(r,k) * q[t*k + i] * d[t*k/32 + i/32] for r in [0, rows), t in [0, n). w: [rows] rows of k weights as in
       the file, k a multiple of the type's block. A row's result depends neither on rows nor on n. */
    void (*gemm_q8_0q8)(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n);
    void (*gemm_q4_0q8)(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n);
    void (*gemm_q4_kq8)(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n);
    void (*gemm_q6_kq8)(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n);

    /* The same types with 16 rows side by side (repack.h): y[t*ldy + r] for r in [0, groups*16). sums[t*k/16 + i/16]: sums of 16 q. */
    lane_gemm gemm_q8_0x16q8;
    lane_gemm gemm_q4_0x16q8;
    lane_gemm gemm_q4_kx16q8;
    lane_gemm gemm_q6_kx16q8;
    /* Bit for bit on every ISA: y = 0, then for each block of 32 weights in turn y = fma(sum of digit * q, scale * d, y). */
    lane_gemm gemm_t2x16q8;
    lane_gemm gemm_t3x16q8;
    lane_gemm gemm_t4x16q8;

    /* Norm and attention pieces. out = x * w / sqrt(mean(x^2) + eps); w may be NULL (ones); out may be x. */
    void (*rmsnorm_f32)(float *out, const float *x, const float *w, float eps, size_t n);
    /* Products with keys and values of the cache (kv.h): y[r*ldy + j] = y[r*ldy + j] * keep[r] + sum_i a[r*lda + i] * x[i*ldx + j] for r
       in [0, rows) and j in [0, n), i from 0 to count in this order, x in half precision; keep NULL: the sum alone. A result depends
       neither on rows nor on n. */
    void (*mix_f16f32)(float *y, size_t ldy, const float *keep, const float *a, size_t lda, size_t rows, const uint16_t *x,
                       size_t ldx, size_t count, size_t n);
    /* The same with x[i*ldx + j] * d[i/deep * (ldx*deep/32) + j*deep/32] for x: a half-precision scale for 32 values, which lie below
       one another (deep 32) or in a row (deep 1; then ldx and n are multiples of 32). */
    void (*mix_q8f32)(float *y, size_t ldy, const float *keep, const float *a, size_t lda, size_t rows, const int8_t *x, const uint16_t *d,
                      size_t deep, size_t ldx, size_t count, size_t n);
    void (*f32_to_f16)(const float *x, uint16_t *y, size_t n);
    /* One step of softmaxes that see their numbers piece by piece. For each of `rows` rows x[r*ldx ...] of n numbers, with m = max(top[r],
       max x): x -> e^(x - m), factor[r] = e^(top[r] - m), by which sums weighted so far must be multiplied, sum[r] = sum[r] * factor[r]
       + sum of the new x, top[r] = m. They begin with top -infinity and sum 0. A row's result does not depend on the others.
       A NaN makes the row's sum NaN for ever; its other results are then anything. */
    void (*softmax_f32)(float *x, size_t ldx, size_t rows, size_t n, float *top, float *sum, float *factor);
    /* h[n] = f(gate[n]) * up[n], f = silu or squared relu. */
    void (*swiglu_f32)(float *h, const float *gate, const float *up, size_t n);
    void (*relu2_f32)(float *h, const float *gate, const float *up, size_t n);

    /* gemm_t5i8 keeps up with memory at one token (measured), so that t5 decodes faster than t2 where nobody has tuned. */
    bool prefers_t5;
} trit_ops;

/* Names of the kernels in struct order, for `check`, `kernels` and the JSON: KERNEL(field) rows stand in kernels.inc. */

/* Picks the ISAs this CPU has, up to and including `name` (NULL or "" or "auto": all; also from the environment variable
   TRIT_ISA). Returns NULL when the name is unknown or not available on this CPU. Thread-safe after the first call. */
const trit_ops *ops_for(const char *name);
/* The ISA name ("avx2") that provides a kernel in a table; kernel is the field name. */
const char *ops_source(const trit_ops *ops, const char *kernel);
const char *ops_isa(const trit_ops *ops); /* the highest ISA in the table */

typedef struct { const char *name; const char *features; bool compiled, available; } isa_row;
size_t isa_count(void);
isa_row isa_at(size_t i); /* in order, scalar first */
/* CPU features found, space separated ("avx2 fma f16c avx512vnni ..."), into text. */
void cpu_features(char *text, size_t size);
#endif
