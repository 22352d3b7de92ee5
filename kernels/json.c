#include "json.h"
#include "utf8.h"
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_BYTES = 16 << 20, MAX_DEPTH = 32, MAX_VALUES = 1 << 20 };

/* What json_parse returns points at .root. A decoded string is never longer than its source, so one buffer holds all of them. */
typedef struct {
    json root;
    char *strings;
} document;

typedef struct {
    const char *start, *at, *end;
    char *store; /* free part of document.strings */
    size_t values;
    trit_error *error;
} reader;

static bool wrong(const reader *r, const char *what)
{
    return fail(r->error, "JSON, byte %zu: %s", (size_t)(r->at - r->start), what);
}

static void skip_space(reader *r)
{
    while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
        r->at++;
}

static bool accept(reader *r, char c)
{
    skip_space(r);
    if (r->at >= r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool read_word(reader *r, const char *word)
{
    size_t len = strlen(word);
    if ((size_t)(r->end - r->at) < len || memcmp(r->at, word, len) != 0)
        return wrong(r, "expected a value");
    r->at += len;
    return true;
}

/* The four digits of \uXXXX; -1: not that. */
static int32_t hex4(const char *at, const char *end)
{
    int32_t code = 0;
    if (end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        code = code << 4 | digit;
    }
    return code;
}

static bool read_escape(reader *r)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    char c = r->at < r->end ? *r->at : 0;
    const char *simple = c ? strchr(names, c) : NULL;
    if (simple) {
        *r->store++ = meanings[simple - names];
        r->at++;
        return true;
    }
    int32_t code = c == 'u' ? hex4(r->at + 1, r->end) : -1;
    if (code < 0)
        return wrong(r, "unknown escape in a string");
    r->at += 5;
    if (code >= 0xd800 && code < 0xdc00 && r->end - r->at >= 6 && r->at[0] == '\\' && r->at[1] == 'u') {
        int32_t low = hex4(r->at + 2, r->end);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            r->at += 6;
        }
    }
    r->store += utf8_encode((uint32_t)code, r->store); /* a surrogate without its partner becomes U+FFFD */
    return true;
}

static bool read_string(reader *r, char **text, size_t *len)
{
    *text = r->store;
    if (!accept(r, '"'))
        return wrong(r, "expected a string");
    for (;;) {
        if (r->at >= r->end)
            return wrong(r, "the text ends inside a string");
        if (*r->at == '"')
            break;
        if (*r->at == '\\') {
            r->at++;
            if (!read_escape(r))
                return false;
            continue;
        }
        size_t bytes = utf8_decode(r->at, (size_t)(r->end - r->at), NULL);
        if (bytes == 0)
            return wrong(r, "not valid UTF-8");
        if ((unsigned char)*r->at < 0x20)
            return wrong(r, "control character in a string");
        memcpy(r->store, r->at, bytes);
        r->store += bytes;
        r->at += bytes;
    }
    r->at++;
    *len = (size_t)(r->store - *text);
    *r->store++ = 0;
    return true;
}

static size_t digits(reader *r)
{
    const char *from = r->at;
    while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
        r->at++;
    return (size_t)(r->at - from);
}

static bool read_number(reader *r, double *value)
{
    const char *from = r->at;
    if (*r->at == '-')
        r->at++;
    const char *whole = r->at;
    size_t count = digits(r);
    if (count == 0 || (count > 1 && *whole == '0'))
        return wrong(r, "expected a value");
    const char *point = NULL;
    if (r->at < r->end && *r->at == '.') {
        point = r->at++;
        if (digits(r) == 0)
            return wrong(r, "a number lacks digits behind its point");
    }
    if (r->at < r->end && (*r->at == 'e' || *r->at == 'E')) {
        r->at++;
        if (r->at < r->end && (*r->at == '+' || *r->at == '-'))
            r->at++;
        if (digits(r) == 0)
            return wrong(r, "a number lacks digits in its exponent");
    }
    char text[400];
    size_t len = (size_t)(r->at - from);
    if (len >= sizeof text)
        return wrong(r, "a number has more than 399 characters");
    memcpy(text, from, len);
    text[len] = 0;
    if (point)
        text[point - from] = *localeconv()->decimal_point; /* strtod reads the locale's */
    *value = strtod(text, NULL);
    if (!isfinite(*value))
        return wrong(r, "a number is too large");
    return true;
}

static bool read_value(reader *r, json *j, int depth);

static bool read_items(reader *r, json *j, char close, int depth)
{
    if (depth == MAX_DEPTH)
        return wrong(r, "nested deeper than 32");
    r->at++;
    if (accept(r, close))
        return true;
    do {
        if ((j->count & (j->count - 1)) == 0) { /* full at each power of two */
            json *more = realloc(j->items, (j->count ? 2 * j->count : 1) * sizeof *more);
            if (!more)
                return wrong(r, "not enough memory");
            j->items = more;
        }
        json *item = &j->items[j->count++];
        *item = (json){ .kind = JSON_NULL };
        size_t key_len = 0;
        if (j->kind == JSON_OBJECT) {
            if (!read_string(r, &item->key, &key_len))
                return false;
            if (strlen(item->key) != key_len)
                return wrong(r, "a key contains a zero byte");
            if (!accept(r, ':'))
                return wrong(r, "expected ':' after a key");
        }
        if (!read_value(r, item, depth + 1))
            return false;
    } while (accept(r, ','));
    return accept(r, close) || wrong(r, close == ']' ? "expected ',' or ']'" : "expected ',' or '}'");
}

static bool read_value(reader *r, json *j, int depth)
{
    skip_space(r);
    if (r->at >= r->end)
        return wrong(r, "the text ends where a value should be");
    if (++r->values > MAX_VALUES)
        return wrong(r, "more than 1048576 values");
    switch (*r->at) {
    case '{':
        j->kind = JSON_OBJECT;
        return read_items(r, j, '}', depth);
    case '[':
        j->kind = JSON_ARRAY;
        return read_items(r, j, ']', depth);
    case '"':
        j->kind = JSON_STRING;
        return read_string(r, &j->text, &j->len);
    case 't':
    case 'f':
        j->kind = JSON_BOOL;
        j->number = *r->at == 't';
        return read_word(r, *r->at == 't' ? "true" : "false");
    case 'n':
        return read_word(r, "null");
    default:
        j->kind = JSON_NUMBER;
        return read_number(r, &j->number);
    }
}

static void free_items(json *j)
{
    for (size_t i = 0; i < j->count; i++)
        free_items(&j->items[i]);
    free(j->items);
}

json *json_parse(const char *text, size_t len, trit_error *e)
{
    if (len > MAX_BYTES) {
        fail(e, "JSON: %zu bytes, more than the 16 MiB that are read", len);
        return NULL;
    }
    document *d = calloc(1, sizeof *d);
    char *strings = malloc(len + 1);
    if (!d || !strings) {
        fail(e, "JSON: not enough memory for %zu bytes", len);
        free(strings);
        free(d);
        return NULL;
    }
    d->strings = strings;
    reader r = { text, text, text + len, strings, 0, e };
    bool ok = read_value(&r, &d->root, 0);
    if (ok) {
        skip_space(&r);
        ok = r.at == r.end || wrong(&r, "something follows the value");
    }
    if (!ok) {
        json_free(&d->root);
        return NULL;
    }
    return &d->root;
}

void json_free(json *j)
{
    if (!j)
        return;
    document *d = (document *)j;
    free_items(j);
    free(d->strings);
    free(d);
}

const json *json_get(const json *object, const char *key)
{
    if (!object || object->kind != JSON_OBJECT)
        return NULL;
    for (size_t i = object->count; i-- > 0;) /* of equal keys the last one counts */
        if (strcmp(object->items[i].key, key) == 0)
            return &object->items[i];
    return NULL;
}
