#include "safetensors.h"
#include "gguf_private.h"
#include "hf_config.h"
#include "json.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { NAME_ROOM = 64, MOST_SHARDS = 4096, MOST_TENSORS = 1 << 16, PATH_ROOM = 4096 };

typedef struct { const char *dtype; uint32_t type; } dtype_row;
static const dtype_row dtypes[] = { { "F32", TYPE_F32 }, { "F16", TYPE_F16 }, { "BF16", TYPE_BF16 } };

/* What is being put together. */
typedef struct {
    gguf *g;
    hf_config config;
    size_t room;       /* of tensors */
    float *rope_freqs; /* or NULL */
    trit_error *e;
} building;

/* A whole number of the file's, at most 2^53. */
static bool whole_number(const json *j, uint64_t *out)
{
    if (!j || j->kind != JSON_NUMBER || !(j->number >= 0) || j->number > 0x1p53 || j->number != floor(j->number))
        return false;
    *out = (uint64_t)j->number;
    return true;
}

static bool grow(building *b)
{
    gguf *g = b->g;
    if (g->tensor_count < b->room)
        return true;
    size_t room = b->room * 2 + 64;
    gguf_tensor *tensors = room > MOST_TENSORS ? NULL : realloc(g->tensors, room * sizeof *tensors);
    if (!tensors)
        return fail(b->e, "not enough memory for %zu tensors", g->tensor_count + 1);
    g->tensors = tensors;
    b->room = room;
    return true;
}

/* Shape and place of one tensor in its shard; data: what follows the header. */
static bool read_tensor(building *b, gguf_tensor *t, const json *j, const shard *s, size_t data_at, const char *shown)
{
    const json *dtype = json_get(j, "dtype"), *shape = json_get(j, "shape"), *offsets = json_get(j, "data_offsets");
    uint64_t begin, end, weights = 1;
    if (!dtype || dtype->kind != JSON_STRING || !shape || shape->kind != JSON_ARRAY || !offsets || offsets->kind != JSON_ARRAY || offsets->count != 2)
        return fail(b->e, "%s: tensor %s has no dtype, shape or data_offsets", s->name, shown);
    for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++)
        if (!strcmp(dtype->text, dtypes[i].dtype))
            t->info = type_of(t->type = dtypes[i].type);
    if (!t->info)
        return fail(b->e, "%s: tensor %s has dtype %.20s; F32, F16 and BF16 are read", s->name, shown, dtype->text);
    if (shape->count < 1 || shape->count > 4)
        return fail(b->e, "%s: tensor %s has %zu dimensions (1 to 4 are possible)", s->name, shown, shape->count);
    t->n_dims = (uint32_t)shape->count;
    for (uint32_t d = 0; d < 4; d++) { /* the last one there is the first here */
        t->ne[d] = 1;
        if (d < t->n_dims && (!whole_number(&shape->items[t->n_dims - 1 - d], &t->ne[d]) || !t->ne[d]))
            return fail(b->e, "%s: tensor %s has a dimension that is no whole number above 0", s->name, shown);
        if (__builtin_mul_overflow(weights, t->ne[d], &weights) || weights > INT64_MAX / 8)
            return fail(b->e, "%s: tensor %s has impossible dimensions (their product overflows)", s->name, shown);
    }
    t->rows = weights / t->ne[0];
    uint64_t bytes = weights * t->info->bytes;
    if (!whole_number(&offsets->items[0], &begin) || !whole_number(&offsets->items[1], &end) || end < begin || end - begin != bytes)
        return fail(b->e, "%s: the offsets of tensor %s are not those of its %" PRIu64 " bytes", s->name, shown, bytes);
    if (end > s->size - data_at)
        return fail(b->e, "%s: tensor %s runs past the end of the file, which is truncated or damaged", s->name, shown);
    t->bytes = (size_t)bytes;
    t->data = s->bytes + data_at + begin;
    t->mapped = s->fd >= 0;
    t->fd = s->fd;
    t->offset = data_at + begin;
    return true;
}

static bool add_tensor(building *b, const json *j, const shard *s, size_t data_at)
{
    str name = { j->key, strlen(j->key) };
    char shown[80], own[NAME_ROOM];
    bool skip;
    gguf_tensor t = { 0 };
    gguf_printable(name, shown, sizeof shown);
    if (!hf_tensor_name(&b->config, name, own, sizeof own, &t.head_rows, &skip))
        return fail(b->e, "%s: tensor %s has no place in the %s graph, so its result would be wrong", s->name, shown, b->config.arch);
    if (skip)
        return true;
    if (!read_tensor(b, &t, j, s, data_at, shown) || !grow(b))
        return false;
    if (t.head_rows && t.rows % t.head_rows)
        return fail(b->e, "%s: tensor %s has %" PRIu64 " rows, no multiple of the %zu of a head", s->name, shown, t.rows, t.head_rows);
    t.name = (str){ strdup(own), strlen(own) };
    if (!t.name.data)
        return fail(b->e, "not enough memory for the name of tensor %s", shown);
    b->g->tensors[b->g->tensor_count++] = t;
    return true;
}

static bool add_shard(building *b, const shard *s)
{
    uint64_t len;
    if (s->size < sizeof len || (memcpy(&len, s->bytes, sizeof len), len > s->size - sizeof len))
        return fail(b->e, "%s: no safetensors file, or truncated (its header is longer than the file)", s->name);
    trit_error why;
    json *j = json_parse((const char *)s->bytes + sizeof len, (size_t)len, &why);
    if (!j)
        return fail(b->e, "%s: its header cannot be read: %.300s", s->name, why.text);
    bool good = j->kind == JSON_OBJECT || fail(b->e, "%s: its header is no JSON object", s->name);
    for (size_t i = 0; good && i < j->count; i++)
        good = !strcmp(j->items[i].key, "__metadata__") || add_tensor(b, &j->items[i], s, sizeof len + (size_t)len);
    json_free(j);
    return good;
}

/* Llama 3.1 turns slow pairs slower: a tensor that GGUF has and the files here have not. */
static bool add_rope_freqs(building *b)
{
    size_t pairs = (size_t)b->config.head_dim / 2;
    if (!(b->config.divide > 0))
        return true;
    float *x = malloc(pairs * sizeof *x);
    char *name = strdup("rope_freqs.weight");
    if (!x || !name || !grow(b)) {
        free(x);
        free(name);
        return fail(b->e, "not enough memory for rope_freqs.weight");
    }
    for (size_t i = 0; i < pairs; i++)
        x[i] = hf_rope_divisor(&b->config, i);
    b->g->made_tensor = x;
    b->g->tensors[b->g->tensor_count++] =
        (gguf_tensor){ .name = { name, strlen(name) }, .type = TYPE_F32, .info = type_of(TYPE_F32), .n_dims = 1, .ne = { pairs, 1, 1, 1 }, .rows = 1,
                       .data = (const uint8_t *)x, .bytes = pairs * sizeof *x };
    return true;
}

/* The keys, as a GGUF without tensors. */
static bool make_keys(building *b, const gguf *vocabulary)
{
    gguf_out *o = gguf_describe();
    if (!o)
        return fail(b->e, "not enough memory for the keys");
    hf_config_put(&b->config, o);
    str key;
    static const char tokenizer[] = "tokenizer.";
    for (size_t i = 0; vocabulary && gguf_key_at(vocabulary, i, &key, NULL, 0); i++)
        if (key.len > sizeof tokenizer - 1 && !memcmp(key.data, tokenizer, sizeof tokenizer - 1))
            gguf_copy_key(o, vocabulary, i);
    size_t size;
    b->g->made = gguf_description(o, &size);
    gguf_discard(o);
    b->g->bytes = b->g->made;
    b->g->size = size;
    return b->g->made ? gguf_read(b->g, b->e) : fail(b->e, "not enough memory for the keys");
}

gguf *safetensors_parse(const char *config, size_t config_size, const shard *shards, size_t count, const gguf *vocabulary, trit_error *e)
{
    building b = { .g = calloc(1, sizeof *b.g), .e = e };
    bool good = b.g || fail(e, "not enough memory to open a model");
    if (good)
        b.g->foreign = true;
    good = good && hf_config_read(&b.config, config, config_size, e) && make_keys(&b, vocabulary);
    for (size_t i = 0; good && i < count; i++)
        good = add_shard(&b, &shards[i]);
    good = good && add_rope_freqs(&b) && gguf_index_tensors(b.g, e);
    for (size_t i = 0; good && i < count; i++)
        b.g->foreign_bytes += shards[i].size;
    if (good)
        return b.g;
    gguf_close(b.g);
    return NULL;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && !strcmp(text + n - m, end);
}

bool safetensors_is(const char *path)
{
    struct stat s;
    return ends_with(path, ".safetensors") || ends_with(path, ".safetensors.index.json") || (!stat(path, &s) && S_ISDIR(s.st_mode));
}

/* Maps a regular file. */
static bool map_shard(const char *path, shard *out, trit_error *e)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang here */
    bool good = fd >= 0 && !fstat(fd, &s);
    if (!good)
        fail(e, "%.300s: %s", path, strerror(errno));
    else if (!S_ISREG(s.st_mode) || s.st_size < 1 || (uint64_t)s.st_size > SIZE_MAX / 2)
        good = fail(e, "%.300s: not a regular file, empty, or too large for this machine", path);
    void *map = good ? mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (good && map == MAP_FAILED)
        good = fail(e, "%.300s cannot be mapped: %s", path, strerror(errno));
    if (good)
        *out = (shard){ map, (size_t)s.st_size, NULL, fd };
    else if (fd >= 0)
        close(fd);
    return good;
}

static void unmap_shard(shard *s)
{
    if (s->bytes)
        munmap((void *)(uintptr_t)s->bytes, s->size);
    if (s->bytes)
        close(s->fd);
    free((char *)(uintptr_t)s->name);
}

typedef struct { shard *shards; size_t count, room; } shard_list;

/* out[PATH_ROOM]; false where the name is too long. */
static bool join(char *out, const char *folder, const char *name)
{
    return snprintf(out, PATH_ROOM, "%s/%s", folder, name) < PATH_ROOM;
}

/* Maps a file of the folder, unless it is there already. */
static bool want_file(shard_list *list, const char *folder, const char *name, trit_error *e)
{
    char path[PATH_ROOM];
    for (size_t i = 0; i < list->count; i++)
        if (!strcmp(list->shards[i].name, name))
            return true;
    if (!*name || strchr(name, '/') || !join(path, folder, name) || list->count == MOST_SHARDS)
        return fail(e, "the index names a file \"%.80s\" outside its folder, or too many", name);
    if (list->count == list->room) {
        size_t room = list->room * 2 + 8;
        shard *more = realloc(list->shards, room * sizeof *more);
        if (!more)
            return fail(e, "not enough memory for %zu files", room);
        list->shards = more;
        list->room = room;
    }
    char *own = strdup(name);
    shard *s = &list->shards[list->count];
    if (!own || !map_shard(path, s, e)) {
        free(own);
        return own ? false : fail(e, "not enough memory to open %.200s", path);
    }
    s->name = own;
    list->count++;
    return true;
}

/* The files an index names. */
static bool read_index(shard_list *list, const char *folder, const char *name, trit_error *e)
{
    shard text;
    char path[PATH_ROOM];
    trit_error why;
    if (!join(path, folder, name))
        return fail(e, "the name of the model is too long");
    if (!map_shard(path, &text, e))
        return false;
    json *j = json_parse((const char *)text.bytes, text.size, &why);
    const json *map = j ? json_get(j, "weight_map") : NULL;
    bool good = map && map->kind == JSON_OBJECT && map->count;
    if (!good)
        fail(e, "%.300s: %.200s", path, j ? "it has no weight_map" : why.text);
    for (size_t i = 0; good && i < map->count; i++)
        good = map->items[i].kind == JSON_STRING ? want_file(list, folder, map->items[i].text, e) : fail(e, "%.300s: a file's name is no text", path);
    json_free(j);
    unmap_shard(&text);
    return good;
}

static bool exists(const char *folder, const char *name)
{
    char path[PATH_ROOM];
    return join(path, folder, name) && !access(path, R_OK);
}

gguf *safetensors_open(const char *path, const gguf *vocabulary, trit_error *e)
{
    static const char one[] = "model.safetensors", index[] = "model.safetensors.index.json";
    char folder[PATH_ROOM], config_path[PATH_ROOM + 16];
    struct stat s;
    shard_list list = { 0 };
    shard config = { 0 };
    gguf *g = NULL;
    if (strlen(path) > PATH_ROOM / 2) {
        fail(e, "the name of the model is too long");
        return NULL;
    }
    snprintf(folder, sizeof folder, "%s", path);
    const char *name = NULL;
    if (!stat(path, &s) && S_ISDIR(s.st_mode)) {
        name = exists(folder, index) ? index : one;
    } else {
        char *slash = strrchr(folder, '/');
        name = slash ? path + (slash - folder) + 1 : path;
        snprintf(slash ? slash : folder, 2, "%s", slash ? "" : ".");
    }
    snprintf(config_path, sizeof config_path, "%s/config.json", *folder ? folder : "/");
    bool good = map_shard(config_path, &config, e) &&
                (ends_with(name, ".json") ? read_index(&list, folder, name, e) : want_file(&list, folder, name, e));
    if (good)
        g = safetensors_parse((const char *)config.bytes, config.size, list.shards, list.count, vocabulary, e);
    unmap_shard(&config);
    if (g && (g->path = strdup(path))) {
        g->shards = list.shards;
        g->shard_count = list.count;
        return g;
    }
    if (g)
        fail(e, "not enough memory to open %.200s", path);
    gguf_close(g);
    for (size_t i = 0; i < list.count; i++)
        unmap_shard(&list.shards[i]);
    free(list.shards);
    return NULL;
}

void safetensors_close(gguf *g)
{
    for (size_t i = 0; i < g->shard_count; i++)
        unmap_shard(&g->shards[i]);
    free(g->shards);
    for (size_t i = 0; i < g->tensor_count; i++)
        free((char *)(uintptr_t)g->tensors[i].name.data);
    free(g->made);
    free(g->made_tensor);
}
