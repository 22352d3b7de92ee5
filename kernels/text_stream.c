#include "text_stream.h"
#include <stdlib.h>
#include <string.h>

bool text_stream_add(text_stream *s, const tokenizer *t, int32_t id)
{
    size_t n = token_bytes(t, id, s->bytes ? s->bytes + s->len : NULL, s->capacity - s->len);
    if (n > s->capacity - s->len) {
        size_t capacity = 2 * (s->len + n) + 64;
        char *more = realloc(s->bytes, capacity);
        if (!more)
            return false;
        s->bytes = more;
        s->capacity = capacity;
        token_bytes(t, id, s->bytes + s->len, capacity - s->len);
    }
    s->len += n;
    return true;
}

size_t text_stream_whole(const text_stream *s)
{
    for (size_t back = 1; back <= 3 && back <= s->len; back++) {
        unsigned char c = (unsigned char)s->bytes[s->len - back];
        if (c < 0x80)
            break;
        if (c >= 0xc0) { /* the lead byte of the last character */
            size_t want = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
            return want > back ? s->len - back : s->len;
        }
    }
    return s->len;
}

void text_stream_drop(text_stream *s, size_t n)
{
    memmove(s->bytes, s->bytes + n, s->len - n);
    s->len -= n;
}

void text_stream_free(text_stream *s)
{
    free(s->bytes);
    memset(s, 0, sizeof *s);
}
