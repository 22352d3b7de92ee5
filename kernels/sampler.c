/* Picks the next token from logits. Ties go to the lower id, so that equal logits give equal text everywhere. */
#include "model.h"
#include <math.h>
#include <stdlib.h>

typedef struct { float p; int32_t id; } candidate;

/* splitmix64 (Steele, Lea, Flood 2014): any state is a good state. Returns a number in [0, 1). */
static double draw(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)((z ^ (z >> 31)) >> 11) * 0x1p-53;
}

static int32_t greedy(const float *logits, size_t vocab)
{
    size_t best = 0;
    for (size_t i = 1; i < vocab; i++)
        if (logits[i] > logits[best] || isnan(logits[best]))
            best = i;
    return (int32_t)best;
}

/* More probable first, then the lower id: a total order, so the result does not depend on qsort. */
static int by_rank(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->p != y->p)
        return x->p > y->p ? -1 : 1;
    return (x->id > y->id) - (x->id < y->id);
}

/* Moves the k first by rank to the front (quickselect; the middle element is pivot, so sorted input is no trap). */
static void select_top(candidate *c, size_t n, size_t k)
{
    size_t low = 0, high = n;
    while (high - low > 1) {
        candidate pivot = c[low + (high - low - 1) / 2];
        size_t i = low, j = high - 1;
        for (;; i++, j--) {
            while (by_rank(&c[i], &pivot) < 0)
                i++;
            while (by_rank(&c[j], &pivot) > 0)
                j--;
            if (i >= j)
                break;
            candidate swap = c[i];
            c[i] = c[j];
            c[j] = swap;
        }
        /* [low, j] ranks at or before the pivot, [j + 1, high) at or after it */
        if (k <= j)
            high = j + 1;
        else
            low = j + 1;
        if (high - low <= 1 || k <= low)
            break;
    }
}

/* Weights e^((x - max)/temperature) in place; returns their sum. NaN counts as impossible. */
static double to_weights(float *logits, size_t vocab, float temperature)
{
    float max = logits[greedy(logits, vocab)];
    double sum = 0;
    for (size_t i = 0; i < vocab; i++) {
        float w = expf((logits[i] - max) / temperature);
        logits[i] = isfinite(w) ? w : 0;
        sum += (double)logits[i];
    }
    return sum;
}

static int32_t pick(const candidate *c, size_t n, double point)
{
    for (size_t i = 0; i < n; i++) {
        point -= (double)c[i].p;
        if (point < 0)
            return c[i].id;
    }
    return c[n - 1].id; /* rounding left a rest */
}

int32_t sample(sampler *s, float *logits, size_t vocab)
{
    if (!(s->temperature > 0))
        return greedy(logits, vocab);
    int32_t best = greedy(logits, vocab);
    double sum = to_weights(logits, vocab, s->temperature);
    candidate *c = malloc(vocab * sizeof *c);
    if (!c || !(sum > 0)) {
        free(c);
        return best;
    }
    /* With top-p alone, weights too small to reach the kept mass even together need no sorting. */
    bool nucleus = s->top_p < 1, top = s->top_k > 0 && (size_t)s->top_k < vocab;
    double floor = nucleus && !top ? (1 - (double)s->top_p) * sum / (double)vocab : 0;
    size_t n = 0;
    for (size_t i = 0; i < vocab; i++)
        if (logits[i] > 0 && (double)logits[i] >= floor)
            c[n++] = (candidate){ logits[i], (int32_t)i };
    if (top && (size_t)s->top_k < n) {
        select_top(c, n, (size_t)s->top_k);
        n = (size_t)s->top_k;
    }
    double mass = sum;
    if (top) {
        mass = 0;
        qsort(c, n, sizeof *c, by_rank); /* one order, so one sum, whatever the selection left */
        for (size_t i = 0; i < n; i++)
            mass += (double)c[i].p;
    }
    if (nucleus) {
        if (!top)
            qsort(c, n, sizeof *c, by_rank);
        double kept = 0;
        size_t keep = 0;
        while (keep < n && (keep == 0 || kept < (double)s->top_p * mass))
            kept += (double)c[keep++].p;
        n = keep;
        mass = kept;
    }
    int32_t id = n ? pick(c, n, draw(&s->state) * mass) : best;
    free(c);
    return id;
}
