/* What this machine can do at most, for kernels to be held against: clock, reading, products of int8. */
#ifndef TRIT_MACHINE_H
#define TRIT_MACHINE_H
#include <stddef.h>
#include <stdint.h>

/* GHz of the calling thread's core now: a chain of additions, each of which waits for the one before, takes one cycle each on every CPU
   there is. About a millisecond. */
double machine_clock(void);
/* Reads memory once, prefetching; returns something made of it, so that reading cannot be left out. 64-byte multiple. */
uint64_t machine_read(const uint8_t *memory, size_t bytes);
#endif
