#include "clock.h"
#include "pack.h"
#include "repack.h"
#include "slab.h"
#include <inttypes.h>
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* A packed ternary layout: one row of `layouts`. A chunk of `chunk` weights of one row takes T2_BYTES; T2_ROWS rows are interleaved. */
typedef struct {
    const char *name;
    size_t chunk, most_chunks;
    bool block_scales;                               /* a chunk is one block of a scale */
    void (*fold)(const int8_t *trits, uint8_t *out); /* trits[chunk] -> out[T2_BYTES] */
} layout;

static void fold_t2(const int8_t *trits, uint8_t *out)
{
    for (int j = 0; j < T2_BYTES; j++)
        out[j] = (uint8_t)((trits[j] + 1) | (trits[T2_BYTES + j] + 1) << 2 | (trits[2 * T2_BYTES + j] + 1) << 4 | (trits[3 * T2_BYTES + j] + 1) << 6);
}

static void fold_t5(const int8_t *trits, uint8_t *out)
{
    for (int j = 0; j < T2_BYTES; j++) {
        int v = 121; /* five codes of trit 0 */
        for (int d = 0, power = 81; d < 5; d++, power /= 3)
            v += power * trits[d * T2_BYTES + j];
        out[j] = (uint8_t)((v * 256 + 242) / 243);
    }
}

static const layout layouts[] = {
    { "t2", T2_CHUNK, SIZE_MAX, true, fold_t2 },
    { "t5", T5_CHUNK, T5_MOST_CHUNKS, false, fold_t5 },
};

/* Blocks of scales are those of the TQ types. Trits are decoded PIECE at a time: whole blocks, and whole chunks of every layout. */
enum { SCALE_BLOCK = 256, PIECE = 1280, PIECE_BLOCKS = PIECE / SCALE_BLOCK };

static size_t whole(size_t n, size_t unit)
{
    return (n + unit - 1) / unit;
}

typedef struct {
    matrix *m;
    const layout *l;
    size_t blocks;             /* scales of a row */
    float *scales;             /* [groups*rows][blocks], or NULL for I2_S */
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

/* Decodes and checks weights [at, at + n) of a row. */
static void decode_piece(packing *p, size_t row, size_t at, size_t n, int8_t *trits)
{
    const gguf_tensor *t = p->m->source;
    size_t row_bytes = p->m->k / t->info->weights * t->info->bytes;
    float *scales = p->scales ? p->scales + row * p->blocks + at / SCALE_BLOCK : NULL;
    decode_trits(t->type, t->data + row * row_bytes + at / t->info->weights * t->info->bytes, trits, scales, n);
    for (size_t i = 0; i < n; i += SCALE_BLOCK) {
        float *scale = scales ? scales + i / SCALE_BLOCK : NULL;
        if (scale && !isfinite(*scale))
            atomic_store(&p->bad_scale, row + 1);
        if (check_block(trits + i, n - i < SCALE_BLOCK ? n - i : SCALE_BLOCK, scale))
            atomic_store(&p->bad_code, row + 1);
    }
}

static void pack_groups(void *arg, size_t begin, size_t end, int thread)
{
    packing *p = arg;
    const matrix *m = p->m;
    int8_t trits[PIECE];
    (void)thread;
    for (size_t row = begin * T2_ROWS; row < end * T2_ROWS; row++) {
        uint8_t *out = m->data + (row / T2_ROWS * m->chunks * T2_ROWS + row % T2_ROWS) * T2_BYTES;
        for (size_t c = 0, at = 0; c < m->chunks; at += PIECE) {
            size_t n = row >= m->rows || at >= m->k ? 0 : m->k - at < PIECE ? m->k - at : PIECE;
            memset(trits + n, 0, PIECE - n);
            if (n)
                decode_piece(p, row, at, n, trits);
            for (size_t i = 0; i < PIECE && c < m->chunks; i += p->l->chunk, c++, out += T2_ROWS * T2_BYTES)
                p->l->fold(trits + i, out);
        }
    }
}

/* Whether all blocks that have weights share a scale. Reads the scales, and only those blocks whose scale differs. */
static bool has_one_scale(const gguf_tensor *t)
{
    const uint8_t *block = t->data;
    uint16_t common = 0;
    bool found = false;
    for (size_t n = t->bytes / t->info->bytes; t->type != TYPE_I2_S && n; n--, block += t->info->bytes) {
        int8_t trits[SCALE_BLOCK];
        uint16_t half;
        float scale;
        bool any = false;
        memcpy(&half, block + t->info->bytes - sizeof half, sizeof half);
        if (found && half == common)
            continue;
        decode_trits(t->type, block, trits, &scale, SCALE_BLOCK);
        for (size_t i = 0; i < SCALE_BLOCK && !any; i++)
            any = trits[i] != 0;
        if (!any || scale == 0)
            continue;
        if (found)
            return false;
        common = half;
        found = true;
    }
    return true;
}

static const layout *layout_for(const char *name, const gguf_tensor *t)
{
    const layout *l = &layouts[0];
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (!strcmp(layouts[i].name, name))
            l = &layouts[i];
    return whole((size_t)t->ne[0], l->chunk) <= l->most_chunks && (l->block_scales || has_one_scale(t)) ? l : &layouts[0];
}

uint64_t packed_bytes(const char *name, uint64_t rows, uint64_t k)
{
    size_t chunk = strcmp(name, "t5") ? T2_CHUNK : T5_CHUNK;
    return whole(rows, T2_ROWS) * T2_ROWS * whole(k, chunk) * T2_BYTES;
}

/* One scale for the whole matrix if all blocks that matter agree. */
static void settle_scales(matrix *m, float *scales, size_t count, float extra)
{
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
    m->chunks = whole(m->k, l->chunk);
    m->groups = whole(m->rows, T2_ROWS);
    m->bytes = m->groups * m->chunks * T2_ROWS * T2_BYTES;
    m->owned = true;
    m->data = slab_alloc(m->bytes);
    packing job = { .m = m, .l = l, .blocks = whole(m->k, SCALE_BLOCK) };
    size_t count = m->groups * T2_ROWS * job.blocks;
    bool one_scale = t->type == TYPE_I2_S;
    if (!one_scale)
        job.scales = calloc(count, sizeof *job.scales); /* 0 in rows of the pad */
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
        settle_scales(m, job.scales, count, extra);
    return true;
}

typedef struct { matrix *m; const lane_layout *l; } lane_packing;

static void pack_lanes(void *arg, size_t begin, size_t end, int thread)
{
    const lane_packing *p = arg;
    const matrix *m = p->m;
    size_t group = lane_group_bytes(p->l, m->k), row = m->k / m->source->info->weights * m->source->info->bytes;
    gguf_tensor slice = *m->source;
    (void)thread;
    for (size_t g = begin; g < end; g++) {
        size_t count = m->rows - g * LANE_ROWS < LANE_ROWS ? m->rows - g * LANE_ROWS : LANE_ROWS;
        lane_pack_group(p->l, m->source->data + g * LANE_ROWS * row, count, m->k, m->data + g * group);
    }
    slice.data += begin * LANE_ROWS * row;
    slice.bytes = (end * LANE_ROWS < m->rows ? end * LANE_ROWS : m->rows) * row - begin * LANE_ROWS * row;
    tensor_drop(&slice); /* at once, so that the peak is one copy, not two */
}

/* Block types with 16 rows side by side, where there is memory for it and this CPU has kernels for it; else they are read as they stand in
   the file, by kernels that add in another order. */
static bool load_lanes(matrix *m, const lane_layout *l, pool *p)
{
    size_t groups = whole(m->rows, LANE_ROWS), bytes = groups * lane_group_bytes(l, m->k);
    int64_t available = memory_available();
    if ((available >= 0 && (uint64_t)available < bytes) || !strcmp(ops_source(ops_for("auto"), "gemm_q4_0x16q8"), "scalar"))
        return false;
    m->data = slab_alloc(bytes);
    if (!m->data)
        return false;
    m->layout = l->name;
    m->groups = groups;
    m->bytes = bytes;
    m->owned = true;
    lane_packing job = { m, l };
    pool_run(p, groups, 8, pack_lanes, &job);
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

bool matrix_load(matrix *m, const gguf_tensor *t, const char *layout, float extra_scale, pool *p, trit_error *e)
{
    *m = (matrix){ .source = t, .rows = (size_t)t->rows, .k = (size_t)t->ne[0], .scale = extra_scale };
    if (type_is_ternary(t->type)) {
        if (!load_ternary(m, layout_for(layout, t), extra_scale, p, e))
            return false;
    } else if (!lane_layout_for(t->type) || !load_lanes(m, lane_layout_for(t->type), p)) {
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
