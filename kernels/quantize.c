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

/* The type a tensor gets. */
static const type_info *wanted(const gguf_tensor *t, const type_info *type, const type_info *head, quantize_report *report)
{
    if (t->n_dims != 2 || !ends_with(t, ".weight") || ends_with(t, "norm.weight"))
        return t->info;
    const type_info *to = type;
    if (name_is(t, "output.weight") || name_is(t, "token_embd.weight"))
        to = head ? head : type_is_ternary(type->id) ? t->info : type;
    if (t->ne[0] % to->weights) {
        report->kept++;
        return t->info;
    }
    return to;
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

bool quantize_write(gguf_out *o, const gguf *g, const type_info *type, const type_info *head, pool *threads,
                    quantize_report *report, trit_error *e)
{
    memset(report, 0, sizeof *report);
    size_t count = gguf_count(g);
    const type_info **to = malloc((count + 1) * sizeof *to);
    if (!to)
        return fail(e, "not enough memory for the list of %zu tensors", count);
    put_keys(o, g, type->id);
    for (size_t i = 0; i < count; i++) {
        const gguf_tensor *t = gguf_at(g, i);
        to[i] = wanted(t, type, head, report);
        gguf_put_tensor(o, t->name, to[i]->id, t->n_dims, t->ne);
    }
    bool good = gguf_start(o, e);
    for (size_t i = 0; good && i < count; i++) {
        const gguf_tensor *t = gguf_at(g, i);
        if (to[i] == t->info) {
            good = gguf_write_at(o, i, 0, t->data, t->bytes, e);
            report->copied++;
        } else {
            good = quantize_tensor(o, i, t, to[i], threads, report, e);
            report->converted++;
        }
        tensor_drop(t);
    }
    report->bytes_in = gguf_size(g);
    report->bytes_out = good ? gguf_out_size(o) : 0;
    free(to);
    return good;
}
