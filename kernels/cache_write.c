#include "cache_private.h"
#include "hash.h"
#include "new_file.h"
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/statvfs.h>

/* Written in whole pieces of 4 MB at multiples of it, which file systems with large folios keep in huge pages. */
enum { PIECE = 4 << 20 };

struct cache_out {
    new_file file;
    cache_header header;
    cache_record *records;
    size_t count, room;
    uint8_t *piece;         /* bytes [at / PIECE * PIECE, at) of the file, not yet written */
    uint64_t at;
    void (*on_full)(int);   /* what SIGXFSZ did before: a limit of file sizes is an error like any other here */
};

/* Free bytes of the file system; UINT64_MAX: not known. */
static uint64_t room_for(const char *path)
{
    char folder[4096];
    struct statvfs s;
    if (strlen(path) >= sizeof folder)
        return UINT64_MAX;
    strcpy(folder, path);
    return statvfs(dirname(folder), &s) ? UINT64_MAX : (uint64_t)s.f_bavail * s.f_frsize;
}

cache_out *cache_create(const char *path, const gguf *g, uint64_t bytes, trit_error *e)
{
    cache_out *o = calloc(1, sizeof *o);
    if (!o || !(o->piece = aligned_alloc(CACHE_PAGE, PIECE))) {
        free(o);
        return fail(e, "there is no memory to write %.200s", path), NULL;
    }
    memset(o->piece, 0, CACHE_PAGE);
    o->file.fd = -1;
    o->on_full = signal(SIGXFSZ, SIG_IGN);
    o->at = CACHE_PAGE;
    o->header = (cache_header){ .order = CACHE_ORDER, .version = CACHE_VERSION, .source_bytes = gguf_size(g),
                                .source_description = gguf_description_hash(g), .source_changed = gguf_changed_ns(g) };
    memcpy(o->header.magic, CACHE_MAGIC, sizeof o->header.magic);
    uint64_t room = room_for(path);
    if (room < bytes + PIECE)
        fail(e, "%.200s takes %.0f MB, and the disk has %.0f MB left", path, (double)bytes / 1e6, (double)room / 1e6);
    else if (new_file_open(&o->file, path, e))
        return o;
    cache_discard(o);
    return NULL;
}

static void release(cache_out *o)
{
    if (o->on_full != SIG_ERR)
        signal(SIGXFSZ, o->on_full);
    free(o->piece);
    free(o->records);
    free(o);
}

void cache_discard(cache_out *o)
{
    if (!o)
        return;
    new_file_discard(&o->file);
    release(o);
}

/* Writes what the piece holds; its bytes stay, so that it may be written again when it is longer. */
static bool flush(cache_out *o, trit_error *e)
{
    size_t held = (size_t)(o->at % PIECE);
    return !held || new_file_write(&o->file, o->piece, held, o->at - held, e);
}

static bool put(cache_out *o, const void *bytes, size_t n, trit_error *e)
{
    for (const uint8_t *p = bytes; n;) {
        size_t held = (size_t)(o->at % PIECE), some = n < PIECE - held ? n : PIECE - held;
        if (p) {
            memcpy(o->piece + held, p, some);
            p += some;
        } else {
            memset(o->piece + held, 0, some);
        }
        o->at += some;
        n -= some;
        if (o->at % PIECE == 0 && !new_file_write(&o->file, o->piece, PIECE, o->at - PIECE, e))
            return false;
    }
    return true;
}

static bool pad(cache_out *o, trit_error *e)
{
    return put(o, NULL, (size_t)(-o->at % CACHE_PAGE), e);
}

bool cache_begin(cache_out *o, const gguf_tensor *source, const char *layout, size_t rows, size_t k, pool *p, trit_error *e)
{
    if (o->count == o->room) {
        size_t room = o->room ? 2 * o->room : 256;
        cache_record *more = realloc(o->records, room * sizeof *more);
        if (!more)
            return fail(e, "there is no memory for the table of %.200s", o->file.path);
        o->records = more;
        o->room = room;
    }
    if (source->name.len >= CACHE_NAME || strlen(layout) >= CACHE_LAYOUT || o->count == CACHE_MOST_ENTRIES)
        return fail(e, "%.200s has no place for tensor %.*s", o->file.path, (int)(source->name.len < 100 ? source->name.len : 100), source->name.data);
    if (!pad(o, e))
        return false;
    cache_record *r = &o->records[o->count++];
    *r = (cache_record){ .rows = rows, .k = k, .offset = o->at, .scale = 1, .sample = cache_sample(source),
                         .source = hash_slices(source->data, source->bytes, source->mapped, p) };
    memcpy(r->name, source->name.data, source->name.len);
    memcpy(r->layout, layout, strlen(layout));
    return true;
}

bool cache_append(cache_out *o, const void *bytes, size_t n, trit_error *e)
{
    o->records[o->count - 1].bytes += n;
    return put(o, bytes, n, e);
}

void cache_set_scale(cache_out *o, float scale)
{
    o->records[o->count - 1].scale = scale;
}

/* Hashes what was written, from the file as it will be read. */
static bool hash_data(cache_out *o, pool *p, trit_error *e)
{
    size_t size = (size_t)o->at;
    void *map = o->at > SIZE_MAX / 2 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, o->file.fd, 0);
    if (map == MAP_FAILED)
        return fail(e, "%.200s cannot be mapped to check it", o->file.part);
    for (size_t i = 0; i < o->count; i++) {
        cache_record *r = &o->records[i];
        r->checksum = hash_slices((const uint8_t *)map + r->offset, (size_t)r->bytes, true, p);
    }
    munmap(map, size);
    return true;
}

bool cache_commit(cache_out *o, pool *p, trit_error *e)
{
    cache_header *h = &o->header;
    bool ok = pad(o, e) && flush(o, e) && hash_data(o, p, e);
    if (ok) {
        h->table_at = o->at;
        h->count = o->count;
        h->table_hash = hash_of(o->records, o->count * sizeof *o->records);
        h->file_bytes = o->at + o->count * sizeof *o->records;
        h->hash = hash_of(h, sizeof *h); /* which is 0 there until now */
        ok = new_file_write(&o->file, o->records, o->count * sizeof *o->records, o->at, e) && new_file_write(&o->file, h, sizeof *h, 0, e);
    }
    if (!ok) {
        cache_discard(o);
        return false;
    }
    ok = new_file_commit(&o->file, e);
    release(o);
    return ok;
}
