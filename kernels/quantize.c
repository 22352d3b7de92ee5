#include "quantize.h"
#include "encode.h"
#include "quantize_tensor.h"
#include <stdlib.h>
#include <string.h>

static bool name_is(const gguf_tensor *t, const char *name)
{
    return t->name.len == strlen(name) && !memcmp(t->name.data, name, t->name.len);
}

static bool ends_with(const gguf_tensor *t, const char *tail)
{
    size_t n = strlen(tail);
    return t->name.len >= n && !memcmp(t->name.data + t->name.len - n, tail, n);
}

static bool is_matrix(const gguf_tensor *t)
{
    return t->n_dims == 2 && ends_with(t, ".weight") && !ends_with(t, "norm.weight");
}

static bool is_head(const gguf_tensor *t)
{
    return name_is(t, "output.weight") || name_is(t, "token_embd.weight");
}

/* The type a tensor gets. Norms of foreign files become floats, as GGUF has them. */
static const type_info *wanted(const gguf *g, const gguf_tensor *t, const type_info *type, const type_info *head, quantize_report *report)
{
    if (!is_matrix(t))
        return t->n_dims == 1 && gguf_is_foreign(g) ? type_of(TYPE_F32) : t->info;
    const type_info *to = type;
    if (is_head(t))
        to = head ? head : type_is_ternary(type->id) || type_trits(type->id) ? t->info : type;
    if (!type_takes(to, t->ne[0])) {
        report->kept++;
        return t->info;
    }
    return to;
}

/* Chooses among T1 ... `most` for each matrix of a layer. */
static bool choose_types(const gguf *g, const quantize_options *q, const type_info **to, pool *threads, trit_error *e)
{
    size_t count = gguf_count(g);
    bool *eligible = calloc(count + 1, sizeof *eligible);
    int *trits = calloc(count + 1, sizeof *trits);
    bool good = eligible && trits;
    if (!good)
        fail(e, "not enough memory for the list of %zu tensors", count);
    for (size_t i = 0; good && i < count; i++)
        eligible[i] = is_matrix(gguf_at(g, i)) && !is_head(gguf_at(g, i));
    good = good && quantize_plan(g, q, eligible, type_trits(q->type->id), threads, trits, e);
    for (size_t i = 0; good && i < count; i++)
        if (eligible[i])
            to[i] = type_of(TYPE_T1 + (uint32_t)trits[i] - 1);
    free(eligible);
    free(trits);
    return good;
}

static void put_keys(gguf_out *o, const gguf *g, uint32_t type)
{
    str key;
    for (size_t i = 0; gguf_key_at(g, i, &key, NULL, 0); i++) {
        static const char alignment[] = "general.alignment", file_type[] = "general.file_type";
        if (key.len == sizeof alignment - 1 && !memcmp(key.data, alignment, key.len))
            continue; /* ours is the default */
        if (key.len != sizeof file_type - 1 || memcmp(key.data, file_type, key.len))
            gguf_copy_key(o, g, i);
    }
    gguf_put_u32(o, "general.file_type", file_type_of(type));
}

static bool convert(gguf_out *o, size_t number, const gguf_tensor *t, const type_info *to, const quantize_options *q, pool *threads,
                    quantize_report *report, trit_error *e)
{
    if (!quantize_tensor(o, number, t, to, importance_of(q->inputs, t), threads, report, e))
        return false;
    report->converted++;
    if (is_head(t) || !is_matrix(t))
        return true;
    report->with_trits[type_trits(to->id)]++;
    report->matrix_weights += t->rows * t->ne[0];
    report->matrix_bytes += gguf_out_bytes(o, number);
    return true;
}

/* A piece at a time, so that little of a large tensor is resident at once. */
static bool copy(gguf_out *o, size_t number, const gguf_tensor *t, trit_error *e)
{
    enum { PIECE = 4 << 20 };
    bool good = true;
    for (size_t at = 0; good && at < t->bytes; at += PIECE) {
        gguf_tensor piece = *t;
        piece.data += at;
        piece.bytes = t->bytes - at < PIECE ? t->bytes - at : PIECE;
        good = gguf_write_at(o, number, at, piece.data, piece.bytes, e);
        tensor_drop(&piece);
    }
    return good;
}

bool quantize_write(gguf_out *o, const gguf *g, const quantize_options *q, pool *threads, quantize_report *report, trit_error *e)
{
    memset(report, 0, sizeof *report);
    size_t count = gguf_count(g);
    const type_info **to = calloc(count + 1, sizeof *to);
    if (!to)
        return fail(e, "not enough memory for the list of %zu tensors", count);
    put_keys(o, g, q->type->id);
    for (size_t i = 0; i < count; i++)
        to[i] = wanted(g, gguf_at(g, i), q->type, q->head, report);
    bool good = q->target_bits == 0 || choose_types(g, q, to, threads, e);
    for (size_t i = 0; good && i < count; i++) {
        const gguf_tensor *t = gguf_at(g, i);
        gguf_put_tensor(o, t->name, to[i]->id, t->n_dims, t->ne);
    }
    good = good && gguf_start(o, e);
    for (size_t i = 0; good && i < count; i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (q->progress)
            q->progress(q->progress_arg, "converting", i, count);
        if (to[i] == t->info && !t->head_rows) {
            good = copy(o, i, t, e);
            report->copied++;
        } else {
            good = convert(o, i, t, to[i], q, threads, report, e);
        }
        tensor_drop(t);
    }
    report->bytes_in = gguf_size(g);
    report->bytes_out = good ? gguf_out_size(o) : 0;
    free(to);
    return good;
}
