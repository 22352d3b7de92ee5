/* A fixed set of threads with explicit CPU affinity and a spin-then-sleep barrier. The caller's thread is member 0. */
#ifndef TRIT_POOL_H
#define TRIT_POOL_H
#include "error.h"
#include <stddef.h>

typedef struct pool pool;
typedef void (*pool_task)(void *arg, size_t begin, size_t end, int thread);

/* threads 0: one for each core of the fastest cluster (cpu_capacity, else maximal frequency; never more than the process may use).
   cpus: "" or NULL (no pinning beyond that choice), or a list as in taskset: "0-3,6". Errors: bad list, CPU not allowed. */
pool *pool_new(int threads, const char *cpus, trit_error *e);
void pool_free(pool *p);
int pool_threads(const pool *p);
/* CPU numbers the members are pinned to, "" where they are not. */
const char *pool_cpus(const pool *p);
/* Calls task on slices of [0, n) of at least `grain` items: each thread has neighbouring ones, and takes from the others' when it has done
   them, so that slow cores do fewer; returns when all are done.
   Slices never overlap; which thread takes which slice does not change results. */
void pool_run(pool *p, size_t n, size_t grain, pool_task task, void *arg);
/* The same for a task that streams memory: a thread's slices are long at first, a third of what is left of its share, and short at the
   end, so that streams seldom break off and all threads still end together. */
void pool_stream(pool *p, size_t n, size_t grain, pool_task task, void *arg);
#endif
