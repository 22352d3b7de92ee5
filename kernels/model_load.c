/* Binds the tensors of a GGUF to a model: every name and shape is checked, every tensor of the file must be of use. */
#include "clock.h"
#include "layout.h"
#include "model_private.h"
#include "slab.h"
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Matrices are bound first and loaded when all of the file is known to be right. */
typedef struct { matrix *to; const gguf_tensor *from; float scale; } bound;

typedef struct {
    model *m;
    const char *layout; /* of ternary matrices */
    bound *matrices;    /* [gguf_count] */
    size_t count;
    bool *used; /* [gguf_count]: a tensor nobody asked for would mean a graph that is not the one computed here */
    trit_error *e;
} binder;

static const gguf_tensor *look_up(binder *b, const char *name)
{
    const gguf_tensor *t = gguf_find(b->m->gguf, name);
    for (size_t i = 0; t && i < gguf_count(b->m->gguf); i++)
        if (gguf_at(b->m->gguf, i) == t)
            b->used[i] = true;
    return t;
}

/* A tensor that must be there as [rows][k]. */
static const gguf_tensor *demand(binder *b, const char *name, uint64_t rows, uint64_t k)
{
    const gguf_tensor *t = look_up(b, name);
    if (!t) {
        fail(b->e, "%s: tensor %s is missing", gguf_path(b->m->gguf), name);
        return NULL;
    }
    if (t->rows != rows || t->ne[0] != k || (rows > 1 && t->ne[1] != rows)) {
        fail(b->e, "%s: tensor %s is %" PRIu64 " rows of %" PRIu64 ", but the keys ask for %" PRIu64 " rows of %" PRIu64,
             gguf_path(b->m->gguf), name, t->rows, t->ne[0], rows, k);
        return NULL;
    }
    return t;
}

static bool load_vector(binder *b, const char *name, size_t n, float **out)
{
    const gguf_tensor *t = demand(b, name, 1, n);
    if (!t)
        return false;
    *out = malloc(n * sizeof(float));
    if (!*out)
        return fail(b->e, "not enough memory for tensor %s", name);
    tensor_fetch_row_f32(t, 0, *out);
    b->m->weight_bytes += n * sizeof(float);
    return true;
}

/* Product scale of a matrix, from an optional one-element tensor. */
static bool load_scale(binder *b, const char *name, float *scale)
{
    const gguf_tensor *t = look_up(b, name);
    *scale = 1;
    if (!t)
        return true;
    if (t->type != TYPE_F32 || t->rows * t->ne[0] != 1)
        return fail(b->e, "%s: tensor %s must be one f32", gguf_path(b->m->gguf), name);
    tensor_row_f32(t, 0, scale);
    return isfinite(*scale) ? true : fail(b->e, "%s: tensor %s is not a finite number", gguf_path(b->m->gguf), name);
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

static bool bind_matrix(binder *b, const gguf_tensor *t, float scale, matrix *out)
{
    b->matrices[b->count++] = (bound){ out, t, scale };
    return true;
}

/* blk.N.<part>.weight with its optional blk.N.<part>.scale. */
static bool load_matrix(binder *b, size_t n, const char *part, size_t rows, size_t k, matrix *out)
{
    char name[64], scale_name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", n, part);
    snprintf(scale_name, sizeof scale_name, "blk.%zu.%s.scale", n, part);
    const gguf_tensor *t = demand(b, name, rows, k);
    float scale;
    return t && load_scale(b, scale_name, &scale) && bind_matrix(b, t, scale, out);
}

static bool load_norm(binder *b, size_t n, const char *part, size_t size, float **out)
{
    char name[64];
    snprintf(name, sizeof name, "blk.%zu.%s.weight", n, part);
    return load_vector(b, name, size, out);
}

static bool load_layer(binder *b, size_t n)
{
    const model_config *c = &b->m->config;
    layer *l = &b->m->layers[n];
    size_t q = c->heads * c->head_dim, kv = c->kv_heads * c->head_dim;
    bool sub_norms = c->arch != ARCH_LLAMA;
    return load_norm(b, n, "attn_norm", c->dim, &l->attn_norm) && load_matrix(b, n, "attn_q", q, c->dim, &l->q) &&
           load_matrix(b, n, "attn_k", kv, c->dim, &l->k) && load_matrix(b, n, "attn_v", kv, c->dim, &l->v) &&
           (!sub_norms || load_norm(b, n, "attn_sub_norm", q, &l->attn_sub_norm)) &&
           load_matrix(b, n, "attn_output", c->dim, q, &l->o) && load_norm(b, n, "ffn_norm", c->dim, &l->ffn_norm) &&
           load_matrix(b, n, "ffn_gate", c->ffn, c->dim, &l->gate) && load_matrix(b, n, "ffn_up", c->ffn, c->dim, &l->up) &&
           (!sub_norms || load_norm(b, n, "ffn_sub_norm", c->ffn, &l->ffn_sub_norm)) &&
           load_matrix(b, n, "ffn_down", c->dim, c->ffn, &l->down);
}

/* Embedding, head and the vocabulary's size, which is the number of embedding rows. */
static bool bind_ends(binder *b)
{
    model *m = b->m;
    model_config *c = &m->config;
    const gguf_tensor *t = look_up(b, "token_embd.weight");
    if (!t)
        return fail(b->e, "%s: tensor token_embd.weight is missing", gguf_path(m->gguf));
    if (t->rows < 1 || t->rows > (1 << 24))
        return fail(b->e, "%s: tensor token_embd.weight has %" PRIu64 " rows, outside 1 to 16777216", gguf_path(m->gguf),
                    t->rows);
    c->vocab = (size_t)t->rows;
    char key[96];
    uint64_t stated;
    snprintf(key, sizeof key, "%s.vocab_size", c->arch_name);
    if (gguf_u64(m->gguf, key, &stated) && stated != c->vocab)
        return fail(b->e, "%s: the key %s is %" PRIu64 ", but token_embd.weight has %zu rows", gguf_path(m->gguf), key, stated,
                    c->vocab);
    gguf_array tokens;
    if (gguf_arr(m->gguf, "tokenizer.ggml.tokens", &tokens) && tokens.count > c->vocab)
        return fail(b->e, "%s: the vocabulary has %" PRIu64 " tokens, but token_embd.weight only %zu rows", gguf_path(m->gguf),
                    tokens.count, c->vocab);
    m->embedding = demand(b, "token_embd.weight", c->vocab, c->dim);
    if (!m->embedding || !load_vector(b, "output_norm.weight", c->dim, &m->output_norm))
        return false;
    bool untied = gguf_find(m->gguf, "output.weight") != NULL;
    const gguf_tensor *head = untied ? demand(b, "output.weight", c->vocab, c->dim) : m->embedding;
    float scale;
    return head && load_scale(b, "output.scale", &scale) && bind_matrix(b, head, scale, &m->head);
}

static bool check_all_used(binder *b)
{
    look_up(b, "rope_freqs.weight"); /* read by config_frequencies */
    for (size_t i = 0; i < gguf_count(b->m->gguf); i++) {
        str name = gguf_at(b->m->gguf, i)->name;
        if (!b->used[i])
            return fail(b->e, "%s: tensor %.*s has no place in the %s graph, so its result would be wrong", gguf_path(b->m->gguf),
                        (int)(name.len < 100 ? name.len : 100), name.data, b->m->config.arch_name);
    }
    return true;
}

/* Bytes the weights will take: the ternary ones packed, the rest as in the file. */
static uint64_t bytes_needed(const gguf *g, const char *layout, bool ternary_alone)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (type_is_ternary(t->type))
            sum += packed_bytes(layout, t->rows, t->ne[0]);
        else if (!ternary_alone)
            sum += t->bytes;
    }
    return sum;
}

/* Mapped weights take address space when they are mapped, not here. */
static bool check_memory(const gguf *g, const char *layout, trit_error *e)
{
    int64_t available = memory_available(), space = address_space_left();
    uint64_t needed = bytes_needed(g, layout, false), new_space = bytes_needed(g, layout, true);
    if ((available >= 0 && needed > (uint64_t)available) || (space >= 0 && new_space > (uint64_t)space))
        return fail(e, "%s: the weights need %.0f MB of memory, but only %.0f MB are available", gguf_path(g), (double)needed / 1e6,
                    (double)(space >= 0 && (available < 0 || space < available) ? space : available) / 1e6);
    return true;
}

enum { LARGE = 32 << 20 }; /* bytes of ternary weights: less is packed in no time, and may stay in a CPU's caches */

static bool fits_memory(const gguf *g, const char *layout)
{
    int64_t available = memory_available();
    return available < 0 || bytes_needed(g, layout, false) <= (uint64_t)available;
}

/* What was tuned, else the default; the smaller one where only that fits. */
static const char *settle_layout(model *m, const char *layout)
{
    if (strcmp(layout, "auto"))
        return layout;
    m->tuned = bytes_needed(m->gguf, "t2", true) >= LARGE && tune_find(m->gguf, m->ops, pool_threads(m->pool), &m->tuning);
    const char *chosen = m->tuned ? m->tuning.layout : "t2";
    return fits_memory(m->gguf, chosen) || !fits_memory(m->gguf, "t5") ? chosen : "t5";
}

/* Packs all ternary matrices into a file, a piece at a time, and opens it. */
static cache *make_cache(binder *b, const char *path, trit_error *e)
{
    const gguf *g = b->m->gguf;
    cache_out *o = cache_create(path, g, bytes_needed(g, b->layout, true), e);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < b->count; i++)
        ok = !type_is_ternary(b->matrices[i].from->type) || matrix_pack(o, b->matrices[i].from, b->layout, b->m->pool, e);
    if (ok)
        return cache_commit(o, b->m->pool, e) ? cache_open(path, g, e) : NULL;
    cache_discard(o);
    return NULL;
}

/* Opens or makes the cache: in the folder asked for, else beside the model, else in the user's folder of caches. Without one the model
   works as well. What a user should know of it goes to m->note. */
static void find_cache(binder *b, const char *where)
{
    model *m = b->m;
    char folder[PATH_MAX], beside[PATH_MAX], own[PATH_MAX];
    trit_error e = { "" };
    if (where && !strcmp(where, "off"))
        return;
    if (!bytes_needed(m->gguf, b->layout, true) || (!where && bytes_needed(m->gguf, b->layout, true) < LARGE))
        return;
    bool has_beside = cache_place(m->gguf, b->layout, where, beside, sizeof beside);
    bool has_own = !where && cache_folder(folder, sizeof folder, false) && cache_place(m->gguf, b->layout, folder, own, sizeof own);
    if (has_beside)
        m->cache = cache_open(beside, m->gguf, &e);
    if (!m->cache && has_own)
        m->cache = cache_open(own, m->gguf, &e);
    if (m->cache || !(has_beside || has_own))
        return;
    bool elsewhere = has_own && !(has_beside && cache_writable(beside)) && cache_folder(folder, sizeof folder, true);
    m->cache = make_cache(b, elsewhere ? own : beside, &e);
    m->cache_made = m->cache != NULL;
    if (m->cache)
        snprintf(m->note, sizeof m->note, "the packed weights (%.0f MB) are kept in %s for the next start; --cache off does without",
                 (double)cache_size(m->cache) / 1e6, cache_path(m->cache));
    else
        snprintf(m->note, sizeof m->note, "the packed weights are not kept for the next start: %s", e.text);
}

/* What was tuned. Else: mapped files stream as fast as anonymous memory where both come in huge pages. Where only memory does, a copy pays, if there is room. */
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

static bool load_matrices(binder *b, load_mode load)
{
    model *m = b->m;
    load_mode packed = settle_load(m, load);
    for (size_t i = 0; i < b->count; i++) {
        const bound *x = &b->matrices[i];
        matrix_options o = { b->layout, x->scale, type_is_ternary(x->from->type) ? packed : load, m->cache };
        if (!matrix_load(x->to, x->from, &o, m->pool, b->e))
            return false;
        m->weight_bytes += x->to->bytes;
        if (!x->to->owned)
            m->mapped_bytes += x->to->bytes;
        note_layout(m, x->to->layout);
    }
    m->load = !m->cache ? "packed" : packed == LOAD_COPY ? "copy" : "mmap";
    return true;
}

model *model_load(const gguf *g, const load_options *o, const trit_ops *ops, pool *p, trit_error *e)
{
    model *m = calloc(1, sizeof *m);
    bool *used = calloc(gguf_count(g) + 1, sizeof *used);
    binder b = { .m = m, .layout = o->layout, .matrices = calloc(gguf_count(g) + 1, sizeof *b.matrices), .used = used, .e = e };
    bool ok = m && used && b.matrices;
    if (!ok)
        fail(e, "not enough memory to load a model");
    if (ok) {
        m->gguf = g;
        m->ops = ops;
        m->pool = p;
        ok = config_read(&m->config, g, e);
    }
    if (ok) {
        m->frequency = malloc((m->config.rope_dim / 2 + 1) * sizeof *m->frequency);
        m->layers = calloc(m->config.layers, sizeof *m->layers);
        ok = (m->frequency && m->layers) || fail(e, "not enough memory to load a model");
        ok = ok && config_frequencies(&m->config, g, m->frequency, e);
    }
    ok = ok && bind_ends(&b);
    for (size_t i = 0; ok && i < m->config.layers; i++)
        ok = load_layer(&b, i);
    ok = ok && check_all_used(&b);
    if (ok) {
        b.layout = settle_layout(m, o->layout);
        ok = check_memory(g, b.layout, e);
    }
    if (ok) {
        find_cache(&b, o->cache);
        ok = load_matrices(&b, o->load);
    }
    free(used);
    free(b.matrices);
    if (ok)
        return m;
    model_free(m);
    return NULL;
}

void model_free(model *m)
{
    if (!m)
        return;
    for (size_t i = 0; m->layers && i < m->config.layers; i++) {
        layer *l = &m->layers[i];
        matrix *all[] = { &l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down };
        for (size_t j = 0; j < sizeof all / sizeof *all; j++)
            matrix_free(all[j]);
        free(l->attn_norm);
        free(l->ffn_norm);
        free(l->attn_sub_norm);
        free(l->ffn_sub_norm);
    }
    matrix_free(&m->head);
    free(m->layers);
    free(m->output_norm);
    free(m->frequency);
    cache_close(m->cache);
    free(m);
}

const model_config *model_get_config(const model *m)
{
    return &m->config;
}

size_t model_weight_bytes(const model *m)
{
    return m->weight_bytes;
}

const char *model_layouts(const model *m)
{
    return m->layouts;
}

void model_set_pool(model *m, pool *p)
{
    m->pool = p;
}

const char *model_load_way(const model *m)
{
    return m->load;
}

const char *model_note(const model *m)
{
    return m->note;
}

const cache *model_cache(const model *m)
{
    return m->cache;
}

bool model_cache_made(const model *m)
{
    return m->cache_made;
}

const tuning *model_tuning(const model *m)
{
    return m->tuned ? &m->tuning : NULL;
}
