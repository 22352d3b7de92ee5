/* What `trit kernels` measured, and printing it. */
#ifndef TRIT_KERNEL_REPORT_H
#define TRIT_KERNEL_REPORT_H
#include "../ops.h"
#include "../peak.h"
#include "kernel_calls.h"

enum { MOST_ROUNDS = 99 };

/* One figure: a kernel of an ISA; an ISA's peak (no call); or reading (neither). */
typedef struct {
    const char *isa;
    const trit_ops *ops;
    const kernel_call *call;
    const peak_loop *peak;
    size_t tokens;
    int team;                 /* 0: one thread, 1: all */
    size_t most, blocks, at;  /* blocks there are, blocks measured in a round, the next one */
    double ns[MOST_ROUNDS];   /* of a block, in each round */
} figure;

typedef struct {
    figure *figures;
    size_t count;
    int rounds, teams, threads[2];
    double clock[MOST_ROUNDS]; /* GHz */
    size_t bytes, cache;      /* streamed; of the largest cache, 0: unknown */
} kernel_report;

enum { READ_BLOCK = 1 << 16, PEAK_PASSES = 500 }; /* blocks of reading and of a peak */

void kernel_report_text(const kernel_report *r);
void kernel_report_json(const kernel_report *r);
#endif
