/* trit tokenize: text on stdin -> JSON array of ids on stdout; --decode goes back; --chat makes the text of a conversation. */
#include "../json.h"
#include "../tokenizer.h"
#include "options.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* All of stdin, freshly allocated; NULL after a sentence. */
static char *read_input(size_t *len)
{
    size_t capacity = 1 << 16;
    char *text = NULL;
    for (*len = 0;;) {
        char *more = realloc(text, capacity);
        if (!more) {
            complain("tokenize", 1, "not enough memory for the text on stdin");
            break;
        }
        text = more;
        *len += fread(text + *len, 1, capacity - *len, stdin);
        if (*len < capacity) {
            if (!ferror(stdin))
                return text;
            complain("tokenize", 1, "could not read stdin: %s", strerror(errno));
            break;
        }
        capacity *= 2;
    }
    free(text);
    return NULL;
}

static int encode(const tokenizer *t, const char *text, size_t len, unsigned flags)
{
    trit_error error;
    int32_t *ids;
    size_t count;
    if (!tokenize(t, text, len, flags, &ids, &count, &error))
        return complain("tokenize", 1, "%s", error.text);
    json_writer w;
    json_begin(&w, stdout);
    json_open(&w, NULL, '[');
    for (size_t i = 0; i < count; i++)
        json_integer(&w, NULL, ids[i]);
    json_close(&w, ']');
    json_end_line(&w);
    free(ids);
    return 0;
}

static bool write_token(const tokenizer *t, int32_t id, bool drop_space)
{
    char small[256], *bytes = small;
    size_t len = token_bytes(t, id, small, sizeof small);
    if (len > sizeof small) {
        bytes = malloc(len);
        if (!bytes)
            return false;
        token_bytes(t, id, bytes, len);
    }
    size_t skip = drop_space && len > 0 && bytes[0] == ' ';
    fwrite(bytes + skip, 1, len - skip, stdout);
    if (bytes != small)
        free(bytes);
    return true;
}

static bool is_id(const tokenizer *t, const json *item)
{
    double n = item->number;
    return item->kind == JSON_NUMBER && n >= 0 && n < (double)tokenizer_size(t) && n == (double)(int32_t)n;
}

static int decode(const tokenizer *t, const json *ids)
{
    if (ids->kind != JSON_ARRAY)
        return complain("tokenize", 1, "--decode wants a JSON array of token ids on stdin");
    for (size_t i = 0; i < ids->count; i++)
        if (!is_id(t, &ids->items[i]))
            return complain("tokenize", 1, "entry %zu is not a token id from 0 to %zu", i, tokenizer_size(t) - 1);
    bool leading = tokenizer_adds_space(t); /* the space the tokenizer put in front of the text */
    for (size_t i = 0; i < ids->count; i++) {
        int32_t id = (int32_t)ids->items[i].number;
        if (!write_token(t, id, leading))
            return complain("tokenize", 1, "not enough memory for entry %zu", i);
        leading = leading && token_bytes(t, id, NULL, 0) == 0;
    }
    return 0;
}

/* The prompt that the messages of a JSON array make in the model's chat format. */
static int render(const tokenizer *t, const json *list)
{
    trit_error error;
    if (list->kind != JSON_ARRAY)
        return complain("tokenize", 1, "--chat wants a JSON array of {\"role\",\"content\"} on stdin");
    chat_message *messages = malloc((list->count + 1) * sizeof *messages);
    if (!messages)
        return complain("tokenize", 1, "not enough memory for %zu messages", list->count);
    for (size_t i = 0; i < list->count; i++) {
        const json *role = json_get(&list->items[i], "role"), *content = json_get(&list->items[i], "content");
        if (!role || role->kind != JSON_STRING || !content || content->kind != JSON_STRING ||
            strlen(content->text) != content->len) {
            free(messages);
            return complain("tokenize", 1, "message %zu has no \"role\" and \"content\" that are texts", i);
        }
        messages[i] = (chat_message){ role->text, content->text };
    }
    char *prompt = chat_render(t, messages, list->count, &error);
    if (prompt)
        fputs(prompt, stdout);
    free(prompt);
    free(messages);
    return prompt ? 0 : complain("tokenize", 1, "%s", error.text);
}

static int with_json(const tokenizer *t, const char *text, size_t len, int (*action)(const tokenizer *, const json *))
{
    trit_error error;
    json *j = json_parse(text, len, &error);
    if (!j)
        return complain("tokenize", 1, "%s", error.text);
    int status = action(t, j);
    json_free(j);
    return status;
}

int cmd_tokenize(int argc, char **argv)
{
    const char *path = NULL;
    bool bos = false, special = false, no_special = false, back = false, chat = false;
    const option table[] = {
        { "model", 'm', OPTION_TEXT, &path, "FILE", "GGUF model or vocabulary", 0, 0 },
        { "bos", 0, OPTION_FLAG, &bos, NULL, "put the beginning-of-text token first, where the model wants one", 0, 0 },
        { "special", 0, OPTION_FLAG, &special, NULL, "read texts like <|eot_id|> as the tokens they name", 0, 0 },
        { "no-special", 0, OPTION_FLAG, &no_special, NULL, "read them as ordinary text (the default)", 0, 0 },
        { "decode", 0, OPTION_FLAG, &back, NULL, "read a JSON array of ids on stdin and print their text", 0, 0 },
        { "chat", 0, OPTION_FLAG, &chat, NULL, "read a JSON array of {\"role\",\"content\"}, print their prompt", 0, 0 },
    };
    int status = options_parse(argc, argv, table, sizeof table / sizeof *table, "-m FILE [options] <TEXT",
                               "Prints the token ids of the text on stdin as a JSON array.");
    if (status >= 0)
        return status;
    if (!path)
        return complain("tokenize", 2, "which model? Give one with -m FILE");
    if ((special && no_special) || (back && chat))
        return complain("tokenize", 2, "%s exclude each other", back ? "--decode and --chat" : "--special and --no-special");
    trit_error error;
    gguf *g = gguf_open(path, &error);
    if (!g)
        return complain("tokenize", 1, "%s", error.text);
    tokenizer *t = tokenizer_load(g, &error);
    size_t len = 0;
    char *text = NULL;
    status = 1;
    if (!t)
        complain("tokenize", 1, "%s: %s", path, error.text);
    else if ((text = read_input(&len)))
        status = back   ? with_json(t, text, len, decode)
                 : chat ? with_json(t, text, len, render)
                        : encode(t, text, len, (bos ? TOKENIZE_BOS : 0u) | (special ? TOKENIZE_SPECIAL : 0u));
    free(text);
    tokenizer_free(t);
    gguf_close(g);
    return status;
}
