/* trit check: every kernel of every ISA this CPU has, against the scalar specification. */
#include "../json.h"
#include "../ops.h"
#include "../proof.h"
#include "check_cache.h"
#include "options.h"
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

typedef struct { bool ok; int kernels, cases; } tally;

/* Kernels that ISA i brings itself; those of weaker ISAs are proved under their own name. */
static tally check_isa(const isa_row *isa, const trit_ops *specification, uint64_t seed, int most, json_writer *w)
{
    tally t = { .ok = true };
    const trit_ops *ops = ops_for(isa->name);
    for (size_t i = 0; i < kernel_count(); i++) {
        const char *kernel = kernel_name(i);
        if (strcmp(ops_source(ops, kernel), isa->name))
            continue;
        proof p = prove_kernel(i, specification, ops, seed, most);
        t.ok &= p.ok;
        t.kernels++;
        t.cases += p.cases;
        if (w) {
            json_open(w, NULL, '{');
            json_text(w, "kernel", kernel);
            json_bool(w, "ok", p.ok);
            json_integer(w, "cases", p.cases);
            json_text(w, "detail", p.detail);
            json_close(w, '}');
        } else if (!p.ok) {
            printf("%s %s: WRONG: %s\n", isa->name, kernel, p.detail);
        }
    }
    return t;
}

int cmd_check(int argc, char **argv)
{
    const char *isa_name = NULL, *format = "text", *model = NULL, *folder = NULL;
    int64_t seed = -1, most = 0;
    const option table[] = {
        { "seed", 0, OPTION_INT, &seed, "N", "seed of the inputs (from the clock)", 0, 9e15 },
        { "isa", 0, OPTION_TEXT, &isa_name, "NAME", "check this ISA alone", 0, 0 },
        { "cases", 0, OPTION_INT, &most, "N", "most cases a kernel (0: all), for emulated CPUs", 0, 1000000 },
        { "model", 'm', OPTION_TEXT, &model, "FILE", "check the packed caches of this model instead, every byte", 0, 0 },
        { "cache", 0, OPTION_TEXT, &folder, "DIR", "with -m: caches in this folder alone", 0, 0 },
        { "output", 'o', OPTION_TEXT, &format, "FORMAT", "text or json", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table, "[--seed N] [--isa NAME] [--cases N] [-m FILE [--cache DIR]] [-o json]",
                               "Proves every kernel of every ISA of this CPU against the scalar specification; or a model's packed caches.");
    if (status >= 0)
        return status;
    bool json = !strcmp(format, "json");
    if (!json && strcmp(format, "text"))
        return complain("check", 2, "there is no output format \"%s\"; use text or json", format);
    if (folder && !model)
        return complain("check", 2, "--cache needs -m FILE");
    if (model)
        return check_caches(model, folder, json);
    if (isa_name && !strcmp(isa_name, "auto"))
        isa_name = NULL;
    if (isa_name && (!*isa_name || !ops_for(isa_name)))
        return complain("check", 2, "ISA \"%s\" is unknown or this CPU does not have it; \"trit info\" lists those it has", isa_name);
    if (seed < 0) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME, &now);
        seed = (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
    }

    const trit_ops *specification = ops_for("scalar");
    bool ok = true;
    json_writer w;
    if (json) {
        json_begin(&w, stdout);
        json_open(&w, NULL, '{');
        json_integer(&w, "seed", seed);
        json_open(&w, "isas", '[');
    } else {
        printf("seed %" PRId64 "\n", seed);
    }
    for (size_t i = 0; i < isa_count(); i++) {
        isa_row isa = isa_at(i);
        if (isa_name && strcmp(isa_name, isa.name))
            continue;
        if (!isa.available) {
            if (!json)
                printf("%-12s not here: %s\n", isa.name, isa.compiled ? "this CPU lacks some of its features" : "the compiler did not know it");
            continue;
        }
        if (json) {
            json_open(&w, NULL, '{');
            json_text(&w, "isa", isa.name);
            json_open(&w, "kernels", '[');
        }
        tally t = check_isa(&isa, specification, (uint64_t)seed, (int)most, json ? &w : NULL);
        ok &= t.ok;
        if (json) {
            json_close(&w, ']');
            json_close(&w, '}');
        } else {
            printf("%-12s %s: %d kernels, %d cases\n", isa.name, t.ok ? "ok" : "WRONG", t.kernels, t.cases);
        }
    }
    if (json) {
        json_close(&w, ']');
        json_bool(&w, "ok", ok);
        json_close(&w, '}');
        json_end_line(&w);
    }
    return ok ? 0 : 1;
}
