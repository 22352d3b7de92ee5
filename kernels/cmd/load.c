#include "../clock.h"
#include "../layout.h"
#include "../model.h"
#include "options.h"
#include <string.h>

/* NULL or "" is auto. */
static bool load_named(const char *name, load_mode *mode)
{
    static const char *const names[] = { "auto", "mmap", "copy" }; /* by load_mode */
    *mode = LOAD_AUTO;
    if (!name || !*name)
        return true;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(names[i], name)) {
            *mode = (load_mode)i;
            return true;
        }
    return false;
}

bool load_all(loaded *l, const model_options *o, bool want_tokenizer)
{
    trit_error e = { "" };
    memset(l, 0, sizeof *l);
    if (!o->model) {
        l->status = complain(NULL, 2, "no model given; name a GGUF file with -m FILE");
        return false;
    }
    int64_t start = clock_ns();
    l->ops = ops_for(o->isa);
    if (!l->ops) {
        l->status = complain(NULL, 2, "ISA \"%s\" is unknown or this CPU does not have it; \"trit info\" lists those it has",
                 o->isa && *o->isa ? o->isa : "of TRIT_ISA");
        return false;
    }
    const char *layout = layout_named(o->layout);
    if (!layout) {
        l->status = complain(NULL, 2, "layout \"%s\" is unknown; use t2, t5 or auto", o->layout && *o->layout ? o->layout : "of TRIT_LAYOUT");
        return false;
    }
    head_choice head;
    if (!head_named(o->head, &head)) {
        l->status = complain(NULL, 2, "head \"%s\" is unknown; use full, screen or auto", o->head);
        return false;
    }
    load_mode mode;
    if (!load_named(o->load, &mode)) {
        l->status = complain(NULL, 2, "--load is mmap, copy or auto, not \"%s\"", o->load);
        return false;
    }
    if (!kv_named(o->kv, &l->kv)) {
        l->status = complain(NULL, 2, "--kv wants f16, q8_0 or q4_0, not \"%s\"", o->kv);
        return false;
    }
    if ((l->gguf = gguf_open(o->model, &e)) && (l->pool = pool_new((int)o->threads, o->cpus, &e)) &&
        (!want_tokenizer || (l->tokenizer = tokenizer_load(l->gguf, &e))) &&
        (l->model = model_load(l->gguf, &(load_options){ layout, o->cache, mode, head }, l->ops, l->pool, &e))) {
        l->load_ns = clock_ns() - start;
        if (*model_note(l->model))
            complain(NULL, 0, "%s", model_note(l->model));
        return true;
    }
    unload_all(l);
    l->status = complain(NULL, 1, "%s", e.text);
    return false;
}

void unload_all(loaded *l)
{
    model_free(l->model);
    tokenizer_free(l->tokenizer);
    pool_free(l->pool);
    gguf_close(l->gguf);
    memset(l, 0, sizeof *l);
}
