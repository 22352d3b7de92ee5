#include "hf_config.h"
#include "json.h"
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* class: one of config.json's "architectures" that is another graph under the same model_type; NULL: any. The first row that fits counts. */
static const struct { const char *model_type, *class, *arch, *activation; } architectures[] = {
    { "llama", "BitnetForCausalLM", "bitnet", "silu" }, /* bitnet_b1_58: norms before attn_output and ffn_down */
    { "llama", NULL, "llama", "silu" },
    { "mistral", NULL, "llama", "silu" },
    { "bitnet", NULL, "bitnet-b1.58", "relu2" },
};

static bool has_class(const json *j, const char *class)
{
    const json *classes = json_get(j, "architectures");
    for (size_t i = 0; classes && classes->kind == JSON_ARRAY && i < classes->count; i++)
        if (classes->items[i].kind == JSON_STRING && !strcmp(classes->items[i].text, class))
            return true;
    return false;
}

static bool size_key(const json *j, const char *key, uint64_t fallback, uint64_t most, uint64_t *out, trit_error *e)
{
    const json *v = json_get(j, key);
    if ((!v || v->kind == JSON_NULL) && fallback) {
        *out = fallback;
        return true;
    }
    if (!v || v->kind != JSON_NUMBER || !(v->number >= 1) || v->number > (double)most || v->number != floor(v->number))
        return fail(e, "config.json: %s is no whole number from 1 to %" PRIu64, key, most);
    *out = (uint64_t)v->number;
    return true;
}

static bool number_key(const json *j, const char *key, double fallback, double *out, trit_error *e)
{
    const json *v = json_get(j, key);
    *out = fallback;
    if (!v || v->kind == JSON_NULL)
        return fallback > 0 || fail(e, "config.json: %s is missing", key);
    *out = v->number;
    return (v->kind == JSON_NUMBER && v->number > 0 && v->number < 1e30) || fail(e, "config.json: %s is no number above 0", key);
}

static bool read_scaling(hf_config *c, const json *scaling, trit_error *e)
{
    const json *type = json_get(scaling, "rope_type") ? json_get(scaling, "rope_type") : json_get(scaling, "type");
    c->rope_factor = 1;
    if (!scaling || scaling->kind == JSON_NULL)
        return true;
    if (!type || type->kind != JSON_STRING)
        return fail(e, "config.json: rope_scaling names no type");
    if (!strcmp(type->text, "default"))
        return true;
    if (!strcmp(type->text, "linear"))
        return number_key(scaling, "factor", 0, &c->rope_factor, e);
    if (!strcmp(type->text, "llama3"))
        return number_key(scaling, "factor", 0, &c->divide, e) && number_key(scaling, "low_freq_factor", 1, &c->low, e) &&
               number_key(scaling, "high_freq_factor", 4, &c->high, e) &&
               number_key(scaling, "original_max_position_embeddings", 8192, &c->original, e) &&
               (c->high > c->low || fail(e, "config.json: high_freq_factor is not above low_freq_factor"));
    return fail(e, "config.json: rope scaling \"%.40s\" is not supported (linear and llama3 are)", type->text);
}

/* Attention sees all positions here, so that it is right as far as the window of a model with one. */
static bool limit_context(hf_config *c, uint64_t window)
{
    c->context = window < c->context ? window : c->context;
    return true;
}

static bool read_keys(hf_config *c, const json *j, trit_error *e)
{
    const uint64_t wide = 1 << 20;
    uint64_t within = UINT64_MAX;
    const json *type = json_get(j, "model_type"), *activation = json_get(j, "hidden_act"), *window = json_get(j, "sliding_window");
    const char *wanted = "";
    for (size_t i = 0; type && type->kind == JSON_STRING && !c->arch && i < sizeof architectures / sizeof *architectures; i++)
        if (!strcmp(type->text, architectures[i].model_type) && (!architectures[i].class || has_class(j, architectures[i].class))) {
            c->arch = architectures[i].arch;
            wanted = architectures[i].activation;
        }
    if (!c->arch)
        return fail(e, "config.json: model_type \"%.40s\" is not supported (llama, mistral and bitnet are)",
                    type && type->kind == JSON_STRING ? type->text : "");
    if (activation && (activation->kind != JSON_STRING || strcmp(activation->text, wanted)))
        return fail(e, "config.json: hidden_act is not %s, which a %s model has here", wanted, c->arch);
    return size_key(j, "num_hidden_layers", 0, 1024, &c->layers, e) && size_key(j, "hidden_size", 0, wide, &c->dim, e) &&
           size_key(j, "intermediate_size", 0, wide, &c->ffn, e) && size_key(j, "num_attention_heads", 0, 4096, &c->heads, e) &&
           size_key(j, "num_key_value_heads", c->heads, 4096, &c->kv_heads, e) &&
           size_key(j, "head_dim", c->dim / c->heads ? c->dim / c->heads : 1, 4096, &c->head_dim, e) &&
           size_key(j, "max_position_embeddings", 0, (uint64_t)1 << 32, &c->context, e) && number_key(j, "rms_norm_eps", 0, &c->eps, e) &&
           number_key(j, "rope_theta", 10000, &c->rope_base, e) &&
           (c->head_dim % 2 == 0 || fail(e, "config.json: heads of %" PRIu64 " values, an odd number", c->head_dim)) &&
           (!window || window->kind == JSON_NULL || size_key(j, "sliding_window", 0, (uint64_t)1 << 32, &within, e)) &&
           read_scaling(c, json_get(j, "rope_scaling"), e) && limit_context(c, within);
}

bool hf_config_read(hf_config *c, const char *text, size_t len, trit_error *e)
{
    trit_error why;
    json *j = json_parse(text, len, &why);
    memset(c, 0, sizeof *c);
    if (!j)
        return fail(e, "config.json: %.300s", why.text);
    bool good = read_keys(c, j, e);
    json_free(j);
    return good;
}

static void put_u32(gguf_out *o, const hf_config *c, const char *key, uint64_t value)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", c->arch, key);
    gguf_put_u32(o, full, (uint32_t)value);
}

static void put_f32(gguf_out *o, const hf_config *c, const char *key, double value)
{
    char full[96];
    snprintf(full, sizeof full, "%s.%s", c->arch, key);
    gguf_put_f32(o, full, (float)value);
}

void hf_config_put(const hf_config *c, gguf_out *o)
{
    char full[96];
    gguf_put_str(o, "general.architecture", c->arch);
    put_u32(o, c, "block_count", c->layers);
    put_u32(o, c, "context_length", c->context < UINT32_MAX ? c->context : UINT32_MAX);
    put_u32(o, c, "embedding_length", c->dim);
    put_u32(o, c, "feed_forward_length", c->ffn);
    put_u32(o, c, "attention.head_count", c->heads);
    put_u32(o, c, "attention.head_count_kv", c->kv_heads);
    put_u32(o, c, "attention.key_length", c->head_dim);
    put_u32(o, c, "attention.value_length", c->head_dim);
    put_u32(o, c, "rope.dimension_count", c->head_dim);
    put_f32(o, c, "attention.layer_norm_rms_epsilon", c->eps);
    put_f32(o, c, "rope.freq_base", c->rope_base);
    if (c->rope_factor != 1) {
        snprintf(full, sizeof full, "%s.rope.scaling.type", c->arch);
        gguf_put_str(o, full, "linear");
        put_f32(o, c, "rope.scaling.factor", c->rope_factor);
    }
    gguf_put_u32(o, "general.quantization_version", 2);
}

float hf_rope_divisor(const hf_config *c, uint64_t pair)
{
    double wave = 2 * 3.14159265358979323846 * pow(c->rope_base, 2 * (double)pair / (double)c->head_dim), turns = c->original / wave;
    if (turns > c->high)
        return 1;
    if (turns < c->low)
        return (float)c->divide;
    double smooth = (turns - c->low) / (c->high - c->low);
    return (float)(1 / ((1 - smooth) / c->divide + smooth));
}

bool hf_tensor_name(const hf_config *c, str name, char *out, size_t size, size_t *head_rows, bool *skip)
{
    static const struct { const char *from, *to; } ends[] = {
        { "model.embed_tokens.weight", "token_embd.weight" },
        { "model.norm.weight", "output_norm.weight" },
        { "lm_head.weight", "output.weight" },
    }, parts[] = {
        { "input_layernorm", "attn_norm" },
        { "self_attn.q_proj", "attn_q" },
        { "self_attn.k_proj", "attn_k" },
        { "self_attn.v_proj", "attn_v" },
        { "self_attn.o_proj", "attn_output" },
        { "self_attn.attn_sub_norm", "attn_sub_norm" },
        { "self_attn.inner_attn_ln", "attn_sub_norm" },
        { "post_attention_layernorm", "ffn_norm" },
        { "mlp.gate_proj", "ffn_gate" },
        { "mlp.up_proj", "ffn_up" },
        { "mlp.down_proj", "ffn_down" },
        { "mlp.ffn_sub_norm", "ffn_sub_norm" },
        { "mlp.ffn_layernorm", "ffn_sub_norm" },
    };
    char text[128], *part;
    *head_rows = 0;
    *skip = false;
    if (name.len >= sizeof text || memchr(name.data, 0, name.len))
        return false;
    memcpy(text, name.data, name.len);
    text[name.len] = 0;
    if (strstr(text, "rotary_emb.inv_freq")) {
        *skip = true;
        return true;
    }
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++)
        if (!strcmp(text, ends[i].from)) {
            snprintf(out, size, "%s", ends[i].to);
            return true;
        }
    static const char layers[] = "model.layers.";
    if (strncmp(text, layers, sizeof layers - 1) || !isdigit((unsigned char)text[sizeof layers - 1]))
        return false;
    unsigned long layer = strtoul(text + sizeof layers - 1, &part, 10);
    if (*part++ != '.' || layer >= c->layers)
        return false;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        size_t len = strlen(parts[i].from);
        if (strncmp(part, parts[i].from, len) || strcmp(part + len, ".weight"))
            continue;
        bool turned = !strcmp(parts[i].to, "attn_q") || !strcmp(parts[i].to, "attn_k");
        *head_rows = turned && !strcmp(c->arch, "llama") ? (size_t)c->head_dim : 0;
        snprintf(out, size, "blk.%lu.%s.weight", layer, parts[i].to);
        return true;
    }
    return false;
}
