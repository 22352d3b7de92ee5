/* GGUF v3 writer. Describe first (keys, then tensors), then start, then write the data of the tensors in any order and from any
   thread, then commit. Until the commit everything is in PATH.part, so that PATH is always whole. */
#ifndef TRIT_GGUF_WRITE_H
#define TRIT_GGUF_WRITE_H
#include "gguf.h"

typedef struct gguf_out gguf_out;

/* Opens PATH.part and locks it. Errors: cannot be created, is being written by another process. */
gguf_out *gguf_create(const char *path, trit_error *e);
/* Removes PATH.part and frees (after any failure, and instead of a commit). NULL is fine. */
void gguf_discard(gguf_out *o);

/* Keys, in file order. Lack of memory shows at gguf_start. */
void gguf_put_u32(gguf_out *o, const char *key, uint32_t value);
void gguf_put_u64(gguf_out *o, const char *key, uint64_t value);
void gguf_put_f32(gguf_out *o, const char *key, float value);
void gguf_put_bool(gguf_out *o, const char *key, bool value);
void gguf_put_str(gguf_out *o, const char *key, const char *text);
/* Begins an array of count items; append exactly that many. */
void gguf_put_strings(gguf_out *o, const char *key, size_t count);
void gguf_put_i32s(gguf_out *o, const char *key, size_t count);
void gguf_put_f32s(gguf_out *o, const char *key, size_t count);
void gguf_item_str(gguf_out *o, const char *text, size_t len);
void gguf_item_i32(gguf_out *o, int32_t value);
void gguf_item_f32(gguf_out *o, float value);
/* Copies key i of an opened file (gguf_key_at's numbering) as it is. */
void gguf_copy_key(gguf_out *o, const gguf *from, size_t i);

/* A file that is never written: keys alone, and the bytes of such a GGUF in memory of malloc; NULL without enough of it. */
gguf_out *gguf_describe(void);
void *gguf_description(const gguf_out *o, size_t *size);

/* Adds a tensor and returns its number. ne[n_dims], ne[0] a multiple of the block. The caller writes the scale behind I2_S. */
size_t gguf_put_tensor(gguf_out *o, str name, uint32_t type, uint32_t n_dims, const uint64_t *ne);
/* Bytes of a tensor as stored. */
size_t gguf_out_bytes(const gguf_out *o, size_t tensor);

/* Writes the description. Errors: not enough memory or disk space. */
bool gguf_start(gguf_out *o, trit_error *e);
/* Writes n bytes at an offset inside a tensor; safe from several threads. What is never written reads as zero. */
bool gguf_write_at(gguf_out *o, size_t tensor, size_t offset, const void *data, size_t n, trit_error *e);
/* Brings everything to the disk and renames PATH.part to PATH; frees. On failure nothing is left behind. */
bool gguf_commit(gguf_out *o, trit_error *e);
/* "PATH.part", for a signal handler that removes it. */
const char *gguf_part(const gguf_out *o);
/* Bytes the whole file has, after gguf_start. */
uint64_t gguf_out_size(const gguf_out *o);
#endif
