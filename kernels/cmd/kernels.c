/* trit kernels: how fast each kernel of each ISA is, beside what the memory of this machine can deliver. */
#include "../clock.h"
#include "../cpu.h"
#include "../json.h"
#include "../ops.h"
#include "../pool.h"
#include "../slab.h"
#include "options.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { K = 2560, ROWS = 64, TOKENS = 48, MOST_PASSES = 64, FEWEST_PASSES = 3 };

/* Buffers of one measurement. Weight kernels stream `weights`, all rows of K weights that fit. */
typedef struct {
    const trit_ops *ops;
    uint8_t *weights;
    size_t bytes, tokens;
    float *x, *x2, *y;     /* [TOKENS][K], [TOKENS][K], [TOKENS][ROWS] for each thread */
    int8_t *q;             /* [TOKENS][K] */
    float *d;              /* [TOKENS][K/32] */
    int32_t *sums;         /* [TOKENS] */
    int16_t *parts;        /* [TOKENS][K/16] */
    uint16_t *h;           /* [K] */
    atomic_uint_fast64_t sink; /* what was read, so that reading cannot be left out */
} bench;

/* Units [begin, end): a unit is 4 rows of K weights, or one call on K values. */
typedef void (*bench_run)(bench *b, size_t begin, size_t end, int thread);

static float *y_of(bench *b, int thread)
{
    return b->y + (size_t)thread * TOKENS * ROWS;
}

static void run_read(bench *b, size_t begin, size_t end, int thread)
{
    uint64_t sum[8] = { 0 };
    (void)thread;
    for (const uint8_t *p = b->weights + begin * 4096, *stop = b->weights + end * 4096; p < stop; p += 64) {
        uint64_t v[8];
        __builtin_prefetch(p + 8192);
        memcpy(v, p, sizeof v);
        for (int i = 0; i < 8; i++)
            sum[i] |= v[i];
    }
    atomic_fetch_add(&b->sink, sum[0] | sum[1] | sum[2] | sum[3] | sum[4] | sum[5] | sum[6] | sum[7]);
}

static void run_gemm_t2i8(bench *b, size_t begin, size_t end, int thread)
{
    b->ops->gemm_t2i8(b->weights + begin * (4 * K / 4), end - begin, K / T2_CHUNK, b->q, K, b->sums, (int32_t *)(void *)y_of(b, thread),
                      ROWS, b->tokens);
}

static void run_gemm_t5i8(bench *b, size_t begin, size_t end, int thread)
{
    b->ops->gemm_t5i8(b->weights + begin * (4 * K / 5), end - begin, K / T5_CHUNK, b->q, K, b->sums, (int32_t *)(void *)y_of(b, thread),
                      ROWS, b->tokens);
}

#define DOT(name, type)                                                                                                     \
    static void run_##name(bench *b, size_t begin, size_t end, int thread)                                                  \
    {                                                                                                                       \
        for (size_t r = 4 * begin; r < 4 * end; r++)                                                                        \
            y_of(b, thread)[r % ROWS] = b->ops->name((const type *)(const void *)b->weights + r * K, b->x, K);              \
    }
DOT(dot_f32f32, float)
DOT(dot_f16f32, uint16_t)
DOT(dot_bf16f32, uint16_t)

#define FLOATS(name, type)                                                                                                  \
    static void run_##name(bench *b, size_t begin, size_t end, int thread)                                                  \
    {                                                                                                                       \
        b->ops->name((const type *)(const void *)b->weights + 4 * begin * K, 4 * (end - begin), K, b->x, y_of(b, thread), ROWS, b->tokens); \
    }
FLOATS(gemm_f32f32, float)
FLOATS(gemm_f16f32, uint16_t)
FLOATS(gemm_bf16f32, uint16_t)

/* 16 rows side by side: four units. */
#define LANES(name, bytes_of_256)                                                                                           \
    static void run_##name(bench *b, size_t begin, size_t end, int thread)                                                  \
    {                                                                                                                       \
        b->ops->name(b->weights + begin * 4 * (K / 256 * (bytes_of_256)), (end - begin) / 4, K, b->q, b->d, b->parts, y_of(b, thread), ROWS, \
                     b->tokens);                                                                                            \
    }
LANES(gemm_q8_0x16q8, 272)
LANES(gemm_q4_0x16q8, 144)
LANES(gemm_q4_kx16q8, 148)
LANES(gemm_q6_kx16q8, 212)

#define GEMM(name, bytes_of_256)                                                                                            \
    static void run_##name(bench *b, size_t begin, size_t end, int thread)                                                  \
    {                                                                                                                       \
        b->ops->name(b->weights + begin * 4 * (K / 256 * (bytes_of_256)), 4 * (end - begin), K, b->q, b->d, y_of(b, thread), ROWS, b->tokens); \
    }
GEMM(gemm_q8_0q8, 272)
GEMM(gemm_q4_0q8, 144)
GEMM(gemm_q4_kq8, 144)
GEMM(gemm_q6_kq8, 210)

#define VECTOR(name, call)                                                                                                  \
    static void run_##name(bench *b, size_t begin, size_t end, int thread)                                                  \
    {                                                                                                                       \
        (void)thread;                                                                                                       \
        for (; begin < end; begin++)                                                                                        \
            b->ops->name call;                                                                                              \
    }
VECTOR(quant_f32i8, (b->x, b->q, b->sums, K))
VECTOR(quant_f32q8, (b->x, b->q, b->d, K))
VECTOR(rmsnorm_f32, (b->x2, b->x, b->x, 1e-5f, K))
VECTOR(mix_f16f32, (b->x2, b->x, b->h, K / 128, 128))
VECTOR(f32_to_f16, (b->x, b->h, K))
VECTOR(softmax_f32, (b->x2, K))
VECTOR(swiglu_f32, (b->x2, b->x, b->x, K))
VECTOR(relu2_f32, (b->x2, b->x, b->x, K))

/* row: bytes of a row of K weights (0: no weights, a vector kernel); many: also with TOKENS tokens at once. */
static const struct { const char *kernel; size_t row; bool many; bench_run run; } table[] = {
    { "gemm_t2i8", K / 4, true, run_gemm_t2i8 },
    { "gemm_t5i8", K / 5, true, run_gemm_t5i8 },
    { "dot_f32f32", K * 4, false, run_dot_f32f32 },
    { "dot_f16f32", K * 2, false, run_dot_f16f32 },
    { "dot_bf16f32", K * 2, false, run_dot_bf16f32 },
    { "gemm_q8_0q8", K / 256 * 272, true, run_gemm_q8_0q8 },
    { "gemm_q4_0q8", K / 256 * 144, true, run_gemm_q4_0q8 },
    { "gemm_q4_kq8", K / 256 * 144, true, run_gemm_q4_kq8 },
    { "gemm_q6_kq8", K / 256 * 210, true, run_gemm_q6_kq8 },
    { "gemm_f32f32", K * 4, true, run_gemm_f32f32 },
    { "gemm_f16f32", K * 2, true, run_gemm_f16f32 },
    { "gemm_bf16f32", K * 2, true, run_gemm_bf16f32 },
    { "gemm_q8_0x16q8", K / 256 * 272, true, run_gemm_q8_0x16q8 },
    { "gemm_q4_0x16q8", K / 256 * 144, true, run_gemm_q4_0x16q8 },
    { "gemm_q4_kx16q8", K / 256 * 148, true, run_gemm_q4_kx16q8 },
    { "gemm_q6_kx16q8", K / 256 * 212, true, run_gemm_q6_kx16q8 },
    { "quant_f32i8", 0, false, run_quant_f32i8 },
    { "quant_f32q8", 0, false, run_quant_f32q8 },
    { "rmsnorm_f32", 0, false, run_rmsnorm_f32 },
    { "mix_f16f32", 0, false, run_mix_f16f32 },
    { "f32_to_f16", 0, false, run_f32_to_f16 },
    { "softmax_f32", 0, false, run_softmax_f32 },
    { "swiglu_f32", 0, false, run_swiglu_f32 },
    { "relu2_f32", 0, false, run_relu2_f32 },
};

typedef struct { bench *b; bench_run run; } job;

static void slice(void *arg, size_t begin, size_t end, int thread)
{
    job *j = arg;
    for (; begin < end; begin += ROWS / 4) /* a pool of one hands out everything at once */
        j->run(j->b, begin, end - begin < ROWS / 4 ? end : begin + ROWS / 4, thread);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median nanoseconds of a pass over all units; passes until `budget` nanoseconds are spent, the first one not counted. */
static double measure(bench *b, bench_run run, size_t units, pool *p, int64_t budget)
{
    double ns[MOST_PASSES];
    int count = 0;
    job j = { b, run };
    pool_run(p, units, ROWS / 4, slice, &j);
    for (int64_t begin = clock_ns(), now = begin; count < MOST_PASSES && (count < FEWEST_PASSES || now - begin < budget); count++) {
        int64_t start = now;
        pool_run(p, units, ROWS / 4, slice, &j);
        now = clock_ns();
        ns[count] = (double)(now - start);
    }
    qsort(ns, (size_t)count, sizeof *ns, by_value);
    return count % 2 ? ns[count / 2] : (ns[count / 2 - 1] + ns[count / 2]) / 2;
}

typedef struct { json_writer *w; double bandwidth[2]; int threads[2]; int64_t budget; pool *pools[2]; } report;

static void print_row(const report *r, const char *isa, size_t i, size_t tokens, int which, size_t units, size_t bytes, double ns)
{
    double values = (double)units * K * (double)tokens * (table[i].row ? 4 : 1) / ns, gbs = (double)bytes / ns;
    bool share = table[i].row != 0;
    if (!r->w) {
        printf("%-12s %-14s %6zu %7d %12.0f %10.2f", isa, table[i].kernel, tokens, r->threads[which], ns / (double)units, values);
        if (share)
            printf(" %8.2f %6.0f %%", gbs, 100 * gbs / r->bandwidth[which]);
        printf("\n");
        fflush(stdout);
        return;
    }
    json_open(r->w, NULL, '{');
    json_text(r->w, "isa", isa);
    json_text(r->w, "kernel", table[i].kernel);
    json_integer(r->w, "tokens", (int64_t)tokens);
    json_integer(r->w, "threads", r->threads[which]);
    json_number(r->w, "ns", ns / (double)units);
    json_number(r->w, "values_per_ns", values);
    if (share) {
        json_number(r->w, "gb_per_s", gbs);
        json_number(r->w, "bandwidth_share", gbs / r->bandwidth[which]);
    }
    json_close(r->w, '}');
}

static void bench_isa(const report *r, const char *isa, bench *b)
{
    b->ops = ops_for(isa);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (strcmp(ops_source(b->ops, table[i].kernel), isa))
            continue;
        size_t unit = 4 * table[i].row;
        for (int many = 0; many <= (table[i].many ? 1 : 0); many++)
            for (int which = 0; which < (unit && r->threads[1] > 1 ? 2 : 1); which++) {
                b->tokens = many ? TOKENS : 1;
                /* Streaming goes over the whole buffer; a prefill over few rows, again and again, as it is bound by arithmetic. The
                   specification is slow by design and gets a small part. */
                size_t units = unit ? b->bytes / unit : 256, most = many || !strcmp(isa, "scalar") ? 256 : units;
                units = units > most ? most : units;
                double ns = measure(b, table[i].run, units, r->pools[which], r->budget);
                print_row(r, isa, i, b->tokens, which, units, units * unit, ns);
            }
    }
}

static bool allocate(bench *b, int threads)
{
    b->weights = slab_alloc(b->bytes);
    b->x = calloc(TOKENS * K, sizeof *b->x);
    b->x2 = calloc(TOKENS * K, sizeof *b->x2);
    b->y = calloc((size_t)threads * TOKENS * ROWS, sizeof *b->y);
    b->q = calloc(TOKENS * K, 1);
    b->d = calloc(TOKENS * K / 32, sizeof *b->d);
    b->sums = calloc(TOKENS, sizeof *b->sums);
    b->parts = calloc(TOKENS * K / 16, sizeof *b->parts);
    b->h = calloc(K, sizeof *b->h);
    if (!b->weights || !b->x || !b->x2 || !b->y || !b->q || !b->d || !b->sums || !b->parts || !b->h)
        return false;
    for (size_t i = 0; i < TOKENS * K; i++) {
        b->x[i] = (float)(int)(i * 37 % 255) / 127 - 1;
        b->q[i] = (int8_t)((int)(i * 37 % 255) - 127);
    }
    for (size_t i = 0; i < TOKENS * K / 32; i++)
        b->d[i] = 0.01f;
    /* Codes 0, 1, 2 for t2, any for t5; as halves, floats and block scales the same bytes are small normal numbers. */
    static const uint8_t bytes[] = { 0x2a, 0x29, 0x28, 0x26, 0x25, 0x24, 0x22, 0x21, 0x20 };
    for (size_t i = 0; i < b->bytes; i++)
        b->weights[i] = bytes[i % sizeof bytes];
    return true;
}

static void release(bench *b)
{
    slab_free(b->weights);
    free(b->x);
    free(b->x2);
    free(b->y);
    free(b->q);
    free(b->d);
    free(b->sums);
    free(b->parts);
    free(b->h);
}

/* Measures bandwidth, then every kernel. */
static void run_all(report *r, bench *b, const char *only)
{
    for (int which = 0; which < (r->threads[1] > 1 ? 2 : 1); which++)
        r->bandwidth[which] = (double)b->bytes / measure(b, run_read, b->bytes / 4096, r->pools[which], r->budget);
    if (r->w) {
        json_open(r->w, NULL, '{');
        json_integer(r->w, "buffer_bytes", (int64_t)b->bytes);
        json_open(r->w, "bandwidth", '[');
    } else {
        printf("reading %zu MB:", b->bytes >> 20);
    }
    for (int which = 0; which < (r->threads[1] > 1 ? 2 : 1); which++) {
        if (!r->w) {
            printf("  %d thread%s %.1f GB/s", r->threads[which], r->threads[which] > 1 ? "s" : "", r->bandwidth[which]);
            continue;
        }
        json_open(r->w, NULL, '{');
        json_integer(r->w, "threads", r->threads[which]);
        json_number(r->w, "gb_per_s", r->bandwidth[which]);
        json_close(r->w, '}');
    }
    if (r->w) {
        json_close(r->w, ']');
        json_open(r->w, "kernels", '[');
    } else {
        printf("\n%-12s %-14s %6s %7s %12s %10s %8s %8s\n", "isa", "kernel", "tokens", "threads", "ns/unit", "values/ns", "GB/s", "of read");
    }
    for (size_t i = 0; i < isa_count(); i++) {
        isa_row isa = isa_at(i);
        if (isa.available && (!only || !strcmp(only, isa.name)))
            bench_isa(r, isa.name, b);
    }
    if (r->w) {
        json_close(r->w, ']');
        json_close(r->w, '}');
        json_end_line(r->w);
    }
}

int cmd_kernels(int argc, char **argv)
{
    const char *isa = NULL, *format = "text", *cpus = NULL;
    int64_t threads = 0, megabytes = 256, budget = 100;
    const option options[] = {
        { "isa", 0, OPTION_TEXT, &isa, "NAME", "time the kernels of this ISA alone", 0, 0 },
        { "threads", 't', OPTION_INT, &threads, "N", "threads beside one (0: one for each fast core)", 0, 512 },
        { "cpus", 0, OPTION_TEXT, &cpus, "LIST", "pin threads to these CPUs, as in 0-3,6", 0, 0 },
        { "megabytes", 0, OPTION_INT, &megabytes, "N", "size of the weights that are streamed", 1, 65536 },
        { "time", 0, OPTION_INT, &budget, "MS", "milliseconds for each figure", 1, 60000 },
        { "output", 'o', OPTION_TEXT, &format, "FORMAT", "text or json", 0, 0 },
    };
    int status = options_parse(argc, argv, options, sizeof options / sizeof *options, "[--isa NAME] [-o json]",
                               "Times every kernel of every ISA, and the memory. A unit is 4 rows of 2560 weights, or one vector of 2560.");
    if (status >= 0)
        return status;
    bool json = !strcmp(format, "json");
    if (!json && strcmp(format, "text"))
        return complain("kernels", 2, "there is no output format \"%s\"; use text or json", format);
    if (isa && !strcmp(isa, "auto"))
        isa = NULL;
    if (isa && (!*isa || !ops_for(isa)))
        return complain("kernels", 2, "ISA \"%s\" is unknown or this CPU does not have it; \"trit info\" lists those it has", isa);

    trit_error e = { "" };
    json_writer w;
    report r = { .budget = budget * 1000000 };
    bench b = { .bytes = (size_t)megabytes << 20 };
    if (json) {
        json_begin(&w, stdout);
        r.w = &w;
    }
    int64_t available = memory_available();
    if (available > 0 && b.bytes > (size_t)available / 2)
        b.bytes = (size_t)available / 2 >> 20 << 20;
    status = 1;
    /* The pool of one is made last, freed first: it leaves the affinity of this thread as it found it. */
    if ((r.pools[1] = pool_new((int)threads, cpus, &e)) && (r.pools[0] = pool_new(1, NULL, &e))) {
        r.threads[0] = 1;
        r.threads[1] = pool_threads(r.pools[1]);
        if (allocate(&b, r.threads[1])) {
            run_all(&r, &b, isa);
            status = 0;
        } else {
            snprintf(e.text, sizeof e.text, "there is no memory for %zu MB of weights; ask for less with --megabytes", b.bytes >> 20);
        }
    }
    if (status)
        complain("kernels", status, "%s", e.text);
    release(&b);
    pool_free(r.pools[0]);
    pool_free(r.pools[1]);
    return status;
}
