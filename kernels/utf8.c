#include "utf8.h"
#include "tokenizer.h"

size_t utf8_decode(const char *text, size_t len, uint32_t *code)
{
    if (len == 0)
        return 0;
    unsigned char lead = (unsigned char)text[0];
    if (lead < 0x80) {
        if (code)
            *code = lead;
        return 1;
    }
    size_t bytes = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
    if (lead < 0xc2 || lead > 0xf4 || bytes > len)
        return 0;
    uint32_t c = lead & (0x7fu >> bytes);
    for (size_t i = 1; i < bytes; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (next & 0x3f);
    }
    static const uint32_t lowest[5] = { 0, 0, 0x80, 0x800, 0x10000 };
    if (c < lowest[bytes] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
        return 0;
    if (code)
        *code = c;
    return bytes;
}

size_t utf8_encode(uint32_t code, char out[4])
{
    if ((code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
        code = 0xfffd;
    if (code < 0x80) {
        out[0] = (char)code;
        return 1;
    }
    size_t bytes = code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = bytes - 1; i > 0; i--, code >>= 6)
        out[i] = (char)(0x80 | (code & 0x3f));
    out[0] = (char)((0xf00u >> bytes & 0xf0) | code);
    return bytes;
}

bool utf8_valid(const char *text, size_t len, size_t *bad)
{
    for (size_t at = 0; at < len;) {
        size_t bytes = utf8_decode(text + at, len - at, NULL);
        if (bytes == 0) {
            if (bad)
                *bad = at;
            return false;
        }
        at += bytes;
    }
    return true;
}
