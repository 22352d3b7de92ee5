#include "proof_private.h"
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

uint64_t random_bits(random_source *r)
{
    uint64_t z = r->state += 0x9e3779b97f4a7c15u; /* splitmix64 */
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

size_t random_below(random_source *r, size_t n)
{
    return (size_t)(random_bits(r) >> 33) % n;
}

/* Input memory: INPUTS areas, each followed by a page that may not be touched. */
enum { AREA = 1 << 20, CANARY = 64, CANARY_BYTE = 0xa5, RESULT = 3 * CANARY + 8 * MOST_VALUES };
static uint8_t *areas[INPUTS];
static size_t used_areas, shift;
static uint8_t *results[2];

static bool map_areas(void)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < INPUTS; i++) {
        if (areas[i])
            continue;
        uint8_t *at = mmap(NULL, AREA + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (at == MAP_FAILED || mprotect(at + AREA, page, PROT_NONE))
            return false;
        areas[i] = at;
    }
    for (size_t i = 0; i < 2; i++)
        if (!results[i] && !(results[i] = malloc(RESULT)))
            return false;
    return true;
}

static void *place(size_t bytes)
{
    return areas[used_areas++] + AREA - bytes - shift;
}

static sigjmp_buf escape;

static void on_fault(int signal_number)
{
    siglongjmp(escape, signal_number);
}

/* Runs the kernel; 0, or the signal that stopped it. */
static int run_guarded(const kernel_case *k, const trit_ops *ops, const input *in, output *out)
{
    static const int faults[] = { SIGILL, SIGSEGV, SIGBUS, SIGFPE };
    enum { FAULTS = sizeof faults / sizeof *faults };
    struct sigaction before[FAULTS], action = { .sa_flags = SA_NODEFER };
    action.sa_handler = on_fault;
    for (size_t i = 0; i < FAULTS; i++)
        sigaction(faults[i], &action, &before[i]);
    int caught = sigsetjmp(escape, 1);
    if (!caught)
        k->run(ops, in, out);
    for (size_t i = 0; i < FAULTS; i++)
        sigaction(faults[i], &before[i], NULL);
    return caught;
}

/* Lays floats and integers of a result out in its buffer: [canary][floats][canary][integers][canary]. */
static void prepare(output *out, uint8_t *memory)
{
    memset(memory, CANARY_BYTE, RESULT);
    out->f = (float *)(void *)(memory + CANARY);
    out->i = memory + CANARY + sizeof(float) * MOST_VALUES + CANARY;
}

static bool canaries_alive(const output *out)
{
    const uint8_t *f = (const uint8_t *)out->f, *i = out->i;
    for (size_t j = 0; j < CANARY; j++)
        if (f[-1 - (ptrdiff_t)j] != CANARY_BYTE || f[out->floats * sizeof(float) + j] != CANARY_BYTE || i[-1 - (ptrdiff_t)j] != CANARY_BYTE ||
            i[out->integers * out->width + j] != CANARY_BYTE)
            return false;
    return true;
}

/* Equal, or both not finite (an overflow may come out as infinity or as NaN, depending on the order of a sum). */
static bool floats_agree(const kernel_case *k, const input *in, size_t i, float want, float got)
{
    if (kernel_is_exact((size_t)(k - kernel_cases)))
        return want == got || (isnan(want) && isnan(got));
    if (!isfinite(want) || !isfinite(got))
        return in->flavour == HUGE_VALUES || (!isfinite(want) && !isfinite(got));
    double magnitude = k->magnitude ? k->magnitude(in, i) : fabs((double)want);
    return fabs((double)want - (double)got) <= (double)k->bound * magnitude + 1e-37;
}

static bool compare(const kernel_case *k, const input *in, const output *want, const output *got, char *detail, size_t size)
{
    if (!canaries_alive(got)) {
        snprintf(detail, size, "writes outside its output");
        return false;
    }
    for (size_t i = 0; i < want->floats; i++)
        if (!floats_agree(k, in, i, want->f[i], got->f[i])) {
            snprintf(detail, size, "result %zu is %.9g, scalar says %.9g", i, (double)got->f[i], (double)want->f[i]);
            return false;
        }
    for (size_t i = 0; i < want->integers; i++)
        if (memcmp((char *)want->i + i * want->width, (char *)got->i + i * want->width, want->width)) {
            uint32_t a = 0, b = 0;
            memcpy(&a, (char *)got->i + i * want->width, want->width);
            memcpy(&b, (char *)want->i + i * want->width, want->width);
            snprintf(detail, size, "integer %zu is 0x%x, scalar says 0x%x", i, a, b);
            return false;
        }
    return true;
}

proof prove_kernel(size_t index, const trit_ops *specification, const trit_ops *candidate, uint64_t seed, int most)
{
    static const char *const flavours[] = { "normal", "zero", "extreme", "huge", "tiny", "not finite" };
    const kernel_case *k = &kernel_cases[index];
    proof p = { .ok = true };
    if (!k->run) {
        p.ok = false;
        snprintf(p.detail, sizeof p.detail, "proof_cases.c has no case for it");
        return p;
    }
    if (!map_areas()) {
        p.ok = false;
        snprintf(p.detail, sizeof p.detail, "there is no memory for the inputs");
        return p;
    }
    int cases = most && most < k->cases ? most : k->cases;
    for (int number = 0; number < cases && p.ok; number++) {
        random_source r = { seed + 1000003u * index + (uint64_t)number };
        input in = { .flavour = number % 2 ? (flavour)(number / 2 % FLAVOURS) : NORMAL };
        used_areas = 0;
        shift = number % 3 == 2 ? 4 * random_below(&r, 16) : 0; /* floats stay where floats may stand */
        k->draw(&in, &r, number, place);
        output want = { 0 }, got = { 0 };
        prepare(&want, results[0]);
        prepare(&got, results[1]);
        char what[128] = "";
        int caught = run_guarded(k, specification, &in, &want);
        if (!caught)
            caught = run_guarded(k, candidate, &in, &got);
        if (caught)
            snprintf(what, sizeof what, "stopped by %s",
                     caught == SIGILL    ? "SIGILL (an instruction this CPU does not have)"
                     : caught == SIGSEGV ? "SIGSEGV (memory outside its inputs)"
                     : caught == SIGBUS  ? "SIGBUS"
                                         : "SIGFPE");
        if (caught || !compare(k, &in, &want, &got, what, sizeof what)) {
            p.ok = false;
            snprintf(p.detail, sizeof p.detail, "%s; case %d: n %zu, rows %zu, tokens %zu, %s values", what, number, in.n, in.rows, in.tokens,
                     flavours[in.flavour]);
        }
        p.cases++;
    }
    return p;
}

size_t kernel_count(void)
{
    return kernel_case_count;
}

const char *kernel_name(size_t i)
{
    return kernel_cases[i].name;
}
