#include "base/socket.h"

#include <errno.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text_format.h"

/* Close without changing errno; -1. */
static int
close_failed(int fd)
{
    const int error = errno;
    (void)close(fd);
    errno = error;
    return -1;
}

static int
set_option(int fd, int level, int option)
{
    static const int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on));
}

int
locum_socket_bind(const struct locum_address *address, int type, bool shared)
{
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(address, &name);
    const bool stream = (type & SOCK_STREAM) != 0;
    const int fd = socket(name.ss_family, type | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    /* SO_REUSEADDR: after a restart, connections of the last run in TIME-WAIT do not matter. */
    if ((name.ss_family == AF_INET6 && set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY) != 0) ||
        (stream && set_option(fd, SOL_SOCKET, SO_REUSEADDR) != 0) ||
        (shared && set_option(fd, SOL_SOCKET, SO_REUSEPORT) != 0) ||
        bind(fd, (const struct sockaddr *)&name, length) != 0) {
        return close_failed(fd);
    }
    return fd;
}

int
locum_socket_listen(const struct locum_address *address, int backlog)
{
    const int fd = locum_socket_bind(address, SOCK_STREAM | SOCK_NONBLOCK, false);
    return fd >= 0 && listen(fd, backlog) != 0 ? close_failed(fd) : fd;
}

static int
begin_connect(const struct sockaddr *name, socklen_t length, int type)
{
    const int fd = socket(name->sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, name, length) != 0 && errno != EINPROGRESS && errno != EINTR) {
        return close_failed(fd);
    }
    return fd;
}

int
locum_socket_connect(const struct locum_address *address, int type)
{
    struct sockaddr_storage name;
    const socklen_t length = locum_address_to_sockaddr(address, &name);
    return begin_connect((const struct sockaddr *)&name, length, type);
}

int
locum_socket_connect_path(const char *path)
{
    struct sockaddr_un name = {.sun_family = AF_UNIX};
    if (locum_slice_copy(locum_slice_of(path), name.sun_path, sizeof(name.sun_path)) != 0) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return begin_connect((const struct sockaddr *)&name, sizeof(name), SOCK_STREAM);
}

int
locum_socket_error(int fd)
{
    int error = 0;
    socklen_t length = sizeof(error);
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0 ? error : errno;
}

uint64_t
locum_socket_dropped(int fd)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t length = sizeof(info);
    (void)getsockopt(fd, SOL_SOCKET, SO_MEMINFO, info, &length);
    return info[SK_MEMINFO_DROPS];
}

void
locum_socket_explain_bind(struct locum_text *text, int error, const struct locum_address *address,
                          int type, const char *option)
{
    const bool stream = (type & SOCK_STREAM) != 0;
    locum_text_format(text, "%s: ", strerror(error));
    switch (error) {
    case EADDRINUSE:
        locum_text_format(text,
                          "another program uses this %s port. Stop it (`ss -l%cnp sport = :%u` "
                          "names it) or change %s",
                          stream ? "TCP" : "UDP", stream ? 't' : 'u', address->port, option);
        break;
    case EADDRNOTAVAIL:
        locum_text_format(text,
                          "this host does not have the address (`ip address` lists those it has). "
                          "Behind NAT, set %s to the inner address",
                          option);
        break;
    case EACCES:
    case EPERM:
        locum_text_format(text,
                          "ports below 1024 need the capability CAP_NET_BIND_SERVICE. Start Locum "
                          "as a service, or change %s",
                          option);
        break;
    case EAFNOSUPPORT:
        locum_text_format(text,
                          "this host has no IPv6. Enable it (sysctl "
                          "net.ipv6.conf.all.disable_ipv6=0) or remove the address from %s",
                          option);
        break;
    case EBUSY: /* locum_sockets_open() */
        locum_text_add(text, "more than five starts in 10 s, so new sockets wait for some seconds. "
                             "See the log for why it starts so often");
        break;
    case EMFILE:
    case ENFILE: locum_text_add(text, "raise LimitNOFILE in the service"); break;
    default: locum_text_format(text, "check %s", option); break;
    }
}
