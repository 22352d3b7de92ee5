#include "bench_report.h"
#include "../cpu.h"
#include "../json.h"
#include "../version.h"
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const format_names[] = { "md", "json", "jsonl", "csv" }; /* by bench_format */

bool bench_format_named(const char *name, bench_format *out)
{
    for (size_t i = 0; i < sizeof format_names / sizeof *format_names; i++)
        if (!strcmp(name, format_names[i])) {
            *out = (bench_format)i;
            return true;
        }
    return false;
}

typedef struct { char name[96], type[16]; uint64_t params, bytes; } model_summary;

/* Weights, bytes, and the type most weights have. */
static model_summary summarise(const loaded *l)
{
    model_summary m = { 0 };
    uint64_t most = 0;
    for (size_t i = 0; i < gguf_count(l->gguf); i++) {
        const gguf_tensor *t = gguf_at(l->gguf, i);
        uint64_t of_type = 0;
        for (size_t j = 0; j <= i; j++)
            if (gguf_at(l->gguf, j)->type == t->type)
                of_type += gguf_at(l->gguf, j)->rows * gguf_at(l->gguf, j)->ne[0];
        if (of_type > most) {
            most = of_type;
            snprintf(m.type, sizeof m.type, "%s", t->info->name);
        }
        m.params += t->rows * t->ne[0];
        m.bytes += t->bytes;
    }
    const char *arch = model_get_config(l->model)->arch_name;
    snprintf(m.name, sizeof m.name, "%s %.2f%c %s", arch, (double)m.params / (m.params < 1000000000 ? 1e6 : 1e9),
             m.params < 1000000000 ? 'M' : 'B', m.type);
    return m;
}

typedef struct { double mean, deviation; } spread;

/* Mean and sample deviation of nanoseconds, or of tokens a second where tokens is not 0. */
static spread spread_of(const bench_row *r, double tokens)
{
    spread s = { 0, 0 };
    for (int pass = 0; pass < 2; pass++) {
        double sum = 0;
        for (size_t i = 0; i < r->count; i++) {
            double v = tokens > 0 ? tokens * 1e9 / (double)r->samples[i] : (double)r->samples[i];
            sum += pass ? (v - s.mean) * (v - s.mean) : v;
        }
        if (!pass)
            s.mean = sum / (double)r->count;
        else if (r->count > 1)
            s.deviation = sqrt(sum / (double)(r->count - 1));
    }
    return s;
}

/* One row goes through this as named fields; CSV goes twice, first for the names. */
typedef struct { json_writer json; bool csv, names; } sink;

static void lead(sink *s, const char *key)
{
    if (s->json.comma)
        putchar(',');
    s->json.comma = true;
    if (s->names)
        printf("%s", key);
}

static void put_text(sink *s, const char *key, const char *text)
{
    if (!s->csv) {
        json_text(&s->json, key, text);
        return;
    }
    lead(s, key);
    if (s->names)
        return;
    putchar('"');
    for (; *text; text++)
        printf(*text == '"' ? "\"%c" : "%c", *text);
    putchar('"');
}

/* decimals -1: a whole number; NaN: unknown. */
static void put_number(sink *s, const char *key, double value, int decimals)
{
    if (!s->csv && decimals < 0 && isfinite(value))
        json_integer(&s->json, key, (int64_t)value);
    else if (!s->csv)
        json_number(&s->json, key, value);
    else
        lead(s, key);
    if (s->csv && !s->names && isfinite(value))
        printf("\"%.*f\"", decimals < 0 ? 0 : decimals, value);
}

static void put_bool(sink *s, const char *key, bool value)
{
    if (s->csv)
        put_text(s, key, value ? "1" : "0");
    else
        json_bool(&s->json, key, value);
}

/* ISO 8601 of seconds since 1970, proleptic Gregorian. By hand, for strftime and gmtime bring time zones and scanf into a static binary: 6 % of it. */
static void utc_text(time_t time, char *text, size_t size)
{
    uint64_t days = (uint64_t)time / 86400;
    unsigned second = (unsigned)((uint64_t)time % 86400);
    unsigned year = 1970, month = 0;
    for (;; year++) {
        bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        if (days < 365u + leap) {
            const unsigned lengths[] = { 31, 28u + leap, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
            for (; days >= lengths[month]; month++)
                days -= lengths[month];
            break;
        }
        days -= 365u + leap;
    }
    snprintf(text, size, "%04u-%02u-%02uT%02u:%02u:%02uZ", year, month + 1, (unsigned)days + 1, second / 3600, second / 60 % 60, second % 60);
}

static void put_fields(sink *s, const bench_setup *u, const bench_row *r)
{
    char cpu[128], when[32], hash[17];
    model_summary m = summarise(u->loaded);
    double tokens = (double)(r->n_prompt + r->n_gen);
    spread ns = spread_of(r, 0), rate = spread_of(r, tokens);
    cpu_name(cpu, sizeof cpu);
    utc_text(r->time, when, sizeof when);
    snprintf(hash, sizeof hash, "%016" PRIx64, r->hash);

    put_text(s, "build_commit", trit_version);
    put_number(s, "build_number", 0, -1);
    put_text(s, "cpu_info", cpu);
    put_text(s, "gpu_info", "");
    put_text(s, "backends", "CPU");
    put_text(s, "model_filename", u->file);
    put_text(s, "model_type", m.name);
    put_number(s, "model_size", (double)m.bytes, -1);
    put_number(s, "model_n_params", (double)m.params, -1);
    put_number(s, "n_batch", (double)u->batch, -1);
    put_number(s, "n_ubatch", (double)u->batch, -1);
    put_number(s, "n_threads", r->threads, -1);
    put_text(s, "type_k", kv_name(u->loaded->kv));
    put_text(s, "type_v", kv_name(u->loaded->kv));
    put_number(s, "n_gpu_layers", 0, -1);
    put_bool(s, "flash_attn", false);
    put_bool(s, "use_mmap", true);
    put_number(s, "n_prompt", (double)r->n_prompt, -1);
    put_number(s, "n_gen", (double)r->n_gen, -1);
    put_number(s, "n_depth", (double)r->n_depth, -1);
    put_text(s, "test_time", when);
    put_number(s, "avg_ns", floor(ns.mean), -1);
    put_number(s, "stddev_ns", floor(ns.deviation), -1);
    put_number(s, "avg_ts", rate.mean, 6);
    put_number(s, "stddev_ts", rate.deviation, 6);
    put_text(s, "compiler", trit_compiler);
    put_text(s, "compiler_flags", trit_flags);
    put_text(s, "isa", ops_isa(u->loaded->ops));
    put_text(s, "layouts", model_layouts(u->loaded->model));
    bool screen = !strcmp(model_head(u->loaded->model), "screen");
    put_text(s, "head", model_head(u->loaded->model));
    put_number(s, "head_bytes", (double)model_head_bytes(u->loaded->model), -1);
    put_number(s, "head_candidates", screen ? (double)r->head.candidates / (double)r->head.tokens : NAN, 1);
    put_number(s, "head_fallbacks", screen ? (double)r->head.full : NAN, -1);
    put_text(s, "load", model_load_way(u->loaded->model));
    put_text(s, "cpus", pool_cpus(u->loaded->pool));
    put_number(s, "load_ns", (double)u->loaded->load_ns, -1);
    put_number(s, "bytes_per_token", r->n_gen ? r->bytes_per_token : NAN, 0);
    put_number(s, "gb_per_s", r->n_gen ? r->bytes_per_token * tokens / ns.mean : NAN, 3);
    put_text(s, "output_hash", hash);
}

static void put_samples(sink *s, const bench_row *r)
{
    json_open(&s->json, "samples_ns", '[');
    for (size_t i = 0; i < r->count; i++)
        json_integer(&s->json, NULL, r->samples[i]);
    json_close(&s->json, ']');
    json_open(&s->json, "samples_ts", '[');
    for (size_t i = 0; i < r->count; i++)
        json_number(&s->json, NULL, (double)(r->n_prompt + r->n_gen) * 1e9 / (double)r->samples[i]);
    json_close(&s->json, ']');
}

static void report_md(const bench_setup *u, const bench_row *r)
{
    char test[32];
    model_summary m = summarise(u->loaded);
    spread rate = spread_of(r, (double)(r->n_prompt + r->n_gen));
    int len = snprintf(test, sizeof test, "%s%zu", r->n_prompt ? "pp" : "tg", r->n_prompt ? r->n_prompt : r->n_gen);
    if (r->n_depth)
        snprintf(test + len, sizeof test - (size_t)len, " @ d%zu", r->n_depth);
    printf("| %-30s | %8.2f MiB | %10s | %7d | %8s | %9.2f ± %.2f |\n", m.name, (double)m.bytes / 1048576,
           ops_isa(u->loaded->ops), r->threads, test, rate.mean, rate.deviation);
    fflush(stdout);
}

void bench_report_begin(const bench_setup *u)
{
    if (u->format == BENCH_MD)
        puts("| model                          |         size |        isa | threads |     test |              t/s |\n"
             "| ------------------------------ | -----------: | ---------: | ------: | -------: | ---------------: |");
    if (u->format == BENCH_JSON)
        puts("[");
}

void bench_report_row(const bench_setup *u, const bench_row *r, bool first)
{
    if (u->format == BENCH_MD) {
        report_md(u, r);
        return;
    }
    sink s = { .csv = u->format == BENCH_CSV };
    if (s.csv && first) {
        s.names = true;
        put_fields(&s, u, r);
        putchar('\n');
        s = (sink){ .csv = true };
    }
    if (s.csv) {
        put_fields(&s, u, r);
        putchar('\n');
    } else {
        if (u->format == BENCH_JSON && !first)
            puts(",");
        json_begin(&s.json, stdout);
        json_open(&s.json, NULL, '{');
        put_fields(&s, u, r);
        put_samples(&s, r);
        json_close(&s.json, '}');
        if (u->format == BENCH_JSONL)
            putchar('\n');
    }
    fflush(stdout);
}

void bench_report_end(const bench_setup *u)
{
    if (u->format == BENCH_JSON)
        puts("\n]");
}
