/* What the files of the model share: model_config.c reads keys, model_load.c binds tensors, session.c owns buffers, kv.c keys and values, forward.c and
   attention.c compute. */
#ifndef TRIT_MODEL_PRIVATE_H
#define TRIT_MODEL_PRIVATE_H
#include "head.h"
#include "kv.h"
#include "tune.h"

typedef struct {
    float *attn_norm, *ffn_norm;          /* [dim] */
    float *attn_sub_norm, *ffn_sub_norm;  /* [heads*head_dim], [ffn]; NULL where the architecture has none */
    matrix q, k, v, o;                    /* [heads*head_dim][dim], [kv_heads*head_dim][dim] twice, [dim][heads*head_dim] */
    matrix gate, up, down;                /* [ffn][dim] twice, [dim][ffn] */
} layer;

struct model {
    model_config config;
    const gguf *gguf;
    const trit_ops *ops;
    pool *pool;
    layer *layers;                 /* [config.layers] */
    const gguf_tensor *embedding;  /* [vocab][dim] */
    matrix head;                   /* [vocab][dim]; the embedding again where it is tied */
    screen *screen;                /* of the head, which then stays in the file; NULL: none */
    float *output_norm;            /* [dim] */
    double *frequency;             /* [rope_dim/2] radians a position */
    size_t weight_bytes, mapped_bytes; /* read once a token; those of them that live in the file's mapping */
    size_t head_bytes;             /* likewise, of the head or its screen */
    char layouts[64];
    cache *cache;                  /* NULL: none */
    const char *load;
    bool tuned, cache_made;
    tuning tuning;                 /* the record that was used, if tuned */
    char note[1024];
};

struct session {
    model *model;
    size_t context, max_batch, length;
    kv_cache kv;
    float *x, *normed;             /* [max_batch][dim] */
    float *q, *attended;           /* [max_batch][heads*head_dim] */
    float *k, *v;                  /* [max_batch][kv_heads*head_dim] */
    float *gate, *up;              /* [max_batch][ffn] */
    float *branch;                 /* [max_batch][dim]: what a block adds to x */
    float *cosine, *sine;          /* [max_batch][rope_dim/2] */
    float *scratch;                /* [scratch_size], of attention.c */
    size_t scratch_size, threads;
    activations *activations;
    size_t last;                   /* 1 + row of x whose logits nobody took yet; 0: none */
    chooser *chooser;              /* made when first needed */
    head_counts counts;
    session_listener listener;     /* or NULL */
    void *listener_arg;
    size_t candidate_bytes;        /* rows of the head that the last choice read */
    void *buffer_memory;
    size_t buffer_bytes;
};

/* Reads and checks the keys of a file; `vocab` is filled from the embedding by model_load. Errors name the key. */
bool config_read(model_config *c, const gguf *g, trit_error *e);
/* Radians a position for each rotated pair, frequency[rope_dim/2]: base, linear scaling, rope_freqs.weight. Marks no tensor. */
bool config_frequencies(const model_config *c, const gguf *g, double *frequency, trit_error *e);

/* A matrix and the tensor it is to be loaded from, times a scale. */
typedef struct { matrix *to; const gguf_tensor *from; float scale; } bound;
/* Loads all of them, and the head with its screen if that is wanted: the last of them. Sets what the model tells of its weights. Errors:
   memory, weights that are not what their type says. */
bool weights_load(model *m, const bound *matrices, size_t count, bool screened, const load_options *o, trit_error *e);

/* One batch of n <= max_batch tokens at positions session.length ...; leaves x ready for the head. Does not advance length.
   each: NULL, or [n] views of s, with which every token is of a conversation of its own: its row of the buffers, its keys and values. */
void forward_layers(session *s, session *each, const int32_t *tokens, size_t n);
/* Final norm of positions [first, first + n) of the batch, once; sets the activations to them and returns them: [n][dim]. */
const float *forward_final(session *s, size_t first, size_t n);
/* The same and the head: logits[n][vocab]. */
void forward_head(session *s, size_t first, size_t n, float *logits);

/* Fills cosine and sine for n positions from session.length on. */
void rope_prepare(session *s, size_t n);
/* Floats that attention needs beside its results. */
size_t attention_scratch(const model_config *c, size_t context, size_t threads);
/* Rotates q and k (k in place) of n tokens, stores k and v in the cache of a layer, and fills attended[n][heads*head_dim]. */
void attention(session *s, size_t layer_index, size_t n);

/* Runs a task over n tokens: on the pool for a batch, directly (thread 0) for a single token, where a barrier would cost more. */
void each_token(session *s, size_t n, pool_task task, void *arg);
#endif
