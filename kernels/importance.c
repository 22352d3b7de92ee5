#include "importance.h"
#include "clock.h"
#include "digits.h"
#include "model.h"
#include <stdlib.h>
#include <string.h>

enum { BATCH = 64, CONTEXT = 512, SIDE = DIGIT_BLOCK, SPARE = 256 << 20 };
static const double DAMPING = 0.01; /* of the mean square, added to all: what a text did not ask for may matter in another */

/* The inputs that some matrices share. */
typedef struct {
    size_t k, count;   /* of x that were seen */
    double *squares;   /* [k] sums */
    float *means;      /* [k] */
    float *products;   /* [blocks][SIDE][SIDE]: sums of x(i)*x(j), from settle on the feedback; or NULL */
} input;

typedef struct { char *name; size_t len, input; bool first; } heard; /* a matrix; the first of those that share an input */

struct importance {
    pool *pool;
    input *inputs;
    heard *matrices;
    size_t input_count, matrix_count, input_room, matrix_room;
    const float *last_x; /* of the call before, if it made an input */
    size_t last_n;
    bool failed;
};

static size_t blocks_of(size_t k)
{
    return (k + SIDE - 1) / SIDE;
}

static bool grow(void *list, size_t size, size_t count, size_t *room)
{
    void **array = list, *more = count < *room ? *array : realloc(*array, (2 * *room + 64) * size);
    if (!more)
        return false;
    *room = count < *room ? *room : 2 * *room + 64;
    *array = more;
    return true;
}

static bool add_input(importance *all, size_t k)
{
    if (!grow(&all->inputs, sizeof *all->inputs, all->input_count, &all->input_room))
        return false;
    size_t bytes = blocks_of(k) * SIDE * SIDE * sizeof(float);
    int64_t available = memory_available();
    bool room = available < 0 || (uint64_t)available > (uint64_t)bytes + SPARE;
    input x = { k, 0, calloc(k, sizeof(double)), malloc(k * sizeof(float)), room ? calloc(1, bytes) : NULL };
    all->inputs[all->input_count++] = x;
    return x.squares && x.means;
}

/* Matrices that are multiplied with the same numbers one after the other share an input. */
static heard *entry_of(importance *all, const gguf_tensor *t, const float *x, size_t n)
{
    for (size_t i = 0; i < all->matrix_count; i++)
        if (all->matrices[i].len == t->name.len && !memcmp(all->matrices[i].name, t->name.data, t->name.len))
            return &all->matrices[i];
    bool shared = all->last_x == x && all->last_n == n && all->inputs[all->input_count - 1].k == t->ne[0];
    heard h = { malloc(t->name.len), t->name.len, 0, !shared };
    if (!h.name || !grow(&all->matrices, sizeof *all->matrices, all->matrix_count, &all->matrix_room) ||
        (!shared && !add_input(all, (size_t)t->ne[0]))) {
        free(h.name);
        return NULL;
    }
    memcpy(h.name, t->name.data, t->name.len);
    h.input = all->input_count - 1;
    all->last_x = x;
    all->last_n = n;
    all->matrices[all->matrix_count] = h;
    return &all->matrices[all->matrix_count++];
}

typedef struct { input *to; const float *x; size_t n; } adding;

/* Rows of the blocks' products. */
static void add_products(void *arg, size_t begin, size_t end, int thread)
{
    const adding *a = arg;
    size_t k = a->to->k;
    (void)thread;
    for (size_t i = begin; i < end; i++) {
        size_t first = i / SIDE * SIDE, side = k - first < SIDE ? k - first : SIDE;
        float *row = a->to->products + i * SIDE;
        for (size_t t = 0; t < a->n; t++) {
            const float *x = a->x + t * k + first;
            float xi = x[i - first];
            for (size_t j = 0; j < side; j++)
                row[j] += xi * x[j];
        }
    }
}

/* x[n][k] goes into a matrix. */
static void listen(void *arg, const gguf_tensor *t, const float *x, size_t n, size_t k)
{
    importance *all = arg;
    heard *h = all->failed ? NULL : entry_of(all, t, x, n);
    if (!h) {
        all->failed = true;
        return;
    }
    input *to = &all->inputs[h->input];
    if (!h->first)
        return;
    to->count += n;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < k; j++)
            to->squares[j] += (double)x[i * k + j] * (double)x[i * k + j];
    if (to->products)
        pool_run(all->pool, k, 16, add_products, &(adding){ to, x, n });
}

/* The mean of squares for all inputs, and products of a block turned into its feedback. With H the products, damped: when w(i) has been rounded
   and is off by e, the sum (w - result) H (w - result) is least if each later w(j) changes by -e * W(i,j), where H = U D U^T with ones on the
   diagonal of the upper triangle U, and W its inverse. */
static void settle_blocks(void *arg, size_t begin, size_t end, int thread)
{
    input *x = arg;
    (void)thread;
    for (; begin < end; begin++) {
        size_t n = x->k - begin * SIDE < SIDE ? x->k - begin * SIDE : SIDE;
        float *f = x->products + begin * SIDE * SIDE;
        double *h = malloc(n * n * sizeof *h), trace = 0;
        for (size_t i = 0; h && i < n; i++)
            trace += (double)f[i * SIDE + i];
        if (!h || !(trace > 0 && trace < 1e30)) {
            memset(f, 0, SIDE * SIDE * sizeof *f);
            free(h);
            continue;
        }
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++)
                h[i * n + j] = (double)f[i * SIDE + j] + (i == j ? DAMPING * trace / (double)n : 0);
        for (size_t j = n; j-- > 1;) { /* U below the diagonal in row j, for speed; D on it */
            double *row = h + j * n;
            for (size_t i = 0; i < j; i++) {
                double u = row[i] / row[j];
                for (size_t m = 0; m <= i; m++)
                    h[i * n + m] -= u * row[m];
            }
            for (size_t i = 0; i < j; i++)
                row[i] /= row[j];
        }
        memset(f, 0, SIDE * SIDE * sizeof *f);
        for (size_t i = n; i-- > 0;) {
            f[i * SIDE + i] = 1;
            for (size_t m = i + 1; m < n; m++)
                for (size_t j = m; j < n; j++)
                    f[i * SIDE + j] -= (float)h[m * n + i] * f[m * SIDE + j];
        }
        free(h);
    }
}

static void settle(importance *all)
{
    for (size_t i = 0; i < all->input_count; i++) {
        input *x = &all->inputs[i];
        double total = 0;
        for (size_t j = 0; j < x->k; j++)
            total += x->squares[j];
        for (size_t j = 0; j < x->k; j++)
            x->means[j] = total > 0 && total < 1e300 ? (float)((x->squares[j] * (double)x->k / total + DAMPING) / (1 + DAMPING)) : 1;
        if (x->products)
            pool_run(all->pool, blocks_of(x->k), 1, settle_blocks, x);
    }
}

static bool run(importance *all, model *m, const int32_t *ids, size_t n, trit_error *e)
{
    size_t context = model_get_config(m)->context < CONTEXT ? model_get_config(m)->context : CONTEXT;
    session *s = session_new(m, KV_F16, context, BATCH, e);
    bool good = s != NULL;
    if (s)
        session_listen(s, listen, all);
    for (size_t at = 0; good && at < n;) {
        size_t room = context - session_length(s), batch = n - at < BATCH ? n - at : BATCH;
        if (!room) {
            session_reset(s);
            continue;
        }
        batch = batch < room ? batch : room;
        good = session_eval(s, ids + at, batch, NULL, false, e);
        at += batch;
    }
    session_free(s);
    if (good && all->failed)
        return fail(e, "not enough memory for the inputs of all matrices");
    if (good)
        settle(all);
    return good;
}

importance *importance_of_text(const gguf *g, const char *text, size_t len, size_t tokens, pool *threads, trit_error *e)
{
    importance *all = calloc(1, sizeof *all);
    tokenizer *words = all ? tokenizer_load(g, e) : NULL;
    int32_t *ids = NULL;
    size_t n = 0;
    if (all)
        all->pool = threads;
    else
        fail(e, "not enough memory for the inputs of all matrices");
    bool good = words && tokenize(words, text, len, TOKENIZE_BOS, &ids, &n, e);
    if (good && n < 2)
        good = fail(e, "the text has no two tokens to learn from");
    model *m = good ? model_load(g, &(load_options){ "t2", "off", LOAD_MMAP, HEAD_FULL }, ops_for(NULL), threads, e) : NULL;
    good = m && run(all, m, ids, n < tokens ? n : tokens, e);
    model_free(m);
    tokenizer_free(words);
    free(ids);
    if (good)
        return all;
    importance_free(all);
    return NULL;
}

void importance_free(importance *all)
{
    if (!all)
        return;
    for (size_t i = 0; i < all->matrix_count; i++)
        free(all->matrices[i].name);
    for (size_t i = 0; i < all->input_count; i++) {
        free(all->inputs[i].squares);
        free(all->inputs[i].means);
        free(all->inputs[i].products);
    }
    free(all->matrices);
    free(all->inputs);
    free(all);
}

input_view importance_of(const importance *all, const gguf_tensor *t)
{
    for (size_t i = 0; all && i < all->matrix_count; i++) {
        const heard *h = &all->matrices[i];
        const input *x = &all->inputs[h->input];
        if (h->len == t->name.len && !memcmp(h->name, t->name.data, t->name.len) && x->k == t->ne[0])
            return (input_view){ x->means, x->products };
    }
    return (input_view){ NULL, NULL };
}
