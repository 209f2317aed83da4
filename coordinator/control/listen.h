/*
 * listen: open the control socket and the TCP socket of the API, and explain every failure to the
 * operator.
 */
#ifndef LOCUM_CONTROL_LISTEN_H
#define LOCUM_CONTROL_LISTEN_H

#include <sys/stat.h>

#include "base/address.h"

/* The group of the control socket, if there is such a group and this program may give it: its
 * members may use all commands, and read no secret. Otherwise it is the program's own. */
#define LOCUM_LISTEN_GROUP "locum-admin"

/*
 * Open the Unix socket `path`, mode 0660. A stale socket file, which no program listens on, is
 * replaced.
 *
 * ret_file  identity of the socket file, for locum_listen_unlink().
 * ret_why   on failure what is wrong and what to do.
 * Returns a descriptor (non-blocking, close-on-exec, listening) or LOCUM_ERR_IN_USE
 * (another coordinator answers on it), LOCUM_ERR_INVALID (a file that is not a socket),
 * LOCUM_ERR_DENIED, LOCUM_ERR_NOT_FOUND (no such directory), LOCUM_ERR_RANGE (path too long),
 * LOCUM_ERR_IO.
 */
int locum_listen_unix(const char *path, struct stat *ret_file,
                      struct locum_text *ret_why) LOCUM_MUST_CHECK;

/* Remove the socket file if it is still the one that locum_listen_unix() made. */
void locum_listen_unlink(const char *path, const struct stat *file);

/* The same for TCP; option: which one names the address. LOCUM_ERR_IN_USE, LOCUM_ERR_DENIED,
 * LOCUM_ERR_UNREACHABLE, LOCUM_ERR_IO. */
int locum_listen_tcp(const struct locum_address *address, const char *option,
                     struct locum_text *ret_why) LOCUM_MUST_CHECK;

#endif
