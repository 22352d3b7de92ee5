#include "new_file.h"
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The part is ours only while it still is the file of that name: its last writer may have renamed it since it was opened. */
static bool lock_part(int fd, const char *part)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    struct stat open_file, named;
    return !fcntl(fd, F_SETLK, &lock) && !fstat(fd, &open_file) && !stat(part, &named) && open_file.st_ino == named.st_ino &&
           open_file.st_dev == named.st_dev;
}

static void release(new_file *f)
{
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f->part);
    *f = (new_file){ .fd = -1 };
}

bool new_file_open(new_file *f, const char *path, trit_error *e)
{
    size_t n = strlen(path) + sizeof ".part";
    *f = (new_file){ .path = strdup(path), .part = malloc(n), .fd = -1 };
    if (!f->path || !f->part) {
        release(f);
        return fail(e, "there is no memory to write %.200s", path);
    }
    snprintf(f->part, n, "%s.part", path);
    f->fd = open(f->part, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (f->fd < 0)
        fail(e, "%.200s cannot be created: %s", f->part, strerror(errno));
    else if (!lock_part(f->fd, f->part))
        fail(e, "%.200s is being written by another process; wait for it to end", f->part); /* and leave it to its writer */
    else if (!ftruncate(f->fd, 0))
        return true;
    else {
        fail(e, "%.200s cannot be written: %s", f->part, strerror(errno));
        unlink(f->part);
    }
    release(f);
    return false;
}

bool new_file_write(const new_file *f, const void *bytes, size_t n, uint64_t at, trit_error *e)
{
    for (size_t done = 0; done < n;) {
        size_t piece = n - done < 1u << 30 ? n - done : 1u << 30;
        ssize_t more = pwrite(f->fd, (const uint8_t *)bytes + done, piece, (off_t)(at + done));
        if (more < 0 && errno == EINTR)
            continue;
        if (more <= 0)
            return fail(e, "%.200s cannot be written: %s", f->part, strerror(more ? errno : ENOSPC));
        done += (size_t)more;
    }
    return true;
}

void sync_folder(const char *path)
{
    char *copy = strdup(path);
    int fd = copy ? open(dirname(copy), O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
    free(copy);
}

bool new_file_commit(new_file *f, trit_error *e)
{
    bool synced = !fsync(f->fd) || errno == EINVAL;
    if (!synced || rename(f->part, f->path)) {
        fail(e, "%.200s cannot be %s: %s", f->part, synced ? "put in its place" : "brought to the disk", strerror(errno));
        new_file_discard(f);
        return false;
    }
    sync_folder(f->path);
    release(f);
    return true;
}

void new_file_discard(new_file *f)
{
    if (f->fd >= 0)
        unlink(f->part);
    release(f);
}
