/* A screen: a copy of an output head at 4 bits a weight (Q4_0) that tells roughly what each logit is, and how far that may be off.

   For row w of the head, e = w - (its Q4_0 row), and an input x, the logit w.x differs from the screened one by
     e.x + (rounding of x to 8 bits).(Q4_0 row) + rounding of the sums.
   The signs of the terms e(i)*x(i) are as good as random, because e is what rounding left over. Such a sum exceeds z times
   v = sqrt(sum e(i)^2 x(i)^2) with probability < 2 exp(-z^2/2) (Hoeffding): 2.5e-14 for z = 8. (Without that assumption only
   sum |e(i) x(i)| is sure, which is some 50 times v and keeps no row out.)
   v is bounded over blocks b of 32 by Cauchy and Schwarz, so that a few large values of x or of w are no danger:
     v^2 <= sum_b E(b) |x_b|^2 <= |E| |x^2|,    E(b) = max(mean e_b^2, max e_b^2 / 3): the second is the first where e is uniform,
   with |E| = sqrt(sum_b E(b)^2) and |x^2| = sqrt(sum_b |x_b|^4). So each row keeps one number for e, and one of the same kind for w. */
#ifndef TRIT_SCREEN_H
#define TRIT_SCREEN_H
#include "pack.h"

typedef struct {
    gguf_tensor tensor;       /* says Q4_0 */
    matrix matrix;            /* its rows side by side (repack.h) */
    const float *residual;    /* [rows] |E|^(1/2) */
    const float *magnitude;   /* [rows] likewise of the weights, with the mean of the squares for E(b) */
    size_t bytes;             /* read for one choice */
    uint8_t *blob;            /* if owned, from slab_alloc */
} screen;

/* Whether a head can have a screen, and whether that pays: the head must be much larger than it, and no cache hold it. */
bool screen_possible(const gguf_tensor *head);
bool screen_pays(const gguf_tensor *head);

/* A screen as one run of bytes, which depends on the head's weights alone: Q4_0 rows side by side as repack.h has
   them, zeros up to a multiple of 64, residual[rows], magnitude[rows]. */
size_t screen_blob_bytes(const gguf_tensor *head);
/* Makes it; reads the head in rows, on the pool. Errors: weights that are not finite or far too large; memory. */
bool screen_fill(const gguf_tensor *head, uint8_t *blob, const trit_ops *ops, pool *p, trit_error *e);
/* Takes a blob (64-byte aligned) for the screen of a head whose products are multiplied by `scale`. The blob must outlive it, unless
   owned: then screen_free gives it to slab_free. Errors: damaged bounds. */
bool screen_adopt(screen *s, const gguf_tensor *head, float scale, uint8_t *blob, bool owned, trit_error *e);
/* Both, in memory of its own. */
bool screen_make(screen *s, const gguf_tensor *head, float scale, const trit_ops *ops, pool *p, trit_error *e);
void screen_free(screen *s);

/* Two factors for an input x[k]: the screened logit of row r is off by at most residual[r] * of_residual + magnitude[r] * of_magnitude.
   Not finite where x is not. */
typedef struct { float of_residual, of_magnitude; } screen_error;
screen_error screen_error_for(const screen *s, const float *x);
#endif
