/* A model: configuration and matrices bound from a GGUF; a session: KV cache and buffers to run it. */
#ifndef TRIT_MODEL_H
#define TRIT_MODEL_H
#include "kv.h"
#include "pack.h"
#include "tokenizer.h"

typedef enum { ARCH_BITNET158, ARCH_BITNET, ARCH_LLAMA } arch;

typedef struct {
    arch arch;
    const char *arch_name;
    size_t layers, dim, ffn, heads, kv_heads, head_dim, rope_dim, vocab, context;
    float rope_base, eps;
    bool rope_neox;   /* rotate halves; else adjacent pairs */
    bool relu2;       /* squared ReLU; else SiLU */
} model_config;

typedef struct model model;
typedef struct session session;

/* Binds and packs. layout: of ternary matrices, as layout_named returns it; "auto" measures where they are large. g and p must outlive the model. Errors name the key or tensor; refuses what does not fit in available memory. */
model *model_load(const gguf *g, const char *layout, const trit_ops *ops, pool *p, trit_error *e);
void model_free(model *m);
/* Runs on another pool from now on, which must outlive the model. Sessions made before must not be used any more. */
void model_set_pool(model *m, pool *p);
const model_config *model_get_config(const model *m);
size_t model_weight_bytes(const model *m);          /* as held in memory, read once each a token (embedding row not counted) */
const char *model_layouts(const model *m);          /* "t2 f16": packed layouts in use */

/* context 0: the model's, at most 4096. max_batch: tokens evaluated together in a prefill (512 usual). Errors: not enough memory, a kind
   of cache that the model's heads do not fit. */
session *session_new(model *m, kv_type kv, size_t context, size_t max_batch, trit_error *e);
void session_free(session *s);
void session_reset(session *s);
void session_truncate(session *s, size_t length);   /* forgets the positions from `length` on */
size_t session_length(const session *s);
size_t session_context(const session *s);
size_t session_bytes_per_token(const session *s);   /* weights + KV read by the next decode step */

/* Appends n tokens. logits: NULL (none wanted), or [vocab] of the last position, or [n][vocab] where all is true.
   Errors: id outside the vocabulary, context full. */
bool session_eval(session *s, const int32_t *tokens, size_t n, float *logits, bool all, trit_error *e);

/* Sampling: temperature 0 = greedy (lowest id wins ties); then top-k (0 = off), then top-p (1 = off). State is the seed. */
typedef struct { float temperature; int top_k; float top_p; uint64_t state; } sampler;
int32_t sample(sampler *s, float *logits /* [vocab], overwritten */, size_t vocab);
#endif
