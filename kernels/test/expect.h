/* For the C tests: EXPECT(condition, "what was seen", ...) reports and counts; main returns failures(). */
#ifndef TRIT_TEST_EXPECT_H
#define TRIT_TEST_EXPECT_H
#include <stdio.h>

/* Whether the thread sanitizer looks on: slow, and with a shadow of four times all memory, which counts as resident. */
enum { WATCHED_THREADS =
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
       1 +
#endif
#endif
       0 };

static int expect_failures;
#define EXPECT(condition, ...)                                                                                              \
    do {                                                                                                                    \
        if (!(condition)) {                                                                                                 \
            expect_failures++;                                                                                              \
            fprintf(stderr, "%s:%d: expected %s; ", __FILE__, __LINE__, #condition);                                        \
            fprintf(stderr, __VA_ARGS__);                                                                                   \
            fputc('\n', stderr);                                                                                            \
        }                                                                                                                   \
    } while (0)

static inline int failures(void)
{
    return expect_failures ? 1 : 0;
}
#endif
