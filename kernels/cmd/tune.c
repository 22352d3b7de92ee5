/* trit tune: measures on this CPU what --layout auto and --load auto should choose for a model, and keeps it. */
#include "../json.h"
#include "../tune.h"
#include "numbers.h"
#include "options.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const load_names[] = { "auto", "mmap", "copy" }; /* by load_mode */

static void print_text(const tuning *t, const char *path)
{
    printf("%d thread%s: layout %s (t5 takes %.2f of the time of t2)", t->threads, t->threads == 1 ? "" : "s", t->layout, t->layout_ratio);
    if (isnan(t->load_ratio))
        printf("; load auto (without a packed cache there is nothing to compare)");
    else
        printf("; load %s (a copy takes %.2f of the time of the mapped file)", load_names[t->load], t->load_ratio);
    printf("; %.1f G weights/s from %.0f MB of memory; kept in %s\n", 1 / t->ns_per_weight, (double)t->streamed / 1e6, path);
    fflush(stdout);
}

static void print_json(const tuning *t, const char *path)
{
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_integer(&w, "threads", t->threads);
    json_text(&w, "layout", t->layout);
    json_text(&w, "load", load_names[t->load]);
    json_number(&w, "layout_ratio", t->layout_ratio);
    json_number(&w, "load_ratio", t->load_ratio);
    json_number(&w, "ns_per_weight", t->ns_per_weight);
    json_integer(&w, "streamed_bytes", (int64_t)t->streamed);
    json_text(&w, "record", path);
    json_close(&w, '}');
    json_end_line(&w);
}

/* One number of threads. missing: only where it would be asked for and is not known. Returns the exit status. */
static int tune(const model_options *o, double seconds, bool missing, bool json)
{
    trit_error e = { "" };
    loaded l;
    tuning t, record;
    char path[PATH_MAX];
    model_options first = *o;
    first.load = "mmap";
    l.ops = ops_for(o->isa);
    if (!l.ops)
        return complain(NULL, 2, "ISA \"%s\" is unknown or this CPU does not have it; \"trit info\" lists those it has",
                        o->isa && *o->isa ? o->isa : "of TRIT_ISA");
    gguf *g = gguf_open(o->model, &e);
    pool *p = g ? pool_new((int)o->threads, o->cpus, &e) : NULL;
    const tuning *former = p && tune_find(g, l.ops, pool_threads(p), &record) ? &record : NULL;
    bool skipped = missing && p && (former || !tune_matters(g));
    bool ok = p && !skipped && tune_layout(g, l.ops, p, seconds / 2, former, &t, &e);
    int status = 1;
    if (ok) {
        first.layout = t.layout;
        if (!load_all(&l, &first, false)) /* which says why */
            ok = false, status = l.status;
    }
    if (ok) {
        if (model_cache(l.model))
            ok = tune_load(g, model_cache(l.model), l.ops, p, seconds / 2, former, &t, &e);
        ok = ok && tune_keep(g, l.ops, &t, path, sizeof path, &e);
        unload_all(&l);
    }
    if (ok)
        (json ? print_json : print_text)(&t, path);
    else if (skipped && !json)
        printf("%d thread%s: nothing to do, %s\n", pool_threads(p), pool_threads(p) == 1 ? "" : "s", former ? "this was measured before" : "such a model is not tuned");
    else if (*e.text)
        status = complain(NULL, 1, "%s", e.text);
    pool_free(p);
    gguf_close(g);
    return ok || skipped ? 0 : status;
}

int cmd_tune(int argc, char **argv)
{
    model_options o = { 0 };
    const char *threads_text = NULL, *format = "text";
    bool missing = false;
    double seconds = 3;
    const option table[] = {
        { "model", 'm', OPTION_TEXT, &o.model, "FILE", "GGUF model with ternary weights", 0, 0 },
        { "threads", 't', OPTION_TEXT, &threads_text, "N,...", "numbers of threads to tune for (default: one for each fast core)", 0, 0 },
        { "cpus", 0, OPTION_TEXT, &o.cpus, "LIST", "pin threads to these CPUs, as in 0-3,6", 0, 0 },
        { "isa", 0, OPTION_TEXT, &o.isa, "NAME", "use kernels up to this ISA (auto)", 0, 0 },
        { "cache", 0, OPTION_TEXT, &o.cache, "DIR|off", "folder of the packed weights (beside the model, or ~/.cache/trit)", 0, 0 },
        { "seconds", 0, OPTION_FLOAT, &seconds, "S", "time for the measurements of each number of threads (3)", 0.01, 600 },
        { "missing", 0, OPTION_FLAG, &missing, NULL, "measure nothing that is known, and no model too small to be tuned", 0, 0 },
        { "output", 'o', OPTION_TEXT, &format, "FORMAT", "text or json", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table, "-m FILE [-t 1,2] [--seconds 3] [-o json]",
                               "Measures what --layout auto and --load auto should choose for such a model on this CPU, and keeps it.");
    if (status >= 0)
        return status;
    bool json = !strcmp(format, "json");
    if (!json && strcmp(format, "text"))
        return complain(NULL, 2, "--output wants text or json, not \"%s\"", format);
    if (!o.model)
        return complain(NULL, 2, "no model given; name a GGUF file with -m FILE");
    int64_t automatic = 0, *threads = NULL;
    size_t count = 0;
    if (threads_text && !numbers_parse("threads", threads_text, 1, 512, &threads, &count))
        return 2;
    status = 0;
    for (size_t i = 0; status == 0 && i < (count ? count : 1); i++) {
        o.threads = count ? threads[i] : automatic;
        status = tune(&o, seconds, missing, json);
    }
    free(threads);
    return status;
}
