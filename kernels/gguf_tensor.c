#include "gguf_private.h"
#include "hash.h"
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

uint64_t gguf_description_hash(const gguf *g)
{
    return hash_of(g->bytes, g->data_at);
}

static const uint8_t *row_at(const gguf_tensor *t, size_t row)
{
    if (t->head_rows) {
        size_t in_head = row % t->head_rows;
        row += in_head % 2 * (t->head_rows / 2) + in_head / 2 - in_head;
    }
    return t->data + row * (size_t)type_row_bytes(t->info, t->ne[0]);
}

void tensor_row_f32(const gguf_tensor *t, size_t row, float *out)
{
    decode_f32(t->type, row_at(t, row), tensor_scale(t), out, (size_t)t->ne[0]);
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

void tensor_read(const gguf_tensor *t, size_t at, void *out, size_t n)
{
    size_t done = 0;
    while (t->mapped && done < n) {
        ssize_t more = pread(t->fd, (uint8_t *)out + done, n - done, (off_t)(t->offset + at + done));
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            break; /* the mapping will tell */
        done += (size_t)more;
    }
    memcpy((uint8_t *)out + done, t->data + at + done, n - done);
}

void tensor_fetch_row_f32(const gguf_tensor *t, size_t row, float *out)
{
    uint8_t some[4096];
    size_t k = (size_t)t->ne[0], block = t->info->bytes, blocks = sizeof some / block, row_bytes = (size_t)type_row_bytes(t->info, k);
    float scale = 1;
    if (!blocks || !t->mapped) {
        tensor_row_f32(t, row, out);
        return;
    }
    if (t->type == TYPE_I2_S)
        tensor_read(t, (size_t)t->rows * row_bytes, &scale, sizeof scale);
    for (size_t i = 0, at = row * row_bytes; i < k; i += blocks * t->info->weights, at += blocks * block) {
        size_t n = k - i < blocks * t->info->weights ? k - i : blocks * t->info->weights;
        tensor_read(t, at, some, (size_t)type_row_bytes(t->info, n));
        decode_f32(t->type, some, scale, out + i, n);
    }
}

/* Gives advice for the whole pages of this tensor alone. */
static void advise(const gguf_tensor *t, int advice)
{
    long page = sysconf(_SC_PAGESIZE);
    if (!t->mapped || page <= 0) /* memory of gguf_parse would be lost */
        return;
    uintptr_t mask = (uintptr_t)page - 1, begin = ((uintptr_t)t->data + mask) & ~mask,
              end = ((uintptr_t)t->data + t->bytes) & ~mask;
    if (begin < end)
        madvise((void *)begin, end - begin, advice);
}

void tensor_drop(const gguf_tensor *t)
{
    advise(t, MADV_DONTNEED);
}

void tensor_stream(const gguf_tensor *t)
{
#ifdef MADV_HUGEPAGE
    advise(t, MADV_HUGEPAGE);
#else
    (void)t;
#endif
}
