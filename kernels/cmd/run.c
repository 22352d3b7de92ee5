/* trit run: text from a prompt, streamed to standard output; a summary of the timing on standard error. */
#include "../clock.h"
#include "../head.h"
#include "../model.h"
#include "../text_stream.h"
#include "kept_prompt.h"
#include "read_text.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { INTERRUPTED = 130 };

static volatile sig_atomic_t interrupted;

/* The first Ctrl-C ends the text in good order, a second one ends the program. */
static void on_interrupt(int signal_number)
{
    (void)signal_number;
    interrupted = 1;
}

static void watch_interrupts(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    action.sa_flags = (int)SA_RESETHAND;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

typedef struct {
    loaded l;
    session *session;
    sampler sampler;
    size_t max_tokens;          /* 0: until the text or the context ends */
    bool ignore_eos;
    prompt_options cache;
    size_t n_prompt, n_cached, n_gen;
    int64_t start_ns, first_ns, last_ns;
} run;

static bool prefill(run *r, const int32_t *ids, size_t n, cached_prompt *cached, trit_error *e)
{
    r->start_ns = clock_ns();
    r->n_prompt = n;
    *cached = (cached_prompt){ 0, 0 };
    if (n > session_context(r->session))
        return fail(e, "the prompt has %zu tokens, but the context only holds %zu", n, session_context(r->session));
    *cached = prompt_begin(r->session, &r->cache, ids, n);
    r->n_cached = cached->reused;
    for (size_t done = cached->reused; done < n && !interrupted;) {
        size_t batch = n - done < PREFILL_BATCH ? n - done : PREFILL_BATCH;
        if (!session_eval(r->session, ids + done, batch, NULL, false, e))
            return false;
        done += batch;
    }
    return true;
}

static bool decode(run *r, text_stream *text, trit_error *e)
{
    while (!interrupted && (!r->max_tokens || r->n_gen < r->max_tokens)) {
        int32_t id;
        if (!session_next(r->session, &r->sampler, &id, e))
            return false;
        if (!r->ignore_eos && tokenizer_is_end(r->l.tokenizer, id))
            return true;
        r->last_ns = clock_ns();
        if (!r->n_gen++)
            r->first_ns = r->last_ns;
        if (!text_stream_add(text, r->l.tokenizer, id))
            return fail(e, "not enough memory for the text");
        size_t whole = text_stream_whole(text);
        if (whole) {
            fwrite(text->bytes, 1, whole, stdout);
            fflush(stdout);
            text_stream_drop(text, whole);
        }
        if (r->n_gen == r->max_tokens || session_length(r->session) == session_context(r->session))
            return true;
        if (!session_eval(r->session, &id, 1, NULL, false, e))
            return false;
    }
    return true;
}

static void print_summary(const run *r)
{
    double prefill_s = (double)(r->first_ns - r->start_ns) / 1e9, decode_s = (double)(r->last_ns - r->first_ns) / 1e9;
    if (!r->n_gen) {
        fprintf(stderr, "prompt: %zu tokens; nothing generated\n", r->n_prompt);
        return;
    }
    fprintf(stderr, "prompt: %zu tokens", r->n_prompt);
    if (r->n_cached)
        fprintf(stderr, ", %zu of them from the prompt cache", r->n_cached);
    fprintf(stderr, ", first token after %.3f s (%.1f tokens/s); generated: %zu tokens", prefill_s,
            (double)r->n_prompt / prefill_s, r->n_gen);
    if (r->n_gen > 1)
        fprintf(stderr, ", %.1f tokens/s", (double)(r->n_gen - 1) / decode_s);
    head_counts h = session_head_counts(r->session);
    if (h.candidates)
        fprintf(stderr, "; head: %.1f candidates a token, %zu times full", (double)h.candidates / (double)h.tokens, h.full);
    fprintf(stderr, "; load %.2f s, %d threads, %s\n", (double)r->l.load_ns / 1e9, pool_threads(r->l.pool), ops_isa(r->l.ops));
}

/* The prompt as tokens: plain, or as the user's message in the model's chat format. */
static bool encode(const run *r, const char *prompt, size_t len, bool chat, const char *system, int32_t **ids, size_t *n,
                   trit_error *e)
{
    bool ok;
    if (chat) {
        if (strlen(prompt) != len)
            return fail(e, "the prompt contains the character U+0000");
        chat_message messages[] = { { "system", system }, { "user", prompt } };
        char *text = chat_render(r->l.tokenizer, system ? messages : messages + 1, system ? 2 : 1, e);
        ok = text && tokenize(r->l.tokenizer, text, strlen(text), TOKENIZE_BOS | TOKENIZE_SPECIAL, ids, n, e);
        free(text);
    } else {
        ok = tokenize(r->l.tokenizer, prompt, len, TOKENIZE_BOS, ids, n, e);
    }
    if (!ok || *n)
        return ok;
    free(*ids);
    *ids = NULL;
    return fail(e, "the prompt is empty");
}

static bool generate(run *r, const int32_t *ids, size_t n, size_t context, trit_error *e)
{
    text_stream text = { 0 };
    r->session = session_new(r->l.model, r->l.kv, context, PREFILL_BATCH, e);
    cached_prompt cached;
    bool ok = r->session && prefill(r, ids, n, &cached, e) && decode(r, &text, e);
    if (text.len)
        fwrite(text.bytes, 1, text.len, stdout);
    if (ok)
        putchar('\n');
    fflush(stdout);
    if (ok)
        prompt_keep(r->session, &r->cache, cached, ids, n);
    text_stream_free(&text);
    if (ok)
        print_summary(r);
    session_free(r->session);
    return ok;
}

int cmd_run(int argc, char **argv)
{
    model_options o = { .head = "auto" };
    const char *prompt = NULL, *system = NULL;
    int64_t n = 128, top_k = 0, seed = 1;
    double temperature = 0, top_p = 1;
    prompt_options cache = { 0 };
    bool chat = false, ignore_eos = false;
    const option table[] = {
        MODEL_OPTIONS(o),
        HEAD_OPTION(o),
        PROMPT_OPTIONS(cache),
        { "prompt", 'p', OPTION_TEXT, &prompt, "TEXT", "the prompt (-: standard input)", 0, 0 },
        { "n-predict", 'n', OPTION_INT, &n, "N", "generate at most N tokens (128; 0: to the end)", 0, 1048576 },
        { "temperature", 0, OPTION_FLOAT, &temperature, "T", "0: always the likeliest token (0)", 0, 1000 },
        { "top-k", 0, OPTION_INT, &top_k, "N", "choose among the N likeliest (0: all)", 0, 1e9 },
        { "top-p", 0, OPTION_FLOAT, &top_p, "P", "choose among the likeliest that hold P of the probability (1)", 0, 1 },
        { "seed", 's', OPTION_INT, &seed, "N", "the same seed gives the same text (1)", 0, 9e15 },
        { "chat", 0, OPTION_FLAG, &chat, NULL, "the prompt is a message in the model's chat format", 0, 0 },
        { "system", 0, OPTION_TEXT, &system, "TEXT", "system message, with --chat", 0, 0 },
        { "ignore-eos", 0, OPTION_FLAG, &ignore_eos, NULL, "go on after an end-of-text token", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table, "-m FILE -p PROMPT [-n N] [--chat] [options]",
                               "Generates text from a prompt and streams it.");
    if (status >= 0)
        return status;
    if ((status = prompt_options_status(&cache)) >= 0)
        return status;
    if (!prompt)
        return complain(NULL, 2, "no prompt given; use -p TEXT, or -p - to read it from standard input");
    if (system && !chat)
        return complain(NULL, 2, "--system only has a meaning with --chat");
    size_t len = strlen(prompt);
    char *input = NULL;
    if (!strcmp(prompt, "-")) {
        prompt = input = read_text("-", &len);
        if (!input)
            return 1;
    }
    run r = { .sampler = { (float)temperature, (int)top_k, (float)top_p, (uint64_t)seed }, .max_tokens = (size_t)n,
              .ignore_eos = ignore_eos, .cache = cache };
    if (!sampler_takes_screen(&r.sampler) && !strcmp(o.head, "auto"))
        o.head = "full";
    if (!load_all(&r.l, &o, true)) {
        free(input);
        return r.l.status;
    }
    trit_error e = { "" };
    int32_t *ids = NULL;
    size_t count;
    watch_interrupts();
    bool ok = encode(&r, prompt, len, chat, system, &ids, &count, &e) && generate(&r, ids, count, (size_t)o.context, &e);
    status = !ok ? complain(NULL, 1, "%s", e.text) : interrupted ? INTERRUPTED : 0;
    free(ids);
    free(input);
    unload_all(&r.l);
    return status;
}
