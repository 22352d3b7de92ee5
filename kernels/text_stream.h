/* Text of generated tokens, given out in whole UTF-8 characters: a token may end inside one. */
#ifndef TRIT_TEXT_STREAM_H
#define TRIT_TEXT_STREAM_H
#include "tokenizer.h"

typedef struct { char *bytes; size_t len, capacity; } text_stream; /* begin with zeros */

/* Appends a token's bytes. False: not enough memory. */
bool text_stream_add(text_stream *s, const tokenizer *t, int32_t id);
/* Bytes at the front that end with a whole character; bytes that can never become one count as whole. */
size_t text_stream_whole(const text_stream *s);
/* Takes n bytes off the front. */
void text_stream_drop(text_stream *s, size_t n);
void text_stream_free(text_stream *s);
#endif
