#include "tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

struct chat_format {
    const char *name, *marks[2], *no_mark;
    const char *system, *user, *assistant, *close, *assistant_close;
    bool trim;
};

static const chat_format formats[] = {
#define FORMAT(name, mark1, mark2, no_mark, system, user, assistant, close, assistant_close, trim) \
    { name, { mark1, mark2 }, no_mark, system, user, assistant, close, assistant_close, trim },
#include "chat.inc"
};
enum { FORMATS = sizeof formats / sizeof *formats };

static bool contains(str text, const char *part)
{
    size_t len = strlen(part);
    for (size_t i = 0; i + len <= text.len; i++)
        if (memcmp(text.data + i, part, len) == 0)
            return true;
    return false;
}

const chat_format *chat_recognise(str template)
{
    const chat_format *plain = &formats[FORMATS - 1];
    if (template.len == 0)
        return plain;
    for (const chat_format *f = formats; f < plain; f++)
        if (contains(template, f->marks[0]) && contains(template, f->marks[1]) &&
            !(*f->no_mark && contains(template, f->no_mark)))
            return f;
    return plain;
}

const char *chat_format_name(const tokenizer *t)
{
    return t->format->name;
}

/* The opening of a role, NULL for an unknown one. */
static const char *opening(const chat_format *f, const char *role)
{
    return !strcmp(role, "system")      ? f->system
           : !strcmp(role, "user")      ? f->user
           : !strcmp(role, "assistant") ? f->assistant
                                        : NULL;
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Appends len bytes at *end, or only counts them where out is NULL. */
static void append(char *out, size_t *end, const char *text, size_t len)
{
    if (out)
        memcpy(out + *end, text, len);
    *end += len;
}

/* Writes the conversation to out, or measures it where out is NULL. Every role is known. */
static size_t render(const chat_format *f, const chat_message *messages, size_t count, char *out)
{
    size_t end = 0;
    for (const chat_message *m = messages; m < messages + count; m++) {
        const char *open = opening(f, m->role), *text = m->text, *close = open == f->assistant ? f->assistant_close : f->close;
        size_t len = strlen(text);
        while (f->trim && len > 0 && is_space(*text))
            text++, len--;
        while (f->trim && len > 0 && is_space(text[len - 1]))
            len--;
        append(out, &end, open, strlen(open));
        append(out, &end, text, len);
        if (*f->assistant || m + 1 < messages + count) /* a format that opens no turn ends with the last text */
            append(out, &end, close, strlen(close));
    }
    append(out, &end, f->assistant, strlen(f->assistant));
    return end;
}

char *chat_render(const tokenizer *t, const chat_message *messages, size_t count, trit_error *e)
{
    for (size_t i = 0; i < count; i++)
        if (!opening(t->format, messages[i].role)) {
            fail(e, "message %zu has the role \"%.32s\"; system, user and assistant are known", i, messages[i].role);
            return NULL;
        }
    size_t len = render(t->format, messages, count, NULL);
    char *out = malloc(len + 1);
    if (!out) {
        fail(e, "not enough memory for a conversation of %zu bytes", len);
        return NULL;
    }
    render(t->format, messages, count, out);
    out[len] = 0;
    return out;
}
