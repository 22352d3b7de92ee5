#include "cores.h"
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int cores_allowed(int *cpus, bool *known)
{
    int count = 0;
#ifdef __linux__
    cpu_set_t set;
    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        for (int i = 0; i < CPU_SETSIZE && i < MAX_CPUS; i++)
            if (CPU_ISSET(i, &set))
                cpus[count++] = i;
#endif
    *known = count > 0;
    if (!count) {
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        for (count = 0; count < online && count < MAX_CPUS; count++)
            cpus[count] = count;
    }
    if (!count)
        cpus[count++] = 0;
    return count;
}

static bool contains(const int *cpus, int count, int cpu)
{
    for (int i = 0; i < count; i++)
        if (cpus[i] == cpu)
            return true;
    return false;
}

int cores_parse(const char *list, int *cpus, trit_error *e)
{
    int allowed[MAX_CPUS], count = 0;
    bool known;
    int allowed_count = cores_allowed(allowed, &known);
    for (const char *p = list;;) {
        char *end;
        if (*p < '0' || *p > '9')
            return fail(e, "\"%.80s\" is no list of CPUs; write it like 0-3,6", list), -1;
        long first = strtol(p, &end, 10), last = first;
        if (*end == '-') {
            p = end + 1;
            if (*p < '0' || *p > '9')
                return fail(e, "\"%.80s\" is no list of CPUs; write it like 0-3,6", list), -1;
            last = strtol(p, &end, 10);
        }
        if (first > last || last >= MAX_CPUS)
            return fail(e, "the list of CPUs \"%.80s\" has an impossible range; numbers run upwards and stay below %d", list, MAX_CPUS), -1;
        for (long cpu = first; cpu <= last; cpu++) {
            if (known && !contains(allowed, allowed_count, (int)cpu)) {
                char text[256];
                cores_format(allowed, allowed_count, text, sizeof text);
                return fail(e, "CPU %ld does not exist or is not open to this process; it may use %s", cpu, text), -1;
            }
            if (contains(cpus, count, (int)cpu))
                return fail(e, "CPU %ld stands twice in the list \"%.80s\"", cpu, list), -1;
            cpus[count++] = (int)cpu;
        }
        if (!*end)
            return count;
        if (*end != ',')
            return fail(e, "\"%.80s\" is no list of CPUs; write it like 0-3,6", list), -1;
        p = end + 1;
    }
}

/* A number from /sys/devices/system/cpu/cpuN/<file>; -1: absent. Lists of siblings start with the lowest number. */
static long cpu_number(int cpu, const char *file)
{
    char path[128], text[32];
    snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, file);
    FILE *f = fopen(path, "r");
    if (!f)
        return -1;
    char *got = fgets(text, sizeof text, f);
    fclose(f);
    char *end = text;
    long value = got ? strtol(text, &end, 10) : -1;
    return end == text ? -1 : value;
}

static long cpu_speed(int cpu)
{
    long speed = cpu_number(cpu, "cpu_capacity");
    return speed > 0 ? speed : cpu_number(cpu, "cpufreq/cpuinfo_max_freq");
}

int cores_fastest(int *cpus, bool *some)
{
    bool known;
    int count = cores_allowed(cpus, &known), kept = 0;
    long best = -1, speeds[MAX_CPUS];
    for (int i = 0; i < count; i++) {
        speeds[i] = cpu_speed(cpus[i]);
        best = speeds[i] > best ? speeds[i] : best;
    }
    *some = false;
    int all[MAX_CPUS];
    memcpy(all, cpus, sizeof *cpus * (size_t)count);
    for (int i = 0; i < count; i++) {
        /* Turbo bins differ by a few percent among equal cores: within a tenth is the same cluster. */
        if (speeds[i] < best - best / 10) {
            *some = true;
            continue;
        }
        long first = cpu_number(all[i], "topology/thread_siblings_list");
        if (first < 0 || first == all[i] || !contains(all, count, (int)first))
            cpus[kept++] = all[i];
    }
    return kept;
}

bool cores_pin(const int *cpus, int count)
{
#ifdef __linux__
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = 0; i < count; i++)
        CPU_SET(cpus[i], &set);
    return sched_setaffinity(0, sizeof set, &set) == 0;
#else
    (void)cpus, (void)count;
    return false;
#endif
}

void cores_format(const int *cpus, int count, char *text, size_t size)
{
    size_t used = 0;
    if (size)
        text[0] = 0;
    for (int i = 0, j; i < count && used < size; i = j) {
        for (j = i + 1; j < count && cpus[j] == cpus[j - 1] + 1;)
            j++;
        used += (size_t)snprintf(text + used, size - used, j - i > 1 ? "%s%d-%d" : "%s%d", used ? "," : "", cpus[i], cpus[j - 1]);
    }
}
