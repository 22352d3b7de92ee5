/* A file that takes its place whole or not at all: written as PATH.part, which one process at a time may write, and renamed. */
#ifndef TRIT_NEW_FILE_H
#define TRIT_NEW_FILE_H
#include "error.h"
#include <stddef.h>
#include <stdint.h>

typedef struct {
    char *path, *part;
    int fd; /* -1: none */
} new_file;

/* An empty part, read and written through `fd`. Where it fails there is nothing to discard. */
bool new_file_open(new_file *f, const char *path, trit_error *e);
bool new_file_write(const new_file *f, const void *bytes, size_t n, uint64_t at, trit_error *e);
/* Brings it to the disk and to its place; where that fails, the part is removed. Closed in either case. */
bool new_file_commit(new_file *f, trit_error *e);
/* Closes it and removes the part; nothing where it is not open. */
void new_file_discard(new_file *f);
/* So that a new name in the folder of `path`, too, outlives a loss of power. Not every file system can do that: failure is no error. */
void sync_folder(const char *path);
#endif
