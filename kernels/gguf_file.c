#include "gguf_private.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

gguf *gguf_parse(const void *bytes, size_t size, trit_error *e)
{
    gguf *g = calloc(1, sizeof *g);
    if (!g) {
        fail(e, "not enough memory to open a GGUF");
        return NULL;
    }
    g->bytes = bytes;
    g->size = size;
    if (!gguf_read(g, e)) {
        gguf_close(g);
        return NULL;
    }
    return g;
}

/* Maps a regular file, or fails with a sentence. Pages are read only when touched. */
static bool map_file(gguf *g, const char *path, trit_error *e)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang here */
    if (fd < 0)
        return fail(e, "%s", strerror(errno));
    bool good = false;
    if (fstat(fd, &s))
        fail(e, "%s", strerror(errno));
    else if (!S_ISREG(s.st_mode))
        fail(e, "not a regular file");
    else if (!s.st_size)
        fail(e, "the file is empty");
    else if ((uint64_t)s.st_size > SIZE_MAX / 2)
        fail(e, "the file is larger than this machine can address");
    else {
        void *map = mmap(NULL, (size_t)s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map == MAP_FAILED)
            fail(e, "cannot be mapped: %s", strerror(errno));
        else {
            g->bytes = map;
            g->size = (size_t)s.st_size;
            g->mapped = good = true;
            g->fd = fd;
            g->changed_ns = (int64_t)s.st_mtim.tv_sec * 1000000000 + s.st_mtim.tv_nsec;
        }
    }
    if (!good)
        close(fd);
    return good;
}

gguf *gguf_open(const char *path, trit_error *e)
{
    trit_error why = { "" };
    gguf *g = calloc(1, sizeof *g);
    if (!g || !(g->path = strdup(path)))
        fail(&why, "not enough memory to open it");
    else if (map_file(g, path, &why) && gguf_read(g, &why))
        return g;
    fail(e, "%.200s: %.300s", path, why.text);
    gguf_close(g);
    return NULL;
}

void gguf_close(gguf *g)
{
    if (!g)
        return;
    if (g->foreign)
        safetensors_close(g);
    if (g->mapped) {
        munmap((void *)(uintptr_t)g->bytes, g->size);
        close(g->fd);
    }
    free(g->keys);
    free(g->key_index);
    free(g->tensors);
    free(g->tensor_index);
    free(g->path);
    free(g);
}

int64_t gguf_changed_ns(const gguf *g)
{
    return g->changed_ns;
}
