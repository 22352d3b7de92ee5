/* The character classes that pre-tokenizer patterns speak of: \p{L}, \p{N} and \s (the White_Space property). */
#ifndef TRIT_UNICODE_H
#define TRIT_UNICODE_H
#include <stdint.h>

typedef enum { CLASS_OTHER, CLASS_LETTER, CLASS_NUMBER, CLASS_SPACE } character_class;

character_class unicode_class(uint32_t code);
#endif
