#include "read_text.h"
#include "options.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *read_text(const char *path, size_t *len)
{
    bool standard = !strcmp(path, "-");
    FILE *f = standard ? stdin : fopen(path, "rb");
    size_t capacity = 0;
    char *text = NULL;
    *len = 0;
    if (!f) {
        complain(NULL, 1, "cannot open %s: %s", path, strerror(errno));
        return NULL;
    }
    for (;;) {
        if (capacity - *len < 2) {
            capacity = 2 * capacity + (1 << 16);
            char *more = realloc(text, capacity);
            if (!more) {
                complain(NULL, 1, "not enough memory for the text of %s", standard ? "standard input" : path);
                break;
            }
            text = more;
        }
        size_t n = fread(text + *len, 1, capacity - *len - 1, f);
        *len += n;
        if (n)
            continue;
        if (ferror(f)) {
            complain(NULL, 1, "cannot read %s: %s", standard ? "standard input" : path, strerror(errno));
            break;
        }
        text[*len] = 0;
        if (!standard)
            fclose(f);
        return text;
    }
    if (!standard)
        fclose(f);
    free(text);
    return NULL;
}
