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

/* How the next token is chosen from the head: from all logits, or in two stages with the same result (head.h). HEAD_AUTO: in two stages
   where that reads much less. With HEAD_SCREEN session_eval is slower where logits are asked for. */
typedef enum { HEAD_FULL, HEAD_SCREEN, HEAD_AUTO } head_choice;
bool head_named(const char *name, head_choice *out); /* "full", "screen", "auto"; NULL is full */

typedef struct {
    const char *layout; /* of ternary matrices, as layout_named returns it; "auto": as tuned, else what suits most such CPUs */
    const char *cache;  /* folder of the packed cache; "off": none; NULL: for large models, beside the file or in the user's cache folder */
    load_mode load;
    head_choice head;
} load_options;

/* Binds and packs, or maps what was packed before. g and p must outlive the model. Errors name the key or tensor; refuses what does not
   fit in available memory. A cache that cannot be used or made is no error: see model_note. */
model *model_load(const gguf *g, const load_options *o, const trit_ops *ops, pool *p, trit_error *e);
void model_free(model *m);
/* Runs on another pool from now on, which must outlive the model. Sessions made before must not be used any more. */
void model_set_pool(model *m, pool *p);
const model_config *model_get_config(const model *m);
size_t model_weight_bytes(const model *m);          /* as held in memory, read once each a token (embedding row not counted) */
const char *model_head(const model *m);             /* "full" or "screen": the head in use */
size_t model_head_bytes(const model *m);            /* those of its weight bytes */
const char *model_layouts(const model *m);          /* "t2 f16": packed layouts in use */

const char *model_load_way(const model *m);         /* of ternary weights: "mmap" or "copy" of a cache, or "packed" anew */
const char *model_note(const model *m);             /* a sentence about the cache for the user, "" where there is nothing to say */
const cache *model_cache(const model *m);           /* NULL: none */
bool model_cache_made(const model *m);              /* by this load, which took the longer for it */

/* Tokens of a prefill that are evaluated together: enough for weights to be unpacked seldom, few enough for activations to stay in caches
   (measured: 1.1 times the rate of 512 with AMX, 1.04 with VNNI). */
enum { PREFILL_BATCH = 256 };

/* context 0: the model's, at most 4096. max_batch: tokens evaluated together in a prefill (PREFILL_BATCH usual). Errors: not enough memory,
   a kind of cache that the model's heads do not fit. */
session *session_new(model *m, kv_type kv, size_t context, size_t max_batch, trit_error *e);
void session_free(session *s);
void session_reset(session *s);
void session_truncate(session *s, size_t length);   /* forgets the positions from `length` on */
size_t session_length(const session *s);
size_t session_context(const session *s);
size_t session_bytes_per_token(const session *s);   /* weights, KV and rows of the head read by the last decode step */

/* From now on tells what goes into each matrix of the layers: x[n][k], before it is multiplied. NULL: nobody listens. */
typedef void (*session_listener)(void *arg, const gguf_tensor *matrix, const float *x, size_t n, size_t k);
void session_listen(session *s, session_listener listener, void *arg);

/* Appends n tokens. logits: NULL (none wanted), or [vocab] of the last position, or [n][vocab] where all is true.
   Errors: id outside the vocabulary, context full. */
bool session_eval(session *s, const int32_t *tokens, size_t n, float *logits, bool all, trit_error *e);

/* Appends one token to each of n sessions of one model, all at once, so that the weights are read once for all of them; the same bits as one
   after the other. s[0] lends its buffers: no other may have more threads or a longer context, and n is at most its max_batch.
   logits: [n][vocab]. Errors: as above; sessions that do not fit together; memory. */
bool session_eval_each(session *const *s, const int32_t *tokens, size_t n, float *logits, trit_error *e);

/* Sampling: temperature 0 = greedy (lowest id wins ties); then top-k (0 = off), then top-p (1 = off). State is the seed. */
typedef struct { float temperature; int top_k; float top_p; uint64_t state; } sampler;
int32_t sample(sampler *s, const float *logits /* [vocab] */, size_t vocab);
/* The same from n >= 1 candidates in the order of their ids, none NaN; c is overwritten. With temperature 0 or top_k <= n the result is
   that of sample() if the candidates hold all that the choice depends on: the greatest logit, or the top_k of by_rank in sampler.c. */
typedef struct { float logit; int32_t id; } candidate;
int32_t sample_among(sampler *s, candidate *c, size_t n);

/* Chooses the token that follows the last position, whose logits session_eval was not asked for. The same as sample() of them.
   Errors: no such position; memory. */
bool session_next(session *s, sampler *how, int32_t *token, trit_error *e);
/* Since the session began: tokens chosen by session_next, and with a screen the rows of the head read as candidates for them and how
   often the full head was read after all. */
typedef struct { size_t tokens, candidates, full; } head_counts;
head_counts session_head_counts(const session *s);
#endif
