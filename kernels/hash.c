#include "hash.h"
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LANES = 8, SLICE = 1 << 20, AT_ONCE = 512, AROUND = 64 << 10 /* what a fault may bring in before its place */ };
static const uint64_t PRIME = 0x9e3779b97f4a7c15u;

/* The rotation brings high bits down, where the next multiplication spreads them again. */
uint64_t hash_join(uint64_t hash, uint64_t value)
{
    hash ^= value;
    return (hash << 29 | hash >> 35) * PRIME;
}

uint64_t hash_of(const void *bytes, size_t n)
{
    const uint8_t *p = bytes;
    uint64_t lanes[LANES], words[LANES], hash = n;
    for (int i = 0; i < LANES; i++)
        lanes[i] = (uint64_t)(i + 1) * PRIME;
    for (; n >= sizeof words; p += sizeof words, n -= sizeof words) {
        memcpy(words, p, sizeof words);
        for (int i = 0; i < LANES; i++)
            lanes[i] = hash_join(lanes[i], words[i]);
    }
    memset(words, 0, sizeof words);
    if (n)
        memcpy(words, p, n);
    for (int i = 0; i < LANES; i++)
        hash = hash_join(hash, hash_join(lanes[i], words[i]));
    return hash ^ hash >> 31;
}

typedef struct { const uint8_t *bytes, *all; size_t n; bool mapped; uint64_t hashes[AT_ONCE]; } slices;

/* Gives back the pages of [at, at + n) and what came in before them, but nothing before `first`. A neighbour's come back when read. */
static void give_back(const uint8_t *first, const uint8_t *at, size_t n)
{
    long page = sysconf(_SC_PAGESIZE);
    uintptr_t mask = page > 0 ? ~((uintptr_t)page - 1) : 0, begin = (uintptr_t)(at - first > AROUND ? at - AROUND : first) & mask;
    if (mask)
        madvise((void *)begin, (uintptr_t)at + n - begin, MADV_DONTNEED);
}

static void hash_some(void *arg, size_t begin, size_t end, int thread)
{
    slices *s = arg;
    (void)thread;
    for (; begin < end; begin++) {
        size_t at = begin * SLICE, n = s->n - at < SLICE ? s->n - at : SLICE;
        s->hashes[begin] = hash_of(s->bytes + at, n);
        if (s->mapped)
            give_back(s->all, s->bytes + at, n);
    }
}

uint64_t hash_slices(const void *bytes, size_t n, bool mapped, pool *p)
{
    uint64_t hash = n;
    slices s = { .all = bytes, .mapped = mapped };
    for (size_t at = 0; at < n; at += (size_t)AT_ONCE * SLICE) {
        s.bytes = (const uint8_t *)bytes + at;
        s.n = n - at < (size_t)AT_ONCE * SLICE ? n - at : (size_t)AT_ONCE * SLICE;
        size_t count = (s.n + SLICE - 1) / SLICE;
        pool_run(p, count, 1, hash_some, &s);
        for (size_t i = 0; i < count; i++)
            hash = hash_join(hash, s.hashes[i]);
    }
    return hash ^ hash >> 31;
}
