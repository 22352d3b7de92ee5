/* Every item exactly once, whatever the number of threads, again and again, most of them by the faster core; lists of CPUs read strictly. */
#include "../clock.h"
#include "../cores.h"
#include "../pool.h"
#include "expect.h"
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ITEMS = 5000 };
typedef struct { atomic_int seen[ITEMS]; int sum[ITEMS]; int threads; atomic_int stray, small; size_t n, grain; } board;

static void mark(void *arg, size_t begin, size_t end, int thread)
{
    board *b = arg;
    if (thread < 0 || thread >= b->threads || begin >= end || end > b->n)
        atomic_fetch_add(&b->stray, 1);
    if (end - begin < b->grain && end != b->n)
        atomic_fetch_add(&b->small, 1);
    for (size_t i = begin; i < end && i < ITEMS; i++) {
        atomic_fetch_add(&b->seen[i], 1);
        b->sum[i] += (int)i; /* not atomic: a race if two threads share an item */
    }
}

static void try_pool(int threads, int rounds)
{
    trit_error e = { "" };
    pool *p = pool_new(threads, NULL, &e);
    EXPECT(p, "%d threads: %s", threads, e.text);
    if (!p)
        return;
    EXPECT(threads == 0 || pool_threads(p) == threads, "%d threads asked, %d made", threads, pool_threads(p));
    board *b = calloc(1, sizeof *b);
    b->threads = pool_threads(p);
    for (int round = 0; round < rounds; round++) {
        static const size_t sizes[] = { 0, 1, 2, 3, 17, 100, 1000, ITEMS };
        b->n = sizes[round % 8];
        b->grain = (size_t)(round / 8 % 5) * 7;
        memset(b->sum, 0, sizeof b->sum);
        for (size_t i = 0; i < ITEMS; i++)
            atomic_store(&b->seen[i], 0);
        pool_run(p, b->n, b->grain, mark, b);
        for (size_t i = 0; i < ITEMS; i++)
            EXPECT(atomic_load(&b->seen[i]) == (i < b->n) && b->sum[i] == (i < b->n ? (int)i : 0), "threads %d, round %d, item %zu: %d times",
                   threads, round, i, atomic_load(&b->seen[i]));
        if (round % 40 == 39) /* let the workers fall asleep */
            nanosleep(&(struct timespec){ .tv_nsec = 2000000 }, NULL);
    }
    EXPECT(!atomic_load(&b->stray) && !atomic_load(&b->small), "threads %d: %d stray, %d small slices", threads, atomic_load(&b->stray),
           atomic_load(&b->small));
    free(b);
    pool_free(p);
}

enum { HELPED = 1000 };
static atomic_int done_by[2];

/* As if the second core were slow: it is not done with what it has begun before the other has done all the rest, or it has waited until *arg. */
static void limp(void *arg, size_t begin, size_t end, int thread)
{
    const int64_t *until = arg;
    int own = (int)(end - begin);
    while (thread && atomic_load(&done_by[0]) + atomic_load(&done_by[1]) + own < HELPED && clock_ns() < *until)
        nanosleep(&(struct timespec){ .tv_nsec = 100000 }, NULL);
    atomic_fetch_add(&done_by[thread], own);
}

/* Its share is a half; the fast one takes from it what it has not begun. */
static void expect_help(void (*with)(pool *, size_t, size_t, pool_task, void *), const char *name)
{
    trit_error e = { "" };
    pool *p = pool_new(2, NULL, &e);
    EXPECT(p, "%s", e.text);
    atomic_store(&done_by[0], 0);
    atomic_store(&done_by[1], 0);
    int64_t minute = clock_ns() + (int64_t)60 * 1000000000;
    with(p, HELPED, 1, limp, &minute);
    int fast = atomic_load(&done_by[0]), slow = atomic_load(&done_by[1]);
    EXPECT(fast + slow == HELPED && slow < 400, "%s: the slow one did %d of %d items", name, slow, fast + slow);
    pool_free(p);
}

static void expect_refused(const char *list, const char *word)
{
    trit_error e = { "" };
    pool *p = pool_new(0, list, &e);
    EXPECT(!p && strstr(e.text, word), "\"%s\": %s \"%s\"", list, p ? "accepted" : "refused", e.text);
    pool_free(p);
}

int main(void)
{
    try_pool(0, 80);
    for (int threads = 1; threads <= 9; threads++)
        try_pool(threads, 200);

    expect_help(pool_run, "pool_run");
    expect_help(pool_stream, "pool_stream");

    int cpus[MAX_CPUS], after[MAX_CPUS];
    bool known;
    int count = cores_allowed(cpus, &known);
    char first[16], all[256];
    snprintf(first, sizeof first, "%d", cpus[0]);
    cores_format(cpus, count, all, sizeof all);
    trit_error e = { "" };
    pool *p = pool_new(0, first, &e);
    EXPECT(p && pool_threads(p) == 1, "CPU %s: %s", first, e.text);
    EXPECT(p && (!strcmp(pool_cpus(p), first) || !*pool_cpus(p)), "pinned to \"%s\"", p ? pool_cpus(p) : "");
    pool_free(p);
    p = pool_new(0, all, &e);
    EXPECT(p && pool_threads(p) == count, "CPUs %s: %s", all, e.text);
    pool_free(p);
    EXPECT(cores_allowed(after, &known) == count && !memcmp(cpus, after, sizeof *cpus * (size_t)count), "affinity was not put back");

    expect_refused("x", "no list");
    expect_refused("0-", "no list");
    expect_refused("0,", "no list");
    expect_refused("0;1", "no list");
    expect_refused("3-1", "impossible");
    expect_refused("99999999999999999999", "impossible");
    expect_refused("1000", "does not exist");
    char twice[40];
    snprintf(twice, sizeof twice, "%s,%s", first, first);
    expect_refused(twice, "twice");
    EXPECT(!pool_new(-1, NULL, &e) && !pool_new(1 << 20, NULL, &e), "absurd numbers of threads");
    return failures();
}
