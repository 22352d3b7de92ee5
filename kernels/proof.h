/* Proof of kernels: the same random inputs through the scalar specification and through a candidate, results compared. */
#ifndef TRIT_PROOF_H
#define TRIT_PROOF_H
#include "ops.h"

typedef struct {
    bool ok;
    int cases;
    char detail[256]; /* what went wrong, with the shape of the case; "" if nothing */
} proof;

size_t kernel_count(void);
const char *kernel_name(size_t i);

/* Runs every case of kernel i. Reads past the end of an input hit a guard page and writes past the end of an output a canary;
   SIGILL, SIGSEGV, SIGBUS and SIGFPE are caught and reported. Not thread-safe. */
proof prove_kernel(size_t i, const trit_ops *specification, const trit_ops *candidate, uint64_t seed, int most /* cases; 0: all */);
#endif
