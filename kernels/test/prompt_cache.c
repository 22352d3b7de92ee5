/* The prompt cache: what it gives back is what evaluation gives, bit for bit; every damaged, foreign or cut file is refused. */
#include "../prompt_cache.h"
#include "expect.h"
#include "tiny.h"
#include <sys/stat.h>

enum { VOCAB = 1024, N = 200, HEAD = 144 };

static int32_t tokens[N + 1];
static char path[64];
static uint8_t *image;
static size_t size;

static void keep_image(void)
{
    FILE *f = fopen(path, "rb");
    struct stat info;
    EXPECT(f && !stat(path, &info), "%s", path);
    size = (size_t)info.st_size;
    image = malloc(size);
    EXPECT(fread(image, 1, size, f) == size, "%s", path);
    fclose(f);
    EXPECT((info.st_mode & 0777) == 0600, "others may read it: %o", (unsigned)info.st_mode);
}

static void write_image(size_t bytes)
{
    FILE *f = fopen(path, "wb");
    EXPECT(f && fwrite(image, 1, bytes, f) == bytes, "%s", path);
    fclose(f);
}

static session *new_session(const tiny *t, kv_type kv, size_t context)
{
    trit_error e = { "" };
    session *s = session_new(t->model, kv, context, 64, &e);
    EXPECT(s, "%s", e.text);
    return s;
}

static void expect_refused(session *s, bool whole, const char *word, const char *what)
{
    cached_prompt found;
    trit_error e = { "" };
    bool ok = prompt_cache_load(s, path, whole, tokens, N, &found, &e);
    EXPECT(!ok && strstr(e.text, word) && strstr(e.text, path), "%s: %s \"%s\"", what, ok ? "accepted" : "refused", e.text);
    EXPECT(session_length(s) == 0, "%s: %zu positions are left", what, session_length(s));
}

/* Continues with tokens[from, N] and compares with an evaluation of all. */
static void expect_same(session *s, const float *want, const char *what)
{
    static float got[VOCAB];
    trit_error e = { "" };
    size_t from = session_length(s);
    EXPECT(session_eval(s, tokens + from, N - from, got, false, &e) && !memcmp(got, want, sizeof got), "%s: other bits, %s", what, e.text);
}

static void try_kind(const tiny *t, const tiny *other, kv_type kv, kv_type foreign)
{
    static float want[VOCAB], more[VOCAB];
    cached_prompt found;
    trit_error e = { "" };
    session *s = new_session(t, kv, 256);
    unlink(path);
    EXPECT(prompt_cache_load(s, path, true, tokens, N, &found, &e) && !found.reused, "no file: %s", e.text);
    EXPECT(!prompt_cache_save(s, path, tokens, N, &e) && *e.text, "an empty session was saved");
    EXPECT(session_eval(s, tokens, N, want, false, &e), "%s", e.text);
    EXPECT(session_eval(s, tokens + N, 1, more, false, &e), "%s", e.text);
    EXPECT(prompt_cache_save(s, path, tokens, N, &e) > 0, "%s", e.text);
    keep_image();

    /* The whole prompt; then in a larger context, and twice, as what is written to must not change the file. */
    for (int i = 0; i < 3; i++) {
        session *again = new_session(t, kv, i ? 8192 : 256);
        EXPECT(prompt_cache_load(again, path, i == 2, tokens, N, &found, &e) && found.common == N && found.reused == N - 1, "%s", e.text);
        expect_same(again, want, "reused");
        float next[VOCAB];
        EXPECT(session_eval(again, tokens + N, 1, next, false, &e) && !memcmp(next, more, sizeof next), "the token behind it: %s", e.text);
        session_free(again);
    }
    /* A prompt that goes another way after 130 tokens, and one that is shorter. */
    int32_t kept = tokens[130];
    static float fork[VOCAB];
    tokens[130] ^= 1;
    session_reset(s);
    EXPECT(session_eval(s, tokens, N, fork, false, &e), "%s", e.text);
    EXPECT(prompt_cache_load(s, path, false, tokens, N, &found, &e) && found.common == 130 && found.reused == 130, "%s", e.text);
    expect_same(s, fork, "a common beginning");
    tokens[130] = kept;
    EXPECT(prompt_cache_load(s, path, false, tokens, 70, &found, &e) && found.common == 70 && found.reused == 69, "%s", e.text);
    tokens[0] ^= 1;
    EXPECT(prompt_cache_load(s, path, false, tokens, N, &found, &e) && !found.common && !session_length(s), "%s", e.text);
    tokens[0] ^= 1;
    /* A context too small for all of it uses the beginning. */
    session *small = new_session(t, kv, 100);
    EXPECT(prompt_cache_load(small, path, false, tokens, N, &found, &e) && found.reused == 100, "%zu, %s", found.reused, e.text);
    session_free(small);

    small = new_session(t, foreign, 256);
    expect_refused(small, false, "--kv", "another kind");
    session_free(small);
    small = new_session(other, kv, 256);
    expect_refused(small, false, "another model", "another model");
    session_free(small);

    /* Every byte of head and lists counts, and so does the size. */
    size_t lists = HEAD + N * 4 + (N + 63) / 64 * 16;
    for (size_t i = 0; i < lists; i += i < HEAD ? 1 : 37) {
        image[i] ^= 0x10;
        write_image(size);
        expect_refused(s, false, "prompt cache", "a changed byte of the head");
        image[i] ^= 0x10;
    }
    for (size_t cut = 0; cut < size; cut = cut < 2000 ? cut + 199 : cut + size / 5) {
        write_image(cut);
        expect_refused(s, false, "prompt cache", "a cut file");
    }
    image[size - 64 * 70] ^= 1;
    write_image(size);
    expect_refused(s, true, "damaged in positions 192 to 255", "a changed value");
    memset(image + 65536, 0, size - 65536);
    write_image(size);
    expect_refused(s, false, "damaged in positions 0", "a file of holes");
    free(image);
    session_free(s);
}

/* What is no prompt cache is not replaced by one; a file without content is. */
static void expect_left_alone(const tiny *t)
{
    static const char notes[] = "notes of somebody";
    char kept[sizeof notes] = "";
    cached_prompt found;
    trit_error e = { "" };
    session *s = new_session(t, KV_F16, 256);
    FILE *f = fopen(path, "wb");
    EXPECT(f && fputs(notes, f) >= 0 && !fclose(f), "%s", path);
    expect_refused(s, false, "no prompt cache", "somebody's file");
    EXPECT(session_eval(s, tokens, N, NULL, false, &e), "%s", e.text);
    EXPECT(!prompt_cache_save(s, path, tokens, N, &e) && strstr(e.text, "stays as it is") && strstr(e.text, path), "somebody's file: \"%s\"", e.text);
    f = fopen(path, "rb");
    EXPECT(f && fread(kept, 1, sizeof notes - 1, f) == sizeof notes - 1 && !strcmp(kept, notes) && fgetc(f) == EOF, "it now holds \"%s\"", kept);
    fclose(f);
    unlink(path);
    EXPECT(!mkfifo(path, 0600) && !prompt_cache_save(s, path, tokens, N, &e) && strstr(e.text, "stays as it is"), "a pipe: \"%s\"", e.text);
    unlink(path);
    f = fopen(path, "wb");
    EXPECT(f && !fclose(f) && prompt_cache_save(s, path, tokens, N, &e), "an empty file: \"%s\"", e.text);
    EXPECT(prompt_cache_load(s, path, true, tokens, N, &found, &e) && found.common == N, "%s", e.text);
    session_free(s);
}

int main(void)
{
    snprintf(path, sizeof path, "/tmp/trit-test-prompt-cache-%ld", (long)getpid());
    for (size_t i = 0; i <= N; i++)
        tokens[i] = (int32_t)(i * 37 % VOCAB);
    tiny t = tiny_new(1, 2), other = tiny_new(2, 1);
    try_kind(&t, &other, KV_F16, KV_Q8_0);
    try_kind(&t, &other, KV_Q8_0, KV_F16);
    try_kind(&t, &other, KV_Q4_0, KV_Q8_0);
    expect_left_alone(&t);
    trit_error e = { "" };
    cached_prompt found;
    session *s = new_session(&t, KV_F16, 256);
    EXPECT(!prompt_cache_load(s, "/tmp", false, tokens, N, &found, &e) && strstr(e.text, "/tmp"), "a folder: \"%s\"", e.text);
    EXPECT(session_eval(s, tokens, N, NULL, false, &e) && !prompt_cache_save(s, "/nonexistent/folder/x", tokens, N, &e) && strstr(e.text, "/nonexistent"),
           "no folder: \"%s\"", e.text);
    session_free(s);
    unlink(path);
    tiny_free(&other);
    tiny_free(&t);
    return failures();
}
