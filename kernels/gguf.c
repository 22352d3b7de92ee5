#include "gguf_private.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_NESTING = 4, MAX_KEY = 65535, MAX_TENSOR_NAME = 255, DEFAULT_ALIGNMENT = 32, I2S_TRAILER = 32, I2S_SCALE = 4 };
enum { MIN_KEY_BYTES = 8 + 4 + 1, MIN_TENSOR_BYTES = 8 + 4 + 8 + 4 + 8 };

typedef struct { const uint8_t *at, *end; } cursor;

static size_t left(const cursor *c)
{
    return (size_t)(c->end - c->at);
}

static bool take(cursor *c, void *out, size_t n)
{
    if (left(c) < n)
        return false;
    memcpy(out, c->at, n);
    c->at += n;
    return true;
}

static bool take_str(cursor *c, str *out)
{
    uint64_t len;
    if (!take(c, &len, sizeof len) || len > left(c))
        return false;
    *out = (str){ (const char *)c->at, (size_t)len };
    c->at += len;
    return true;
}

size_t gguf_scalar_size(uint32_t type)
{
    static const uint8_t sizes[GGUF_TYPES] = { 1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8 };
    return type < GGUF_TYPES ? sizes[type] : 0;
}

const char *gguf_printable(str s, char *out, size_t size)
{
    size_t n = s.len < size - 1 ? s.len : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = s.data[i] < 32 || s.data[i] > 126 ? '?' : s.data[i];
    out[n] = 0;
    return out;
}

/* Steps over one value and says what is wrong with it, NULL if nothing. */
static const char *skip_value(cursor *c, uint32_t type, int nesting)
{
    static const char *const truncated = "runs past the end of the file";
    size_t scalar = gguf_scalar_size(type);
    if (scalar) {
        if (left(c) < scalar)
            return truncated;
        if (type == GGUF_BOOL && *c->at > 1)
            return "is a boolean that is neither 0 nor 1";
        c->at += scalar;
        return NULL;
    }
    str text;
    if (type == GGUF_STRING)
        return take_str(c, &text) ? NULL : truncated;
    if (type != GGUF_ARRAY)
        return "has an unknown value type";

    uint32_t item;
    uint64_t count;
    if (nesting == MAX_NESTING)
        return "nests arrays too deeply";
    if (!take(c, &item, sizeof item) || !take(c, &count, sizeof count))
        return truncated;
    if ((scalar = gguf_scalar_size(item)) && item != GGUF_BOOL) {
        if (count > left(c) / scalar)
            return truncated;
        c->at += count * scalar;
        return NULL;
    }
    if (item == GGUF_STRING) {
        for (uint64_t i = 0; i < count; i++)
            if (!take_str(c, &text))
                return truncated;
        return NULL;
    }
    for (uint64_t i = 0; i < count; i++) { /* every item takes at least a byte, so a lying count ends with the file */
        const char *problem = skip_value(c, item, nesting + 1);
        if (problem)
            return problem;
    }
    return NULL;
}

static int compare_str(str a, str b)
{
    int order = memcmp(a.data, b.data, a.len < b.len ? a.len : b.len);
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const void *a, const void *b)
{
    return compare_str(**(const str *const *)a, **(const str *const *)b);
}

/* Sorts the names; items are records of `stride` bytes whose first field is the name. Returns the first name that comes twice. */
static const str *build_index(const str ***index, const void *items, size_t stride, size_t count)
{
    const char *item = items;
    for (size_t i = 0; i < count; i++)
        (*index)[i] = (const str *)(const void *)(item + i * stride);
    qsort(*index, count, sizeof **index, compare_names);
    for (size_t i = 1; i < count; i++)
        if (!compare_str(*(*index)[i - 1], *(*index)[i]))
            return (*index)[i];
    return NULL;
}

const str *gguf_search(const str *const *index, size_t count, const char *name)
{
    str wanted = { name, strlen(name) };
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare_str(*index[middle], wanted);
        if (!order)
            return index[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static bool read_keys(gguf *g, cursor *c, trit_error *e)
{
    char name[80];
    for (size_t i = 0; i < g->key_count; i++) {
        gguf_key *k = &g->keys[i];
        if (!take_str(c, &k->key) || !take(c, &k->type, sizeof k->type))
            return fail(e, "the file ends inside key %zu of %zu", i + 1, g->key_count);
        if (!k->key.len || k->key.len > MAX_KEY)
            return fail(e, "key %zu has a name of %zu bytes", i + 1, k->key.len);
        k->value = c->at;
        const char *problem = skip_value(c, k->type, 0);
        if (problem)
            return fail(e, "key %s %s", gguf_printable(k->key, name, sizeof name), problem);
        k->end = c->at;
    }
    const str *twice = build_index(&g->key_index, g->keys, sizeof *g->keys, g->key_count);
    return !twice || fail(e, "key %s comes twice", gguf_printable(*twice, name, sizeof name));
}

/* Shape and stored size of one tensor, everything except where it lies. */
static bool read_tensor(gguf_tensor *t, cursor *c, uint64_t *offset, size_t number, trit_error *e)
{
    char name[80];
    if (!take_str(c, &t->name) || !take(c, &t->n_dims, sizeof t->n_dims))
        return fail(e, "the file ends inside the description of tensor %zu", number);
    if (!t->name.len || t->name.len > MAX_TENSOR_NAME)
        return fail(e, "tensor %zu has a name of %zu bytes", number, t->name.len);
    gguf_printable(t->name, name, sizeof name);
    if (t->n_dims < 1 || t->n_dims > 4)
        return fail(e, "tensor %s has %" PRIu32 " dimensions (1 to 4 are possible)", name, t->n_dims);
    uint64_t weights = 1;
    for (uint32_t d = 0; d < 4; d++) {
        t->ne[d] = 1;
        if (d < t->n_dims && !take(c, &t->ne[d], sizeof t->ne[d]))
            return fail(e, "the file ends inside the description of tensor %s", name);
        if (!t->ne[d])
            return fail(e, "tensor %s has a dimension of zero", name);
        if (__builtin_mul_overflow(weights, t->ne[d], &weights) || weights > INT64_MAX / 8)
            return fail(e, "tensor %s has impossible dimensions (their product overflows)", name);
    }
    if (!take(c, &t->type, sizeof t->type) || !take(c, offset, sizeof *offset))
        return fail(e, "the file ends inside the description of tensor %s", name);
    if (!(t->info = type_of(t->type)))
        return fail(e, "tensor %s has type %" PRIu32 ", which this program does not read", name, t->type);
    if (!type_takes(t->info, t->ne[0]))
        return fail(e, "tensor %s: rows of %" PRIu64 " are no multiple of the %" PRIu32 " weights in a block of %s", name,
                    t->ne[0], t->info->weights, t->info->name);
    t->rows = weights / t->ne[0];
    /* Never overflows: a row takes at most 8 bytes a weight. */
    uint64_t bytes = type_row_bytes(t->info, t->ne[0]) * t->rows + (t->type == TYPE_I2_S ? I2S_TRAILER : 0);
    if (bytes > SIZE_MAX)
        return fail(e, "tensor %s is larger than this machine can address", name);
    t->bytes = (size_t)bytes;
    return true;
}

static int compare_places(const void *a, const void *b)
{
    const uint8_t *x = (*(const gguf_tensor *const *)a)->data, *y = (*(const gguf_tensor *const *)b)->data;
    return (x > y) - (x < y);
}

static bool check_overlap(const gguf *g, trit_error *e)
{
    const gguf_tensor **order = malloc((g->tensor_count + 1) * sizeof *order);
    if (!order)
        return fail(e, "not enough memory for the list of %zu tensors", g->tensor_count);
    for (size_t i = 0; i < g->tensor_count; i++)
        order[i] = &g->tensors[i];
    qsort(order, g->tensor_count, sizeof *order, compare_places);
    bool good = true;
    for (size_t i = 1; i < g->tensor_count && good; i++) {
        char first[80], second[80];
        if ((size_t)(order[i]->data - order[i - 1]->data) < order[i - 1]->bytes)
            good = fail(e, "tensors %s and %s overlap", gguf_printable(order[i - 1]->name, first, sizeof first),
                        gguf_printable(order[i]->name, second, sizeof second));
    }
    free(order);
    return good;
}

/* Places a tensor in the data section at g->bytes + base. */
static bool place_tensor(const gguf *g, gguf_tensor *t, uint64_t offset, size_t base, uint64_t alignment, trit_error *e)
{
    char name[80];
    gguf_printable(t->name, name, sizeof name);
    if (offset % alignment)
        return fail(e, "tensor %s: offset %" PRIu64 " is no multiple of the alignment %" PRIu64, name, offset, alignment);
    size_t room = base < g->size && offset < g->size - base ? g->size - base - (size_t)offset : 0;
    /* Some writers cut the padding behind the scale of a last I2_S tensor. */
    if (t->type == TYPE_I2_S && room < t->bytes && room >= t->bytes - I2S_TRAILER + I2S_SCALE)
        t->bytes = room;
    if (room < t->bytes)
        return fail(e,
                    "tensor %s runs past the end of the file, which is truncated or damaged: it needs %zu bytes and %zu are left",
                    name, t->bytes, room);
    t->data = g->bytes + base + offset;
    t->mapped = g->mapped;
    t->fd = g->fd;
    t->offset = base + offset;
    return true;
}

bool gguf_index_tensors(gguf *g, trit_error *e)
{
    char name[80];
    free(g->tensor_index);
    g->tensor_index = calloc(g->tensor_count + 1, sizeof *g->tensor_index);
    if (!g->tensor_index)
        return fail(e, "not enough memory for the list of %zu tensors", g->tensor_count);
    const str *twice = build_index(&g->tensor_index, g->tensors, sizeof *g->tensors, g->tensor_count);
    return !twice || fail(e, "tensor %s comes twice", gguf_printable(*twice, name, sizeof name));
}

static bool read_tensors(gguf *g, cursor *c, uint64_t *offsets, trit_error *e)
{
    for (size_t i = 0; i < g->tensor_count; i++)
        if (!read_tensor(&g->tensors[i], c, &offsets[i], i + 1, e))
            return false;
    char name[80];
    const str *twice = build_index(&g->tensor_index, g->tensors, sizeof *g->tensors, g->tensor_count);
    if (twice)
        return fail(e, "tensor %s comes twice", gguf_printable(*twice, name, sizeof name));

    uint64_t alignment = DEFAULT_ALIGNMENT;
    if (gguf_has(g, "general.alignment") && !gguf_u64(g, "general.alignment", &alignment))
        return fail(e, "key general.alignment is no positive integer");
    if (alignment < 8 || alignment > 1u << 20 || (alignment & (alignment - 1)))
        return fail(e, "key general.alignment is %" PRIu64 ", not a power of two from 8 to 1048576", alignment);
    size_t header = (size_t)(c->at - g->bytes), base = header + (size_t)(-(uint64_t)header & (alignment - 1));
    g->data_at = base < g->size ? base : g->size;
    for (size_t i = 0; i < g->tensor_count; i++)
        if (!place_tensor(g, &g->tensors[i], offsets[i], base, alignment, e))
            return false;
    return check_overlap(g, e);
}

bool gguf_read(gguf *g, trit_error *e)
{
    cursor c = { g->bytes, g->bytes + g->size };
    char magic[4];
    uint32_t version;
    uint64_t tensors, keys;
    if (!take(&c, magic, 4) || memcmp(magic, "GGUF", 4))
        return fail(e, "not a GGUF file (it does not begin with \"GGUF\")");
    if (!take(&c, &version, sizeof version) || !take(&c, &tensors, sizeof tensors) || !take(&c, &keys, sizeof keys))
        return fail(e, "the file ends inside its header");
    if (version == 0x02000000 || version == 0x03000000)
        return fail(e, "a big-endian GGUF file; this program reads little-endian ones");
    if (version != 2 && version != 3)
        return fail(e, "GGUF version %" PRIu32 "; this program reads versions 2 and 3", version);
    if (keys > left(&c) / MIN_KEY_BYTES)
        return fail(e, "the header promises %" PRIu64 " keys, more than the file has room for", keys);
    if (tensors > left(&c) / MIN_TENSOR_BYTES)
        return fail(e, "the header promises %" PRIu64 " tensors, more than the file has room for", tensors);
    g->key_count = (size_t)keys;
    g->tensor_count = (size_t)tensors;
    g->keys = calloc(g->key_count + 1, sizeof *g->keys);
    g->key_index = calloc(g->key_count + 1, sizeof *g->key_index);
    g->tensors = calloc(g->tensor_count + 1, sizeof *g->tensors);
    g->tensor_index = calloc(g->tensor_count + 1, sizeof *g->tensor_index);
    uint64_t *offsets = calloc(g->tensor_count + 1, sizeof *offsets);
    bool good = g->keys && g->key_index && g->tensors && g->tensor_index && offsets;
    if (!good)
        fail(e, "not enough memory for %zu keys and %zu tensors", g->key_count, g->tensor_count);
    good = good && read_keys(g, &c, e) && read_tensors(g, &c, offsets, e);
    free(offsets);
    return good;
}
