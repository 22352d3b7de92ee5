#include "tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_TEXT = 64 << 20 }; /* bytes; working memory is up to 36 times that, which must fit 32 bits */

/* Tokens that end a turn or a text under whatever id, beside the file's own eos, eot and eom. */
static const char *const end_names[] = {
    "<|eot_id|>", "<|end_of_text|>", "<|eom_id|>", "<|endoftext|>", "<|im_end|>", "<|end|>"
};

/* An optional key that names a token: absent -1. */
static bool token_key(const tokenizer *t, const gguf *g, const char *key, int32_t *id, trit_error *e)
{
    uint64_t value;
    *id = -1;
    if (!gguf_has(g, key))
        return true;
    if (!gguf_u64(g, key, &value))
        return fail(e, "%s is not a token id", key);
    if (value >= t->vocabulary.count)
        return fail(e, "%s is %llu, but the vocabulary has %zu tokens", key, (unsigned long long)value, t->vocabulary.count);
    *id = (int32_t)value;
    return true;
}

/* An end token is a control token whatever the file calls it: some converters forget. */
static void add_end(tokenizer *t, int32_t id)
{
    if (id < 0 || tokenizer_is_end(t, id) || t->end_count == sizeof t->ends / sizeof *t->ends)
        return;
    t->ends[t->end_count++] = id;
    t->vocabulary.kinds[id] = TOKEN_CONTROL;
}

static bool load_special_ids(tokenizer *t, const gguf *g, trit_error *e)
{
    int32_t eot, eom;
    if (!token_key(t, g, "tokenizer.ggml.bos_token_id", &t->bos, e) ||
        !token_key(t, g, "tokenizer.ggml.eos_token_id", &t->eos, e) ||
        !token_key(t, g, "tokenizer.ggml.unknown_token_id", &t->unknown, e) ||
        !token_key(t, g, "tokenizer.ggml.eot_token_id", &eot, e) ||
        !token_key(t, g, "tokenizer.ggml.eom_token_id", &eom, e))
        return false;
    add_end(t, t->eos);
    add_end(t, eot);
    add_end(t, eom);
    for (size_t i = 0; i < sizeof end_names / sizeof *end_names; i++)
        add_end(t, vocabulary_find(&t->vocabulary, end_names[i], strlen(end_names[i])));
    if (t->bos >= 0)
        t->vocabulary.kinds[t->bos] = TOKEN_CONTROL;
    t->add_bos = true; /* what both models want unless the file says otherwise */
    if (gguf_has(g, "tokenizer.ggml.add_bos_token") && !gguf_bool(g, "tokenizer.ggml.add_bos_token", &t->add_bos))
        return fail(e, "tokenizer.ggml.add_bos_token is not true or false");
    return true;
}

static const tokenizer_model *find_model(const gguf *g, trit_error *e)
{
    static const tokenizer_model *const models[] = { &bpe_model, &spm_model };
    str name;
    if (!gguf_str(g, "tokenizer.ggml.model", &name)) {
        fail(e, "the file has no tokenizer: tokenizer.ggml.model is missing or not a text");
        return NULL;
    }
    for (size_t i = 0; i < sizeof models / sizeof *models; i++)
        if (name.len == strlen(models[i]->name) && memcmp(name.data, models[i]->name, name.len) == 0)
            return models[i];
    fail(e, "tokenizer.ggml.model is neither \"gpt2\" (byte-level BPE) nor \"llama\" (SPM); other tokenizers are not supported");
    return NULL;
}

tokenizer *tokenizer_load(const gguf *g, trit_error *e)
{
    tokenizer *t = calloc(1, sizeof *t);
    if (!t) {
        fail(e, "not enough memory for a tokenizer");
        return NULL;
    }
    str template = { NULL, 0 };
    t->model = find_model(g, e);
    if (!t->model || !vocabulary_load(&t->vocabulary, g, e) || !load_special_ids(t, g, e) || !t->model->load(t, g, e) ||
        !vocabulary_index_specials(&t->vocabulary, e)) {
        tokenizer_free(t);
        return NULL;
    }
    gguf_str(g, "tokenizer.chat_template", &template);
    t->format = chat_recognise(template);
    return t;
}

void tokenizer_free(tokenizer *t)
{
    if (!t)
        return;
    vocabulary_free(&t->vocabulary);
    free(t->pairs);
    free(t->pair_slots);
    free(t->scores);
    free(t);
}

/* ---- what an encoding grows ---- */

/* Makes room for `need` elements, doubling. */
static bool grow(void **array, size_t *capacity, size_t need, size_t element, trit_error *e)
{
    if (need <= *capacity && *array)
        return true;
    size_t more = 2 * *capacity > need ? 2 * *capacity : need < 64 ? 64 : need;
    void *bigger = more <= SIZE_MAX / element ? realloc(*array, more * element) : NULL;
    if (!bigger)
        return fail(e, "not enough memory to tokenise this text");
    *array = bigger;
    *capacity = more;
    return true;
}

bool encoding_push(encoding *w, int32_t id)
{
    if (w->count == w->capacity) {
        void *ids = w->ids;
        if (!grow(&ids, &w->capacity, w->count + 1, sizeof *w->ids, w->error))
            return false;
        w->ids = ids;
    }
    w->ids[w->count++] = id;
    return true;
}

bool encoding_reserve_symbols(encoding *w, size_t n)
{
    if (n <= w->symbol_capacity)
        return true;
    size_t capacity = n < 64 ? 64 : n;
    free(w->symbols);
    free(w->queue);
    w->symbol_capacity = 0;
    w->symbols = malloc(capacity * sizeof *w->symbols);
    w->queue = malloc(2 * capacity * sizeof *w->queue);
    if (!w->symbols || !w->queue)
        return fail(w->error, "not enough memory to tokenise a word of %zu bytes", n);
    w->symbol_capacity = capacity;
    return true;
}

bool encoding_reserve_buffer(encoding *w, size_t bytes)
{
    void *buffer = w->buffer;
    bool ok = grow(&buffer, &w->buffer_capacity, bytes, 1, w->error);
    w->buffer = buffer;
    return ok;
}

/* ---- text to tokens ---- */

static bool encode_all(const tokenizer *t, const char *text, size_t len, unsigned flags, encoding *w)
{
    const vocabulary *v = &t->vocabulary;
    if ((flags & TOKENIZE_BOS) && t->add_bos && t->bos >= 0 && !encoding_push(w, t->bos))
        return false;
    bool leading = true;
    for (size_t at = 0, from = 0; at <= len;) {
        int32_t id = -1;
        if (at < len && v->starts[(uint8_t)text[at]])
            id = vocabulary_match_special(v, text + at, len - at, flags & TOKENIZE_SPECIAL);
        if (id < 0 && at < len) {
            at++;
            continue;
        }
        if (at > from) {
            if (!t->model->encode(t, text + from, at - from, leading, w))
                return false;
            leading = false;
        }
        if (id < 0)
            break;
        if (!encoding_push(w, id))
            return false;
        leading = true;
        from = at += v->tokens[id].len;
    }
    return true;
}

bool tokenize(const tokenizer *t, const char *text, size_t len, unsigned flags, int32_t **ids, size_t *count, trit_error *e)
{
    size_t bad;
    *ids = NULL;
    *count = 0;
    if (len > MOST_TEXT)
        return fail(e, "the text has %zu bytes; at most %d are tokenised at once", len, MOST_TEXT);
    if (!utf8_valid(text, len, &bad))
        return fail(e, "the text is not valid UTF-8 at byte %zu (0x%02x)", bad, (unsigned)(uint8_t)text[bad]);
    encoding w = { .error = e };
    void *array = NULL;
    bool ok = grow(&array, &w.capacity, 1, sizeof *w.ids, e); /* so that no tokens are not NULL */
    w.ids = array;
    ok = ok && encode_all(t, text, len, flags, &w);
    free(w.symbols);
    free(w.queue);
    free(w.buffer);
    if (!ok) {
        free(w.ids);
        return false;
    }
    *ids = w.ids;
    *count = w.count;
    return true;
}

/* ---- tokens to text ---- */

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of a token "<0xNN>"; -1: it is written otherwise. */
static int byte_token(str token)
{
    if (token.len != 6 || memcmp(token.data, "<0x", 3) != 0 || token.data[5] != '>')
        return -1;
    int high = hex_digit(token.data[3]), low = hex_digit(token.data[4]);
    return high < 0 || low < 0 ? -1 : high << 4 | low;
}

size_t token_bytes(const tokenizer *t, int32_t id, char *out, size_t size)
{
    if (id < 0 || (size_t)id >= t->vocabulary.count)
        return 0;
    str token = t->vocabulary.tokens[id];
    switch (t->vocabulary.kinds[id]) {
    case TOKEN_CONTROL:
    case TOKEN_UNKNOWN:
        return 0;
    case TOKEN_USER_DEFINED:
        if (size > 0)
            memcpy(out, token.data, token.len < size ? token.len : size);
        return token.len;
    case TOKEN_BYTE: {
        int byte = byte_token(token);
        if (byte < 0)
            return 0;
        if (size > 0)
            out[0] = (char)byte;
        return 1;
    }
    default:
        return t->model->bytes(t, token, out, size);
    }
}

int32_t tokenizer_bos(const tokenizer *t)
{
    return t->bos;
}

int32_t tokenizer_eos(const tokenizer *t)
{
    return t->eos;
}

bool tokenizer_is_end(const tokenizer *t, int32_t id)
{
    for (size_t i = 0; i < t->end_count; i++)
        if (t->ends[i] == id)
            return true;
    return false;
}

size_t tokenizer_size(const tokenizer *t)
{
    return t->vocabulary.count;
}

bool tokenizer_adds_space(const tokenizer *t)
{
    return t->space_prefix;
}
