/* How `trit kernels` calls each kernel: one row a kernel, and the memory they all work on. */
#ifndef TRIT_KERNEL_CALLS_H
#define TRIT_KERNEL_CALLS_H
#include "../error.h"
#include "../ops.h"

enum { CALL_K = 2560, CALL_ROWS = 64 }; /* values of a row or vector; rows of a call, or calls on one vector, done at once */

typedef struct {
    uint8_t *weights; /* `bytes` of them; whatever type reads them finds numbers of ordinary size */
    size_t bytes, tokens; /* tokens: most of a call */
    float *x, *y;     /* [tokens][K]; [threads][tokens][ROWS], or [threads] vectors of K */
    float *weight;    /* [K] */
    int8_t *q;        /* [tokens][K], and for each thread K more behind them */
    float *d;         /* [tokens][K/32], likewise */
    int32_t *sums;    /* [tokens], likewise */
    int16_t *part_sums; /* [tokens][K/16]: of 16 q */
    uint16_t *halves; /* [K]; for each thread K more behind them */
} call_memory;

/* Block `block` of a kernel's work by a thread: ROWS rows of weights times tokens, or ROWS calls on one vector. */
typedef void (*call_block)(const trit_ops *ops, const call_memory *m, size_t block, size_t tokens, int thread);

typedef struct {
    const char *kernel;
    size_t row_bytes; /* of CALL_K weights; 0: it reads none */
    bool many;        /* also takes many tokens at once */
    bool integer;     /* made of products of int8: comparable with the ISA's peak */
    call_block run;
} kernel_call;

/* In the order of kernels.inc, i < kernel_call_count. */
const kernel_call *kernel_call_at(size_t i);
extern const size_t kernel_call_count;

/* For calls with up to `tokens` tokens on so many threads; false where there is no memory. Free with call_memory_free, also after a failure. */
bool call_memory_make(call_memory *m, size_t bytes, size_t tokens, int threads, trit_error *e);
void call_memory_free(call_memory *m);
#endif
