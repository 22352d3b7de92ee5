/* `trit check -m`: the packed caches of a model. */
#ifndef TRIT_CHECK_CACHE_H
#define TRIT_CHECK_CACHE_H
#include <stdbool.h>

/* Compares every byte of the caches that a start would use (folder NULL: beside the model and in the user's folder) with their hashes, and those
   of the model. Prints what it saw; returns the exit status: 1 where one is not as it should be. */
int check_caches(const char *model, const char *folder, bool json);
#endif
