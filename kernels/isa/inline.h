/* Words for kernels whose loops over rows and tokens must vanish into registers. */
#ifndef TRIT_ISA_INLINE_H
#define TRIT_ISA_INLINE_H

#define INLINE static inline __attribute__((always_inline))
/* Not to be merged into its caller, whose registers its constants would take. */
#define APART static __attribute__((noinline))
/* Before a loop with a constant bound. UNROLL: unroll it wholly. ROLLED: leave it, the loads of all rounds would not fit in registers. */
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#define ROLLED _Pragma("nounroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define ROLLED _Pragma("GCC unroll 1")
#ifdef __x86_64__
/* GCC 12 otherwise copies every accumulator of a tile in every step, a quarter of the time. On arm64 it is the other way round, and half
   of the time. */
#pragma GCC optimize("no-tree-coalesce-vars")
#endif
#endif
/* UNROLL for (i < count) where count is at most `most`, and constant only once the function is inlined: clang 14 would unroll before it
   knows, and keep a loop for the rest, with the accumulators of a tile in memory. */
#define UNROLL_TO(i, most, count) UNROLL for (int i = 0; i < (most); i++) if (i < (count))

/* The compiler shall not know how the vector v came about: of additions that make three times the last value, clang otherwise makes
   products of the first one by 9, 27, 81 and 243, each several instructions and a vector to be kept (a fifth of the rate of decode). */
#if defined(__clang__) && defined(__x86_64__)
#define OPAQUE(v) __asm__("" : "+v"(v))
#else
#define OPAQUE(v) (void)(v)
#endif
#endif
