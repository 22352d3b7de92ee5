/* The choices that depend on the machine: measured once by `trit tune`, kept in the user's folder of caches, and used from then on. A record
   holds for one CPU, its cores, this build, one kind of model and one number of threads. */
#ifndef TRIT_TUNE_H
#define TRIT_TUNE_H
#include "model.h"

typedef struct {
    int threads;
    const char *layout;   /* of ternary weights: "t2" or "t5" */
    load_mode load;       /* of packed caches; LOAD_AUTO: not measured */
    double layout_ratio;  /* time of t5 by that of t2; NaN: not measured */
    double load_ratio;    /* time of copied by that of mapped weights; NaN: not measured */
    double ns_per_weight; /* of the chosen layout in decoding; NaN: not measured */
    size_t streamed;      /* bytes of memory that were gone through in turn */
} tuning;

/* Decodes through the ternary matrices of a layer again and again, in interleaved pairs, each pass over other memory than the one before, so
   that memory and no cache is measured: at least twice the largest cache. A choice differs from `former` (NULL: t2, mapped) only where it
   is 5 % faster. c: the packed cache of the layout that comes out of tune_layout. Errors: no ternary weights, not enough memory. */
bool tune_layout(const gguf *g, const trit_ops *ops, pool *p, double seconds, const tuning *former, tuning *out, trit_error *e);
bool tune_load(const gguf *g, const cache *c, const trit_ops *ops, pool *p, double seconds, const tuning *former, tuning *out, trit_error *e);

/* Whether `--layout auto` asks for a record at all: the file has enough ternary weights. */
bool tune_matters(const gguf *g);
/* The record a model was loaded by; NULL: none. */
const tuning *model_tuning(const model *m);
/* The record of this machine, build, kind of model and number of threads. False: there is none. */
bool tune_find(const gguf *g, const trit_ops *ops, int threads, tuning *out);
/* Writes it; path is where. Errors: no folder, cannot be written. */
bool tune_keep(const gguf *g, const trit_ops *ops, const tuning *t, char *path, size_t size, trit_error *e);
#endif
