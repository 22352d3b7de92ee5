/* Which CPUs to use: lists as in taskset, the process's own affinity, clusters of unequal cores. Linux; elsewhere only a count. */
#ifndef TRIT_CORES_H
#define TRIT_CORES_H
#include "error.h"
#include <stddef.h>

enum { MAX_CPUS = 1024 };

/* "0-3,6" -> cpus[], in the order written; -1 with a sentence on a bad list or a CPU this process may not use. */
int cores_parse(const char *list, int *cpus, trit_error *e);
/* CPUs this process may use, ascending. At least one. *known is false where the system does not tell. */
int cores_allowed(int *cpus, bool *known);
/* Of those, one CPU for each core of the fastest cluster (cpu_capacity, else cpuinfo_max_freq). *some: there are slower ones as well. */
int cores_fastest(int *cpus, bool *some);
/* Ties the calling thread to the given CPUs; false where the system refuses. */
bool cores_pin(const int *cpus, int count);
/* "0-3,6" for a list. */
void cores_format(const int *cpus, int count, char *text, size_t size);
#endif
