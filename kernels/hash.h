/* A fast hash of much data: finds damage and change, not malice. In the machine's byte order. */
#ifndef TRIT_HASH_H
#define TRIT_HASH_H
#include "pool.h"
#include <stdint.h>

/* Of n bytes in one go. */
uint64_t hash_of(const void *bytes, size_t n);
/* Of n bytes in slices of 1 MB, hashed on the pool: the hash of the slices' hashes. mapped: they are a file's and never written; each
   slice is then given back when it is done, so that little of a large file is resident at once. */
uint64_t hash_slices(const void *bytes, size_t n, bool mapped, pool *p);
/* Adds a value to a hash. */
uint64_t hash_join(uint64_t hash, uint64_t value);
#endif
