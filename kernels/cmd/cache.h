/* The prompt cache as options of run, serve and bench. */
#ifndef TRIT_CACHE_H
#define TRIT_CACHE_H
#include "../prompt_cache.h"
#include "options.h"

typedef struct { const char *file; bool read_only, whole; } cache_options;
#define CACHE_OPTIONS(o) \
    { "prompt-cache", 0, OPTION_TEXT, &(o).file, "FILE", "reuse what FILE knows of the prompt, then keep the prompt there", 0, 0 }, \
    { "prompt-cache-ro", 0, OPTION_FLAG, &(o).read_only, NULL, "use the prompt cache, but do not change it", 0, 0 }, \
    { "prompt-cache-check", 0, OPTION_FLAG, &(o).whole, NULL, "read all of the prompt cache that is used, and check it", 0, 0 }

/* -1, or 2 after a sentence: flags without a file. */
int cache_options_status(const cache_options *o);
/* Empties the session and lets it begin with what the cache knows. A file that is of no use is told on standard error; the prompt
   is then evaluated from its start. */
cached_prompt cache_begin(session *s, const cache_options *o, const int32_t *tokens, size_t n);
/* Keeps a prompt that was evaluated to its end, unless the file has it already or may not be changed. */
void cache_keep(const session *s, const cache_options *o, cached_prompt found, const int32_t *tokens, size_t n);
#endif
