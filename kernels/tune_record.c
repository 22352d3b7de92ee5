#include "tune.h"
#include "cores.h"
#include "cpu.h"
#include "hash.h"
#include "json.h"
#include "version.h"
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What a record holds for, as text: a change of any of it makes another record. */
static void describe(const gguf *g, const trit_ops *ops, int threads, char *text, size_t size)
{
    char name[128], features[1024], cores[256];
    int cpus[MAX_CPUS];
    bool some;
    uint64_t shapes = 0;
    for (size_t i = 0; i < gguf_count(g); i++) {
        const gguf_tensor *t = gguf_at(g, i);
        shapes = hash_join(hash_join(hash_join(shapes, t->type), t->rows), t->ne[0]);
    }
    cpu_name(name, sizeof name);
    cpu_features(features, sizeof features);
    cores_format(cpus, cores_fastest(cpus, &some), cores, sizeof cores);
    snprintf(text, size, "trit %s, %s, %s; %s; %s; cores %s; ISA %s; %d threads; shapes %016" PRIx64, trit_version, trit_compiler, trit_flags, name,
             features, cores, ops_isa(ops), threads, shapes);
}

enum { KEY = 2400 };

static bool record_path(const char *key, bool make, char *path, size_t size)
{
    char folder[PATH_MAX];
    return cache_folder(folder, sizeof folder, make) &&
           (size_t)snprintf(path, size, "%s/tune-%016" PRIx64 ".json", folder, hash_of(key, strlen(key))) < size;
}

static const char *const load_names[] = { "auto", "mmap", "copy" }; /* by load_mode */

/* Fills *t from a record of this key; anything else is no record. */
static bool read_record(const json *j, const char *key, tuning *t)
{
    const json *for_key = json_get(j, "for"), *layout = json_get(j, "layout"), *load = json_get(j, "load");
    const json *ratio = json_get(j, "layout_ratio");
    if (!for_key || for_key->kind != JSON_STRING || strcmp(for_key->text, key) || !layout || layout->kind != JSON_STRING || !load ||
        load->kind != JSON_STRING)
        return false;
    t->layout = !strcmp(layout->text, "t5") ? "t5" : !strcmp(layout->text, "t2") ? "t2" : NULL;
    t->load = !strcmp(load->text, "mmap") ? LOAD_MMAP : !strcmp(load->text, "copy") ? LOAD_COPY : LOAD_AUTO;
    t->layout_ratio = ratio && ratio->kind == JSON_NUMBER ? ratio->number : NAN;
    ratio = json_get(j, "load_ratio");
    t->load_ratio = ratio && ratio->kind == JSON_NUMBER ? ratio->number : NAN;
    return t->layout != NULL;
}

bool tune_find(const gguf *g, const trit_ops *ops, int threads, tuning *out)
{
    char key[KEY], path[PATH_MAX], text[KEY + 1024];
    describe(g, ops, threads, key, sizeof key);
    FILE *f = record_path(key, false, path, sizeof path) ? fopen(path, "r") : NULL;
    if (!f)
        return false;
    size_t n = fread(text, 1, sizeof text, f);
    fclose(f);
    *out = (tuning){ .threads = threads, .ns_per_weight = NAN };
    json *j = json_parse(text, n, NULL);
    bool found = j && read_record(j, key, out);
    json_free(j);
    return found;
}

bool tune_keep(const gguf *g, const trit_ops *ops, const tuning *t, char *path, size_t size, trit_error *e)
{
    char key[KEY], part[PATH_MAX];
    describe(g, ops, t->threads, key, sizeof key);
    if (!record_path(key, true, path, size))
        return fail(e, "there is no folder for the record: set XDG_CACHE_HOME or HOME to a folder that can be written");
    if ((size_t)snprintf(part, sizeof part, "%s.%ld", path, (long)getpid()) >= sizeof part)
        return fail(e, "the name %.200s is too long", path);
    FILE *f = fopen(part, "w");
    if (!f)
        return fail(e, "%.200s cannot be written: %s", part, strerror(errno));
    json_writer w;
    json_begin(&w, f);
    json_open(&w, NULL, '{');
    json_text(&w, "for", key);
    json_text(&w, "layout", t->layout);
    json_text(&w, "load", load_names[t->load]);
    json_number(&w, "layout_ratio", t->layout_ratio);
    json_number(&w, "load_ratio", t->load_ratio);
    json_close(&w, '}');
    json_end_line(&w);
    bool bad = ferror(f) != 0;
    if (fclose(f) || bad || rename(part, path)) {
        fail(e, "%.200s could not be written: %s", path, strerror(errno));
        unlink(part);
        return false;
    }
    return true;
}
