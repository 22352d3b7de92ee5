/* Lists of whole numbers given as "1,2,3". */
#ifndef TRIT_NUMBERS_H
#define TRIT_NUMBERS_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Reads text into freshly allocated numbers (free()), each within [low, high]. On failure prints a sentence that names the option
   and returns false. */
bool numbers_parse(const char *option, const char *text, int64_t low, int64_t high, int64_t **numbers, size_t *count);
#endif
