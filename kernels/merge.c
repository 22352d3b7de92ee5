#include "tokenizer_private.h"

/* A binary heap, least key on top. A key is priority << 32 | index of the left symbol. */
typedef struct {
    uint64_t *keys;
    size_t count;
} heap;

static void push(heap *h, uint64_t key)
{
    size_t i = h->count++;
    for (; i > 0 && h->keys[(i - 1) / 2] > key; i = (i - 1) / 2)
        h->keys[i] = h->keys[(i - 1) / 2];
    h->keys[i] = key;
}

static uint64_t pop(heap *h)
{
    uint64_t top = h->keys[0], key = h->keys[--h->count];
    size_t i = 0;
    for (size_t child; (child = 2 * i + 1) < h->count; i = child) {
        if (child + 1 < h->count && h->keys[child + 1] < h->keys[child])
            child++;
        if (key <= h->keys[child])
            break;
        h->keys[i] = h->keys[child];
    }
    h->keys[i] = key;
    return top;
}

void merge_symbols(const tokenizer *t, const char *text, symbol *symbols, size_t n, uint64_t *queue, join_function *join)
{
    heap h = { queue, 0 };
    uint32_t priority;
    int32_t id;
    for (size_t i = 0; i + 1 < n; i++)
        if (join(t, text, &symbols[i], &symbols[i + 1], &priority, &id))
            push(&h, (uint64_t)priority << 32 | i);
    while (h.count > 0) {
        uint64_t key = pop(&h);
        symbol *left = &symbols[(uint32_t)key];
        if (left->len == 0 || left->next == NO_SYMBOL)
            continue;
        symbol *right = &symbols[left->next];
        if (!join(t, text, left, right, &priority, &id) || priority != key >> 32)
            continue; /* a neighbour has changed since; its new pair stands in the queue by itself */
        left->len += right->len;
        left->id = id;
        left->next = right->next;
        right->len = 0;
        if (left->next != NO_SYMBOL) {
            symbols[left->next].prev = (uint32_t)key;
            if (join(t, text, left, &symbols[left->next], &priority, &id))
                push(&h, (uint64_t)priority << 32 | (uint32_t)key);
        }
        if (left->prev != NO_SYMBOL && join(t, text, &symbols[left->prev], left, &priority, &id))
            push(&h, (uint64_t)priority << 32 | left->prev);
    }
}
