#include "quantize_tensor.h"
#include "digits.h"
#include "encode.h"
#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SLICE_ROWS = 16, BINS = 1 << 14 /* of the sizes of weights, for T1 */ };
static const float LARGEST_HALF = 65504;

/* What a scan of one tensor found. */
typedef enum {
    DENSE,
    TERNARY_VALUES,  /* dense, but only -s, 0, s */
    TERNARY_CODES    /* a ternary type */
} weight_kind;

typedef struct {
    const gguf_tensor *from;
    const type_info *to;
    size_t number, k, rows;
    weight_kind kind;
    float scale;             /* of a ternary result */
    const float *inputs;     /* their importance [k], or NULL */
    const float *feedback;   /* [blocks][DIGIT_BLOCK][DIGIT_BLOCK], or NULL */
    float most, most_input;  /* largest |w|, largest importance */
    size_t row_bytes;
    /* for each thread */
    float *rows_f32;         /* [threads][k] */
    int8_t *trits;           /* [threads][k] */
    float *block_scales;     /* [threads][k / 256 + 1] */
    uint8_t *encoded;        /* [threads][SLICE_ROWS rows as stored] */
    float *decoded;          /* [threads][k] */
    uint64_t *sizes;         /* [threads][BINS], for T1 */
    /* for each row */
    double *row_sums;        /* sum of |w| */
    float *row_most;
    quantize_error *row_errors;
    gguf_out *out;           /* or NULL */
    atomic_bool failed;
    atomic_flag failing;
    trit_error *error;
} conversion;

static void stop(conversion *c, const trit_error *why)
{
    atomic_store(&c->failed, true);
    if (!atomic_flag_test_and_set(&c->failing) && c->error)
        *c->error = *why;
}

/* Rows that were read need not stay in memory; reading some again later is no loss. */
static void drop_rows(const conversion *c, size_t begin, size_t end)
{
    gguf_tensor slice = *c->from;
    size_t bytes = (size_t)type_row_bytes(slice.info, slice.ne[0]);
    slice.data += begin * bytes;
    slice.bytes = (end - begin) * bytes;
    tensor_drop(&slice);
}

static int name_len(const gguf_tensor *t)
{
    return (int)(t->name.len < 100 ? t->name.len : 100);
}

/* Sums |w| a row; refuses what no type can hold. */
static void scan_rows(void *arg, size_t begin, size_t end, int thread)
{
    conversion *c = arg;
    float *x = c->rows_f32 + (size_t)thread * c->k;
    trit_error why;
    for (size_t r = begin; r < end && !atomic_load(&c->failed); r++) {
        double sum = 0;
        float most = 0;
        tensor_row_f32(c->from, r, x);
        for (size_t i = 0; i < c->k; i++) {
            float size = fabsf(x[i]);
            if (!(size <= LARGEST_HALF)) {
                fail(&why,
                     "tensor %.*s: weight %zu of row %zu is %g, too large for half precision or no number; the file is damaged",
                     name_len(c->from), c->from->name.data, i, r, (double)x[i]);
                stop(c, &why);
                return;
            }
            most = fmaxf(most, size);
            sum += (double)size;
        }
        c->row_sums[r] = sum;
        c->row_most[r] = most;
    }
    drop_rows(c, begin, end);
}

/* How much importance the weights of each size have, in whole numbers, so that threads may add in any order. */
static void count_sizes(void *arg, size_t begin, size_t end, int thread)
{
    conversion *c = arg;
    float *x = c->rows_f32 + (size_t)thread * c->k, bins = (BINS - 1) / c->most;
    uint64_t *sizes = c->sizes + (size_t)thread * BINS;
    for (size_t r = begin; r < end; r++) {
        tensor_row_f32(c->from, r, x);
        for (size_t i = 0; i < c->k; i++)
            sizes[(size_t)(fabsf(x[i]) * bins)] += c->inputs ? (uint64_t)(c->inputs[i] / c->most_input * 65535) + 1 : 1;
    }
    drop_rows(c, begin, end);
}

/* The scale of least squares of one trit a weight. With those of at least some size as -s and s, s is the mean of their sizes, and what the
   sum of squares loses is (their sum)^2 / (their number): the size with the most of that is found. */
static float best_scale(conversion *c, pool *threads)
{
    for (size_t r = 0; r < c->rows; r++)
        c->most = fmaxf(c->most, c->row_most[r]);
    for (size_t i = 0; c->inputs && i < c->k; i++)
        c->most_input = fmaxf(c->most_input, c->inputs[i]);
    if (c->most < 1e-30f)
        return 0;
    pool_run(threads, c->rows, SLICE_ROWS, count_sizes, c);
    double count = 0, sum = 0, best = 0, scale = 0;
    for (size_t b = BINS; b-- > 0;) {
        uint64_t here = 0;
        for (int i = 0; i < pool_threads(threads); i++)
            here += c->sizes[(size_t)i * BINS + b];
        count += (double)here;
        sum += (double)here * ((double)b + 0.5) / (BINS - 1) * (double)c->most;
        if (count > 0 && sum * sum / count > best) {
            best = sum * sum / count;
            scale = sum / count;
        }
    }
    return f16_to_f32(f32_to_f16((float)scale)); /* as it is stored */
}

/* Whether all weights of dense rows are -s, 0 or s, for s = c->scale. */
static void scan_values(void *arg, size_t begin, size_t end, int thread)
{
    conversion *c = arg;
    float *x = c->rows_f32 + (size_t)thread * c->k;
    trit_error why = { "" };
    for (size_t r = begin; r < end && !atomic_load(&c->failed); r++) {
        tensor_row_f32(c->from, r, x);
        for (size_t i = 0; i < c->k; i++)
            if (x[i] != 0 && fabsf(x[i]) != c->scale) {
                stop(c, &why);
                return;
            }
    }
}

/* Refuses codes that are no trits, scales that are no numbers, and for I2_S blocks with a weight whose scale is not c->scale. */
static void scan_codes(void *arg, size_t begin, size_t end, int thread)
{
    conversion *c = arg;
    int8_t *trits = c->trits + (size_t)thread * c->k;
    float *scales = c->block_scales + (size_t)thread * (c->k / 256 + 1);
    bool blocks = c->from->type != TYPE_I2_S;
    trit_error why;
    for (size_t r = begin; r < end && !atomic_load(&c->failed); r++) {
        tensor_row_trits(c->from, r, trits, blocks ? scales : NULL);
        for (size_t i = 0; i < c->k; i++) {
            float scale = blocks ? scales[i / 256] : c->scale;
            if (!isfinite(scale))
                fail(&why, "tensor %.*s: the scale of row %zu is %g; this file is damaged", name_len(c->from), c->from->name.data,
                     r, (double)scale);
            else if (trits[i] > 1)
                fail(&why, "tensor %.*s: weight %zu of row %zu has a code that is no trit; this file is damaged",
                     name_len(c->from), c->from->name.data, i, r);
            else if (trits[i] && scale != c->scale && c->to->id == TYPE_I2_S)
                fail(&why, "tensor %.*s has blocks of different scales (%g, %g), and i2_s holds one; choose tq1_0 or tq2_0",
                     name_len(c->from), c->from->name.data, (double)c->scale, (double)scale);
            else
                continue;
            stop(c, &why);
            return;
        }
    }
}

/* The first weight that is not zero, as a scale: 0 for a tensor of zeros. */
static float first_scale(conversion *c)
{
    bool codes = type_is_ternary(c->from->type);
    for (size_t r = 0; r < c->rows; r++) {
        if (codes)
            tensor_row_trits(c->from, r, c->trits, c->block_scales);
        else
            tensor_row_f32(c->from, r, c->rows_f32);
        for (size_t i = 0; i < c->k; i++)
            if (codes ? c->trits[i] != 0 : c->rows_f32[i] != 0)
                return codes ? c->block_scales[i / 256] : fabsf(c->rows_f32[i]);
    }
    return 0;
}

/* Finds kind and scale for a ternary result. */
static bool plan_ternary(conversion *c, pool *threads, quantize_report *report)
{
    if (type_is_ternary(c->from->type)) {
        c->kind = TERNARY_CODES;
        c->scale = c->from->type == TYPE_I2_S ? tensor_scale(c->from) : first_scale(c);
        pool_run(threads, c->rows, SLICE_ROWS, scan_codes, c);
    } else {
        pool_run(threads, c->rows, SLICE_ROWS, scan_rows, c);
        if (atomic_load(&c->failed))
            return false;
        trit_error *error = c->error;
        c->error = NULL;
        c->scale = first_scale(c);
        pool_run(threads, c->rows, SLICE_ROWS, scan_values, c);
        c->error = error;
        c->kind = TERNARY_VALUES;
        if (atomic_load(&c->failed)) {
            /* Not ternary yet: the mean of |w|, summed in the order of the rows whatever the threads. */
            double sum = 0;
            for (size_t r = 0; r < c->rows; r++)
                sum += c->row_sums[r];
            c->kind = DENSE;
            c->scale = c->to->id == TYPE_T1 ? best_scale(c, threads) : (float)(sum / ((double)c->rows * (double)c->k));
            atomic_store(&c->failed, false);
            atomic_flag_clear(&c->failing);
        }
    }
    if (c->to->id != TYPE_I2_S && c->kind != DENSE && f16_to_f32(f32_to_f16(c->scale)) != c->scale)
        report->rounded_scales++;
    return !atomic_load(&c->failed);
}

static void to_trits(const conversion *c, const float *x, int8_t *trits)
{
    for (size_t i = 0; i < c->k; i++) {
        if (c->kind == TERNARY_VALUES)
            trits[i] = (int8_t)((x[i] > 0) - (x[i] < 0));
        else {
            float t = c->scale > 0 ? x[i] / c->scale : 0;
            trits[i] = (int8_t)((t > 0.5f) - (t < -0.5f)); /* round half to even: 0.5 is 0 */
        }
    }
}

static const float *feedback_at(const conversion *c, size_t i)
{
    return c->feedback ? c->feedback + i * DIGIT_BLOCK : NULL;
}

/* Encodes one row; leaves its weights in x where they are rounded. Returns whether they are. */
static bool encode_row(const conversion *c, size_t row, float *x, int8_t *trits, float *scales, uint8_t *out)
{
    int digits = type_is_ternary(c->to->id) ? 0 : type_trits(c->to->id);
    if (digits) {
        tensor_row_f32(c->from, row, x);
        for (size_t i = 0; i < c->k; i += DIGIT_BLOCK) {
            size_t n = c->k - i < DIGIT_BLOCK ? c->k - i : DIGIT_BLOCK;
            uint16_t scale;
            fit_digits(digits, x + i, c->inputs ? c->inputs + i : NULL, feedback_at(c, i), n, trits, &scale);
            encode_digits(digits, trits, scale, out, n);
            out += digit_bytes(digits, n);
        }
        return true;
    }
    if (!type_is_ternary(c->to->id)) {
        tensor_row_f32(c->from, row, x);
        encode_f32(c->to->id, x, out, c->k);
        return true;
    }
    bool blocks = c->kind == TERNARY_CODES && c->from->type != TYPE_I2_S;
    if (c->kind == TERNARY_CODES)
        tensor_row_trits(c->from, row, trits, blocks ? scales : NULL);
    else {
        tensor_row_f32(c->from, row, x);
        to_trits(c, x, trits);
    }
    for (size_t i = 0; c->feedback && c->kind == DENSE && i < c->k; i += DIGIT_BLOCK)
        round_digits(1, x + i, feedback_at(c, i), c->k - i < DIGIT_BLOCK ? c->k - i : DIGIT_BLOCK, c->scale, trits + i);
    for (size_t i = 0; i < c->k; i += c->to->weights) /* TQ to TQ keeps each block's scale */
        encode_trits(c->to->id, trits + i, blocks ? scales[i / 256] : c->scale, out + i / c->to->weights * c->to->bytes,
                     c->k - i < c->to->weights ? c->k - i : c->to->weights);
    return c->kind == DENSE;
}

/* What a row's weights x became. */
static void measure_row(const conversion *c, size_t row, const float *x, const uint8_t *encoded, float *decoded)
{
    quantize_error e = { .weights = (double)c->k };
    decode_f32(c->to->id, encoded, c->scale, decoded, c->k);
    for (size_t i = 0; i < c->k; i++) {
        double off = (double)x[i] - (double)decoded[i], square = (double)x[i] * (double)x[i];
        double heed = c->inputs ? (double)c->inputs[i] : 1;
        e.squares += square;
        e.error += off * off;
        e.heard += heed * square;
        e.missed += heed * (off * off);
    }
    c->row_errors[row] = e;
}

static void convert_rows(void *arg, size_t begin, size_t end, int thread)
{
    conversion *c = arg;
    uint8_t *buffer = c->encoded + (size_t)thread * SLICE_ROWS * c->row_bytes;
    float *x = c->rows_f32 + (size_t)thread * c->k;
    while (begin < end && !atomic_load(&c->failed)) {
        size_t n = end - begin < SLICE_ROWS ? end - begin : SLICE_ROWS;
        for (size_t i = 0; i < n; i++)
            if (encode_row(c, begin + i, x, c->trits + (size_t)thread * c->k, c->block_scales + (size_t)thread * (c->k / 256 + 1),
                           buffer + i * c->row_bytes))
                measure_row(c, begin + i, x, buffer + i * c->row_bytes, c->decoded + (size_t)thread * c->k);
        trit_error why;
        if (c->out && !gguf_write_at(c->out, c->number, begin * c->row_bytes, buffer, n * c->row_bytes, &why))
            stop(c, &why);
        drop_rows(c, begin, begin + n);
        begin += n;
    }
}

/* In the order of the rows, whatever the threads. */
static void add_errors(const conversion *c, quantize_error *sum)
{
    for (size_t r = 0; r < c->rows; r++) {
        const quantize_error *e = &c->row_errors[r];
        sum->weights += e->weights;
        sum->squares += e->squares;
        sum->error += e->error;
        sum->heard += e->heard;
        sum->missed += e->missed;
    }
}

static bool allocate(conversion *c, size_t threads)
{
    c->rows_f32 = calloc(c->k, threads * sizeof *c->rows_f32); /* calloc checks the products */
    c->trits = calloc(c->k, threads);
    c->block_scales = calloc(c->k / 256 + 1, threads * sizeof *c->block_scales);
    c->encoded = calloc(c->row_bytes, threads * SLICE_ROWS);
    c->decoded = calloc(c->k, threads * sizeof *c->decoded);
    c->sizes = calloc(c->to->id == TYPE_T1 ? BINS : 1, threads * sizeof *c->sizes);
    c->row_sums = calloc(c->rows, sizeof *c->row_sums);
    c->row_most = calloc(c->rows, sizeof *c->row_most);
    c->row_errors = calloc(c->rows, sizeof *c->row_errors);
    return c->rows_f32 && c->trits && c->block_scales && c->encoded && c->decoded && c->sizes && c->row_sums && c->row_most && c->row_errors;
}

static void release(conversion *c)
{
    free(c->rows_f32);
    free(c->trits);
    free(c->block_scales);
    free(c->encoded);
    free(c->decoded);
    free(c->sizes);
    free(c->row_sums);
    free(c->row_most);
    free(c->row_errors);
}

bool quantize_tensor(gguf_out *o, size_t number, const gguf_tensor *t, const type_info *to, input_view inputs, pool *threads,
                     quantize_report *report, trit_error *e)
{
    conversion c = { .from = t, .to = to, .number = number, .k = (size_t)t->ne[0], .rows = (size_t)t->rows,
                     .inputs = inputs.means, .feedback = inputs.feedback,
                     .row_bytes = (size_t)type_row_bytes(to, t->ne[0]), .out = o, .error = e, .failing = ATOMIC_FLAG_INIT };
    bool good = allocate(&c, (size_t)pool_threads(threads));
    if (!good)
        fail(e, "not enough memory to convert tensor %.*s", name_len(t), t->name.data);
    else if (type_is_ternary(to->id))
        good = plan_ternary(&c, threads, report);
    else {
        if (type_is_ternary(t->type)) {
            c.scale = tensor_scale(t);
            pool_run(threads, c.rows, SLICE_ROWS, scan_codes, &c);
        }
        pool_run(threads, c.rows, SLICE_ROWS, scan_rows, &c);
        good = !atomic_load(&c.failed);
    }
    if (good) {
        pool_run(threads, c.rows, SLICE_ROWS, convert_rows, &c);
        good = !atomic_load(&c.failed);
        add_errors(&c, &report->error);
    }
    if (good && o && to->id == TYPE_I2_S)
        good = gguf_write_at(o, number, c.rows * c.row_bytes, &c.scale, sizeof c.scale, e);
    release(&c);
    return good;
}
