#include "cache.h"
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
    const matrix *m;
    const layout *l;
    uint8_t *out;              /* where group `first` goes */
    size_t first;
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
    size_t row_bytes = (size_t)type_row_bytes(t->info, p->m->k);
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

/* Groups [begin, end) from p->first on. */
static void pack_groups(void *arg, size_t begin, size_t end, int thread)
{
    packing *p = arg;
    const matrix *m = p->m;
    int8_t trits[PIECE];
    (void)thread;
    for (size_t row = (p->first + begin) * T2_ROWS; row < (p->first + end) * T2_ROWS; row++) {
        uint8_t *out = p->out + ((row / T2_ROWS - p->first) * m->chunks * T2_ROWS + row % T2_ROWS) * T2_BYTES;
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
    const uint8_t *block = t->data, *end;
    size_t k = (size_t)t->ne[0], blocks = t->type == TYPE_I2_S ? 0 : (size_t)t->rows * whole(k, SCALE_BLOCK);
    uint16_t common = 0;
    bool found = false;
    for (size_t i = 0; i < blocks; i++, block = end) {
        int8_t trits[SCALE_BLOCK];
        uint16_t half;
        float scale;
        bool any = false;
        size_t n = (i + 1) % whole(k, SCALE_BLOCK) ? SCALE_BLOCK : (k - 1) % SCALE_BLOCK + 1;
        end = block + type_row_bytes(t->info, n);
        memcpy(&half, end - sizeof half, sizeof half);
        if (found && half == common)
            continue;
        decode_trits(t->type, block, trits, &scale, n);
        for (size_t j = 0; j < n && !any; j++)
            any = trits[j] != 0;
        if (!any || scale == 0)
            continue;
        if (found)
            return false;
        common = half;
        found = true;
    }
    return true;
}

static const layout *find_layout(const char *name)
{
    for (size_t i = 0; i < sizeof layouts / sizeof *layouts; i++)
        if (!strcmp(layouts[i].name, name))
            return &layouts[i];
    return &layouts[0];
}

static const layout *layout_for(const char *name, const gguf_tensor *t)
{
    const layout *l = find_layout(name);
    return whole((size_t)t->ne[0], l->chunk) <= l->most_chunks && (l->block_scales || has_one_scale(t)) ? l : &layouts[0];
}

const char *packed_layout(size_t i)
{
    return i < sizeof layouts / sizeof *layouts ? layouts[i].name : NULL;
}

uint64_t packed_bytes(const char *name, uint64_t rows, uint64_t k)
{
    return whole(rows, T2_ROWS) * T2_ROWS * whole(k, find_layout(name)->chunk) * T2_BYTES;
}

/* Whether blocks that matter have different scales; if not, *common is theirs. */
static bool scales_differ(const float *scales, size_t count, float *common)
{
    bool differ = false;
    *common = 0;
    for (size_t i = 0; i < count; i++) {
        if (scales[i] != 0 && *common == 0)
            *common = scales[i];
        differ |= scales[i] != 0 && scales[i] != *common;
    }
    return differ;
}

/* The padded shape in a layout. */
static void shape(matrix *m, const layout *l)
{
    m->layout = l->name;
    m->chunks = whole(m->k, l->chunk);
    m->groups = whole(m->rows, T2_ROWS);
    m->bytes = m->groups * m->chunks * T2_ROWS * T2_BYTES;
}

static size_t count_scales(const matrix *m)
{
    return m->groups * T2_ROWS * whole(m->k, SCALE_BLOCK);
}

static bool begin_packing(packing *job, const matrix *m, const layout *l)
{
    *job = (packing){ .m = m, .l = l, .blocks = whole(m->k, SCALE_BLOCK) };
    if (m->source->type == TYPE_I2_S)
        return true;
    job->scales = calloc(count_scales(m), sizeof *job->scales); /* 0 in rows of the pad */
    return job->scales != NULL;
}

static int name_length(const gguf_tensor *t)
{
    return (int)(t->name.len < 100 ? t->name.len : 100);
}

/* Says what was wrong with the weights, and whether they need a scale for each block; if not, *scale is that of all. */
static bool end_packing(packing *job, float *scale, bool *differ, trit_error *e)
{
    const gguf_tensor *t = job->m->source;
    size_t bad_code = atomic_load(&job->bad_code), bad_scale = atomic_load(&job->bad_scale);
    *differ = false;
    *scale = tensor_scale(t);
    if (!job->scales && !isfinite(*scale))
        bad_scale = 1;
    if (job->scales)
        *differ = scales_differ(job->scales, count_scales(job->m), scale);
    tensor_drop(t);
    if (bad_code)
        return fail(e, "tensor %.*s is not ternary: row %zu holds a code other than -1, 0, +1", name_length(t), t->name.data, bad_code - 1);
    if (bad_scale)
        return fail(e, "tensor %.*s has a scale that is not a finite number (row %zu)", name_length(t), t->name.data, bad_scale - 1);
    return true;
}

/* Hands over `scales`, of each block, or NULL for the one of all. */
static void set_scales(matrix *m, float *scales, float scale, float extra)
{
    for (size_t i = 0; scales && i < count_scales(m); i++)
        scales[i] *= extra;
    m->scales = scales;
    m->scale = scale * extra;
}

static bool load_ternary(matrix *m, const layout *l, float extra, pool *p, trit_error *e)
{
    const gguf_tensor *t = m->source;
    packing job;
    float scale;
    bool differ;
    shape(m, l);
    m->owned = true;
    m->data = slab_alloc(m->bytes);
    if (!begin_packing(&job, m, l) || !m->data) {
        free(job.scales);
        matrix_free(m);
        return fail(e, "tensor %.*s does not fit into memory: packing it takes %zu bytes", name_length(t), t->name.data, m->bytes);
    }
    job.out = m->data;
    pool_run(p, m->groups, 8, pack_groups, &job);
    bool ok = end_packing(&job, &scale, &differ, e);
    if (ok && differ) {
        set_scales(m, job.scales, 1, extra);
        return true;
    }
    free(job.scales);
    if (ok)
        set_scales(m, NULL, scale, extra);
    else
        matrix_free(m);
    return ok;
}

enum { AT_ONCE = 4 << 20 }; /* bytes that are packed before they go to a cache */

static bool cache_ternary(cache_out *o, const gguf_tensor *t, const char *layout_name, pool *p, trit_error *e)
{
    const layout *l = layout_for(layout_name, t);
    matrix m = { .source = t, .rows = (size_t)t->rows, .k = (size_t)t->ne[0] };
    shape(&m, l);
    size_t group = m.chunks * T2_ROWS * T2_BYTES, groups = AT_ONCE / group ? AT_ONCE / group : 1;
    groups = groups < m.groups ? groups : m.groups;
    packing job;
    float scale;
    bool differ, ok = begin_packing(&job, &m, l);
    job.out = malloc(groups * group);
    if (!ok || !job.out)
        ok = fail(e, "there is no memory to pack tensor %.*s", name_length(t), t->name.data);
    ok = ok && cache_begin(o, t, l->name, m.rows, m.k, p, e);
    for (; ok && job.first < m.groups; job.first += groups) {
        size_t n = m.groups - job.first < groups ? m.groups - job.first : groups;
        pool_run(p, n, 8, pack_groups, &job);
        ok = cache_append(o, job.out, n * group, e);
    }
    ok = ok && end_packing(&job, &scale, &differ, e);
    if (ok && !differ)
        cache_set_scale(o, scale);
    else if (ok)
        ok = cache_begin(o, t, "scales", m.rows, m.k, p, e) && cache_append(o, job.scales, count_scales(&m) * sizeof *job.scales, e);
    free(job.out);
    free(job.scales);
    return ok;
}

/* A ternary matrix as it lies in a cache. False: there is none that fits, and *m is as it was. */
static bool find_packed(matrix *m, const cache *c, const char *layout_name, float extra)
{
    const gguf_tensor *t = m->source;
    for (size_t i = sizeof layouts / sizeof *layouts; c && i-- > 0;) {
        const layout *l = &layouts[i];
        const cache_entry *x = !i || !strcmp(l->name, layout_name) ? cache_find(c, t->name, l->name) : NULL;
        matrix packed = *m;
        shape(&packed, l);
        if (!x || x->rows != m->rows || x->k != m->k || x->bytes != packed.bytes || packed.chunks > l->most_chunks)
            continue;
        const cache_entry *s = cache_find(c, t->name, "scales");
        float *scales = NULL;
        if (s) {
            size_t bytes = count_scales(&packed) * sizeof *scales;
            if (!l->block_scales || s->bytes != bytes || !(scales = malloc(bytes)))
                continue;
            memcpy(scales, s->data, bytes);
            bool finite = true;
            for (size_t j = 0; j < bytes / sizeof *scales; j++)
                finite &= isfinite(scales[j]);
            if (!finite) {
                free(scales);
                continue;
            }
        }
        packed.data = (uint8_t *)(uintptr_t)x->data; /* never written: owned is false */
        set_scales(&packed, scales, x->scale, extra);
        *m = packed;
        return true;
    }
    return false;
}

void matrix_use_lanes(matrix *m, const lane_layout *l, uint8_t *groups)
{
    m->layout = l->name;
    m->groups = whole(m->rows, LANE_ROWS);
    m->bytes = m->groups * lane_group_bytes(l, m->k);
    m->data = groups;
    m->how = multiplication_for(l->name, false);
}

const struct lane_layout *lanes_for(uint32_t type)
{
    if (type_trits(type) > 1)
        return lane_layout_for(type); /* there is no other way to read them */
    return strcmp(ops_source(ops_for("auto"), "gemm_q4_0x16q8"), "scalar") ? lane_layout_for(type) : NULL;
}

typedef struct {
    const matrix *m;
    const lane_layout *l;
    uint8_t *out; /* where group `first` goes */
    size_t first;
} lane_packing;

/* Groups [begin, end) from p->first on. */
static void pack_lanes(void *arg, size_t begin, size_t end, int thread)
{
    const lane_packing *p = arg;
    const matrix *m = p->m;
    size_t group = lane_group_bytes(p->l, m->k), row = (size_t)type_row_bytes(m->source->info, m->k);
    size_t from = (p->first + begin) * LANE_ROWS, to = (p->first + end) * LANE_ROWS < m->rows ? (p->first + end) * LANE_ROWS : m->rows;
    gguf_tensor slice = *m->source;
    (void)thread;
    for (size_t r = from; r < to; r += LANE_ROWS, begin++)
        lane_pack_group(p->l, m->source->data + r * row, to - r < LANE_ROWS ? to - r : LANE_ROWS, m->k, p->out + begin * group);
    slice.data += from * row;
    slice.bytes = (to - from) * row;
    tensor_drop(&slice); /* at once, so that the peak is one copy, not two */
}

/* In memory, where there is enough of it. */
static bool load_lanes(matrix *m, const lane_layout *l, pool *p)
{
    matrix packed = *m;
    matrix_use_lanes(&packed, l, NULL);
    int64_t available = memory_available();
    if (available >= 0 && (uint64_t)available < packed.bytes)
        return false;
    packed.data = slab_alloc(packed.bytes);
    if (!packed.data)
        return false;
    packed.owned = true;
    pool_run(p, packed.groups, 8, pack_lanes, &(lane_packing){ &packed, l, packed.data, 0 });
    *m = packed;
    return true;
}

static bool cache_lanes(cache_out *o, const gguf_tensor *t, const lane_layout *l, pool *p, trit_error *e)
{
    matrix m = { .source = t, .rows = (size_t)t->rows, .k = (size_t)t->ne[0] };
    matrix_use_lanes(&m, l, NULL);
    size_t group = lane_group_bytes(l, m.k), groups = AT_ONCE / group ? AT_ONCE / group : 1;
    lane_packing job = { &m, l, malloc(groups * group), 0 };
    bool ok = job.out || fail(e, "there is no memory to pack tensor %.*s", name_length(t), t->name.data);
    ok = ok && cache_begin(o, t, l->name, m.rows, m.k, p, e);
    for (; ok && job.first < m.groups; job.first += groups) {
        size_t n = m.groups - job.first < groups ? m.groups - job.first : groups;
        pool_run(p, n, 8, pack_lanes, &job);
        ok = cache_append(o, job.out, n * group, e);
    }
    free(job.out);
    return ok;
}

/* The same from a cache. False: there is none that fits, and *m is as it was. */
static bool find_lanes(matrix *m, const cache *c)
{
    const lane_layout *l = lanes_for(m->source->type);
    const cache_entry *x = c && l ? cache_find(c, m->source->name, l->name) : NULL;
    matrix packed = *m;
    if (!x || x->rows != m->rows || x->k != m->k)
        return false;
    matrix_use_lanes(&packed, l, (uint8_t *)(uintptr_t)x->data); /* never written: owned is false */
    if (x->bytes != packed.bytes)
        return false;
    *m = packed;
    return true;
}

enum { COPY_SLICE = 4 << 20, COPY_SPARE = 512 << 20 };

typedef struct { const uint8_t *from; uint8_t *to; size_t bytes; const gguf_tensor *source; } copying;

static void copy_slices(void *arg, size_t begin, size_t end, int thread)
{
    copying *c = arg;
    (void)thread;
    for (; begin < end; begin++) {
        size_t at = begin * COPY_SLICE, n = c->bytes - at < COPY_SLICE ? c->bytes - at : COPY_SLICE;
        memcpy(c->to + at, c->from + at, n);
        gguf_tensor slice = *c->source;
        slice.data = c->from + at;
        slice.bytes = n;
        tensor_drop(&slice); /* at once, so that the peak is one copy, not two */
    }
}

/* Moves a mapped matrix to huge pages. Without memory for it, it stays where it is. */
static void copy_matrix(matrix *m, pool *p)
{
    copying c = { m->data, slab_alloc(m->bytes), m->bytes, m->source };
    if (!c.to)
        return;
    pool_run(p, (m->bytes + COPY_SLICE - 1) / COPY_SLICE, 1, copy_slices, &c);
    m->data = c.to;
    m->owned = true;
}

/* Whether a matrix as it stands in the file is worth a copy: it streams 15 % faster from huge pages than from a mapped file, but files
   stay mapped where memory is short, for the system can drop and read such pages again. */
static bool deserves_copy(const matrix *m)
{
    int64_t available = memory_available();
    return m->bytes >= COPY_SLICE && slab_is_huge() && available >= 0 && (uint64_t)available >= 2 * (uint64_t)m->bytes + COPY_SPARE;
}

uint64_t kept_bytes(const gguf_tensor *t, const char *layout_name)
{
    const lane_layout *l = lanes_for(t->type);
    if (l)
        return (t->rows + LANE_ROWS - 1) / LANE_ROWS * lane_group_bytes(l, (size_t)t->ne[0]);
    return type_is_ternary(t->type) ? packed_bytes(layout_name, t->rows, t->ne[0]) : 0;
}

bool matrix_pack(cache_out *o, const gguf_tensor *t, const char *layout_name, pool *p, trit_error *e)
{
    const lane_layout *l = lanes_for(t->type);
    return l ? cache_lanes(o, t, l, p, e) : cache_ternary(o, t, layout_name, p, e);
}

bool matrix_is_kept(const cache *c, const gguf_tensor *t, const char *layout_name)
{
    matrix m = { .source = t, .rows = (size_t)t->rows, .k = (size_t)t->ne[0] };
    bool found = type_is_ternary(t->type) ? find_packed(&m, c, layout_name, 1) : find_lanes(&m, c);
    free(m.scales);
    return found;
}

matrix matrix_of_packed(const gguf_tensor *t, const char *layout_name, const uint8_t *data)
{
    matrix m = { .source = t, .rows = (size_t)t->rows, .k = (size_t)t->ne[0], .scale = 1, .data = (uint8_t *)(uintptr_t)data };
    shape(&m, find_layout(layout_name));
    m.how = multiplication_for(m.layout, false);
    return m;
}

static matrix bind(const gguf_tensor *t, float scale)
{
    return (matrix){ .source = t, .rows = (size_t)t->rows, .k = (size_t)t->ne[0], .scale = scale, .layout = t->info->name,
                     .data = (uint8_t *)(uintptr_t)t->data /* never written: owned is false */, .bytes = t->bytes };
}

static bool find_multiplication(matrix *m, trit_error *e)
{
    const gguf_tensor *t = m->source;
    m->how = multiplication_for(m->layout, m->scales != NULL);
    if (m->how)
        return true;
    matrix_free(m);
    return fail(e, "tensor %.*s has type %s, which cannot be multiplied", name_length(t), t->name.data, t->info->name);
}

bool matrix_load(matrix *m, const gguf_tensor *t, const matrix_options *o, pool *p, trit_error *e)
{
    const lane_layout *lanes = lanes_for(t->type);
    bool copy = o->load == LOAD_COPY;
    *m = bind(t, o->scale);
    if (type_is_ternary(t->type)) {
        if (!find_packed(m, o->cache, o->layout, o->scale))
            return load_ternary(m, layout_for(o->layout, t), o->scale, p, e) && find_multiplication(m, e);
    } else if (!find_lanes(m, o->cache)) {
        bool must = type_trits(t->type) > 0;
        if (lanes && (must || o->load != LOAD_MMAP) && load_lanes(m, lanes, p))
            return find_multiplication(m, e);
        if (must)
            return fail(e, "tensor %.*s does not fit into memory", name_length(t), t->name.data);
        copy |= o->load == LOAD_AUTO && deserves_copy(m);
        if (!copy)
            tensor_stream(t);
    }
    if (copy)
        copy_matrix(m, p);
    return find_multiplication(m, e);
}

bool matrix_map(matrix *m, const gguf_tensor *t, float extra_scale, trit_error *e)
{
    *m = bind(t, extra_scale);
    return find_multiplication(m, e);
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
