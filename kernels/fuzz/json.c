/* Any bytes through the JSON reader; what it accepts must come out of the writer and in again unchanged. */
#include "json.h"
#include <stdlib.h>
#include <string.h>

static void write_tree(json_writer *w, const json *j)
{
    switch (j->kind) {
    case JSON_NULL:
        json_null(w, j->key);
        break;
    case JSON_BOOL:
        json_bool(w, j->key, j->number != 0);
        break;
    case JSON_NUMBER:
        json_number(w, j->key, j->number);
        break;
    case JSON_STRING:
        json_string(w, j->key, j->text, j->len);
        break;
    case JSON_ARRAY:
    case JSON_OBJECT:
        json_open(w, j->key, j->kind == JSON_ARRAY ? '[' : '{');
        for (size_t i = 0; i < j->count; i++)
            write_tree(w, &j->items[i]);
        json_close(w, j->kind == JSON_ARRAY ? ']' : '}');
    }
}

static void demand_same(const json *a, const json *b)
{
    if (a->kind != b->kind || a->number != b->number || a->count != b->count || a->len != b->len)
        abort();
    if (a->kind == JSON_STRING && memcmp(a->text, b->text, a->len + 1) != 0)
        abort();
    for (size_t i = 0; i < a->count; i++) {
        if (a->kind == JSON_OBJECT && (strcmp(a->items[i].key, b->items[i].key) != 0 || !json_get(a, a->items[i].key)))
            abort();
        demand_same(&a->items[i], &b->items[i]);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trit_error error = { "" };
    json *first = json_parse((const char *)data, size, &error);
    if (!first) {
        if (!*error.text)
            abort();
        return 0;
    }
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out)
        abort();
    json_writer w;
    json_begin(&w, out);
    write_tree(&w, first);
    json_end_line(&w);
    fclose(out);
    json *second = json_parse(text, len, &error);
    if (!second)
        abort();
    demand_same(first, second);
    json_free(first);
    json_free(second);
    free(text);
    return 0;
}
