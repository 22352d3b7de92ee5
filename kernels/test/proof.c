/* The proof must catch kernels that are wrong: each of these is broken in another way. */
#include "../proof.h"
#include "expect.h"
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static const trit_ops *good;

static float dot_off_at_the_tail(const uint16_t *w, const float *x, size_t n)
{
    return good->dot_f16f32(w, x, n / 16 * 16);
}

static float dot_reads_too_far(const uint16_t *w, const float *x, size_t n)
{
    return good->dot_f16f32(w, x, n) + 0 * *(const volatile float *)(x + (n + 15) / 16 * 16);
}

static float dot_not_there(const uint16_t *w, const float *x, size_t n)
{
    raise(SIGILL);
    return good->dot_f16f32(w, x, n);
}

static void norm_slightly_off(float *out, const float *x, const float *w, float eps, size_t n)
{
    good->rmsnorm_f32(out, x, w, eps * 100 + 1e-4f, n);
}

static void half_writes_too_far(const float *x, uint16_t *y, size_t n)
{
    good->f32_to_f16(x, y, n);
    y[n] = 0;
}

static float quant_rounds_away(const float *x, int8_t *q, int32_t *sum, size_t n)
{
    float d = good->quant_f32i8(x, q, sum, n);
    for (size_t i = 0; i < n && d > 0; i++)
        q[i] = (int8_t)(x[i] / d + (x[i] < 0 ? -0.5f : 0.5f));
    return d;
}

/* A saturating 16-bit sum: right for small sums, wrong for extreme ones. */
static void gemm_saturates(const uint8_t *w, size_t groups, size_t chunks, const int8_t *q, size_t ldx, const int32_t *sums, int32_t *y,
                           size_t ldy, size_t n)
{
    good->gemm_t2i8(w, groups, chunks, q, ldx, sums, y, ldy, n);
    for (size_t t = 0; t < n; t++)
        for (size_t r = 0; r < groups * 4; r++)
            if (abs(y[t * ldy + r]) > 1 << 18)
                y[t * ldy + r] = 1 << 18;
}

static void gemm_forgets_minima(const void *w, size_t rows, size_t k, const int8_t *q, const float *d, float *y, size_t ldy, size_t n)
{
    uint8_t *copy = malloc(rows * k / 256 * 144);
    memcpy(copy, w, rows * k / 256 * 144);
    for (size_t b = 0; b < rows * k / 256; b++)
        memset(copy + b * 144 + 2, 0, 2);
    good->gemm_q4_kq8(copy, rows, k, q, d, y, ldy, n);
    free(copy);
}

static void expect_caught(const char *kernel, trit_ops broken, const char *word)
{
    for (size_t i = 0; i < kernel_count(); i++) {
        if (strcmp(kernel_name(i), kernel))
            continue;
        proof sound = prove_kernel(i, good, good, 7, 0), p = prove_kernel(i, good, &broken, 7, 0);
        EXPECT(sound.ok, "%s itself: %s", kernel, sound.detail);
        EXPECT(!p.ok && strstr(p.detail, word), "%s broken: %s, \"%s\"", kernel, p.ok ? "accepted" : "refused", p.detail);
        return;
    }
    EXPECT(0, "there is no kernel %s", kernel);
}

#define BROKEN(field, function, word)                                                                                       \
    do {                                                                                                                    \
        trit_ops broken = *good;                                                                                            \
        broken.field = function;                                                                                            \
        expect_caught(#field, broken, word);                                                                                \
    } while (0)

int main(void)
{
    good = ops_for("scalar");
    BROKEN(dot_f16f32, dot_off_at_the_tail, "result 0 is");
    BROKEN(dot_f16f32, dot_reads_too_far, "SIGSEGV");
    BROKEN(dot_f16f32, dot_not_there, "SIGILL");
    BROKEN(rmsnorm_f32, norm_slightly_off, "result");
    BROKEN(f32_to_f16, half_writes_too_far, "outside");
    BROKEN(quant_f32i8, quant_rounds_away, "scalar says");
    BROKEN(gemm_t2i8, gemm_saturates, "integer");
    BROKEN(gemm_q4_kq8, gemm_forgets_minima, "result");
    return failures();
}
