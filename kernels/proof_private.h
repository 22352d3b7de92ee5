/* What proof.c (running, comparing) and proof_cases.c (inputs of each kernel) share. */
#ifndef TRIT_PROOF_PRIVATE_H
#define TRIT_PROOF_PRIVATE_H
#include "proof.h"

typedef struct { uint64_t state; } random_source;
uint64_t random_bits(random_source *r);
size_t random_below(random_source *r, size_t n);

/* What the values of a case look like. */
typedef enum { NORMAL, ZERO, EXTREME, HUGE_VALUES, TINY, NOT_FINITE, FLAVOURS } flavour;
enum { INPUTS = 6, MOST_VALUES = 1 << 14 /* of either kind in a result */ };

/* One case. Inputs end at a guard page, so that their addresses have any alignment; where `shift` is set they end that much earlier. */
typedef struct {
    flavour flavour;
    size_t n, rows, tokens, ldx, ldy; /* n: values of a vector, weights of a row */
    const float *x, *x2, *d;
    const uint16_t *h;
    const int8_t *q;
    const int32_t *sums;
    const void *w, *packed; /* packed: w with 16 rows side by side */
    const int16_t *parts;   /* sums of 16 q */
} input;

/* Results: floats (compared by the bound), then integers of one width (compared exactly). */
typedef struct {
    float *f;
    void *i;
    size_t floats, integers, width;
} output;

typedef struct {
    const char *name;
    float bound;       /* floats: |difference| <= bound * magnitude, unless the kernel is exact */
    int cases;
    /* Draws a case: sizes and values. `place` returns memory for an input. */
    void (*draw)(input *in, random_source *r, int number, void *(*place)(size_t bytes));
    void (*run)(const trit_ops *ops, const input *in, output *out);
    /* Size of the numbers that met in result i. NULL: the result itself. */
    double (*magnitude)(const input *in, size_t i);
} kernel_case;

extern const kernel_case kernel_cases[];
extern const size_t kernel_case_count;
/* Floats must be equal as well. */
bool kernel_is_exact(size_t i);
#endif
