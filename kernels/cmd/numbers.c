#include "numbers.h"
#include "options.h"
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool numbers_parse(const char *option, const char *text, int64_t low, int64_t high, int64_t **numbers, size_t *count)
{
    size_t n = 1;
    for (const char *p = text; *p; p++)
        n += *p == ',';
    *numbers = malloc(n * sizeof **numbers);
    *count = *numbers ? n : 0;
    if (!*numbers)
        return complain(NULL, 1, "not enough memory for the list of --%s", option), false;
    const char *p = text;
    for (size_t i = 0; i < n; i++) {
        char *end;
        errno = 0;
        long long v = strtoll(p, &end, 10);
        if (end == p || *end != (i + 1 < n ? ',' : 0) || errno || v < low || v > high) {
            complain(NULL, 2, "--%s wants whole numbers from %" PRId64 " to %" PRId64 " separated by commas; number %zu is none",
                     option, low, high, i + 1);
            free(*numbers);
            *numbers = NULL;
            *count = 0;
            return false;
        }
        (*numbers)[i] = v;
        p = end + 1;
    }
    return true;
}
