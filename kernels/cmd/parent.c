#include "parent.h"
#include "unfinished.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char MAGIC[8] = { 't', 'r', 'i', 't', 'l', 'g', 't', 's' };
typedef struct { char magic[8]; uint32_t version, vocab; } head;

struct parent {
    const char *path;
    size_t vocab;
    float *logits; /* [batch][vocab] */
    loaded l;      /* a model ... */
    session *session;
    FILE *stored;  /* ... or a file */
};

void parent_free(parent *p)
{
    if (!p)
        return;
    if (p->stored)
        fclose(p->stored);
    session_free(p->session);
    unload_all(&p->l);
    free(p->logits);
    free(p);
}

/* Whether a file holds stored logits; it is then open. False also where it cannot be read: the model's opening says why. */
static bool open_stored(parent *p, head *h)
{
    FILE *f = fopen(p->path, "rb");
    if (f && fread(h, sizeof *h, 1, f) == 1 && !memcmp(h->magic, MAGIC, sizeof MAGIC)) {
        p->stored = f;
        return true;
    }
    if (f)
        fclose(f);
    return false;
}

static bool open_model(parent *p, const model_options *o, size_t context, size_t batch)
{
    model_options own = *o;
    trit_error e = { "" };
    own.model = p->path;
    if (!load_all(&p->l, &own, false))
        return false;
    size_t vocab = model_get_config(p->l.model)->vocab;
    if (vocab != p->vocab)
        return complain(NULL, false, "%s has a vocabulary of %zu tokens, the model one of %zu; they cannot be compared", p->path, vocab, p->vocab);
    if (context > model_get_config(p->l.model)->context)
        context = model_get_config(p->l.model)->context;
    p->session = session_new(p->l.model, p->l.kv, context, batch, &e);
    return p->session || complain(NULL, false, "%s: %s", p->path, e.text);
}

parent *parent_open(const char *path, const model_options *o, const model *m, size_t context, size_t batch)
{
    parent *p = calloc(1, sizeof *p);
    head h;
    if (p) {
        p->path = path;
        p->vocab = model_get_config(m)->vocab;
        p->logits = calloc(batch, p->vocab * sizeof *p->logits);
    }
    bool good = p && p->logits;
    if (!good)
        complain(NULL, 1, "not enough memory for the logits of %s", path);
    else if (!open_stored(p, &h))
        good = open_model(p, o, context, batch);
    else if (h.version != 1 || h.vocab != p->vocab)
        good = complain(NULL, false, "%s holds logits of version %u for %u tokens, not of version 1 for %zu", path, (unsigned)h.version,
                        (unsigned)h.vocab, p->vocab);
    if (good)
        return p;
    parent_free(p);
    return NULL;
}

const float *parent_logits(parent *p, const int32_t *ids, size_t at, size_t n, trit_error *e)
{
    if (!p->stored) {
        if (!at)
            session_reset(p->session);
        return session_eval(p->session, ids + at, n, p->logits, true, e) ? p->logits : NULL;
    }
    for (size_t i = 0; i < n; i++) {
        int32_t follows;
        if (fread(&follows, sizeof follows, 1, p->stored) != 1 || fread(p->logits + i * p->vocab, sizeof(float), p->vocab, p->stored) != p->vocab) {
            fail(e, "%.200s ends too early: it was written for less text, or is damaged", p->path);
            return NULL;
        }
        if (follows != ids[at + i + 1]) {
            fail(e, "%.200s was written for another text, cut or vocabulary: token %d follows there, %d here", p->path, (int)follows,
                 (int)ids[at + i + 1]);
            return NULL;
        }
        for (size_t j = i * p->vocab; j < (i + 1) * p->vocab; j++)
            if (!isfinite(p->logits[j])) {
                fail(e, "%.200s is damaged, or of a broken model: it holds logits that are no numbers", p->path);
                return NULL;
            }
    }
    return p->logits;
}

struct logits_out {
    FILE *f;
    char *path, *part; /* written and then renamed, so that an older file is whole or replaced */
    bool direct;       /* a device or pipe has no part */
    size_t vocab;
};

logits_out *logits_create(const char *path, size_t vocab, trit_error *e)
{
    logits_out *o = calloc(1, sizeof *o);
    head h = { .version = 1, .vocab = (uint32_t)vocab };
    size_t n = strlen(path) + sizeof ".part";
    struct stat s;
    memcpy(h.magic, MAGIC, sizeof MAGIC);
    if (o && (o->path = strdup(path)) && (o->part = malloc(n))) {
        o->vocab = vocab;
        o->direct = !stat(path, &s) && !S_ISREG(s.st_mode);
        snprintf(o->part, n, "%s%s", path, o->direct ? "" : ".part");
        o->f = fopen(o->part, "wb");
        if (o->f && !o->direct)
            remove_when_interrupted(o->part);
        if (o->f && fwrite(&h, sizeof h, 1, o->f) == 1)
            return o;
    }
    fail(e, "%.200s cannot be written: %s", path, strerror(errno));
    if (o)
        logits_close(o, false, &(trit_error){ "" });
    return NULL;
}

bool logits_put(logits_out *o, int32_t follows, const float *logits, trit_error *e)
{
    if (fwrite(&follows, sizeof follows, 1, o->f) == 1 && fwrite(logits, sizeof *logits, o->vocab, o->f) == o->vocab)
        return true;
    return fail(e, "%.200s cannot be written: %s", o->path, strerror(errno));
}

bool logits_close(logits_out *o, bool good, trit_error *e)
{
    bool opened = o->f, kept = opened && !fclose(o->f) && good && (o->direct || !rename(o->part, o->path));
    if (good && !kept)
        fail(e, "%.200s cannot be written: %s", o->path, strerror(errno));
    if (opened && !kept && !o->direct)
        unlink(o->part);
    remove_when_interrupted(NULL);
    free(o->path);
    free(o->part);
    free(o);
    return kept;
}
