#include "digits.h"
#include "quantize_tensor.h"
#include <stdlib.h>
#include <string.h>

enum { SAMPLE_ROWS = 64 };

/* What a tensor would lose with N trits, relative to its squares, and its bytes. */
typedef struct { double loss[MOST_TRITS + 1]; uint64_t bytes[MOST_TRITS + 1]; } offer;

/* Some rows, evenly spread, as a tensor of their own; rows[SAMPLE_ROWS][k]. */
static gguf_tensor sample(const gguf_tensor *t, float *rows)
{
    size_t k = (size_t)t->ne[0], n = t->rows < SAMPLE_ROWS ? (size_t)t->rows : SAMPLE_ROWS;
    for (size_t i = 0; i < n; i++)
        tensor_row_f32(t, (size_t)(t->rows * i / n), rows + i * k);
    return (gguf_tensor){ .name = t->name, .type = TYPE_F32, .info = type_of(TYPE_F32), .n_dims = 2, .ne = { k, n, 1, 1 }, .rows = n,
                          .data = (const uint8_t *)rows, .bytes = n * k * sizeof *rows };
}

static bool make_offer(const gguf_tensor *t, const float *inputs, int most, pool *threads, offer *out, trit_error *e)
{
    float *rows = calloc((size_t)t->ne[0], SAMPLE_ROWS * sizeof *rows);
    if (!rows)
        return fail(e, "not enough memory for %d rows of tensor %.*s", SAMPLE_ROWS, (int)(t->name.len < 100 ? t->name.len : 100), t->name.data);
    gguf_tensor some = sample(t, rows);
    bool good = true;
    for (int n = 1; good && n <= most; n++) {
        quantize_report r = { 0 };
        const type_info *type = type_of(TYPE_T1 + (uint32_t)n - 1);
        good = quantize_tensor(NULL, 0, &some, type, (input_view){ inputs, NULL }, threads, &r, e);
        out->loss[n] = r.error.heard > 0 ? r.error.missed / r.error.heard : 0; /* exact: nothing was rounded */
        out->bytes[n] = type_row_bytes(type, t->ne[0]) * t->rows;
    }
    free(rows);
    tensor_drop(t);
    return good;
}

/* The tensor whose next trits help most for a byte and fit into `left`; *to: how many it should have. */
static size_t best_step(const offer *offers, const bool *eligible, const int *trits, size_t count, int most, double left, int *to)
{
    size_t best = count;
    double best_rate = 0;
    for (size_t i = 0; i < count; i++)
        for (int n = eligible[i] ? trits[i] + 1 : most + 1; n <= most; n++) {
            double more = (double)(offers[i].bytes[n] - offers[i].bytes[trits[i]]);
            double rate = (offers[i].loss[trits[i]] - offers[i].loss[n]) / more;
            if (more <= left && rate > best_rate) {
                best_rate = rate;
                best = i;
                *to = n;
            }
        }
    return best;
}

bool quantize_plan(const gguf *g, const quantize_options *q, const bool *eligible, int most, pool *threads, int *trits, trit_error *e)
{
    size_t count = gguf_count(g);
    offer *offers = calloc(count + 1, sizeof *offers);
    double weights = 0, least = 0;
    bool good = offers || fail(e, "not enough memory for the list of %zu tensors", count);
    for (size_t i = 0; good && i < count; i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (!eligible[i])
            continue;
        if (q->progress)
            q->progress(q->progress_arg, "looking at", i, count);
        good = make_offer(t, importance_of(q->inputs, t).means, most, threads, &offers[i], e);
        trits[i] = 1;
        weights += (double)t->rows * (double)t->ne[0];
        least += (double)offers[i].bytes[1];
    }
    double left = weights * q->target_bits / 8 - least;
    if (good && left < 0)
        good = fail(e, "one trit a weight takes %.3f bits with its scales, more than the %g that --target-bits allows", least * 8 / weights,
                    q->target_bits);
    for (int to = 0; good;) {
        size_t i = best_step(offers, eligible, trits, count, most, left, &to);
        if (i == count)
            break;
        left -= (double)(offers[i].bytes[to] - offers[i].bytes[trits[i]]);
        trits[i] = to;
    }
    free(offers);
    return good;
}
