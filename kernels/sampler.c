/* Picks the next token from logits. Ties go to the lower id, so that equal logits give equal text everywhere. */
#include "model.h"
#include <math.h>
#include <stdlib.h>

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

/* Likelier first, then the lower id: a total order, so the result does not depend on qsort. */
static int by_rank(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit > y->logit ? -1 : 1;
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

/* Turns logits into weights e^((logit - max)/temperature) in place, drops those that are 0 (max may be infinite), keeps the order.
   Returns how many are left. */
static size_t to_weights(candidate *c, size_t n, float max, float temperature)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        float w = expf((c[i].logit - max) / temperature);
        if (isfinite(w) && w > 0)
            c[kept++] = (candidate){ w, c[i].id };
    }
    return kept;
}

static double mass_of(const candidate *c, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (double)c[i].logit;
    return sum;
}

/* Drops weights too small to reach the mass that top-p keeps, even together: they need no sorting. */
static size_t drop_tail(candidate *c, size_t n, double floor)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if ((double)c[i].logit >= floor)
            c[kept++] = c[i];
    return kept;
}

/* Draws one of n weights. */
static int32_t pick(const candidate *c, size_t n, double point)
{
    for (size_t i = 0; i < n; i++) {
        point -= (double)c[i].logit;
        if (point < 0)
            return c[i].id;
    }
    return c[n - 1].id; /* rounding left a rest */
}

int32_t sample_among(sampler *s, candidate *c, size_t n)
{
    candidate best = c[0];
    for (size_t i = 1; i < n; i++)
        if (by_rank(&c[i], &best) < 0)
            best = c[i];
    if (!(s->temperature > 0))
        return best.id;
    bool nucleus = s->top_p < 1, top = s->top_k > 0 && (size_t)s->top_k <= n;
    if (top) {
        select_top(c, n, (size_t)s->top_k);
        n = (size_t)s->top_k;
        qsort(c, n, sizeof *c, by_rank); /* one order, so one sum, whatever the selection left */
    }
    size_t all = n;
    n = to_weights(c, n, best.logit, s->temperature);
    if (!n)
        return best.id;
    double mass = mass_of(c, n);
    if (nucleus) {
        if (!top) {
            n = drop_tail(c, n, (1 - (double)s->top_p) * mass / (double)all);
            qsort(c, n, sizeof *c, by_rank);
        }
        double kept = 0;
        size_t keep = 0;
        while (keep < n && (keep == 0 || kept < (double)s->top_p * mass))
            kept += (double)c[keep++].logit;
        n = keep;
        mass = kept;
    }
    return pick(c, n, draw(&s->state) * mass);
}

int32_t sample(sampler *s, const float *logits, size_t vocab)
{
    int32_t best = greedy(logits, vocab);
    if (!(s->temperature > 0))
        return best;
    candidate *c = malloc(vocab * sizeof *c);
    size_t n = 0;
    for (size_t i = 0; c && i < vocab; i++)
        if (!isnan(logits[i]))
            c[n++] = (candidate){ logits[i], (int32_t)i };
    int32_t id = n ? sample_among(s, c, n) : best;
    free(c);
    return id;
}
