#include "cache_private.h"
#include "hash.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Written in whole pieces of 4 MB at multiples of it, which file systems with large folios keep in huge pages. */
enum { PIECE = 4 << 20 };

struct cache_out {
    char *path, *part;
    int fd;
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

/* The part is ours only while it still is the file of that name: its last writer may have renamed it since it was opened. */
static bool lock_part(int fd, const char *part)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct stat open_file, named;
    return !fcntl(fd, F_SETLK, &lock) && !fstat(fd, &open_file) && !stat(part, &named) && open_file.st_ino == named.st_ino &&
           open_file.st_dev == named.st_dev;
}

cache_out *cache_create(const char *path, const gguf *g, uint64_t bytes, trit_error *e)
{
    cache_out *o = calloc(1, sizeof *o);
    size_t n = strlen(path) + sizeof ".part";
    if (o) {
        o->fd = -1;
        o->path = strdup(path);
        o->part = malloc(n);
        o->piece = aligned_alloc(CACHE_PAGE, PIECE);
        o->on_full = signal(SIGXFSZ, SIG_IGN);
    }
    if (!o || !o->path || !o->part || !o->piece) {
        fail(e, "there is no memory to write %.200s", path);
        cache_discard(o);
        return NULL;
    }
    snprintf(o->part, n, "%s.part", path);
    memset(o->piece, 0, CACHE_PAGE);
    o->at = CACHE_PAGE;
    o->header = (cache_header){ .order = CACHE_ORDER, .version = CACHE_VERSION, .source_bytes = gguf_size(g),
                                .source_description = gguf_description_hash(g), .source_changed = gguf_changed_ns(g) };
    memcpy(o->header.magic, CACHE_MAGIC, sizeof o->header.magic);
    uint64_t room = room_for(path);
    if (room < bytes + PIECE) {
        fail(e, "%.200s takes %.0f MB, and the disk has %.0f MB left", path, (double)bytes / 1e6, (double)room / 1e6);
    } else {
        int fd = open(o->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (fd < 0) {
            fail(e, "%.200s cannot be created: %s", o->part, strerror(errno));
        } else if (!lock_part(fd, o->part)) {
            fail(e, "%.200s is being written by another process", o->part);
            close(fd); /* and leave the file to its writer */
        } else {
            o->fd = fd;
            if (!ftruncate(fd, 0))
                return o;
            fail(e, "%.200s cannot be written: %s", o->part, strerror(errno));
        }
    }
    cache_discard(o);
    return NULL;
}

static void release(cache_out *o)
{
    if (o->on_full != SIG_ERR)
        signal(SIGXFSZ, o->on_full);
    free(o->path);
    free(o->part);
    free(o->piece);
    free(o->records);
    free(o);
}

void cache_discard(cache_out *o)
{
    if (!o)
        return;
    if (o->fd >= 0) {
        unlink(o->part);
        close(o->fd);
    }
    release(o);
}

static bool write_at(cache_out *o, const void *bytes, size_t n, uint64_t at, trit_error *e)
{
    for (size_t done = 0; done < n;) {
        ssize_t more = pwrite(o->fd, (const uint8_t *)bytes + done, n - done, (off_t)(at + done));
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return fail(e, "%.200s could not be written: %s", o->part, more < 0 ? strerror(errno) : "no room");
        done += (size_t)more;
    }
    return true;
}

/* Writes what the piece holds; its bytes stay, so that it may be written again when it is longer. */
static bool flush(cache_out *o, trit_error *e)
{
    size_t held = (size_t)(o->at % PIECE);
    return !held || write_at(o, o->piece, held, o->at - held, e);
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
        if (o->at % PIECE == 0 && !write_at(o, o->piece, PIECE, o->at - PIECE, e))
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
            return fail(e, "there is no memory for the table of %.200s", o->path);
        o->records = more;
        o->room = room;
    }
    if (source->name.len >= CACHE_NAME || strlen(layout) >= CACHE_LAYOUT || o->count == CACHE_MOST_ENTRIES)
        return fail(e, "%.200s has no place for tensor %.*s", o->path, (int)(source->name.len < 100 ? source->name.len : 100), source->name.data);
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
    void *map = o->at > SIZE_MAX / 2 ? MAP_FAILED : mmap(NULL, size, PROT_READ, MAP_SHARED, o->fd, 0);
    if (map == MAP_FAILED)
        return fail(e, "%.200s cannot be mapped to check it", o->part);
    for (size_t i = 0; i < o->count; i++) {
        cache_record *r = &o->records[i];
        r->checksum = hash_slices((const uint8_t *)map + r->offset, (size_t)r->bytes, true, p);
    }
    munmap(map, size);
    return true;
}

/* The folder too, or the new name may be lost with the power. */
static void sync_folder(const char *path)
{
    char folder[4096];
    if (strlen(path) >= sizeof folder)
        return;
    strcpy(folder, path);
    int fd = open(dirname(folder), O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
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
        ok = write_at(o, o->records, o->count * sizeof *o->records, o->at, e) && write_at(o, h, sizeof *h, 0, e);
    }
    if (ok && (fsync(o->fd) || rename(o->part, o->path)))
        ok = fail(e, "%.200s could not be finished: %s", o->part, strerror(errno));
    if (!ok) {
        cache_discard(o);
        return false;
    }
    sync_folder(o->path);
    close(o->fd);
    release(o);
    return true;
}
