/* What the CPU and its operating system let a program use. */
#ifndef TRIT_CPU_H
#define TRIT_CPU_H
#include <stdbool.h>
#include <stddef.h>

/* True if every word of `features` ("avx2 fma") is available here. "" always is. */
bool cpu_has(const char *features);
/* All features found, space separated, into text. */
void cpu_features(char *text, size_t size);
/* The CPU's name as Linux tells it, "" elsewhere. */
void cpu_name(char *text, size_t size);
/* Bytes of its largest cache, as Linux or the C library tell it; 0: neither knows. */
size_t cpu_cache_bytes(void);
#endif
