/* The most products of int8 an ISA can make: its dot instruction on registers alone, which `trit kernels` holds against kernels.
   Compiled once for each ISA, with that ISA's flags, PEAK_OF being its name. It is assembly so that no compiler drops or merges the work:
   independent sums hide the latency, and what the registers hold does not matter. */
#include "../peak.h"
#include <string.h>

#define EIGHT(x) x(0) x(1) x(2) x(3) x(4) x(5) x(6) x(7)
#define TWELVE(x) EIGHT(x) x(8) x(9) x(10) x(11)
#if defined(__x86_64__)
#define LOOP(name, body, last, ...)                                                                              \
    static void name(size_t n)                                                                                   \
    {                                                                                                            \
        __asm__ volatile("1:\n\t" body "dec %0\n\tjnz 1b\n\t" last : "+r"(n) : : "cc", "xmm0", "xmm1", "xmm2",   \
                         "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm13", "xmm14", "xmm15" __VA_ARGS__);         \
    }
#define MORE , "xmm8", "xmm9", "xmm10", "xmm11"
#elif defined(__aarch64__)
#define LOOP(name, body)                                                                                         \
    static void name(size_t n)                                                                                   \
    {                                                                                                            \
        __asm__ volatile("1:\n\t" body "subs %0, %0, #1\n\tb.ne 1b\n\t" : "+r"(n) : : "cc", "v0", "v1", "v2",    \
                         "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v11", "v30", "v31");                  \
    }
#endif

#if defined(__AMX_INT8__)
#include <immintrin.h>
static void amx(size_t n)
{
    struct { uint8_t palette, start, reserved[14]; uint16_t row_bytes[16]; uint8_t rows[16]; } shapes = { .palette = 1 };
    uint8_t tile[1024];
    for (int i = 0; i < 8; i++) {
        shapes.row_bytes[i] = 64;
        shapes.rows[i] = 16;
    }
    for (int i = 0; i < 1024; i++)
        tile[i] = (uint8_t)(i * 37);
    __asm__ volatile("ldtilecfg %1\n\t"
                     "tileloadd (%2,%3,1), %%tmm4\n\ttileloadd (%2,%3,1), %%tmm5\n\t"
                     "tileloadd (%2,%3,1), %%tmm6\n\ttileloadd (%2,%3,1), %%tmm7\n\t"
                     "1:\n\t"
                     "tdpbssd %%tmm6, %%tmm4, %%tmm0\n\ttdpbssd %%tmm7, %%tmm4, %%tmm1\n\t"
                     "tdpbssd %%tmm6, %%tmm5, %%tmm2\n\ttdpbssd %%tmm7, %%tmm5, %%tmm3\n\t"
                     "dec %0\n\tjnz 1b\n\ttilerelease\n\t"
                     : "+r"(n) : "m"(shapes), "r"(tile), "r"((size_t)64) : "cc", "memory");
}
#endif
#if defined(__AVX512VNNI__)
#define DOT(r) "vpdpbusd %%zmm15, %%zmm14, %%zmm" #r "\n\t"
LOOP(avx512vnni, TWELVE(DOT), "vzeroupper\n\t", MORE)
#undef DOT
#endif
#if defined(__AVXVNNI__)
#define DOT(r) "%{vex%} vpdpbusd %%ymm15, %%ymm14, %%ymm" #r "\n\t"
LOOP(avxvnni, TWELVE(DOT), "vzeroupper\n\t", MORE)
#undef DOT
#endif
#if defined(__AVX2__)
#define DOT(r) "vpmaddubsw %%ymm15, %%ymm14, %%ymm13\n\tvpaddw %%ymm13, %%ymm" #r ", %%ymm" #r "\n\t"
LOOP(avx2, EIGHT(DOT), "vzeroupper\n\t")
#undef DOT
#endif
#if defined(__SSSE3__)
#define DOT(r) "movdqa %%xmm14, %%xmm13\n\tpmaddubsw %%xmm15, %%xmm13\n\tpaddw %%xmm13, %%xmm" #r "\n\t"
LOOP(ssse3, EIGHT(DOT), "")
#undef DOT
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8) && defined(__aarch64__)
#define DOT(r) "smmla v" #r ".4s, v30.16b, v31.16b\n\t"
LOOP(i8mm, TWELVE(DOT))
#undef DOT
#endif
#if defined(__ARM_FEATURE_DOTPROD) && defined(__aarch64__)
#define DOT(r) "sdot v" #r ".4s, v30.16b, v31.16b\n\t"
LOOP(dotprod, TWELVE(DOT))
#undef DOT
#endif
#if defined(__aarch64__)
#define DOT(r) "smlal v" #r ".8h, v30.8b, v31.8b\n\t"
LOOP(neon, TWELVE(DOT))
#undef DOT
#endif

/* Strongest first. A compiler may have been told of more than the ISA's row asks for (ARCH_FLAGS): the row decides. */
static const struct { const char *feature; peak_loop loop; } loops[] = {
#if defined(__AMX_INT8__)
    { "amx_int8", { "tdpbssd", 4 * 16 * 16 * 64, amx } },
#endif
#if defined(__AVX512VNNI__)
    { "avx512vnni", { "vpdpbusd zmm", 12 * 64, avx512vnni } },
#endif
#if defined(__AVXVNNI__)
    { "avxvnni", { "vpdpbusd ymm", 12 * 32, avxvnni } },
#endif
#if defined(__AVX2__)
    { "avx2", { "vpmaddubsw ymm", 8 * 32, avx2 } },
#endif
#if defined(__SSSE3__)
    { "ssse3", { "pmaddubsw", 8 * 16, ssse3 } },
#endif
#if defined(__ARM_FEATURE_MATMUL_INT8) && defined(__aarch64__)
    { "i8mm", { "smmla", 12 * 32, i8mm } },
#endif
#if defined(__ARM_FEATURE_DOTPROD) && defined(__aarch64__)
    { "asimddp", { "sdot", 12 * 16, dotprod } },
#endif
#if defined(__aarch64__)
    { "asimd", { "smlal", 12 * 8, neon } },
#endif
    { NULL, { NULL, 0, NULL } },
};

#define NAME_OF(isa) peak_##isa
#define NAME(isa) NAME_OF(isa)
const peak_loop *NAME(PEAK_OF)(const char *features)
{
    for (size_t i = 0; loops[i].feature; i++)
        if (strstr(features, loops[i].feature))
            return &loops[i].loop;
    return NULL;
}
