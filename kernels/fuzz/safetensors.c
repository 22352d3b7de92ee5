/* Edits to a good model of one layer, its configuration and its weights: each three bytes are a place and a new byte there. Inputs that begin
   with a letter are a configuration, those with '{' the header of a file. What opens is walked. */
#include "../safetensors.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char config[] = "{\"model_type\":\"llama\",\"num_hidden_layers\":1,\"hidden_size\":8,\"intermediate_size\":12,\"num_attention_heads\":2,"
                             "\"num_key_value_heads\":1,\"max_position_embeddings\":64,\"rms_norm_eps\":1e-5,\"rope_theta\":500000.0,"
                             "\"rope_scaling\":{\"rope_type\":\"llama3\",\"factor\":8.0,\"low_freq_factor\":1.0,\"high_freq_factor\":4.0,"
                             "\"original_max_position_embeddings\":8192}}";
static const char header[] = "{\"__metadata__\":{\"format\":\"pt\"},"
                             "\"model.embed_tokens.weight\":{\"dtype\":\"BF16\",\"shape\":[5,8],\"data_offsets\":[0,80]},"
                             "\"model.layers.0.self_attn.q_proj.weight\":{\"dtype\":\"F32\",\"shape\":[8,8],\"data_offsets\":[80,336]},"
                             "\"model.layers.0.mlp.down_proj.weight\":{\"dtype\":\"F16\",\"shape\":[8,12],\"data_offsets\":[336,528]},"
                             "\"model.norm.weight\":{\"dtype\":\"F32\",\"shape\":[8],\"data_offsets\":[528,560]}}";
enum { DATA = 560 };

static void walk(const gguf *g)
{
    str key;
    char text[64];
    for (size_t i = 0; gguf_key_at(g, i, &key, text, sizeof text); i++)
        ;
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        float *row = t->ne[0] <= 1 << 16 ? malloc((size_t)t->ne[0] * sizeof *row) : NULL;
        for (uint64_t r = 0; row && r < t->rows && r < 64; r++) {
            tensor_row_f32(t, (size_t)r, row);
            tensor_row_f32(t, (size_t)(t->rows - 1 - r), row);
        }
        free(row);
    }
}

static void try_model(const char *text, size_t len, const uint8_t *file, size_t size)
{
    uint8_t *exact = malloc(size ? size : 1); /* of the exact size, so that a byte too far is seen */
    char *exact_text = malloc(len ? len : 1);
    if (!exact || !exact_text)
        abort();
    memcpy(exact, file, size);
    memcpy(exact_text, text, len);
    trit_error e = { "" };
    gguf *g = safetensors_parse(exact_text, len, &(shard){ exact, size, "model.safetensors", -1 }, 1, NULL, &e);
    if (g)
        walk(g);
    else if (!e.text[0])
        abort(); /* a refusal without a sentence */
    gguf_close(g);
    free(exact);
    free(exact_text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t file[8 + (1 << 12) + DATA] = { 0 };
    char text[sizeof config];
    uint64_t len = sizeof header - 1;
    memcpy(text, config, sizeof config);
    if (size && data[0] == '{' && size <= 1 << 12) {
        len = size;
        memcpy(file + 8, data, size);
        size = 0;
    } else
        memcpy(file + 8, header, sizeof header - 1);
    memcpy(file, &len, 8);
    if (size && data[0] >= 'a' && data[0] <= 'z') {
        try_model((const char *)data + 1, size - 1, file, 8 + (size_t)len + DATA);
        return 0;
    }
    for (; size >= 3; data += 3, size -= 3) {
        size_t at = (size_t)(data[0] | data[1] << 8);
        if (at % 2)
            text[at / 2 % (sizeof config - 1)] = (char)data[2];
        else
            file[at / 2 % (8 + len)] = data[2];
    }
    try_model(text, sizeof config - 1, file, 8 + (size_t)len + DATA);
    return 0;
}
