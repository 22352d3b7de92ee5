/* UTF-8 as RFC 3629 has it: no surrogates, no overlong forms, nothing above U+10FFFF. utf8_valid stands in tokenizer.h. */
#ifndef TRIT_UTF8_H
#define TRIT_UTF8_H
#include <stddef.h>
#include <stdint.h>

/* One character at text[0..len): its code point -> *code (may be NULL). Returns its bytes, 1 to 4; 0: not valid, cut off, or
   len 0. */
size_t utf8_decode(const char *text, size_t len, uint32_t *code);
/* Returns the bytes written, 1 to 4. Surrogates and what lies above U+10FFFF are written as U+FFFD. */
size_t utf8_encode(uint32_t code, char out[4]);
#endif
