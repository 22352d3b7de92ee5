#include "tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

enum { MOST_TOKENS = 1 << 24 };

/* FNV-1a, its bits mixed once more because the low ones choose the slot. */
uint32_t hash_bytes(const void *bytes, size_t len)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ ((const uint8_t *)bytes)[i]) * 16777619u;
    return h ^ h >> 15;
}

/* The slot that holds the text, or the free one where it belongs. */
static uint64_t *slot_of(const vocabulary *v, const char *text, size_t len)
{
    uint32_t hash = hash_bytes(text, len);
    for (size_t i = hash & v->mask;; i = (i + 1) & v->mask) {
        uint64_t slot = v->slots[i];
        if (slot == 0)
            return &v->slots[i];
        if (slot >> 32 != hash)
            continue;
        str token = v->tokens[(uint32_t)slot - 1];
        if (token.len == len && memcmp(token.data, text, len) == 0)
            return &v->slots[i];
    }
}

int32_t vocabulary_find(const vocabulary *v, const char *text, size_t len)
{
    if (len == 0 || len > v->longest)
        return -1;
    return (int32_t)(uint32_t)*slot_of(v, text, len) - 1;
}

int32_t vocabulary_find_text(const vocabulary *v, const char *text, size_t len)
{
    int32_t id = vocabulary_find(v, text, len);
    if (id < 0)
        return -1;
    token_kind kind = v->kinds[id];
    return kind == TOKEN_NORMAL || kind == TOKEN_USER_DEFINED || kind == TOKEN_UNUSED ? id : -1;
}

static bool load_kinds(vocabulary *v, const gguf *g, trit_error *e)
{
    memset(v->kinds, TOKEN_NORMAL, v->count);
    gguf_array types;
    if (!gguf_has(g, "tokenizer.ggml.token_type"))
        return true;
    if (!gguf_arr(g, "tokenizer.ggml.token_type", &types) || types.count != v->count)
        return fail(e, "tokenizer.ggml.token_type is not one number for each of the %zu tokens", v->count);
    for (size_t i = 0; i < v->count; i++) {
        double kind;
        if (!gguf_arr_num(&types, i, &kind) || !(kind >= 0 && kind <= TOKEN_BYTE))
            return fail(e, "tokenizer.ggml.token_type: token %zu has a type that is none of 0 to 6", i);
        if (kind != 0)
            v->kinds[i] = (uint8_t)kind;
    }
    return true;
}

bool vocabulary_load(vocabulary *v, const gguf *g, trit_error *e)
{
    if (!gguf_has(g, "tokenizer.ggml.tokens"))
        return fail(e, "the file has no vocabulary: tokenizer.ggml.tokens is missing");
    v->tokens = gguf_arr_str(g, "tokenizer.ggml.tokens", &v->count, e);
    if (!v->tokens)
        return false;
    if (v->count == 0 || v->count > MOST_TOKENS)
        return fail(e, "tokenizer.ggml.tokens has %zu entries; 1 to %d are accepted", v->count, MOST_TOKENS);
    for (v->mask = 1; v->mask < 2 * v->count; v->mask *= 2)
        ;
    v->slots = calloc(v->mask--, sizeof *v->slots);
    v->kinds = malloc(v->count);
    if (!v->slots || !v->kinds)
        return fail(e, "not enough memory for a vocabulary of %zu tokens", v->count);
    for (size_t i = 0; i < v->count; i++) {
        str token = v->tokens[i];
        if (token.len == 0)
            continue; /* a hole in the vocabulary: never matched */
        *slot_of(v, token.data, token.len) = (uint64_t)hash_bytes(token.data, token.len) << 32 | (i + 1);
        if (token.len > v->longest)
            v->longest = token.len;
    }
    return load_kinds(v, g, e);
}

/* A special token that is not whole characters would cut the text inside of one; such a token is never matched. */
static bool is_special(const vocabulary *v, size_t id)
{
    token_kind kind = v->kinds[id];
    str token = v->tokens[id];
    return (kind == TOKEN_CONTROL || kind == TOKEN_UNKNOWN || kind == TOKEN_USER_DEFINED) && token.len > 0 &&
           utf8_valid(token.data, token.len, NULL);
}

/* A special token with its text beside it, because qsort hands its comparison nothing else. */
typedef struct { str text; int32_t id; } special;

static int compare_specials(const void *a, const void *b)
{
    const special *x = a, *y = b;
    size_t common = x->text.len < y->text.len ? x->text.len : y->text.len;
    int order = memcmp(x->text.data, y->text.data, common);
    if (order == 0)
        order = (x->text.len > y->text.len) - (x->text.len < y->text.len);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

bool vocabulary_index_specials(vocabulary *v, trit_error *e)
{
    size_t count = 0;
    for (size_t i = 0; i < v->count; i++)
        count += is_special(v, i);
    special *sorted = malloc((count + 1) * sizeof *sorted);
    v->specials = malloc((count + 1) * sizeof *v->specials);
    if (!sorted || !v->specials) {
        free(sorted);
        return fail(e, "not enough memory for %zu special tokens", count);
    }
    for (size_t i = 0; i < v->count; i++)
        if (is_special(v, i)) {
            sorted[v->special_count++] = (special){ v->tokens[i], (int32_t)i };
            v->starts[(uint8_t)v->tokens[i].data[0]] = true;
        }
    qsort(sorted, count, sizeof *sorted, compare_specials);
    for (size_t i = 0; i < count; i++)
        v->specials[i] = sorted[i].id;
    free(sorted);
    return true;
}

/* First of specials[low..high), which share their first `depth` bytes and are longer, whose next byte is not below `byte`. */
static size_t narrow(const vocabulary *v, size_t low, size_t high, size_t depth, int byte)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if ((uint8_t)v->tokens[v->specials[middle]].data[depth] < byte)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int32_t vocabulary_match_special(const vocabulary *v, const char *text, size_t len, bool all)
{
    int32_t best = -1;
    size_t low = 0, high = v->special_count;
    for (size_t depth = 0; low < high; depth++) {
        for (; low < high && v->tokens[v->specials[low]].len == depth; low++) /* what ends here stands first */
            if (all || v->kinds[v->specials[low]] == TOKEN_USER_DEFINED)
                best = v->specials[low];
        if (depth == len)
            break;
        uint8_t byte = (uint8_t)text[depth];
        low = narrow(v, low, high, depth, byte);
        high = narrow(v, low, high, depth, byte + 1);
    }
    return best;
}

void vocabulary_free(vocabulary *v)
{
    free(v->tokens);
    free(v->kinds);
    free(v->slots);
    free(v->specials);
}
