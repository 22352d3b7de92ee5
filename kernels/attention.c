/* Rotary positions and causal attention with shared key/value heads, over the blocks of kv.h. The result for a position depends
   neither on the positions evaluated with it nor on the threads: a softmax goes through the blocks of a span one after the other,
   and the spans of a position are joined in their order, whoever computed them. */
#include "model_private.h"
#include <math.h>
#include <string.h>

/* A thread takes the queries of one key/value head and some tokens, in MOST_ROWS rows at most unless one token has more. A single
   token is split over spans of positions instead. */
enum { MOST_ROWS = 48, SPAN = 4 /* blocks */ };

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
static void rotate(float *x, const float *restrict cosine, const float *restrict sine, size_t pairs, bool neox)
{
    if (neox) {
        float *restrict a = x, *restrict b = x + pairs;
        for (size_t i = 0; i < pairs; i++) {
            float u = a[i], v = b[i];
            a[i] = u * cosine[i] - v * sine[i];
            b[i] = u * sine[i] + v * cosine[i];
        }
    } else {
        for (size_t i = 0; i < pairs; i++) {
            float u = x[2 * i], v = x[2 * i + 1];
            x[2 * i] = u * cosine[i] - v * sine[i];
            x[2 * i + 1] = u * sine[i] + v * cosine[i];
        }
    }
}

/* The queries of a token and key/value head as they meet keys: rotated and scaled -> out[group][head_dim]. */
static void take_queries(const session *s, size_t t, size_t kv_head, float *restrict out)
{
    const model_config *c = &s->model->config;
    size_t group = c->heads / c->kv_heads, pairs = c->rope_dim / 2;
    const float *restrict q = s->q + (t * c->heads + kv_head * group) * c->head_dim;
    float scale = 1.0f / sqrtf((float)c->head_dim);
    for (size_t i = 0; i < group * c->head_dim; i++)
        out[i] = q[i] * scale;
    for (size_t g = 0; g < group; g++)
        rotate(out + g * c->head_dim, s->cosine + t * pairs, s->sine + t * pairs, pairs, c->rope_neox);
}

/* Items are (block, key/value head): no two threads write to one block of a head. */
static void store_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    session *s = a->s;
    const model_config *c = &s->model->config;
    size_t pairs = c->rope_dim / 2;
    (void)thread;
    for (size_t item = begin; item < end; item++) {
        size_t block = s->length / KV_BLOCK + item / c->kv_heads, h = item % c->kv_heads;
        size_t t = block * KV_BLOCK > s->length ? block * KV_BLOCK - s->length : 0;
        for (; t < a->n && (s->length + t) / KV_BLOCK == block; t++) {
            float *k = s->k + (t * c->kv_heads + h) * c->head_dim;
            rotate(k, s->cosine + t * pairs, s->sine + t * pairs, pairs, c->rope_neox);
            kv_store(&s->kv, s->model->ops, a->layer, h, s->length + t, k, s->v + (t * c->kv_heads + h) * c->head_dim);
        }
    }
}

/* Sums of a softmax so far: sums[rows][dim] = sum of e^(score - top) * value, total[rows] = sum of e^(score - top);
   factor[rows] is for the step at hand. */
typedef struct { float *sums, *top, *total, *factor; } weighted;

static void forget(weighted w, size_t rows, size_t dim)
{
    memset(w.sums, 0, rows * dim * sizeof(float));
    for (size_t r = 0; r < rows; r++) {
        w.top[r] = -INFINITY;
        w.total[r] = 0;
    }
}

/* Adds keys and values [0, n) of a block to some rows, whose products with the keys are there. */
static void add_values(step *a, size_t kv_head, size_t block, size_t rows, size_t n, float *scores, weighted w)
{
    const trit_ops *ops = a->s->model->ops;
    ops->softmax_f32(scores, KV_BLOCK, rows, n, w.top, w.total, w.factor);
    kv_mix(&a->s->kv, ops, a->layer, kv_head, block, w.factor, scores, rows, n, w.sums);
}

/* Adds a span to the rows of tokens [0, tokens), the first of which stands at `position`; each sees what is not behind it. */
static void add_span(step *a, size_t kv_head, size_t span, const float *q, size_t position, size_t tokens, float *scores,
                     weighted w)
{
    const model_config *c = &a->s->model->config;
    size_t group = c->heads / c->kv_heads, last = position + tokens - 1;
    for (size_t block = span * SPAN; block < (span + 1) * SPAN && block * KV_BLOCK <= last; block++) {
        size_t first = block * KV_BLOCK, seen = last - first < KV_BLOCK ? last - first + 1 : KV_BLOCK;
        size_t t = first > position ? first - position : 0; /* the first token that sees something */
        kv_scores(&a->s->kv, a->s->model->ops, a->layer, kv_head, block, q + t * group * c->head_dim, (tokens - t) * group, seen,
                  scores);
        for (float *at = scores; t < tokens;) {
            size_t n = position + t - first + 1, count = n < KV_BLOCK ? 1 : tokens - t, row = t * group;
            weighted part = { w.sums + row * c->head_dim, w.top + row, w.total + row, w.factor + row };
            add_values(a, kv_head, block, count * group, n < KV_BLOCK ? n : KV_BLOCK, at, part);
            at += count * group * KV_BLOCK;
            t += count;
        }
    }
}

/* Joins the sums of the next span to those of one row. */
static void join(float *sums, float *top, float *total, const float *more, float more_top, float more_total, size_t dim)
{
    float highest = more_top > *top ? more_top : *top, old = expf(*top - highest), new = expf(more_top - highest);
    for (size_t i = 0; i < dim; i++)
        sums[i] = sums[i] * old + more[i] * new;
    *total = *total * old + more_total * new;
    *top = highest;
}

static void finish(float *out, const float *sums, float total, size_t dim)
{
    float inverse = 1 / total;
    for (size_t i = 0; i < dim; i++)
        out[i] = sums[i] * inverse;
}

static size_t rows_of(const model_config *c)
{
    size_t group = c->heads / c->kv_heads;
    return group > MOST_ROWS ? group : MOST_ROWS / group * group;
}

/* For each thread: queries, sums of a span and joined sums of all rows, then tops and totals of both, factors, scores. */
static size_t scratch_of(const model_config *c)
{
    return rows_of(c) * (3 * c->head_dim + 5 + KV_BLOCK);
}

static size_t spans_of(size_t positions)
{
    return (positions + SPAN * KV_BLOCK - 1) / (SPAN * KV_BLOCK);
}

size_t attention_scratch(const model_config *c, size_t context, size_t threads)
{
    return threads * scratch_of(c) + c->heads * spans_of(context) * (c->head_dim + 3);
}

/* Items are (tile of tokens, key/value head), the last tiles first, for they have most to do. */
static void attend_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    session *s = a->s;
    const model_config *c = &s->model->config;
    size_t dim = c->head_dim, group = c->heads / c->kv_heads, most = rows_of(c), tile = most / group;
    float *q = s->scratch + (size_t)thread * scratch_of(c), *tops = q + 3 * most * dim, *scores = tops + 5 * most;
    weighted span = { q + most * dim, tops, tops + most, tops + 4 * most };
    weighted all = { span.sums + most * dim, tops + 2 * most, tops + 3 * most, span.factor };
    for (size_t item = begin; item < end; item++) {
        size_t h = item % c->kv_heads, t = ((a->n - 1) / tile - item / c->kv_heads) * tile;
        size_t tokens = a->n - t < tile ? a->n - t : tile, rows = tokens * group;
        for (size_t i = 0; i < tokens; i++)
            take_queries(s, t + i, h, q + i * group * dim);
        for (size_t i = 0; i < spans_of(s->length + t + tokens); i++) {
            weighted w = i ? span : all;
            forget(w, rows, dim);
            add_span(a, h, i, q, s->length + t, tokens, scores, w);
            for (size_t r = 0; i && r < rows; r++)
                if (s->length + t + r / group >= i * SPAN * KV_BLOCK)
                    join(all.sums + r * dim, &all.top[r], &all.total[r], span.sums + r * dim, span.top[r], span.total[r], dim);
        }
        for (size_t r = 0; r < rows; r++)
            finish(s->attended + ((t + r / group) * c->heads + h * group + r % group) * dim, all.sums + r * dim, all.total[r],
                   dim);
    }
}

/* One token: items are (key/value head, span); what each finds is left for join_spans. */
static weighted left_by(const session *s, size_t item)
{
    const model_config *c = &s->model->config;
    size_t group = c->heads / c->kv_heads;
    float *at = s->scratch + s->threads * scratch_of(c) + item * group * (c->head_dim + 3);
    return (weighted){ at, at + group * c->head_dim, at + group * (c->head_dim + 1), at + group * (c->head_dim + 2) };
}

static void span_task(void *arg, size_t begin, size_t end, int thread)
{
    step *a = arg;
    session *s = a->s;
    const model_config *c = &s->model->config;
    size_t spans = spans_of(s->length + 1), group = c->heads / c->kv_heads;
    float *q = s->scratch + (size_t)thread * scratch_of(c), *scores = q + group * c->head_dim;
    for (size_t item = begin; item < end; item++) {
        size_t h = item / spans;
        weighted w = left_by(s, item);
        forget(w, group, c->head_dim);
        take_queries(s, 0, h, q);
        add_span(a, h, item % spans, q, s->length, 1, scores, w);
    }
}

static void join_spans(session *s)
{
    const model_config *c = &s->model->config;
    size_t spans = spans_of(s->length + 1), group = c->heads / c->kv_heads, dim = c->head_dim;
    for (size_t head = 0; head < c->heads; head++) {
        size_t h = head / group, g = head % group;
        weighted all = left_by(s, h * spans);
        for (size_t i = 1; i < spans; i++) {
            weighted span = left_by(s, h * spans + i);
            join(all.sums + g * dim, &all.top[g], &all.total[g], span.sums + g * dim, span.top[g], span.total[g], dim);
        }
        finish(s->attended + head * dim, all.sums + g * dim, all.total[g], dim);
    }
}

void attention(session *s, size_t layer_index, size_t n)
{
    step a = { s, layer_index, n };
    const model_config *c = &s->model->config;
    size_t tile = rows_of(c) / (c->heads / c->kv_heads), blocks = (s->length + n - 1) / KV_BLOCK - s->length / KV_BLOCK + 1;
    if (n == 1) {
        store_task(&a, 0, c->kv_heads, 0);
        pool_run(s->model->pool, c->kv_heads * spans_of(s->length + 1), 1, span_task, &a);
        join_spans(s);
    } else {
        pool_run(s->model->pool, blocks * c->kv_heads, 1, store_task, &a);
        pool_run(s->model->pool, (n + tile - 1) / tile * c->kv_heads, 1, attend_task, &a);
    }
}
