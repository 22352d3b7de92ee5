#include "cpu.h"
#include "ops.h"
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct { const char *name; bool present; } feature;
enum { MAX_FEATURES = 48 };

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

/* State the operating system must save for a feature (bits of XCR0). */
enum { SSE = 0x2, AVX = 0x6, AVX512 = 0xe6, AMX = 0x60000 };
enum { EAX, EBX, ECX, EDX };
static const struct { const char *name; unsigned leaf, subleaf, reg, bit, state; } rows[] = {
    { "ssse3", 1, 0, ECX, 9, SSE },           { "sse4.1", 1, 0, ECX, 19, SSE },
    { "avx", 1, 0, ECX, 28, AVX },            { "f16c", 1, 0, ECX, 29, AVX },
    { "fma", 1, 0, ECX, 12, AVX },            { "avx2", 7, 0, EBX, 5, AVX },             { "avxvnni", 7, 1, EAX, 4, AVX },
    { "avx512f", 7, 0, EBX, 16, AVX512 },     { "avx512dq", 7, 0, EBX, 17, AVX512 },     { "avx512bw", 7, 0, EBX, 30, AVX512 },
    { "avx512vl", 7, 0, EBX, 31, AVX512 },    { "avx512vbmi", 7, 0, ECX, 1, AVX512 },    { "avx512vnni", 7, 0, ECX, 11, AVX512 },
    { "avx512bf16", 7, 1, EAX, 5, AVX512 },   { "avx512fp16", 7, 0, EDX, 23, AVX512 },   { "amx_tile", 7, 0, EDX, 24, AMX },
    { "amx_int8", 7, 0, EDX, 25, AMX },       { "amx_bf16", 7, 0, EDX, 22, AMX },
};

static uint64_t saved_state(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27)) /* OSXSAVE */
        return SSE;
    __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
    return (uint64_t)d << 32 | a;
}

/* Linux lets a process use the large state of AMX only after it has asked, once for all its threads. */
static bool may_use_tiles(void)
{
#if defined(__linux__)
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_XTILEDATA = 18 };
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA) == 0;
#else
    return false;
#endif
}

static size_t find_features(feature *out)
{
    uint64_t state = saved_state();
    if ((state & AMX) == AMX && !may_use_tiles())
        state &= ~(uint64_t)AMX;
    size_t count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < count; i++) {
        unsigned r[4] = { 0 };
        bool bit = __get_cpuid_count(rows[i].leaf, rows[i].subleaf, &r[EAX], &r[EBX], &r[ECX], &r[EDX]) && (r[rows[i].reg] >> rows[i].bit & 1);
        out[i] = (feature){ rows[i].name, bit && (state & rows[i].state) == rows[i].state };
    }
    return count;
}

#elif (defined(__aarch64__) || defined(__arm__)) && defined(__linux__)
#include <sys/auxv.h>

/* Bits of AT_HWCAP and AT_HWCAP2 as Linux defines them; older headers lack the newer names. */
static const struct { const char *name; unsigned long type; unsigned bit; } rows[] = {
#if defined(__arm__)
    { "half", AT_HWCAP, 1 },   { "neon", AT_HWCAP, 12 }, { "vfpv4", AT_HWCAP, 16 },
#else
    { "fp", AT_HWCAP, 0 },     { "asimd", AT_HWCAP, 1 }, { "fphp", AT_HWCAP, 9 },   { "asimdhp", AT_HWCAP, 10 }, { "asimddp", AT_HWCAP, 20 },
    { "asimdfhm", AT_HWCAP, 23 }, { "sve", AT_HWCAP, 22 }, { "sve2", AT_HWCAP2, 1 }, { "i8mm", AT_HWCAP2, 13 },   { "bf16", AT_HWCAP2, 14 },
    { "sme", AT_HWCAP2, 23 },
#endif
};

static size_t find_features(feature *out)
{
    size_t count = sizeof rows / sizeof *rows;
    for (size_t i = 0; i < count; i++)
        out[i] = (feature){ rows[i].name, getauxval(rows[i].type) >> rows[i].bit & 1 };
    return count;
}

#elif defined(__riscv) && defined(__linux__)
#include <sys/auxv.h>

/* Vectors of version 1.0 of at least 128 bits. Kernels of old boards announce version 0.7 by the same bit; it knows no vsetvli with
   `ta, ma` and answers with a length of 0. */
static bool has_vectors(void)
{
    unsigned long length = 0;
    if (getauxval(AT_HWCAP) >> ('v' - 'a') & 1)
        __asm__ volatile(".word 0x0c0072d7\n\tmv %0, t0" : "=r"(length) : : "t0"); /* vsetvli t0, zero, e8, m1, ta, ma */
    return length >= 16;
}

static size_t find_features(feature *out)
{
    *out = (feature){ "v", has_vectors() };
    return 1;
}

#else
static size_t find_features(feature *out)
{
    (void)out;
    return 0;
}
#endif

bool cpu_has(const char *features)
{
    feature found[MAX_FEATURES];
    size_t count = find_features(found);
    while (*features) {
        size_t len = strcspn(features, " ");
        bool has = false;
        for (size_t i = 0; i < count; i++)
            has |= found[i].present && strlen(found[i].name) == len && !memcmp(found[i].name, features, len);
        if (!has)
            return false;
        features += len + strspn(features + len, " ");
    }
    return true;
}

void cpu_features(char *text, size_t size)
{
    feature found[MAX_FEATURES];
    size_t count = find_features(found), used = 0;
    if (size)
        text[0] = 0;
    for (size_t i = 0; i < count; i++)
        if (found[i].present && used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%s", used ? " " : "", found[i].name);
}

void cpu_name(char *text, size_t size)
{
    static const char *const keys[] = { "model name", "Hardware", "Model", "cpu model", "uarch" };
    char line[256];
    FILE *f = fopen("/proc/cpuinfo", "r");
    *text = 0;
    while (f && !*text && fgets(line, sizeof line, f))
        for (size_t i = 0; i < sizeof keys / sizeof *keys && !*text; i++) {
            char *value = strchr(line, ':');
            if (!strncmp(line, keys[i], strlen(keys[i])) && value) {
                value += 1 + strspn(value + 1, " \t");
                snprintf(text, size, "%.*s", (int)strcspn(value, "\n"), value);
            }
        }
    if (f)
        fclose(f);
}

size_t cpu_cache_bytes(void)
{
    size_t largest = 0;
    for (int i = 0; i < 8; i++) {
        char path[80], text[32] = "", *unit;
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        FILE *f = fopen(path, "r");
        if (!f)
            continue;
        unsigned long long n = fgets(text, sizeof text, f) ? strtoull(text, &unit, 10) : 0;
        fclose(f);
        n *= n && *unit == 'K' ? 1024 : n && *unit == 'M' ? 1 << 20 : 1;
        if (n > largest && n < (unsigned long long)1 << 31)
            largest = (size_t)n;
    }
#if defined(_SC_LEVEL2_CACHE_SIZE) && defined(_SC_LEVEL3_CACHE_SIZE) && defined(_SC_LEVEL4_CACHE_SIZE)
    static const int levels[] = { _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL4_CACHE_SIZE };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        long size = sysconf(levels[i]);
        largest = size > 0 && (size_t)size > largest ? (size_t)size : largest;
    }
#endif
    return largest;
}
