/* Every library function that can fail returns false or NULL and leaves one sentence here. Only cmd/ prints and exits. */
#ifndef TRIT_ERROR_H
#define TRIT_ERROR_H
#include <stdbool.h>

typedef struct { char text[512]; } trit_error;

/* Writes the sentence (printf format) and returns false, so that callers can `return fail(e, ...)`. e may be NULL. */
bool fail(trit_error *e, const char *format, ...) __attribute__((format(printf, 2, 3)));
#endif
