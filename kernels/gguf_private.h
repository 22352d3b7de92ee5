/* What the GGUF reader's own files share: how an opened file is held. */
#ifndef TRIT_GGUF_PRIVATE_H
#define TRIT_GGUF_PRIVATE_H
#include "gguf.h"

enum gguf_type {
    GGUF_U8, GGUF_I8, GGUF_U16, GGUF_I16, GGUF_U32, GGUF_I32, GGUF_F32,
    GGUF_BOOL, GGUF_STRING, GGUF_ARRAY, GGUF_U64, GGUF_I64, GGUF_F64, GGUF_TYPES
};

typedef struct {
    str key;
    uint32_t type;
    const uint8_t *value, *end; /* of the value alone, checked to be well formed */
} gguf_key;

struct gguf {
    char *path;
    const uint8_t *bytes;
    size_t size;
    bool mapped;
    int fd;                     /* of the mapped file */
    int64_t changed_ns;
    size_t data_at;             /* where the data of the tensors begins */
    gguf_key *keys;             /* in file order */
    gguf_tensor *tensors;       /* in file order */
    size_t key_count, tensor_count;
    const str **key_index, **tensor_index; /* the names of both, sorted */
    /* Of other formats (safetensors.h): */
    bool foreign;
    uint64_t foreign_bytes;     /* of its files */
    struct shard *shards;
    size_t shard_count;
    void *made, *made_tensor;   /* keys and a tensor that are in no file */
};

/* Reads and checks everything in g->bytes[g->size]; gguf_close frees what it allocated, also after a failure. */
bool gguf_read(gguf *g, trit_error *e);
/* Sorts the names of g->tensors into a new index. Errors: a name that comes twice; memory. */
bool gguf_index_tensors(gguf *g, trit_error *e);
/* Frees what a foreign file holds beside the rest. */
void safetensors_close(gguf *g);
/* Bytes of a scalar; 0 for strings, arrays and unknown types. */
size_t gguf_scalar_size(uint32_t type);
/* The name in a sorted index, NULL where it is absent. It lies in a gguf_key or gguf_tensor, whose first field it is. */
const str *gguf_search(const str *const *index, size_t count, const char *name);
/* A name or text of the file made fit for a message: at most size - 1 bytes, control and non-ASCII bytes as '?'. Returns out. */
const char *gguf_printable(str s, char *out, size_t size);
#endif
