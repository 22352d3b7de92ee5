#include "kept_prompt.h"

int prompt_options_status(const prompt_options *o)
{
    if (o->file || (!o->read_only && !o->whole))
        return -1;
    return complain(NULL, 2, "--prompt-cache-%s only has a meaning with --prompt-cache FILE", o->read_only ? "ro" : "check");
}

cached_prompt prompt_begin(session *s, const prompt_options *o, const int32_t *tokens, size_t n)
{
    trit_error e = { "" };
    cached_prompt found = { 0, 0 };
    if (!o->file || !*o->file)
        session_reset(s);
    else if (!prompt_cache_load(s, o->file, o->whole, tokens, n, &found, &e))
        complain(NULL, 0, "%s; the prompt is evaluated", e.text);
    return found;
}

void prompt_keep(const session *s, const prompt_options *o, cached_prompt found, const int32_t *tokens, size_t n)
{
    trit_error e = { "" };
    if (!o->file || !*o->file || o->read_only || found.common >= n || session_length(s) < n)
        return;
    if (!prompt_cache_save(s, o->file, tokens, n, &e))
        complain(NULL, 0, "%s", e.text);
}
