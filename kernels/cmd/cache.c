#include "cache.h"

int cache_options_status(const cache_options *o)
{
    if (o->file || (!o->read_only && !o->whole))
        return -1;
    return complain(NULL, 2, "--prompt-cache-%s only has a meaning with --prompt-cache FILE", o->read_only ? "ro" : "check");
}

cached_prompt cache_begin(session *s, const cache_options *o, const int32_t *tokens, size_t n)
{
    trit_error e = { "" };
    cached_prompt found = { 0, 0 };
    if (!o->file || !*o->file)
        session_reset(s);
    else if (!prompt_cache_load(s, o->file, o->whole, tokens, n, &found, &e))
        complain(NULL, 0, "%s; the prompt is evaluated", e.text);
    return found;
}

void cache_keep(const session *s, const cache_options *o, cached_prompt found, const int32_t *tokens, size_t n)
{
    trit_error e = { "" };
    if (!o->file || !*o->file || o->read_only || found.common >= n || session_length(s) < n)
        return;
    if (!prompt_cache_save(s, o->file, tokens, n, &e))
        complain(NULL, 0, "%s", e.text);
}
