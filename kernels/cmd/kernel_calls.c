#include "kernel_calls.h"
#include "../slab.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { K = CALL_K, ROWS = CALL_ROWS, HEAD = 128, BLOCK = 20, QUERIES = 16 /* of attention: values of a head, positions, rows of results */ };

static float *results(const call_memory *m, int thread)
{
    size_t most = m->tokens * ROWS > K ? m->tokens * ROWS : K;
    return m->y + (size_t)thread * most;
}

/* Weights that every thread only reads: the block's rows. */
#define ROWS_OF(row_bytes) (m->weights + block * ROWS * (row_bytes))
#define CALL(name, row_bytes, many, integer, ...)                                                                             \
    static void run_##name(const trit_ops *ops, const call_memory *m, size_t block, size_t tokens, int thread)               \
    {                                                                                                                        \
        (void)block, (void)tokens, (void)thread;                                                                             \
        __VA_ARGS__                                                                                                          \
    }                                                                                                                        \
    static const kernel_call call_##name = { #name, row_bytes, many, integer, run_##name };

#define TERNARY(name, row_bytes, chunk)                                                                                       \
    CALL(name, row_bytes, true, true,                                                                                        \
         ops->name(ROWS_OF(row_bytes), ROWS / 4, K / (chunk), m->q, K, m->sums, (int32_t *)(void *)results(m, thread), ROWS, tokens);)
#define BLOCKS(name, bytes_of_256)                                                                                            \
    CALL(name, K / 256 * (bytes_of_256), true, true,                                                                         \
         ops->name(ROWS_OF(K / 256 * (bytes_of_256)), ROWS, K, m->q, m->d, results(m, thread), ROWS, tokens);)
/* 16 rows side by side. */
#define LANES(name, bytes_of_256)                                                                                             \
    CALL(name, K / 256 * (bytes_of_256), true, true,                                                                         \
         ops->name(ROWS_OF(K / 256 * (bytes_of_256)), ROWS / 16, K, m->q, m->d, m->part_sums, results(m, thread), ROWS, tokens);)
#define DOT(name, type)                                                                                                       \
    CALL(name, K * sizeof(type), false, false,                                                                               \
         const type *w = (const void *)ROWS_OF(K * sizeof(type));                                                            \
         for (size_t r = 0; r < ROWS; r++) results(m, thread)[r] = ops->name(w + r * K, m->x, K);)
#define FLOATS(name, type)                                                                                                    \
    CALL(name, K * sizeof(type), true, false,                                                                                \
         ops->name((const void *)ROWS_OF(K * sizeof(type)), ROWS, K, m->x, results(m, thread), ROWS, tokens);)
/* One vector in, one out. */
#define VECTOR(name, ...)                                                                                                     \
    CALL(name, 0, false, false, for (size_t i = 0; i < ROWS; i++) ops->name(__VA_ARGS__);)
#define OWN(array, each) (m->array + (m->tokens + (size_t)thread) * (each))

VECTOR(quant_f32i8, m->x, OWN(q, K), OWN(sums, 1), K)
TERNARY(gemm_t2i8, K / 4, T2_CHUNK)
TERNARY(gemm_t5i8, K / 5, T5_CHUNK)
DOT(dot_f32f32, float)
DOT(dot_f16f32, uint16_t)
DOT(dot_bf16f32, uint16_t)
FLOATS(gemm_f32f32, float)
FLOATS(gemm_f16f32, uint16_t)
FLOATS(gemm_bf16f32, uint16_t)
VECTOR(quant_f32q8, m->x, OWN(q, K), OWN(d, K / 32), K)
BLOCKS(gemm_q8_0q8, 272)
BLOCKS(gemm_q4_0q8, 144)
BLOCKS(gemm_q4_kq8, 144)
BLOCKS(gemm_q6_kq8, 210)
LANES(gemm_q8_0x16q8, 272)
LANES(gemm_q4_0x16q8, 144)
LANES(gemm_q4_kx16q8, 148)
LANES(gemm_q6_kx16q8, 212)
LANES(gemm_t2x16q8, 130)
LANES(gemm_t3x16q8, 162)
LANES(gemm_t4x16q8, 258)
VECTOR(rmsnorm_f32, results(m, thread), m->x, m->weight, 1e-5f, K)
/* One step of attention: QUERIES rows of results from BLOCK values of HEAD. */
VECTOR(mix_f16f32, results(m, thread), HEAD, NULL, m->weight, BLOCK, QUERIES, m->halves, HEAD, BLOCK, HEAD)
VECTOR(mix_q8f32, results(m, thread), HEAD, NULL, m->weight, BLOCK, QUERIES, m->q, m->halves, 1, HEAD, BLOCK, HEAD)
VECTOR(f32_to_f16, m->x, m->halves + (1 + (size_t)thread) * K, K)
CALL(softmax_f32, 0, false, false, for (size_t i = 0; i < ROWS; i++) {
    float top = -INFINITY, sum = 0, factor;
    memcpy(results(m, thread), m->x, K * sizeof(float)); /* in place: it would soon have nothing left to do */
    ops->softmax_f32(results(m, thread), K, 1, K, &top, &sum, &factor);
})
VECTOR(swiglu_f32, results(m, thread), m->x, m->weight, K)
VECTOR(relu2_f32, results(m, thread), m->x, m->weight, K)

/* A kernel of kernels.inc that has no call above does not compile. */
#define KERNEL(field, exact) &call_##field,
static const kernel_call *const calls[] = {
#include "../kernels.inc"
};
#undef KERNEL
const size_t kernel_call_count = sizeof calls / sizeof *calls;

const kernel_call *kernel_call_at(size_t i)
{
    return calls[i];
}

/* The same pattern over and over. Any byte is five codes of t5; as t2 these are codes 0, 1 and 2; as halves, floats and scales of blocks they
   are small normal numbers. 9 bytes repeat, so that no row equals its neighbour. */
static void fill(uint8_t *memory, size_t bytes)
{
    static const uint8_t pattern[] = { 0x2a, 0x29, 0x28, 0x26, 0x25, 0x24, 0x22, 0x21, 0x20 };
    size_t done = bytes < sizeof pattern ? bytes : sizeof pattern;
    memcpy(memory, pattern, done);
    while (done < bytes) {
        size_t n = done < bytes - done ? done : bytes - done;
        n = n < 9 << 14 ? n : 9 << 14; /* copied out of the cache */
        memcpy(memory + done, memory, n);
        done += n;
    }
}

bool call_memory_make(call_memory *m, size_t bytes, size_t tokens, int threads, trit_error *e)
{
    size_t all = tokens + (size_t)threads, most = tokens * ROWS > K ? tokens * ROWS : K;
    *m = (call_memory){ .bytes = bytes, .tokens = tokens };
    m->weights = slab_alloc(bytes);
    m->x = calloc(tokens * K, sizeof *m->x);
    m->y = calloc((size_t)threads * most, sizeof *m->y);
    m->weight = calloc(K, sizeof *m->weight);
    m->q = calloc(all * K, 1);
    m->d = calloc(all * (K / 32), sizeof *m->d);
    m->sums = calloc(all, sizeof *m->sums);
    m->part_sums = calloc(tokens * (K / 16), sizeof *m->part_sums);
    m->halves = calloc((1 + (size_t)threads) * K, sizeof *m->halves);
    if (!m->weights || !m->x || !m->y || !m->weight || !m->q || !m->d || !m->sums || !m->part_sums || !m->halves)
        return fail(e, "there is no memory for %zu MB of weights; ask for less with --megabytes", bytes >> 20);
    fill(m->weights, bytes);
    for (size_t i = 0; i < tokens * K; i++) {
        m->q[i] = (int8_t)((int)(i * 37 % 255) - 127);
        m->x[i] = (float)m->q[i] / 127;
    }
    for (size_t i = 0; i < K; i++) {
        m->weight[i] = m->x[K - 1 - i];
        m->halves[i] = (uint16_t)(0x2c00 + i % 512);
    }
    for (size_t i = 0; i < tokens * K; i++)
        m->part_sums[i / 16] = (int16_t)(m->part_sums[i / 16] + m->q[i]);
    for (size_t i = 0; i < all * (K / 32); i++)
        m->d[i] = 0.01f;
    return true;
}

void call_memory_free(call_memory *m)
{
    slab_free(m->weights);
    free(m->x);
    free(m->y);
    free(m->weight);
    free(m->q);
    free(m->d);
    free(m->sums);
    free(m->part_sums);
    free(m->halves);
    *m = (call_memory){ 0 };
}
