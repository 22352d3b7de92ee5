/* Rows of `trit bench` in the formats llama-bench prints: the same keys, so that its readers read us, and some of our own. */
#ifndef TRIT_BENCH_REPORT_H
#define TRIT_BENCH_REPORT_H
#include "../model.h"
#include "options.h"
#include <time.h>

typedef enum { BENCH_MD, BENCH_JSON, BENCH_JSONL, BENCH_CSV } bench_format;

typedef struct {
    bench_format format;
    const loaded *loaded;
    const char *file;
    size_t batch;
} bench_setup;

typedef struct {
    size_t n_prompt, n_gen, n_depth, n_parallel; /* n_parallel: sequences decoded at once, each n_gen tokens */
    int threads;
    const int64_t *samples; size_t count; /* nanoseconds of each repetition */
    time_t time;                          /* when the test began */
    double bytes_per_token;               /* mean over the decode steps; 0 for prefill */
    head_counts head;                     /* of the counted repetitions */
    uint64_t hash;                        /* of the tokens chosen */
} bench_row;

bool bench_format_named(const char *name, bench_format *out);
void bench_report_begin(const bench_setup *s);
void bench_report_row(const bench_setup *s, const bench_row *r, bool first);
void bench_report_end(const bench_setup *s);
#endif
