/* Stored logits of `perplexity --against`: a valid file with bytes of the input laid over it, or the input alone. Whatever it says, it is
   refused with a sentence or gives numbers. */
#include "../cmd/parent.h"
#include "../test/tiny.h"
#include "demand.h"
#include <fcntl.h>
#include <math.h>

enum { N = 3, VOCAB = 1024, ROW = 4 + 4 * VOCAB, SIZE = 16 + N * ROW };

static const int32_t ids[N + 1] = { 1, 5, 9, 2 };
static tiny t;
static char path[64];
static uint8_t valid[SIZE];
static int quiet, loud; /* where sentences go while a file is opened; where they go else */

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    trit_error e = { "" };
    t = tiny_new(1, 1);
    snprintf(path, sizeof path, "/tmp/trit-fuzz-logits-%ld", (long)getpid());
    session *s = session_new(t.model, KV_F16, 64, N, &e);
    float *rows = malloc(N * VOCAB * sizeof *rows);
    logits_out *o = logits_create(path, VOCAB, &e);
    demand(s && rows && o && session_eval(s, ids, N, rows, true, &e));
    for (size_t i = 0; i < N; i++)
        demand(logits_put(o, ids[i + 1], rows + i * VOCAB, &e));
    demand(logits_close(o, true, &e));
    FILE *f = fopen(path, "rb");
    demand(f && fread(valid, 1, SIZE, f) == SIZE && fgetc(f) == EOF);
    fclose(f);
    free(rows);
    session_free(s);
    quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
    loud = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
    demand(quiet >= 0 && loud >= 0);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trit_error e = { "" };
    if (size < 3)
        return 0;
    /* The first bytes say how long the file is and where the rest goes: at its head, or near the beginning of a position. */
    static uint8_t file[SIZE + (1 << 16)];
    size_t at = data[0] & 3 ? 16 + (data[0] & 3) % N * ROW + data[1] % 16 : data[1] % 16;
    size_t length = data[2] & 1 ? SIZE : data[2] & 2 ? at + size - 3 : SIZE * data[2] / 255;
    memcpy(file, valid, SIZE);
    size -= 3;
    memcpy(file + at, data + 3, size < sizeof file - at ? size : sizeof file - at);
    FILE *f = fopen(path, "wb");
    demand(f && length <= sizeof file && fwrite(file, 1, length, f) == length);
    fclose(f);
    model_options o = { .isa = "scalar", .cache = "off" };
    demand(dup2(quiet, STDERR_FILENO) >= 0);
    parent *p = parent_open(path, &o, t.model, 64, N);
    demand(dup2(loud, STDERR_FILENO) >= 0);
    bool same = length == SIZE && !memcmp(file, valid, SIZE);
    const float *logits = p ? parent_logits(p, ids, 0, N, &e) : NULL;
    demand(logits || !p || *e.text);
    demand(logits || !same);
    for (size_t i = 0; logits && i < (size_t)N * VOCAB; i++)
        demand(isfinite(logits[i]));
    parent_free(p);
    unlink(path);
    return 0;
}
