/* Byte-level BPE: a word's bytes, written in an alphabet of 256 printable characters, are joined by the file's merges in their
   order. */
#include "tokenizer_private.h"
#include "utf8.h"
#include <stdlib.h>
#include <string.h>

/* The alphabet of GPT-2: printable Latin-1 bytes stand for themselves, the other 68 are U+0100 and following, in order. */
static bool is_own_character(unsigned byte)
{
    return (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte != 0xad);
}

static uint32_t character_of(unsigned byte)
{
    if (is_own_character(byte))
        return byte;
    return 0x100 + (byte < 0x21 ? byte : byte < 0xa1 ? byte - 0x7f + 0x21 : 0x43);
}

/* -1: not of the alphabet. */
static int byte_of(uint32_t code)
{
    if (code < 0x100)
        return is_own_character(code) ? (int)code : -1;
    code -= 0x100;
    return code < 0x21 ? (int)code : code < 0x43 ? (int)(code - 0x21 + 0x7f) : code == 0x43 ? 0xad : -1;
}

static size_t pair_hash(const tokenizer *t, int32_t left, int32_t right)
{
    uint64_t h = ((uint64_t)(uint32_t)left << 32 | (uint32_t)right) * 0x9e3779b97f4a7c15u;
    return (size_t)(h >> 32) & t->pair_mask;
}

/* Slot of a pair, or the free one where it belongs. */
static uint32_t *pair_slot(const tokenizer *t, int32_t left, int32_t right)
{
    size_t i = pair_hash(t, left, right);
    for (; t->pair_slots[i]; i = (i + 1) & t->pair_mask) {
        const pair *p = &t->pairs[t->pair_slots[i] - 1];
        if (p->left == left && p->right == right)
            break;
    }
    return &t->pair_slots[i];
}

static bool join_pair(const tokenizer *t, const char *text, const symbol *left, const symbol *right, uint32_t *priority,
                      int32_t *id)
{
    (void)text;
    uint32_t rank = *pair_slot(t, left->id, right->id);
    if (rank == 0)
        return false;
    *priority = rank;
    *id = t->pairs[rank - 1].joined;
    return true;
}

/* "left right" -> ids of left, right and leftright. */
static bool read_merge(const tokenizer *t, str merge, size_t number, char **joined, size_t *capacity, pair *p, trit_error *e)
{
    const vocabulary *v = &t->vocabulary;
    const char *space = merge.len > 1 ? memchr(merge.data + 1, ' ', merge.len - 1) : NULL;
    if (!space || space + 1 == merge.data + merge.len)
        return fail(e, "tokenizer.ggml.merges: entry %zu is not two parts with a space between them", number);
    size_t left = (size_t)(space - merge.data), right = merge.len - left - 1;
    if (merge.len > *capacity) {
        char *more = realloc(*joined, 2 * merge.len);
        if (!more)
            return fail(e, "not enough memory for the merges of the vocabulary");
        *joined = more;
        *capacity = 2 * merge.len;
    }
    memcpy(*joined, merge.data, left);
    memcpy(*joined + left, space + 1, right);
    p->left = vocabulary_find(v, merge.data, left);
    p->right = vocabulary_find(v, space + 1, right);
    p->joined = vocabulary_find(v, *joined, left + right);
    if (p->left < 0 || p->right < 0 || p->joined < 0)
        return fail(e, "tokenizer.ggml.merges: entry %zu is about texts that are no tokens of the vocabulary", number);
    return true;
}

static bool load_merges(tokenizer *t, const gguf *g, trit_error *e)
{
    if (!gguf_has(g, "tokenizer.ggml.merges"))
        return fail(e, "tokenizer.ggml.merges is missing, and BPE needs it");
    size_t count;
    str *merges = gguf_arr_str(g, "tokenizer.ggml.merges", &count, e);
    if (!merges)
        return false;
    for (t->pair_mask = 1; t->pair_mask < count + count / 2 + 1; t->pair_mask *= 2)
        ;
    t->pair_slots = calloc(t->pair_mask--, sizeof *t->pair_slots);
    t->pairs = malloc((count + 1) * sizeof *t->pairs);
    bool ok = t->pair_slots && t->pairs && count < UINT32_MAX;
    if (!ok)
        fail(e, "not enough memory for %zu merges", count);
    char *joined = NULL;
    size_t capacity = 0;
    for (size_t i = 0; ok && i < count; i++) {
        pair *p = &t->pairs[i];
        ok = read_merge(t, merges[i], i, &joined, &capacity, p, e);
        if (ok) {
            uint32_t *slot = pair_slot(t, p->left, p->right);
            if (*slot == 0) /* of equal pairs the first counts */
                *slot = (uint32_t)(i + 1);
        }
    }
    free(joined);
    free(merges);
    return ok;
}

/* Names of tokenizer.ggml.pre that mean the pattern of words.c. A file without the key is taken for one of them: the converter of
   BitNet-b1.58-2B-4T, whose vocabulary is Llama 3's, writes none. */
static bool is_llama3(const gguf *g, trit_error *e)
{
    static const char *const names[] = { "llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1" };
    str pre;
    if (!gguf_has(g, "tokenizer.ggml.pre"))
        return true;
    if (!gguf_str(g, "tokenizer.ggml.pre", &pre))
        return fail(e, "tokenizer.ggml.pre is not a text");
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (pre.len == strlen(names[i]) && memcmp(pre.data, names[i], pre.len) == 0)
            return true;
    char shown[32];
    size_t len = 0;
    for (; len < pre.len && len + 1 < sizeof shown; len++)
        shown[len] = pre.data[len] >= ' ' && pre.data[len] < 0x7f ? pre.data[len] : '?';
    shown[len] = 0;
    return fail(e, "the pre-tokenizer \"%s\" is not supported; llama-bpe, llama3, llama-v3, falcon3 and falcon-h1 are", shown);
}

static bool bpe_load(tokenizer *t, const gguf *g, trit_error *e)
{
    if (!is_llama3(g, e) || !load_merges(t, g, e))
        return false;
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[4];
        t->byte_ids[byte] = vocabulary_find_text(&t->vocabulary, text, utf8_encode(character_of(byte), text));
    }
    t->space_prefix = false;
    return true;
}

/* The whole word as one token, which needs no merges to lead to it (Llama 3: ignore_merges). */
static int32_t whole_word(const tokenizer *t, const char *word, size_t len, char *buffer)
{
    size_t written = 0;
    for (size_t i = 0; i < len; i++)
        written += utf8_encode(character_of((uint8_t)word[i]), buffer + written);
    return vocabulary_find_text(&t->vocabulary, buffer, written);
}

static bool encode_word(const tokenizer *t, const char *word, size_t len, encoding *w)
{
    if (len <= t->vocabulary.longest) {
        if (!encoding_reserve_buffer(w, 2 * len + 4))
            return false;
        int32_t id = whole_word(t, word, len, w->buffer);
        if (id >= 0)
            return encoding_push(w, id);
    }
    if (!encoding_reserve_symbols(w, len))
        return false;
    for (size_t i = 0; i < len; i++) {
        int32_t id = t->byte_ids[(uint8_t)word[i]];
        if (id < 0)
            id = t->unknown;
        if (id < 0)
            return fail(w->error, "the vocabulary has no token for the byte 0x%02x", (unsigned)(uint8_t)word[i]);
        w->symbols[i] = (symbol){ (uint32_t)i, 1, (uint32_t)(i - 1), (uint32_t)(i + 1), id };
    }
    w->symbols[0].prev = w->symbols[len - 1].next = NO_SYMBOL;
    merge_symbols(t, word, w->symbols, len, w->queue, join_pair);
    for (uint32_t i = 0; i != NO_SYMBOL; i = w->symbols[i].next)
        if (!encoding_push(w, w->symbols[i].id))
            return false;
    return true;
}

static bool bpe_encode(const tokenizer *t, const char *text, size_t len, bool leading, encoding *w)
{
    (void)leading;
    for (size_t at = 0, word; at < len; at += word) {
        word = llama3_word(text + at, len - at);
        if (!encode_word(t, text + at, word, w))
            return false;
    }
    return true;
}

static size_t bpe_bytes(const tokenizer *t, str token, char *out, size_t size)
{
    (void)t;
    size_t total = 0;
    for (size_t at = 0; at < token.len;) {
        uint32_t code = 0;
        size_t bytes = utf8_decode(token.data + at, token.len - at, &code);
        int byte = bytes ? byte_of(code) : (uint8_t)token.data[at];
        if (byte >= 0) {
            if (total < size)
                out[total] = (char)byte;
            total++;
        } else {
            for (size_t i = 0; i < bytes; i++, total++)
                if (total < size)
                    out[total] = token.data[at + i];
        }
        at += bytes ? bytes : 1;
    }
    return total;
}

const tokenizer_model bpe_model = { "gpt2", bpe_load, bpe_encode, bpe_bytes };
