/*
 * listen: the control socket and the TCP socket of the API, opened with every check that an
 * operator would want to be told about.
 */
#ifndef LOCUM_CONTROL_LISTEN_H
#define LOCUM_CONTROL_LISTEN_H

#include <sys/stat.h>

#include "base/address.h"

/*
 * Open the Unix socket `path`, mode 0660. A socket file that nobody answers on is replaced.
 *
 * ret_file  identity of the socket file, for locum_listen_unlink().
 * ret_why   on failure what is wrong and what to do.
 * Returns a descriptor (non-blocking, close-on-exec, listening) or LOCUM_ERR_IN_USE
 * (another coordinator answers on it), LOCUM_ERR_INVALID (it is there and no socket),
 * LOCUM_ERR_DENIED, LOCUM_ERR_NOT_FOUND (no such folder), LOCUM_ERR_RANGE (path too long),
 * LOCUM_ERR_IO.
 */
int locum_listen_unix(const char *path, struct stat *ret_file,
                      struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* Remove the socket file if it is still the one that was made. */
void locum_listen_unlink(const char *path, const struct stat *file);

/* The same for TCP; LOCUM_ERR_IN_USE, LOCUM_ERR_DENIED, LOCUM_ERR_UNREACHABLE, LOCUM_ERR_IO. */
int locum_listen_tcp(const struct locum_address *address,
                     struct locum_text *ret_why) LOCUM_MUST_CHECK;

#endif
