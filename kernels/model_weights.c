/* Loads the matrices a model was bound to: settles the layout, opens or makes the packed cache, packs, maps or copies. */
#include "clock.h"
#include "model_private.h"
#include "slab.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { LARGE = 32 << 20 }; /* bytes of packed weights: less is packed in no time */

typedef struct {
    model *m;
    const bound *matrices;
    size_t count;
    const char *layout; /* of ternary ones */
} weights;

/* Adds a layout to the list "t2 f16" unless it stands there. */
static void note_layout(model *m, const char *layout)
{
    size_t len = strlen(layout);
    for (const char *p = m->layouts; (p = strstr(p, layout)); p += len)
        if ((p == m->layouts || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
            return;
    size_t have = strlen(m->layouts);
    snprintf(m->layouts + have, sizeof m->layouts - have, "%s%s", have ? " " : "", layout);
}

/* Bytes that the matrices will take; kept_alone: those that go to a packed cache. */
static uint64_t bytes_needed(const weights *w, const char *layout, bool kept_alone)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < w->count; i++) {
        const gguf_tensor *t = w->matrices[i].from;
        uint64_t kept = kept_bytes(t, layout);
        sum += kept || kept_alone ? kept : t->bytes;
    }
    return sum;
}

/* Mapped weights took their address space when the model was opened. */
static bool check_memory(const weights *w, trit_error *e)
{
    int64_t available = memory_available(), space = address_space_left();
    uint64_t needed = bytes_needed(w, w->layout, false), new_space = bytes_needed(w, w->layout, true);
    bool short_space = space >= 0 && new_space > (uint64_t)space;
    if (short_space || (available >= 0 && needed > (uint64_t)available))
        return fail(e, "%s: the weights need %.0f MB of memory, but only %.0f MB are available", gguf_path(w->m->gguf),
                    (double)(short_space ? new_space : needed) / 1e6, (double)(short_space ? space : available) / 1e6);
    return true;
}

static bool fits_memory(const weights *w, const char *layout)
{
    int64_t available = memory_available();
    return available < 0 || bytes_needed(w, layout, false) <= (uint64_t)available;
}

/* What was tuned, else the default; the smaller one where only that fits. */
static const char *settle_layout(const weights *w, const char *layout)
{
    model *m = w->m;
    if (strcmp(layout, "auto"))
        return layout;
    m->tuned = bytes_needed(w, "t2", true) >= LARGE && tune_find(m->gguf, m->ops, pool_threads(m->pool), &m->tuning);
    const char *chosen = m->tuned ? m->tuning.layout : "t2";
    return fits_memory(w, chosen) || !fits_memory(w, "t5") ? chosen : "t5";
}

/* Opens a cache that holds all it should. */
static cache *open_cache(const weights *w, const char *path, trit_error *e)
{
    cache *c = cache_open(path, w->m->gguf, e);
    for (size_t i = 0; c && i < w->count; i++)
        if (kept_bytes(w->matrices[i].from, w->layout) && !matrix_is_kept(c, w->matrices[i].from, w->layout)) {
            fail(e, "the packed cache %.200s does not hold all matrices", path);
            cache_close(c);
            c = NULL;
        }
    return c;
}

/* Packs all matrices that are kept into a file, a piece at a time, and opens it. */
static cache *make_cache(const weights *w, const char *path, trit_error *e)
{
    const gguf *g = w->m->gguf;
    cache_out *o = cache_create(path, g, bytes_needed(w, w->layout, true), e);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < w->count; i++)
        ok = !kept_bytes(w->matrices[i].from, w->layout) || matrix_pack(o, w->matrices[i].from, w->layout, w->m->pool, e);
    if (ok)
        return cache_commit(o, w->m->pool, e) ? open_cache(w, path, e) : NULL;
    cache_discard(o);
    return NULL;
}

/* Opens or makes the cache: in the folder asked for, else beside the model, else in the user's folder of caches. Without one the model
   works as well. What a user should know of it goes to m->note. */
static void find_cache(const weights *w, const char *where)
{
    model *m = w->m;
    char folder[PATH_MAX], beside[PATH_MAX], own[PATH_MAX];
    trit_error e = { "" };
    if (where && !strcmp(where, "off"))
        return;
    if (bytes_needed(w, w->layout, true) < (where ? 1 : LARGE))
        return;
    bool has_beside = cache_place(m->gguf, w->layout, where, beside, sizeof beside);
    bool has_own = !where && cache_folder(folder, sizeof folder, false) && cache_place(m->gguf, w->layout, folder, own, sizeof own);
    if (has_beside)
        m->cache = open_cache(w, beside, &e);
    if (!m->cache && has_own)
        m->cache = open_cache(w, own, &e);
    if (m->cache || !(has_beside || has_own))
        return;
    bool elsewhere = has_own && !(has_beside && cache_writable(beside)) && cache_folder(folder, sizeof folder, true);
    m->cache = make_cache(w, elsewhere ? own : beside, &e);
    m->cache_made = m->cache != NULL;
    if (m->cache)
        snprintf(m->note, sizeof m->note, "the packed weights (%.0f MB) are kept in %s for the next start; --cache off does without",
                 (double)cache_size(m->cache) / 1e6, cache_path(m->cache));
    else
        snprintf(m->note, sizeof m->note, "the packed weights are not kept for the next start: %s", e.text);
}

/* What was tuned. Else: mapped files stream as fast as anonymous memory where both come in huge pages. Where only memory does, a copy
   pays, if there is room. */
static load_mode settle_load(const model *m, load_mode load)
{
    if (load != LOAD_AUTO || !m->cache)
        return load;
    if (m->tuned && m->tuning.load != LOAD_AUTO)
        return m->tuning.load;
    int64_t available = memory_available();
    bool ample = available >= 0 && (uint64_t)available >= 2 * (uint64_t)cache_size(m->cache) + ((uint64_t)512 << 20);
    return cache_is_huge(m->cache) || !slab_is_huge() || !ample ? LOAD_MMAP : LOAD_COPY;
}

static bool load_matrices(const weights *w, load_mode load, trit_error *e)
{
    model *m = w->m;
    load_mode packed = settle_load(m, load);
    for (size_t i = 0; i < w->count; i++) {
        const bound *x = &w->matrices[i];
        matrix_options o = { w->layout, x->scale, type_is_ternary(x->from->type) ? packed : load, m->cache };
        if (!matrix_load(x->to, x->from, &o, m->pool, e))
            return false;
        m->weight_bytes += x->to->bytes;
        if (!x->to->owned)
            m->mapped_bytes += x->to->bytes;
        note_layout(m, x->to->layout);
    }
    m->load = !m->cache ? "packed" : packed == LOAD_COPY ? "copy" : "mmap";
    return true;
}

bool weights_load(model *m, const bound *matrices, size_t count, const load_options *o, trit_error *e)
{
    weights w = { m, matrices, count, NULL };
    w.layout = settle_layout(&w, o->layout);
    if (!check_memory(&w, e))
        return false;
    find_cache(&w, o->cache);
    return load_matrices(&w, o->load, e);
}
