/* The pre-tokenizer of Llama 3: text falls into words by
     (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
   of which the first alternative that fits counts. */
#include "tokenizer_private.h"
#include "unicode.h"
#include "utf8.h"

typedef struct { const char *text; size_t len; } span;
typedef struct {
    uint32_t code;
    size_t bytes; /* 0 behind the end */
    character_class class;
} character;

static character at(span s, size_t offset)
{
    character c = { .code = 0, .bytes = 0, .class = CLASS_SPACE }; /* the end is neither letter, number nor mark */
    c.bytes = utf8_decode(s.text + offset, s.len - offset, &c.code);
    if (c.bytes)
        c.class = unicode_class(c.code);
    return c;
}

static bool is_newline(character c)
{
    return c.bytes && (c.code == '\r' || c.code == '\n');
}

/* Offset behind the characters of a class that start at offset; at most `most` of them. */
static size_t run(span s, size_t offset, character_class class, size_t most)
{
    for (character c; most > 0 && (c = at(s, offset)).bytes && c.class == class; most--)
        offset += c.bytes;
    return offset;
}

/* Lower case as the pattern's (?i) folds: U+017F, the long s, is an s as well. */
static uint32_t fold(character c)
{
    return c.code == 0x17f ? 's' : c.code < 0x80 && c.class == CLASS_LETTER ? c.code | 32 : c.code;
}

static size_t contraction(span s)
{
    character first = at(s, 1);
    uint32_t a = fold(first);
    if (a == 's' || a == 't' || a == 'm' || a == 'd')
        return 1 + first.bytes;
    uint32_t b = fold(at(s, 1 + first.bytes));
    return (a == 'r' && b == 'e') || (a == 'v' && b == 'e') || (a == 'l' && b == 'l') ? 3 : 0;
}

static size_t spaces(span s)
{
    size_t end = 0, last = 0, behind_newline = 0;
    for (character c; (c = at(s, end)).bytes && c.class == CLASS_SPACE;) {
        last = end;
        end += c.bytes;
        if (is_newline(c))
            behind_newline = end;
    }
    if (behind_newline)
        return behind_newline;
    return end < s.len && last > 0 ? last : end; /* the last space stays with the word that follows */
}

size_t llama3_word(const char *text, size_t len)
{
    span s = { text, len };
    character first = at(s, 0);
    if (first.code == '\'') {
        size_t end = contraction(s);
        if (end)
            return end;
    }
    if (first.class == CLASS_LETTER)
        return run(s, 0, CLASS_LETTER, SIZE_MAX);
    if (first.class == CLASS_NUMBER)
        return run(s, 0, CLASS_NUMBER, 3);
    character second = at(s, first.bytes);
    if (!is_newline(first) && second.class == CLASS_LETTER)
        return run(s, first.bytes, CLASS_LETTER, SIZE_MAX);
    size_t marks = first.code == ' ' ? first.bytes : 0;
    size_t end = run(s, marks, CLASS_OTHER, SIZE_MAX);
    if (end > marks) {
        while (end < len && (text[end] == '\r' || text[end] == '\n'))
            end++;
        return end;
    }
    return spaces(s);
}
