/* The file a command is still writing: removed when a signal ends the program. */
#ifndef TRIT_UNFINISHED_H
#define TRIT_UNFINISHED_H
#include <stdbool.h>

/* From now on SIGINT, SIGTERM and SIGHUP remove path and end the program; a file-size limit becomes an ordinary
   error. NULL: nothing to remove any more. */
void remove_when_interrupted(const char *path);

/* Whether both names are of one file: what is read must not be written over. NULL is no file. */
bool same_file(const char *a, const char *b);
#endif
