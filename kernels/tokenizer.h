/* Tokenizers read from the GGUF: byte-level BPE with the Llama-3 pre-tokenizer (tokenizer.ggml.model = gpt2, pre = llama-bpe)
   and SentencePiece-like SPM (llama). Ids and pieces are those of the file. */
#ifndef TRIT_TOKENIZER_H
#define TRIT_TOKENIZER_H
#include "gguf.h"

typedef struct tokenizer tokenizer;

tokenizer *tokenizer_load(const gguf *g, trit_error *e);
void tokenizer_free(tokenizer *t);

enum { TOKENIZE_BOS = 1, TOKENIZE_SPECIAL = 2 }; /* add BOS (if the model has and wants one); read <|special|> texts as their tokens */
/* text[len] (must be valid UTF-8, else an error naming the byte) -> freshly allocated ids (free()). len 0 is fine. */
bool tokenize(const tokenizer *t, const char *text, size_t len, unsigned flags, int32_t **ids, size_t *count, trit_error *e);
/* Bytes of one token into out (not terminated), at most size; returns the full length. Special tokens give no bytes. */
size_t token_bytes(const tokenizer *t, int32_t id, char *out, size_t size);

int32_t tokenizer_bos(const tokenizer *t); /* -1: none */
int32_t tokenizer_eos(const tokenizer *t);
bool tokenizer_is_end(const tokenizer *t, int32_t id); /* EOS, end of turn, end of text */
size_t tokenizer_size(const tokenizer *t);
/* True where a text's first token carries a space in front that the text does not have (SPM): to drop when decoding. */
bool tokenizer_adds_space(const tokenizer *t);

/* Chat templates. The file's Jinja template is recognised (never executed) as one of a table of known formats. */
typedef struct { const char *role; const char *text; } chat_message; /* role: system, user, assistant */
const char *chat_format_name(const tokenizer *t); /* "bitnet", "llama3", "zephyr", "falcon3", "plain" ... */
/* Renders messages, with the opening of the assistant's turn, to freshly allocated text that is tokenised with BOS and SPECIAL. */
char *chat_render(const tokenizer *t, const chat_message *messages, size_t count, trit_error *e);

/* True for valid UTF-8 (RFC 3629); else *bad (may be NULL) is the offset of the first bad byte. */
bool utf8_valid(const char *text, size_t len, size_t *bad);
#endif
