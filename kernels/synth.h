/* Synthetic twins: files with the exact shapes, types and keys of known models and random weights. The bytes depend on preset,
   types and seed alone, never on machine, ISA or threads: every weight is a function of (seed, tensor name, position) in
   integers, and the ternary types hold the same weights. */
#ifndef TRIT_SYNTH_H
#define TRIT_SYNTH_H
#include "gguf_write.h"
#include "pool.h"

typedef struct preset preset;

const preset *preset_named(const char *name); /* NULL: unknown */
const char *preset_name(size_t i);            /* NULL behind the last */

/* What to write where NULL was given for type or head. */
const type_info *preset_type(const preset *p);
const type_info *preset_head(const preset *p);
/* Whether a preset can have matrices of this type and a head of that one. */
bool preset_takes(const preset *p, const type_info *type, const type_info *head);
/* Whether its tensors make a model of that architecture too: those of BitNet differ in the activation alone. */
bool preset_takes_arch(const preset *p, const char *arch);

/* Describes and writes the whole model; the caller commits or discards. `type` is for the matrices of the layers, `head` for the
   output matrix and for the embedding (which has `type` in untied models whose type is not ternary). arch: NULL is the preset's. Errors: disk, memory. */
bool synth_write(gguf_out *o, const preset *p, const char *arch, const type_info *type, const type_info *head, uint64_t seed,
                 pool *threads, trit_error *e);
#endif
