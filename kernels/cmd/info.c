/* trit info: what this CPU and this binary can do; with -m what is in a model file. */
#include "../clock.h"
#include "../cores.h"
#include "../json.h"
#include "../ops.h"
#include "../slab.h"
#include "../version.h"
#include "info_model.h"
#include "options.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number from /sys, -1 where there is none. */
static int64_t cpu_number(int cpu, const char *what)
{
    char path[128], line[32], *end = line;
    int64_t value = -1;
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, what);
    FILE *f = fopen(path, "r");
    if (f) {
        if (fgets(line, sizeof line, f))
            value = strtoll(line, &end, 10);
        if (end == line)
            value = -1;
        fclose(f);
    }
    return value;
}

typedef struct {
    char features[1024], fast_list[256];
    int cpus[MAX_CPUS], count;
    bool known;
    const char *isa;
    int64_t memory;
} machine;

static void look_at_machine(machine *m)
{
    int fast[MAX_CPUS];
    bool some;
    const trit_ops *ops = ops_for("auto");
    cpu_features(m->features, sizeof m->features);
    m->count = cores_allowed(m->cpus, &m->known);
    cores_format(fast, cores_fastest(fast, &some), m->fast_list, sizeof m->fast_list);
    m->isa = ops ? ops_isa(ops) : "scalar";
    m->memory = memory_available();
}

static void machine_json(const machine *m)
{
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_text(&w, "version", trit_version);
    json_text(&w, "compiler", trit_compiler);
    json_text(&w, "flags", trit_flags);
    json_text(&w, "features", m->features);
    json_text(&w, "isa", m->isa);
    json_open(&w, "isas", '[');
    for (size_t i = 0; i < isa_count(); i++) {
        isa_row row = isa_at(i);
        json_open(&w, NULL, '{');
        json_text(&w, "name", row.name);
        json_text(&w, "needs", row.features);
        json_bool(&w, "compiled", row.compiled);
        json_bool(&w, "available", row.available);
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_open(&w, "cpus", '[');
    for (int i = 0; i < m->count; i++) {
        int64_t capacity = cpu_number(m->cpus[i], "cpu_capacity"), khz = cpu_number(m->cpus[i], "cpufreq/cpuinfo_max_freq");
        json_open(&w, NULL, '{');
        json_integer(&w, "cpu", m->cpus[i]);
        if (capacity >= 0)
            json_integer(&w, "capacity", capacity);
        else
            json_null(&w, "capacity");
        if (khz >= 0)
            json_integer(&w, "max_frequency", khz * 1000);
        else
            json_null(&w, "max_frequency");
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_text(&w, "fastest", m->fast_list);
    if (m->memory >= 0)
        json_integer(&w, "memory_available", m->memory);
    else
        json_null(&w, "memory_available");
    json_bool(&w, "huge_pages", slab_is_huge());
    json_integer(&w, "page_bytes", sysconf(_SC_PAGESIZE));
    json_close(&w, '}');
    json_end_line(&w);
}

static void machine_text(const machine *m)
{
    printf("trit %s\ncompiler  %s\nflags     %s\nfeatures  %s\n", trit_version, trit_compiler, trit_flags,
           *m->features ? m->features : "-");
    for (size_t i = 0; i < isa_count(); i++) {
        isa_row row = isa_at(i);
        printf("%-9s %-16s %s%s%s\n", i ? "" : "isas", row.name,
               !row.compiled ? "not in this binary" : row.available ? "available" : "not on this CPU, it needs ",
               row.compiled && !row.available ? row.features : "", strcmp(row.name, m->isa) ? "" : ", the one in use");
    }
    for (int i = 0; i < m->count; i++) {
        int64_t capacity = cpu_number(m->cpus[i], "cpu_capacity"), khz = cpu_number(m->cpus[i], "cpufreq/cpuinfo_max_freq");
        printf("%-9s %d", i ? "" : "cpus", m->cpus[i]);
        if (capacity >= 0)
            printf("  capacity %" PRId64, capacity);
        if (khz >= 0)
            printf("  %.2f GHz at most", (double)khz * 1e-6);
        printf("\n");
    }
    printf("fastest   %s\n", m->fast_list);
    if (!slab_is_huge())
        printf("pages     this system gives no huge pages, which costs up to a third of the decoding speed; as root: "
               "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled\n");
    if (m->memory >= 0)
        printf("memory    %.2f GB available\n", (double)m->memory * 1e-9);
}

int cmd_info(int argc, char **argv)
{
    const char *path = NULL, *format = "text", *tensor = NULL;
    int64_t row = -1;
    bool hash = false;
    const option table[] = {
        { "model", 'm', OPTION_TEXT, &path, "FILE", "describe this GGUF file instead of the machine", 0, 0 },
        { "output", 'o', OPTION_TEXT, &format, "text|json", "how to print", 0, 0 },
        { "hash", 0, OPTION_FLAG, &hash, NULL, "with a hash of each tensor's decoded weights, whatever type stores them", 0, 0 },
        { "tensor", 0, OPTION_TEXT, &tensor, "NAME", "print the decoded weights of one tensor, a JSON line a row", 0, 0 },
        { "row", 0, OPTION_INT, &row, "N", "only this row (-1: all)", -1, 9007199254740992.0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table,
                               "[-m FILE [--hash] [--tensor NAME [--row N]]] [-o text|json]",
                               "Describes this CPU and build, or a model file.");
    if (status >= 0)
        return status;
    bool json = !strcmp(format, "json");
    if (!json && strcmp(format, "text"))
        return complain("info", 2, "-o is text or json, not \"%s\"", format);
    if (!path) {
        if (tensor)
            return complain("info", 2, "--tensor needs -m FILE");
        machine m;
        look_at_machine(&m);
        (json ? machine_json : machine_text)(&m);
        return 0;
    }
    trit_error e;
    gguf *g = gguf_open(path, &e);
    if (!g)
        return complain("info", 1, "%s", e.text);
    if (tensor)
        status = info_rows(g, tensor, row);
    else {
        (json ? info_model_json : info_model_text)(g, hash);
        status = 0;
    }
    gguf_close(g);
    return status;
}
