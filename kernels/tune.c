#include "tune.h"
#include "clock.h"
#include "cpu.h"
#include "slab.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_MATRICES = 16, MOST_PAIRS = 400, LEAST_PAIRS = 7, LEAST_BUFFER = 64 << 20, SPARE = 256 << 20, LEAST_WEIGHTS = 32 << 20 };
static const double WORTH = 0.05; /* a change of less than this is none */

/* The ternary matrices of one layer, to be gone through as decoding does. */
typedef struct {
    const trit_ops *ops;
    pool *pool;
    const gguf_tensor *tensors[MOST_MATRICES];
    size_t count, weights;
    activations *activations;
    float *x, *y;            /* one token of the widest row, one result of the most rows */
    uint8_t *memory;         /* weights of no meaning */
    size_t bytes, at;        /* where the next pass begins in them */
    const cache *cache;
    size_t layers, layer;    /* where the next pass begins in it */
} stage;

/* The name of the tensor that is `t` in another layer. */
static const char *in_layer(const gguf_tensor *t, size_t layer, char *name, size_t size)
{
    snprintf(name, size, "blk.%zu.%.*s", layer, (int)(t->name.len - 6), t->name.data + 6);
    return name;
}

bool tune_matters(const gguf *g)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (type_is_ternary(t->type))
            bytes += packed_bytes("t2", t->rows, t->ne[0]);
    }
    return bytes >= LEAST_WEIGHTS;
}

static bool open_stage(stage *s, const gguf *g, const trit_ops *ops, pool *p, trit_error *e)
{
    *s = (stage){ .ops = ops, .pool = p };
    size_t widest = 0, most = 0;
    for (size_t i = 0; i < gguf_count(g) && s->count < MOST_MATRICES; i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (!type_is_ternary(t->type) || t->name.len < 7 || t->name.len > 60 || memcmp(t->name.data, "blk.0.", 6))
            continue;
        s->tensors[s->count++] = t;
        s->weights += (size_t)(t->rows * t->ne[0]);
        widest = widest > t->ne[0] ? widest : (size_t)t->ne[0];
        most = most > t->rows ? most : (size_t)t->rows;
    }
    if (!s->count)
        return fail(e, "%s has no ternary weights: there is nothing to tune", gguf_path(g));
    char name[80];
    while (gguf_find(g, in_layer(s->tensors[0], s->layers, name, sizeof name)))
        s->layers++;
    size_t cache = cpu_cache_bytes(), layer = 0;
    for (size_t i = 0; i < s->count; i++)
        layer += packed_bytes("t2", s->tensors[i]->rows, s->tensors[i]->ne[0]);
    s->bytes = 2 * cache > LEAST_BUFFER ? 2 * cache : LEAST_BUFFER;
    s->bytes = s->bytes > 4 * layer ? s->bytes : 4 * layer;
    int64_t available = memory_available();
    if (available >= 0 && (uint64_t)available < (uint64_t)s->bytes + SPARE)
        return fail(e, "tuning goes through %.0f MB of memory, twice what the caches hold, but only %.0f MB are available; choose with --layout instead",
                    (double)s->bytes / 1e6, (double)available / 1e6);
    s->memory = slab_alloc(s->bytes);
    s->activations = s->memory ? activations_new(1, widest, e) : NULL;
    s->x = malloc(widest * sizeof *s->x);
    s->y = malloc((most + T2_ROWS) * sizeof *s->y);
    if (!s->memory || !s->activations || !s->x || !s->y)
        return fail(e, "there is no memory to tune in");
    memset(s->memory, 0x55, s->bytes); /* trits in both layouts; and pages that were never written are all the same one */
    for (size_t i = 0; i < widest; i++)
        s->x[i] = (float)(i * 37 % 255) - 127;
    return true;
}

static void close_stage(stage *s)
{
    activations_free(s->activations);
    slab_free(s->memory);
    free(s->x);
    free(s->y);
}

/* Nanoseconds of one pass through a layer: in the memory, or (mapped) in the cache. */
static double pass(stage *s, const char *layout, bool mapped)
{
    matrix m[MOST_MATRICES];
    char name[80];
    for (size_t i = 0; i < s->count; i++) {
        const gguf_tensor *t = s->tensors[i];
        m[i] = matrix_of_packed(t, layout, NULL);
        if (mapped) {
            const char *there = in_layer(t, s->layer, name, sizeof name);
            const cache_entry *x = cache_find(s->cache, (str){ there, strlen(there) }, layout);
            m[i] = matrix_of_packed(t, layout, x->data);
            continue;
        }
        if (s->bytes - s->at < m[i].bytes)
            s->at = 0;
        m[i] = matrix_of_packed(t, layout, s->memory + s->at);
        s->at += m[i].bytes;
    }
    int64_t start = clock_ns();
    for (size_t i = 0; i < s->count; i++) {
        activations_set(s->activations, s->x, 1, m[i].k);
        matrix_mul(&m[i], s->activations, s->y, s->ops, s->pool);
    }
    int64_t ns = clock_ns() - start;
    if (mapped)
        s->layer = (s->layer + 1) % s->layers;
    return (double)ns;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return values[count / 2];
}

/* The median of the ratios of b by a, in pairs of which every other begins with b. *a_ns: the median of a. */
static double compare(stage *s, const char *a, bool a_mapped, const char *b, bool b_mapped, double seconds, double *a_ns)
{
    double ratios[MOST_PAIRS], times[MOST_PAIRS];
    size_t pairs = 0;
    int64_t start = clock_ns();
    for (int warm = 0; warm < 2; warm++) {
        pass(s, a, a_mapped);
        pass(s, b, b_mapped);
    }
    for (; pairs < MOST_PAIRS && (pairs < LEAST_PAIRS || (double)(clock_ns() - start) < seconds * 1e9); pairs++) {
        double first = pass(s, pairs % 2 ? b : a, pairs % 2 ? b_mapped : a_mapped);
        double second = pass(s, pairs % 2 ? a : b, pairs % 2 ? a_mapped : b_mapped);
        times[pairs] = pairs % 2 ? second : first;
        ratios[pairs] = pairs % 2 ? first / second : second / first;
    }
    *a_ns = median(times, pairs);
    return median(ratios, pairs);
}

bool tune_layout(const gguf *g, const trit_ops *ops, pool *p, double seconds, const tuning *former, tuning *out, trit_error *e)
{
    stage s;
    bool ok = open_stage(&s, g, ops, p, e);
    *out = (tuning){ .threads = pool_threads(p), .layout = "t2", .load = LOAD_AUTO, .layout_ratio = NAN, .load_ratio = NAN, .ns_per_weight = NAN };
    if (ok) {
        double t2_ns;
        bool was_t5 = former && !strcmp(former->layout, "t5");
        out->layout_ratio = compare(&s, "t2", false, "t5", false, seconds, &t2_ns);
        out->layout = out->layout_ratio < (was_t5 ? 1 + WORTH : 1 - WORTH) ? "t5" : "t2";
        out->ns_per_weight = t2_ns * (strcmp(out->layout, "t5") ? 1 : out->layout_ratio) / (double)s.weights;
        out->streamed = s.bytes;
    }
    close_stage(&s);
    return ok;
}

/* Whether every matrix of every layer is in the cache, in the layout. */
static bool has_all(const stage *s, const cache *c, const char *layout)
{
    char name[80];
    for (size_t layer = 0; layer < s->layers; layer++)
        for (size_t i = 0; i < s->count; i++) {
            const char *there = in_layer(s->tensors[i], layer, name, sizeof name);
            const cache_entry *x = cache_find(c, (str){ there, strlen(there) }, layout);
            if (!x || x->bytes != packed_bytes(layout, s->tensors[i]->rows, s->tensors[i]->ne[0]))
                return false;
        }
    return true;
}

bool tune_load(const gguf *g, const cache *c, const trit_ops *ops, pool *p, double seconds, const tuning *former, tuning *out, trit_error *e)
{
    stage s;
    bool ok = open_stage(&s, g, ops, p, e);
    if (ok && has_all(&s, c, out->layout)) {
        double ns;
        bool was_copy = former && former->load == LOAD_COPY;
        s.cache = c;
        for (size_t i = 0; i < s.layers; i++)
            pass(&s, out->layout, true); /* so that all of it is in memory */
        out->load_ratio = compare(&s, out->layout, true, out->layout, false, seconds, &ns);
        out->load = out->load_ratio < (was_copy ? 1 + WORTH : 1 - WORTH) ? LOAD_COPY : LOAD_MMAP;
    }
    close_stage(&s);
    return ok;
}
