/* The keys of a GGUF that describe the graph. Meaning and defaults: ggml docs/gguf.md. */
#include "model_private.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    arch arch;
    bool neox, relu2;
} architectures[] = {
    { "bitnet-b1.58", ARCH_BITNET158, true, true },
    { "bitnet-25", ARCH_BITNET158, true, true }, /* the name ik_llama.cpp gives the same graph */
    { "bitnet", ARCH_BITNET, true, false },
    { "llama", ARCH_LLAMA, false, false },
};

/* "arch.key"; the longest of ours fits easily. */
typedef struct { char text[96]; } key_name;

static key_name key_of(const model_config *c, const char *key)
{
    key_name k;
    snprintf(k.text, sizeof k.text, "%s.%s", c->arch_name, key);
    return k;
}

/* An integer key within [1, most]; absent: `fallback`, or an error where that is 0. */
static bool size_key(const model_config *c, const gguf *g, const char *key, size_t fallback, uint64_t most, size_t *out,
                     trit_error *e)
{
    key_name k = key_of(c, key);
    uint64_t v;
    if (!gguf_has(g, k.text) && fallback) {
        *out = fallback;
        return true;
    }
    if (!gguf_has(g, k.text))
        return fail(e, "%s: the key %s is missing", gguf_path(g), k.text);
    if (!gguf_u64(g, k.text, &v))
        return fail(e, "%s: the key %s is no whole number (a list, one value a layer, is not supported)", gguf_path(g), k.text);
    if (v < 1 || v > most)
        return fail(e, "%s: the key %s is %" PRIu64 ", outside 1 to %" PRIu64, gguf_path(g), k.text, v, most);
    *out = (size_t)v;
    return true;
}

static bool float_key(const model_config *c, const gguf *g, const char *key, float fallback, float most, float *out,
                      trit_error *e)
{
    key_name k = key_of(c, key);
    *out = fallback;
    if (!gguf_has(g, k.text))
        return fallback > 0 ? true : fail(e, "%s: the key %s is missing", gguf_path(g), k.text);
    if (!gguf_f32(g, k.text, out) || !isfinite(*out) || *out <= 0 || *out > most)
        return fail(e, "%s: the key %s is no number above 0 and up to %g", gguf_path(g), k.text, (double)most);
    return true;
}

/* Features that would change the result and that this program does not compute must be refused, not ignored. */
static bool refuse_unknown_features(const model_config *c, const gguf *g, trit_error *e)
{
    uint64_t experts;
    key_name k = key_of(c, "expert_count");
    if (gguf_u64(g, k.text, &experts) && experts)
        return fail(e, "%s: mixtures of experts (%s = %" PRIu64 ") are not supported", gguf_path(g), k.text, experts);
    k = key_of(c, "rope.scaling.type");
    str type;
    if (gguf_str(g, k.text, &type) && !(type.len == 4 && !memcmp(type.data, "none", 4)) &&
        !(type.len == 6 && !memcmp(type.data, "linear", 6)))
        return fail(e, "%s: rope scaling \"%.*s\" is not supported (none and linear are)", gguf_path(g),
                    (int)(type.len < 40 ? type.len : 40), type.data);
    return true;
}

bool config_read(model_config *c, const gguf *g, trit_error *e)
{
    memset(c, 0, sizeof *c);
    str name;
    if (!gguf_str(g, "general.architecture", &name))
        return fail(e, "%s: the key general.architecture is missing", gguf_path(g));
    for (size_t i = 0; i < sizeof architectures / sizeof *architectures && !c->arch_name; i++)
        if (name.len == strlen(architectures[i].name) && !memcmp(name.data, architectures[i].name, name.len)) {
            c->arch = architectures[i].arch;
            c->arch_name = architectures[i].name;
            c->rope_neox = architectures[i].neox;
            c->relu2 = architectures[i].relu2;
        }
    if (!c->arch_name)
        return fail(e, "%s: architecture \"%.*s\" is not supported (bitnet-b1.58, bitnet and llama are)", gguf_path(g),
                    (int)(name.len < 40 ? name.len : 40), name.data);

    const uint64_t wide = 1 << 20;
    if (!size_key(c, g, "block_count", 0, 1024, &c->layers, e) || !size_key(c, g, "embedding_length", 0, wide, &c->dim, e) ||
        !size_key(c, g, "feed_forward_length", 0, wide, &c->ffn, e) ||
        !size_key(c, g, "attention.head_count", 0, 4096, &c->heads, e) ||
        !size_key(c, g, "attention.head_count_kv", c->heads, 4096, &c->kv_heads, e) ||
        !size_key(c, g, "context_length", 0, (uint64_t)1 << 32, &c->context, e) ||
        !float_key(c, g, "attention.layer_norm_rms_epsilon", 0, 1, &c->eps, e) ||
        !float_key(c, g, "rope.freq_base", 10000, 1e30f, &c->rope_base, e))
        return false;
    if (c->heads % c->kv_heads)
        return fail(e, "%s: %zu attention heads cannot share %zu key/value heads evenly", gguf_path(g), c->heads, c->kv_heads);
    bool own_head_dim = gguf_has(g, key_of(c, "attention.key_length").text);
    if (!own_head_dim && c->dim % c->heads)
        return fail(e, "%s: embedding_length %zu is no multiple of head_count %zu", gguf_path(g), c->dim, c->heads);
    size_t value_length;
    if (!size_key(c, g, "attention.key_length", own_head_dim ? 0 : c->dim / c->heads, 4096, &c->head_dim, e) ||
        !size_key(c, g, "attention.value_length", c->head_dim, 4096, &value_length, e) ||
        !size_key(c, g, "rope.dimension_count", c->head_dim, 4096, &c->rope_dim, e))
        return false;
    if (value_length != c->head_dim)
        return fail(e, "%s: attention.value_length %zu differs from the key length %zu, which is not supported", gguf_path(g),
                    value_length, c->head_dim);
    if (c->rope_dim > c->head_dim || c->rope_dim % 2)
        return fail(e, "%s: rope.dimension_count %zu must be even and at most the head dimension %zu", gguf_path(g), c->rope_dim,
                    c->head_dim);
    return refuse_unknown_features(c, g, e);
}

bool config_frequencies(const model_config *c, const gguf *g, double *frequency, trit_error *e)
{
    size_t pairs = c->rope_dim / 2;
    float factor = 1;
    str type;
    if (gguf_str(g, key_of(c, "rope.scaling.type").text, &type) && type.len == 6 &&
        !float_key(c, g, "rope.scaling.factor", 1, 1e6f, &factor, e))
        return false;
    for (size_t i = 0; i < pairs; i++)
        frequency[i] = pow((double)c->rope_base, -2.0 * (double)i / (double)c->rope_dim) / (double)factor;

    const gguf_tensor *t = gguf_find(g, "rope_freqs.weight"); /* Llama 3.1: a divisor for each pair */
    if (!t)
        return true;
    if (t->type != TYPE_F32 || t->ne[0] != pairs || t->rows != 1)
        return fail(e, "%s: tensor rope_freqs.weight must hold %zu values of f32", gguf_path(g), pairs);
    for (size_t i = 0; i < pairs; i++) {
        float divisor;
        memcpy(&divisor, t->data + i * sizeof divisor, sizeof divisor);
        if (!isfinite(divisor) || divisor <= 0)
            return fail(e, "%s: tensor rope_freqs.weight holds a value that is no divisor", gguf_path(g));
        frequency[i] /= (double)divisor;
    }
    return true;
}
