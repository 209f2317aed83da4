/*
 * file: read a small file whole, and replace one so that it survives a power cut.
 */
#ifndef LOCUM_BASE_FILE_H
#define LOCUM_BASE_FILE_H

#include <sys/types.h>

#include "base/text.h"

/*
 * Read a regular file whole. Never waits for a FIFO.
 *
 * buffer      of size_bytes; a NUL follows the file's bytes, so the file must be shorter.
 * ret_public  true if users other than owner and group may read it; may be NULL.
 * ret_why     on failure the reason, e.g. "No such file or directory", "larger than 4 KiB". May be
 *             NULL.
 * Returns 0, LOCUM_ERR_NOT_FOUND, LOCUM_ERR_DENIED, LOCUM_ERR_INVALID (not a regular file),
 * LOCUM_ERR_RANGE (too large), LOCUM_ERR_IO.
 */
int locum_file_read(const char *path, char *buffer, size_t size_bytes, size_t *ret_length,
                    bool *ret_public, struct locum_text *ret_why) LOCUM_MUST_CHECK;

/*
 * The same for a secret: a file to which other users have any access is LOCUM_ERR_DENIED. ret_why
 * says how to change the access. The caller clears the buffer.
 */
int locum_file_read_private(const char *path, char *buffer, size_t size_bytes, size_t *ret_length,
                            struct locum_text *ret_why) LOCUM_MUST_CHECK;

/*
 * Open a regular file for a library that wants its path. Never waits for a FIFO.
 *
 * ret_via  a path that leads to this file, whatever `path` is by then, while it is open.
 * ret_why  as above.
 * Returns the descriptor, which the caller closes, or an error as above.
 */
enum { LOCUM_FILE_VIA_MAX = 32 };
int locum_file_open(const char *path, char ret_via[LOCUM_FILE_VIA_MAX],
                    struct locum_text *ret_why) LOCUM_MUST_CHECK;

/*
 * Write a new file with exactly this mode and sync it to the disk (fsync(2)). An old file or link
 * of this name is removed first, never written to. On failure no file is left.
 *
 * Returns 0, or -1 with errno.
 */
int locum_file_write(const char *path, const char *bytes, size_t length,
                     mode_t mode) LOCUM_MUST_CHECK;

/* Is what is in the directory of `path` kept in memory (tmpfs, ramfs)? False if that is not known.
 */
bool locum_file_is_in_memory(const char *path);

/* Sync the directory that holds `path`, so that a rename in it survives a power cut. 0 or -1. */
int locum_file_sync_directory(const char *path);

/*
 * Replace `path` in one step: write `temp`, a path in the same directory, rename it and sync the
 * directory. A reader sees the old file or the new one.
 *
 * Returns 0, or -1 with errno.
 */
int locum_file_replace(const char *path, const char *temp, const char *bytes, size_t length,
                       mode_t mode) LOCUM_MUST_CHECK;

/* A file in memory alone, close-on-exec; the name is for people. A descriptor, or -1 with errno. */
int locum_file_memory(const char *name) LOCUM_MUST_CHECK;

#endif
