/* The transformer: embedding, layers, head. Row by row the same arithmetic for one token and for a batch. */
#include "model_private.h"

typedef struct {
    session *s;
    const int32_t *tokens;
    const float *add, *weight; /* rows added to x first (or NULL); norm weights */
    const layer *layer;
} step;

void each_token(session *s, size_t n, pool_task task, void *arg)
{
    if (n == 1)
        task(arg, 0, 1, 0);
    else
        pool_run(s->model->pool, n, 1, task, arg);
}

static void embed_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    (void)thread;
    for (size_t t = begin; t < end; t++)
        tensor_fetch_row_f32(a->s->model->embedding, (size_t)a->tokens[t], a->s->x + t * a->s->model->config.dim);
}

/* x += branch; normed = rmsnorm(x). */
static void add_norm_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    const model *m = a->s->model;
    size_t dim = m->config.dim;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        float *x = a->s->x + t * dim;
        if (a->add)
            for (size_t i = 0; i < dim; i++)
                x[i] += a->add[t * dim + i];
        if (a->weight)
            m->ops->rmsnorm_f32(a->s->normed + t * dim, x, a->weight, m->config.eps, dim);
    }
}

static void add_norm(session *s, size_t n, const float *add, const float *weight)
{
    step a = { .s = s, .add = add, .weight = weight };
    each_token(s, n, add_norm_task, &a);
}

static void attended_norm_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    const model *m = a->s->model;
    size_t width = m->config.heads * m->config.head_dim;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        float *x = a->s->attended + t * width;
        m->ops->rmsnorm_f32(x, x, a->layer->attn_sub_norm, m->config.eps, width);
    }
}

/* gate = norm(f(gate) * up) */
static void gate_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    const model *m = a->s->model;
    size_t ffn = m->config.ffn;
    (void)thread;
    for (size_t t = begin; t < end; t++) {
        float *gate = a->s->gate + t * ffn;
        (m->config.relu2 ? m->ops->relu2_f32 : m->ops->swiglu_f32)(gate, gate, a->s->up + t * ffn, ffn);
        if (a->layer->ffn_sub_norm)
            m->ops->rmsnorm_f32(gate, gate, a->layer->ffn_sub_norm, m->config.eps, ffn);
    }
}

static void multiply(session *s, const matrix *w, float *y)
{
    if (s->listener && w != &s->model->head) {
        size_t n, k;
        const float *x = activations_get(s->activations, &n, &k);
        s->listener(s->listener_arg, w->source, x, n, k);
    }
    matrix_mul(w, s->activations, y, s->model->ops, s->model->pool);
}

static void attend(session *s, session *each, size_t layer_index, size_t n)
{
    if (!each)
        attention(s, layer_index, n);
    for (size_t t = 0; each && t < n; t++)
        attention(&each[t], layer_index, 1);
}

void forward_layers(session *s, session *each, const int32_t *tokens, size_t n)
{
    model *m = s->model;
    const model_config *c = &m->config;
    step a = { .s = s, .tokens = tokens };
    each_token(s, n, embed_task, &a);
    if (!each)
        rope_prepare(s, n);
    for (size_t t = 0; each && t < n; t++)
        rope_prepare(&each[t], 1);
    for (size_t i = 0; i < c->layers; i++) {
        const layer *l = a.layer = &m->layers[i];
        add_norm(s, n, i ? s->branch : NULL, l->attn_norm);
        activations_set(s->activations, s->normed, n, c->dim);
        multiply(s, &l->q, s->q);
        multiply(s, &l->k, s->k);
        multiply(s, &l->v, s->v);
        attend(s, each, i, n);
        if (l->attn_sub_norm)
            each_token(s, n, attended_norm_task, &a);
        activations_set(s->activations, s->attended, n, c->heads * c->head_dim);
        multiply(s, &l->o, s->branch);

        add_norm(s, n, s->branch, l->ffn_norm);
        activations_set(s->activations, s->normed, n, c->dim);
        multiply(s, &l->gate, s->gate);
        multiply(s, &l->up, s->up);
        each_token(s, n, gate_task, &a);
        activations_set(s->activations, s->gate, n, c->ffn);
        multiply(s, &l->down, s->branch);
    }
}

const float *forward_final(session *s, size_t first, size_t n)
{
    const model *m = s->model;
    size_t dim = m->config.dim;
    step a = { .s = s, .add = s->branch, .weight = m->output_norm };
    add_norm_task(&a, first, first + n, 0);
    activations_set(s->activations, s->normed + first * dim, n, dim);
    return s->normed + first * dim;
}

void forward_head(session *s, size_t first, size_t n, float *logits)
{
    forward_final(s, first, n);
    multiply(s, &s->model->head, logits);
}
