/* What `trit info -m` prints. */
#include "info_model.h"
#include "../head.h"
#include "../json.h"
#include "options.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* 16 hex digits, "-" where memory is short. */
static void hash_text(const gguf_tensor *t, char *text, size_t size)
{
    uint64_t hash = 0xcbf29ce484222325u;
    float *row = calloc((size_t)t->ne[0], sizeof *row);
    snprintf(text, size, "-");
    if (!row)
        return;
    for (uint64_t r = 0; r < t->rows; r++) {
        tensor_row_f32(t, (size_t)r, row);
        for (uint64_t i = 0; i < t->ne[0]; i++) {
            uint32_t bits = 0;
            if (row[i] != 0)
                memcpy(&bits, &row[i], sizeof bits);
            hash = (hash ^ bits) * 0x100000001b3u;
        }
    }
    free(row);
    tensor_drop(t);
    snprintf(text, size, "%016" PRIx64, hash);
}

static void shape_text(const gguf_tensor *t, char *text, size_t size)
{
    *text = 0;
    for (uint32_t d = 0; d < t->n_dims; d++)
        snprintf(text + strlen(text), size - strlen(text), "%s%" PRIu64, d ? " x " : "", t->ne[d]);
}

/* Calls `each` for the types that occur, with the number of their tensors and bytes. */
static void by_type(const gguf *g, void (*each)(void *, const type_info *, size_t, uint64_t), void *arg)
{
    static const uint32_t ids[] = {
#define TYPE(id, NAME, name, weights, bytes) id,
#include "../types.inc"
#undef TYPE
    };
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        size_t count = 0;
        uint64_t bytes = 0;
        for (size_t j = 0; j < gguf_count(g); j++)
            if (gguf_at(g, j)->type == ids[i]) {
                count++;
                bytes += gguf_at(g, j)->bytes;
            }
        if (count)
            each(arg, type_of(ids[i]), count, bytes);
    }
}

static void type_json(void *w, const type_info *info, size_t count, uint64_t bytes)
{
    json_open(w, NULL, '{');
    json_text(w, "type", info->name);
    json_integer(w, "tensors", (int64_t)count);
    json_integer(w, "bytes", (int64_t)bytes);
    json_close(w, '}');
}

static void type_text(void *unused, const type_info *info, size_t count, uint64_t bytes)
{
    (void)unused;
    printf("%-9s %zu tensors, %.1f MB\n", info->name, count, (double)bytes * 1e-6);
}

/* A key as a JSON number where it is one, else as text. Names of the file may hold anything: only plain ones can be looked up. */
static void key_json(json_writer *w, const gguf *g, str key, const char *text)
{
    char name[256];
    uint64_t u;
    float f;
    bool b;
    snprintf(name, sizeof name, "%.*s", (int)(key.len < sizeof name ? key.len : sizeof name - 1), key.data);
    if (strlen(name) == key.len && gguf_bool(g, name, &b))
        json_bool(w, name, b);
    else if (strlen(name) == key.len && gguf_u64(g, name, &u) && u <= INT64_MAX)
        json_integer(w, name, (int64_t)u);
    else if (strlen(name) == key.len && gguf_f32(g, name, &f))
        json_number(w, name, (double)f);
    else
        json_text(w, name, text);
}

/* The output head, and what is read of it for a token where --head auto chooses. */
static void head_json(json_writer *w, const gguf *g)
{
    const gguf_tensor *t = head_tensor(g);
    if (!t) {
        json_null(w, "head");
        return;
    }
    json_open(w, "head", '{');
    json_string(w, "tensor", t->name.data, t->name.len);
    json_text(w, "type", t->info->name);
    json_integer(w, "bytes", (int64_t)t->bytes);
    json_text(w, "auto", screen_pays(t) ? "screen" : "full");
    if (screen_possible(t))
        json_integer(w, "screen_bytes", (int64_t)screen_blob_bytes(t));
    else
        json_null(w, "screen_bytes");
    json_close(w, '}');
}

static void head_text(const gguf *g)
{
    const gguf_tensor *t = head_tensor(g);
    if (!t)
        return;
    printf("head      %.*s, %s, %.1f MB", (int)t->name.len, t->name.data, t->info->name, (double)t->bytes * 1e-6);
    if (screen_pays(t))
        printf("; tokens are chosen through a screen of %.1f MB", (double)screen_blob_bytes(t) * 1e-6);
    printf("\n");
}

void info_model_json(const gguf *g, bool hash)
{
    json_writer w;
    str key;
    char text[4096];
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_text(&w, "file", gguf_path(g));
    json_integer(&w, "bytes", (int64_t)gguf_size(g));
    if (gguf_str(g, "general.architecture", &key))
        json_string(&w, "architecture", key.data, key.len);
    else
        json_null(&w, "architecture");
    json_open(&w, "keys", '{');
    for (size_t i = 0; gguf_key_at(g, i, &key, text, sizeof text); i++)
        key_json(&w, g, key, text);
    json_close(&w, '}');
    json_open(&w, "types", '[');
    by_type(g, type_json, &w);
    json_close(&w, ']');
    head_json(&w, g);
    json_open(&w, "tensors", '[');
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        json_open(&w, NULL, '{');
        json_string(&w, "name", t->name.data, t->name.len);
        json_text(&w, "type", t->info->name);
        json_open(&w, "shape", '[');
        for (uint32_t d = 0; d < t->n_dims; d++)
            json_integer(&w, NULL, (int64_t)t->ne[d]);
        json_close(&w, ']');
        json_integer(&w, "bytes", (int64_t)t->bytes);
        if (t->type == TYPE_I2_S)
            json_number(&w, "scale", (double)tensor_scale(t));
        if (hash) {
            hash_text(t, text, sizeof text);
            json_text(&w, "hash", text);
        }
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_close(&w, '}');
    json_end_line(&w);
}

/* Bytes of a file that go to a terminal: no control characters. */
static void print_plain(const char *data, size_t len, int width)
{
    for (size_t i = 0; i < len; i++)
        putchar((unsigned char)data[i] < 32 || data[i] == 127 ? '?' : data[i]);
    for (int i = (int)len; i < width; i++)
        putchar(' ');
}

void info_model_text(const gguf *g, bool hash)
{
    str key;
    char text[160];
    printf("file      %s, %.1f MB\n", gguf_path(g), (double)gguf_size(g) * 1e-6);
    by_type(g, type_text, NULL);
    head_text(g);
    printf("\n");
    for (size_t i = 0; gguf_key_at(g, i, &key, text, sizeof text); i++) {
        print_plain(key.data, key.len, 44);
        printf(" %s\n", text);
    }
    printf("\n");
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        shape_text(t, text, sizeof text);
        print_plain(t->name.data, t->name.len, 32);
        printf(" %-6s %-16s %zu bytes", t->info->name, text, t->bytes);
        if (t->type == TYPE_I2_S)
            printf(", scale %.9g", (double)tensor_scale(t));
        if (hash) {
            hash_text(t, text, sizeof text);
            printf(", hash %s", text);
        }
        printf("\n");
    }
}

int info_rows(const gguf *g, const char *name, int64_t row)
{
    const gguf_tensor *t = gguf_find(g, name);
    if (!t)
        return complain("info", 1, "%s has no tensor %s; trit info -m lists them", gguf_path(g), name);
    if (row >= 0 && (uint64_t)row >= t->rows)
        return complain("info", 1, "tensor %s has rows 0 to %" PRIu64, name, t->rows - 1);
    float *values = malloc((size_t)t->ne[0] * sizeof *values);
    if (!values)
        return complain("info", 1, "not enough memory for a row of %" PRIu64 " weights", t->ne[0]);
    for (uint64_t r = row < 0 ? 0 : (uint64_t)row; r < (row < 0 ? t->rows : (uint64_t)row + 1); r++) {
        json_writer w;
        tensor_row_f32(t, (size_t)r, values);
        json_begin(&w, stdout);
        json_open(&w, NULL, '{');
        json_integer(&w, "row", (int64_t)r);
        json_open(&w, "values", '[');
        for (uint64_t i = 0; i < t->ne[0]; i++)
            json_number(&w, NULL, (double)values[i]);
        json_close(&w, ']');
        json_close(&w, '}');
        json_end_line(&w);
    }
    free(values);
    return 0;
}
