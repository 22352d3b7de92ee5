/* Request lines of `serve`: whatever they hold, they are refused with a sentence or kept within bounds; what is accepted is
   tokenised and, where it is short, evaluated by a tiny model. */
#include "../serve_request.h"
#include "../synth.h"
#include "../text_stream.h"
#include "demand.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONTEXT = 24, GENERATED = 3 };

static gguf *file;
static pool *threads;
static tokenizer *words;
static model *tiny;
static session *talk;
static float *logits;

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    char path[64];
    trit_error e = { "" };
    snprintf(path, sizeof path, "/tmp/trit-fuzz-serve-%ld.gguf", (long)getpid());
    const preset *p = preset_named("tiny");
    threads = pool_new(1, NULL, &e);
    gguf_out *o = threads ? gguf_create(path, &e) : NULL;
    bool ok = o && synth_write(o, p, NULL, preset_type(p), preset_head(p), 1, threads, &e) && gguf_commit(o, &e);
    file = ok ? gguf_open(path, &e) : NULL;
    unlink(path);
    words = file ? tokenizer_load(file, &e) : NULL;
    tiny = words ? model_load(file, &(load_options){ .layout = "t2", .cache = "off", .head = HEAD_SCREEN }, ops_for("auto"), threads, &e) : NULL;
    talk = tiny ? session_new(tiny, KV_F16, CONTEXT, 8, &e) : NULL;
    logits = talk ? malloc(model_get_config(tiny)->vocab * sizeof *logits) : NULL;
    if (!logits) {
        fprintf(stderr, "the tiny model could not be made: %s\n", e.text);
        abort();
    }
    return 0;
}

static void generate(serve_request *r, const int32_t *tokens, size_t n)
{
    trit_error e = { "" };
    size_t vocab = model_get_config(tiny)->vocab;
    text_stream text = { 0 };
    session_reset(talk);
    if (n > CONTEXT) {
        demand(!session_eval(talk, tokens, n, logits, false, &e) && *e.text);
        return;
    }
    demand(session_eval(talk, tokens, n, NULL, false, &e) && session_length(talk) == n);
    for (size_t i = 0; i < r->max_tokens && i < GENERATED && session_length(talk) < CONTEXT; i++) {
        int32_t id = -1;
        demand(session_next(talk, &r->sampler, &id, &e) && id >= 0 && (size_t)id < vocab);
        demand(text_stream_add(&text, words, id));
        size_t whole = text_stream_whole(&text);
        demand(text.len - whole <= 3);
        if (whole)
            text_stream_drop(&text, whole);
        demand(session_eval(talk, &id, 1, NULL, false, &e));
    }
    text_stream_free(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trit_error e = { "" };
    serve_request r;
    char *line = malloc(size ? size : 1); /* of the exact size, so that a byte too far is seen */
    demand(line != NULL);
    if (size)
        memcpy(line, data, size);
    if (!serve_request_parse(&r, line, size, &e)) {
        demand(*e.text && r.id);
    } else if (r.op == REQUEST_GENERATE) {
        int32_t *tokens;
        size_t n;
        demand(*r.id && strlen(r.id) <= 256 && r.max_tokens <= REQUEST_MAX_TOKENS && r.sampler.temperature >= 0);
        demand(r.sampler.top_p >= 0 && r.sampler.top_p <= 1 && r.sampler.top_k >= 0);
        if (serve_request_tokens(&r, words, model_get_config(tiny)->vocab, &tokens, &n, &e)) {
            demand(n > 0);
            generate(&r, tokens, n);
            free(tokens);
        } else {
            demand(*e.text);
        }
    } else {
        demand(r.op != REQUEST_CANCEL || *r.id);
    }
    serve_request_free(&r);
    free(line);
    return 0;
}
