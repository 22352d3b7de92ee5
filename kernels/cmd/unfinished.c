#include "unfinished.h"
#include <limits.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char unfinished[PATH_MAX]; /* a copy: the handler must not read memory that is being freed */
static volatile sig_atomic_t pending;

static void on_interrupt(int number)
{
    if (pending)
        unlink(unfinished);
    _exit(128 + number);
}

void remove_when_interrupted(const char *path)
{
    pending = 0;
    if (!path)
        return;
    snprintf(unfinished, sizeof unfinished, "%s", path);
    pending = 1;
    struct sigaction action = { .sa_handler = on_interrupt };
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
    signal(SIGXFSZ, SIG_IGN);
}

bool same_file(const char *a, const char *b)
{
    struct stat s, t;
    return a && b && !stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino;
}
