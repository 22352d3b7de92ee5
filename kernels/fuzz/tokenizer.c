/* Text through sound vocabularies, which must give it back; and vocabularies made of the input itself, which must be refused with
   a sentence or work. The first byte chooses which, and the flags. */
#include "tokenizer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- a GGUF in memory ---- */

typedef struct {
    char *bytes;
    size_t len;
    uint64_t keys;
} file;

enum { U32 = 4, F32 = 6, BOOL = 7, STRING = 8, ARRAY = 9, I32 = 5 };

static void put(file *f, const void *bytes, size_t len)
{
    f->bytes = realloc(f->bytes, f->len + len + 1);
    if (!f->bytes)
        abort();
    if (len)
        memcpy(f->bytes + f->len, bytes, len);
    f->len += len;
}

static void put_u32(file *f, uint32_t value)
{
    put(f, &value, sizeof value);
}

static void put_u64(file *f, uint64_t value)
{
    put(f, &value, sizeof value);
}

static void put_text(file *f, const void *text, size_t len)
{
    put_u64(f, len);
    put(f, text, len);
}

static void put_key(file *f, const char *key, uint32_t type)
{
    put_text(f, key, strlen(key));
    put_u32(f, type);
    f->keys++;
}

static void put_array(file *f, const char *key, uint32_t type, uint64_t count)
{
    put_key(f, key, ARRAY);
    put_u32(f, type);
    put_u64(f, count);
}

static void begin(file *f, const char *model)
{
    *f = (file){ NULL, 0, 0 };
    put(f, "GGUF", 4);
    put_u32(f, 3);
    put_u64(f, 0);
    put_u64(f, 0); /* keys: set by finish() */
    put_key(f, "tokenizer.ggml.model", STRING);
    put_text(f, model, strlen(model));
}

static gguf *finish(file *f, trit_error *e)
{
    memcpy(f->bytes + 16, &f->keys, sizeof f->keys);
    return gguf_parse(f->bytes, f->len, e);
}

/* ---- sound vocabularies ---- */

static gguf *files[2]; /* must outlive the tokenizers */
static tokenizer *bpe, *spm;

static tokenizer *load(file *f, int number)
{
    trit_error e;
    files[number] = finish(f, &e);
    tokenizer *t = files[number] ? tokenizer_load(files[number], &e) : NULL;
    if (!t) {
        fprintf(stderr, "the sound vocabulary was refused: %s\n", e.text);
        abort();
    }
    return t;
}

/* The character of a byte in the alphabet of byte-level BPE, as UTF-8. */
static size_t letter(unsigned byte, char out[2])
{
    unsigned code = byte, next = 0x100;
    for (unsigned b = 0; b <= byte; b++) {
        int own = (b >= 0x21 && b <= 0x7e) || (b >= 0xa1 && b != 0xad);
        code = own ? b : next++;
    }
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 63));
    return 2;
}

static tokenizer *make_bpe(void)
{
    static const char *const merges[] = { "a b", "b a", "ab ab", "a a", "aa a", "Ġ a", "Ġ Ġ", "Ċ Ċ", "1 2", "Ã ©", "abab a" };
    enum { MERGES = sizeof merges / sizeof *merges };
    static const char *const specials[] = { "<|x|>", "<|xy|>", "<|eot_id|>" };
    file f;
    begin(&f, "gpt2");
    put_key(&f, "tokenizer.ggml.pre", STRING);
    put_text(&f, "llama-bpe", 9);
    put_array(&f, "tokenizer.ggml.tokens", STRING, 256 + MERGES + 3);
    for (unsigned b = 0; b < 256; b++) {
        char text[2];
        put_text(&f, text, letter(b, text));
    }
    for (int i = 0; i < MERGES; i++) {
        char joined[16];
        const char *space = strchr(merges[i], ' ');
        size_t left = (size_t)(space - merges[i]);
        memcpy(joined, merges[i], left);
        strcpy(joined + left, space + 1);
        put_text(&f, joined, strlen(joined));
    }
    for (int i = 0; i < 3; i++)
        put_text(&f, specials[i], strlen(specials[i]));
    put_array(&f, "tokenizer.ggml.token_type", I32, 256 + MERGES + 3);
    for (int i = 0; i < 256 + MERGES + 3; i++)
        put_u32(&f, i < 256 + MERGES ? 1 : 3);
    put_array(&f, "tokenizer.ggml.merges", STRING, MERGES);
    for (int i = 0; i < MERGES; i++)
        put_text(&f, merges[i], strlen(merges[i]));
    return load(&f, 0);
}

static tokenizer *make_spm(void)
{
    static const char *const pieces[] = { "▁", "a", "b", "ab", "aa", "aab", "▁a", "▁▁", "é", "éa", "aba" };
    enum { PIECES = sizeof pieces / sizeof *pieces, COUNT = 3 + 256 + PIECES };
    file f;
    begin(&f, "llama");
    put_array(&f, "tokenizer.ggml.tokens", STRING, COUNT);
    put_text(&f, "<unk>", 5);
    put_text(&f, "<s>", 3);
    put_text(&f, "</s>", 4);
    for (unsigned b = 0; b < 256; b++) {
        char text[8];
        put_text(&f, text, (size_t)snprintf(text, sizeof text, "<0x%02X>", b));
    }
    for (int i = 0; i < PIECES; i++)
        put_text(&f, pieces[i], strlen(pieces[i]));
    put_array(&f, "tokenizer.ggml.scores", F32, COUNT);
    for (int i = 0; i < COUNT; i++) {
        float score = (float)-(i * 7 % 11);
        put(&f, &score, sizeof score);
    }
    put_array(&f, "tokenizer.ggml.token_type", I32, COUNT);
    for (int i = 0; i < COUNT; i++)
        put_u32(&f, i == 0 ? 2 : i < 3 ? 3 : i < 259 ? 6 : 1);
    put_key(&f, "tokenizer.ggml.bos_token_id", U32);
    put_u32(&f, 1);
    return load(&f, 1);
}

/* ---- the input ---- */

typedef struct { const uint8_t *at, *end; } input;

static uint8_t take(input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

/* A text of up to 15 bytes. */
static void take_text(input *in, file *f)
{
    size_t len = take(in) & 15, left = (size_t)(in->end - in->at);
    put_text(f, in->at, len < left ? len : left);
    in->at += len < left ? len : left;
}

/* Tokenises what is left of the input and demands: ids of the vocabulary and, without specials, the same bytes back. */
static void use(const tokenizer *t, input *in, unsigned flags, bool sound)
{
    trit_error e = { "" };
    int32_t *ids;
    size_t count, len = (size_t)(in->end - in->at), end = 0, bad;
    char *text = malloc(len + 1), *back;
    if (len)
        memcpy(text, in->at, len);
    bool ok = tokenize(t, text, len, flags, &ids, &count, &e);
    if (!ok && (!*e.text || (sound && utf8_valid(text, len, &bad))))
        abort();
    for (size_t i = 0; ok && i < count; i++) {
        if (ids[i] < 0 || (size_t)ids[i] >= tokenizer_size(t))
            abort();
        end += token_bytes(t, ids[i], NULL, 0);
        tokenizer_is_end(t, ids[i]);
    }
    back = malloc(end + 1);
    for (size_t i = 0, at = 0; ok && i < count; i++)
        at += token_bytes(t, ids[i], back + at, end - at);
    size_t space = tokenizer_adds_space(t) && len > 0;
    bool same = sound && !(flags & TOKENIZE_SPECIAL) && !(t == spm && memmem(text, len, "▁", 3)); /* SPM writes spaces so */
    if (ok && same && (end != len + space || memcmp(back + space, text, len) != 0))
        abort();
    free(back);
    if (ok)
        free(ids);
    text[len] = 0;
    chat_message message = { "user", text };
    free(chat_render(t, &message, 1, &e));
    free(text);
}

/* A GGUF whose tokenizer keys come from the input: counts that disagree, odd types, ids out of range. */
static void hostile(input *in, unsigned flags)
{
    uint8_t shape = take(in), tokens = take(in) & 31, others = take(in);
    file f;
    trit_error e = { "" };
    begin(&f, shape & 1 ? "gpt2" : "llama");
    put_array(&f, "tokenizer.ggml.tokens", STRING, tokens);
    for (int i = 0; i < tokens; i++)
        take_text(in, &f);
    if (shape & 2) {
        uint64_t count = shape & 4 ? tokens : others & 31;
        put_array(&f, "tokenizer.ggml.token_type", I32, count);
        for (uint64_t i = 0; i < count; i++)
            put_u32(&f, shape & 8 ? take(in) : take(in) % 7);
    }
    if (shape & 16) {
        uint64_t count = shape & 4 ? tokens : others >> 3;
        put_array(&f, "tokenizer.ggml.scores", F32, count);
        for (uint64_t i = 0; i < count; i++)
            put_u32(&f, (uint32_t)take(in) << 24 | (uint32_t)take(in) << 16);
    }
    if (shape & 32) {
        put_array(&f, "tokenizer.ggml.merges", STRING, others & 15);
        for (int i = 0; i < (others & 15); i++)
            take_text(in, &f);
    }
    if (shape & 64) {
        put_key(&f, "tokenizer.ggml.unknown_token_id", U32);
        put_u32(&f, take(in));
        put_key(&f, "tokenizer.ggml.eos_token_id", U32);
        put_u32(&f, take(in) & 15);
    }
    if (shape & 128) {
        put_key(&f, "tokenizer.chat_template", STRING);
        take_text(in, &f);
        put_key(&f, "tokenizer.ggml.add_space_prefix", BOOL);
        put(&f, "", 1);
    }
    gguf *g = finish(&f, &e);
    tokenizer *t = g ? tokenizer_load(g, &e) : NULL;
    if (t)
        use(t, in, flags, false);
    else if (!*e.text)
        abort();
    tokenizer_free(t);
    gguf_close(g);
    free(f.bytes);
}

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    bpe = make_bpe();
    spm = make_spm();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = { data, data + size };
    uint8_t choice = take(&in);
    unsigned flags = choice >> 6;
    switch (choice & 3) {
    case 0:
        use(bpe, &in, flags, true);
        break;
    case 1:
        use(spm, &in, flags, true);
        break;
    default:
        hostile(&in, flags);
    }
    return 0;
}
