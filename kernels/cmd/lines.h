/* Lines from a file descriptor, without ever blocking longer than asked. */
#ifndef TRIT_LINES_H
#define TRIT_LINES_H
#include <stdbool.h>
#include <stddef.h>

typedef struct {
    int fd;
    size_t limit;            /* longer lines are reported as too long, and skipped to their end */
    char *data;
    size_t start, scanned, len, capacity;
    bool skipping, ended;
} line_reader;

typedef enum { LINE_NONE, LINE_WHOLE, LINE_TOO_LONG } line_state;

/* Waits up to timeout_ms (-1: for ever, 0: not at all) for input and takes what is there. Afterwards r->ended is set at the end
   of input or when nobody reads standard output any more. False: not enough memory. */
bool lines_fill(line_reader *r, int timeout_ms);
/* The next line, without its newline; valid until the next lines_fill. A last line without a newline counts. */
line_state lines_next(line_reader *r, const char **line, size_t *len);
void lines_free(line_reader *r);
#endif
