#include "importance.h"
#include "model.h"
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, CONTEXT = 512 };

typedef struct { char *name; size_t len, k, count; double *sums; float *means; } heard; /* of one matrix: sums[k] of squares of `count` inputs */

struct importance {
    heard *matrices;
    size_t count, room;
    bool failed;
};

static heard *entry_of(importance *all, const gguf_tensor *t)
{
    for (size_t i = 0; i < all->count; i++)
        if (all->matrices[i].len == t->name.len && !memcmp(all->matrices[i].name, t->name.data, t->name.len))
            return &all->matrices[i];
    if (all->count == all->room) {
        heard *more = realloc(all->matrices, (2 * all->room + 64) * sizeof *more);
        if (!more)
            return NULL;
        all->matrices = more;
        all->room = 2 * all->room + 64;
    }
    heard h = { malloc(t->name.len), t->name.len, (size_t)t->ne[0], 0, calloc((size_t)t->ne[0], sizeof(double)), NULL };
    if (h.name && h.sums) {
        memcpy(h.name, t->name.data, t->name.len);
        all->matrices[all->count] = h;
        return &all->matrices[all->count++];
    }
    free(h.name);
    free(h.sums);
    return NULL;
}

/* x[n][k] goes into a matrix. */
static void listen(void *arg, const gguf_tensor *t, const float *x, size_t n, size_t k)
{
    importance *all = arg;
    heard *h = all->failed ? NULL : entry_of(all, t);
    if (!h) {
        all->failed = true;
        return;
    }
    h->count += n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            h->sums[j] += (double)x[i * k + j] * (double)x[i * k + j];
}

static bool settle(importance *all)
{
    for (size_t i = 0; i < all->count; i++) {
        heard *h = &all->matrices[i];
        double total = 0;
        if (!(h->means = malloc(h->k * sizeof *h->means)))
            return false;
        for (size_t j = 0; j < h->k; j++)
            total += h->sums[j];
        /* A hundredth of the mean for all: what a text did not ask for may matter in another. */
        for (size_t j = 0; j < h->k; j++)
            h->means[j] = total > 0 && total < 1e300 ? (float)((h->sums[j] * (double)h->k / total + 0.01) / 1.01) : 1;
    }
    return true;
}

static bool run(importance *all, model *m, const int32_t *ids, size_t n, trit_error *e)
{
    size_t context = model_get_config(m)->context < CONTEXT ? model_get_config(m)->context : CONTEXT;
    session *s = session_new(m, KV_F16, context, BATCH, e);
    bool good = s != NULL;
    if (s)
        session_listen(s, listen, all);
    for (size_t at = 0; good && at < n;) {
        size_t room = context - session_length(s), batch = n - at < BATCH ? n - at : BATCH;
        if (!room) {
            session_reset(s);
            continue;
        }
        batch = batch < room ? batch : room;
        good = session_eval(s, ids + at, batch, NULL, false, e);
        at += batch;
    }
    session_free(s);
    if (good && (all->failed || !settle(all)))
        good = fail(e, "not enough memory for the inputs of all matrices");
    return good;
}

importance *importance_of_text(const gguf *g, const char *text, size_t len, size_t tokens, pool *threads, trit_error *e)
{
    importance *all = calloc(1, sizeof *all);
    tokenizer *words = all ? tokenizer_load(g, e) : NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    if (!all)
        fail(e, "not enough memory for the inputs of all matrices");
    bool good = words && tokenize(words, text, len, TOKENIZE_BOS, &ids, &n, e);
    if (good && n < 2)
        good = fail(e, "the text has no two tokens to learn from");
    model *m = good ? model_load(g, &(load_options){ "t2", "off", LOAD_MMAP, HEAD_FULL }, ops_for(NULL), threads, e) : NULL;
    good = m && run(all, m, ids, n < tokens ? n : tokens, e);
    model_free(m);
    tokenizer_free(words);
    free(ids);
    if (good)
        return all;
    importance_free(all);
    return NULL;
}

void importance_free(importance *i)
{
    for (size_t j = 0; i && j < i->count; j++) {
        free(i->matrices[j].name);
        free(i->matrices[j].sums);
        free(i->matrices[j].means);
    }
    if (i)
        free(i->matrices);
    free(i);
}

const float *importance_of(const importance *i, const gguf_tensor *t)
{
    for (size_t j = 0; i && j < i->count; j++)
        if (i->matrices[j].len == t->name.len && !memcmp(i->matrices[j].name, t->name.data, t->name.len) && i->matrices[j].k == t->ne[0])
            return i->matrices[j].means;
    return NULL;
}
