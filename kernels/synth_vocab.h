/* Made-up vocabularies with the sizes and special tokens of real ones: invented syllables instead of anybody's pieces. Every text
   can be tokenised and comes back byte for byte, because all 256 bytes are tokens. */
#ifndef TRIT_SYNTH_VOCAB_H
#define TRIT_SYNTH_VOCAB_H
#include "gguf_write.h"

typedef enum {
    VOCAB_LLAMA3,        /* byte-level BPE, Llama 3's special tokens from 128000 on, its chat format */
    VOCAB_LLAMA3_BITNET, /* the same with the chat format of BitNet b1.58 2B-4T */
    VOCAB_FALCON3,       /* byte-level BPE, Falcon3's special tokens below 2024 */
    VOCAB_SPM,           /* SentencePiece-like: <unk> <s> </s>, 256 bytes, scored pieces; the chat format of TinyLlama */
    VOCAB_TINY           /* byte-level BPE, 16 special tokens at the end */
} vocab_kind;

/* Writes the tokenizer.* keys for `size` tokens (at least 512). Errors: not enough memory. */
bool synth_vocab(gguf_out *o, vocab_kind kind, size_t size, trit_error *e);
#endif
