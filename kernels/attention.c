/* Rotary positions, the F16 key/value cache and causal attention with shared key/value heads. The result for a position depends
   neither on the positions evaluated with it nor on the threads. */
#include "model_private.h"
#include <math.h>

typedef struct { session *s; size_t layer, n; } step;

static void angles_task(void *arg, size_t begin, size_t end, int thread)
{
    session *s = arg;
    size_t pairs = s->model->config.rope_dim / 2;
    (void)thread;
    for (size_t t = begin; t < end; t++)
        for (size_t i = 0; i < pairs; i++) {
            double angle = (double)(s->length + t) * s->model->frequency[i];
            s->cosine[t * pairs + i] = (float)cos(angle);
            s->sine[t * pairs + i] = (float)sin(angle);
        }
}

void rope_prepare(session *s, size_t n)
{
    each_token(s, n, angles_task, s);
}

/* Rotates one head x[head_dim] by the angles of a position; neox pairs (i, i + pairs), else (2i, 2i + 1). */
static void rotate(float *x, const float *cosine, const float *sine, size_t pairs, bool neox)
{
    size_t gap = neox ? pairs : 1, stride = neox ? 1 : 2;
    for (size_t i = 0; i < pairs; i++) {
        float *a = x + i * stride, *b = a + gap, u = *a, v = *b;
        *a = u * cosine[i] - v * sine[i];
        *b = u * sine[i] + v * cosine[i];
    }
}

/* Where the cache of a layer and key/value head begins. */
static size_t cache_offset(const session *s, size_t layer, size_t kv_head)
{
    const model_config *c = &s->model->config;
    return (layer * c->kv_heads + kv_head) * s->context * c->head_dim;
}

static void store_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    session *s = a->s;
    const model_config *c = &s->model->config;
    const trit_ops *ops = s->model->ops;
    size_t pairs = c->rope_dim / 2;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        const float *cosine = s->cosine + t * pairs, *sine = s->sine + t * pairs;
        for (size_t h = 0; h < c->heads; h++)
            rotate(s->q + (t * c->heads + h) * c->head_dim, cosine, sine, pairs, c->rope_neox);
        for (size_t h = 0; h < c->kv_heads; h++) {
            float *k = s->k + (t * c->kv_heads + h) * c->head_dim, *v = s->v + (t * c->kv_heads + h) * c->head_dim;
            size_t at = cache_offset(s, a->layer, h) + (s->length + t) * c->head_dim;
            rotate(k, cosine, sine, pairs, c->rope_neox);
            ops->f32_to_f16(k, s->keys + at, c->head_dim);
            ops->f32_to_f16(v, s->values + at, c->head_dim);
        }
    }
}

/* Items are (head, token) with the tokens of a head together, so that a thread keeps reading the same keys. */
static void attend_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    session *s = a->s;
    const model_config *c = &s->model->config;
    const trit_ops *ops = s->model->ops;
    float *scores = s->scores + (size_t)thread * s->context;
    float scale = 1.0f / sqrtf((float)c->head_dim);
    for (size_t item = begin; item < end; item++) {
        size_t h = item / a->n, t = item % a->n, positions = s->length + t + 1;
        size_t at = cache_offset(s, a->layer, h / (c->heads / c->kv_heads));
        const uint16_t *keys = s->keys + at, *values = s->values + at;
        const float *q = s->q + (t * c->heads + h) * c->head_dim;
        float *out = s->attended + (t * c->heads + h) * c->head_dim;
        for (size_t i = 0; i < positions; i++)
            scores[i] = ops->dot_f16f32(keys + i * c->head_dim, q, c->head_dim) * scale;
        ops->softmax_f32(scores, positions);
        for (size_t i = 0; i < c->head_dim; i++)
            out[i] = 0;
        ops->mix_f16f32(out, scores, values, positions, c->head_dim);
    }
}

void attention(session *s, size_t layer_index, size_t n)
{
    step a = { s, layer_index, n };
    each_token(s, n, store_task, &a);
    pool_run(s->model->pool, s->model->config.heads * n, n > 16 ? 16 : 1, attend_task, &a);
}
