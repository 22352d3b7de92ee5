#include "quantize_tensor.h"
#include <math.h>
#include <stdlib.h>

typedef struct { float *x; size_t k; uint64_t seed; } filling;

/* splitmix64: number i of a stream. */
static uint64_t number(uint64_t seed, uint64_t i)
{
    uint64_t z = seed + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* Two uniform numbers give two Gaussian ones (Box and Muller). */
static void fill_rows(void *arg, size_t begin, size_t end, int thread)
{
    const filling *f = arg;
    (void)thread;
    for (size_t r = begin; r < end; r++) {
        uint64_t stream = number(f->seed, r);
        for (size_t i = 0; i < f->k; i += 2) {
            double u = ((double)(number(stream, i) >> 11) + 0.5) * 0x1p-53, v = (double)(number(stream, i + 1) >> 11) * 0x1p-53;
            double radius = sqrt(-2 * log(u)), angle = 2 * 3.14159265358979323846 * v;
            f->x[r * f->k + i] = (float)(radius * cos(angle));
            if (i + 1 < f->k)
                f->x[r * f->k + i + 1] = (float)(radius * sin(angle));
        }
    }
}

bool quantize_gaussian(uint64_t rows, uint64_t k, uint64_t seed, const type_info *type, pool *threads, quantize_error *error, uint64_t *bytes,
                       trit_error *e)
{
    if (!type_takes(type, k))
        return fail(e, "rows of %llu weights are no multiple of the %u in a block of %s", (unsigned long long)k, (unsigned)type->weights, type->name);
    uint64_t size;
    float *x = __builtin_mul_overflow(rows, k, &size) || size > SIZE_MAX / sizeof *x ? NULL : malloc((size_t)size * sizeof *x);
    if (!x)
        return fail(e, "not enough memory for %llu x %llu Gaussian weights", (unsigned long long)rows, (unsigned long long)k);
    pool_run(threads, (size_t)rows, 1, fill_rows, &(filling){ x, (size_t)k, number(seed, 0) });
    gguf_tensor t = { .name = { "gaussian", 8 }, .type = TYPE_F32, .info = type_of(TYPE_F32), .n_dims = 2, .ne = { k, rows, 1, 1 }, .rows = rows,
                      .data = (const uint8_t *)x, .bytes = (size_t)size * sizeof *x };
    quantize_report report = { 0 };
    bool good = quantize_tensor(NULL, 0, &t, type, (input_view){ NULL, NULL }, threads, &report, e);
    *error = report.error;
    *bytes = type_row_bytes(type, k) * rows + (type->id == TYPE_I2_S ? sizeof(float) : 0);
    free(x);
    return good;
}
