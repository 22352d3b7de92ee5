/* JSON: a growing writer for one line, and a small validating reader for the requests of `serve`. Hand-written because the program
   depends on libc alone. */
#ifndef TRIT_JSON_H
#define TRIT_JSON_H
#include "error.h"
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* Writer: prints straight to a FILE; commas are placed by itself. Strings are escaped; bytes that are not UTF-8 become U+FFFD.
   Numbers that are not finite become null. key may be NULL inside arrays. */
typedef struct { FILE *out; int depth; bool comma; } json_writer;
void json_begin(json_writer *w, FILE *out);
void json_open(json_writer *w, const char *key, char bracket /* '{' or '[' */);
void json_close(json_writer *w, char bracket /* '}' or ']' */);
void json_string(json_writer *w, const char *key, const char *text, size_t len);
void json_text(json_writer *w, const char *key, const char *text); /* strlen(text) */
void json_number(json_writer *w, const char *key, double value);   /* shortest form that reads back the same */
void json_integer(json_writer *w, const char *key, int64_t value);
void json_bool(json_writer *w, const char *key, bool value);
void json_null(json_writer *w, const char *key);
void json_end_line(json_writer *w); /* newline and flush */

/* Reader: parses one whole text of at most 16 MiB, depth at most 32, into a tree. Errors name the byte. */
typedef enum { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT } json_kind;
typedef struct json {
    json_kind kind;
    double number;               /* JSON_NUMBER; JSON_BOOL: 0 or 1 */
    char *text; size_t len;      /* JSON_STRING: decoded UTF-8, also terminated */
    struct json *items; size_t count; /* JSON_ARRAY, JSON_OBJECT */
    char *key;                   /* in an object */
} json;
json *json_parse(const char *text, size_t len, trit_error *e);
void json_free(json *j);
const json *json_get(const json *object, const char *key); /* NULL: absent, or not an object */
#endif
