/* Time stamps in nanoseconds of CLOCK_MONOTONIC, and what the process used. */
#ifndef TRIT_CLOCK_H
#define TRIT_CLOCK_H
#include <stdint.h>

int64_t clock_ns(void);
typedef struct { int64_t rss, peak_rss, minor_faults, major_faults, read_bytes; } process_usage; /* bytes; -1: unknown here */
process_usage usage_now(void);
int64_t memory_available(void);    /* bytes a process may still get: MemAvailable, capped by cgroup v1/v2 limits; -1 unknown */
int64_t address_space_left(void);  /* bytes it may still map: RLIMIT_AS; -1: as many as it likes */
#endif
