#include "gguf_write.h"
#include "gguf_private.h"
#include "new_file.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { ALIGNMENT = 32, I2S_TRAILER = 32 };

typedef struct { char *data; size_t len, room; bool failed; } buffer;

struct gguf_out {
    new_file file;
    buffer keys, infos;
    uint64_t key_count;
    size_t tensor_count, tensor_room;
    struct { uint64_t offset; size_t bytes; } *tensors; /* offset in the data section */
    uint64_t data_size, base;
};

static void append(buffer *b, const void *data, size_t n)
{
    if (n > b->room - b->len) {
        size_t room = (b->room + n) * 2;
        char *grown = b->failed ? NULL : realloc(b->data, room);
        if (!grown) {
            b->failed = true;
            return;
        }
        b->data = grown;
        b->room = room;
    }
    memcpy(b->data + b->len, data, n);
    b->len += n;
}

static void append_u32(buffer *b, uint32_t v)
{
    append(b, &v, sizeof v);
}

static void append_u64(buffer *b, uint64_t v)
{
    append(b, &v, sizeof v);
}

static void append_str(buffer *b, const char *text, size_t len)
{
    append_u64(b, len);
    append(b, text, len);
}

gguf_out *gguf_create(const char *path, trit_error *e)
{
    struct stat s;
    if (!stat(path, &s) && !S_ISREG(s.st_mode)) /* the new file would take the place of a folder or device */
        return fail(e, "%.200s is no regular file; name another one to write", path), NULL;
    gguf_out *o = gguf_describe();
    if (!o)
        return fail(e, "there is no memory to write %.200s", path), NULL;
    if (new_file_open(&o->file, path, e))
        return o;
    gguf_discard(o);
    return NULL;
}

static void release(gguf_out *o)
{
    free(o->keys.data);
    free(o->infos.data);
    free(o->tensors);
    free(o);
}

void gguf_discard(gguf_out *o)
{
    if (!o)
        return;
    new_file_discard(&o->file);
    release(o);
}

static void begin_key(gguf_out *o, const char *key, uint32_t type)
{
    append_str(&o->keys, key, strlen(key));
    append_u32(&o->keys, type);
    o->key_count++;
}

void gguf_put_u32(gguf_out *o, const char *key, uint32_t value)
{
    begin_key(o, key, GGUF_U32);
    append_u32(&o->keys, value);
}

void gguf_put_u64(gguf_out *o, const char *key, uint64_t value)
{
    begin_key(o, key, GGUF_U64);
    append_u64(&o->keys, value);
}

void gguf_put_f32(gguf_out *o, const char *key, float value)
{
    begin_key(o, key, GGUF_F32);
    gguf_item_f32(o, value);
}

void gguf_put_bool(gguf_out *o, const char *key, bool value)
{
    uint8_t byte = value;
    begin_key(o, key, GGUF_BOOL);
    append(&o->keys, &byte, 1);
}

void gguf_put_str(gguf_out *o, const char *key, const char *text)
{
    begin_key(o, key, GGUF_STRING);
    append_str(&o->keys, text, strlen(text));
}

static void begin_array(gguf_out *o, const char *key, uint32_t item, size_t count)
{
    begin_key(o, key, GGUF_ARRAY);
    append_u32(&o->keys, item);
    append_u64(&o->keys, count);
}

void gguf_put_strings(gguf_out *o, const char *key, size_t count)
{
    begin_array(o, key, GGUF_STRING, count);
}

void gguf_put_i32s(gguf_out *o, const char *key, size_t count)
{
    begin_array(o, key, GGUF_I32, count);
}

void gguf_put_f32s(gguf_out *o, const char *key, size_t count)
{
    begin_array(o, key, GGUF_F32, count);
}

void gguf_item_str(gguf_out *o, const char *text, size_t len)
{
    append_str(&o->keys, text, len);
}

void gguf_item_i32(gguf_out *o, int32_t value)
{
    append(&o->keys, &value, sizeof value);
}

void gguf_item_f32(gguf_out *o, float value)
{
    append(&o->keys, &value, sizeof value);
}

void gguf_copy_key(gguf_out *o, const gguf *from, size_t i)
{
    const gguf_key *k = &from->keys[i];
    append_str(&o->keys, k->key.data, k->key.len);
    append_u32(&o->keys, k->type);
    append(&o->keys, k->value, (size_t)(k->end - k->value));
    o->key_count++;
}

static uint64_t aligned(uint64_t v)
{
    return (v + ALIGNMENT - 1) & ~(uint64_t)(ALIGNMENT - 1);
}

size_t gguf_put_tensor(gguf_out *o, str name, uint32_t type, uint32_t n_dims, const uint64_t *ne)
{
    const type_info *info = type_of(type);
    if (o->tensor_count == o->tensor_room) {
        size_t room = o->tensor_room * 2 + 64;
        void *grown = realloc(o->tensors, room * sizeof *o->tensors);
        if (!grown) {
            o->infos.failed = true;
            return 0;
        }
        o->tensors = grown;
        o->tensor_room = room;
    }
    uint64_t weights = 1;
    append_str(&o->infos, name.data, name.len);
    append_u32(&o->infos, n_dims);
    for (uint32_t d = 0; d < n_dims; d++) {
        append_u64(&o->infos, ne[d]);
        weights *= ne[d];
    }
    append_u32(&o->infos, type);
    append_u64(&o->infos, o->data_size);
    o->tensors[o->tensor_count].offset = o->data_size;
    o->tensors[o->tensor_count].bytes = (size_t)(type_row_bytes(info, ne[0]) * (weights / ne[0]) + (type == TYPE_I2_S ? I2S_TRAILER : 0));
    o->data_size = aligned(o->data_size + o->tensors[o->tensor_count].bytes);
    return o->tensor_count++;
}

size_t gguf_out_bytes(const gguf_out *o, size_t tensor)
{
    return o->tensors[tensor].bytes;
}

uint64_t gguf_out_size(const gguf_out *o)
{
    return o->base + o->data_size;
}

const char *gguf_part(const gguf_out *o)
{
    return o->file.part;
}

gguf_out *gguf_describe(void)
{
    gguf_out *o = calloc(1, sizeof *o);
    if (o)
        o->file.fd = -1;
    return o;
}

/* All before the data of the tensors. */
static buffer description(const gguf_out *o)
{
    buffer head = { 0 };
    append(&head, "GGUF", 4);
    append_u32(&head, 3);
    append_u64(&head, o->tensor_count);
    append_u64(&head, o->key_count);
    append(&head, o->keys.data ? o->keys.data : "", o->keys.len);
    append(&head, o->infos.data ? o->infos.data : "", o->infos.len);
    head.failed |= o->keys.failed || o->infos.failed;
    return head;
}

void *gguf_description(const gguf_out *o, size_t *size)
{
    buffer head = description(o);
    *size = head.len;
    if (!head.failed)
        return head.data;
    free(head.data);
    return NULL;
}

bool gguf_start(gguf_out *o, trit_error *e)
{
    buffer head = description(o);
    bool good = !head.failed;
    o->base = aligned(head.len);
    struct statvfs s;
    if (!good)
        fail(e, "not enough memory to describe %.200s", o->file.path);
    else if (!fstatvfs(o->file.fd, &s) && s.f_blocks && gguf_out_size(o) / s.f_frsize >= s.f_bavail)
        good = fail(e, "%.200s takes %.1f MB and its disk has %.1f MB left; free some space or choose another place", o->file.path,
                    (double)gguf_out_size(o) / 1e6, (double)s.f_bavail * (double)s.f_frsize / 1e6);
    else if (ftruncate(o->file.fd, (off_t)gguf_out_size(o)))
        good = fail(e, "%.200s cannot grow to %.1f MB: %s", o->file.part, (double)gguf_out_size(o) / 1e6, strerror(errno));
    else
        good = new_file_write(&o->file, head.data, head.len, 0, e);
    free(head.data);
    return good;
}

bool gguf_write_at(gguf_out *o, size_t tensor, size_t offset, const void *data, size_t n, trit_error *e)
{
    return new_file_write(&o->file, data, n, o->base + o->tensors[tensor].offset + offset, e);
}

bool gguf_commit(gguf_out *o, trit_error *e)
{
    bool ok = new_file_commit(&o->file, e);
    release(o);
    return ok;
}
