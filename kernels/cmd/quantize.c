/* trit quantize: a model file in other weight types, or what a type makes of Gaussian numbers. */
#include "../clock.h"
#include "../json.h"
#include "../quantize.h"
#include "../safetensors.h"
#include "options.h"
#include "read_text.h"
#include "unfinished.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char known_types[] = "i2_s, tq1_0, tq2_0, t1, t2, t3, t4, q4_0, q4_k, q6_k, q8_0, f16, bf16, f32";

typedef struct {
    const char *from, *to, *type, *head, *gaussian, *calibrate, *vocab, *format;
    int64_t threads, seed, tokens;
    double target_bits;
} arguments;

/* A line that is written over on a terminal, now and then; nothing elsewhere. */
static void show_progress(void *last, const char *what, size_t done, size_t of)
{
    int64_t *shown = last, now = clock_ns();
    if (!isatty(STDERR_FILENO) || now - *shown < 200000000)
        return;
    *shown = now;
    fprintf(stderr, "\r%s tensor %zu of %zu ", what, done + 1, of);
}

static double rmse_of(const quantize_error *e)
{
    return e->weights > 0 ? sqrt(e->error / e->weights) : 0;
}

/* Root mean square error over that of the weights. */
static double relative_of(const quantize_error *e)
{
    return e->squares > 0 ? sqrt(e->error / e->squares) : 0;
}

static double bits_of(const quantize_report *r)
{
    return r->matrix_weights ? (double)r->matrix_bytes * 8 / (double)r->matrix_weights : 0;
}

static void report_text(const char *path, const quantize_report *r, const type_info *type, double seconds)
{
    fprintf(stderr, "%s: %zu tensors to %s, %zu copied, %.1f MB instead of %.1f MB, in %.1f s\n", path, r->converted,
            r->with_trits[0] || r->with_trits[type_trits(type->id)] == r->converted ? type->name : "trits", r->copied,
            (double)r->bytes_out / 1e6, (double)r->bytes_in / 1e6, seconds);
    if (r->error.weights > 0)
        fprintf(stderr, "rounded weights are off by %.4f of their size (root mean square %.3g); matrices of layers have %.3f bits a weight\n",
                relative_of(&r->error), rmse_of(&r->error), bits_of(r));
    if (type_trits(type->id))
        fprintf(stderr, "matrices by trits a weight: 1: %zu, 2: %zu, 3: %zu, 4: %zu\n", r->with_trits[1], r->with_trits[2], r->with_trits[3],
                r->with_trits[4]);
    if (r->kept)
        fprintf(stderr, "note: %zu matrices kept their type, their rows are no multiple of the blocks of the wanted one\n",
                r->kept);
    if (r->rounded_scales)
        fprintf(stderr, "note: the scales of %zu tensors were rounded to half precision, which %s stores; the trits are exact\n",
                r->rounded_scales, type->name);
}

static void report_json(const char *path, const quantize_report *r, const type_info *type, double seconds)
{
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_text(&w, "file", path);
    json_text(&w, "type", type->name);
    json_integer(&w, "converted", (int64_t)r->converted);
    json_integer(&w, "copied", (int64_t)r->copied);
    json_integer(&w, "kept", (int64_t)r->kept);
    json_number(&w, "rmse", rmse_of(&r->error));
    json_number(&w, "relative_error", relative_of(&r->error));
    json_number(&w, "bits", bits_of(r));
    json_open(&w, "trits", '[');
    for (int n = 1; n <= 4; n++)
        json_integer(&w, NULL, (int64_t)r->with_trits[n]);
    json_close(&w, ']');
    json_integer(&w, "rounded_scales", (int64_t)r->rounded_scales);
    json_integer(&w, "bytes", (int64_t)r->bytes_out);
    json_integer(&w, "bytes_in", (int64_t)r->bytes_in);
    json_number(&w, "seconds", seconds);
    json_close(&w, '}');
    json_end_line(&w);
}

/* "4096x4096": rows and weights a row. */
static bool read_shape(const char *text, uint64_t *rows, uint64_t *k)
{
    static const char digits[] = "0123456789";
    size_t first = strspn(text, digits), second = text[first] == 'x' ? strspn(text + first + 1, digits) : 0;
    if (!first || first > 9 || !second || second > 9 || text[first + 1 + second])
        return false;
    uint64_t a = strtoull(text, NULL, 10), b = strtoull(text + first + 1, NULL, 10);
    if (!a || !b)
        return false;
    *rows = a;
    *k = b;
    return true;
}

static int gaussian(const arguments *a, const type_info *type)
{
    uint64_t rows, k, bytes;
    quantize_error error;
    trit_error e;
    bool as_json = a->to && !strcmp(a->to, "json");
    if (a->from || a->target_bits > 0 || a->calibrate)
        return complain("quantize", 2, "--gaussian goes with --type, --seed and --threads alone");
    if (a->to && !as_json && strcmp(a->to, "text"))
        return complain("quantize", 2, "with --gaussian -o is text or json, not \"%s\"", a->to);
    if (!read_shape(a->gaussian, &rows, &k))
        return complain("quantize", 2, "--gaussian wants ROWSxCOLUMNS as in 4096x4096, not \"%s\"", a->gaussian);
    pool *workers = pool_new((int)a->threads, NULL, &e);
    bool good = workers && quantize_gaussian(rows, k, (uint64_t)a->seed, type, workers, &error, &bytes, &e);
    pool_free(workers);
    if (!good)
        return complain("quantize", 1, "%s", e.text);
    double dense = (double)rows * (double)k * 2;
    if (!as_json) {
        printf("%s, %s: root mean square error %.5f sigma, %.1f MB, %.4f of F16\n", a->gaussian, type->name, rmse_of(&error), (double)bytes / 1e6,
               (double)bytes / dense);
        return 0;
    }
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '{');
    json_text(&w, "type", type->name);
    json_integer(&w, "rows", (int64_t)rows);
    json_integer(&w, "columns", (int64_t)k);
    json_integer(&w, "seed", a->seed);
    json_number(&w, "rmse", rmse_of(&error));
    json_integer(&w, "bytes", (int64_t)bytes);
    json_integer(&w, "fp16_bytes", (int64_t)dense);
    json_number(&w, "bits", (double)bytes * 8 / ((double)rows * (double)k));
    json_close(&w, '}');
    json_end_line(&w);
    return 0;
}

/* Reads the text and runs the model over it. NULL after a sentence. */
static importance *calibrate(const arguments *a, const gguf *g, pool *workers)
{
    size_t len;
    trit_error e;
    char *text = read_text(a->calibrate, &len);
    importance *inputs = text ? importance_of_text(g, text, len, (size_t)a->tokens, workers, &e) : NULL;
    if (text && !inputs)
        complain("quantize", 1, "--calibrate %s: %s", a->calibrate, e.text);
    free(text);
    return inputs;
}

static gguf *open_input(const arguments *a, trit_error *e)
{
    if (!safetensors_is(a->from))
        return gguf_open(a->from, e);
    gguf *vocabulary = a->vocab ? gguf_open(a->vocab, e) : NULL;
    gguf *g = a->vocab && !vocabulary ? NULL : safetensors_open(a->from, vocabulary, e);
    gguf_close(vocabulary);
    return g;
}

static int convert(const arguments *a, const type_info *type, const type_info *head)
{
    trit_error e = { "" };
    quantize_report report;
    int64_t begin = clock_ns(), shown = 0;
    if (a->vocab && !safetensors_is(a->from))
        return complain("quantize", 2, "--vocab is for safetensors; %s brings its own vocabulary", a->from);
    if (a->calibrate && safetensors_is(a->from))
        return complain("quantize", 2, "--calibrate runs the model, which needs a GGUF; convert %s to f16 or bf16 first", a->from);
    if (same_file(a->to, a->from) || same_file(a->to, a->vocab) || same_file(a->to, a->calibrate))
        return complain("quantize", 2, "-o %s is a file that is read; name another one to write", a->to);
    gguf *g = open_input(a, &e);
    if (!g)
        return complain("quantize", 1, "%s", e.text);
    if (!gguf_count(g)) {
        gguf_close(g);
        return complain("quantize", 1, "%s has no tensors (a vocabulary?), so there is nothing to convert", a->from);
    }
    pool *workers = pool_new((int)a->threads, NULL, &e);
    importance *inputs = workers && a->calibrate ? calibrate(a, g, workers) : NULL;
    bool told = workers && a->calibrate && !inputs;
    gguf_out *out = workers && !told ? gguf_create(a->to, &e) : NULL;
    if (out)
        remove_when_interrupted(gguf_part(out));
    quantize_options options = { type, head, a->target_bits, inputs, show_progress, &shown };
    bool good = out && quantize_write(out, g, &options, workers, &report, &e);
    if (good)
        good = gguf_commit(out, &e);
    else
        gguf_discard(out);
    remove_when_interrupted(NULL);
    if (shown)
        fputs("\r\033[K", stderr);
    importance_free(inputs);
    pool_free(workers);
    gguf_close(g);
    if (told)
        return 1;
    if (!good)
        return complain("quantize", 1, "%s", e.text);
    (strcmp(a->format, "json") ? report_text : report_json)(a->to, &report, type, (double)(clock_ns() - begin) * 1e-9);
    return 0;
}

int cmd_quantize(int argc, char **argv)
{
    arguments a = { .format = "text", .seed = 1, .tokens = 4096 };
    const option table[] = {
        { "input", 'i', OPTION_TEXT, &a.from, "FILE", "GGUF to convert, or safetensors: a folder with config.json, its index or its file", 0, 0 },
        { "output", 'o', OPTION_TEXT, &a.to, "FILE", "GGUF to write; with --gaussian: text or json", 0, 0 },
        { "type", 0, OPTION_TEXT, &a.type, "TYPE",
          "of the matrices of the layers: i2_s, tq1_0, tq2_0, t1, t2, t3, t4, q4_0, q4_k, q6_k, q8_0, f16, bf16, f32", 0, 0 },
        { "head", 0, OPTION_TEXT, &a.head, "TYPE",
          "of the embedding and the output matrix (as it is; TYPE where that is neither ternary nor t2 to t4)", 0, 0 },
        { "target-bits", 0, OPTION_FLOAT, &a.target_bits, "B",
          "choose 1 to 4 trits for each matrix, at most B bits a weight in the mean; --type then is the most (t4)", 1, 16 },
        { "calibrate", 0, OPTION_TEXT, &a.calibrate, "TEXT",
          "run the model over this text first; inputs that are large there count more (t1 to t4)", 0, 0 },
        { "calibrate-tokens", 0, OPTION_INT, &a.tokens, "N", "of that text at most (4096)", 2, 1e9 },
        { "vocab", 0, OPTION_TEXT, &a.vocab, "GGUF", "take the tokenizer of this file for safetensors (without it: none)", 0, 0 },
        { "gaussian", 0, OPTION_TEXT, &a.gaussian, "RxC", "no file: the error of a type on Gaussian numbers of variance 1", 0, 0 },
        { "seed", 's', OPTION_INT, &a.seed, "N", "of --gaussian (1)", 0, 9007199254740992.0 },
        { "threads", 't', OPTION_INT, &a.threads, "N", "threads (0: one for each fast core); the bytes do not depend on it", 0,
          512 },
        { "format", 0, OPTION_TEXT, &a.format, "text|json", "how to report a conversion", 0, 0 },
    };
    int status = options_parse(
        argc, argv, table, sizeof table / sizeof *table, "-i FILE -o FILE --type TYPE [--head TYPE] [--target-bits B] [--calibrate TEXT]",
        "Converts a model to another weight type. Weights that are ternary already stay exact in the ternary types.");
    if (status >= 0)
        return status;
    if (!a.type && a.target_bits > 0)
        a.type = "t4";
    if (!a.gaussian && (!a.from || !a.to || !*a.to || !a.type))
        return complain("quantize", 2, "-i FILE, -o FILE and --type TYPE are needed; see trit quantize --help");
    if (!a.type)
        return complain("quantize", 2, "--gaussian needs a --type; see trit quantize --help");
    if (strcmp(a.format, "text") && strcmp(a.format, "json"))
        return complain("quantize", 2, "--format is text or json, not \"%s\"", a.format);
    const type_info *type = type_named(a.type), *head = a.head ? type_named(a.head) : NULL;
    if (!type || (a.head && !head))
        return complain("quantize", 2, "there is no type \"%s\"; known are %s", type ? a.head : a.type, known_types);
    if (head && type_is_ternary(head->id))
        return complain("quantize", 2, "a ternary head ruins a model; choose f16, q8_0, q6_k or q4_0 for it");
    if ((a.target_bits > 0 || a.calibrate) && !type_trits(type->id))
        return complain("quantize", 2, "--target-bits and --calibrate are for t1 to t4, not for %s", type->name);
    return a.gaussian ? gaussian(&a, type) : convert(&a, type, head);
}
