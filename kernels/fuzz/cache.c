/* Edits to a good cache of one page and two entries, with header and table hashed anew so that the deep checks are reached; or, where the
   first byte is odd, with the hashes as they are. What opens is walked to the last byte. */
#include "../cache_private.h"
#include "../hash.h"
#include <stdlib.h>
#include <string.h>

enum { DATA = 2 * CACHE_PAGE, TABLE = CACHE_PAGE + DATA, COUNT = 2, SIZE = TABLE + COUNT * sizeof(cache_record) };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void make_good(uint8_t *file)
{
    cache_record table[COUNT] = {
        { .name = "blk.0.attn_q.weight", .layout = "t5", .rows = 4, .k = 256, .offset = CACHE_PAGE, .bytes = 256, .scale = 1 },
        { .name = "blk.0.attn_q.weight", .layout = "scales", .rows = 4, .k = 256, .offset = 2 * CACHE_PAGE, .bytes = CACHE_PAGE, .scale = 1 },
    };
    cache_header h = { .magic = CACHE_MAGIC, .order = CACHE_ORDER, .version = CACHE_VERSION, .file_bytes = SIZE, .table_at = TABLE, .count = COUNT };
    memset(file, 0, SIZE);
    memcpy(file, &h, sizeof h);
    memcpy(file + TABLE, table, sizeof table);
}

static void rehash(uint8_t *file, size_t size)
{
    cache_header h;
    if (size < sizeof h)
        return;
    memcpy(&h, file, sizeof h);
    if (h.table_at <= size)
        h.table_hash = hash_of(file + h.table_at, size - h.table_at);
    h.hash = 0;
    h.hash = hash_of(&h, sizeof h);
    memcpy(file, &h, sizeof h);
}

/* Edits of four bytes: place (header or table), kind, value. */
static size_t edit(uint8_t *file, const uint8_t *data, size_t size)
{
    size_t length = SIZE;
    for (; size >= 4; data += 4, size -= 4) {
        size_t place = (size_t)(data[0] | data[1] << 8) % (sizeof(cache_header) + COUNT * sizeof(cache_record));
        size_t at = place < sizeof(cache_header) ? place : TABLE + place - sizeof(cache_header);
        uint64_t wide = data[3] < 128 ? data[3] : (uint64_t)1 << (data[3] & 63);
        wide = data[2] & 4 ? -wide : wide;
        if (data[2] % 4 == 0)
            file[at] = data[3];
        else if (data[2] % 4 == 1 && at + 8 <= SIZE)
            memcpy(file + at, &wide, 8);
        else if (data[2] % 4 == 2 && at + 4 <= SIZE)
            memcpy(file + at, &wide, 4);
        else if (data[2] % 4 == 3 && data[3] > 200)
            length = place * 8 % (SIZE + 1);
    }
    return length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t good[SIZE];
    if (!size)
        return 0;
    make_good(good);
    rehash(good, SIZE);
    size_t length = edit(good, data + 1, size - 1);
    if (data[0] % 2 == 0)
        rehash(good, length);
    uint8_t *exact = malloc(length ? length : 1); /* of the exact size, so that a byte too far is seen */
    if (!exact)
        abort();
    memcpy(exact, good, length);
    trit_error e = { "" };
    cache *c = cache_parse(exact, length, &e);
    if (!c && !*e.text)
        abort();
    uint64_t sum = 0;
    for (size_t i = 0; c && i < cache_count(c); i++) {
        const cache_entry *x = cache_at(c, i);
        sum += hash_of(x->data, x->bytes) + strlen(x->name) + strlen(x->layout);
        if (!cache_find(c, (str){ x->name, strlen(x->name) }, x->layout))
            abort();
    }
    static volatile uint64_t sink;
    sink = sum;
    (void)sink;
    cache_close(c);
    free(exact);
    return 0;
}
