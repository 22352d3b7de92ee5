#include "gguf_private.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *gguf_path(const gguf *g)
{
    return g->path ? g->path : "";
}

size_t gguf_size(const gguf *g)
{
    return g->foreign ? (size_t)g->foreign_bytes : g->size;
}

bool gguf_is_foreign(const gguf *g)
{
    return g->foreign;
}

static const gguf_key *find_key(const gguf *g, const char *key)
{
    return (const gguf_key *)(const void *)gguf_search(g->key_index, g->key_count, key);
}

/* A scalar as the widest type of its family: *kind is 'i' (signed), 'u' (unsigned), 'f' or 'b'. False for strings and arrays. */
static bool read_scalar(uint32_t type, const uint8_t *p, char *kind, int64_t *i, uint64_t *u, double *f)
{
#define CASE(ID, type, letter, out) \
    case ID: { type v; memcpy(&v, p, sizeof v); *kind = letter; *out = v; return true; }
    switch (type) {
    CASE(GGUF_U8, uint8_t, 'u', u)
    CASE(GGUF_U16, uint16_t, 'u', u)
    CASE(GGUF_U32, uint32_t, 'u', u)
    CASE(GGUF_U64, uint64_t, 'u', u)
    CASE(GGUF_I8, int8_t, 'i', i)
    CASE(GGUF_I16, int16_t, 'i', i)
    CASE(GGUF_I32, int32_t, 'i', i)
    CASE(GGUF_I64, int64_t, 'i', i)
    CASE(GGUF_F32, float, 'f', f)
    CASE(GGUF_F64, double, 'f', f)
    CASE(GGUF_BOOL, uint8_t, 'b', u)
    }
#undef CASE
    return false;
}

bool gguf_has(const gguf *g, const char *key)
{
    return find_key(g, key) != NULL;
}

bool gguf_u64(const gguf *g, const char *key, uint64_t *out)
{
    const gguf_key *k = find_key(g, key);
    char kind;
    int64_t i;
    uint64_t u;
    double f;
    if (!k || !read_scalar(k->type, k->value, &kind, &i, &u, &f) || (kind != 'u' && (kind != 'i' || i < 0)))
        return false;
    *out = kind == 'u' ? u : (uint64_t)i;
    return true;
}

bool gguf_f32(const gguf *g, const char *key, float *out)
{
    const gguf_key *k = find_key(g, key);
    char kind;
    int64_t i;
    uint64_t u;
    double f;
    if (!k || !read_scalar(k->type, k->value, &kind, &i, &u, &f) || kind == 'b')
        return false;
    *out = kind == 'f' ? (float)f : kind == 'i' ? (float)i : (float)u;
    return true;
}

bool gguf_bool(const gguf *g, const char *key, bool *out)
{
    const gguf_key *k = find_key(g, key);
    if (!k || k->type != GGUF_BOOL)
        return false;
    *out = *k->value != 0;
    return true;
}

/* A string's length was checked when the file was opened. */
static str string_at(const uint8_t **p)
{
    uint64_t len;
    memcpy(&len, *p, sizeof len);
    str s = { (const char *)*p + sizeof len, (size_t)len };
    *p += sizeof len + s.len;
    return s;
}

bool gguf_str(const gguf *g, const char *key, str *out)
{
    const gguf_key *k = find_key(g, key);
    if (!k || k->type != GGUF_STRING)
        return false;
    const uint8_t *p = k->value;
    *out = string_at(&p);
    return true;
}

static gguf_array array_at(const uint8_t *p)
{
    gguf_array a;
    memcpy(&a.type, p, sizeof a.type);
    memcpy(&a.count, p + sizeof a.type, sizeof a.count);
    a.data = p + sizeof a.type + sizeof a.count;
    return a;
}

bool gguf_arr(const gguf *g, const char *key, gguf_array *out)
{
    const gguf_key *k = find_key(g, key);
    if (!k || k->type != GGUF_ARRAY)
        return false;
    *out = array_at(k->value);
    return true;
}

str *gguf_arr_str(const gguf *g, const char *key, size_t *count, trit_error *e)
{
    gguf_array a;
    if (!gguf_arr(g, key, &a) || a.type != GGUF_STRING) {
        fail(e, gguf_has(g, key) ? "key %s is no array of strings" : "key %s is missing", key);
        return NULL;
    }
    str *out = malloc(((size_t)a.count + 1) * sizeof *out); /* count is bounded by the file's size / 8 */
    if (!out) {
        fail(e, "not enough memory for the %" PRIu64 " strings of key %s", a.count, key);
        return NULL;
    }
    const uint8_t *p = a.data;
    for (size_t i = 0; i < a.count; i++)
        out[i] = string_at(&p);
    *count = (size_t)a.count;
    return out;
}

bool gguf_arr_num(const gguf_array *a, size_t index, double *out)
{
    char kind;
    int64_t i;
    uint64_t u;
    size_t size = gguf_scalar_size(a->type);
    if (!size || index >= a->count || !read_scalar(a->type, a->data + index * size, &kind, &i, &u, out))
        return false;
    if (kind != 'f')
        *out = kind == 'i' ? (double)i : (double)u;
    return true;
}

/* Text of a value: an ever-growing print that stops quietly where the room ends. */
typedef struct { char *at; size_t left; } print;

static void print_char(print *p, char c)
{
    if (p->left > 1) {
        *p->at++ = c;
        p->left--;
    }
    *p->at = 0;
}

static void print_text(print *p, const char *text, size_t len)
{
    size_t n = len < p->left - 1 ? len : p->left - 1;
    if (n < len) /* do not cut a character in two */
        while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
    for (size_t i = 0; i < n; i++)
        print_char(p, (unsigned char)text[i] < 32 || text[i] == 127 ? ' ' : text[i]);
    if (n < len)
        p->left = 1;
}

static void print_scalar(print *p, uint32_t type, const uint8_t *value)
{
    char text[40] = "", kind;
    int64_t i;
    uint64_t u;
    double f;
    if (!read_scalar(type, value, &kind, &i, &u, &f))
        return;
    if (kind == 'b')
        snprintf(text, sizeof text, "%s", u ? "true" : "false");
    else if (kind == 'f')
        snprintf(text, sizeof text, "%.9g", f);
    else if (kind == 'i')
        snprintf(text, sizeof text, "%" PRId64, i);
    else
        snprintf(text, sizeof text, "%" PRIu64, u);
    print_text(p, text, strlen(text));
}

static void print_array(print *p, gguf_array a)
{
    enum { SHOWN = 6, SHOWN_BYTES = 24 };
    char text[48];
    snprintf(text, sizeof text, "[%" PRIu64 "]", a.count);
    print_text(p, text, strlen(text));
    if (a.type == GGUF_ARRAY)
        return;
    for (size_t i = 0; i < a.count && i < SHOWN; i++) {
        print_text(p, i ? ", " : " ", i ? 2 : 1);
        if (a.type == GGUF_STRING) {
            str s = string_at(&a.data);
            print_char(p, '"');
            print_text(p, s.data, s.len < SHOWN_BYTES ? s.len : SHOWN_BYTES);
            print_char(p, '"');
        } else
            print_scalar(p, a.type, a.data + i * gguf_scalar_size(a.type));
    }
    if (a.count > SHOWN)
        print_text(p, ", ...", 5);
}

bool gguf_key_at(const gguf *g, size_t i, str *key, char *text, size_t text_size)
{
    if (i >= g->key_count)
        return false;
    const gguf_key *k = &g->keys[i];
    *key = k->key;
    if (!text_size)
        return true;
    print p = { text, text_size };
    *text = 0;
    if (k->type == GGUF_ARRAY)
        print_array(&p, array_at(k->value));
    else if (k->type == GGUF_STRING) {
        const uint8_t *at = k->value;
        str s = string_at(&at);
        print_text(&p, s.data, s.len);
    } else
        print_scalar(&p, k->type, k->value);
    return true;
}
