#include "layout.h"
#include <stdlib.h>
#include <string.h>

const char *layout_named(const char *name)
{
    static const char *const names[] = { "t2", "t5", "auto" };
    if (!name || !*name)
        name = getenv("TRIT_LAYOUT");
    if (!name || !*name)
        name = "auto";
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (!strcmp(name, names[i]))
            return names[i];
    return NULL;
}
