/* Which packed layout ternary weights get. All layouts give the same bits; they differ in bytes a weight and in work. */
#ifndef TRIT_LAYOUT_H
#define TRIT_LAYOUT_H

/* "t2", "t5" or "auto" by name. NULL or "": the environment variable TRIT_LAYOUT, else "auto", which is what `trit tune` found best, else
   t2. NULL where there is none like that. */
const char *layout_named(const char *name);
#endif
