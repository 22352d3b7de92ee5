#include "kernel_report.h"
#include "../json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct { double median, low, high; } spread;

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static spread spread_of(const double *values, int n)
{
    double sorted[MOST_ROUNDS];
    memcpy(sorted, values, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, by_value);
    return (spread){ (sorted[n / 2] + sorted[(n - 1) / 2]) / 2, sorted[0], sorted[n - 1] };
}

/* Of a figure, from medians. NaN: does not apply. */
typedef struct { double ns, low_ns, high_ns, per_cycle, gb_per_s, of_read, of_peak; } result;

/* Limits are those of the fastest round. GB/s of reading by this team: */
static double read_rate(const kernel_report *r, int team)
{
    for (size_t i = 0; i < r->count; i++)
        if (!r->figures[i].call && !r->figures[i].peak && r->figures[i].team == team)
            return READ_BLOCK / spread_of(r->figures[i].ns, r->rounds).low;
    return NAN;
}

/* Products of int8 a nanosecond an ISA can make. */
static double peak_rate(const kernel_report *r, const char *isa, int team)
{
    for (size_t i = 0; i < r->count; i++) {
        const figure *f = &r->figures[i];
        if (f->peak && f->team == team && !strcmp(f->isa, isa))
            return PEAK_PASSES * (double)f->peak->products / spread_of(f->ns, r->rounds).low;
    }
    return NAN;
}

static result result_of(const kernel_report *r, const figure *f)
{
    spread s = spread_of(f->ns, r->rounds);
    double values = (double)CALL_ROWS * CALL_K * (double)f->tokens, rate = values / s.median;
    double gbs = (double)(CALL_ROWS * f->call->row_bytes) / s.median;
    bool streams = f->call->row_bytes && f->tokens == 1;
    return (result){
        .ns = s.median / CALL_ROWS,
        .low_ns = s.low / CALL_ROWS,
        .high_ns = s.high / CALL_ROWS,
        .per_cycle = rate / spread_of(r->clock, r->rounds).median / r->threads[f->team],
        .gb_per_s = streams ? gbs : NAN,
        .of_read = streams ? gbs / read_rate(r, f->team) : NAN,
        .of_peak = f->call->integer ? rate / peak_rate(r, f->isa, f->team) : NAN,
    };
}

static void print_cell(double value, const char *format, int width)
{
    if (isfinite(value))
        printf(format, width, value);
    else
        printf(" %*s", width, "-");
}

static const char *plural(int threads)
{
    return threads == 1 ? "" : "s";
}

static void print_limits(const kernel_report *r)
{
    spread clock = spread_of(r->clock, r->rounds);
    printf("clock    %.2f GHz (%.2f to %.2f), from a chain of additions that take a cycle each\n", clock.median, clock.low, clock.high);
    printf("reading  %zu MB", r->bytes >> 20);
    for (int t = 0; t < r->teams; t++)
        printf("%s %.1f GB/s with %d thread%s", t ? "," : ":", read_rate(r, t), r->threads[t], plural(r->threads[t]));
    if (!r->cache)
        printf("; the size of the caches is unknown\n");
    else if (r->bytes > r->cache)
        printf("; the largest cache has %zu MB\n", r->cache >> 20);
    else
        printf("\n         NOTE: that fits into the cache of %zu MB, so this is not the speed of the memory; "
               "--megabytes %zu would be\n", r->cache >> 20, 2 * r->cache >> 20);
    for (size_t i = 0; i < r->count; i++)
        if (r->figures[i].peak && !r->figures[i].team) {
            const char *isa = r->figures[i].isa;
            printf("peak     %s: ", isa);
            for (int t = 0; t < r->teams; t++)
                printf("%s%.0f G products/s with %d thread%s", t ? ", " : "", peak_rate(r, isa, t), r->threads[t], plural(r->threads[t]));
            printf(" (%s)\n", r->figures[i].peak->instruction);
        }
}

void kernel_report_text(const kernel_report *r)
{
    print_limits(r);
    printf("\n%-14s %-12s %6s %7s %11s %6s %9s %7s %8s %8s\n", "kernel", "isa", "tokens", "threads", "ns", "+-", "per cycle", "GB/s",
           "of read", "of peak");
    const char *last = "";
    for (size_t i = 0; i < r->count; i++) {
        const figure *f = &r->figures[i];
        if (!f->call)
            continue;
        result v = result_of(r, f);
        printf("%-14s %-12s %6zu %7d %11.1f %4.0f %% %9.2f", strcmp(last, f->call->kernel) ? f->call->kernel : "", f->isa, f->tokens,
               r->threads[f->team], v.ns, 50 * (v.high_ns - v.low_ns) / v.ns, v.per_cycle);
        print_cell(v.gb_per_s, " %*.2f", 7);
        print_cell(100 * v.of_read, " %*.0f %%", 6);
        print_cell(100 * v.of_peak, " %*.1f %%", 6);
        printf("\n");
        last = f->call->kernel;
    }
    printf("\nns: of a row of %d weights with all tokens, or of a call on %d values; median of %d rounds, in each of which the ISAs take turns.\n"
           "+-: half of the distance from the fastest round to the slowest. per cycle: weights times tokens, or values, of each thread.\n"
           "Reading and peaks are those of the fastest round.\n",
           CALL_K, CALL_K, r->rounds);
}

static void put_known(json_writer *w, const char *key, double value)
{
    if (isfinite(value))
        json_number(w, key, value);
}

static void put_figure(json_writer *w, const kernel_report *r, const figure *f)
{
    result v = result_of(r, f);
    json_open(w, NULL, '{');
    json_text(w, "isa", f->isa);
    json_text(w, "kernel", f->call->kernel);
    json_integer(w, "tokens", (int64_t)f->tokens);
    json_integer(w, "threads", r->threads[f->team]);
    json_number(w, "ns", v.ns);
    json_number(w, "ns_low", v.low_ns);
    json_number(w, "ns_high", v.high_ns);
    json_number(w, "per_cycle", v.per_cycle);
    put_known(w, "gb_per_s", v.gb_per_s);
    put_known(w, "bandwidth_share", v.of_read);
    put_known(w, "peak_share", v.of_peak);
    json_close(w, '}');
}

void kernel_report_json(const kernel_report *r)
{
    json_writer w;
    spread clock = spread_of(r->clock, r->rounds);
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_integer(&w, "rounds", r->rounds);
    json_integer(&w, "row", CALL_K);
    json_number(&w, "clock_ghz", clock.median);
    json_integer(&w, "buffer_bytes", (int64_t)r->bytes);
    json_integer(&w, "cache_bytes", (int64_t)r->cache);
    json_bool(&w, "exceeds_cache", r->bytes > r->cache && r->cache);
    json_open(&w, "bandwidth", '[');
    for (int t = 0; t < r->teams; t++) {
        json_open(&w, NULL, '{');
        json_integer(&w, "threads", r->threads[t]);
        json_number(&w, "gb_per_s", read_rate(r, t));
        json_close(&w, '}');
    }
    json_close(&w, ']');
    json_open(&w, "peaks", '[');
    for (size_t i = 0; i < r->count; i++)
        if (r->figures[i].peak) {
            json_open(&w, NULL, '{');
            json_text(&w, "isa", r->figures[i].isa);
            json_text(&w, "instruction", r->figures[i].peak->instruction);
            json_integer(&w, "threads", r->threads[r->figures[i].team]);
            json_number(&w, "products_per_ns", peak_rate(r, r->figures[i].isa, r->figures[i].team));
            json_close(&w, '}');
        }
    json_close(&w, ']');
    json_open(&w, "kernels", '[');
    for (size_t i = 0; i < r->count; i++)
        if (r->figures[i].call)
            put_figure(&w, r, &r->figures[i]);
    json_close(&w, ']');
    json_close(&w, '}');
    json_end_line(&w);
}
