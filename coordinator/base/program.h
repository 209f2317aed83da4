/*
 * program: this program as it was started, its file and its arguments, and how to put the file that
 * is there now in place of the running process (execve(2)).
 */
#ifndef LOCUM_BASE_PROGRAM_H
#define LOCUM_BASE_PROGRAM_H

#include <limits.h>
#include <stddef.h>

#include "base/invariant.h"

enum { LOCUM_PROGRAM_ARGUMENTS_MAX = 32, LOCUM_PROGRAM_BYTES_MAX = 4096 };

struct locum_program {
    char path[PATH_MAX]; /* absolute */
    char bytes[LOCUM_PROGRAM_BYTES_MAX];
    char *arguments[LOCUM_PROGRAM_ARGUMENTS_MAX + 1]; /* into bytes; ends with NULL */
};

/*
 * Read /proc/self: at the start, because an upgrade replaces the file. The struct must not move.
 *
 * 0, LOCUM_ERR_IO (no /proc), LOCUM_ERR_RANGE (too many arguments, or too long).
 */
int locum_program_read(struct locum_program *self) LOCUM_MUST_CHECK;

/*
 * Replace this process by the program at self->path, with the same arguments. The process id stays.
 *
 * keep   descriptors that stay open, besides 0, 1 and 2; all others are closed by the kernel.
 * extra  "NAME=VALUE", ended by NULL: added to the environment.
 * Returns only if it fails: errno. Then every descriptor is open as before, close-on-exec.
 */
int locum_program_execute(const struct locum_program *self, const int *keep, size_t keep_count,
                          const char *const *extra) LOCUM_MUST_CHECK;

#endif
