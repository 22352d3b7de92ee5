/* Memory for weights: anonymous, in huge pages where the system gives them, carved from slabs so that small matrices share pages.
   Streaming 2-bit weights from 4K pages costs a third of the speed. */
#ifndef TRIT_SLAB_H
#define TRIT_SLAB_H
#include <stdbool.h>
#include <stddef.h>

/* Whether the system gives huge pages to a program that asks. */
bool slab_is_huge(void);
/* 64-byte aligned, zeroed; NULL if there is no memory. Thread-safe. */
void *slab_alloc(size_t bytes);
/* Gives back one allocation; a slab returns to the system with its last one. NULL is fine. */
void slab_free(void *memory);
#endif
