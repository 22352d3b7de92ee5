/* What this binary was made of; set by the Makefile. */
#ifndef TRIT_VERSION_H
#define TRIT_VERSION_H

extern const char trit_version[];  /* "0.1.0" */
extern const char trit_compiler[]; /* first line of `cc --version` */
extern const char trit_flags[];    /* "-O3 -mcpu=cortex-a76" */
#endif
