/* What holds whatever the input says: a fuzzer stops where it does not. */
#ifndef TRIT_FUZZ_DEMAND_H
#define TRIT_FUZZ_DEMAND_H
#include <stdbool.h>
#include <stdlib.h>

static inline void demand(bool condition)
{
    if (!condition)
        abort();
}

#endif
