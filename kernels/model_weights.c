/* Loads the matrices a model was bound to: settles the layout, opens or makes the packed cache, packs, maps or copies. */
#include "clock.h"
#include "model_private.h"
#include "slab.h"
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LARGE = 32 << 20 }; /* bytes of packed weights: less is packed in no time */

typedef struct {
    model *m;
    const bound *matrices;
    size_t count;
    bool screened;      /* the last is a head that stays in the file, read by a screen */
    const char *layout; /* of ternary ones */
} weights;

/* Layout of its entry in a packed cache. */
static const char SCREEN[] = "screen";

static bool is_screened(const weights *w, size_t i)
{
    return w->screened && i == w->count - 1;
}

/* Bytes a matrix has in a packed cache. */
static uint64_t cached_bytes(const weights *w, size_t i, const char *layout)
{
    const gguf_tensor *t = w->matrices[i].from;
    return is_screened(w, i) ? screen_blob_bytes(t) : kept_bytes(t, layout);
}

/* The screen of a head in a cache; NULL: there is none. */
static const cache_entry *cached_screen(const cache *c, const gguf_tensor *t)
{
    const cache_entry *x = c ? cache_find(c, t->name, SCREEN) : NULL;
    return x && x->rows == t->rows && x->k == t->ne[0] && x->bytes == screen_blob_bytes(t) ? x : NULL;
}

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
        uint64_t kept = cached_bytes(w, i, layout);
        sum += kept || kept_alone ? kept : w->matrices[i].from->bytes;
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

/* What was tuned; else the one that is the faster on most such CPUs; the smaller one where only that fits. */
static const char *settle_layout(const weights *w, const char *layout)
{
    model *m = w->m;
    if (strcmp(layout, "auto"))
        return layout;
    bool large = tune_matters(m->gguf);
    m->tuned = large && tune_find(m->gguf, m->ops, pool_threads(m->pool), &m->tuning);
    const char *chosen = m->tuned ? m->tuning.layout : large && m->ops->prefers_t5 ? "t5" : "t2";
    return fits_memory(w, chosen) || !fits_memory(w, "t5") ? chosen : "t5";
}

static bool is_cached(const weights *w, const cache *c, size_t i)
{
    const gguf_tensor *t = w->matrices[i].from;
    return is_screened(w, i) ? cached_screen(c, t) != NULL : !kept_bytes(t, w->layout) || matrix_is_kept(c, t, w->layout);
}

/* Opens a cache that holds all it should. */
static cache *open_cache(const weights *w, const char *path, trit_error *e)
{
    cache *c = cache_open(path, w->m->gguf, e);
    for (size_t i = 0; c && i < w->count; i++)
        if (!is_cached(w, c, i)) {
            fail(e, "the packed cache %.200s does not hold all matrices", path);
            cache_close(c);
            c = NULL;
        }
    return c;
}

/* A screen is made whole in memory, which it will take anyhow. */
static bool write_screen(const weights *w, cache_out *o, const gguf_tensor *t, trit_error *e)
{
    size_t bytes = screen_blob_bytes(t);
    uint8_t *blob = slab_alloc(bytes);
    bool ok = blob ? screen_fill(t, blob, w->m->ops, w->m->pool, e) : fail(e, "the screen of the output head does not fit into memory");
    ok = ok && cache_begin(o, t, SCREEN, (size_t)t->rows, (size_t)t->ne[0], w->m->pool, e) && cache_append(o, blob, bytes, e);
    slab_free(blob);
    return ok;
}

static bool write_matrix(const weights *w, cache_out *o, size_t i, trit_error *e)
{
    const gguf_tensor *t = w->matrices[i].from;
    if (is_screened(w, i))
        return write_screen(w, o, t, e);
    return !kept_bytes(t, w->layout) || matrix_pack(o, t, w->layout, w->m->pool, e);
}

/* Packs all matrices that are kept into a file, a piece at a time, and opens it. */
static cache *make_cache(const weights *w, const char *path, trit_error *e)
{
    const gguf *g = w->m->gguf;
    cache_out *o = cache_create(path, g, bytes_needed(w, w->layout, true), e);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < w->count; i++)
        ok = write_matrix(w, o, i, e);
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

/* Where a copy is wanted, the blob of a screen goes to huge pages like the matrices. */
static bool take_screen(screen *s, const bound *x, const cache_entry *entry, load_mode load, trit_error *e)
{
    uint8_t *blob = load == LOAD_COPY ? slab_alloc(entry->bytes) : NULL;
    if (blob)
        memcpy(blob, entry->data, entry->bytes);
    return screen_adopt(s, x->from, x->scale, blob ? blob : (uint8_t *)(uintptr_t)entry->data, blob != NULL, e);
}

/* The head with its screen, from the cache or made here; the head itself stays in the file. */
static bool load_screen(model *m, const bound *x, load_mode load, trit_error *e)
{
    screen *s = calloc(1, sizeof *s);
    const cache_entry *entry = cached_screen(m->cache, x->from);
    if (!s)
        return fail(e, "not enough memory for the screen of the output head");
    if (!(entry && take_screen(s, x, entry, load, e)) && !screen_make(s, x->from, x->scale, m->ops, m->pool, e)) {
        free(s);
        return false;
    }
    m->screen = s;
    return matrix_map(x->to, x->from, x->scale, e);
}

static bool load_matrices(const weights *w, const load_options *options, trit_error *e)
{
    model *m = w->m;
    load_mode packed = settle_load(m, options->load);
    for (size_t i = 0; i < w->count; i++) {
        const bound *x = &w->matrices[i];
        matrix_options o = { w->layout, x->scale, kept_bytes(x->from, w->layout) ? packed : options->load, m->cache };
        bool screened = is_screened(w, i) && load_screen(m, x, packed, e);
        if (!screened && is_screened(w, i) && options->head == HEAD_SCREEN)
            return false;
        if (!screened && !matrix_load(x->to, x->from, &o, m->pool, e))
            return false;
        const matrix *read = screened ? &m->screen->matrix : x->to;
        size_t bytes = screened ? m->screen->bytes : read->bytes;
        m->weight_bytes += bytes;
        if (x->to == &m->head)
            m->head_bytes = bytes;
        if (screened ? !m->screen->blob : !read->owned)
            m->mapped_bytes += bytes;
        note_layout(m, read->layout);
    }
    m->load = !m->cache ? "packed" : packed == LOAD_COPY ? "copy" : "mmap";
    return true;
}

bool weights_load(model *m, const bound *matrices, size_t count, bool screened, const load_options *o, trit_error *e)
{
    weights w = { m, matrices, count, screened, NULL };
    w.layout = settle_layout(&w, o->layout);
    if (!check_memory(&w, e))
        return false;
    find_cache(&w, o->cache);
    return load_matrices(&w, o, e);
}
