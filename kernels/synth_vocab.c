#include "synth_vocab.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TOKEN_NORMAL = 1, TOKEN_UNKNOWN = 2, TOKEN_CONTROL = 3, TOKEN_BYTE = 6 };
enum { MAX_PIECE = 14, BYTES = 256, FIRST_PIECE = 259 /* SPM: behind <unk> <s> </s> and the bytes */ };

typedef struct { char text[MAX_PIECE + 2]; uint8_t len; uint32_t left, right; } piece; /* made of pieces left and right */

/* Pieces grow by joining two that are there: first all single letters, then ever longer ones. */
typedef struct {
    piece *pieces;
    size_t count, letters; /* the first `letters` pieces are single characters */
    uint32_t *table;       /* open addressing over pieces, value is number + 1 */
    size_t mask;
} piece_set;

static uint64_t mix(uint64_t x)
{
    x += 0x9e3779b97f4a7c15u;
    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
    x = (x ^ x >> 27) * 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

static uint32_t *slot_of(const piece_set *s, const char *text, size_t len)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        hash = (hash ^ (uint8_t)text[i]) * 0x100000001b3u;
    for (size_t i = mix(hash) & s->mask;; i = (i + 1) & s->mask) {
        uint32_t number = s->table[i];
        if (!number || (s->pieces[number - 1].len == len && !memcmp(s->pieces[number - 1].text, text, len)))
            return &s->table[i];
    }
}

static bool add_piece(piece_set *s, const char *text, size_t len, uint32_t left, uint32_t right)
{
    uint32_t *slot = slot_of(s, text, len);
    if (*slot)
        return false;
    piece *p = &s->pieces[s->count];
    memcpy(p->text, text, len);
    p->len = (uint8_t)len;
    p->left = left;
    p->right = right;
    *slot = (uint32_t)++s->count;
    return true;
}

static bool join_pieces(piece_set *s, uint32_t left, uint32_t right)
{
    char text[2 * MAX_PIECE];
    const piece *a = &s->pieces[left], *b = &s->pieces[right];
    size_t len = (size_t)a->len + b->len;
    if (len > MAX_PIECE)
        return false;
    memcpy(text, a->text, a->len);
    memcpy(text + a->len, b->text, b->len);
    return add_piece(s, text, len, left, right);
}

/* A number below n from 32 random bits, small ones more often: pieces made early have the more frequent letters. */
static uint32_t skewed(uint32_t random, size_t n)
{
    uint64_t square = (uint64_t)random * random >> 32;
    return (uint32_t)((square * random >> 32) * n >> 32);
}

/* Fills the set up to `size` pieces. `space` is the vocabulary's sign for a space, the last of the single characters. */
static bool make_pieces(piece_set *s, size_t size, const char *space, trit_error *e)
{
    static const char letters[] = "etaoinshrdlucmfwypvbgkqjxz";
    static const char vowels[] = "eaoiuy";
    s->mask = 1;
    while (s->mask < size * 2)
        s->mask *= 2;
    s->pieces = calloc(size, sizeof *s->pieces);
    s->table = calloc(s->mask, sizeof *s->table);
    s->mask--;
    if (!s->pieces || !s->table)
        return fail(e, "not enough memory for a vocabulary of %zu tokens", size);
    for (const char *c = letters; *c; c++)
        add_piece(s, c, 1, 0, 0);
    add_piece(s, space, strlen(space), 0, 0);
    s->letters = s->count;
    uint32_t blank = (uint32_t)s->letters - 1;
    /* Syllables of two letters with and without a space, frequent letters first; then random joints of what is there. */
    for (uint32_t i = 0; i < blank && s->count < size; i++)
        join_pieces(s, blank, i);
    for (uint32_t sum = 0; sum < 2 * blank && s->count < size; sum++)
        for (uint32_t i = 0; i <= sum && s->count < size; i++)
            if (i < blank && sum - i < blank && (strchr(vowels, letters[i]) || strchr(vowels, letters[sum - i])))
                join_pieces(s, i, sum - i);
    size_t syllables = s->count;
    for (uint64_t draw = 0; s->count < size; draw++) {
        uint64_t random = mix(draw);
        uint32_t left = skewed((uint32_t)(random >> 32), s->count), right = skewed((uint32_t)random, syllables);
        if (left != blank && s->pieces[right].text[0] != *space)
            join_pieces(s, left, right);
    }
    return true;
}

static void free_pieces(piece_set *s)
{
    free(s->pieces);
    free(s->table);
}

/* Byte-level BPE writes printable Latin-1 characters as themselves and every other byte as the next code point from U+0100 on. */
static size_t byte_letter(unsigned byte, char *out)
{
    unsigned code = 256;
    if ((byte > 32 && byte < 127) || (byte > 160 && byte != 173))
        code = byte;
    else
        for (unsigned b = 0; b < byte; b++)
            code += !((b > 32 && b < 127) || (b > 160 && b != 173));
    if (code < 128) {
        out[0] = (char)code;
        return 1;
    }
    out[0] = (char)(0xc0 | code >> 6);
    out[1] = (char)(0x80 | (code & 63));
    return 2;
}

/* A special token: its text by number. */
static int special_text(vocab_kind kind, size_t i, char *out, size_t size)
{
    static const char *const llama3[] = { "begin_of_text",   "end_of_text",   NULL, NULL,    NULL, NULL,
                                          "start_header_id", "end_header_id", NULL, "eot_id" };
    static const char *const falcon3[] = { ">>TITLE<<",         ">>ABSTRACT<<",   ">>INTRODUCTION<<", ">>SUMMARY<<",
                                           ">>COMMENT<<",       ">>ANSWER<<",     ">>QUESTION<<",     ">>DOMAIN<<",
                                           ">>EMAIL_ADDRESS<<", ">>IP_ADDRESS<<", "<|startoftext|>",  "<|endoftext|>" };
    if (kind == VOCAB_FALCON3) {
        if (i < sizeof falcon3 / sizeof *falcon3)
            return snprintf(out, size, "%s", falcon3[i]);
        return i == 2023 ? snprintf(out, size, "<|pad|>") : snprintf(out, size, ">>UNUSED_%zu<<", i - 12);
    }
    size_t reserved = i < 6 ? i - 2 : i == 8 ? 4 : i - 5;
    if (i < sizeof llama3 / sizeof *llama3 && llama3[i])
        return snprintf(out, size, "<|%s|>", llama3[i]);
    return snprintf(out, size, "<|reserved_special_token_%zu|>", reserved);
}

static void put_specials(gguf_out *o, vocab_kind kind, size_t count)
{
    char text[48];
    for (size_t i = 0; i < count; i++)
        gguf_item_str(o, text, (size_t)special_text(kind, i, text, sizeof text));
}

static void put_types(gguf_out *o, int32_t type, size_t count)
{
    while (count--)
        gguf_item_i32(o, type);
}

static bool put_bpe(gguf_out *o, vocab_kind kind, size_t size, trit_error *e)
{
    size_t specials = kind == VOCAB_FALCON3 ? 2024 : kind == VOCAB_TINY ? 16 : 256, merges = size - specials - BYTES;
    bool first = kind == VOCAB_FALCON3;
    piece_set s = { 0 };
    if (!make_pieces(&s, merges + 27, "\xc4\xa0", e)) { /* 26 letters and the space are byte tokens already */
        free_pieces(&s);
        return false;
    }
    gguf_put_str(o, "tokenizer.ggml.model", "gpt2");
    gguf_put_str(o, "tokenizer.ggml.pre", first ? "falcon3" : "llama-bpe");
    gguf_put_strings(o, "tokenizer.ggml.tokens", size);
    if (first)
        put_specials(o, kind, specials);
    for (int printable = 1; printable >= 0; printable--) /* printable bytes first, as usual */
        for (unsigned b = 0; b < BYTES; b++) {
            char letter[2];
            bool plain = (b > 32 && b < 127) || (b > 160 && b != 173);
            if (plain == printable)
                gguf_item_str(o, letter, byte_letter(b, letter));
        }
    for (size_t i = s.letters; i < s.count; i++)
        gguf_item_str(o, s.pieces[i].text, s.pieces[i].len);
    if (!first)
        put_specials(o, kind, specials);

    gguf_put_i32s(o, "tokenizer.ggml.token_type", size);
    put_types(o, first ? TOKEN_CONTROL : TOKEN_NORMAL, first ? specials : size - specials);
    put_types(o, first ? TOKEN_NORMAL : TOKEN_CONTROL, first ? size - specials : specials);

    gguf_put_strings(o, "tokenizer.ggml.merges", merges);
    for (size_t i = s.letters; i < s.count; i++) {
        const piece *a = &s.pieces[s.pieces[i].left], *b = &s.pieces[s.pieces[i].right];
        char rule[2 * MAX_PIECE + 1];
        memcpy(rule, a->text, a->len);
        rule[a->len] = ' ';
        memcpy(rule + a->len + 1, b->text, b->len);
        gguf_item_str(o, rule, (size_t)a->len + 1 + b->len);
    }
    uint32_t bos = first ? 11 : (uint32_t)(size - specials);
    uint32_t eos = first ? bos : kind == VOCAB_LLAMA3 ? bos + 9 /* <|eot_id|> */ : bos + 1;
    gguf_put_u32(o, "tokenizer.ggml.bos_token_id", bos);
    gguf_put_u32(o, "tokenizer.ggml.eos_token_id", eos);
    if (first)
        gguf_put_u32(o, "tokenizer.ggml.padding_token_id", 2023);
    gguf_put_bool(o, "tokenizer.ggml.add_bos_token", !first);
    free_pieces(&s);
    return true;
}

/* The single characters of an SPM vocabulary besides letters and the space: the rest of printable ASCII. */
static size_t other_letters(char *out)
{
    size_t n = 0;
    for (char c = 33; c < 127; c++)
        if (c < 'a' || c > 'z')
            out[n++] = c;
    return n;
}

static bool put_spm(gguf_out *o, size_t size, trit_error *e)
{
    char others[96];
    size_t other_count = other_letters(others), pieces = size - FIRST_PIECE - other_count;
    piece_set s = { 0 };
    if (!make_pieces(&s, pieces, "\xe2\x96\x81", e)) {
        free_pieces(&s);
        return false;
    }
    gguf_put_str(o, "tokenizer.ggml.model", "llama");
    gguf_put_str(o, "tokenizer.ggml.pre", "default");
    gguf_put_strings(o, "tokenizer.ggml.tokens", size);
    gguf_item_str(o, "<unk>", 5);
    gguf_item_str(o, "<s>", 3);
    gguf_item_str(o, "</s>", 4);
    for (unsigned b = 0; b < BYTES; b++) {
        char text[8];
        gguf_item_str(o, text, (size_t)snprintf(text, sizeof text, "<0x%02X>", b));
    }
    /* Joined pieces first: the earlier, the higher the score. Single characters stand behind them. */
    for (size_t i = s.letters; i < s.count; i++)
        gguf_item_str(o, s.pieces[i].text, s.pieces[i].len);
    for (size_t i = 0; i < s.letters; i++)
        gguf_item_str(o, s.pieces[i].text, s.pieces[i].len);
    for (size_t i = 0; i < other_count; i++)
        gguf_item_str(o, &others[i], 1);
    gguf_put_f32s(o, "tokenizer.ggml.scores", size);
    for (size_t i = 0; i < size; i++)
        gguf_item_f32(o, i < FIRST_PIECE ? 0 : -(float)(i - FIRST_PIECE));
    gguf_put_i32s(o, "tokenizer.ggml.token_type", size);
    put_types(o, TOKEN_UNKNOWN, 1);
    put_types(o, TOKEN_CONTROL, 2);
    put_types(o, TOKEN_BYTE, BYTES);
    put_types(o, TOKEN_NORMAL, size - FIRST_PIECE);
    gguf_put_u32(o, "tokenizer.ggml.bos_token_id", 1);
    gguf_put_u32(o, "tokenizer.ggml.eos_token_id", 2);
    gguf_put_u32(o, "tokenizer.ggml.unknown_token_id", 0);
    gguf_put_bool(o, "tokenizer.ggml.add_bos_token", true);
    gguf_put_bool(o, "tokenizer.ggml.add_eos_token", false);
    gguf_put_bool(o, "tokenizer.ggml.add_space_prefix", true);
    free_pieces(&s);
    return true;
}

/* One turn of each chat format, in Jinja. */
static const char *chat_template(vocab_kind kind)
{
    switch (kind) {
    case VOCAB_LLAMA3:
        return "{{ bos_token }}{% for message in messages %}"
               "{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n' + message['content'] | trim + "
               "'<|eot_id|>' }}"
               "{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{% endif %}";
    case VOCAB_FALCON3:
        return "{% for message in messages %}{{ '<|' + message['role'] + '|>\\n' + message['content'] }}"
               "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{{ '\\n' }}{% endfor %}"
               "{# roles: <|system|> <|user|> <|assistant|> #}{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";
    case VOCAB_SPM:
        return "{% for message in messages %}{% if message['role'] == 'user' %}{{ '<|user|>\\n' }}"
               "{% elif message['role'] == 'system' %}{{ '<|system|>\\n' }}{% else %}{{ '<|assistant|>\\n' }}{% endif %}"
               "{{ message['content'] + eos_token + '\\n' }}{% endfor %}"
               "{% if add_generation_prompt %}{{ '<|assistant|>\\n' }}{% endif %}";
    default:
        return "{% for message in messages %}{{ message['role'] | capitalize + ': ' + message['content'] | trim + '<|eot_id|>' }}"
               "{% endfor %}{% if add_generation_prompt %}{{ 'Assistant: ' }}{% endif %}";
    }
}

bool synth_vocab(gguf_out *o, vocab_kind kind, size_t size, trit_error *e)
{
    if (!(kind == VOCAB_SPM ? put_spm(o, size, e) : put_bpe(o, kind, size, e)))
        return false;
    gguf_put_str(o, "tokenizer.chat_template", chat_template(kind));
    return true;
}
