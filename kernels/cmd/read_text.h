/* Whole texts from files. */
#ifndef TRIT_READ_TEXT_H
#define TRIT_READ_TEXT_H
#include <stddef.h>

/* All bytes of a file, "-" for standard input, freshly allocated and terminated (free()); NULL after a sentence on stderr. */
char *read_text(const char *path, size_t *len);
#endif
