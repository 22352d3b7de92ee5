/* trit serve: requests on standard input, events on standard output; the protocol stands in README.md. One load for all. */
#include "../serve_request.h"
#include "../text_stream.h"
#include "events.h"
#include "lines.h"
#include "kept_prompt.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { QUEUE = 64 };

typedef struct { serve_request request; int64_t received_ns; } pending;

typedef struct {
    loaded l;
    session *session;
    int32_t *held;                 /* [context] the tokens of the session's positions */
    prompt_options cache;
    line_reader input;
    pending queue[QUEUE];          /* generate requests that wait for their turn, oldest first */
    size_t queued;
    const char *running;           /* id of the request being generated, or NULL */
    bool cancelled, quit;
} server;

static void remove_pending(server *v, size_t i)
{
    memmove(&v->queue[i], &v->queue[i + 1], (v->queued - i - 1) * sizeof v->queue[0]);
    v->queued--;
}

static void cancel(server *v, const char *id)
{
    if (v->running && !strcmp(id, v->running)) {
        v->cancelled = true;
        return;
    }
    for (size_t i = 0; i < v->queued; i++)
        if (!strcmp(id, v->queue[i].request.id)) {
            process_usage u = usage_now();
            generation g = { .request_ns = v->queue[i].received_ns, .stop = "cancelled", .hash = HASH_START, .tail = "",
                             .before = u, .prefilled = u, .after = u };
            event_done(id, &g);
            serve_request_free(&v->queue[i].request);
            remove_pending(v, i);
            return;
        }
    event_error(id, "there is no request with this id to cancel; it may have ended already");
}

static bool is_taken(const server *v, const char *id)
{
    bool taken = v->running && !strcmp(id, v->running);
    for (size_t i = 0; i < v->queued; i++)
        taken |= !strcmp(id, v->queue[i].request.id);
    return taken;
}

static void handle_line(server *v, const char *line, size_t len, int64_t received_ns)
{
    trit_error e = { "" };
    serve_request r;
    bool keep = false;
    if (!serve_request_parse(&r, line, len, &e)) {
        event_error(r.id, e.text);
    } else if (r.op == REQUEST_QUIT) {
        v->quit = v->cancelled = true;
    } else if (r.op == REQUEST_USAGE) {
        event_usage(r.id);
    } else if (r.op == REQUEST_CANCEL) {
        cancel(v, r.id);
    } else if (is_taken(v, r.id)) {
        event_error(r.id, "a request with this id has not ended yet");
    } else if (v->queued == QUEUE) {
        event_error(r.id, "too many requests are waiting; send this one again when others are done");
    } else {
        v->queue[v->queued++] = (pending){ r, received_ns };
        keep = true;
    }
    if (!keep)
        serve_request_free(&r);
}

/* Takes what has come in, waiting for it at most timeout_ms. */
static void attend(server *v, int timeout_ms)
{
    if (!lines_fill(&v->input, timeout_ms)) {
        event_error("", "not enough memory for the request line");
        v->quit = v->cancelled = true;
        return;
    }
    const char *line;
    size_t len;
    int64_t now = clock_ns();
    for (line_state state; !v->quit && (state = lines_next(&v->input, &line, &len)) != LINE_NONE;) {
        if (state == LINE_TOO_LONG)
            event_error("", "the line is longer than 16 MiB; it was skipped");
        else if (len && !(len == 1 && *line == '\r'))
            handle_line(v, line, len, now);
    }
}

/* Evaluates the prompt and chooses the first token. */
static bool prefill(server *v, serve_request *r, const int32_t *tokens, size_t done, size_t n, int32_t *id, trit_error *e)
{
    while (done < n && !v->cancelled) {
        size_t batch = n - done < PREFILL_BATCH ? n - done : PREFILL_BATCH;
        if (!session_eval(v->session, tokens + done, batch, NULL, false, e))
            return false;
        done += batch;
        if (done < n)
            attend(v, 0);
    }
    return v->cancelled || session_next(v->session, &r->sampler, id, e);
}

/* Reports, evaluates and chooses until something stops it; fills g. A token's time stamp is taken when it is known, before it is
   written. */
static bool decode(server *v, serve_request *r, int32_t id, generation *g, text_stream *text, trit_error *e)
{
    double bytes = 0;
    for (g->stop = NULL; !g->stop;) {
        if (v->cancelled) {
            g->stop = "cancelled";
            break;
        }
        if (g->n_gen == r->max_tokens) {
            g->stop = "length";
            break;
        }
        int64_t now = clock_ns();
        if (!r->ignore_eos && tokenizer_is_end(v->l.tokenizer, id)) {
            g->stop = "end";
            break;
        }
        g->last_ns = now;
        if (!g->n_gen)
            g->first_ns = now;
        g->hash = hash_token(g->hash, id);
        if (!text_stream_add(text, v->l.tokenizer, id))
            return fail(e, "not enough memory for the text");
        size_t whole = text_stream_whole(text);
        event_token(r->id, g->n_gen++, id, whole ? text->bytes : "", whole, now);
        if (whole)
            text_stream_drop(text, whole);
        attend(v, 0);
        if (v->cancelled || g->n_gen == r->max_tokens)
            continue;
        if (session_length(v->session) == session_context(v->session)) {
            g->stop = "context";
            break;
        }
        v->held[session_length(v->session)] = id;
        if (!session_eval(v->session, &id, 1, NULL, false, e) || !session_next(v->session, &r->sampler, &id, e))
            return false;
        bytes += (double)session_bytes_per_token(v->session);
    }
    g->bytes_per_token = g->n_gen > 1 ? bytes / (double)(g->n_gen - 1) : (double)session_bytes_per_token(v->session);
    return true;
}

/* Positions that the session may keep: the same tokens from the start, but not the prompt's last one, whose logits are wanted. */
static size_t same_beginning(const server *v, const int32_t *tokens, size_t n)
{
    size_t common = 0;
    while (common + 1 < n && common < session_length(v->session) && v->held[common] == tokens[common])
        common++;
    return common;
}

/* What the session, or the request's or the server's prompt cache knows. A file of no use is no failure: g says why. */
static cached_prompt begin_cached(server *v, const serve_request *r, const int32_t *tokens, generation *g)
{
    cached_prompt found = { 0, 0 };
    const char *file = r->prompt_cache ? r->prompt_cache : v->cache.file;
    trit_error e = { "" };
    if (r->keep)
        session_truncate(v->session, found.common = found.reused = same_beginning(v, tokens, g->n_prompt));
    else if (!file || !*file)
        session_reset(v->session);
    else if (!prompt_cache_load(v->session, file, v->cache.whole, tokens, g->n_prompt, &found, &e))
        snprintf(g->cache_error, sizeof g->cache_error, "%s", e.text);
    g->n_cached = found.reused;
    memcpy(v->held, tokens, g->n_prompt * sizeof *tokens);
    return found;
}

static void keep_cached(server *v, const serve_request *r, const int32_t *tokens, cached_prompt found, generation *g)
{
    const char *file = r->prompt_cache ? r->prompt_cache : v->cache.file;
    trit_error e = { "" };
    if (r->keep || !file || !*file || v->cache.read_only || found.common >= g->n_prompt || session_length(v->session) < g->n_prompt)
        return;
    g->cache_written = prompt_cache_save(v->session, file, tokens, g->n_prompt, &e);
    if (!g->cache_written)
        snprintf(g->cache_error, sizeof g->cache_error, "%s", e.text);
}

static void generate(server *v, serve_request *r, int64_t received_ns)
{
    trit_error e = { "" };
    generation g = { .request_ns = received_ns, .hash = HASH_START, .before = usage_now() };
    text_stream text = { 0 };
    int32_t *tokens = NULL, first = 0;
    head_counts before = session_head_counts(v->session);
    v->running = r->id;
    v->cancelled = false;
    cached_prompt cached = { 0, 0 };
    bool ok = serve_request_tokens(r, v->l.tokenizer, model_get_config(v->l.model)->vocab, &tokens, &g.n_prompt, &e);
    if (ok && g.n_prompt > session_context(v->session))
        ok = fail(&e, "the prompt has %zu tokens, but the context only holds %zu", g.n_prompt, session_context(v->session));
    if (ok) {
        int64_t start = clock_ns();
        event_start(r->id, g.n_prompt, start);
        start = clock_ns();
        cached = begin_cached(v, r, tokens, &g);
        ok = prefill(v, r, tokens, cached.reused, g.n_prompt, &first, &e);
        g.prefill_ns = clock_ns() - start;
        g.prefilled = usage_now();
    }
    ok = ok && decode(v, r, first, &g, &text, &e);
    head_counts after = session_head_counts(v->session);
    g.head = (head_counts){ after.tokens - before.tokens, after.candidates - before.candidates, after.full - before.full };
    g.screen = !strcmp(model_head(v->l.model), "screen");
    g.after = usage_now();
    if (ok)
        keep_cached(v, r, tokens, cached, &g);
    g.tail = text.bytes ? text.bytes : "";
    g.tail_len = text.len;
    if (ok)
        event_done(r->id, &g);
    else
        event_error(r->id, e.text);
    v->running = NULL;
    free(tokens);
    text_stream_free(&text);
}

static void serve(server *v)
{
    while (!v->quit) {
        if (v->queued) {
            pending next = v->queue[0];
            remove_pending(v, 0);
            generate(v, &next.request, next.received_ns);
            serve_request_free(&next.request);
        } else if (v->input.ended) {
            return;
        } else {
            attend(v, -1);
        }
    }
}

int cmd_serve(int argc, char **argv)
{
    model_options o = { .head = "auto" };
    prompt_options cache = { 0 };
    const option table[] = { MODEL_OPTIONS(o), HEAD_OPTION(o), PROMPT_OPTIONS(cache) };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table, "-m FILE [options]",
                               "Answers NDJSON requests on stdin with NDJSON events on stdout (see README.md).");
    if (status >= 0)
        return status;
    if ((status = prompt_options_status(&cache)) >= 0)
        return status;
    server *v = calloc(1, sizeof *v);
    if (!v)
        return complain(NULL, 1, "not enough memory");
    if (!load_all(&v->l, &o, true)) {
        status = v->l.status;
        free(v);
        return status;
    }
    trit_error e = { "" };
    v->cache = cache;
    v->session = session_new(v->l.model, v->l.kv, (size_t)o.context, PREFILL_BATCH, &e);
    if (v->session && !(v->held = malloc(session_context(v->session) * sizeof *v->held)))
        fail(&e, "not enough memory for the tokens of the context");
    if (v->held) {
        v->input = (line_reader){ .fd = 0, .limit = REQUEST_MAX_LINE };
        event_ready(&v->l, &o, v->session);
        serve(v);
        status = 0;
    } else {
        status = complain(NULL, 1, "%s", e.text);
    }
    while (v->queued) {
        serve_request_free(&v->queue[0].request);
        remove_pending(v, 0);
    }
    lines_free(&v->input);
    free(v->held);
    session_free(v->session);
    unload_all(&v->l);
    free(v);
    return status;
}
