#include "layout.h"
#include "clock.h"
#include "slab.h"
#include <stdlib.h>
#include <string.h>

const char *layout_named(const char *name)
{
    static const char *const names[] = { "t2", "t5", "auto" };
    if (!name || !*name)
        name = getenv("TRIT_LAYOUT");
    if (!name || !*name)
        name = "t2";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return names[i];
    return NULL;
}

/* A row of 2560 weights is whole chunks in both layouts. PART bytes are streamed at a time, each time others, so that they come from
   memory; PARTS of them are more than most caches hold. */
enum { K = 2560, GRAIN = 16, PART = 8 << 20, PARTS = 12, LEAST_PAIRS = 5, MOST_PAIRS = 3 * PARTS, BUDGET_NS = 80000000 };

typedef struct {
    ternary_gemm gemm;
    const uint8_t *w;
    size_t chunks;
    int8_t q[K];
} stream;

static void stream_groups(void *arg, size_t begin, size_t end, int thread)
{
    const stream *s = arg;
    int32_t sum = 0, y[GRAIN * T2_ROWS];
    (void)thread;
    for (; begin < end; begin += GRAIN) {
        size_t groups = end - begin < GRAIN ? end - begin : GRAIN;
        s->gemm(s->w + begin * s->chunks * T2_ROWS * T2_BYTES, groups, s->chunks, s->q, K, &sum, y, sizeof y / sizeof *y, 1);
    }
}

/* Nanoseconds a weight for one pass over a part. */
static double pass(stream *s, ternary_gemm gemm, size_t chunk, const uint8_t *part, pool *p)
{
    s->gemm = gemm;
    s->w = part;
    s->chunks = K / chunk;
    size_t groups = PART / (s->chunks * T2_ROWS * T2_BYTES);
    int64_t start = clock_ns();
    pool_run(p, groups, GRAIN, stream_groups, s);
    return (double)(clock_ns() - start) / (double)(groups * T2_ROWS * K);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

const char *layout_measure(const trit_ops *ops, pool *p)
{
    if (!strcmp(ops_source(ops, "gemm_t5i8"), "scalar"))
        return "t2";
    int64_t available = memory_available();
    stream s = { 0 };
    uint8_t *w = available >= 0 && available < 2 * PART * PARTS ? NULL : slab_alloc(PART * PARTS);
    if (!w)
        return "t2";
    memset(w, 0x95, PART * PARTS); /* pages that were never written are all the same one */
    double ratios[MOST_PAIRS];
    size_t pairs = 0, at = 0;
    for (int64_t start = clock_ns(); pairs < MOST_PAIRS && (pairs < LEAST_PAIRS || clock_ns() - start < BUDGET_NS); pairs++) {
        double t2 = pass(&s, ops->gemm_t2i8, T2_CHUNK, w + at++ % PARTS * PART, p);
        ratios[pairs] = pass(&s, ops->gemm_t5i8, T5_CHUNK, w + at++ % PARTS * PART, p) / t2;
    }
    slab_free(w);
    qsort(ratios, pairs, sizeof *ratios, by_value);
    return ratios[pairs / 2] < 0.95 ? "t5" : "t2";
}
