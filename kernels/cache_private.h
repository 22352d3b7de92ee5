/* The cache file as it lies on the disk, in the byte order of the machine that made it:
     header (padded to a page) | data of the entries, each at a multiple of 4096 | table */
#ifndef TRIT_CACHE_PRIVATE_H
#define TRIT_CACHE_PRIVATE_H
#include "cache.h"

enum { CACHE_VERSION = 1, CACHE_ORDER = 0x01020304, CACHE_PAGE = 4096, CACHE_MOST_ENTRIES = 1 << 16, CACHE_NAME = 64, CACHE_LAYOUT = 16 };
#define CACHE_MAGIC "tritpack"

typedef struct {
    char magic[8];
    uint32_t order, version;
    uint64_t file_bytes, table_at, count, table_hash;
    uint64_t source_bytes, source_description; /* of the model: its size, a hash of all before its tensors' data */
    int64_t source_changed;                    /* nanoseconds since 1970 */
    uint64_t hash;                             /* of this header with 0 here */
} cache_header;

typedef struct {
    char name[CACHE_NAME], layout[CACHE_LAYOUT]; /* terminated */
    uint64_t rows, k, offset, bytes, checksum, source, sample;
    float scale;
    uint32_t spare; /* 0 */
} cache_record;

/* A hash of some bytes of a tensor, read without touching the mapping: the middle, and the end with its scale. */
uint64_t cache_sample(const gguf_tensor *t);
#endif
