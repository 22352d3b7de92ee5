/* The events of `trit serve`: each function writes one line to standard output and flushes it. */
#ifndef TRIT_EVENTS_H
#define TRIT_EVENTS_H
#include "../clock.h"
#include "../model.h"
#include "options.h"

typedef struct {
    size_t n_prompt, n_cached, n_gen; /* n_cached: of the prompt, from the prompt cache */
    int64_t request_ns, prefill_ns, first_ns, last_ns; /* first_ns, last_ns: 0 where nothing was generated */
    const char *stop;               /* length, end, cancelled, context */
    uint64_t hash;                  /* of the generated ids */
    const char *tail; size_t tail_len; /* bytes of a character that was never finished */
    double bytes_per_token;         /* mean over the decode steps */
    size_t cache_written;           /* bytes of the prompt cache */
    char cache_error[512];          /* why it could not be used or written, or "" */
    process_usage before, prefilled, after;
    bool screen; head_counts head;  /* whether the head has one; of this request */
} generation;

void event_ready(const loaded *l, const model_options *o, const session *s);
void event_start(const char *id, size_t n_prompt, int64_t t_ns);
void event_token(const char *id, size_t index, int32_t token, const char *text, size_t len, int64_t t_ns);
void event_done(const char *id, const generation *g);
void event_usage(const char *id);
void event_error(const char *id, const char *message);

/* FNV-1a 64 over generated ids as little-endian int32; start from HASH_START. */
#define HASH_START 0xcbf29ce484222325u
uint64_t hash_token(uint64_t hash, int32_t token);
#endif
