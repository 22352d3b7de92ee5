#include "clock.h"
#include "pack.h"
#include "slab.h"
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A packed ternary layout: one row of `layouts`. A chunk of `chunk` weights of one row takes `bytes`; `rows` rows are interleaved. */
typedef struct {
    const char *name;
    size_t chunk, bytes, rows;
    void (*fold)(const int8_t *trits, uint8_t *out); /* trits[chunk] -> out[bytes] */
} layout;

static void fold_t2(const int8_t *trits, uint8_t *out)
{
    for (int j = 0; j < T2_BYTES; j++)
        out[j] = (uint8_t)((trits[j] + 1) | (trits[T2_BYTES + j] + 1) << 2 | (trits[2 * T2_BYTES + j] + 1) << 4 | (trits[3 * T2_BYTES + j] + 1) << 6);
}

static const layout layouts[] = {
    { "t2", T2_CHUNK, T2_BYTES, T2_ROWS, fold_t2 },
};

/* Blocks of scales are those of the TQ types; a layout whose chunk differs would need its own rule. */
enum { SCALE_BLOCK = 256 };

typedef struct {
    matrix *m;
    const layout *l;
    float *scales;             /* [groups*rows][chunks], or NULL for I2_S */
    atomic_size_t bad_code, bad_scale; /* 1 + a row that holds one; 0: none */
} packing;

/* True if a trit is neither of -1, 0, +1. Also clears the trits of a block whose scale is 0 and the scale of one without weights, so
   that they do not keep a matrix from having one scale. */
static bool check_block(int8_t *trits, size_t n, float *scale)
{
    int any = 0, bad = 0;
    for (size_t i = 0; i < n; i++) {
        any |= trits[i];
        bad |= trits[i] > 1;
    }
    if (scale && !any)
        *scale = 0;
    if (scale && *scale == 0)
        memset(trits, 0, n);
    return bad;
}

static void pack_groups(void *arg, size_t begin, size_t end, int thread)
{
    packing *p = arg;
    const matrix *m = p->m;
    const layout *l = p->l;
    const gguf_tensor *t = m->source;
    size_t row_bytes = m->k / t->info->weights * t->info->bytes, chunk_bytes = l->chunk / t->info->weights * t->info->bytes;
    int8_t trits[SCALE_BLOCK];
    (void)thread;
    for (size_t row = begin * l->rows; row < end * l->rows; row++) {
        for (size_t c = 0; c < m->chunks; c++) {
            size_t at = c * l->chunk, n = row >= m->rows ? 0 : m->k - at < l->chunk ? m->k - at : l->chunk;
            float *scale = p->scales ? p->scales + row * m->chunks + c : NULL;
            if (scale)
                *scale = 0;
            memset(trits + n, 0, l->chunk - n);
            if (n) {
                decode_trits(t->type, t->data + row * row_bytes + c * chunk_bytes, trits, scale, n);
                if (scale && !isfinite(*scale))
                    atomic_store(&p->bad_scale, row + 1);
                if (check_block(trits, n, scale))
                    atomic_store(&p->bad_code, row + 1);
            }
            l->fold(trits, m->data + ((row / l->rows * m->chunks + c) * l->rows + row % l->rows) * l->bytes);
        }
    }
}

/* One scale for the whole matrix if all blocks that matter agree. */
static void settle_scales(matrix *m, float *scales, float extra)
{
    size_t count = m->groups * T2_ROWS * m->chunks;
    float common = 0;
    bool differ = false;
    for (size_t i = 0; i < count; i++) {
        if (scales[i] != 0 && common == 0)
            common = scales[i];
        differ |= scales[i] != 0 && scales[i] != common;
    }
    if (differ) {
        for (size_t i = 0; i < count; i++)
            scales[i] *= extra;
        m->scales = scales;
    } else {
        m->scale = common * extra;
        free(scales);
    }
}

static bool load_ternary(matrix *m, const layout *l, float extra, pool *p, trit_error *e)
{
    const gguf_tensor *t = m->source;
    int name = (int)(t->name.len < 100 ? t->name.len : 100);
    m->layout = l->name;
    m->chunks = (m->k + l->chunk - 1) / l->chunk;
    m->groups = (m->rows + l->rows - 1) / l->rows;
    m->bytes = m->groups * m->chunks * l->rows * l->bytes;
    m->owned = true;
    m->data = slab_alloc(m->bytes);
    packing job = { .m = m, .l = l };
    bool one_scale = t->type == TYPE_I2_S;
    if (!one_scale)
        job.scales = malloc(m->groups * l->rows * m->chunks * sizeof *job.scales);
    if (!m->data || (!one_scale && !job.scales)) {
        free(job.scales);
        matrix_free(m);
        return fail(e, "tensor %.*s does not fit into memory: packing it takes %zu bytes", name, t->name.data, m->bytes);
    }
    pool_run(p, m->groups, 8, pack_groups, &job);
    tensor_drop(t);
    size_t bad_code = atomic_load(&job.bad_code), bad_scale = atomic_load(&job.bad_scale);
    if (one_scale && !isfinite(tensor_scale(t)))
        bad_scale = 1;
    if (bad_code || bad_scale) {
        free(job.scales);
        matrix_free(m);
        if (bad_code)
            return fail(e, "tensor %.*s is not ternary: row %zu holds a code other than -1, 0, +1", name, t->name.data, bad_code - 1);
        return fail(e, "tensor %.*s has a scale that is not a finite number (row %zu)", name, t->name.data, bad_scale - 1);
    }
    if (one_scale)
        m->scale = tensor_scale(t) * extra;
    else
        settle_scales(m, job.scales, extra);
    return true;
}

enum { COPY_SLICE = 4 << 20, COPY_SPARE = 512 << 20 };

static void copy_slices(void *arg, size_t begin, size_t end, int thread)
{
    matrix *m = arg;
    (void)thread;
    for (; begin < end; begin++) {
        size_t at = begin * COPY_SLICE, n = m->bytes - at < COPY_SLICE ? m->bytes - at : COPY_SLICE;
        gguf_tensor slice = *m->source;
        slice.data += at;
        slice.bytes = n;
        memcpy(m->data + at, slice.data, n);
        tensor_drop(&slice); /* at once, so that the peak is one copy, not two */
    }
}

/* Dense weights stream 15 % faster from huge pages than from a mapped file: they are copied where there is ample memory. Files stay
   mapped where memory is short, for the system can drop and read such pages again. */
static void load_dense(matrix *m, pool *p)
{
    m->layout = m->source->info->name;
    m->data = (uint8_t *)m->source->data; /* never written: owned is false */
    m->bytes = m->source->bytes;
    int64_t available = memory_available();
    if (m->bytes < COPY_SLICE || !slab_is_huge() || available < 0 || (uint64_t)available < 2 * (uint64_t)m->bytes + COPY_SPARE)
        return;
    uint8_t *copy = slab_alloc(m->bytes);
    if (!copy)
        return;
    m->data = copy;
    m->owned = true;
    pool_run(p, (m->bytes + COPY_SLICE - 1) / COPY_SLICE, 1, copy_slices, m);
}

bool matrix_load(matrix *m, const gguf_tensor *t, float extra_scale, pool *p, trit_error *e)
{
    *m = (matrix){ .source = t, .rows = (size_t)t->rows, .k = (size_t)t->ne[0], .scale = extra_scale };
    if (type_is_ternary(t->type)) {
        if (!load_ternary(m, &layouts[0], extra_scale, p, e))
            return false;
    } else {
        load_dense(m, p);
    }
    m->how = multiplication_for(m->layout, m->scales != NULL);
    if (m->how)
        return true;
    matrix_free(m);
    return fail(e, "tensor %.*s has type %s, which cannot be multiplied", (int)(t->name.len < 100 ? t->name.len : 100), t->name.data,
                t->info->name);
}

void matrix_free(matrix *m)
{
    if (m->owned)
        slab_free(m->data);
    free(m->scales);
    m->data = NULL;
    m->scales = NULL;
    m->owned = false;
}
