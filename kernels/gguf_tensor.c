#include "gguf_private.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

size_t gguf_count(const gguf *g)
{
    return g->tensor_count;
}

const gguf_tensor *gguf_at(const gguf *g, size_t i)
{
    return i < g->tensor_count ? &g->tensors[i] : NULL;
}

const gguf_tensor *gguf_find(const gguf *g, const char *name)
{
    return (const gguf_tensor *)(const void *)gguf_search(g->tensor_index, g->tensor_count, name);
}

static size_t row_bytes(const gguf_tensor *t)
{
    return (size_t)(t->ne[0] / t->info->weights * t->info->bytes);
}

static const uint8_t *row_at(const gguf_tensor *t, size_t row)
{
    return t->data + row * row_bytes(t);
}

void tensor_row_f32(const gguf_tensor *t, size_t row, float *out)
{
    decode_f32(t->type, row_at(t, row), tensor_scale(t), out, (size_t)t->ne[0]);
}

void tensor_read(const gguf_tensor *t, size_t at, size_t n, void *out)
{
    uint8_t *to = out;
    while (t->mapped && n) {
        ssize_t got = pread(t->fd, to, n, (off_t)(t->offset + at));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break; /* what the file does not give now, its mapping may hold still */
        to += got;
        at += (size_t)got;
        n -= (size_t)got;
    }
    memcpy(to, t->data + at, n);
}

void tensor_read_row_f32(const gguf_tensor *t, size_t row, float *out)
{
    enum { PIECE = 8192 };
    uint8_t buffer[PIECE];
    size_t left = (size_t)t->ne[0], most = PIECE / t->info->bytes * t->info->weights, at = row * row_bytes(t);
    for (size_t n; left; left -= n, out += n) {
        n = left < most ? left : most;
        size_t bytes = n / t->info->weights * t->info->bytes;
        tensor_read(t, at, bytes, buffer);
        decode_f32(t->type, buffer, tensor_scale(t), out, n);
        at += bytes;
    }
}

void tensor_row_trits(const gguf_tensor *t, size_t row, int8_t *out, float *scales)
{
    decode_trits(t->type, row_at(t, row), out, scales, (size_t)t->ne[0]);
}

float tensor_scale(const gguf_tensor *t)
{
    float scale = 1;
    if (t->type == TYPE_I2_S)
        memcpy(&scale, row_at(t, (size_t)t->rows), sizeof scale);
    return scale;
}

void tensor_drop(const gguf_tensor *t)
{
    long page = sysconf(_SC_PAGESIZE);
    if (!t->mapped || page <= 0) /* memory of gguf_parse would be lost */
        return;
    uintptr_t mask = (uintptr_t)page - 1, begin = ((uintptr_t)t->data + mask) & ~mask,
              end = ((uintptr_t)t->data + t->bytes) & ~mask;
    if (begin < end) /* whole pages of this tensor alone */
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}
