/* One request line of `trit serve`, read into checked values. Lines come from elsewhere: nothing in them is trusted. */
#ifndef TRIT_SERVE_REQUEST_H
#define TRIT_SERVE_REQUEST_H
#include "json.h"
#include "model.h"

typedef enum { REQUEST_GENERATE, REQUEST_CANCEL, REQUEST_USAGE, REQUEST_QUIT } request_op;
typedef enum { PROMPT_TEXT, PROMPT_MESSAGES, PROMPT_TOKENS, PROMPT_RANDOM } prompt_kind;

typedef struct {
    request_op op;
    const char *id;               /* "" where absent; points into body, as prompt and messages do */
    prompt_kind kind;
    const char *prompt; size_t prompt_len;
    chat_message *messages; size_t n_messages;
    int32_t *tokens; size_t n_tokens;
    size_t random_tokens;
    size_t max_tokens;
    sampler sampler;              /* its state is the seed */
    uint64_t seed;
    bool ignore_eos, keep;        /* keep: begin with what the session holds, as far as it is the same */
    const char *prompt_cache;     /* a file, "" for none, NULL for what the server was started with */
    json *body;
} serve_request;

enum { REQUEST_MAX_LINE = 16 << 20, REQUEST_MAX_TOKENS = 1 << 20 };

/* Reads one line (without its newline). On failure the sentence is in e, and r->id is set where the line had a readable one; free
   the request in either case. */
bool serve_request_parse(serve_request *r, const char *line, size_t len, trit_error *e);
void serve_request_free(serve_request *r);

/* The request's prompt as freshly allocated token ids (free()), each inside [0, vocab). random_tokens are drawn from the seed,
   BOS first where there is one, and none of them special. Errors: nothing to evaluate, an id outside the vocabulary, bad text. */
bool serve_request_tokens(const serve_request *r, const tokenizer *t, size_t vocab, int32_t **tokens, size_t *count,
                          trit_error *e);

/* n ordinary token ids drawn from a seed by splitmix64; the first is bos unless that is negative. t may be NULL: then any id
   counts as ordinary. Returns false where the vocabulary has none. */
bool random_prompt(const tokenizer *t, size_t vocab, int32_t bos, uint64_t seed, int32_t *tokens, size_t n);
#endif
