#include "synth.h"
#include "encode.h"
#include "synth_vocab.h"
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
#define PRESET(name, title, arch, vocabulary, layers, dim, ffn, heads, kv_heads, head_dim, vocab, context, rope_base, eps, tied, type, head) \
    { name, title, arch, vocabulary, layers, dim, ffn, heads, kv_heads, head_dim, vocab, context, rope_base, eps, tied, TYPE_##type, \
      TYPE_##head },
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

/* The generator: word i of a stream. */
static inline uint64_t word(uint64_t key, uint64_t i)
{
    uint64_t x = key + i * 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint64_t stream_key(uint64_t seed, const char *name)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 0x100000001b3u;
    return word(hash, seed + 1);
}

static uint64_t root(uint64_t square)
{
    uint64_t r = 0;
    for (uint64_t bit = 1u << 31; bit; bit >>= 1)
        if ((r + bit) * (r + bit) <= square)
            r += bit;
    return r;
}

enum { BLOCK = 256 /* weights: every type has whole blocks in it */, SLICE = 256 /* blocks written at once */ };
enum { BELL_MIDDLE = 510, BELL_VARIANCE = 21845 /* of a sum of four random bytes */ };

typedef struct {
    size_t number;           /* in the file */
    const type_info *info;
    uint64_t key;
    size_t k, blocks;
    float scale;             /* ternary: of the tensor */
    float unit;              /* dense: weight = (sum of four bytes - 510) * unit, a power of two */
    uint16_t half[2 * BELL_MIDDLE + 1]; /* F16: the weights of all sums */
} plan;

/* 32 random codes of two bits: trit + 1 = 1 + a - b for random bits a, b, so -1, 0, +1 with probabilities 1/4, 1/2, 1/4. */
static inline uint64_t ternary_codes(uint64_t random)
{
    const uint64_t low = 0x5555555555555555u;
    uint64_t a = random & low, b = random >> 1 & low;
    return (a & ~b) << 1 | (~(a ^ b) & low);
}

/* One block of 256 ternary weights; in I2_S's order the codes are the generator's words as they come. */
static void ternary_block(const plan *t, size_t block, uint8_t *out)
{
    uint64_t codes[8];
    for (size_t i = 0; i < 8; i++)
        codes[i] = ternary_codes(word(t->key, 8 * block + i));
    if (t->info->id == TYPE_I2_S) {
        memcpy(out, codes, sizeof codes);
        return;
    }
    if (t->info->id == TYPE_TQ2_0) { /* the same bytes with their four codes in reverse */
        for (size_t i = 0; i < 8; i++) {
            uint64_t c = codes[i];
            c = (c >> 4 & 0x0f0f0f0f0f0f0f0fu) | (c & 0x0f0f0f0f0f0f0f0fu) << 4;
            codes[i] = (c >> 2 & 0x3333333333333333u) | (c & 0x3333333333333333u) << 2;
        }
        memcpy(out, codes, sizeof codes);
        uint16_t d = f32_to_f16(t->scale);
        memcpy(out + 64, &d, sizeof d);
        return;
    }
    int8_t trits[BLOCK];
    decode_trits(TYPE_I2_S, codes, trits, NULL, BLOCK);
    encode_trits(t->info->id, trits, t->scale, out, BLOCK);
}

static inline unsigned bell(uint32_t random)
{
    return (random & 255) + (random >> 8 & 255) + (random >> 16 & 255) + (random >> 24);
}

static void dense_block(const plan *t, size_t block, uint8_t *out)
{
    float x[BLOCK];
    uint16_t halves[BLOCK];
    bool half = t->info->id == TYPE_F16;
    for (size_t i = 0; i < BLOCK; i += 2) {
        uint64_t random = word(t->key, BLOCK / 2 * block + i / 2);
        unsigned first = bell((uint32_t)random), second = bell((uint32_t)(random >> 32));
        if (half) {
            halves[i] = t->half[first];
            halves[i + 1] = t->half[second];
        } else {
            x[i] = (float)((int)first - BELL_MIDDLE) * t->unit;
            x[i + 1] = (float)((int)second - BELL_MIDDLE) * t->unit;
        }
    }
    if (half)
        memcpy(out, halves, sizeof halves);
    else
        encode_f32(t->info->id, x, out, BLOCK);
}

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
    uint8_t *buffer = w->buffers + (size_t)thread * SLICE * BLOCK * sizeof(float);
    size_t bytes = BLOCK / t->info->weights * t->info->bytes;
    bool ternary = type_is_ternary(t->info->id);
    while (begin < end && !atomic_load(&w->failed)) {
        size_t n = end - begin < SLICE ? end - begin : SLICE;
        for (size_t i = 0; i < n; i++)
            if (ternary)
                ternary_block(t, begin + i, buffer + i * bytes);
            else
                dense_block(t, begin + i, buffer + i * bytes);
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
    size_t trailer = t->blocks * (BLOCK / 4);
    return t->info->id != TYPE_I2_S || gguf_write_at(w->out, t->number, trailer, &t->scale, sizeof t->scale, e);
}

/* Norm weights between 0.875 and 1.125. */
static bool write_norm(gguf_out *o, const plan *t, trit_error *e)
{
    float *x = malloc(t->k * sizeof *x);
    if (!x)
        return fail(e, "not enough memory for a norm of %zu weights", t->k);
    for (size_t i = 0; i < t->k; i++)
        x[i] = 0.875f + (float)(word(t->key, i) >> 56) * 0x1p-10f;
    bool good = gguf_write_at(o, t->number, 0, x, t->k * sizeof *x, e);
    free(x);
    return good;
}

typedef struct { plan *tensors; size_t count; gguf_out *out; uint64_t seed; } plans;

/* Adds a matrix of rows x k to the plan, or a norm of k weights where rows is 0. Sizes of weights keep activations at their size: a matrix
   turns inputs of variance 1 into outputs of variance about 1; the head's logits get a standard deviation between 1.5 and 3. */
static void add_tensor(plans *p, const char *name, const type_info *info, size_t k, size_t rows, bool head)
{
    plan *t = &p->tensors[p->count++];
    t->info = info;
    t->k = k;
    t->blocks = rows ? rows * k / BLOCK : 0;
    t->key = stream_key(p->seed, name);
    uint64_t spread = 224 + (word(t->key, UINT64_MAX) & 63); /* scales differ, so that a mix-up shows */
    t->scale = (float)(root((2u << 24) / k) * spread / 256) * 0x1p-12f; /* about sqrt(2 / k), exact in half precision */
    uint64_t target = head ? 9 : 2, power = 1;
    for (t->unit = 1; BELL_VARIANCE * (uint64_t)k >= target * power * power; power *= 2)
        t->unit /= 2;
    for (int sum = 0; sum <= 2 * BELL_MIDDLE; sum++)
        t->half[sum] = f32_to_f16((float)(sum - BELL_MIDDLE) * t->unit);
    uint64_t ne[2] = { k, rows };
    t->number = gguf_put_tensor(p->out, (str){ name, strlen(name) }, info->id, rows ? 2 : 1, ne);
}

static void add_layer(plans *p, const preset *m, const type_info *type, uint32_t layer)
{
    size_t heads = (size_t)m->heads * m->head_dim, kv = (size_t)m->kv_heads * m->head_dim;
    bool sub_norms = !strcmp(m->arch, "bitnet-b1.58");
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

static bool put_keys(gguf_out *o, const preset *m, const type_info *type, uint64_t seed, trit_error *e)
{
    char text[160];
    gguf_put_str(o, "general.architecture", m->arch);
    snprintf(text, sizeof text, "%s synthetic twin", m->title);
    gguf_put_str(o, "general.name", text);
    snprintf(text, sizeof text, "Random weights (seed %llu) in the shapes of %s: for measuring speed, of no use for text.",
             (unsigned long long)seed, m->title);
    gguf_put_str(o, "general.description", text);
    gguf_put_u64(o, "trit.synth.seed", seed);
    gguf_put_str(o, "trit.synth.preset", m->name);
    gguf_put_u32(o, "general.file_type", file_type_of(type->id));
    gguf_put_u32(o, "general.quantization_version", 2);
    put_u32_of(o, m->arch, "vocab_size", m->vocab);
    put_u32_of(o, m->arch, "context_length", m->context);
    put_u32_of(o, m->arch, "embedding_length", m->dim);
    put_u32_of(o, m->arch, "block_count", m->layers);
    put_u32_of(o, m->arch, "feed_forward_length", m->ffn);
    put_u32_of(o, m->arch, "rope.dimension_count", m->head_dim);
    put_f32_of(o, m->arch, "rope.freq_base", m->rope_base);
    put_u32_of(o, m->arch, "attention.head_count", m->heads);
    put_u32_of(o, m->arch, "attention.head_count_kv", m->kv_heads);
    put_f32_of(o, m->arch, "attention.layer_norm_rms_epsilon", m->eps);
    return synth_vocab(o, m->vocabulary, m->vocab, e);
}

bool synth_write(gguf_out *o, const preset *m, const type_info *type, const type_info *head, uint64_t seed, pool *threads, trit_error *e)
{
    plans p = { calloc(11 * (size_t)m->layers + 3, sizeof *p.tensors), 0, o, seed };
    writing w = { .out = o, .error = e, .failing = ATOMIC_FLAG_INIT };
    w.buffers = malloc((size_t)pool_threads(threads) * SLICE * BLOCK * sizeof(float));
    bool good = p.tensors && w.buffers;
    if (!good)
        fail(e, "not enough memory to plan the model");
    if ((good = good && put_keys(o, m, type, seed, e))) {
        add_tensor(&p, "token_embd.weight", m->tied || type_is_ternary(type->id) ? head : type, m->dim, m->vocab, m->tied);
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
