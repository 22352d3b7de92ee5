/* What the tokenizer's own files share. Text flows: tokenizer.c cuts out special tokens -> a model (BPE or SPM) makes symbols of
   the rest -> merge.c joins neighbours, best first. */
#ifndef TRIT_TOKENIZER_PRIVATE_H
#define TRIT_TOKENIZER_PRIVATE_H
#include "tokenizer.h"

/* ---- vocabulary.c: ids, texts (inside the mapping) and kinds of the tokens ---- */

typedef enum { TOKEN_NORMAL = 1, TOKEN_UNKNOWN, TOKEN_CONTROL, TOKEN_USER_DEFINED, TOKEN_UNUSED, TOKEN_BYTE } token_kind;

typedef struct {
    str *tokens;         /* [count] */
    uint8_t *kinds;      /* [count] of token_kind */
    size_t count, longest; /* longest token in bytes */
    uint64_t *slots;     /* [mask + 1]: hash << 32 | id + 1; 0: free */
    size_t mask;
    int32_t *specials;   /* [special_count] ids of control, unknown and user-defined tokens, sorted by their bytes */
    size_t special_count;
    bool starts[256];    /* first bytes of specials */
} vocabulary;

bool vocabulary_load(vocabulary *v, const gguf *g, trit_error *e);
/* Collects .specials once the kinds are final. */
bool vocabulary_index_specials(vocabulary *v, trit_error *e);
void vocabulary_free(vocabulary *v);
/* The id of a text, -1 without one; of equal texts the last id. */
int32_t vocabulary_find(const vocabulary *v, const char *text, size_t len);
/* The same, for tokens that ordinary text may become: no control, unknown or byte tokens. */
int32_t vocabulary_find_text(const vocabulary *v, const char *text, size_t len);
/* The longest special token text starts with, -1 without one; `all` false: user-defined ones only. */
int32_t vocabulary_match_special(const vocabulary *v, const char *text, size_t len, bool all);
uint32_t hash_bytes(const void *bytes, size_t len);

/* ---- merge.c: one priority queue for both models ---- */

typedef struct {
    uint32_t start, len; /* in the text; len 0: merged into its left neighbour */
    uint32_t prev, next; /* NO_SYMBOL at the ends */
    int32_t id;          /* -1: no token */
} symbol;
#define NO_SYMBOL UINT32_MAX

/* Whether two neighbours may become one token: *id, and *priority (lower goes first; ties from left to right). */
typedef bool join_function(const tokenizer *t, const char *text, const symbol *left, const symbol *right, uint32_t *priority,
                           int32_t *id);
/* Joins until nothing fits. symbols[n] are linked in order; queue has room for 2n. n log n. */
void merge_symbols(const tokenizer *t, const char *text, symbol *symbols, size_t n, uint64_t *queue, join_function *join);

/* ---- the models ---- */

/* What one call of tokenize() works with: grows, reused for every word. */
typedef struct {
    int32_t *ids;
    size_t count, capacity;
    symbol *symbols;
    uint64_t *queue;
    size_t symbol_capacity;
    char *buffer;
    size_t buffer_capacity;
    trit_error *error;
} encoding;

bool encoding_push(encoding *w, int32_t id);
bool encoding_reserve_symbols(encoding *w, size_t n);
bool encoding_reserve_buffer(encoding *w, size_t bytes);

typedef struct {
    const char *name; /* tokenizer.ggml.model */
    bool (*load)(tokenizer *t, const gguf *g, trit_error *e);
    /* Appends the tokens of a text without specials; `leading`: at the start of all text or right behind a special token. */
    bool (*encode)(const tokenizer *t, const char *text, size_t len, bool leading, encoding *w);
    /* Bytes of an ordinary token, as token_bytes(). */
    size_t (*bytes)(const tokenizer *t, str token, char *out, size_t size);
} tokenizer_model;
extern const tokenizer_model bpe_model, spm_model;

typedef struct { int32_t left, right, joined; } pair;
typedef struct chat_format chat_format;

struct tokenizer {
    vocabulary vocabulary;
    const tokenizer_model *model;
    const chat_format *format;
    int32_t bos, eos, unknown;
    int32_t ends[16];
    size_t end_count;
    bool add_bos, space_prefix;
    int32_t byte_ids[256];   /* -1: none */
    /* BPE */
    pair *pairs;             /* [merges] by rank */
    uint32_t *pair_slots;    /* [pair_mask + 1]: rank + 1; 0: free */
    size_t pair_mask;
    /* SPM */
    float *scores;           /* [vocabulary.count] */
};

/* Length in bytes of the first word of text by the pattern of Llama 3. text is valid UTF-8, len > 0. (words.c) */
size_t llama3_word(const char *text, size_t len);
/* The row of chat.inc whose marks the Jinja template bears; "plain" without a template. (chat.c) */
const chat_format *chat_recognise(str template);
#endif
