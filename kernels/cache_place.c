#include "cache.h"
#include "hash.h"
#include <errno.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool cache_place(const gguf *g, const char *layout, const char *folder, char *path, size_t size)
{
    const char *file = gguf_path(g), *name = strrchr(file, '/');
    if (!*file)
        return false;
    if (!folder)
        return (size_t)snprintf(path, size, "%s.%s.trit-cache", file, layout) < size;
    char *real = realpath(file, NULL);
    uint64_t id = hash_of(real ? real : file, strlen(real ? real : file));
    free(real);
    return (size_t)snprintf(path, size, "%s/%s-%016" PRIx64 ".%s.trit-cache", folder, name ? name + 1 : file, id, layout) < size;
}

bool cache_writable(const char *path)
{
    char folder[PATH_MAX];
    return (size_t)snprintf(folder, sizeof folder, "%s", path) < sizeof folder && !access(dirname(folder), W_OK);
}

bool cache_folder(char *path, size_t size, bool make)
{
    const char *base = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    bool xdg = base && *base == '/'; /* relative ones are to be ignored: the XDG base directory specification */
    if (!xdg && (!home || *home != '/'))
        return false;
    if ((size_t)snprintf(path, size, "%s%s", xdg ? base : home, xdg ? "/trit" : "/.cache/trit") >= size)
        return false;
    for (char *slash = path + 1; make && (slash = strchr(slash, '/')); *slash++ = '/') {
        *slash = 0;
        mkdir(path, 0700); /* what fails here fails below as well */
    }
    return !make || !mkdir(path, 0700) || errno == EEXIST;
}
