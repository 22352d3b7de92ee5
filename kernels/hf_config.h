/* What config.json of a Hugging Face model says, as the keys of a GGUF; and what its tensors are called there. */
#ifndef TRIT_HF_CONFIG_H
#define TRIT_HF_CONFIG_H
#include "gguf_write.h"

typedef struct {
    const char *arch;              /* "llama", "bitnet", "bitnet-b1.58" */
    uint64_t layers, dim, ffn, heads, kv_heads, head_dim, context;
    double rope_base, eps, rope_factor; /* factor: 1 without linear scaling */
    /* Llama 3.1: pairs that turn slowly are divided by `divide`, fast ones not, between them is a ramp. divide 0: none. */
    double divide, low, high, original;
} hf_config;

/* Errors name the key: absent, no number in its range, a feature that is not supported. */
bool hf_config_read(hf_config *c, const char *text, size_t len, trit_error *e);
void hf_config_put(const hf_config *c, gguf_out *o);
/* Divisor of rope_freqs.weight for pair i of head_dim / 2. */
float hf_rope_divisor(const hf_config *c, uint64_t pair);

/* The GGUF name of a tensor -> out; *head_rows: rows of a head whose halves GGUF interleaves, 0 for all but q and k of llama. False: it has no
   place in the model. *skip: it may be left out. */
bool hf_tensor_name(const hf_config *c, str name, char *out, size_t size, size_t *head_rows, bool *skip);
#endif
