#include "cache_private.h"
#include "hash.h"
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct cache {
    char *path;
    const uint8_t *bytes;
    size_t size, count;
    bool mapped;
    cache_header header;
    cache_record *records;  /* [count]: a copy of the table, which holds the names */
    cache_entry *entries;   /* [count] */
};

static bool read_header(cache *c, trit_error *e)
{
    cache_header *h = &c->header;
    if (c->size < CACHE_PAGE)
        return fail(e, "it is too short");
    memcpy(h, c->bytes, sizeof *h);
    if (memcmp(h->magic, CACHE_MAGIC, sizeof h->magic))
        return fail(e, "it is no packed cache");
    if (h->order != CACHE_ORDER || h->version != CACHE_VERSION)
        return fail(e, "it was made by another version, or on another kind of machine");
    cache_header plain = *h;
    plain.hash = 0;
    if (hash_of(&plain, sizeof plain) != h->hash)
        return fail(e, "its header is damaged");
    if (h->file_bytes != c->size)
        return fail(e, "it has %zu bytes, and not the %llu it should have", c->size, (unsigned long long)h->file_bytes);
    if (h->count > CACHE_MOST_ENTRIES || h->table_at < CACHE_PAGE || h->table_at % CACHE_PAGE || h->table_at > c->size ||
        c->size - h->table_at != h->count * sizeof(cache_record))
        return fail(e, "its table does not lie inside of it");
    if (hash_of(c->bytes + h->table_at, c->size - h->table_at) != h->table_hash)
        return fail(e, "its table is damaged");
    return true;
}

/* Terminated, not empty, printable. */
static bool is_name(const char *text, size_t size)
{
    size_t n = strnlen(text, size);
    for (size_t i = 0; i < n; i++)
        if (text[i] <= 32 || text[i] > 126)
            return false;
    return n > 0 && n < size;
}

/* Entries stand in the order of their data, which does not overlap. */
static bool read_table(cache *c, trit_error *e)
{
    c->count = (size_t)c->header.count;
    c->records = malloc((c->count + 1) * sizeof *c->records);
    c->entries = malloc((c->count + 1) * sizeof *c->entries);
    if (!c->records || !c->entries)
        return fail(e, "there is no memory for its table");
    if (c->count)
        memcpy(c->records, c->bytes + c->header.table_at, c->count * sizeof *c->records);
    uint64_t free_from = CACHE_PAGE;
    for (size_t i = 0; i < c->count; i++) {
        const cache_record *r = &c->records[i];
        if (!is_name(r->name, sizeof r->name) || !is_name(r->layout, sizeof r->layout))
            return fail(e, "entry %zu has no proper name", i);
        if (r->offset % CACHE_PAGE || r->offset < free_from || r->offset > c->header.table_at || r->bytes > c->header.table_at - r->offset)
            return fail(e, "the data of %s does not lie inside of it", r->name);
        if (!isfinite(r->scale) || r->rows > SIZE_MAX / 2 || r->k > SIZE_MAX / 2)
            return fail(e, "%s has an impossible shape or scale", r->name);
        free_from = r->offset + r->bytes;
        c->entries[i] = (cache_entry){ r->name, r->layout, (size_t)r->rows, (size_t)r->k, (size_t)r->bytes, r->scale, c->bytes + r->offset,
                                       r->checksum, r->source, r->sample };
    }
    return true;
}

cache *cache_parse(const void *bytes, size_t size, trit_error *e)
{
    cache *c = calloc(1, sizeof *c);
    if (!c) {
        fail(e, "there is no memory for it");
        return NULL;
    }
    c->bytes = bytes;
    c->size = size;
    if (read_header(c, e) && read_table(c, e))
        return c;
    cache_close(c);
    return NULL;
}

uint64_t cache_sample(const gguf_tensor *t)
{
    enum { BYTES = 256 };
    uint8_t some[2 * BYTES] = { 0 };
    size_t n = t->bytes < BYTES ? t->bytes : BYTES;
    tensor_read(t, (t->bytes - n) / 2, some, n);
    tensor_read(t, t->bytes - n, some + BYTES, n);
    return hash_of(some, sizeof some);
}

/* Whether the cache was made of this very file, as far as can be told quickly. */
static bool fits(const cache *c, const gguf *g, trit_error *e)
{
    const cache_header *h = &c->header;
    if (h->source_bytes != gguf_size(g) || h->source_changed != gguf_changed_ns(g) || h->source_description != gguf_description_hash(g))
        return fail(e, "the model has changed since it was made");
    for (size_t i = 0; i < c->count; i++) {
        const gguf_tensor *t = gguf_find(g, c->entries[i].name);
        if (!t || cache_sample(t) != c->entries[i].sample)
            return fail(e, "it was made of other weights: %s differs", c->entries[i].name);
    }
    return true;
}

static const uint8_t *map_file(const char *path, size_t *size, trit_error *e)
{
    struct stat s;
    void *map = MAP_FAILED;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &s))
        fail(e, "%s", strerror(errno));
    else if (!S_ISREG(s.st_mode) || s.st_size < CACHE_PAGE || (uint64_t)s.st_size > SIZE_MAX / 2)
        fail(e, "it is no packed cache");
    else if ((map = mmap(NULL, *size = (size_t)s.st_size, PROT_READ, MAP_SHARED, fd, 0)) == MAP_FAILED)
        fail(e, "cannot be mapped: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return map == MAP_FAILED ? NULL : map;
}

cache *cache_open(const char *path, const gguf *g, trit_error *e)
{
    trit_error why = { "" };
    size_t size = 0;
    const uint8_t *map = map_file(path, &size, &why);
    cache *c = map ? cache_parse(map, size, &why) : NULL;
    if (map && !c)
        munmap((void *)(uintptr_t)map, size);
    if (c) {
        c->mapped = true;
        c->path = strdup(path);
        if (!c->path)
            fail(&why, "there is no memory for it");
        else if (fits(c, g, &why)) {
#ifdef MADV_HUGEPAGE
            madvise((void *)(uintptr_t)map, size, MADV_HUGEPAGE); /* file systems with large folios read and map 2 MB at once */
#endif
            return c;
        }
        cache_close(c);
    }
    fail(e, "the packed cache %.200s cannot be used: %.250s", path, why.text);
    return NULL;
}

void cache_close(cache *c)
{
    if (!c)
        return;
    if (c->mapped)
        munmap((void *)(uintptr_t)c->bytes, c->size);
    free(c->path);
    free(c->records);
    free(c->entries);
    free(c);
}

const char *cache_path(const cache *c)
{
    return c->path ? c->path : "";
}

size_t cache_size(const cache *c)
{
    return c->size;
}

size_t cache_count(const cache *c)
{
    return c->count;
}

const cache_entry *cache_at(const cache *c, size_t i)
{
    return i < c->count ? &c->entries[i] : NULL;
}

const cache_entry *cache_find(const cache *c, str name, const char *layout)
{
    for (size_t i = 0; i < c->count; i++) {
        const cache_entry *x = &c->entries[i];
        if (strlen(x->name) == name.len && !memcmp(x->name, name.data, name.len) && !strcmp(x->layout, layout))
            return x;
    }
    return NULL;
}

bool cache_is_huge(const cache *c)
{
    enum { HUGE = 2 << 20, PLACES = 16 };
    if (!c->mapped || c->size < (size_t)2 * PLACES * HUGE)
        return false;
    for (size_t i = 0; i < PLACES; i++)
        (void)*(volatile const uint8_t *)(c->bytes + c->size / PLACES * i); /* so that the page is mapped */
    FILE *f = fopen("/proc/self/smaps", "r");
    static const char field[] = "FilePmdMapped:";
    char line[512], wanted[32];
    long long kb = 0;
    bool mine = false;
    snprintf(wanted, sizeof wanted, "%lx-", (unsigned long)(uintptr_t)c->bytes);
    while (f && fgets(line, sizeof line, f)) {
        if (!strncmp(line, wanted, strlen(wanted)))
            mine = true;
        else if (mine && !strncmp(line, field, sizeof field - 1)) { /* no scanf: a static binary grows by a twentieth of its size */
            kb = strtoll(line + sizeof field - 1, NULL, 10);
            break;
        }
    }
    if (f)
        fclose(f);
    return kb >= PLACES / 2 * (HUGE >> 10);
}

bool cache_verify(const cache *c, const gguf *g, pool *p, trit_error *e)
{
    for (size_t i = 0; i < c->count; i++) {
        const cache_entry *x = &c->entries[i];
        const gguf_tensor *t = gguf_find(g, x->name);
        if (!t || hash_slices(t->data, t->bytes, t->mapped, p) != x->source)
            return fail(e, "%s: tensor %s is not the one the packed cache %.200s was made of; remove that file", gguf_path(g), x->name,
                        cache_path(c));
        if (hash_slices(x->data, x->bytes, c->mapped, p) != x->checksum)
            return fail(e, "the packed cache %.200s is damaged: %s (%s) differs from its hash; remove that file", cache_path(c), x->name,
                        x->layout);
    }
    return true;
}
