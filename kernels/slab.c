#include "slab.h"
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HUGE_PAGE = 2 << 20, SLAB = 64 << 20, ALIGN = 64 };

typedef struct slab {
    struct slab *next;
    uint8_t *memory;
    size_t size, used, live; /* bytes, bytes handed out, allocations not yet given back */
} slab;

static slab *slabs;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool slab_is_huge(void)
{
    char text[64] = "";
    FILE *f = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
    if (!f)
        return false;
    bool read = fgets(text, sizeof text, f) != NULL;
    fclose(f);
    return read && !strstr(text, "[never]");
}

static uint8_t *map_huge(size_t size)
{
    uint8_t *raw = mmap(NULL, size + HUGE_PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (raw == MAP_FAILED)
        return NULL;
    size_t before = (HUGE_PAGE - (uintptr_t)raw % HUGE_PAGE) % HUGE_PAGE;
    if (before)
        munmap(raw, before);
    munmap(raw + before + size, HUGE_PAGE - before);
#ifdef MADV_HUGEPAGE
    madvise(raw + before, size, MADV_HUGEPAGE);
#endif
    return raw + before;
}

void *slab_alloc(size_t bytes)
{
    if (bytes > SIZE_MAX / 2)
        return NULL;
    bytes = bytes ? (bytes + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
    void *result = NULL;
    pthread_mutex_lock(&lock);
    slab *s = slabs;
    while (s && s->size - s->used < bytes)
        s = s->next;
    if (!s && (s = malloc(sizeof *s))) {
        size_t size = bytes < SLAB ? SLAB : (bytes + HUGE_PAGE - 1) / HUGE_PAGE * HUGE_PAGE;
        *s = (slab){ slabs, map_huge(size), size, 0, 0 };
        if (s->memory) {
            slabs = s;
        } else {
            free(s);
            s = NULL;
        }
    }
    if (s) {
        result = s->memory + s->used;
        s->used += bytes;
        s->live++;
    }
    pthread_mutex_unlock(&lock);
    return result;
}

void slab_free(void *memory)
{
    if (!memory)
        return;
    pthread_mutex_lock(&lock);
    for (slab **at = &slabs; *at; at = &(*at)->next) {
        slab *s = *at;
        if ((uint8_t *)memory < s->memory || (uint8_t *)memory >= s->memory + s->size)
            continue;
        if (--s->live == 0) {
            *at = s->next;
            munmap(s->memory, s->size);
            free(s);
        }
        break;
    }
    pthread_mutex_unlock(&lock);
}
