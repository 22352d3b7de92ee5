#include "events.h"
#include "../json.h"
#include "../tune.h"
#include "../version.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <unistd.h>

static json_writer begin(const char *event, const char *id)
{
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_text(&w, "event", event);
    if (id)
        json_text(&w, "id", id);
    return w;
}

static void end(json_writer *w)
{
    json_close(w, '}');
    json_end_line(w);
}

/* Negative values mean unknown. */
static void amount(json_writer *w, const char *key, int64_t value)
{
    if (value < 0)
        json_null(w, key);
    else
        json_integer(w, key, value);
}

static void difference(json_writer *w, const char *key, int64_t before, int64_t after)
{
    amount(w, key, before < 0 || after < 0 ? -1 : after - before);
}

static void write_model(json_writer *w, const loaded *l, const model_options *o)
{
    const model_config *c = model_get_config(l->model);
    json_open(w, "model", '{');
    json_text(w, "file", o->model);
    json_text(w, "arch", c->arch_name);
    json_integer(w, "bytes", (int64_t)gguf_size(l->gguf));
    json_integer(w, "vocab", (int64_t)c->vocab);
    json_integer(w, "context", (int64_t)c->context);
    json_integer(w, "layers", (int64_t)c->layers);
    json_integer(w, "dim", (int64_t)c->dim);
    json_close(w, '}');
}

void event_ready(const loaded *l, const model_options *o, const session *s)
{
    json_writer w = begin("ready", NULL);
    json_text(&w, "version", trit_version);
    json_text(&w, "compiler", trit_compiler);
    json_text(&w, "flags", trit_flags);
    json_text(&w, "isa", ops_isa(l->ops));
    json_open(&w, "kernels", '{');
#define KERNEL(field, exact) json_text(&w, #field, ops_source(l->ops, #field));
#include "../kernels.inc"
#undef KERNEL
    json_close(&w, '}');
    json_text(&w, "layouts", model_layouts(l->model));
    json_text(&w, "head", model_head(l->model));
    json_integer(&w, "head_bytes", (int64_t)model_head_bytes(l->model));
    json_text(&w, "load", model_load_way(l->model));
    json_text(&w, "cache", model_cache(l->model) ? cache_path(model_cache(l->model)) : "");
    json_bool(&w, "cache_made", model_cache_made(l->model));
    const tuning *tuned = model_tuning(l->model);
    json_bool(&w, "tuned", tuned != NULL);
    json_number(&w, "tuned_ratio", tuned ? tuned->layout_ratio : NAN);
    json_integer(&w, "threads", pool_threads(l->pool));
    json_text(&w, "cpus", pool_cpus(l->pool));
    write_model(&w, l, o);
    json_text(&w, "chat", chat_format_name(l->tokenizer));
    json_integer(&w, "context", (int64_t)session_context(s));
    json_text(&w, "kv", kv_name(l->kv));
    json_integer(&w, "weight_bytes", (int64_t)model_weight_bytes(l->model));
    json_integer(&w, "load_ns", l->load_ns);
    json_integer(&w, "t_ns", clock_ns());
    json_integer(&w, "pid", (int64_t)getpid());
    end(&w);
}

void event_start(const char *id, size_t n_prompt, int64_t t_ns)
{
    json_writer w = begin("start", id);
    json_integer(&w, "n_prompt", (int64_t)n_prompt);
    json_integer(&w, "t_ns", t_ns);
    end(&w);
}

void event_token(const char *id, size_t index, int32_t token, const char *text, size_t len, int64_t t_ns)
{
    json_writer w = begin("token", id);
    json_integer(&w, "index", (int64_t)index);
    json_integer(&w, "token", token);
    json_string(&w, "text", text, len);
    json_integer(&w, "t_ns", t_ns);
    end(&w);
}

void event_done(const char *id, const generation *g)
{
    char hash[17];
    snprintf(hash, sizeof hash, "%016" PRIx64, g->hash);
    json_writer w = begin("done", id);
    json_integer(&w, "n_prompt", (int64_t)g->n_prompt);
    json_integer(&w, "n_cached", (int64_t)g->n_cached);
    json_integer(&w, "n_gen", (int64_t)g->n_gen);
    json_integer(&w, "request_ns", g->request_ns);
    json_integer(&w, "prefill_ns", g->prefill_ns);
    amount(&w, "first_ns", g->n_gen ? g->first_ns : -1);
    amount(&w, "last_ns", g->n_gen ? g->last_ns : -1);
    json_text(&w, "stop", g->stop);
    json_text(&w, "hash", hash);
    json_string(&w, "text_tail", g->tail, g->tail_len);
    json_number(&w, "bytes_per_token", g->bytes_per_token);
    json_number(&w, "head_candidates", g->screen && g->head.tokens ? (double)g->head.candidates / (double)g->head.tokens : NAN);
    amount(&w, "head_fallbacks", g->screen ? (int64_t)g->head.full : -1);
    json_integer(&w, "cache_written", (int64_t)g->cache_written);
    if (*g->cache_error)
        json_text(&w, "cache_error", g->cache_error);
    else
        json_null(&w, "cache_error");
    difference(&w, "minor_faults", g->before.minor_faults, g->after.minor_faults);
    difference(&w, "major_faults", g->before.major_faults, g->after.major_faults);
    difference(&w, "decode_minor_faults", g->prefilled.minor_faults, g->after.minor_faults);
    difference(&w, "decode_major_faults", g->prefilled.major_faults, g->after.major_faults);
    difference(&w, "decode_read_bytes", g->prefilled.read_bytes, g->after.read_bytes);
    amount(&w, "rss", g->after.rss);
    amount(&w, "peak_rss", g->after.peak_rss);
    end(&w);
}

void event_usage(const char *id)
{
    process_usage u = usage_now();
    json_writer w = begin("usage", id);
    amount(&w, "rss", u.rss);
    amount(&w, "peak_rss", u.peak_rss);
    amount(&w, "minor_faults", u.minor_faults);
    amount(&w, "major_faults", u.major_faults);
    json_integer(&w, "t_ns", clock_ns());
    end(&w);
}

void event_error(const char *id, const char *message)
{
    json_writer w = begin("error", id);
    json_text(&w, "message", message);
    end(&w);
}

uint64_t hash_token(uint64_t hash, int32_t token)
{
    for (int i = 0; i < 4; i++)
        hash = (hash ^ ((uint32_t)token >> 8 * i & 0xff)) * 0x100000001b3u;
    return hash;
}
