/* The prompt cache as options of run, serve and bench. */
#ifndef TRIT_KEPT_PROMPT_H
#define TRIT_KEPT_PROMPT_H
#include "../prompt_cache.h"
#include "options.h"

typedef struct { const char *file; bool read_only, whole; } prompt_options;
#define PROMPT_OPTIONS(o) \
    { "prompt-cache", 0, OPTION_TEXT, &(o).file, "FILE", "reuse what FILE knows of the prompt, then keep the prompt there", 0, 0 }, \
    { "prompt-cache-ro", 0, OPTION_FLAG, &(o).read_only, NULL, "use the prompt cache, but do not change it", 0, 0 }, \
    { "prompt-cache-check", 0, OPTION_FLAG, &(o).whole, NULL, "read all of the prompt cache that is used, and check it", 0, 0 }

/* -1, or 2 after a sentence: flags without a file. */
int prompt_options_status(const prompt_options *o);
/* Empties the session and lets it begin with what the cache knows. A file that is of no use is told on standard error; the prompt
   is then evaluated from its start. */
cached_prompt prompt_begin(session *s, const prompt_options *o, const int32_t *tokens, size_t n);
/* Keeps a prompt that was evaluated to its end, unless the file has it already or may not be changed. */
void prompt_keep(const session *s, const prompt_options *o, cached_prompt found, const int32_t *tokens, size_t n);
#endif
