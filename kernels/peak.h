/* What an ISA can do at most: the products of int8 its dot instruction makes out of registers. Only `trit kernels` asks. */
#ifndef TRIT_PEAK_H
#define TRIT_PEAK_H
#include <stddef.h>
#include <stdint.h>

typedef struct {
    const char *instruction;
    uint64_t products;       /* of one pass */
    void (*passes)(size_t n); /* n > 0 of them on the calling thread */
} peak_loop;

/* Of an ISA this CPU has, by name; NULL where its flags bring no such instruction (scalar). */
const peak_loop *peak_of(const char *isa);
#endif
