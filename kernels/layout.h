/* Which packed layout ternary weights get. All layouts give the same bits; they differ in bytes a weight and in work. */
#ifndef TRIT_LAYOUT_H
#define TRIT_LAYOUT_H
#include "ops.h"
#include "pool.h"

/* "t2", "t5" or "auto" by name. NULL or "": the environment variable TRIT_LAYOUT, else the default. NULL where there is none like that. */
const char *layout_named(const char *name);
/* "t5" where decoding with it was at least 5 % faster a weight than with "t2" on this pool, else "t2". Takes 0.1 s, less than 1 s on a
   slow machine; kernels of the specification are not worth a measurement. */
const char *layout_measure(const trit_ops *ops, pool *p);
#endif
