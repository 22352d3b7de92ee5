/* A prompt's keys and values in a file, so that the next start need not evaluate it again. The file holds a head (what it was
   made by and for, the tokens, a checksum of each block) and then blocks exactly as kv.h lays them out, so that a session shows
   them in its own memory by mmap: nothing is read but what attention touches, and what is written is a private copy.

      Trust: the head and the tokens are hashed as a whole, sizes must be exactly right, and of each block that is used a few
   lines are compared with the file's word for them, which finds holes and files of other content at the cost of some page faults.
   Wrong bytes elsewhere in a block can only make wrong numbers, never wrong addresses; `whole` reads and compares everything. */
#ifndef TRIT_PROMPT_CACHE_H
#define TRIT_PROMPT_CACHE_H
#include "model.h"

typedef struct {
    size_t common; /* tokens that the file and the prompt have in common from the start */
    size_t reused; /* positions the session now holds: those, but never the prompt's last token, whose logits are wanted */
} cached_prompt;

/* Empties the session and lets it begin with what the file knows of tokens[n]. No such file: true, with nothing reused. False,
   with a sentence and an empty session: the file is damaged, or of another model, version, ISA or kind of cache. */
bool prompt_cache_load(session *s, const char *path, bool whole, const int32_t *tokens, size_t n, cached_prompt *found,
                       trit_error *e);
/* Writes the first n positions, which are of these tokens, over the file if there is one and it is a prompt cache: a whole new file or the
   old one, never a part. Only its owner may read it. Returns its bytes; 0 with a sentence: disk full, no permission, a file of other kind ... */
size_t prompt_cache_save(const session *s, const char *path, const int32_t *tokens, size_t n, trit_error *e);
#endif
