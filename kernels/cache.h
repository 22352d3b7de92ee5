/* The packed cache: one file a model and layout with every matrix whose form in memory differs from that in the model's file, made once
   and mapped from then on. Nothing in it is trusted; a file that does not fit is made anew. What is looked at when:
     at each start   header and table (hashed), the model's size, time of change and description (hashed), some bytes of each of its tensors
     cache_verify    every byte of the cache and of the model's tensors it was made from
   Damage to the weights themselves can give wrong numbers, which cache_verify (`trit check -m`) finds, but nothing worse. */
#ifndef TRIT_CACHE_H
#define TRIT_CACHE_H
#include "gguf.h"
#include "pool.h"

typedef struct cache cache;

typedef struct {
    const char *name, *layout; /* of the tensor it was made from; of the data ("t5", "scales") */
    size_t rows, k, bytes;
    float scale;
    const uint8_t *data;       /* inside the mapping, 4096-aligned in the file */
    uint64_t checksum;         /* hash_slices of the data */
    uint64_t source, sample;   /* hash_slices of the tensor; a hash of few of its bytes */
} cache_entry;

/* Maps a cache of this model. Errors: no such file, damaged, made by another version or machine, made of another state of the model. */
cache *cache_open(const char *path, const gguf *g, trit_error *e);
/* The same over bytes in memory, which must outlive the result, and of no model in particular (tests, fuzzing). */
cache *cache_parse(const void *bytes, size_t size, trit_error *e);
void cache_close(cache *c); /* NULL is fine */
const char *cache_path(const cache *c);
size_t cache_size(const cache *c); /* bytes of the file */
size_t cache_count(const cache *c);
const cache_entry *cache_at(const cache *c, size_t i);
/* NULL: there is none. */
const cache_entry *cache_find(const cache *c, str name, const char *layout);
/* Whether the system maps most of the file in huge pages, as seen at some places of it. Small files: false. */
bool cache_is_huge(const cache *c);
/* Compares every byte with the hashes, that of the cache and that of the model. Errors name the first difference. */
bool cache_verify(const cache *c, const gguf *g, pool *p, trit_error *e);

/* Where the cache of a model with a layout is. folder NULL: beside the model; else in it, under a name that no other model has. False:
   the model has no file, or the name is too long. */
bool cache_place(const gguf *g, const char *layout, const char *folder, char *path, size_t size);
bool cache_writable(const char *path); /* whether files can be made in the folder of this one */
/* $XDG_CACHE_HOME/trit or ~/.cache/trit; it is made where `make`. False: there is no home folder, or it cannot be made. */
bool cache_folder(char *path, size_t size, bool make);

/* Writing: begin an entry, append its data, and so on, then commit. Until the commit all is in PATH.part. */
typedef struct cache_out cache_out;
/* bytes: about what will be written. Errors: cannot be created, is being written by another process, no room on the disk. */
cache_out *cache_create(const char *path, const gguf *g, uint64_t bytes, trit_error *e);
bool cache_begin(cache_out *o, const gguf_tensor *source, const char *layout, size_t rows, size_t k, pool *p, trit_error *e);
bool cache_append(cache_out *o, const void *bytes, size_t n, trit_error *e);
void cache_set_scale(cache_out *o, float scale); /* of the entry begun last; 1 else */
/* Brings all to the disk and renames PATH.part to PATH; frees. On failure nothing is left behind. */
bool cache_commit(cache_out *o, pool *p, trit_error *e);
void cache_discard(cache_out *o); /* NULL is fine */
#endif
