/* RISC-V with vectors of 128 bits or more: the kernels that stream weights, for any length of vectors. */
#include "../ops.h"
#include "inline.h"
#include <riscv_vector.h>

#if __riscv_v_intrinsic < 12000
#error "these intrinsics are older than version 0.12 of their specification"
#endif

/* Sums of products in 16 bits, LANES of them (fewer than a register group may hold on some CPUs, so that one loop serves all): 128
   products of at most 254 fit. A chunk brings each lane digits * 64 / LANES of them. */
enum { LANES = 32, MOST_PRODUCTS = 128 };

INLINE vuint8m2_t digit(vuint8m2_t v, const int digits)
{
    if (digits == 4)
        return __riscv_vand_vx_u8m2(v, 3, LANES);
    return __riscv_vmulhu_vx_u8m2(v, 3, LANES);
}

INLINE vuint8m2_t next_digit(vuint8m2_t v, const int digits)
{
    return digits == 4 ? __riscv_vsrl_vx_u8m2(v, 2, LANES) : __riscv_vmul_vx_u8m2(v, 3, LANES);
}

INLINE vint16m4_t add_bytes(vint16m4_t sum, const uint8_t *w, const int8_t *q, const int digits)
{
    vuint8m2_t v = __riscv_vle8_v_u8m2(w, LANES);
    UNROLL
    for (int d = 0; d < digits; d++, v = next_digit(v, digits))
        sum = __riscv_vwmaccsu_vv_i16m4(sum, __riscv_vle8_v_i8m2(q + d * T2_BYTES, LANES), digit(v, digits), LANES);
    return sum;
}

INLINE int32_t total(vint16m4_t sum, int32_t before)
{
    return __riscv_vmv_x_s_i32m1_i32(__riscv_vwredsum_vs_i16m4_i32m1(sum, __riscv_vmv_s_x_i32m1(before, 1), LANES));
}

INLINE void one(const uint8_t *w, size_t chunks, const int8_t *q, int32_t sum, int32_t *y, const int digits)
{
    const size_t block = MOST_PRODUCTS / (size_t)(digits * T2_BYTES / LANES);
    for (int r = 0; r < T2_ROWS; r++)
        y[r] = -sum;
    for (size_t count; chunks; chunks -= count) {
        vint16m4_t a = __riscv_vmv_v_x_i16m4(0, LANES), b = a, c = a, d = a;
        count = chunks < block ? chunks : block;
        for (size_t i = 0; i < count; i++, w += T2_ROWS * T2_BYTES, q += digits * T2_BYTES)
            for (int j = 0; j < T2_BYTES; j += LANES) {
                a = add_bytes(a, w + j, q + j, digits);
                b = add_bytes(b, w + T2_BYTES + j, q + j, digits);
                c = add_bytes(c, w + 2 * T2_BYTES + j, q + j, digits);
                d = add_bytes(d, w + 3 * T2_BYTES + j, q + j, digits);
            }
        y[0] = total(a, y[0]);
        y[1] = total(b, y[1]);
        y[2] = total(c, y[2]);
        y[3] = total(d, y[3]);
    }
}

#define TERNARY(layout, chunk, digits)                                                                                                 \
    static void gemm_##layout##i8(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums,    \
                                  int32_t *y, size_t ldy, size_t n)                                                                    \
    {                                                                                                                                  \
        for (size_t g = 0; g < groups; g++, w += chunks * T2_ROWS * T2_BYTES)                                                          \
            for (size_t t = 0; t < n; t++)                                                                                             \
                one(w, chunks, q + t * ldx, sums[t], y + t * ldy + g * T2_ROWS, digits);                                               \
    }
TERNARY(t2, T2_CHUNK, 4)
TERNARY(t5, T5_CHUNK, 5)

/* Dot products of floats. */
INLINE vfloat32m4_t load_f32(const float *p, size_t n)
{
    return __riscv_vle32_v_f32m4(p, n);
}

/* Exponent and mantissa at their place in a float are 2^-112 of the value; what was infinite or NaN gets all bits of the exponent. */
INLINE vfloat32m4_t load_f16(const uint16_t *p, size_t n)
{
    vuint32m4_t h = __riscv_vzext_vf2_u32m4(__riscv_vle16_v_u16m2(p, n), n);
    vuint32m4_t size = __riscv_vsll_vx_u32m4(__riscv_vand_vx_u32m4(h, 0x7fff, n), 13, n);
    vuint32m4_t sign = __riscv_vsll_vx_u32m4(__riscv_vand_vx_u32m4(h, 0x8000, n), 16, n);
    vuint32m4_t value = __riscv_vreinterpret_v_f32m4_u32m4(__riscv_vfmul_vf_f32m4(__riscv_vreinterpret_v_u32m4_f32m4(size), 0x1p112f, n));
    value = __riscv_vor_vx_u32m4_mu(__riscv_vmsgtu_vx_u32m4_b8(size, 0x0f7fffff, n), value, value, 0x7f800000, n);
    return __riscv_vreinterpret_v_u32m4_f32m4(__riscv_vor_vv_u32m4(value, sign, n));
}

INLINE vfloat32m4_t load_bf16(const uint16_t *p, size_t n)
{
    vuint32m4_t h = __riscv_vzext_vf2_u32m4(__riscv_vle16_v_u16m2(p, n), n);
    return __riscv_vreinterpret_v_u32m4_f32m4(__riscv_vsll_vx_u32m4(h, 16, n));
}

#define DOT(name, type, load)                                                                                               \
    static float name(const type *w, const float *x, size_t n)                                                              \
    {                                                                                                                       \
        size_t most = __riscv_vsetvlmax_e32m4();                                                                            \
        vfloat32m4_t sum = __riscv_vfmv_v_f_f32m4(0, most);                                                                 \
        for (size_t vl; n; n -= vl, w += vl, x += vl) {                                                                     \
            vl = __riscv_vsetvl_e32m4(n);                                                                                   \
            sum = __riscv_vfmacc_vv_f32m4_tu(sum, load(w, vl), load_f32(x, vl), vl);                                        \
        }                                                                                                                   \
        return __riscv_vfmv_f_s_f32m1_f32(__riscv_vfredusum_vs_f32m4_f32m1(sum, __riscv_vfmv_s_f_f32m1(0, 1), most));       \
    }
DOT(dot_f32f32, float, load_f32)
DOT(dot_f16f32, uint16_t, load_f16)
DOT(dot_bf16f32, uint16_t, load_bf16)

#define GEMM(name, type)                                                                                                    \
    static void gemm_##name(const type *w, size_t rows, size_t k, const float *x, float *y, size_t ldy, size_t n)           \
    {                                                                                                                       \
        for (size_t r = 0; r < rows; r++)                                                                                   \
            for (size_t t = 0; t < n; t++)                                                                                  \
                y[t * ldy + r] = dot_##name(w + r * k, x + t * k, k);                                                       \
    }
GEMM(f32f32, float)
GEMM(f16f32, uint16_t)
GEMM(bf16f32, uint16_t)

static void mix_f16f32(float *y, size_t ldy, const float *keep, const float *a, size_t lda, size_t rows, const uint16_t *x, size_t ldx,
                       size_t count, size_t n)
{
    for (size_t r = 0; r < rows; r++, y += ldy, a += lda)
        for (size_t j = 0, vl; j < n; j += vl) {
            vl = __riscv_vsetvl_e32m4(n - j);
            vfloat32m4_t sum = keep ? __riscv_vfmul_vf_f32m4(load_f32(y + j, vl), keep[r], vl) : __riscv_vfmv_v_f_f32m4(0, vl);
            for (size_t i = 0; i < count; i++)
                sum = __riscv_vfmacc_vf_f32m4(sum, a[i], load_f16(x + i * ldx + j, vl), vl);
            __riscv_vse32_v_f32m4(y + j, sum, vl);
        }
}

void isa_rvv(trit_ops *ops)
{
    ops->gemm_t2i8 = gemm_t2i8;
    ops->gemm_t5i8 = gemm_t5i8;
    ops->dot_f32f32 = dot_f32f32;
    ops->dot_f16f32 = dot_f16f32;
    ops->dot_bf16f32 = dot_bf16f32;
    ops->gemm_f32f32 = gemm_f32f32;
    ops->gemm_f16f32 = gemm_f16f32;
    ops->gemm_bf16f32 = gemm_bf16f32;
    ops->mix_f16f32 = mix_f16f32;
}
