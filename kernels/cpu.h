/* What the CPU and its operating system let a program use. */
#ifndef TRIT_CPU_H
#define TRIT_CPU_H
#include <stdbool.h>
#include <stddef.h>

/* True if every word of `features` ("avx2 fma") is available here. "" always is. */
bool cpu_has(const char *features);
/* All features found, space separated, into text. */
void cpu_features(char *text, size_t size);
#endif
