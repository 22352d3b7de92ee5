#include "head.h"
#include "repack.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    SLICE = 64, /* rows that a thread reads at once */
    GRAIN = 8,  /* candidates it takes at least */
    FEW = 4 * SCREEN_MOST /* candidates that are never too many */
};

const gguf_tensor *head_tensor(const gguf *g)
{
    const gguf_tensor *t = gguf_find(g, "output.weight");
    return t ? t : gguf_find(g, "token_embd.weight");
}

struct chooser {
    const matrix *head;
    const screen *screen;
    size_t row_bytes, most;  /* candidates */
    float *logits;           /* [rows] screened, or true */
    candidate *candidates;   /* [most], in the order of their ids once all are found */
    uint8_t *rows;           /* [threads][SLICE] rows as in the file */
    const lane_layout *lanes;/* of block types: the full head is multiplied so, and sums in another order would be other bits */
    uint8_t *groups;         /* [threads] of the same rows in lanes */
    size_t groups_bytes;
};

chooser *chooser_new(const matrix *head, const screen *s, int threads, trit_error *e)
{
    chooser *c = calloc(1, sizeof *c);
    if (c) {
        c->head = head;
        c->screen = s;
        c->logits = malloc(head->rows * sizeof *c->logits);
        if (s) {
            c->row_bytes = (size_t)type_row_bytes(head->source->info, head->k);
            c->most = head->rows / 50 > FEW ? head->rows / 50 : FEW;
            c->candidates = malloc(c->most * sizeof *c->candidates);
            c->rows = aligned_alloc(64, (size_t)threads * ((SLICE * c->row_bytes + 63) / 64 * 64));
            c->lanes = lanes_for(head->source->type);
            c->groups_bytes = c->lanes ? (SLICE / LANE_ROWS * lane_group_bytes(c->lanes, head->k) + 63) / 64 * 64 : 0;
            c->groups = c->lanes ? aligned_alloc(64, (size_t)threads * c->groups_bytes) : NULL;
        }
    }
    if (c && c->logits && (!s || (c->candidates && c->rows && (c->groups || !c->lanes))))
        return c;
    chooser_free(c);
    fail(e, "not enough memory for the logits of %zu tokens", head->rows);
    return NULL;
}

void chooser_free(chooser *c)
{
    if (!c)
        return;
    free(c->logits);
    free(c->candidates);
    free(c->rows);
    free(c->groups);
    free(c);
}

bool sampler_takes_screen(const sampler *s)
{
    return !(s->temperature > 0) || (s->top_k > 0 && s->top_k <= SCREEN_MOST);
}

typedef struct {
    chooser *c;
    const activations *a;
    size_t first; /* candidate */
} job;

static uint8_t *rows_of(const chooser *c, int thread)
{
    return c->rows + (size_t)thread * ((SLICE * c->row_bytes + 63) / 64 * 64);
}

/* Logits of the n rows that a thread has read -> y[n]. */
static void multiply_rows(const job *j, size_t n, float *y, int thread)
{
    const chooser *c = j->c;
    matrix part = *c->head;
    part.data = rows_of(c, thread);
    part.rows = n;
    if (c->lanes) {
        uint8_t *groups = c->groups + (size_t)thread * c->groups_bytes;
        for (size_t i = 0; i < n; i += LANE_ROWS)
            lane_pack_group(c->lanes, part.data + i * c->row_bytes, n - i < LANE_ROWS ? n - i : LANE_ROWS, part.k,
                            groups + i / LANE_ROWS * lane_group_bytes(c->lanes, part.k));
        matrix_use_lanes(&part, c->lanes, groups);
    }
    matrix_mul_here(&part, j->a, y);
}

static void slices_task(void *arg, size_t begin, size_t end, int thread)
{
    const job *j = arg;
    const chooser *c = j->c;
    for (size_t n; begin < end; begin += n) {
        n = end - begin < SLICE ? end - begin : SLICE;
        tensor_read(c->head->source, begin * c->row_bytes, rows_of(c, thread), n * c->row_bytes);
        multiply_rows(j, n, c->logits + begin, thread);
    }
}

static void candidates_task(void *arg, size_t begin, size_t end, int thread)
{
    const job *j = arg;
    const chooser *c = j->c;
    float y[SLICE];
    for (size_t n; begin < end; begin += n) {
        candidate *at = c->candidates + j->first + begin;
        n = end - begin < SLICE ? end - begin : SLICE;
        for (size_t i = 0; i < n; i++)
            tensor_read(c->head->source, (size_t)at[i].id * c->row_bytes, rows_of(c, thread) + i * c->row_bytes, c->row_bytes);
        multiply_rows(j, n, y, thread);
        for (size_t i = 0; i < n; i++)
            at[i].logit = y[i];
    }
}

static float bound(const screen *s, screen_error e, size_t row)
{
    return s->residual[row] * e.of_residual + s->magnitude[row] * e.of_magnitude;
}

/* Moves the least of a heap whose root changed down to its place. */
static void sink(candidate *heap, size_t n)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && heap[child + 1].logit < heap[child].logit)
            child++;
        if (heap[i].logit <= heap[child].logit)
            return;
        candidate swap = heap[i];
        heap[i] = heap[child];
        heap[child] = swap;
    }
}

/* The k rows of the highest lower bounds: a heap with the least of them on top. */
static void find_first(chooser *c, screen_error e, size_t k)
{
    candidate *heap = c->candidates;
    for (size_t i = 0; i < k; i++)
        heap[i] = (candidate){ -INFINITY, -1 };
    for (size_t r = 0; r < c->head->rows; r++) {
        float lower = c->logits[r] - bound(c->screen, e, r);
        if (lower > heap[0].logit) {
            heap[0] = (candidate){ lower, (int32_t)r };
            sink(heap, k);
        }
    }
}

static int by_id(const void *a, const void *b)
{
    int32_t x = ((const candidate *)a)->id, y = ((const candidate *)b)->id;
    return (x > y) - (x < y);
}

/* Adds the rows that may reach t to the k first ones, which are in the order of their ids. Returns how many there are then; more than
   c->most: too many. */
static size_t find_others(chooser *c, screen_error e, size_t k, float t)
{
    size_t n = k, next = 0;
    for (size_t r = 0; r < c->head->rows; r++) {
        if (c->logits[r] + bound(c->screen, e, r) < t)
            continue; /* what is no number goes on, and fails its test */
        if (next < k && c->candidates[next].id == (int32_t)r) {
            next++;
            continue;
        }
        if (n == c->most)
            return n + 1;
        c->candidates[n++] = (candidate){ 0, (int32_t)r };
    }
    return n;
}

/* Whether candidates [from, to) are as near to their screened logits as can be expected. */
static bool are_near(const chooser *c, screen_error e, size_t from, size_t to)
{
    for (; from < to; from++) {
        candidate at = c->candidates[from];
        if (!isfinite(at.logit) || !(fabsf(at.logit - c->logits[at.id]) <= bound(c->screen, e, (size_t)at.id) / 2))
            return false;
    }
    return true;
}

/* Finds all candidates of the k greatest logits and their true logits. 0: the screen does not do. */
static size_t find_candidates(chooser *c, const float *x, size_t k, activations *a, head_counts *counts, const trit_ops *ops, pool *p)
{
    screen_error e = screen_error_for(c->screen, x);
    if (!isfinite(e.of_residual) || !isfinite(e.of_magnitude))
        return 0;
    matrix_mul(&c->screen->matrix, a, c->logits, ops, p);
    matrix_prepare(c->head, a, ops, p);
    find_first(c, e, k);
    if (c->candidates[0].id < 0)
        return 0;
    qsort(c->candidates, k, sizeof *c->candidates, by_id);
    job j = { c, a, 0 };
    pool_run(p, k, GRAIN, candidates_task, &j);
    counts->candidates += k;
    if (!are_near(c, e, 0, k))
        return 0;
    float t = INFINITY;
    for (size_t i = 0; i < k; i++)
        t = c->candidates[i].logit < t ? c->candidates[i].logit : t;
    size_t n = find_others(c, e, k, t);
    if (n > c->most)
        return 0;
    j.first = k;
    pool_run(p, n - k, GRAIN, candidates_task, &j);
    counts->candidates += n - k;
    if (!are_near(c, e, k, n))
        return 0;
    qsort(c->candidates, n, sizeof *c->candidates, by_id);
    return n;
}

int32_t chooser_next(chooser *c, const float *x, activations *a, sampler *how, head_counts *counts, const trit_ops *ops, pool *p)
{
    counts->tokens++;
    if (!c->screen) {
        matrix_mul(c->head, a, c->logits, ops, p);
        return sample(how, c->logits, c->head->rows);
    }
    size_t k = how->temperature > 0 ? (size_t)how->top_k : 1;
    size_t n = sampler_takes_screen(how) && k <= c->most && k < c->head->rows ? find_candidates(c, x, k, a, counts, ops, p) : 0;
    if (n)
        return sample_among(how, c->candidates, n);
    counts->full++;
    job j = { c, a, 0 };
    matrix_prepare(c->head, a, ops, p);
    pool_run(p, c->head->rows, SLICE, slices_task, &j);
    return sample(how, c->logits, c->head->rows);
}
