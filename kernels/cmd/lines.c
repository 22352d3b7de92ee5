#include "lines.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { READ_SIZE = 1 << 16 };

static bool make_room(line_reader *r)
{
    memmove(r->data, r->data + r->start, r->len - r->start);
    r->len -= r->start;
    r->scanned -= r->start;
    r->start = 0;
    if (r->capacity - r->len >= READ_SIZE)
        return true;
    size_t capacity = 2 * r->capacity + READ_SIZE;
    char *more = realloc(r->data, capacity);
    if (!more)
        return false;
    r->data = more;
    r->capacity = capacity;
    return true;
}

bool lines_fill(line_reader *r, int timeout_ms)
{
    if (r->ended)
        return true;
    if (!r->data && !(r->data = malloc(r->capacity = READ_SIZE)))
        return false;
    struct pollfd fds[2] = { { .fd = r->fd, .events = POLLIN }, { .fd = STDOUT_FILENO, .events = 0 } };
    if (poll(fds, 2, timeout_ms) <= 0)
        return true;
    if (fds[1].revents & (POLLERR | POLLNVAL | POLLHUP)) {
        r->ended = true; /* whoever asked is gone */
        r->len = r->start = r->scanned = 0;
        return true;
    }
    if (!fds[0].revents)
        return true;
    if (!make_room(r))
        return false;
    ssize_t n = read(r->fd, r->data + r->len, r->capacity - r->len);
    if (n > 0)
        r->len += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        r->ended = true;
    return true;
}

line_state lines_next(line_reader *r, const char **line, size_t *len)
{
    for (;;) {
        char *newline = r->len > r->scanned ? memchr(r->data + r->scanned, '\n', r->len - r->scanned) : NULL;
        size_t end = newline ? (size_t)(newline - r->data) : r->len;
        bool complete = newline || (r->ended && r->len > r->start);
        size_t begin = r->start;
        r->scanned = end;
        if (!complete && end - begin > r->limit) {
            bool first = !r->skipping;
            r->skipping = true;
            r->start = r->scanned = r->len;
            if (first)
                return LINE_TOO_LONG;
        }
        if (!complete) {
            if (r->skipping)
                r->start = r->scanned = r->len;
            return LINE_NONE;
        }
        r->start = r->scanned = newline ? end + 1 : end;
        bool rest_of_long = r->skipping;
        r->skipping = false;
        if (rest_of_long)
            continue;
        if (end - begin > r->limit)
            return LINE_TOO_LONG;
        *line = r->data + begin;
        *len = end - begin;
        return LINE_WHOLE;
    }
}

void lines_free(line_reader *r)
{
    free(r->data);
    memset(r, 0, sizeof *r);
}
