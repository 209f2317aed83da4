/*
 * socket: bind and connect sockets, close-on-exec and IPv6 only where IPv6, and explain to an
 * operator why an address could not be bound.
 *
 * `type` is SOCK_DGRAM or SOCK_STREAM, with SOCK_NONBLOCK if wanted. Functions return a descriptor
 * that the caller closes, or -1 with errno.
 */
#ifndef LOCUM_BASE_SOCKET_H
#define LOCUM_BASE_SOCKET_H

#include "base/address.h"

/*
 * A socket bound to `address`. shared: other sockets of this user may bind it too, and the kernel
 * spreads datagrams over them (SO_REUSEPORT, socket(7)).
 */
int locum_socket_bind(const struct locum_address *address, int type, bool shared) LOCUM_MUST_CHECK;

/* A non-blocking TCP socket that listens. backlog: as listen(2) takes it. */
int locum_socket_listen(const struct locum_address *address, int backlog) LOCUM_MUST_CHECK;

/*
 * A non-blocking socket that is connected or connecting (EINPROGRESS is success): wait until it is
 * writable, then call locum_socket_error().
 */
int locum_socket_connect(const struct locum_address *address, int type) LOCUM_MUST_CHECK;

/* The same for the Unix stream socket `path`. ENAMETOOLONG: longer than 107 bytes. */
int locum_socket_connect_path(const char *path) LOCUM_MUST_CHECK;

/* The pending error of a socket (SO_ERROR, socket(7)): errno value; 0: none, it is connected. */
int locum_socket_error(int fd);

/* How many datagrams the kernel has dropped at this socket since it was opened, nearly always
 * because its queue was full (SO_MEMINFO). 0: none, or the kernel does not say. */
uint64_t locum_socket_dropped(int fd);

/*
 * Append why `address` could not be bound and what to do: "Address already in use: another program
 * uses this UDP port. Stop it (`ss -lunp sport = :53` names it) or change listen.dns".
 *
 * error   errno value of locum_socket_bind() or locum_socket_listen().
 * option  the configuration option that names address and port.
 */
void locum_socket_explain_bind(struct locum_text *text, int error,
                               const struct locum_address *address, int type, const char *option);

#endif
