/* Words for kernels whose loops over rows and tokens must vanish into registers. */
#ifndef TRIT_ISA_INLINE_H
#define TRIT_ISA_INLINE_H

#define INLINE static inline __attribute__((always_inline))
/* Not to be merged into its caller, whose registers its constants would take. */
#define APART static __attribute__((noinline))
/* Before a loop with a constant bound: unroll it wholly. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
/* GCC 12 otherwise copies every accumulator of a tile in every step, a quarter of the time. */
#pragma GCC optimize("no-tree-coalesce-vars")
#endif
#endif
