#include "prompt_cache.h"
#include "model_private.h"
#include "new_file.h"
#include "version.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Blocks begin at a multiple of the largest page there is. */
enum { ALIGN = 65536, LINE = 64, LINES = 4 /* of a block, looked at each time */, MOST_TOKENS = 1 << 26 };
#define ORDER 0x0102030405060708u
static const char magic[8] = "tritkv\n\1";

/* The head of a file in the machine's own order, followed by tokens[], then checks[blocks], then zeros up to `begin`. */
typedef struct {
    char magic[8];
    uint64_t order, hash;        /* hash: of everything from `model` to the last check */
    uint64_t model;
    char maker[48];              /* version and ISA: another one rounds differently */
    uint64_t type, layers, heads, dim, positions; /* of a block */
    uint64_t tokens, begin, bytes;
} head;

typedef struct { uint64_t whole, lines; } check;

/* Finds damage, not malice: four lanes of multiply and rotate over words, the rest byte by byte. */
static uint64_t hash_bytes(uint64_t seed, const void *data, size_t size)
{
    const uint64_t prime = 0x9e3779b97f4a7c15u;
    const uint8_t *p = data;
    uint64_t lane[4] = { seed, seed ^ prime, seed + prime, ~seed };
    for (; size >= sizeof lane; size -= sizeof lane, p += sizeof lane) {
        uint64_t w[4];
        memcpy(w, p, sizeof w);
        for (int i = 0; i < 4; i++) {
            lane[i] = (lane[i] ^ w[i]) * prime;
            lane[i] ^= lane[i] >> 29;
        }
    }
    uint64_t h = size;
    for (int i = 0; i < 4; i++)
        h = (h ^ lane[i]) * prime ^ h >> 31;
    for (; size; size--)
        h = (h ^ *p++) * prime ^ h >> 31;
    return h;
}

/* What keys and values depend on: shapes, constants, angles, and a few lines of every tensor. */
static uint64_t identity_of(const model *m)
{
    const model_config *c = &m->config;
    uint64_t numbers[] = { c->arch,     c->layers,   c->dim,   c->ffn,       c->heads, c->kv_heads,
                           c->head_dim, c->rope_dim, c->vocab, c->rope_neox, c->relu2 };
    uint64_t h = hash_bytes(gguf_size(m->gguf), numbers, sizeof numbers);
    h = hash_bytes(h, &c->eps, sizeof c->eps);
    h = hash_bytes(h, m->frequency, c->rope_dim / 2 * sizeof *m->frequency);
    for (size_t i = 0; i < gguf_count(m->gguf); i++) {
        const gguf_tensor *t = gguf_at(m->gguf, i);
        h = hash_bytes(h ^ t->type, t->name.data, t->name.len);
        h = hash_bytes(h, t->ne, sizeof t->ne);
        for (size_t part = 0; part < 4; part++) {
            uint8_t line[LINE];
            size_t size = t->bytes < LINE ? t->bytes : LINE;
            tensor_read(t, (t->bytes - size) / 3 * part, line, size);
            h = hash_bytes(h, line, size);
        }
    }
    return h;
}

/* The head that a file of n tokens of this session has, but for its hash. */
static head head_for(const session *s, size_t n)
{
    const kv_cache *kv = &s->kv;
    size_t blocks = (n + KV_BLOCK - 1) / KV_BLOCK;
    head h = { .order = ORDER, .model = identity_of(s->model), .type = kv->type, .layers = kv->layers, .heads = kv->heads,
               .dim = kv->dim, .positions = KV_BLOCK, .tokens = n, .bytes = (uint64_t)blocks * kv->block };
    memcpy(h.magic, magic, sizeof h.magic);
    snprintf(h.maker, sizeof h.maker, "%.31s %.15s", trit_version, ops_isa(s->model->ops));
    h.begin = (sizeof h + n * sizeof(int32_t) + blocks * sizeof(check) + ALIGN - 1) / ALIGN * ALIGN;
    return h;
}

static uint64_t head_hash(const head *h, const int32_t *tokens, const check *checks)
{
    uint64_t hash = hash_bytes(ORDER, &h->model, sizeof *h - offsetof(head, model));
    hash = hash_bytes(hash, tokens, h->tokens * sizeof *tokens);
    return hash_bytes(hash, checks, (h->tokens + KV_BLOCK - 1) / KV_BLOCK * sizeof *checks);
}

/* A few lines of a block, different ones in each. */
static uint64_t hash_lines(const kv_cache *kv, size_t block)
{
    uint64_t h = block;
    const char *at = kv->memory + block * kv->block;
    for (size_t i = 0; i < LINES; i++) {
        h = hash_bytes(h, &i, sizeof i);
        size_t size = kv->block < LINE ? kv->block : LINE;
        h = hash_bytes(h, at + hash_bytes(block, &i, sizeof i) % (kv->block - size + 1), size);
    }
    return h;
}

static bool read_at(int file, void *to, size_t size, size_t offset)
{
    for (size_t done = 0; done < size;) {
        ssize_t got = pread(file, (char *)to + done, size - done, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

/* Whether a head can be used by this session; else what is wrong with it. `size`: of the file. */
static bool head_fits(const session *s, const head *h, uint64_t size, const char *path, trit_error *e)
{
    if (memcmp(h->magic, magic, sizeof magic) || h->order != ORDER)
        return fail(e, "%.300s is no prompt cache of this program and machine; delete it or name another file", path);
    uint64_t most = size / sizeof(int32_t) < MOST_TOKENS ? size / sizeof(int32_t) : MOST_TOKENS;
    if (!h->tokens || h->tokens > most)
        return fail(e, "the prompt cache %.300s is damaged: it says that it has %llu tokens; delete it", path,
                    (unsigned long long)h->tokens);
    uint64_t blocks = (h->tokens + KV_BLOCK - 1) / KV_BLOCK;
    head own = head_for(s, h->tokens);
    if (h->positions != own.positions || memcmp(h->maker, own.maker, sizeof own.maker))
        return fail(e, "the prompt cache %.200s was made by version and ISA \"%.*s\", not \"%s\"; it is of no use here", path,
                    (int)strnlen(h->maker, sizeof h->maker), h->maker, own.maker);
    if (h->type != own.type)
        return fail(e, "the prompt cache %.300s does not hold keys and values as %s; ask for the other --kv, or name another file",
                    path, kv_name(s->kv.type));
    if (h->model != own.model || h->layers != own.layers || h->heads != own.heads || h->dim != own.dim)
        return fail(e, "the prompt cache %.300s belongs to another model; name another file", path);
    if (blocks > (UINT64_MAX >> 1) / s->kv.block || h->begin != own.begin || h->bytes != own.bytes || size != h->begin + h->bytes)
        return fail(e, "the prompt cache %.300s is damaged: it has %llu bytes, not what its %llu tokens need; delete it", path,
                    (unsigned long long)size, (unsigned long long)h->tokens);
    return true;
}

static bool check_blocks(const session *s, const check *checks, size_t blocks, bool whole, const char *path, trit_error *e)
{
    for (size_t i = 0; i < blocks; i++)
        if (hash_lines(&s->kv, i) != checks[i].lines ||
            (whole && hash_bytes(i, s->kv.memory + i * s->kv.block, s->kv.block) != checks[i].whole))
            return fail(e, "the prompt cache %.300s is damaged in positions %zu to %zu; delete it", path, i * KV_BLOCK,
                        (i + 1) * KV_BLOCK - 1);
    return true;
}

/* The file's tokens and checks, in one allocation that begins with the checks. */
static check *read_lists(int file, const head *h, int32_t **tokens)
{
    size_t checks = (h->tokens + KV_BLOCK - 1) / KV_BLOCK * sizeof(check), bytes = h->tokens * sizeof(int32_t);
    check *list = malloc(checks + bytes);
    *tokens = (int32_t *)(void *)((char *)list + checks);
    if (list && read_at(file, *tokens, bytes, sizeof *h) && read_at(file, list, checks, sizeof *h + bytes))
        return list;
    free(list);
    return NULL;
}

static bool use_file(session *s, int file, const char *path, bool whole, const int32_t *tokens, size_t n, cached_prompt *found,
                     trit_error *e)
{
    struct stat info;
    head h;
    if (fstat(file, &info) || !S_ISREG(info.st_mode) || info.st_size < (off_t)sizeof h || !read_at(file, &h, sizeof h, 0))
        return fail(e, "%.300s is no prompt cache of this program and machine; delete it or name another file", path);
    if (!head_fits(s, &h, (uint64_t)info.st_size, path, e))
        return false;
    int32_t *known;
    check *checks = read_lists(file, &h, &known);
    if (!checks)
        return fail(e, "the prompt cache %.300s cannot be read: %s", path, strerror(errno ? errno : EIO));
    bool ok = h.hash == head_hash(&h, known, checks) ||
              fail(e, "the prompt cache %.300s is damaged in its list of tokens; delete it", path);
    size_t common = 0, most = n < s->context ? n : s->context;
    while (ok && common < most && common < h.tokens && known[common] == tokens[common])
        common++;
    size_t reused = common < n ? common : n - 1, blocks = (reused + KV_BLOCK - 1) / KV_BLOCK;
    if (ok && reused) {
        ok = kv_map_file(&s->kv, file, h.begin, blocks * s->kv.block) ||
             fail(e, "the prompt cache %.300s cannot be mapped: %s", path, strerror(errno));
        ok = ok && check_blocks(s, checks, blocks, whole, path, e);
    }
    free(checks);
    if (!ok)
        return false;
    s->length = reused;
    s->last = 0;
    *found = (cached_prompt){ common, reused };
    return true;
}

bool prompt_cache_load(session *s, const char *path, bool whole, const int32_t *tokens, size_t n, cached_prompt *found,
                       trit_error *e)
{
    *found = (cached_prompt){ 0, 0 };
    session_reset(s);
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return errno == ENOENT || fail(e, "the prompt cache %.300s cannot be opened: %s", path, strerror(errno));
    bool ok = n > 0 && use_file(s, file, path, whole, tokens, n, found, e);
    close(file);
    if (!ok)
        session_reset(s);
    return ok;
}

static bool write_all(int file, const void *data, size_t size)
{
    for (const char *p = data; size;) {
        ssize_t put = write(file, p, size < (1 << 30) ? size : 1 << 30);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        p += put;
        size -= (size_t)put;
    }
    return true;
}

/* Writes the parts of a file and brings them to the disk. */
static bool write_file(int file, const kv_cache *kv, const head *h, const int32_t *tokens, const check *checks)
{
    size_t blocks = h->bytes / kv->block, lists = h->tokens * sizeof *tokens + blocks * sizeof *checks;
    char *zeros = calloc(1, ALIGN);
    bool ok = zeros && write_all(file, h, sizeof *h) && write_all(file, tokens, h->tokens * sizeof *tokens) &&
              write_all(file, checks, blocks * sizeof *checks) && write_all(file, zeros, h->begin - sizeof *h - lists) &&
              write_all(file, kv->memory, h->bytes);
    free(zeros);
    return ok && (!fsync(file) || errno == EINVAL);
}

/* Whether the name is free, or of a file that may be replaced: a prompt cache, whatever it is of, or one without content. */
static bool may_replace(const char *path)
{
    struct stat info;
    char start[6];
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return errno == ENOENT;
    bool may = !fstat(file, &info) && S_ISREG(info.st_mode) &&
               (!info.st_size || (read_at(file, start, sizeof start, 0) && !memcmp(start, magic, sizeof start)));
    close(file);
    return may;
}

size_t prompt_cache_save(const session *s, const char *path, const int32_t *tokens, size_t n, trit_error *e)
{
    const kv_cache *kv = &s->kv;
    char part[PATH_MAX];
    if (!n || n > s->length)
        return fail(e, "the prompt cache %.300s is not written: the prompt was not evaluated to its end", path), 0;
    if (!may_replace(path))
        return fail(e, "%.300s is no prompt cache that could be replaced, so it stays as it is and the prompt is not kept; name another file", path), 0;
    if (snprintf(part, sizeof part, "%s.%ld.part", path, (long)getpid()) >= (int)sizeof part)
        return fail(e, "the name of the prompt cache %.300s is too long", path), 0;
    head h = head_for(s, n);
    size_t blocks = h.bytes / kv->block;
    check *checks = malloc(blocks * sizeof *checks);
    if (!checks)
        return fail(e, "not enough memory for the checks of the prompt cache %.300s", path), 0;
    for (size_t i = 0; i < blocks; i++)
        checks[i] = (check){ hash_bytes(i, kv->memory + i * kv->block, kv->block), hash_lines(kv, i) };
    h.hash = head_hash(&h, tokens, checks);
    (void)unlink(part);
    int file = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool ok = file >= 0 && write_file(file, kv, &h, tokens, checks);
    int error = errno;
    if (file >= 0 && close(file) && ok) {
        ok = false;
        error = errno;
    }
    if (ok && rename(part, path)) {
        ok = false;
        error = errno;
    }
    free(checks);
    if (ok) {
        sync_folder(path);
        return h.begin + h.bytes;
    }
    if (file >= 0)
        (void)unlink(part);
    return fail(e, "the prompt cache %.300s cannot be written: %s", path, strerror(error)), 0;
}
