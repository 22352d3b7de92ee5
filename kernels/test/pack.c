/* Packed matrices against plain arithmetic: ternary types and layouts bit for bit, any number of threads and tokens, every ISA. */
#include "../pack.h"
#include "../repack.h"
#include "expect.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 1;

static uint32_t draw(uint32_t n)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

static uint16_t half(float f)
{
    return f32_to_f16(f);
}

static void encode_i2_s(const int8_t *t, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i / 128 * 32 + i % 32] |= (uint8_t)((t[i] + 1) << (6 - 2 * (i % 128 / 32)));
}

static void encode_tq2_0(const int8_t *t, size_t n, const float *d, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i / 256 * 66 + i % 256 / 128 * 32 + i % 32] |= (uint8_t)((t[i] + 1) << 2 * (i % 128 / 32));
    for (size_t b = 0; b < n / 256; b++)
        memcpy(out + b * 66 + 64, &(uint16_t){ half(d[b]) }, 2);
}

/* A tensor over bytes; trailing scale for I2_S. */
static gguf_tensor tensor(uint32_t type, size_t rows, size_t k, const uint8_t *data, size_t bytes)
{
    static const char name[] = "blk.0.test.weight";
    return (gguf_tensor){ .name = { name, sizeof name - 1 }, .type = type, .info = type_of(type), .n_dims = 2, .ne = { k, rows, 1, 1 },
                          .rows = rows, .data = data, .bytes = bytes };
}

typedef struct { size_t rows, k, n; int8_t *trits; float *x, *want; } problem;

/* y of one pass, on `threads` threads, tokens evaluated `batch` at a time. */
static bool multiply(const gguf_tensor *t, const char *layout, const problem *p, int threads, size_t batch, const char *isa, float *y,
                     trit_error *e)
{
    pool *workers = pool_new(threads, NULL, e);
    activations *a = activations_new(batch, p->k, e);
    matrix m;
    bool ok = workers && a && matrix_load(&m, t, &(matrix_options){ .layout = layout, .scale = 1 }, workers, e);
    for (size_t i = 0; ok && i < p->n; i += batch) {
        activations_set(a, p->x + i * p->k, p->n - i < batch ? p->n - i : batch, p->k);
        matrix_mul(&m, a, y + i * p->rows, ops_for(isa), workers);
    }
    if (ok) {
        bool fits = type_is_ternary(t->type) && !m.scales;
        const lane_layout *lanes = lane_layout_for(t->type);
        const char *own = type_is_ternary(t->type) ? "t2" : lanes ? lanes->name : t->info->name;
        EXPECT(strcmp(m.layout, fits ? layout : own) == 0, "%zu x %zu became %s", m.rows, m.k, m.layout);
        EXPECT(!fits || m.bytes == packed_bytes(layout, m.rows, m.k), "%s of %zu x %zu takes %zu bytes", m.layout, m.rows, m.k, m.bytes);
        matrix_free(&m);
    }
    activations_free(a);
    pool_free(workers);
    return ok;
}

static void expect_close(const problem *p, const float *y, const char *what)
{
    double worst = 0;
    for (size_t i = 0; i < p->rows * p->n; i++)
        worst = fmax(worst, fabs((double)y[i] - (double)p->want[i]));
    /* Activations have 8 bits: an error of max|x|/254 a product, of random sign. */
    EXPECT(worst < 0.05 * sqrt((double)p->k), "%s, %zu x %zu: off by %g", what, p->rows, p->k, worst);
}

static void try_ternary(size_t rows, size_t k, size_t n, bool many_scales)
{
    problem p = { rows, k, n, malloc(rows * k), malloc(n * k * sizeof(float)), calloc(n * rows, sizeof(float)) };
    size_t blocks = rows * ((k + 255) / 256), i2_bytes = rows * k / 4 + 32;
    float *d = malloc(blocks * sizeof *d), scale = 0.75f;
    for (size_t i = 0; i < rows * k; i++)
        p.trits[i] = (int8_t)draw(3) - 1;
    if (rows > 2)
        memset(p.trits + k, 0, k); /* a row of zeros, whose scale must not matter */
    for (size_t b = 0; b < blocks; b++)
        d[b] = many_scales ? 0.25f * (float)(1 + draw(8)) : rows > 2 && b / (k / 256 + (k % 256 != 0)) == 1 ? 3 : scale;
    for (size_t i = 0; i < n * k; i++)
        p.x[i] = (float)draw(2001) / 1000 - 1;
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < rows; r++)
            for (size_t i = 0; i < k; i++)
                p.want[t * rows + r] += (float)p.trits[r * k + i] * (many_scales ? d[(r * k + i) / 256] : scale) * p.x[t * k + i];

    uint8_t *i2 = calloc(1, i2_bytes), *tq2 = calloc(1, blocks * 66);
    float *first = calloc(n * rows, sizeof *first), *y = calloc(n * rows, sizeof *y);
    encode_i2_s(p.trits, rows * k, i2);
    memcpy(i2 + rows * k / 4, &scale, sizeof scale);
    gguf_tensor a = tensor(TYPE_I2_S, rows, k, i2, i2_bytes), b = tensor(TYPE_TQ2_0, rows, k, tq2, blocks * 66);
    bool whole = k % 256 == 0;
    if (whole)
        encode_tq2_0(p.trits, rows * k, d, tq2);
    const gguf_tensor *t = many_scales ? &b : &a;
    trit_error e = { "" };
    EXPECT(multiply(t, "t2", &p, 1, n, "scalar", first, &e), "%s", e.text);
    expect_close(&p, first, t->info->name);
    for (int threads = 1; threads <= 3; threads++)
        for (size_t batch = 1; batch <= n; batch += batch < 3 ? 1 : n > 3 ? n - 3 : 1)
            for (size_t i = 0; i < isa_count(); i++) {
                isa_row isa = isa_at(i);
                if (!isa.available)
                    continue;
                for (int l = 0; l < 2; l++) {
                    const char *layout = l ? "t5" : "t2";
                    EXPECT(multiply(t, layout, &p, threads, batch, isa.name, y, &e), "%s", e.text);
                    EXPECT(!memcmp(first, y, n * rows * sizeof *y), "%s, %s, %zu x %zu, %d threads, batch %zu differs", isa.name, layout, rows,
                           k, threads, batch);
                }
            }
    if (whole && !many_scales) {
        for (int l = 0; l < 2; l++) {
            EXPECT(multiply(&b, l ? "t5" : "t2", &p, 2, n, NULL, y, &e), "%s", e.text);
            EXPECT(!memcmp(first, y, n * rows * sizeof *y), "tq2_0 and i2_s of %zu x %zu differ", rows, k);
        }
    }
    free(p.trits), free(p.x), free(p.want), free(d), free(i2), free(tq2), free(first), free(y);
}

/* A dense matrix large enough to be copied multiplies as its rows in the file do. */
static void try_dense(size_t rows, size_t k)
{
    float *w = malloc(rows * k * sizeof *w), *x = malloc(k * sizeof *x), *y = malloc(rows * sizeof *y);
    for (size_t i = 0; i < rows * k; i++)
        w[i] = (float)draw(2001) / 1000 - 1;
    for (size_t i = 0; i < k; i++)
        x[i] = (float)draw(2001) / 1000 - 1;
    gguf_tensor t = tensor(TYPE_F32, rows, k, (const uint8_t *)w, rows * k * sizeof *w);
    problem p = { rows, k, 1, NULL, x, NULL };
    for (int threads = 1; threads <= 3; threads++) {
        trit_error e = { "" };
        memset(y, 0xff, rows * sizeof *y);
        EXPECT(multiply(&t, "t5", &p, threads, 1, NULL, y, &e), "%s", e.text);
        for (size_t r = 0; r < rows; r++) {
            float want = ops_for(NULL)->dot_f32f32(w + r * k, x, k);
            EXPECT(y[r] == want, "f32 %zu x %zu, row %zu: %g, not %g", rows, k, r, (double)y[r], (double)want);
        }
    }
    free(w), free(x), free(y);
}

static void expect_refused(uint32_t type, const uint8_t *data, size_t bytes, const char *word)
{
    gguf_tensor t = tensor(type, 4, 256, data, bytes);
    trit_error e = { "" };
    pool *p = pool_new(2, NULL, &e);
    matrix m;
    for (int l = 0; l < 2; l++) {
        bool ok = matrix_load(&m, &t, &(matrix_options){ .layout = l ? "t5" : "t2", .scale = 1 }, p, &e);
        EXPECT(!ok && strstr(e.text, word) && strstr(e.text, "blk.0.test.weight"), "%s: %s \"%s\"", t.info->name, ok ? "accepted" : "refused", e.text);
    }
    pool_free(p);
}

/* Rows too long for the exact sums of t5 stay in t2. */
static void try_too_long(void)
{
    size_t k = (T5_MOST_CHUNKS + 1) * T5_CHUNK / 128 * 128, bytes = k / 4 + 32;
    uint8_t *data = malloc(bytes);
    memset(data, 0x55, bytes);
    memset(data + k / 4, 0, 32);
    trit_error e = { "" };
    pool *p = pool_new(1, NULL, &e);
    for (int longer = 0; longer < 2; longer++) {
        gguf_tensor t = tensor(TYPE_I2_S, 1, longer ? k : T5_MOST_CHUNKS * T5_CHUNK, data, bytes);
        matrix m;
        EXPECT(p && matrix_load(&m, &t, &(matrix_options){ .layout = "t5", .scale = 1 }, p, &e), "%s", e.text);
        EXPECT(!strcmp(m.layout, longer ? "t2" : "t5"), "%zu weights a row became %s", (size_t)t.ne[0], m.layout);
        matrix_free(&m);
    }
    pool_free(p);
    free(data);
}

/* Block types with 16 rows side by side: a result is that of its row and token alone, on each ISA, and the same on those that have their
   own kernels, for all of them multiply and add in one step and block after block. */
static void try_blocks(uint32_t type, size_t rows, size_t k, size_t n)
{
    const type_info *info = type_of(type);
    problem p = { rows, k, n, NULL, malloc(n * k * sizeof(float)), calloc(n * rows, sizeof(float)) };
    size_t row = k / info->weights * info->bytes;
    size_t scales[2] = { type == TYPE_Q6_K ? 208 : 0, type == TYPE_Q4_K ? 2 : type == TYPE_Q6_K ? 208 : 0 };
    uint8_t *data = malloc(rows * row);
    float *w = malloc(k * sizeof *w), *first = malloc(n * rows * sizeof *first), *own = malloc(n * rows * sizeof *own);
    float *y = malloc(n * rows * sizeof *y);
    float unit = type == TYPE_Q8_0 ? 0.01f : type == TYPE_Q6_K ? 0.0005f : type == TYPE_Q4_K ? 0.002f : 0.1f; /* weights of about 1 */
    for (size_t i = 0; i < rows * row; i++)
        data[i] = (uint8_t)draw(256);
    for (size_t b = 0; b < rows * row; b += info->bytes)
        for (int s = 0; s < 2; s++)
            memcpy(data + b + scales[s], &(uint16_t){ half(unit * (float)(1 + draw(9)) / 9) }, 2);
    for (size_t i = 0; i < n * k; i++)
        p.x[i] = (float)draw(2001) / 1000 - 1;
    for (size_t r = 0; r < rows; r++) {
        decode_f32(type, data + r * row, 1, w, k);
        for (size_t t = 0; t < n; t++)
            for (size_t i = 0; i < k; i++)
                p.want[t * rows + r] += w[i] * p.x[t * k + i];
    }
    gguf_tensor t = tensor(type, rows, k, data, rows * row);
    trit_error e = { "" };
    bool have_own = false;
    for (size_t i = 0; i < isa_count(); i++) {
        isa_row isa = isa_at(i);
        if (!isa.available)
            continue;
        bool scalar = !strcmp(ops_source(ops_for(isa.name), "gemm_q4_0x16q8"), "scalar");
        EXPECT(multiply(&t, "t2", &p, 1, 1, isa.name, first, &e), "%s", e.text);
        expect_close(&p, first, info->name);
        for (int threads = 1; threads <= 3; threads++)
            for (size_t batch = (size_t)threads + 1; batch <= n; batch += 1 + n / 3) {
                EXPECT(multiply(&t, "t2", &p, threads, batch, isa.name, y, &e), "%s", e.text);
                EXPECT(!memcmp(first, y, n * rows * sizeof *y), "%s, %s, %zu x %zu, %d threads, batch %zu differs", isa.name, info->name, rows, k,
                       threads, batch);
            }
        if (!scalar && have_own)
            EXPECT(!memcmp(first, own, n * rows * sizeof *y), "%s, %s, %zu x %zu differs from the ISAs below", isa.name, info->name, rows, k);
        if (!scalar)
            memcpy(own, first, n * rows * sizeof *y);
        have_own |= !scalar;
    }
    free(p.x), free(p.want), free(data), free(w), free(first), free(own), free(y);
}

int main(void)
{
    try_ternary(4, 256, 1, false);
    try_ternary(1, 128, 2, false);
    try_ternary(7, 384, 5, false);
    try_ternary(70, 1024, 9, false);
    try_ternary(33, 6912, 3, false);
    try_ternary(9, 14336, 2, false); /* the longest rows of a known model */
    try_too_long();
    try_ternary(130, 512, 60, false);
    try_ternary(6, 512, 4, true);
    try_ternary(67, 768, 7, true);

    EXPECT(packed_bytes("t2", 2560, 6912) == 2560 * 27 * 64 && packed_bytes("t5", 2559, 6912) == 2560 * 22 * 64, "padding");
    static const uint32_t blocks[] = { TYPE_Q4_0, TYPE_Q8_0, TYPE_Q4_K, TYPE_Q6_K };
    for (size_t i = 0; i < sizeof blocks / sizeof *blocks; i++) {
        try_blocks(blocks[i], 1, 256, 1);
        try_blocks(blocks[i], 16, 512, 37);
        try_blocks(blocks[i], 150, 768, 70);
        if (type_of(blocks[i])->weights == 32)
            try_blocks(blocks[i], 35, 96, 40);
    }
    try_dense(5, 33);
    try_dense(2503, 1021); /* 10 MB: slices of 4 MB and a rest */

    uint8_t bytes[4 * 66] = { 0 };
    for (int i = 0; i < 4; i++)
        memcpy(bytes + i * 66 + 64, &(uint16_t){ half(1) }, 2);
    bytes[66 + 5] = 0x0c;
    expect_refused(TYPE_TQ2_0, bytes, sizeof bytes, "row 1");
    bytes[66 + 5] = 0;
    memcpy(bytes + 3 * 66 + 64, &(uint16_t){ 0x7e00 }, 2);
    expect_refused(TYPE_TQ2_0, bytes, sizeof bytes, "scale");
    uint8_t i2[4 * 64 + 32] = { 0 };
    memcpy(i2 + 4 * 64, &(float){ INFINITY }, sizeof(float));
    expect_refused(TYPE_I2_S, i2, sizeof i2, "scale");
    memset(i2 + 4 * 64, 0, sizeof(float));
    i2[200] = 0xc0;
    expect_refused(TYPE_I2_S, i2, sizeof i2, "row 3");
    return failures();
}
