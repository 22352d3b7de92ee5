/* Choosing the next token from the output head. With a screen, the head is read in two stages and the choice is the same: the screen
   tells which rows may hold one of the k greatest logits, and only their true logits are computed, from the head's own rows by the
   kernels of the full head, so they are the same bits.

   The k rows with the highest lower bounds (screened logit - error bound) are computed first; the smallest of their logits, t, is at most
   the k-th greatest of all. Whatever has an upper bound of t or more is computed too. The bounds hold with near certainty (screen.h), not
   by proof, so every logit that is computed tests them: one that is off by more than half its bound, or is not finite, or too many
   candidates, and the token is chosen from the full head instead. */
#ifndef TRIT_HEAD_H
#define TRIT_HEAD_H
#include "model.h"
#include "screen.h"

/* output.weight, or the embedding where the file has none; NULL where it has neither. */
const gguf_tensor *head_tensor(const gguf *g);

typedef struct chooser chooser; /* the buffers of one session */

/* s: NULL without a screen. With one, rows of the head are read by tensor_read and never stay in memory. Both must outlive it. */
chooser *chooser_new(const matrix *head, const screen *s, int threads, trit_error *e);
void chooser_free(chooser *c);
/* Chooses from x[k], for which `a` has been set (one token). Adds to counts. */
int32_t chooser_next(chooser *c, const float *x, activations *a, sampler *how, head_counts *counts, const trit_ops *ops, pool *p);

/* Whether a screen may be used: greedy, or top-k of at most SCREEN_MOST. */
enum { SCREEN_MOST = 256 };
bool sampler_takes_screen(const sampler *s);
#endif
