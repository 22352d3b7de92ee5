/* trit bench: prefill of -p tokens and decode of -n tokens at each thread count, in the shape llama-bench prints. */
#include "../serve_request.h"
#include "bench_report.h"
#include "kept_prompt.h"
#include "events.h"
#include "numbers.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { TEAM_BATCH = 64, MOST_PARALLEL = 64 };

typedef struct {
    loaded l;
    bench_setup setup;
    session *session;
    session **team;    /* of --parallel: session, and teammates with a context like it */
    size_t team_size;
    float *logits;     /* [team_size][vocab] */
    int32_t *tokens;   /* the longest prompt, behind the tokens that are there before */
    size_t depth;      /* how many are */
    prompt_options cache;
    bool first_row;
} bench;

/* Greedy choice; its time belongs to the decode step, as it does in real use. */
static bool choose(bench *b, bench_row *row, int32_t *token, trit_error *e)
{
    sampler greedy = { 0 };
    if (!session_next(b->session, &greedy, token, e))
        return false;
    row->hash = hash_token(row->hash, *token);
    return true;
}

/* One repetition behind the tokens that were there before. Returns its nanoseconds, -1 after a failure. */
static int64_t repetition(bench *b, size_t n_prompt, size_t n_gen, bench_row *row, trit_error *e)
{
    session_truncate(b->session, b->depth);
    row->hash = HASH_START;
    head_counts before = session_head_counts(b->session);
    int32_t token;
    int64_t start = clock_ns();
    if (n_prompt && (!session_eval(b->session, b->tokens + b->depth, n_prompt, NULL, false, e) || !choose(b, row, &token, e)))
        return -1;
    token = b->tokens[b->depth];
    for (size_t i = 0; i < n_gen; i++) {
        if (!session_eval(b->session, &token, 1, NULL, false, e) || !choose(b, row, &token, e))
            return -1;
        row->bytes_per_token += (double)session_bytes_per_token(b->session) / (double)n_gen;
    }
    int64_t ns = clock_ns() - start;
    head_counts after = session_head_counts(b->session);
    row->head.tokens += after.tokens - before.tokens;
    row->head.candidates += after.candidates - before.candidates;
    row->head.full += after.full - before.full;
    return ns;
}

/* The prompt of one sequence of several: all begin alike, with one token of their own. */
static int32_t own_token(const bench *b, size_t i)
{
    return (int32_t)(((size_t)b->tokens[b->depth] + i) % model_get_config(b->l.model)->vocab);
}

/* n_gen greedy steps of `count` sequences at once; the hash is that of the first one's tokens. Returns nanoseconds, -1 after a failure. */
static int64_t repetition_of_team(bench *b, size_t count, size_t n_gen, bench_row *row, trit_error *e)
{
    size_t vocab = model_get_config(b->l.model)->vocab;
    int32_t tokens[MOST_PARALLEL];
    row->hash = HASH_START;
    row->bytes_per_token = 0;
    for (size_t i = 0; i < count; i++) {
        session_truncate(b->team[i], b->depth);
        tokens[i] = own_token(b, i);
    }
    int64_t start = clock_ns();
    for (size_t step = 0; step < n_gen; step++) {
        if (!session_eval_each(b->team, tokens, count, b->logits, e))
            return -1;
        for (size_t i = 0; i < count; i++) {
            sampler greedy = { 0 };
            tokens[i] = sample(&greedy, b->logits + i * vocab, vocab);
        }
        row->hash = hash_token(row->hash, tokens[0]);
        row->bytes_per_token += (double)session_bytes_per_token(b->session) / (double)n_gen;
    }
    return clock_ns() - start;
}

/* A warm-up and the counted repetitions of one test, printed as one row. */
static bool measure(bench *b, size_t n_prompt, size_t n_gen, size_t n_parallel, size_t repetitions, trit_error *e)
{
    int64_t *samples = malloc(repetitions * sizeof *samples);
    if (!samples)
        return fail(e, "not enough memory for %zu samples", repetitions);
    bench_row row = { .n_prompt = n_prompt, .n_gen = n_gen, .n_depth = b->depth, .n_parallel = n_parallel ? n_parallel : 1, .samples = samples, .count = repetitions, .time = time(NULL) };
    bool ok = true;
    for (size_t i = 0; ok && i < repetitions + 1; i++) {
        if (i == 1)
            row.head = (head_counts){ 0 };
        row.bytes_per_token = 0;
        int64_t ns = n_parallel ? repetition_of_team(b, n_parallel, n_gen, &row, e) : repetition(b, n_prompt, n_gen, &row, e);
        ok = ns >= 0;
        if (ok && i > 0)
            samples[i - 1] = ns;
    }
    row.threads = pool_threads(b->l.pool);
    if (ok)
        bench_report_row(&b->setup, &row, b->first_row);
    b->first_row = false;
    free(samples);
    return ok;
}

static void free_team(bench *b)
{
    for (size_t i = 1; i < b->team_size; i++)
        session_free(b->team[i]);
    free(b->team);
    free(b->logits);
    b->team = NULL;
    b->logits = NULL;
    b->team_size = 0;
}

/* Conversations beside the first one, each with the same context before it. */
static bool make_team(bench *b, size_t count, size_t context, trit_error *e)
{
    b->team = calloc(count, sizeof *b->team);
    b->logits = malloc(count * model_get_config(b->l.model)->vocab * sizeof *b->logits);
    if (!b->team || !b->logits)
        return fail(e, "not enough memory for %zu sequences at once", count);
    b->team[0] = b->session;
    for (b->team_size = 1; b->team_size < count; b->team_size++) {
        session *s = b->team[b->team_size] = session_new(b->l.model, b->l.kv, context, TEAM_BATCH, e);
        if (!s)
            return false;
        if (b->depth && !session_eval(s, b->tokens, b->depth, NULL, false, e)) {
            session_free(s);
            return false;
        }
    }
    return true;
}

static bool use_threads(bench *b, int64_t threads, const model_options *o, size_t context, size_t parallel, trit_error *e)
{
    free_team(b);
    session_free(b->session);
    b->session = NULL;
    if (pool_threads(b->l.pool) != threads) {
        pool *p = pool_new((int)threads, o->cpus, e);
        if (!p)
            return false;
        model_set_pool(b->l.model, p);
        pool_free(b->l.pool);
        b->l.pool = p;
    }
    b->session = session_new(b->l.model, b->l.kv, context, PREFILL_BATCH, e);
    if (!b->session)
        return false;
    if (!b->depth)
        return !parallel || make_team(b, parallel, context, e);
    cached_prompt cached = prompt_begin(b->session, &b->cache, b->tokens, b->depth);
    if (!session_eval(b->session, b->tokens + cached.reused, b->depth - cached.reused, NULL, false, e))
        return false;
    prompt_keep(b->session, &b->cache, cached, b->tokens, b->depth);
    return !parallel || make_team(b, parallel, context, e);
}

typedef struct { int64_t *values; size_t count; } list;

static bool run_all(bench *b, const model_options *o, list threads, list prompts, list gens, list parallel, size_t repetitions, trit_error *e)
{
    const model_config *c = model_get_config(b->l.model);
    int64_t context = 1, most = 0;
    for (size_t i = 0; i < parallel.count; i++)
        most = parallel.values[i] > most ? parallel.values[i] : most;
    for (size_t i = 0; i < prompts.count; i++)
        context = prompts.values[i] > context ? prompts.values[i] : context;
    uint64_t bos = 0;
    bool has_bos = gguf_u64(b->l.gguf, "tokenizer.ggml.bos_token_id", &bos) && bos < c->vocab;
    context += (int64_t)b->depth;
    b->tokens = malloc((size_t)context * sizeof *b->tokens);
    if (!b->tokens)
        return fail(e, "not enough memory for the prompt");
    random_prompt(NULL, c->vocab, has_bos ? (int32_t)bos : -1, 1, b->tokens, (size_t)context);
    for (size_t i = 0; i < gens.count; i++)
        context = gens.values[i] + (int64_t)b->depth > context ? gens.values[i] + (int64_t)b->depth : context;
    context = most > context ? most : context; /* the buffers of a session are for no more tokens than that */
    for (size_t t = 0; t < threads.count; t++) {
        if (!use_threads(b, threads.values[t], o, (size_t)context, (size_t)most, e))
            return false;
        for (size_t i = 0; i < prompts.count; i++)
            if (prompts.values[i] && !measure(b, (size_t)prompts.values[i], 0, 0, repetitions, e))
                return false;
        for (size_t i = 0; i < gens.count; i++)
            for (size_t p = 0; p < parallel.count || (!p && !parallel.count); p++)
                if (gens.values[i] && !measure(b, 0, (size_t)gens.values[i], parallel.count ? (size_t)parallel.values[p] : 0, repetitions, e))
                    return false;
    }
    return true;
}

int cmd_bench(int argc, char **argv)
{
    model_options o = { .head = "auto" };
    const char *threads_text = NULL, *prompt_text = "512", *gen_text = "64", *parallel_text = NULL, *format = "md";
    int64_t repetitions = 5, depth = 0;
    bench b = { .first_row = true };
    const option table[] = {
        { "model", 'm', OPTION_TEXT, &o.model, "FILE", "GGUF model", 0, 0 },
        { "threads", 't', OPTION_TEXT, &threads_text, "N,...", "thread counts (default: one for each fast core)", 0, 0 },
        { "cpus", 0, OPTION_TEXT, &o.cpus, "LIST", "pin threads to these CPUs, as in 0-3,6", 0, 0 },
        LOAD_OPTIONS(o),
        HEAD_OPTION(o),
        { "kv", 0, OPTION_TEXT, &o.kv, "TYPE", "keys and values in half precision, 8 or 4 bits (f16, q8_0, q4_0)", 0, 0 },
        { "n-prompt", 'p', OPTION_TEXT, &prompt_text, "N,...", "prompt lengths for prefill (512; 0: none)", 0, 0 },
        { "n-gen", 'n', OPTION_TEXT, &gen_text, "N,...", "tokens to decode (64; 0: none)", 0, 0 },
        { "parallel", 0, OPTION_TEXT, &parallel_text, "N,...", "decode so many sequences at once, with the full head; t/s is of all of them", 0, 0 },
        { "n-depth", 'd', OPTION_INT, &depth, "N", "tokens that are in the context before each test (0)", 0, REQUEST_MAX_TOKENS },
        PROMPT_OPTIONS(b.cache),
        { "repetitions", 'r', OPTION_INT, &repetitions, "N", "counted repetitions of each test (5), after a warm-up", 1, 1000 },
        { "output", 'o', OPTION_TEXT, &format, "FORMAT", "md, json, jsonl or csv", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table,
                               "-m FILE [-p 512] [-n 64] [-t 1,2] [-r 5] [-o md]",
                               "Measures prefill and decode; every test starts from a context that is empty or has -d tokens.");
    if (status >= 0)
        return status;
    if ((status = prompt_options_status(&b.cache)) >= 0)
        return status;
    if (!bench_format_named(format, &b.setup.format))
        return complain(NULL, 2, "--output wants md, json, jsonl or csv, not \"%s\"", format);
    list threads = { 0 }, prompts = { 0 }, gens = { 0 }, parallel = { 0 };
    if (parallel_text && !strcmp(o.head, "auto"))
        o.head = "full"; /* a screen is read for each token anew, the full head once for all */
    if ((parallel_text && !numbers_parse("parallel", parallel_text, 1, MOST_PARALLEL, &parallel.values, &parallel.count)) ||
        (threads_text && !numbers_parse("threads", threads_text, 1, 512, &threads.values, &threads.count)) ||
        !numbers_parse("n-prompt", prompt_text, 0, REQUEST_MAX_TOKENS, &prompts.values, &prompts.count) ||
        !numbers_parse("n-gen", gen_text, 0, REQUEST_MAX_TOKENS, &gens.values, &gens.count))
        status = 2;
    o.threads = threads.count ? threads.values[0] : 0;
    if (status < 0 && !load_all(&b.l, &o, false))
        status = b.l.status;
    if (status < 0) {
        trit_error e = { "" };
        int64_t chosen = pool_threads(b.l.pool);
        b.setup.loaded = &b.l;
        b.setup.file = o.model;
        b.setup.batch = PREFILL_BATCH;
        b.depth = (size_t)depth;
        bench_report_begin(&b.setup);
        bool ok = run_all(&b, &o, threads.count ? threads : (list){ &chosen, 1 }, prompts, gens, parallel, (size_t)repetitions, &e);
        bench_report_end(&b.setup);
        status = ok ? 0 : complain(NULL, 1, "%s", e.text);
        free_team(&b);
        session_free(b.session);
        unload_all(&b.l);
    }
    free(b.tokens);
    free(threads.values);
    free(prompts.values);
    free(gens.values);
    free(parallel.values);
    return status;
}
