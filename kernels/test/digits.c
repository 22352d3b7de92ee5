/* Weights of several trits: bytes and back, the least error, and products of packed matrices bit for bit on every ISA. */
#include "../digits.h"
#include "../pack.h"
#include "../quantize.h"
#include "../repack.h"
#include "expect.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static uint32_t state = 7;

static uint32_t draw(uint32_t n)
{
    state = state * 1664525 + 1013904223;
    return (state >> 8) % n;
}

static void try_bytes(int trits, size_t n)
{
    int8_t digits[DIGIT_BLOCK], back[DIGIT_BLOCK];
    uint8_t bytes[DIGIT_BLOCK * MOST_TRITS];
    float scale = 0;
    int limit = digit_limit(trits);
    for (size_t i = 0; i < n; i++)
        digits[i] = (int8_t)((int)draw((uint32_t)(2 * limit + 1)) - limit);
    memset(bytes, 0xee, sizeof bytes);
    encode_digits(trits, digits, f32_to_f16(0.25f), bytes, n);
    EXPECT(bytes[digit_bytes(trits, n)] == 0xee, "%d trits, %zu weights: a byte too many", trits, n);
    decode_digits(trits, bytes, back, &scale, n);
    EXPECT(scale == 0.25f && !memcmp(digits, back, n), "%d trits, %zu weights come back otherwise", trits, n);
    if (trits > 1 && n >= 5) { /* the trits of weight 0 are the first of the first byte, the greatest first */
        int8_t one[DIGIT_BLOCK] = { (int8_t)limit };
        encode_digits(trits, one, 0, bytes, n);
        unsigned x = bytes[0];
        for (int i = 0; i < 5 && i < trits; i++, x = x * 3 & 255)
            EXPECT(x * 3 >> 8 == 2, "%d trits: trit %d of a weight lies elsewhere", trits, i);
    }
}

/* No other scale near the chosen one does better by more than what half precision costs, and a block of one size is exact. */
static void try_fit(int trits)
{
    float x[DIGIT_BLOCK], h[DIGIT_BLOCK];
    int8_t digits[DIGIT_BLOCK];
    uint16_t half;
    double squares = 0;
    for (int i = 0; i < DIGIT_BLOCK; i++) {
        double sum = 0;
        for (int j = 0; j < 12; j++)
            sum += (double)draw(1 << 16) / (1 << 16) - 0.5;
        x[i] = (float)sum;
        h[i] = i % 2 ? 1 : 0.01f;
        squares += sum * sum;
    }
    double plain = 0, odd[2] = { 0, 0 };
    float limit = (float)digit_limit(trits);
    fit_digits(trits, x, NULL, NULL, DIGIT_BLOCK, digits, &half);
    for (int i = 0; i < DIGIT_BLOCK; i++)
        plain += pow((double)x[i] - (double)f16_to_f32(half) * digits[i], 2);
    for (float s = 0.02f; s < 2; s *= 1.01f) {
        double error = 0;
        for (int i = 0; i < DIGIT_BLOCK; i++) {
            float q = rintf(x[i] / s);
            q = q > limit ? limit : q < -limit ? -limit : q;
            error += ((double)x[i] - (double)s * (double)q) * ((double)x[i] - (double)s * (double)q);
        }
        EXPECT(plain <= error * 1.04, "%d trits: error %g, but %g with the scale %g", trits, plain, error, (double)s);
    }
    EXPECT(plain < squares, "%d trits: error %g of %g", trits, plain, squares);
    for (int w = 0; w < 2; w++) {
        fit_digits(trits, x, w ? h : NULL, NULL, DIGIT_BLOCK, digits, &half);
        for (int i = 1; i < DIGIT_BLOCK; i += 2)
            odd[w] += pow((double)x[i] - (double)f16_to_f32(half) * digits[i], 2);
    }
    EXPECT(odd[1] <= odd[0] * 1.0001, "%d trits: what matters is off by %g, and by %g without importance", trits, odd[1], odd[0]);
    for (int i = 0; i < DIGIT_BLOCK; i++)
        x[i] = 0.375f * (float)((int)draw(3) - 1);
    fit_digits(trits, x, NULL, NULL, DIGIT_BLOCK, digits, &half);
    for (int i = 0; i < DIGIT_BLOCK; i++)
        EXPECT(x[i] == f16_to_f32(half) * (float)digits[i], "%d trits: trit %d is not exact", trits, i);
    memset(x, 0, sizeof x);
    fit_digits(trits, x, NULL, NULL, DIGIT_BLOCK, digits, &half);
    EXPECT(half == 0, "%d trits: zeros", trits);
}

/* What the specification of the kernels says, for one result. */
static float expected(int trits, const uint8_t *row, size_t k, const float *x)
{
    int8_t digits[4096], q[4096] = { 0 };
    float scales[16], d[128], sum = 0, padded[4096] = { 0 };
    const trit_ops *scalar = ops_for("scalar");
    size_t width = (k + 31) / 32 * 32;
    memset(digits, 0, sizeof digits);
    memcpy(padded, x, k * sizeof *x);
    decode_digits(trits, row, digits, scales, k);
    scalar->quant_f32q8(padded, q, d, width);
    for (size_t b = 0; b < width / 32; b++) {
        int32_t products = 0;
        for (size_t i = 0; i < 32; i++)
            products += digits[32 * b + i] * q[32 * b + i];
        sum = fmaf((float)products, scales[b / 8] * d[b], sum);
    }
    return sum;
}

static void try_matrix(int trits, size_t rows, size_t k, size_t n)
{
    const type_info *info = type_of(TYPE_T1 + (uint32_t)trits - 1);
    size_t row = (size_t)type_row_bytes(info, k);
    uint8_t *data = malloc(rows * row);
    float *x = malloc(n * k * sizeof *x), *y = malloc(n * rows * sizeof *y);
    int8_t digits[DIGIT_BLOCK];
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < k; i += DIGIT_BLOCK) {
            size_t some = k - i < DIGIT_BLOCK ? k - i : DIGIT_BLOCK;
            for (size_t j = 0; j < some; j++)
                digits[j] = (int8_t)((int)draw((uint32_t)(2 * digit_limit(trits) + 1)) - digit_limit(trits));
            encode_digits(trits, digits, f32_to_f16(0.01f * (float)(1 + draw(50))), data + r * row + i / DIGIT_BLOCK * info->bytes, some);
        }
    for (size_t i = 0; i < n * k; i++)
        x[i] = (float)draw(2001) / 1000 - 1;
    static const char name[] = "blk.0.test.weight";
    gguf_tensor t = { .name = { name, sizeof name - 1 }, .type = info->id, .info = info, .n_dims = 2, .ne = { k, rows, 1, 1 }, .rows = rows,
                      .data = data, .bytes = rows * row };
    for (size_t i = 0; i < isa_count(); i++)
        for (int threads = 1; threads <= 2; threads++)
            for (size_t batch = 1; batch <= n && isa_at(i).available; batch += n > 1 ? n - 1 : 1) {
                trit_error e = { "" };
                pool *workers = pool_new(threads, NULL, &e);
                activations *a = activations_new(batch, k, &e);
                matrix m;
                bool ok = workers && a && matrix_load(&m, &t, &(matrix_options){ .layout = "t5", .scale = 1, .load = LOAD_MMAP }, workers, &e);
                EXPECT(ok, "%s", e.text);
                for (size_t at = 0; ok && at < n; at += batch) {
                    activations_set(a, x + at * k, n - at < batch ? n - at : batch, k);
                    matrix_mul(&m, a, y + at * rows, ops_for(isa_at(i).name), workers);
                }
                for (size_t j = 0; ok && j < n * rows; j++) {
                    float want = expected(trits, data + j % rows * row, k, x + j / rows * k);
                    EXPECT(y[j] == want, "%s, %d trits, %zu x %zu, %zu tokens, %d threads: result %zu is %.9g, not %.9g", isa_at(i).name, trits, rows,
                           k, batch, threads, j, (double)y[j], (double)want);
                    if (y[j] != want)
                        break;
                }
                if (ok)
                    matrix_free(&m);
                activations_free(a);
                pool_free(workers);
            }
    free(data), free(x), free(y);
}

/* The errors that were promised, sigma = 1. */
static void try_gaussian(void)
{
    static const struct { uint32_t type; double most, bits; } promised[] = {
        { TYPE_T1, 0.437, 1.6 + 0.09 }, { TYPE_T2, 0.176, 3.2 + 0.09 }, { TYPE_T3, 0.070, 4.8 + 0.09 }, { TYPE_T4, 0.0265, 6.4 + 0.09 },
    };
    trit_error e = { "" };
    pool *p = pool_new(2, NULL, &e);
    for (size_t i = 0; p && i < sizeof promised / sizeof *promised; i++) {
        quantize_error error;
        uint64_t bytes = 0;
        bool ok = quantize_gaussian(256, 1024, 1, type_of(promised[i].type), p, &error, &bytes, &e);
        double rmse = ok ? sqrt(error.error / error.weights) : 0;
        EXPECT(ok && error.weights == 256 * 1024 && fabs(error.squares / error.weights - 1) < 0.02, "%s", e.text);
        EXPECT(rmse > 0.001 && rmse <= promised[i].most, "%zu trits: %g", i + 1, rmse);
        EXPECT((double)bytes * 8 / (256 * 1024) <= promised[i].bits, "%zu trits: %llu bytes", i + 1, (unsigned long long)bytes);
    }
    pool_free(p);
}

int main(void)
{
    for (int trits = 1; trits <= MOST_TRITS; trits++) {
        static const size_t lengths[] = { 1, 2, 3, 4, 5, 6, 44, 64, 172, 255, 256 };
        for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
            try_bytes(trits, lengths[i]);
        if (trits < 2)
            continue; /* a BitNet weight: test/pack.c */
        try_fit(trits);
        try_matrix(trits, 1, 1, 1);
        try_matrix(trits, 17, 172, 5);
        try_matrix(trits, 50, 768, 40);
        try_matrix(trits, 33, 2560 - 32, 3);
    }
    try_gaussian();
    return failures();
}
