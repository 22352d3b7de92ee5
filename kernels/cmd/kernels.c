/* trit kernels: how fast each kernel of each ISA is, beside what this machine's memory and instructions can deliver. */
#include "../clock.h"
#include "../cpu.h"
#include "../pool.h"
#include "kernel_report.h"
#include "machine.h"
#include "options.h"
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FEW_BLOCKS = 16, MOST_SLICE = 32 };

typedef struct {
    kernel_report report;
    call_memory memory;
    pool *teams[2];
    int64_t budget; /* nanoseconds of a figure in a round */
} bench;

typedef struct { figure *f; const call_memory *m; } job;
static atomic_uint_fast64_t sink; /* what was read */

/* Blocks [begin, end) of a figure's work. They go round the memory, so that a block is read again only after all others. */
static void work(void *arg, size_t begin, size_t end, int thread)
{
    const job *j = arg;
    const figure *f = j->f;
    for (size_t i = begin; i < end; i++) {
        size_t block = (f->at + i) % f->most;
        if (f->call)
            f->call->run(f->ops, j->m, block, f->tokens, thread);
        else if (f->peak)
            f->peak->passes(PEAK_PASSES);
        else
            atomic_fetch_or(&sink, machine_read(j->m->weights + block * READ_BLOCK, READ_BLOCK));
    }
}

/* Nanoseconds of a block, over `blocks` of them. */
static double measure(bench *b, figure *f, size_t blocks)
{
    job j = { f, &b->memory };
    size_t grain = blocks / ((size_t)b->report.threads[f->team] * 8);
    int64_t begin = clock_ns();
    pool_run(b->teams[f->team], blocks, grain > MOST_SLICE ? MOST_SLICE : grain, work, &j);
    int64_t ns = clock_ns() - begin;
    f->at = (f->at + blocks) % f->most;
    return (double)(ns > 0 ? ns : 1) / (double)blocks;
}

/* As many blocks as fill the budget; what is measured on the way warms up. */
static void calibrate(bench *b, figure *f)
{
    size_t least = (size_t)b->report.threads[f->team];
    f->blocks = least;
    for (;;) {
        double wanted = (double)b->budget / measure(b, f, f->blocks);
        if (wanted < 2 * (double)f->blocks) {
            f->blocks = wanted > (double)least ? (size_t)wanted : least;
            return;
        }
        f->blocks = wanted > 16 * (double)f->blocks ? 16 * f->blocks : (size_t)wanted;
    }
}

static void add(bench *b, figure f)
{
    kernel_report *r = &b->report;
    for (f.team = 0; f.team < (f.call && !f.call->row_bytes ? 1 : r->teams); f.team++)
        r->figures[r->count++] = f;
}

/* Every figure there is to measure; the ISAs of a kernel side by side. */
static bool plan(bench *b, const char *only_isa, const char *only_kernel)
{
    size_t teams = 2, each = 2 * teams, isas = isa_count();
    b->report.figures = calloc(teams + isas * (teams + kernel_call_count * each), sizeof *b->report.figures);
    if (!b->report.figures)
        return false;
    add(b, (figure){ .isa = "", .most = b->memory.bytes / READ_BLOCK });
    for (size_t k = 0; k <= kernel_call_count; k++)
        for (int many = 0; many < 2; many++)
            for (size_t i = 0; i < isas; i++) {
                isa_row isa = isa_at(i);
                if (!isa.available || (only_isa && strcmp(only_isa, isa.name)))
                    continue;
                figure f = { .isa = isa.name, .ops = ops_for(isa.name), .tokens = many ? b->memory.tokens : 1, .most = FEW_BLOCKS };
                if (k == 0) { /* first, as limits are */
                    if (!many && (f.peak = peak_of(isa.name)))
                        add(b, f);
                    continue;
                }
                f.call = kernel_call_at(k - 1);
                if ((many && !f.call->many) || (only_kernel && strcmp(only_kernel, f.call->kernel)) ||
                    strcmp(ops_source(f.ops, f.call->kernel), isa.name))
                    continue;
                /* Decoding streams; a prefill goes over few rows again and again, as it is bound by arithmetic. */
                if (f.call->row_bytes) {
                    size_t all = b->memory.bytes / (CALL_ROWS * f.call->row_bytes);
                    f.most = many && all > FEW_BLOCKS ? FEW_BLOCKS : all;
                }
                add(b, f);
            }
    return true;
}

static void take(bench *b, figure *f, int round)
{
    double ns = measure(b, f, f->blocks);
    f->ns[round] = f->ns[round] > 0 && f->ns[round] < ns ? f->ns[round] : ns;
}

/* In the midst of a round: the clock, and the limits once more, of which the better counts. */
static void measure_machine(bench *b, int round)
{
    for (size_t i = 0; i < b->report.count && !b->report.figures[i].call; i++)
        take(b, &b->report.figures[i], round);
    b->report.clock[round] = machine_clock();
}

/* Every round has every figure once, forwards and backwards in turn, so that what changes with time meets all alike. */
static void run_rounds(bench *b)
{
    kernel_report *r = &b->report;
    bool tell = isatty(STDERR_FILENO);
    for (size_t i = 0; i < r->count; i++)
        calibrate(b, &r->figures[i]);
    for (int round = 0; round < r->rounds; round++) {
        if (tell)
            fprintf(stderr, "\rround %d of %d ", round + 1, r->rounds);
        for (size_t i = 0; i < r->count; i++) {
            take(b, &r->figures[round % 2 ? r->count - 1 - i : i], round);
            if (i == r->count / 2)
                measure_machine(b, round);
        }
    }
    if (tell)
        fprintf(stderr, "\r               \r");
}

/* Three times the largest cache, so that little of it is left there when its turn comes again; 64 MB at least, which pushes nothing out of
   the memory of a small device; at most half of what memory is free. */
static size_t choose_bytes(int64_t megabytes, size_t cache)
{
    size_t bytes = megabytes ? (size_t)megabytes << 20 : 3 * cache;
    if (!megabytes && bytes < (size_t)64 << 20)
        bytes = (size_t)64 << 20;
    int64_t available = memory_available();
    if (available > 0 && bytes > (size_t)available / 2)
        bytes = (size_t)available / 2;
    return (bytes >> 20 ? bytes >> 20 : 1) << 20;
}

static bool known_kernel(const char *name)
{
    for (size_t i = 0; i < kernel_call_count; i++)
        if (!strcmp(kernel_call_at(i)->kernel, name))
            return true;
    return !strcmp(name, "none");
}

int cmd_kernels(int argc, char **argv)
{
    const char *isa = NULL, *kernel = NULL, *format = "text", *cpus = NULL;
    int64_t threads = 0, megabytes = 0, budget = 20, rounds = 5, tokens = 128;
    const option options[] = {
        { "isa", 0, OPTION_TEXT, &isa, "NAME", "time the kernels of this ISA alone", 0, 0 },
        { "kernel", 0, OPTION_TEXT, &kernel, "NAME", "time this kernel alone; none: only what the machine can do at most", 0, 0 },
        { "threads", 't', OPTION_INT, &threads, "N", "threads beside one (0: one for each fast core)", 0, 512 },
        { "cpus", 0, OPTION_TEXT, &cpus, "LIST", "pin threads to these CPUs, as in 0-3,6", 0, 0 },
        { "tokens", 0, OPTION_INT, &tokens, "N", "tokens of a prefill (128), beside one", 2, 512 },
        { "megabytes", 0, OPTION_INT, &megabytes, "N", "size of the weights that are streamed (0: three times the largest cache, 64 at least)", 0, 65536 },
        { "rounds", 'r', OPTION_INT, &rounds, "N", "how often all is measured (5)", 1, MOST_ROUNDS },
        { "time", 0, OPTION_INT, &budget, "MS", "milliseconds for each figure in a round (20)", 1, 60000 },
        { "output", 'o', OPTION_TEXT, &format, "FORMAT", "text or json", 0, 0 },
    };
    int status = options_parse(argc, argv, options, sizeof options / sizeof *options, "[--isa NAME] [--kernel NAME] [-o json]",
                               "Times every kernel of every ISA, the memory, and each ISA's dot instruction.");
    if (status >= 0)
        return status;
    bool json = !strcmp(format, "json");
    if (!json && strcmp(format, "text"))
        return complain("kernels", 2, "there is no output format \"%s\"; use text or json", format);
    if (isa && !strcmp(isa, "auto"))
        isa = NULL;
    if (isa && (!*isa || !ops_for(isa)))
        return complain("kernels", 2, "ISA \"%s\" is unknown or this CPU does not have it; \"trit info\" lists those it has", isa);
    if (kernel && !known_kernel(kernel))
        return complain("kernels", 2, "there is no kernel \"%s\"; \"trit kernels\" shows their names, and none is none", kernel);

    trit_error e = { "" };
    bench b = { .budget = budget * 1000000, .report = { .rounds = (int)rounds, .cache = cpu_cache_bytes() } };
    b.report.bytes = choose_bytes(megabytes, b.report.cache);
    status = 1;
    /* The pool of one is made last, freed first: it leaves the affinity of this thread as it found it. */
    if ((b.teams[1] = pool_new((int)threads, cpus, &e)) && (b.teams[0] = pool_new(1, NULL, &e))) {
        b.report.threads[0] = 1;
        b.report.threads[1] = pool_threads(b.teams[1]);
        b.report.teams = b.report.threads[1] > 1 ? 2 : 1;
        if (call_memory_make(&b.memory, b.report.bytes, (size_t)tokens, b.report.threads[1], &e) && plan(&b, isa, kernel)) {
            run_rounds(&b);
            json ? kernel_report_json(&b.report) : kernel_report_text(&b.report);
            status = 0;
        } else if (!*e.text) {
            fail(&e, "there is no memory for the figures");
        }
    }
    if (status)
        complain("kernels", status, "%s", e.text);
    call_memory_free(&b.memory);
    free(b.report.figures);
    pool_free(b.teams[0]);
    pool_free(b.teams[1]);
    return status;
}
