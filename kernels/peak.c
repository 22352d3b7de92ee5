#include "peak.h"
#include <string.h>

/* Weak as in isa.c; each is isa/peak.c compiled for that ISA. */
#define ISA(name, features, flags) extern const peak_loop *peak_##name(const char *) __attribute__((weak));
#include "isa.inc"
#undef ISA

static const struct { const char *name, *features; const peak_loop *(*find)(const char *); } isas[] = {
#define ISA(name, features, flags) { #name, features, peak_##name },
#include "isa.inc"
#undef ISA
};

const peak_loop *peak_of(const char *isa)
{
    for (size_t i = 0; i < sizeof isas / sizeof *isas; i++)
        if (!strcmp(isas[i].name, isa))
            return isas[i].find ? isas[i].find(isas[i].features) : NULL;
    return NULL;
}
