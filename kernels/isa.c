/* Dispatch: scalar first, then each ISA this CPU has overlays the kernels it brings. */
#include "cpu.h"
#include "ops.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Weak: a compiler that does not know an ISA's flags leaves its file out, and the function is NULL. */
#define ISA(name, features, flags) extern void isa_##name(trit_ops *) __attribute__((weak));
#include "isa.inc"
#undef ISA

static const struct { const char *name, *features; void (*overlay)(trit_ops *); } isas[] = {
#define ISA(name, features, flags) { #name, features, isa_##name },
#include "isa.inc"
#undef ISA
};
enum { COUNT = sizeof isas / sizeof *isas };

static trit_ops own[COUNT];    /* the kernels an ISA brings itself; NULL elsewhere */
static trit_ops tables[COUNT]; /* everything up to that ISA */
static bool available[COUNT];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void build_tables(void)
{
    trit_ops table = { 0 };
    for (size_t i = 0; i < COUNT; i++) {
        available[i] = isas[i].overlay && cpu_has(isas[i].features);
        if (available[i])
            isas[i].overlay(&own[i]);
#define KERNEL(field, exact) if (own[i].field) table.field = own[i].field;
#include "kernels.inc"
#undef KERNEL
        if (own[i].gemm_t5i8)
            table.prefers_t5 = own[i].prefers_t5;
        tables[i] = table;
    }
}

const trit_ops *ops_for(const char *name)
{
    pthread_once(&once, build_tables);
    if (!name || !*name)
        name = getenv("TRIT_ISA");
    bool any = !name || !*name || !strcmp(name, "auto");
    for (size_t i = COUNT; i-- > 0;)
        if (available[i] && (any || !strcmp(name, isas[i].name)))
            return &tables[i];
    return NULL;
}

const char *ops_isa(const trit_ops *ops)
{
    return isas[ops - tables].name;
}

const char *ops_source(const trit_ops *ops, const char *kernel)
{
    for (size_t i = (size_t)(ops - tables) + 1; i-- > 0;) {
#define KERNEL(field, exact) if (!strcmp(kernel, #field) && own[i].field) return isas[i].name;
#include "kernels.inc"
#undef KERNEL
    }
    return "";
}

size_t isa_count(void)
{
    return COUNT;
}

isa_row isa_at(size_t i)
{
    pthread_once(&once, build_tables);
    return (isa_row){ isas[i].name, isas[i].features, isas[i].overlay != NULL, available[i] };
}
