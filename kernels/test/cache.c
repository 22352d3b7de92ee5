/* The packed cache: what is written is what packing gives, bit for bit; what does not fit is refused with a sentence; failures leave nothing. */
#include "../cache_private.h"
#include "../gguf_write.h"
#include "../hash.h"
#include "../pack.h"
#include "expect.h"
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { K = 1024, ROWS = 70 };
static char folder[64], model[128], path[256];
static trit_error e;
static pool *workers;

static uint32_t draw(uint32_t n)
{
    static uint32_t state = 7;
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

static str text(const char *s)
{
    return (str){ s, strlen(s) };
}

/* A file with one matrix of one scale and one with a scale a block. */
static gguf *make_model(void)
{
    enum { BLOCK = 66, BYTES = ROWS * K / 256 * BLOCK };
    static uint8_t data[BYTES];
    gguf_out *o = gguf_create(model, &e);
    gguf_put_str(o, "general.architecture", "llama");
    for (int many = 0; many < 2; many++)
        gguf_put_tensor(o, text(many ? "blk.0.many" : "blk.0.one"), TYPE_TQ2_0, 2, (uint64_t[]){ K, ROWS });
    bool ok = gguf_start(o, &e);
    for (int many = 0; many < 2; many++) {
        for (size_t i = 0; i < BYTES; i++)
            data[i] = (uint8_t)(draw(3) | draw(3) << 2 | draw(3) << 4 | draw(3) << 6);
        for (size_t i = 0; i < BYTES; i += BLOCK)
            memcpy(data + i + 64, &(uint16_t){ f32_to_f16(many ? 0.25f * (float)(1 + draw(9)) : 0.5f) }, 2);
        ok = ok && gguf_write_at(o, (size_t)many, 0, data, BYTES, &e);
    }
    EXPECT(ok && gguf_commit(o, &e), "%s", e.text);
    return gguf_open(model, &e);
}

static bool make_cache(const gguf *g, const char *layout)
{
    cache_out *o = cache_create(path, g, 100000, &e);
    bool ok = o != NULL;
    for (size_t i = 0; ok && i < gguf_count(g); i++)
        ok = matrix_pack(o, gguf_at(g, i), layout, workers, &e);
    if (ok)
        return cache_commit(o, workers, &e);
    cache_discard(o);
    return false;
}

static int files(void)
{
    int count = 0;
    DIR *d = opendir(folder);
    for (struct dirent *x; d && (x = readdir(d));)
        count += x->d_name[0] != '.';
    if (d)
        closedir(d);
    return count;
}

static void expect_same(const gguf *g, const char *layout)
{
    cache *c = cache_open(path, g, &e);
    EXPECT(c && cache_verify(c, g, workers, &e), "%s", e.text);
    for (size_t i = 0; c && i < gguf_count(g); i++)
        for (int copy = 0; copy < 2; copy++) {
            const gguf_tensor *t = gguf_at(g, i);
            matrix packed, kept;
            bool ok = matrix_load(&packed, t, &(matrix_options){ .layout = layout, .scale = 3 }, workers, &e) &&
                      matrix_load(&kept, t, &(matrix_options){ layout, 3, copy ? LOAD_COPY : LOAD_MMAP, c }, workers, &e);
            EXPECT(ok, "%s", e.text);
            if (!ok)
                continue;
            EXPECT(kept.owned == copy && !strcmp(packed.layout, kept.layout) && packed.bytes == kept.bytes, "%s, %zu bytes", kept.layout, kept.bytes);
            EXPECT(!memcmp(packed.data, kept.data, packed.bytes) && packed.scale == kept.scale, "%s: other weights", layout);
            EXPECT(!packed.scales == !kept.scales && (i == 0) == !kept.scales, "tensor %zu", i);
            if (packed.scales && kept.scales)
                EXPECT(!memcmp(packed.scales, kept.scales, 72 * K / 256 * sizeof(float)), "%s: other scales", layout);
            matrix_free(&packed);
            matrix_free(&kept);
        }
    cache_close(c);
}

static void expect_refused(const gguf *g, const char *word)
{
    cache *c = cache_open(path, g, &e);
    EXPECT(!c && strstr(e.text, word) && strstr(e.text, path), "%s \"%s\"", c ? "accepted" : "refused", e.text);
    cache_close(c);
}

/* Turns one byte of a file round, and again with the same call. */
static void turn_round(const char *file, off_t at)
{
    uint8_t byte = 0;
    int fd = open(file, O_RDWR);
    struct timespec times[2];
    struct stat s;
    EXPECT(!fstat(fd, &s) && pread(fd, &byte, 1, at) == 1, "byte %lld of %s", (long long)at, file);
    byte ^= 0x80;
    EXPECT(pwrite(fd, &byte, 1, at) == 1, "%s", file);
    times[0] = s.st_atim, times[1] = s.st_mtim;
    futimens(fd, times);
    close(fd);
}

static void try_damage(const gguf *g)
{
    cache_header h;
    struct stat s;
    int fd = open(path, O_RDONLY);
    EXPECT(read(fd, &h, sizeof h) == sizeof h && !fstat(fd, &s), "header");
    close(fd);
    const struct { off_t at; const char *word; } places[] = {
        { 0, "no packed cache" }, { 8, "another" }, { 12, "another" }, { 20, "header is damaged" }, { 60, "header is damaged" },
        { (off_t)h.table_at, "table is damaged" }, { s.st_size - 1, "table is damaged" },
    };
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        turn_round(path, places[i].at);
        expect_refused(g, places[i].word);
        turn_round(path, places[i].at);
    }
    turn_round(path, CACHE_PAGE + 100); /* a weight: seen by the full check alone */
    cache *c = cache_open(path, g, &e);
    EXPECT(c && !cache_verify(c, g, workers, &e) && strstr(e.text, "damaged"), "%s", e.text);
    cache_close(c);
    turn_round(path, CACHE_PAGE + 100);
    const off_t lengths[] = { 0, 100, CACHE_PAGE, s.st_size - 1 };
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        EXPECT(make_cache(g, "t2") && !truncate(path, lengths[i]), "%s", e.text);
        expect_refused(g, "cannot be used");
    }
    EXPECT(make_cache(g, "t2"), "%s", e.text);
}

/* A model that changed after the cache was made. */
static void try_changed(void)
{
    gguf *g = gguf_open(model, &e);
    const gguf_tensor *t = gguf_at(g, 1);
    off_t end = (off_t)(t->offset + t->bytes - 1), middle = (off_t)(t->offset + t->bytes / 2), elsewhere = (off_t)t->offset + 700;
    gguf_close(g);
    for (int i = 0; i < 2; i++) { /* with the old time, so that the sample must find it */
        turn_round(model, i ? end : middle);
        g = gguf_open(model, &e);
        expect_refused(g, "blk.0.many differs");
        gguf_close(g);
        turn_round(model, i ? end : middle);
    }
    turn_round(model, elsewhere); /* between the samples: the full check finds it */
    g = gguf_open(model, &e);
    cache *c = cache_open(path, g, &e);
    EXPECT(c && !cache_verify(c, g, workers, &e) && strstr(e.text, "blk.0.many"), "%s", e.text);
    cache_close(c);
    gguf_close(g);
    turn_round(model, elsewhere);
    EXPECT(!utimensat(AT_FDCWD, model, (struct timespec[]){ { 5, 0 }, { 5, 0 } }, 0), "times");
    g = gguf_open(model, &e);
    expect_refused(g, "has changed");
    EXPECT(make_cache(g, "t2"), "%s", e.text);
    gguf_close(g);
}

static void try_no_room(const gguf *g)
{
    struct rlimit old;
    int before = files();
    getrlimit(RLIMIT_FSIZE, &old);
    setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 20000, old.rlim_max });
    EXPECT(!make_cache(g, "t5") && strstr(e.text, "cannot be written"), "%s", e.text);
    setrlimit(RLIMIT_FSIZE, &old);
    EXPECT(!cache_create(path, g, (uint64_t)1 << 60, &e) && strstr(e.text, "MB left"), "%s", e.text);
    EXPECT(files() == before, "%d files instead of %d", files(), before);
    expect_same(g, "t2"); /* the old one is untouched */
}

/* While one process writes, another is refused and harms nothing; what a dead one left is no obstacle. */
static void try_two(const gguf *g)
{
    cache_out *o = cache_create(path, g, 0, &e);
    EXPECT(o != NULL, "%s", e.text);
    pid_t child = fork();
    if (!child) {
        cache_out *mine = cache_create(path, g, 0, &e);
        _exit(!mine && strstr(e.text, "another process") ? 0 : 1);
    }
    int status = 1;
    EXPECT(waitpid(child, &status, 0) == child && !status, "the second writer: status %d", status);
    bool ok = true;
    for (size_t i = 0; ok && i < gguf_count(g); i++)
        ok = matrix_pack(o, gguf_at(g, i), "t5", workers, &e);
    EXPECT(ok && cache_commit(o, workers, &e), "%s", e.text);
    expect_same(g, "t5");
    child = fork();
    if (!child)
        _exit(!cache_create(path, g, 0, &e)); /* dies with its part open */
    EXPECT(waitpid(child, &status, 0) == child && !status && files() == 3, "%d files", files());
    EXPECT(make_cache(g, "t2") && files() == 2, "%s; %d files", e.text, files());
}

int main(void)
{
    snprintf(folder, sizeof folder, "/tmp/trit-cache-XXXXXX");
    if (!mkdtemp(folder))
        return 1;
    snprintf(model, sizeof model, "%s/model.gguf", folder);
    workers = pool_new(2, NULL, &e);
    gguf *g = make_model();
    EXPECT(g && cache_place(g, "t5", NULL, path, sizeof path) && strstr(path, "model.gguf.t5.trit-cache"), "%s", path);
    EXPECT(cache_place(g, "t5", "/x", path, sizeof path) && !strncmp(path, "/x/model.gguf-", 14), "%s", path);
    snprintf(path, sizeof path, "%s/cache", folder);
    expect_refused(g, "No such file");
    const char *layouts[] = { "t5", "t2" };
    for (int i = 0; i < 2; i++) {
        EXPECT(make_cache(g, layouts[i]), "%s", e.text);
        expect_same(g, layouts[i]);
    }
    try_damage(g);
    try_no_room(g);
    try_two(g);
    gguf_close(g);
    try_changed();

    uint8_t bytes[5000];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)draw(256);
    uint64_t hash = hash_of(bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i += 13) {
        bytes[i] ^= 0x80;
        EXPECT(hash_of(bytes, sizeof bytes) != hash, "byte %zu does not count", i);
        bytes[i] ^= 0x80;
    }
    EXPECT(hash_of(bytes, 4999) != hash && hash_of(bytes, sizeof bytes) == hash, "length");
    unlink(path), unlink(model), rmdir(folder);
    pool_free(workers);
    return failures();
}
