/* GGUF v2/v3 reader over an mmap. It trusts no length, offset, count or dimension of the file.
   Specification: ggml docs/gguf.md. */
#ifndef TRIT_GGUF_H
#define TRIT_GGUF_H
#include "error.h"
#include "types.h"

typedef struct { const char *data; size_t len; } str; /* bytes in the file, no terminator */

typedef struct {
    str name;
    uint32_t type;
    const type_info *info;   /* never NULL in an opened file */
    uint32_t n_dims;
    uint64_t ne[4];          /* ne[0] is the row length K; unused dimensions are 1 */
    uint64_t rows;           /* ne[1]*ne[2]*ne[3] */
    const uint8_t *data;     /* inside the mapping, whole tensor checked to be there */
    size_t bytes;            /* as stored, I2_S trailer included */
    bool mapped;             /* data is a file's mapping, not memory handed to gguf_parse */
    int fd;                  /* where mapped: the file, in which data lies at `offset` */
    uint64_t offset;
    size_t head_rows;        /* 0: rows lie in their order; else heads of so many: row 2*i + s of one lies at s*head_rows/2 + i (safetensors.h) */
} gguf_tensor;

typedef struct gguf gguf;

/* Maps a file. Errors: no such file, not a GGUF, truncated, lying lengths, unknown type, overlapping or cyclic layout ... */
gguf *gguf_open(const char *path, trit_error *e);
/* The same over bytes in memory, which must outlive the result (tests, fuzzing). */
gguf *gguf_parse(const void *bytes, size_t size, trit_error *e);
void gguf_close(gguf *g);

const char *gguf_path(const gguf *g);   /* "" for gguf_parse */
size_t gguf_size(const gguf *g);        /* bytes of the file */
bool gguf_is_foreign(const gguf *g);    /* opened by safetensors_open */
int64_t gguf_changed_ns(const gguf *g); /* time of the file's last change, nanoseconds since 1970; 0 for gguf_parse */
uint64_t gguf_description_hash(const gguf *g); /* of all that stands before the data of the tensors: keys, names, shapes */
size_t gguf_count(const gguf *g);       /* tensors */
const gguf_tensor *gguf_at(const gguf *g, size_t i);
const gguf_tensor *gguf_find(const gguf *g, const char *name);

/* Key/value look-ups. False: absent or of another type (integers of any width and sign that fit are accepted). */
bool gguf_has(const gguf *g, const char *key);
bool gguf_u64(const gguf *g, const char *key, uint64_t *out);
bool gguf_f32(const gguf *g, const char *key, float *out);
bool gguf_bool(const gguf *g, const char *key, bool *out);
bool gguf_str(const gguf *g, const char *key, str *out);

/* Arrays. */
typedef struct { uint32_t type; uint64_t count; const uint8_t *data; } gguf_array;
bool gguf_arr(const gguf *g, const char *key, gguf_array *out);
/* Array of strings -> freshly allocated str[count] (free() it); NULL with a sentence on any other shape. */
str *gguf_arr_str(const gguf *g, const char *key, size_t *count, trit_error *e);
/* Element i of a numeric array, as double; false where it is not numeric or out of range. */
bool gguf_arr_num(const gguf_array *a, size_t i, double *out);

/* Walks the keys in file order, for `info`: value is written as text (long arrays abbreviated). Returns false at the end. */
bool gguf_key_at(const gguf *g, size_t i, str *key, char *text, size_t text_size);

/* One row as floats: out[ne[0]]. I2_S scale included. */
void tensor_row_f32(const gguf_tensor *t, size_t row, float *out);
/* One row as trits: out[ne[0]], scales[ne[0]/256] for TQ types (or NULL). The I2_S scale: tensor_scale. */
void tensor_row_trits(const gguf_tensor *t, size_t row, int8_t *out, float *scales);
float tensor_scale(const gguf_tensor *t); /* I2_S trailer; 1 for other types */
/* Bytes [at, at + n) of the tensor, read from the file where there is one: touching a mapping makes up to 64 KB around each place resident. */
void tensor_read(const gguf_tensor *t, size_t at, void *out, size_t n);
/* tensor_row_f32 by way of tensor_read. */
void tensor_fetch_row_f32(const gguf_tensor *t, size_t row, float *out);
/* Tells the kernel that the pages of the tensor are not needed any more (they come back from the file on touch). */
void tensor_drop(const gguf_tensor *t);
/* Tells it that all of the tensor will be read again and again: file systems with large folios then read and map 2 MB at once. */
void tensor_stream(const gguf_tensor *t);
#endif
