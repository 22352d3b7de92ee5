/* Buffers and key/value cache of one conversation, and the evaluation of tokens in batches. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include "clock.h"
#include "model_private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static bool check_memory(const session *s, trit_error *e)
{
    int64_t available = memory_available(), space = address_space_left();
    double own = (double)s->kv.bytes + (double)s->buffer_bytes, needed = own + (double)s->model->mapped_bytes; /* which has its address space */
    bool short_space = space >= 0 && own > (double)space;
    if (short_space || (available >= 0 && needed > (double)available))
        return fail(e,
                    "%.0f MB of memory are needed (%.0f of them for a context of %zu tokens), but only %.0f are available; "
                    "a smaller --context needs less",
                    (short_space ? own : needed) / 1e6, (double)s->kv.bytes / 1e6, s->context, (double)(short_space ? space : available) / 1e6);
    return true;
}

/* Cuts the float buffers out of one mapping, each at a multiple of 64 bytes; with memory NULL only counts. Returns the bytes. */
static size_t place_buffers(session *s, char *memory)
{
    const model_config *c = &s->model->config;
    const struct { float **at; size_t rows, width; } parts[] = {
        { &s->x, s->max_batch, c->dim },
        { &s->normed, s->max_batch, c->dim },
        { &s->branch, s->max_batch, c->dim },
        { &s->q, s->max_batch, c->heads * c->head_dim },
        { &s->attended, s->max_batch, c->heads * c->head_dim },
        { &s->k, s->max_batch, c->kv_heads * c->head_dim },
        { &s->v, s->max_batch, c->kv_heads * c->head_dim },
        { &s->gate, s->max_batch, c->ffn },
        { &s->up, s->max_batch, c->ffn },
        { &s->cosine, s->max_batch, c->rope_dim / 2 },
        { &s->sine, s->max_batch, c->rope_dim / 2 },
        { &s->scratch, 1, s->scratch_size },
    };
    size_t used = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        *parts[i].at = memory ? (float *)(void *)(memory + used) : NULL;
        used += (parts[i].rows * parts[i].width * sizeof(float) + 63) & ~(size_t)63;
    }
    return used;
}

session *session_new(model *m, kv_type kv, size_t context, size_t max_batch, trit_error *e)
{
    const model_config *c = &m->config;
    if (!context)
        context = c->context < 4096 ? c->context : 4096;
    if (context > c->context) {
        fail(e, "a context of %zu tokens was asked for, but this model was made for at most %zu", context, c->context);
        return NULL;
    }
    session *s = calloc(1, sizeof *s);
    if (!s) {
        fail(e, "not enough memory for a session");
        return NULL;
    }
    s->model = m;
    s->context = context;
    s->max_batch = !max_batch ? 1 : max_batch < context ? max_batch : context;
    s->threads = (size_t)pool_threads(m->pool);
    s->scratch_size = attention_scratch(c, context, s->threads);
    s->buffer_bytes = place_buffers(s, NULL);
    if (!kv_shape(&s->kv, kv, c->layers, c->kv_heads, c->head_dim, context, e) || !check_memory(s, e)) {
        free(s);
        return NULL;
    }
    size_t widest = c->dim > c->ffn ? c->dim : c->ffn;
    if (c->heads * c->head_dim > widest)
        widest = c->heads * c->head_dim;
    void *buffers = mmap(NULL, s->buffer_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    s->buffer_memory = buffers == MAP_FAILED ? NULL : buffers;
    s->activations = activations_new(s->max_batch, widest, e);
    if (!kv_map(&s->kv) || !s->buffer_memory || !s->activations) {
        if (s->activations || !e->text[0])
            fail(e, "not enough memory for a context of %zu tokens; a smaller --context needs less", context);
        session_free(s);
        return NULL;
    }
    place_buffers(s, s->buffer_memory);
    return s;
}

void session_free(session *s)
{
    if (!s)
        return;
    kv_unmap(&s->kv);
    if (s->buffer_memory)
        munmap(s->buffer_memory, s->buffer_bytes);
    activations_free(s->activations);
    chooser_free(s->chooser);
    free(s);
}

void session_listen(session *s, session_listener listener, void *arg)
{
    s->listener = listener;
    s->listener_arg = arg;
}

void session_reset(session *s)
{
    s->length = s->last = 0;
    (void)kv_forget_file(&s->kv); /* if that cannot be, what is written hides the file all the same */
}

void session_truncate(session *s, size_t length)
{
    if (length < s->length)
        s->length = length;
    s->last = 0;
}

size_t session_length(const session *s)
{
    return s->length;
}

size_t session_context(const session *s)
{
    return s->context;
}

size_t session_bytes_per_token(const session *s)
{
    return s->model->weight_bytes + s->candidate_bytes + kv_bytes(&s->kv, s->length);
}

bool session_eval(session *s, const int32_t *tokens, size_t n, float *logits, bool all, trit_error *e)
{
    size_t vocab = s->model->config.vocab;
    if (n > s->context - s->length)
        return fail(e, "%zu more tokens do not fit: %zu of the context's %zu are taken", n, s->length, s->context);
    for (size_t i = 0; i < n; i++)
        if (tokens[i] < 0 || (size_t)tokens[i] >= vocab)
            return fail(e, "token %" PRId32 " is outside the vocabulary of %zu", tokens[i], vocab);
    for (size_t done = 0; done < n;) {
        size_t batch = n - done < s->max_batch ? n - done : s->max_batch;
        bool last = done + batch == n;
        forward_layers(s, NULL, tokens + done, batch);
        if (logits && all)
            forward_head(s, 0, batch, logits + done * vocab);
        else if (logits && last)
            forward_head(s, batch - 1, 1, logits);
        s->last = logits && (all || last) ? 0 : batch;
        s->length += batch;
        done += batch;
    }
    return true;
}

/* Row t of the buffers that s lends, with the keys and values of another session. */
static session view_of(const session *s, const session *own, size_t t)
{
    const model_config *c = &s->model->config;
    session v = *s;
    v.length = own->length;
    v.kv = own->kv;
    v.q += t * c->heads * c->head_dim;
    v.attended += t * c->heads * c->head_dim;
    v.k += t * c->kv_heads * c->head_dim;
    v.v += t * c->kv_heads * c->head_dim;
    v.cosine += t * (c->rope_dim / 2);
    v.sine += t * (c->rope_dim / 2);
    return v;
}

bool session_eval_each(session *const *s, const int32_t *tokens, size_t n, float *logits, trit_error *e)
{
    size_t vocab = s[0]->model->config.vocab;
    if (n > s[0]->max_batch)
        return fail(e, "%zu conversations at once, and the buffers are for %zu", n, s[0]->max_batch);
    for (size_t i = 0; i < n; i++) {
        if (s[i]->model != s[0]->model || s[i]->context > s[0]->context)
            return fail(e, "conversation %zu is of another model or longer than the first one", i);
        if (s[i]->length == s[i]->context)
            return fail(e, "the context of conversation %zu is full", i);
        if (tokens[i] < 0 || (size_t)tokens[i] >= vocab)
            return fail(e, "token %" PRId32 " is outside the vocabulary of %zu", tokens[i], vocab);
    }
    session *views = malloc(n * sizeof *views);
    if (!views)
        return fail(e, "not enough memory for %zu conversations at once", n);
    for (size_t i = 0; i < n; i++)
        views[i] = view_of(s[0], s[i], i);
    forward_layers(s[0], views, tokens, n);
    forward_head(s[0], 0, n, logits);
    for (size_t i = 0; i < n; i++) {
        s[i]->length++;
        s[i]->last = 0;
    }
    free(views);
    return true;
}

bool session_next(session *s, sampler *how, int32_t *token, trit_error *e)
{
    const model *m = s->model;
    if (!s->last)
        return fail(e, "there is no position to choose a token for");
    if (!s->chooser && !(s->chooser = chooser_new(&m->head, m->screen, pool_threads(m->pool), e)))
        return false;
    head_counts before = s->counts;
    const float *x = forward_final(s, s->last - 1, 1);
    *token = chooser_next(s->chooser, x, s->activations, how, &s->counts, m->ops, m->pool);
    s->last = 0;
    s->candidate_bytes = 0;
    if (m->screen)
        s->candidate_bytes = (s->counts.candidates - before.candidates) * (m->head.bytes / m->head.rows) +
                             (s->counts.full - before.full) * m->head.bytes;
    return true;
}

head_counts session_head_counts(const session *s)
{
    return s->counts;
}
