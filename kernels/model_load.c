/* Binds the tensors of a GGUF to a model: every name and shape is checked, every tensor of the file must be of use. */
#include "model_private.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    model *m;
    head_choice choice;
    bound head;      /* with a screen, which is loaded last */
    bound *matrices; /* [gguf_count]; loaded when all of the file is known to be right */
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

/* A screen pays only with kernels that read it faster than others read the head. */
static bool wants_screen(const gguf_tensor *head, head_choice choice, const trit_ops *ops)
{
    bool fast = strcmp(ops_source(ops, "gemm_q4_0x16q8"), "scalar") != 0;
    return choice == HEAD_SCREEN || (choice == HEAD_AUTO && fast && screen_pays(head));
}

static bool bind_head(binder *b, const gguf_tensor *t, float scale)
{
    model *m = b->m;
    if (!wants_screen(t, b->choice, m->ops))
        return bind_matrix(b, t, scale, &m->head);
    if (!screen_possible(t))
        return fail(b->e, "%s: the output head has type %s and rows of %" PRIu64 " weights, of which there is no screen; use --head full",
                    gguf_path(m->gguf), t->info->name, t->ne[0]);
    b->head = (bound){ &m->head, t, scale };
    return true;
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
    return head && load_scale(b, "output.scale", &scale) && bind_head(b, head, scale);
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

model *model_load(const gguf *g, const load_options *o, const trit_ops *ops, pool *p, trit_error *e)
{
    model *m = calloc(1, sizeof *m);
    bool *used = calloc(gguf_count(g) + 1, sizeof *used);
    binder b = { .m = m, .choice = o->head, .matrices = calloc(gguf_count(g) + 1, sizeof *b.matrices), .used = used, .e = e };
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
    bool screened = b.head.to != NULL;
    if (ok && screened)
        b.matrices[b.count++] = b.head;
    ok = ok && check_all_used(&b) && weights_load(m, b.matrices, b.count, screened, o, e);
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
    if (m->screen)
        screen_free(m->screen);
    free(m->screen);
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

const char *model_head(const model *m)
{
    return m->screen ? "screen" : "full";
}

size_t model_head_bytes(const model *m)
{
    return m->head_bytes;
}

bool head_named(const char *name, head_choice *out)
{
    static const char *const names[] = { "full", "screen", "auto" }; /* by head_choice */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name ? name : "full", names[i])) {
            *out = (head_choice)i;
            return true;
        }
    return false;
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
