/* A model as Hugging Face keeps it (config.json, weights in one or several .safetensors files), opened as if it were a GGUF: keys from the
   configuration, tensors under their GGUF names, mapped and read only when touched. Nothing in the files is trusted.
   Specification: the README of huggingface/safetensors (8 bytes of length, a JSON object, the data). */
#ifndef TRIT_SAFETENSORS_H
#define TRIT_SAFETENSORS_H
#include "gguf.h"

/* True for a folder, *.safetensors and *.safetensors.index.json. */
bool safetensors_is(const char *path);

/* path: the folder, its index, or the one file with config.json beside it. vocabulary: keys of the tokenizer are taken from this file; NULL:
   there are none. For the commands that convert: rows of q and k may lie in another order in the file (gguf_tensor.head_rows), so that only
   tensor_row_f32 reads them. Errors name file and tensor: missing files, lying lengths, tensors without a place, other architectures. */
gguf *safetensors_open(const char *path, const gguf *vocabulary, trit_error *e);

/* The same over bytes in memory, which must outlive the result (tests, fuzzing). */
typedef struct shard { const uint8_t *bytes; size_t size; const char *name; int fd; /* -1: not a mapped file */ } shard;
gguf *safetensors_parse(const char *config, size_t config_size, const shard *shards, size_t count, const gguf *vocabulary, trit_error *e);
#endif
