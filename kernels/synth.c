#include "synth.h"
#include "encode.h" /* file_type_of */
#include "synth_vocab.h"
#include "synth_weights.h"
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct preset {
    const char *name, *title, *arch;
    vocab_kind vocabulary;
    uint32_t layers, dim, ffn, heads, kv_heads, head_dim, vocab, context;
    float rope_base, eps;
    bool tied;
    uint32_t type, head;
};

static const preset presets[] = {
#define PRESET(name, title, arch, vocabulary, layers, dim, ffn, heads, kv, head_dim, vocab, ctx, base, eps, tied, type, head) \
    { name, title, arch, vocabulary, layers, dim, ffn, heads, kv, head_dim, vocab, ctx, base, eps, tied, TYPE_##type, TYPE_##head },
#include "presets.inc"
#undef PRESET
};
enum { PRESETS = sizeof presets / sizeof *presets };

const preset *preset_named(const char *name)
{
    for (size_t i = 0; i < PRESETS; i++)
        if (!strcmp(presets[i].name, name))
            return &presets[i];
    return NULL;
}

const char *preset_name(size_t i)
{
    return i < PRESETS ? presets[i].name : NULL;
}

const type_info *preset_type(const preset *p)
{
    return type_of(p->type);
}

const type_info *preset_head(const preset *p)
{
    return type_of(p->head);
}

bool preset_takes(const preset *p, const type_info *type, const type_info *head)
{
    return !type_is_ternary(head->id) && (type_is_ternary(type->id) || !strcmp(p->arch, "llama"));
}

bool preset_takes_arch(const preset *p, const char *arch)
{
    static const char *const bitnet[] = { "bitnet-b1.58", "bitnet-25", "bitnet" };
    bool one = !strcmp(p->arch, arch), both = false;
    for (size_t i = 0; i < 3 && !one; i++)
        both |= !strcmp(bitnet[i], arch);
    return one || (both && !strncmp(p->arch, "bitnet", 6));
}

enum { SLICE = 256 /* blocks written at once */ };

typedef struct {
    size_t number;           /* in the file */
    size_t k, blocks;        /* a norm has no blocks */
    weight_source weights;
} plan;

typedef struct {
    gguf_out *out;
    const plan *tensor;
    uint8_t *buffers;        /* [threads][SLICE blocks of at most 4 bytes a weight] */
    trit_error *error;
    atomic_flag failing;
    atomic_bool failed;
} writing;

static void write_slice(void *arg, size_t begin, size_t end, int thread)
{
    writing *w = arg;
    const plan *t = w->tensor;
    uint8_t *buffer = w->buffers + (size_t)thread * SLICE * WEIGHTS_BLOCK * sizeof(float);
    const type_info *info = t->weights.info;
    size_t bytes = WEIGHTS_BLOCK / info->weights * info->bytes;
    while (begin < end && !atomic_load(&w->failed)) {
        size_t n = end - begin < SLICE ? end - begin : SLICE;
        for (size_t i = 0; i < n; i++)
            weights_block(&t->weights, begin + i, buffer + i * bytes);
        trit_error why;
        if (!gguf_write_at(w->out, t->number, begin * bytes, buffer, n * bytes, &why)) {
            atomic_store(&w->failed, true);
            if (!atomic_flag_test_and_set(&w->failing) && w->error)
                *w->error = why; /* the first one's reason */
        }
        begin += n;
    }
}

static bool write_matrix(writing *w, const plan *t, pool *threads, trit_error *e)
{
    w->tensor = t;
    pool_run(threads, t->blocks, SLICE, write_slice, w);
    if (atomic_load(&w->failed))
        return false;
    size_t trailer = t->blocks * (WEIGHTS_BLOCK / 4);
    return t->weights.info->id != TYPE_I2_S ||
           gguf_write_at(w->out, t->number, trailer, &t->weights.scale, sizeof t->weights.scale, e);
}

static bool write_norm(gguf_out *o, const plan *t, trit_error *e)
{
    float *x = malloc(t->k * sizeof *x);
    if (!x)
        return fail(e, "not enough memory for a norm of %zu weights", t->k);
    weights_norm(&t->weights, x, t->k);
    bool good = gguf_write_at(o, t->number, 0, x, t->k * sizeof *x, e);
    free(x);
    return good;
}

typedef struct { plan *tensors; size_t count; gguf_out *out; uint64_t seed; } plans;

/* Adds a matrix of rows x k to the plan, or a norm of k weights where rows is 0. */
static void add_tensor(plans *p, const char *name, const type_info *info, size_t k, size_t rows, bool head)
{
    plan *t = &p->tensors[p->count++];
    t->k = k;
    t->blocks = rows ? rows * k / WEIGHTS_BLOCK : 0;
    weights_begin(&t->weights, info, p->seed, name, k, head);
    uint64_t ne[2] = { k, rows };
    t->number = gguf_put_tensor(p->out, (str){ name, strlen(name) }, info->id, rows ? 2 : 1, ne);
}

static void add_layer(plans *p, const preset *m, const type_info *type, uint32_t layer)
{
    size_t heads = (size_t)m->heads * m->head_dim, kv = (size_t)m->kv_heads * m->head_dim;
    bool sub_norms = strcmp(m->arch, "llama") != 0;
    const struct { const char *name; size_t k, rows; } parts[] = {
        { "attn_norm", m->dim, 0 }, { "attn_q", m->dim, heads }, { "attn_k", m->dim, kv }, { "attn_v", m->dim, kv },
        { "attn_sub_norm", sub_norms ? heads : 0, 0 }, { "attn_output", heads, m->dim }, { "ffn_norm", m->dim, 0 },
        { "ffn_gate", m->dim, m->ffn }, { "ffn_up", m->dim, m->ffn }, { "ffn_sub_norm", sub_norms ? m->ffn : 0, 0 },
        { "ffn_down", m->ffn, m->dim },
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        char name[64];
        snprintf(name, sizeof name, "blk.%u.%s.weight", (unsigned)layer, parts[i].name);
        if (parts[i].k)
            add_tensor(p, name, parts[i].rows ? type : type_of(TYPE_F32), parts[i].k, parts[i].rows, false);
    }
}

static void put_u32_of(gguf_out *o, const char *arch, const char *key, uint32_t value)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", arch, key);
    gguf_put_u32(o, full, value);
}

static void put_f32_of(gguf_out *o, const char *arch, const char *key, float value)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", arch, key);
    gguf_put_f32(o, full, value);
}

static bool put_keys(gguf_out *o, const preset *m, const char *arch, const type_info *type, uint64_t seed, trit_error *e)
{
    char text[160];
    gguf_put_str(o, "general.architecture", arch);
    snprintf(text, sizeof text, "%s synthetic twin", m->title);
    gguf_put_str(o, "general.name", text);
    snprintf(text, sizeof text, "Random weights (seed %llu) in the shapes of %s: for measuring speed, of no use for text.",
             (unsigned long long)seed, m->title);
    gguf_put_str(o, "general.description", text);
    gguf_put_u64(o, "trit.synth.seed", seed);
    gguf_put_str(o, "trit.synth.preset", m->name);
    gguf_put_u32(o, "general.file_type", file_type_of(type->id));
    gguf_put_u32(o, "general.quantization_version", 2);
    put_u32_of(o, arch, "vocab_size", m->vocab);
    put_u32_of(o, arch, "context_length", m->context);
    put_u32_of(o, arch, "embedding_length", m->dim);
    put_u32_of(o, arch, "block_count", m->layers);
    put_u32_of(o, arch, "feed_forward_length", m->ffn);
    put_u32_of(o, arch, "rope.dimension_count", m->head_dim);
    put_f32_of(o, arch, "rope.freq_base", m->rope_base);
    put_u32_of(o, arch, "attention.head_count", m->heads);
    put_u32_of(o, arch, "attention.head_count_kv", m->kv_heads);
    put_f32_of(o, arch, "attention.layer_norm_rms_epsilon", m->eps);
    return synth_vocab(o, m->vocabulary, m->vocab, e);
}

bool synth_write(gguf_out *o, const preset *m, const char *arch, const type_info *type, const type_info *head, uint64_t seed,
                 pool *threads, trit_error *e)
{
    plans p = { calloc(11 * (size_t)m->layers + 3, sizeof *p.tensors), 0, o, seed };
    writing w = { .out = o, .error = e, .failing = ATOMIC_FLAG_INIT };
    w.buffers = malloc((size_t)pool_threads(threads) * SLICE * WEIGHTS_BLOCK * sizeof(float));
    bool good = p.tensors && w.buffers;
    if (!good)
        fail(e, "not enough memory to plan the model");
    if ((good = good && put_keys(o, m, arch ? arch : m->arch, type, seed, e))) {
        add_tensor(&p, "token_embd.weight", m->tied || type_is_ternary(type->id) || type_trits(type->id) ? head : type, m->dim, m->vocab, m->tied);
        for (uint32_t i = 0; i < m->layers; i++)
            add_layer(&p, m, type, i);
        add_tensor(&p, "output_norm.weight", type_of(TYPE_F32), m->dim, 0, false);
        if (!m->tied)
            add_tensor(&p, "output.weight", head, m->dim, m->vocab, true);
        good = gguf_start(o, e);
    }
    for (size_t i = 0; good && i < p.count; i++)
        good = p.tensors[i].blocks ? write_matrix(&w, &p.tensors[i], threads, e) : write_norm(o, &p.tensors[i], e);
    free(p.tensors);
    free(w.buffers);
    return good;
}
