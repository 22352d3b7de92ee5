#include "check_cache.h"
#include "../cache.h"
#include "../json.h"
#include "../pack.h"
#include "options.h"
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

typedef struct { const gguf *g; pool *pool; json_writer *w; int found; bool ok; } checking;

static void check_one(checking *k, const char *path)
{
    trit_error e = { "" };
    if (access(path, F_OK))
        return;
    cache *c = cache_open(path, k->g, &e);
    bool ok = c && cache_verify(c, k->g, k->pool, &e);
    k->found++;
    k->ok &= ok;
    if (k->w) {
        json_open(k->w, NULL, '{');
        json_text(k->w, "file", path);
        json_bool(k->w, "ok", ok);
        json_integer(k->w, "bytes", c ? (int64_t)cache_size(c) : 0);
        json_text(k->w, "detail", e.text);
        json_close(k->w, '}');
    } else if (ok) {
        printf("%s: ok, %zu matrices, %.0f MB\n", path, cache_count(c), (double)cache_size(c) / 1e6);
    } else {
        printf("%s: WRONG: %s\n", path, e.text);
    }
    cache_close(c);
}

int check_caches(const char *model, const char *folder, bool json)
{
    trit_error e = { "" };
    json_writer w;
    char path[PATH_MAX], own[PATH_MAX];
    gguf *g = gguf_open(model, &e);
    pool *p = g ? pool_new(0, NULL, &e) : NULL;
    if (!p) {
        gguf_close(g);
        return complain("check", 1, "%s", e.text);
    }
    checking k = { g, p, json ? &w : NULL, 0, true };
    if (json) {
        json_begin(&w, stdout);
        json_open(&w, NULL, '{');
        json_open(&w, "caches", '[');
    }
    bool has_own = !folder && cache_folder(own, sizeof own, false);
    for (size_t i = 0; packed_layout(i); i++) {
        if (cache_place(g, packed_layout(i), folder, path, sizeof path))
            check_one(&k, path);
        if (has_own && cache_place(g, packed_layout(i), own, path, sizeof path))
            check_one(&k, path);
    }
    if (json) {
        json_close(&w, ']');
        json_bool(&w, "ok", k.ok);
        json_close(&w, '}');
        json_end_line(&w);
    } else if (!k.found) {
        printf("%s has no packed cache\n", model);
    }
    pool_free(p);
    gguf_close(g);
    return k.ok ? 0 : 1;
}
