#include "serve_request.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A key's value of one kind; absent and null give NULL. Another kind is an error. */
static bool typed(const serve_request *r, const char *key, json_kind kind, const char *kind_name, const json **out, trit_error *e)
{
    *out = json_get(r->body, key);
    if (*out && (*out)->kind == JSON_NULL)
        *out = NULL;
    if (*out && (*out)->kind != kind)
        return fail(e, "\"%s\" must be %s", key, kind_name);
    return true;
}

static bool number(const serve_request *r, const char *key, double low, double high, bool whole, double fallback,
                   double *out, trit_error *e)
{
    const json *j;
    *out = fallback;
    if (!typed(r, key, JSON_NUMBER, "a number", &j, e))
        return false;
    if (!j)
        return true;
    *out = j->number;
    if (!(j->number >= low && j->number <= high) || (whole && j->number != floor(j->number)))
        return fail(e, "\"%s\" must be a %snumber from %.15g to %.15g", key, whole ? "whole " : "", low, high);
    return true;
}

/* A C string: JSON may hold U+0000, which would cut it short. */
static bool plain_text(const json *j, const char *key, const char **out, trit_error *e)
{
    if (!j || j->kind != JSON_STRING)
        return fail(e, "\"%s\" must be a text", key);
    if (strlen(j->text) != j->len)
        return fail(e, "\"%s\" must not contain the character U+0000", key);
    *out = j->text;
    return true;
}

static bool read_messages(serve_request *r, const json *list, trit_error *e)
{
    r->messages = calloc(list->count + 1, sizeof *r->messages);
    if (!r->messages)
        return fail(e, "not enough memory for %zu messages", list->count);
    r->n_messages = list->count;
    for (size_t i = 0; i < list->count; i++) {
        const json *m = &list->items[i];
        if (m->kind != JSON_OBJECT)
            return fail(e, "message %zu must be an object with \"role\" and \"content\"", i);
        if (!plain_text(json_get(m, "role"), "role", &r->messages[i].role, e) ||
            !plain_text(json_get(m, "content"), "content", &r->messages[i].text, e))
            return false;
        const char *role = r->messages[i].role;
        if (strcmp(role, "system") && strcmp(role, "user") && strcmp(role, "assistant"))
            return fail(e, "message %zu: \"role\" must be system, user or assistant", i);
    }
    return true;
}

static bool read_tokens(serve_request *r, const json *list, trit_error *e)
{
    r->tokens = malloc((list->count + 1) * sizeof *r->tokens);
    if (!r->tokens)
        return fail(e, "not enough memory for %zu tokens", list->count);
    r->n_tokens = list->count;
    for (size_t i = 0; i < list->count; i++) {
        double v = list->items[i].number;
        if (list->items[i].kind != JSON_NUMBER || !(v >= 0 && v <= INT32_MAX) || v != floor(v))
            return fail(e, "\"tokens\" must hold token ids; element %zu is none", i);
        r->tokens[i] = (int32_t)v;
    }
    return true;
}

static bool read_prompt(serve_request *r, trit_error *e)
{
    const json *prompt, *messages, *tokens, *random;
    if (!typed(r, "prompt", JSON_STRING, "a text", &prompt, e) || !typed(r, "messages", JSON_ARRAY, "a list", &messages, e) ||
        !typed(r, "tokens", JSON_ARRAY, "a list", &tokens, e) || !typed(r, "random_tokens", JSON_NUMBER, "a number", &random, e))
        return false;
    if (!!prompt + !!messages + !!tokens + !!random != 1)
        return fail(e, "a generate request has exactly one of \"prompt\", \"messages\", \"tokens\" and \"random_tokens\"");
    if (prompt) {
        r->kind = PROMPT_TEXT;
        r->prompt = prompt->text;
        r->prompt_len = prompt->len;
        return true;
    }
    if (messages) {
        r->kind = PROMPT_MESSAGES;
        return messages->count ? read_messages(r, messages, e) : fail(e, "\"messages\" must not be empty");
    }
    if (tokens) {
        r->kind = PROMPT_TOKENS;
        return tokens->count ? read_tokens(r, tokens, e) : fail(e, "\"tokens\" must not be empty");
    }
    double n;
    r->kind = PROMPT_RANDOM;
    if (!number(r, "random_tokens", 1, REQUEST_MAX_TOKENS, true, 1, &n, e))
        return false;
    r->random_tokens = (size_t)n;
    return true;
}

static bool read_generate(serve_request *r, trit_error *e)
{
    double max_tokens, temperature, top_k, top_p, seed;
    const json *ignore_eos, *keep;
    if (!*r->id)
        return fail(e, "a generate request needs an \"id\"");
    if (!read_prompt(r, e) || !number(r, "max_tokens", 0, REQUEST_MAX_TOKENS, true, 128, &max_tokens, e) ||
        !number(r, "temperature", 0, 1000, false, 0, &temperature, e) || !number(r, "top_k", 0, INT32_MAX, true, 0, &top_k, e) ||
        !number(r, "top_p", 0, 1, false, 1, &top_p, e) || !number(r, "seed", 0, 9007199254740991.0, true, 1, &seed, e) ||
        !typed(r, "ignore_eos", JSON_BOOL, "true or false", &ignore_eos, e) || !typed(r, "keep", JSON_BOOL, "true or false", &keep, e))
        return false;
    const json *cache = json_get(r->body, "prompt_cache");
    if (cache && cache->kind != JSON_NULL && !plain_text(cache, "prompt_cache", &r->prompt_cache, e))
        return false;
    r->max_tokens = (size_t)max_tokens;
    r->seed = (uint64_t)seed;
    r->sampler = (sampler){ (float)temperature, (int)top_k, (float)top_p, r->seed };
    r->ignore_eos = ignore_eos && ignore_eos->number != 0;
    r->keep = keep && keep->number != 0;
    return true;
}

bool serve_request_parse(serve_request *r, const char *line, size_t len, trit_error *e)
{
    memset(r, 0, sizeof *r);
    r->id = "";
    if (len > REQUEST_MAX_LINE)
        return fail(e, "a request line may have at most %d bytes", REQUEST_MAX_LINE);
    r->body = json_parse(line, len, e);
    if (!r->body)
        return false;
    if (r->body->kind != JSON_OBJECT)
        return fail(e, "a request must be a JSON object");
    const json *id = json_get(r->body, "id");
    if (id && id->kind != JSON_NULL && !plain_text(id, "id", &r->id, e))
        return false;
    if (strlen(r->id) > 256) {
        r->id = "";
        return fail(e, "\"id\" may have at most 256 bytes");
    }
    const char *op = "";
    if (!json_get(r->body, "op"))
        return fail(e, "the request has no \"op\"; it must be generate, cancel, usage or quit");
    if (!plain_text(json_get(r->body, "op"), "op", &op, e))
        return false;
    if (!strcmp(op, "generate"))
        return read_generate(r, e); /* op REQUEST_GENERATE is 0 */
    if (!strcmp(op, "cancel"))
        r->op = REQUEST_CANCEL;
    else if (!strcmp(op, "usage"))
        r->op = REQUEST_USAGE;
    else if (!strcmp(op, "quit"))
        r->op = REQUEST_QUIT;
    else
        return fail(e, "\"op\" must be generate, cancel, usage or quit");
    return r->op != REQUEST_CANCEL || *r->id ? true : fail(e, "a cancel request needs the \"id\" of a generate request");
}

void serve_request_free(serve_request *r)
{
    free(r->messages);
    free(r->tokens);
    json_free(r->body);
    memset(r, 0, sizeof *r);
    r->id = "";
}

static bool is_ordinary(const tokenizer *t, int32_t id)
{
    char byte;
    return !t || ((size_t)id < tokenizer_size(t) && !tokenizer_is_end(t, id) && id != tokenizer_bos(t) &&
                  token_bytes(t, id, &byte, 1) > 0);
}

bool random_prompt(const tokenizer *t, size_t vocab, int32_t bos, uint64_t seed, int32_t *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i == 0 && bos >= 0) {
            tokens[i] = bos;
            continue;
        }
        uint64_t z = seed += 0x9e3779b97f4a7c15u; /* splitmix64 */
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        size_t id = (size_t)((z ^ (z >> 31)) % vocab), tried = 0;
        while (tried < vocab && !is_ordinary(t, (int32_t)id)) {
            id = (id + 1) % vocab; /* the next ordinary one: special tokens are few and stand together */
            tried++;
        }
        if (tried == vocab)
            return false;
        tokens[i] = (int32_t)id;
    }
    return true;
}

static bool draw_tokens(const serve_request *r, const tokenizer *t, size_t vocab, int32_t **tokens, size_t *count, trit_error *e)
{
    *count = r->random_tokens;
    *tokens = malloc(*count * sizeof **tokens);
    if (!*tokens)
        return fail(e, "not enough memory for %zu tokens", *count);
    if (random_prompt(t, vocab, tokenizer_bos(t), r->seed, *tokens, *count))
        return true;
    return fail(e, "the vocabulary has no ordinary tokens to draw from");
}

static bool copy_tokens(const serve_request *r, int32_t **tokens, size_t *count, trit_error *e)
{
    *count = r->n_tokens;
    *tokens = malloc(*count * sizeof **tokens);
    if (!*tokens)
        return fail(e, "not enough memory for %zu tokens", *count);
    memcpy(*tokens, r->tokens, *count * sizeof **tokens);
    return true;
}

bool serve_request_tokens(const serve_request *r, const tokenizer *t, size_t vocab, int32_t **tokens, size_t *count,
                          trit_error *e)
{
    bool ok;
    *tokens = NULL;
    *count = 0;
    if (r->kind == PROMPT_TEXT) {
        ok = tokenize(t, r->prompt, r->prompt_len, TOKENIZE_BOS, tokens, count, e);
    } else if (r->kind == PROMPT_MESSAGES) {
        char *text = chat_render(t, r->messages, r->n_messages, e);
        ok = text && tokenize(t, text, strlen(text), TOKENIZE_BOS | TOKENIZE_SPECIAL, tokens, count, e);
        free(text);
    } else {
        ok = r->kind == PROMPT_TOKENS ? copy_tokens(r, tokens, count, e) : draw_tokens(r, t, vocab, tokens, count, e);
    }
    if (ok && !*count)
        ok = fail(e, "the prompt is empty: it gives no tokens");
    for (size_t i = 0; ok && i < *count; i++)
        if ((*tokens)[i] < 0 || (size_t)(*tokens)[i] >= vocab)
            ok = fail(e, "token %d is outside the vocabulary of %zu", (int)(*tokens)[i], vocab);
    if (!ok) {
        free(*tokens);
        *tokens = NULL;
        *count = 0;
    }
    return ok;
}
