/* trit quantize: a model file in other weight types. */
#include "../clock.h"
#include "../quantize.h"
#include "options.h"
#include "unfinished.h"
#include <stdio.h>
#include <string.h>

static const char known_types[] = "i2_s, tq1_0, tq2_0, q4_0, q4_k, q6_k, q8_0, f16, bf16, f32";

static void report_to_user(const char *path, const quantize_report *r, const type_info *type, double seconds)
{
    fprintf(stderr, "%s: %zu tensors to %s, %zu copied, %.1f MB instead of %.1f MB, in %.1f s\n", path, r->converted, type->name,
            r->copied, (double)r->bytes_out / 1e6, (double)r->bytes_in / 1e6, seconds);
    if (r->kept)
        fprintf(stderr, "note: %zu matrices kept their type, their rows are no multiple of the blocks of the wanted one\n",
                r->kept);
    if (r->rounded_scales)
        fprintf(stderr, "note: the scales of %zu tensors were rounded to half precision, which %s stores; the trits are exact\n",
                r->rounded_scales, type->name);
}

int cmd_quantize(int argc, char **argv)
{
    const char *from = NULL, *to = NULL, *type_text = NULL, *head_text = NULL;
    int64_t threads = 0;
    const option table[] = {
        { "input", 'i', OPTION_TEXT, &from, "FILE", "GGUF to convert", 0, 0 },
        { "output", 'o', OPTION_TEXT, &to, "FILE", "GGUF to write", 0, 0 },
        { "type", 0, OPTION_TEXT, &type_text, "TYPE",
          "of the matrices of the layers: i2_s, tq1_0, tq2_0, q4_0, q4_k, q6_k, q8_0, f16, bf16, f32", 0, 0 },
        { "head", 0, OPTION_TEXT, &head_text, "TYPE",
          "of the embedding and the output matrix (as it is; TYPE where that is not ternary)", 0, 0 },
        { "threads", 't', OPTION_INT, &threads, "N", "threads (0: one for each fast core); the bytes do not depend on it", 0,
          512 },
    };
    int status = options_parse(
        argc, argv, table, sizeof table / sizeof *table, "-i FILE -o FILE --type TYPE [--head TYPE]",
        "Converts a GGUF to another weight type. Weights that are ternary already stay exact in the ternary types.");
    if (status >= 0)
        return status;
    if (!from || !to || !*to || !type_text)
        return complain("quantize", 2, "-i FILE, -o FILE and --type TYPE are needed; see trit quantize --help");
    const type_info *type = type_named(type_text), *head = head_text ? type_named(head_text) : NULL;
    if (!type || (head_text && !head))
        return complain("quantize", 2, "there is no type \"%s\"; known are %s", type ? head_text : type_text, known_types);
    if (head && type_is_ternary(head->id))
        return complain("quantize", 2, "a ternary head ruins a model; choose f16, q8_0, q6_k or q4_0 for it");

    trit_error e;
    quantize_report report;
    int64_t begin = clock_ns();
    gguf *g = gguf_open(from, &e);
    if (!g)
        return complain("quantize", 1, "%s", e.text);
    if (!gguf_count(g)) {
        gguf_close(g);
        return complain("quantize", 1, "%s has no tensors (a vocabulary?), so there is nothing to convert", from);
    }
    pool *workers = pool_new((int)threads, NULL, &e);
    gguf_out *out = workers ? gguf_create(to, &e) : NULL;
    if (out)
        remove_when_interrupted(gguf_part(out));
    bool good = out && quantize_write(out, g, type, head, workers, &report, &e);
    if (good)
        good = gguf_commit(out, &e);
    else
        gguf_discard(out);
    remove_when_interrupted(NULL);
    pool_free(workers);
    gguf_close(g);
    if (!good)
        return complain("quantize", 1, "%s", e.text);
    report_to_user(to, &report, type, (double)(clock_ns() - begin) * 1e-9);
    return 0;
}
