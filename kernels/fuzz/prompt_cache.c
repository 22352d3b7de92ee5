/* Files for the prompt cache: a valid one with the input laid over it, or the input alone. Whatever they say, they are refused
   with a sentence or used within bounds. */
#include "../prompt_cache.h"
#include "../test/tiny.h"
#include "demand.h"

enum { N = 150, CONTEXT = 192 };

static tiny t;
static session *talk;
static char path[64];
static uint8_t *valid;
static size_t valid_size;
static int32_t tokens[N];

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    trit_error e = { "" };
    t = tiny_new(1, 1);
    snprintf(path, sizeof path, "/tmp/trit-fuzz-prompt-cache-%ld", (long)getpid());
    for (size_t i = 0; i < N; i++)
        tokens[i] = (int32_t)(i * 37 % 1024);
    talk = session_new(t.model, KV_F16, CONTEXT, 64, &e);
    demand(talk && session_eval(talk, tokens, N, NULL, false, &e));
    valid_size = prompt_cache_save(talk, path, tokens, N, &e);
    valid = malloc(valid_size);
    FILE *f = fopen(path, "rb");
    demand(valid_size && valid && f && fread(valid, 1, valid_size, f) == valid_size);
    fclose(f);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    trit_error e = { "" };
    cached_prompt found;
    if (size < 4)
        return 0;
    /* The first bytes say where the rest goes and how long the file is. */
    size_t at = data[0] % 4 ? (size_t)data[1] | (size_t)(data[2] & 3) << 8 : 0, length = data[3] & 1 ? valid_size : at + size - 4;
    bool alone = data[0] % 8 == 7;
    uint8_t *bytes = malloc(length > at + size ? length : at + size);
    demand(bytes != NULL);
    memset(bytes, 0, length > at + size ? length : at + size);
    if (!alone)
        memcpy(bytes, valid, length < valid_size ? length : valid_size);
    memcpy(bytes + at, data + 4, size - 4);
    FILE *f = fopen(path, "wb");
    demand(f && fwrite(bytes, 1, length, f) == length);
    fclose(f);
    bool same = length == valid_size && !memcmp(bytes, valid, length);
    bool ok = prompt_cache_load(talk, path, data[0] & 16, tokens, N, &found, &e);
    demand(ok ? found.reused < N && session_length(talk) == found.reused : *e.text && !session_length(talk));
    demand(!same || ok);
    if (ok)
        demand(session_eval(talk, tokens + found.reused, 1, NULL, false, &e));
    free(bytes);
    unlink(path);
    return 0;
}
