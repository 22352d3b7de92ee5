/* SentencePiece BPE: characters are joined to the token of the highest score first; what is no token falls back to bytes. A space
   is written as U+2581. */
#include "tokenizer_private.h"
#include "utf8.h"
#include <stdlib.h>
#include <string.h>

static const char space_mark[] = "\xe2\x96\x81";
enum { MARK_BYTES = 3 };

static bool spm_load(tokenizer *t, const gguf *g, trit_error *e)
{
    const vocabulary *v = &t->vocabulary;
    gguf_array scores;
    if (!gguf_has(g, "tokenizer.ggml.scores"))
        return fail(e, "tokenizer.ggml.scores is missing, and this kind of vocabulary needs it");
    if (!gguf_arr(g, "tokenizer.ggml.scores", &scores) || scores.count != v->count)
        return fail(e, "tokenizer.ggml.scores is not one number for each of the %zu tokens", v->count);
    t->scores = malloc(v->count * sizeof *t->scores);
    if (!t->scores)
        return fail(e, "not enough memory for %zu scores", v->count);
    for (size_t i = 0; i < v->count; i++) {
        double score;
        if (!gguf_arr_num(&scores, i, &score))
            return fail(e, "tokenizer.ggml.scores: entry %zu is not a number", i);
        t->scores[i] = (float)score;
    }
    for (unsigned byte = 0; byte < 256; byte++) {
        char text[8] = { '<', '0', 'x', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15], '>', 0 };
        t->byte_ids[byte] = vocabulary_find(v, text, 6);
    }
    t->space_prefix = true;
    if (gguf_has(g, "tokenizer.ggml.add_space_prefix") && !gguf_bool(g, "tokenizer.ggml.add_space_prefix", &t->space_prefix))
        return fail(e, "tokenizer.ggml.add_space_prefix is not true or false");
    return true;
}

/* Ascending as the score descends: the bits of a float, made to sort as an integer. */
static uint32_t priority_of(float score)
{
    uint32_t bits;
    score += 0.0f; /* -0 is 0 */
    memcpy(&bits, &score, sizeof bits);
    return bits >> 31 ? bits : ~bits & 0x7fffffff;
}

static bool join_scored(const tokenizer *t, const char *text, const symbol *left, const symbol *right, uint32_t *priority,
                        int32_t *id)
{
    *id = vocabulary_find_text(&t->vocabulary, text + left->start, (size_t)left->len + right->len);
    if (*id < 0)
        return false;
    *priority = priority_of(t->scores[*id]);
    return true;
}

/* The text with its spaces marked, behind one more space where the model wants it -> w->buffer, *len. */
static bool mark_spaces(const char *text, bool prefix, encoding *w, size_t *len)
{
    size_t spaces = prefix, written = 0;
    for (size_t i = 0; i < *len; i++)
        spaces += text[i] == ' ';
    if (!encoding_reserve_buffer(w, *len + prefix + spaces * (MARK_BYTES - 1)))
        return false;
    for (size_t i = 0; i < *len + prefix; i++) {
        char c = i < prefix ? ' ' : text[i - prefix];
        if (c == ' ') {
            memcpy(w->buffer + written, space_mark, MARK_BYTES);
            written += MARK_BYTES;
        } else {
            w->buffer[written++] = c;
        }
    }
    *len = written;
    return true;
}

static bool push_bytes(const tokenizer *t, const char *text, size_t len, encoding *w)
{
    for (size_t i = 0; i < len; i++) {
        unsigned byte = (uint8_t)text[i];
        if (t->byte_ids[byte] < 0) /* one unknown for the whole character */
            return t->unknown >= 0 ? encoding_push(w, t->unknown)
                                   : fail(w->error, "the vocabulary has no token for the byte 0x%02x", byte);
        if (!encoding_push(w, t->byte_ids[byte]))
            return false;
    }
    return true;
}

static bool spm_encode(const tokenizer *t, const char *text, size_t len, bool leading, encoding *w)
{
    size_t characters = leading && t->space_prefix;
    for (size_t i = 0; i < len; i++)
        characters += ((uint8_t)text[i] & 0xc0) != 0x80;
    if (!mark_spaces(text, leading && t->space_prefix, w, &len) || !encoding_reserve_symbols(w, characters))
        return false;
    uint32_t count = 0;
    for (size_t at = 0, bytes; at < len; at += bytes, count++) {
        bytes = utf8_decode(w->buffer + at, len - at, NULL);
        int32_t id = vocabulary_find_text(&t->vocabulary, w->buffer + at, bytes);
        w->symbols[count] = (symbol){ (uint32_t)at, (uint32_t)bytes, count - 1, count + 1, id };
    }
    w->symbols[0].prev = w->symbols[count - 1].next = NO_SYMBOL;
    merge_symbols(t, w->buffer, w->symbols, count, w->queue, join_scored);
    for (uint32_t i = 0; i != NO_SYMBOL; i = w->symbols[i].next) {
        const symbol *s = &w->symbols[i];
        if (!(s->id >= 0 ? encoding_push(w, s->id) : push_bytes(t, w->buffer + s->start, s->len, w)))
            return false;
    }
    return true;
}

static size_t spm_bytes(const tokenizer *t, str token, char *out, size_t size)
{
    (void)t;
    size_t total = 0;
    for (size_t at = 0; at < token.len; total++) {
        bool space = token.len - at >= MARK_BYTES && memcmp(token.data + at, space_mark, MARK_BYTES) == 0;
        if (total < size)
            out[total] = space ? ' ' : token.data[at];
        at += space ? MARK_BYTES : 1;
    }
    return total;
}

const tokenizer_model spm_model = { "llama", spm_load, spm_encode, spm_bytes };
