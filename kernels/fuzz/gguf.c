/* Bytes that begin with "GGUF" are opened as they are. Any other input is a list of edits to a good file that holds every tensor
   type and most kinds of values: so the deep parts of the reader are reached without a corpus. What opens is walked. */
#include "../gguf_write.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static uint8_t *good;
static size_t good_size;

static void put_all_types(gguf_out *o)
{
    static const uint32_t ids[] = {
#define TYPE(id, NAME, name, weights, bytes) id,
#include "../types.inc"
#undef TYPE
    };
    gguf_put_str(o, "general.architecture", "llama");
    gguf_put_u32(o, "u32", 7);
    gguf_put_u64(o, "u64", 1ull << 40);
    gguf_put_f32(o, "f32", 0.5f);
    gguf_put_bool(o, "bool", true);
    gguf_put_strings(o, "strings", 3);
    for (int i = 0; i < 3; i++)
        gguf_item_str(o, "piece", (size_t)(i + 2));
    gguf_put_i32s(o, "i32s", 2);
    gguf_item_i32(o, -1);
    gguf_item_i32(o, 5);
    gguf_put_f32s(o, "f32s", 1);
    gguf_item_f32(o, 1e30f);
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        const type_info *info = type_of(ids[i]);
        str name = { info->name, strlen(info->name) };
        gguf_put_tensor(o, name, ids[i], 2, (uint64_t[]){ info->weights, 2 });
    }
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    char path[64];
    trit_error e = { "" };
    snprintf(path, sizeof path, "/tmp/trit-fuzz-%ld.gguf", (long)getpid());
    gguf_out *o = gguf_create(path, &e);
    if (o)
        put_all_types(o);
    bool written = o && gguf_start(o, &e);
    if (written)
        written = gguf_commit(o, &e);
    FILE *f = written ? fopen(path, "rb") : NULL;
    if (!f) {
        fprintf(stderr, "the good file could not be made: %s\n", e.text);
        abort();
    }
    good = malloc(1 << 16);
    good_size = good ? fread(good, 1, 1 << 16, f) : 0;
    fclose(f);
    unlink(path);
    return 0;
}

/* Edits of four bytes: place (2), kind, value. */
static uint8_t *edited(const uint8_t *data, size_t size, size_t *edited_size)
{
    *edited_size = good_size;
    uint8_t *copy = malloc(good_size);
    if (!copy)
        abort();
    memcpy(copy, good, good_size);
    for (; size >= 4; data += 4, size -= 4) {
        size_t at = (size_t)(data[0] | data[1] << 8) % good_size;
        uint64_t wide = data[3] < 128 ? data[3] : (uint64_t)1 << (data[3] & 63);
        wide = data[2] & 4 ? -wide : wide;
        if (data[2] % 4 == 0)
            copy[at] = data[3];
        else if (data[2] % 4 == 1 && at + 8 <= good_size)
            memcpy(copy + at, &wide, 8);
        else if (data[2] % 4 == 2 && at + 4 <= good_size)
            memcpy(copy + at, &wide, 4);
        else if (data[2] % 4 == 3 && data[3] > 200)
            *edited_size = at;
    }
    uint8_t *exact = malloc(*edited_size + 1); /* of the exact size, so that a byte too far is seen */
    if (!exact)
        abort();
    memcpy(exact, copy, *edited_size);
    free(copy);
    return realloc(exact, *edited_size ? *edited_size : 1);
}

static void walk_keys(const gguf *g)
{
    char text[300], name[64];
    str key, value;
    gguf_array a;
    uint64_t u;
    float f;
    bool b;
    double d;
    for (size_t i = 0; gguf_key_at(g, i, &key, text, i % 2 ? sizeof text : 9); i++) {
        snprintf(name, sizeof name, "%.*s", (int)(key.len < 60 ? key.len : 60), key.data);
        gguf_u64(g, name, &u);
        gguf_f32(g, name, &f);
        gguf_bool(g, name, &b);
        if (gguf_str(g, name, &value) && value.len && value.data[value.len - 1] == 0)
            text[0] = 0;
        if (gguf_arr(g, name, &a))
            for (size_t j = 0; j < a.count && gguf_arr_num(&a, j, &d); j++)
                ;
        size_t count;
        trit_error e;
        str *strings = gguf_arr_str(g, name, &count, &e);
        for (size_t j = 0; strings && j < count; j++)
            if (strings[j].len && strings[j].data[strings[j].len - 1] == 0)
                text[0] = 0;
        free(strings);
    }
}

static void walk_tensors(const gguf *g)
{
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (t->ne[0] > 1 << 16)
            continue;
        float *row = malloc((size_t)t->ne[0] * sizeof *row), *scales = malloc(((size_t)t->ne[0] / 256 + 1) * sizeof *scales);
        int8_t *trits = malloc((size_t)t->ne[0]);
        if (!row || !scales || !trits)
            abort();
        tensor_row_f32(t, 0, row);
        tensor_row_f32(t, (size_t)t->rows - 1, row);
        if (type_is_ternary(t->type))
            tensor_row_trits(t, (size_t)t->rows - 1, trits, i % 2 ? scales : NULL);
        tensor_drop(t);
        if (gguf_find(g, "i2_s") == t && tensor_scale(t) == 0)
            row[0] = 0;
        free(row);
        free(scales);
        free(trits);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    bool raw = size >= 4 && !memcmp(data, "GGUF", 4);
    uint8_t *copy = raw ? NULL : edited(data, size, &size);
    trit_error e = { "" };
    gguf *g = gguf_parse(raw ? data : copy, size, &e);
    if (g) {
        walk_keys(g);
        walk_tensors(g);
        gguf_close(g);
    } else if (!e.text[0])
        abort(); /* a refusal without a sentence */
    free(copy);
    return 0;
}
