#include "pool.h"
#include "clock.h"
#include "cores.h"
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* How long a thread that waits stays awake: longer than the gaps between two matrices of a token, short enough to cost nothing. */
enum { SPIN_NS = 100000, SPIN_BURST = 64, YIELDS = 4 };

/* A thread's share of a task: neighbouring items, so that it reads weights in one stream. Whoever has done its own takes from the others'. */
typedef struct {
    _Alignas(64) atomic_uint_fast64_t ticket; /* which task, in the high half; the share's first item nobody has claimed, in the low half */
} share;

typedef struct { pool *p; int index; } member;

struct pool {
    int threads;
    bool crowded;                /* more threads than CPUs: spinning would only keep the others from running */
    int pins[MAX_CPUS], pin_count;
    bool one_each;               /* member i belongs to pins[i]; else every member to all of pins */
    int before[MAX_CPUS], before_count; /* affinity of the caller, put back by pool_free */
    char cpus[256];
    pthread_t *handles;
    member *members;

    /* The task at hand. It is written while every ticket is closed: a thread that reads a field of the next task too early also sees the
       ticket closed (release and acquire), and its claim fails. */
    _Atomic pool_task task;
    _Atomic(void *) arg;
    atomic_size_t n, grain, part;
    atomic_bool stop;

    share *shares;                            /* of each thread; the first is opened last and says that a task has come */
    _Alignas(64) atomic_size_t finished;      /* items done; the task ends with the last one, whoever else never came to help */
    _Alignas(64) atomic_int sleepers;         /* threads in pthread_cond_wait */
    pthread_mutex_t lock;
    pthread_cond_t changed;
};

static void relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__) || (defined(__ARM_ARCH) && __ARM_ARCH >= 7)
    __asm__ volatile("yield");
#endif
}

static uint32_t task_number(pool *p)
{
    return (uint32_t)(atomic_load(&p->shares[0].ticket) >> 32);
}

static bool task_arrived(pool *p, size_t seen)
{
    return task_number(p) != seen;
}

static bool task_finished(pool *p, size_t items)
{
    return atomic_load(&p->finished) == items;
}

/* Spins for a while, then sleeps, until done(). Whoever makes done() true calls wake(). */
static void wait_for(pool *p, bool (*done)(pool *, size_t), size_t seen)
{
    if (p->crowded) {
        for (int i = 0; i < YIELDS; i++) {
            if (done(p, seen))
                return;
            sched_yield();
        }
    } else {
        for (int64_t until = clock_ns() + SPIN_NS; clock_ns() < until;)
            for (int i = 0; i < SPIN_BURST; i++) {
                if (done(p, seen))
                    return;
                relax();
            }
    }
    /* The counter goes up before the last look, and wake() looks at it after the change: one of the two sees the other. */
    pthread_mutex_lock(&p->lock);
    atomic_fetch_add(&p->sleepers, 1);
    while (!done(p, seen))
        pthread_cond_wait(&p->changed, &p->lock);
    atomic_fetch_sub(&p->sleepers, 1);
    pthread_mutex_unlock(&p->lock);
}

static void wake(pool *p)
{
    if (atomic_load(&p->sleepers) == 0)
        return;
    pthread_mutex_lock(&p->lock);
    pthread_cond_broadcast(&p->changed);
    pthread_mutex_unlock(&p->lock);
}

/* First item of thread i's share of n items, in whole slices. */
static size_t share_begin(size_t n, size_t grain, size_t i, size_t threads)
{
    size_t slices = (n + grain - 1) / grain, begin = (slices * i + threads - 1) / threads * grain;
    return begin < n ? begin : n;
}

/* Claims and does slices of share i of task `number` until none is left or the task is another. */
static void work_share(pool *p, uint32_t number, size_t i, int index)
{
    atomic_uint_fast64_t *of = &p->shares[i].ticket;
    uint_fast64_t ticket = atomic_load(of);
    while (ticket >> 32 == number) {
        pool_task task = atomic_load_explicit(&p->task, memory_order_acquire);
        void *arg = atomic_load_explicit(&p->arg, memory_order_acquire);
        size_t n = atomic_load_explicit(&p->n, memory_order_acquire), grain = atomic_load_explicit(&p->grain, memory_order_acquire);
        size_t part = atomic_load_explicit(&p->part, memory_order_acquire);
        size_t begin = (uint32_t)ticket, last = share_begin(n, grain, i + 1, (size_t)p->threads);
        if (begin >= last)
            return;
        size_t left = last - begin, slice = part && left / part > grain ? left / part : grain, end = left < slice ? last : begin + slice;
        if (!atomic_compare_exchange_weak(of, &ticket, (uint_fast64_t)number << 32 | end))
            continue;
        task(arg, begin, end, index);
        if (atomic_fetch_add(&p->finished, end - begin) + (end - begin) == n)
            wake(p);
        ticket = atomic_load(of);
    }
}

/* Its own share first, then what the others have left. */
static void work(pool *p, uint32_t number, int index)
{
    for (int i = 0; i < p->threads; i++)
        work_share(p, number, (size_t)((index + i) % p->threads), index);
}

static void pin_member(pool *p, int index)
{
    /* Some systems (Termux) refuse; the work is the same unpinned. */
    if (p->pin_count && !(p->one_each ? cores_pin(&p->pins[index % p->pin_count], 1) : cores_pin(p->pins, p->pin_count)) && index == 0)
        p->cpus[0] = 0;
}

static void *worker(void *argument)
{
    member *m = argument;
    pool *p = m->p;
    pin_member(p, m->index);
    for (uint32_t number = 0;;) {
        wait_for(p, task_arrived, number);
        number = task_number(p);
        if (atomic_load(&p->stop))
            return NULL;
        work(p, number, m->index);
    }
}

/* Chooses threads and pins. */
static bool place(pool *p, int threads, const char *list, trit_error *e)
{
    bool known, slower;
    p->before_count = cores_allowed(p->before, &known);
    if (!known)
        p->before_count = 0;
    if (list && *list) {
        p->pin_count = cores_parse(list, p->pins, e);
        if (p->pin_count < 0)
            return false;
        p->one_each = true;
        p->threads = threads ? threads : p->pin_count;
        p->crowded = p->threads > p->pin_count;
    } else {
        p->pin_count = cores_fastest(p->pins, &slower);
        p->threads = threads ? threads : p->pin_count;
        /* Among equal cores the scheduler does well by itself; slow ones are kept out unless all are asked for. */
        if (!slower || p->threads > p->pin_count)
            p->pin_count = 0;
        p->crowded = p->before_count && p->threads > p->before_count;
    }
    cores_format(p->pins, p->pin_count, p->cpus, sizeof p->cpus);
    return true;
}

pool *pool_new(int threads, const char *cpus, trit_error *e)
{
    if (threads < 0 || threads > MAX_CPUS)
        return fail(e, "%d threads cannot be; use 0 to %d", threads, MAX_CPUS), NULL;
    pool *p = NULL;
    if (posix_memalign((void **)&p, 64, sizeof *p))
        return fail(e, "there is no memory for the threads"), NULL;
    memset(p, 0, sizeof *p);
    if (!place(p, threads, cpus, e)) {
        free(p);
        return NULL;
    }
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->changed, NULL);
    int wanted = p->threads;
    p->threads = 1;
    p->handles = calloc((size_t)wanted, sizeof *p->handles);
    p->members = calloc((size_t)wanted, sizeof *p->members);
    if (posix_memalign((void **)&p->shares, 64, (size_t)wanted * sizeof *p->shares))
        p->shares = NULL;
    else
        memset(p->shares, 0, (size_t)wanted * sizeof *p->shares);
    if (!p->handles || !p->members || !p->shares) {
        pool_free(p);
        return fail(e, "there is no memory for %d threads", wanted), NULL;
    }
    pin_member(p, 0);
    while (p->threads < wanted) {
        member *m = &p->members[p->threads];
        *m = (member){ p, p->threads };
        int error = pthread_create(&p->handles[p->threads], NULL, worker, m);
        if (error) {
            int made = p->threads;
            pool_free(p);
            return fail(e, "only %d of %d threads could be started: %s", made, wanted, strerror(error)), NULL;
        }
        p->threads++;
    }
    return p;
}

void pool_free(pool *p)
{
    if (!p)
        return;
    atomic_store(&p->stop, true);
    if (p->shares)
        atomic_fetch_add(&p->shares[0].ticket, (uint_fast64_t)1 << 32);
    wake(p);
    for (int i = 1; i < p->threads; i++)
        pthread_join(p->handles[i], NULL);
    if (p->cpus[0] && p->before_count)
        cores_pin(p->before, p->before_count);
    pthread_mutex_destroy(&p->lock);
    pthread_cond_destroy(&p->changed);
    free(p->handles);
    free(p->members);
    free(p->shares);
    free(p);
}

int pool_threads(const pool *p)
{
    return p->threads;
}

const char *pool_cpus(const pool *p)
{
    return p->cpus;
}

/* Slices of `grain` items, or, where part is not 0, of so many a part of what is left of a share. */
static void run(pool *p, size_t n, size_t grain, size_t part, pool_task task, void *arg)
{
    if (!n)
        return;
    if (!grain)
        grain = 1;
    if (p->threads == 1 || n <= grain || n > UINT32_MAX) {
        task(arg, 0, n, 0);
        return;
    }
    uint32_t number = task_number(p) + 1;
    for (int i = 0; i < p->threads; i++)
        atomic_store(&p->shares[i].ticket, (uint_fast64_t)(uint32_t)(number - 1) << 32 | UINT32_MAX); /* closed: beyond every item */
    atomic_store_explicit(&p->task, task, memory_order_release);
    atomic_store_explicit(&p->arg, arg, memory_order_release);
    atomic_store_explicit(&p->n, n, memory_order_release);
    atomic_store_explicit(&p->grain, grain, memory_order_release);
    atomic_store_explicit(&p->part, part, memory_order_release);
    atomic_store(&p->finished, 0);
    for (int i = p->threads; i-- > 0;)
        atomic_store(&p->shares[i].ticket, (uint_fast64_t)number << 32 | share_begin(n, grain, (size_t)i, (size_t)p->threads));
    wake(p);
    work(p, number, 0);
    wait_for(p, task_finished, n);
}

void pool_run(pool *p, size_t n, size_t grain, pool_task task, void *arg)
{
    run(p, n, grain, 0, task, arg);
}

void pool_stream(pool *p, size_t n, size_t grain, pool_task task, void *arg)
{
    enum { PART = 3 };
    run(p, n, grain, PART, task, arg);
}
