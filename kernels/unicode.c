#include "unicode.h"
#include <stddef.h>

static const struct {
    uint32_t first, last;
    character_class class;
} ranges[] = {
#define L(first, last) { 0x##first, 0x##last, CLASS_LETTER },
#define N(first, last) { 0x##first, 0x##last, CLASS_NUMBER },
#define S(first, last) { 0x##first, 0x##last, CLASS_SPACE },
#include "unicode.inc"
};

character_class unicode_class(uint32_t code)
{
    if (code < 0x80) /* most text, answered without a search */
        return (code | 32) - 'a' < 26            ? CLASS_LETTER
               : code - '0' < 10                 ? CLASS_NUMBER
               : code == ' ' || code - '\t' < 5 ? CLASS_SPACE
                                                 : CLASS_OTHER;
    size_t low = 0, high = sizeof ranges / sizeof *ranges;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (code < ranges[middle].first)
            high = middle;
        else if (code > ranges[middle].last)
            low = middle + 1;
        else
            return ranges[middle].class;
    }
    return CLASS_OTHER;
}
