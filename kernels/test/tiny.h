/* A tiny model with a context of 8192 for the C tests: the synthetic one, its context length changed in the file. */
#ifndef TRIT_TEST_TINY_H
#define TRIT_TEST_TINY_H
#include "../model.h"
#include "../synth.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { uint8_t *bytes; size_t size; gguf *file; pool *threads; model *model; } tiny;

static inline void tiny_free(tiny *t)
{
    model_free(t->model);
    pool_free(t->threads);
    gguf_close(t->file);
    free(t->bytes);
}

static inline bool tiny_read(tiny *t, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) || (t->size = (size_t)ftell(f)) < 1 || fseek(f, 0, SEEK_SET))
        return false;
    t->bytes = malloc(t->size);
    bool ok = t->bytes && fread(t->bytes, 1, t->size, f) == t->size;
    fclose(f);
    return ok;
}

/* seed: of the weights. Ends the test where it cannot be made. */
static inline tiny tiny_new(uint64_t seed, int threads)
{
    static const char key[] = "bitnet-b1.58.context_length";
    tiny t = { 0 };
    trit_error e = { "" };
    char path[64];
    snprintf(path, sizeof path, "/tmp/trit-test-tiny-%ld.gguf", (long)getpid());
    const preset *p = preset_named("tiny");
    t.threads = pool_new(threads, NULL, &e);
    gguf_out *o = t.threads ? gguf_create(path, &e) : NULL;
    bool ok = o && synth_write(o, p, NULL, preset_type(p), preset_head(p), seed, t.threads, &e) && gguf_commit(o, &e) && tiny_read(&t, path);
    unlink(path);
    for (size_t i = 0; ok && i + sizeof key + 8 < t.size; i++)
        if (!memcmp(t.bytes + i, key, sizeof key - 1)) /* behind it the type, then the number */
            memcpy(t.bytes + i + sizeof key - 1 + 4, &(uint32_t){ 8192 }, 4);
    t.file = ok ? gguf_parse(t.bytes, t.size, &e) : NULL;
    t.model = t.file ? model_load(t.file, &(load_options){ .layout = "t2", .cache = "off" }, ops_for("auto"), t.threads, &e) : NULL;
    if (!t.model || model_get_config(t.model)->context != 8192) {
        fprintf(stderr, "the tiny model could not be made: %s\n", e.text);
        exit(1);
    }
    return t;
}
#endif
