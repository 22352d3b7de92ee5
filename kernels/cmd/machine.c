#include "machine.h"
#include "../clock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

double machine_clock(void)
{
    enum { LINKS = 64, LAPS = 20000 };
    uint64_t sum = 1, step = (uint64_t)clock_ns();
    int64_t begin = clock_ns();
    for (int lap = 0; lap < LAPS; lap++)
#if defined(__clang__)
#pragma clang loop unroll(full)
#else
#pragma GCC unroll 64
#endif
        for (int link = 0; link < LINKS; link++) {
            sum += step; /* a register, as new CPUs add constants for nothing */
            __asm__ volatile("" : "+r"(sum), "+r"(step));
        }
    int64_t ns = clock_ns() - begin;
    return (double)LINKS * LAPS / (double)(ns > 0 ? ns : 1);
}

/* /sys/devices/system/cpu/cpu0/cache/index<i>/size: "491520K". */
static size_t cache_of_linux(void)
{
    size_t most = 0;
    for (int i = 0; i < 8; i++) {
        char path[80];
        snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu0/cache/index%d/size", i);
        FILE *f = fopen(path, "r");
        if (!f)
            continue;
        char line[32], *unit;
        if (fgets(line, sizeof line, f)) {
            size_t bytes = strtoul(line, &unit, 10);
            bytes <<= *unit == 'M' ? 20 : *unit == 'K' ? 10 : 0;
            most = bytes > most ? bytes : most;
        }
        fclose(f);
    }
    return most;
}

size_t machine_cache(void)
{
    size_t most = cache_of_linux();
#if defined(_SC_LEVEL2_CACHE_SIZE) && defined(_SC_LEVEL3_CACHE_SIZE) && defined(_SC_LEVEL4_CACHE_SIZE)
    static const int levels[] = { _SC_LEVEL2_CACHE_SIZE, _SC_LEVEL3_CACHE_SIZE, _SC_LEVEL4_CACHE_SIZE };
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        long size = sysconf(levels[i]);
        most = size > 0 && (size_t)size > most ? (size_t)size : most;
    }
#endif
    return most;
}

uint64_t machine_read(const uint8_t *memory, size_t bytes)
{
    uint64_t sum[8] = { 0 };
    for (const uint8_t *p = memory, *stop = memory + bytes; p < stop; p += 64) {
        uint64_t v[8];
        __builtin_prefetch(p + 8192); /* measured: as far as helps */
        memcpy(v, p, sizeof v);
        for (int i = 0; i < 8; i++)
            sum[i] |= v[i];
    }
    return sum[0] | sum[1] | sum[2] | sum[3] | sum[4] | sum[5] | sum[6] | sum[7];
}
