#include "json.h"
#include "utf8.h"
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void quoted(FILE *out, const char *text, size_t len)
{
    putc('"', out);
    for (size_t at = 0; at < len;) {
        unsigned char c = (unsigned char)text[at];
        size_t bytes = utf8_decode(text + at, len - at, NULL);
        if (bytes == 0) {
            fputs("\xef\xbf\xbd", out);
            bytes = 1;
        } else if (c == '"' || c == '\\') {
            fprintf(out, "\\%c", c);
        } else if (c == '\n') {
            fputs("\\n", out);
        } else if (c < 0x20 || c == 0x7f) {
            fprintf(out, "\\u%04x", (unsigned)c);
        } else {
            fwrite(text + at, 1, bytes, out);
        }
        at += bytes;
    }
    putc('"', out);
}

/* Everything that stands before a value: the comma and the key. */
static void lead(json_writer *w, const char *key)
{
    if (w->comma)
        putc(',', w->out);
    w->comma = true;
    if (key) {
        quoted(w->out, key, strlen(key));
        putc(':', w->out);
    }
}

void json_begin(json_writer *w, FILE *out)
{
    *w = (json_writer){ .out = out };
}

void json_open(json_writer *w, const char *key, char bracket)
{
    lead(w, key);
    putc(bracket, w->out);
    w->depth++;
    w->comma = false;
}

void json_close(json_writer *w, char bracket)
{
    putc(bracket, w->out);
    w->depth--;
    w->comma = true;
}

void json_string(json_writer *w, const char *key, const char *text, size_t len)
{
    lead(w, key);
    quoted(w->out, text, len);
}

void json_text(json_writer *w, const char *key, const char *text)
{
    json_string(w, key, text, strlen(text));
}

void json_number(json_writer *w, const char *key, double value)
{
    if (!isfinite(value)) {
        json_null(w, key);
        return;
    }
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    char *point = text + strcspn(text, ".,"); /* the locale may write a comma */
    if (*point)
        *point = '.';
    lead(w, key);
    fputs(text, w->out);
}

void json_integer(json_writer *w, const char *key, int64_t value)
{
    lead(w, key);
    fprintf(w->out, "%" PRId64, value);
}

void json_bool(json_writer *w, const char *key, bool value)
{
    lead(w, key);
    fputs(value ? "true" : "false", w->out);
}

void json_null(json_writer *w, const char *key)
{
    lead(w, key);
    fputs("null", w->out);
}

void json_end_line(json_writer *w)
{
    putc('\n', w->out);
    fflush(w->out);
    w->comma = false;
}
