#include "clock.h"
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

int64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The number behind "key" at the start of a line of a /proc or cgroup text file; an empty key takes the first number. */
static bool read_number(const char *path, const char *key, int64_t *out)
{
    FILE *f = fopen(path, "r");
    if (!f)
        return false;
    char line[256];
    bool found = false;
    size_t len = strlen(key);
    while (!found && fgets(line, sizeof line, f)) {
        if (strncmp(line, key, len))
            continue;
        char *end;
        long long v = strtoll(line + len, &end, 10);
        if (end != line + len) {
            *out = v;
            found = true;
        }
    }
    fclose(f);
    return found;
}

process_usage usage_now(void)
{
    process_usage u = { -1, -1, -1, -1, -1 };
    struct rusage r;
    if (!getrusage(RUSAGE_SELF, &r)) {
        u.minor_faults = r.ru_minflt;
        u.major_faults = r.ru_majflt;
#ifdef __APPLE__
        u.peak_rss = r.ru_maxrss;
#else
        u.peak_rss = (int64_t)r.ru_maxrss * 1024;
#endif
    }
    int64_t kb;
    if (read_number("/proc/self/status", "VmHWM:", &kb))
        u.peak_rss = kb * 1024; /* ru_maxrss may be that of the program that started this one */
    if (read_number("/proc/self/status", "VmRSS:", &kb))
        u.rss = kb * 1024;
    int64_t bytes;
    if (read_number("/proc/self/io", "read_bytes:", &bytes))
        u.read_bytes = bytes;
    return u;
}

static void lower(int64_t *value, int64_t candidate)
{
    if (candidate < 0)
        candidate = 0;
    if (*value < 0 || candidate < *value)
        *value = candidate;
}

/* What one cgroup directory still grants: limit - used, where used does not count the page cache it can give back: MemAvailable does so for
   the whole machine. */
static void cap_by_group(const char *dir, const char *limit_file, const char *used_file,
                         const char *const cache_keys[2], int64_t *available)
{
    char path[PATH_MAX + 64];
    int64_t limit, used, cache;
    snprintf(path, sizeof path, "%s/%s", dir, limit_file);
    if (!read_number(path, "", &limit) || limit <= 0 || limit > (int64_t)1 << 60)
        return; /* "max", or no such controller */
    snprintf(path, sizeof path, "%s/%s", dir, used_file);
    if (!read_number(path, "", &used))
        return;
    snprintf(path, sizeof path, "%s/memory.stat", dir);
    for (size_t i = 0; i < 2; i++)
        if (read_number(path, cache_keys[i], &cache) && cache > 0 && cache <= used)
            used -= cache;
    lower(available, limit - used);
}

/* Walks this process's cgroups (v1 memory controller and v2) from the leaf to the root: every level may limit. */
static void cap_by_cgroups(int64_t *available)
{
    static const char *const v1_cache[] = { "total_inactive_file ", "total_active_file " }, *const v2_cache[] = { "inactive_file ", "active_file " };
    FILE *f = fopen("/proc/self/cgroup", "r");
    if (!f)
        return;
    char line[PATH_MAX];
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = 0;
        controllers++;
        bool v2 = !*controllers;
        if (!v2 && !strstr(controllers, "memory"))
            continue;
        for (;;) {
            char dir[PATH_MAX + 32];
            snprintf(dir, sizeof dir, "/sys/fs/cgroup%s%s", v2 ? "" : "/memory", path);
            if (v2)
                cap_by_group(dir, "memory.max", "memory.current", v2_cache, available);
            else
                cap_by_group(dir, "memory.limit_in_bytes", "memory.usage_in_bytes", v1_cache, available);
            char *slash = strrchr(path, '/');
            if (!slash || !*path)
                break;
            *slash = 0; /* "/a/b" -> "/a" -> "" */
        }
    }
    fclose(f);
}

int64_t memory_available(void)
{
    int64_t available = -1, kb;
    if (read_number("/proc/meminfo", "MemAvailable:", &kb))
        available = kb * 1024;
    cap_by_cgroups(&available);
    return available;
}

int64_t address_space_left(void)
{
    int64_t left = -1, pages;
    struct rlimit r;
    if (!getrlimit(RLIMIT_AS, &r) && r.rlim_cur != RLIM_INFINITY && read_number("/proc/self/statm", "", &pages))
        lower(&left, (int64_t)r.rlim_cur - pages * (int64_t)sysconf(_SC_PAGESIZE));
    return left;
}
